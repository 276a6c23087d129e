"""A benchmark's output folder: a Parquet file a finished table, or a finished part of one, so that a call that was
broken off can go on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from tests.benchmarks.summary import Results

__all__ = ["ABOUT", "collect", "finished", "gather", "keep", "read"]

ABOUT = b"ganaug.benchmark"


def keep(
    records: pd.DataFrame, about: Mapping[str, Any], out: Path, name: str, settings: Any, *, table: str | None = None
) -> None:
    """Write the file of a finished table: its ``records``, what there is to say about them, and the ``settings``.

    Args:
        records: of this table; a column that names it is put in front.
        about: goes to JSON.
        out: the folder.
        name: of the table, or of the part of it that was measured.
        settings: a dataclass; those of a finished table must be the same for it to be taken over.
        table: the table's name, where it is not ``name``.
    """
    whole = pa.Table.from_pandas(
        records.assign(table=name if table is None else table)[["table", *records.columns]], preserve_index=False
    )
    said = json.dumps({**about, "settings": asdict(settings)})
    _write(whole.replace_schema_metadata({ABOUT: said}), _file(out, name))


def finished(out: Path, name: str, settings: Any) -> dict[str, Any] | None:
    """Return what a finished table's file says about it, or None where there is none.

    Raises:
        typer.BadParameter: it was measured with other settings.
    """
    path = _file(out, name)
    if not path.exists():
        return None
    about = json.loads(pq.read_schema(path).metadata[ABOUT])
    now = json.loads(json.dumps(asdict(settings)))
    if about["settings"] != now:
        raise typer.BadParameter(
            f"{path} was measured with other settings ({_differing(about['settings'], now)}); "
            "choose another --out folder"
        )
    return about


def collect(names: Iterable[str], settings: Any, out: Path, whole: str) -> Results | None:
    """Read all finished tables and write them to the one file ``whole``; None where there is none."""
    found = {name: finished(out, name, settings) for name in names}
    about = {name: one for name, one in found.items() if one is not None}
    if not about:
        return None
    table = pa.concat_tables([read(out, name) for name in about])
    _write(table, out / whole)
    labels = {arm: label for one in about.values() for arm, label in one["labels"].items()}
    return Results(records=table.to_pandas(), about=about, labels=labels)


def gather(parts: Mapping[str, Sequence[str]], settings: Any, out: Path, whole: str) -> Results | None:
    """Read the tables of which all ``parts`` (table -> their names) are finished, and write them to one file.

    An arm that could not run on one part of a table is left out of all of it. None where no table is finished.
    """
    about, frames, labels = {}, [], {}
    for table, names in parts.items():
        found = [finished(out, name, settings) for name in names]
        done = [one for one in found if one is not None]
        if len(done) < len(names):
            continue
        about[table] = _merged(done)
        labels |= about[table]["labels"]
        records = pa.concat_tables([read(out, name) for name in names]).to_pandas()
        frames.append(records[~records["arm"].isin(list(about[table]["left_out"]))])
    if not about:
        return None
    records = pd.concat(frames, ignore_index=True)
    said = json.dumps({"about": about, "labels": labels})
    _write(pa.Table.from_pandas(records, preserve_index=False).replace_schema_metadata({ABOUT: said}), out / whole)
    return Results(records=records, about=about, labels=labels)


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what there is to say about a table whose parts were measured one by one."""
    seconds: dict[str, float] = {}
    for part in parts:
        for arm, spent in part["seconds"].items():
            seconds[arm] = seconds.get(arm, 0.0) + spent
    return {
        **parts[0],
        "seconds": seconds,
        "left_out": {arm: why for part in reversed(parts) for arm, why in part["left_out"].items()},
        "choices": [choice for part in parts for choice in part["choices"]],
        "notes": list(dict.fromkeys(note for part in parts for note in part["notes"])),
        "test_to_train": float(np.nanmean([part["test_to_train"] for part in parts])),
        "total": sum(part["total"] for part in parts),
    }


def read(out: Path, name: str) -> pa.Table:
    """Read the records of a finished table, or part."""
    return pq.read_table(_file(out, name)).replace_schema_metadata(None)


def _file(out: Path, name: str) -> Path:
    return out / "tables" / f"{name}.parquet"


def _write(table: pa.Table, path: Path) -> None:
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    pq.write_table(table, partial)
    os.replace(partial, path)


def _differing(before: dict[str, Any], now: dict[str, Any]) -> str:
    changed = [key for key, value in now.items() if before.get(key) != value]
    return ", ".join(key if key == "augmenters" else f"{key}: {before.get(key)!r}, now {now[key]!r}" for key in changed)
