"""A benchmark's output folder: a Parquet file a finished table, so that a call that was broken off can go on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import typer

from tests.benchmarks.summary import Results

__all__ = ["collect", "finished", "keep"]

ABOUT = b"ganaug.benchmark"


def keep(records: pd.DataFrame, about: Mapping[str, Any], out: Path, name: str, settings: Any) -> None:
    """Write the file of a finished table: its ``records``, what there is to say about them, and the ``settings``.

    Args:
        records: of this table; a column that names it is put in front.
        about: goes to JSON.
        out: the folder.
        name: of the table.
        settings: a dataclass; those of a finished table must be the same for it to be taken over.
    """
    table = pa.Table.from_pandas(records.assign(table=name)[["table", *records.columns]], preserve_index=False)
    said = json.dumps({**about, "settings": asdict(settings)})
    _write(table.replace_schema_metadata({ABOUT: said}), _file(out, name))


def finished(out: Path, name: str, settings: Any) -> dict[str, Any] | None:
    """Return what a finished table's file says about it, or None where there is none.

    Raises:
        typer.BadParameter: it was measured with other settings.
    """
    path = _file(out, name)
    if not path.exists():
        return None
    about = json.loads(pq.read_schema(path).metadata[ABOUT])
    if about["settings"] != asdict(settings):
        raise typer.BadParameter(
            f"{path} was measured with other settings ({_differing(about['settings'], asdict(settings))}); "
            "choose another --out folder"
        )
    return about


def collect(names: Iterable[str], settings: Any, out: Path, whole: str) -> Results | None:
    """Read all finished tables and write them to the one file ``whole``; None where there is none."""
    found = {name: finished(out, name, settings) for name in names}
    about = {name: one for name, one in found.items() if one is not None}
    if not about:
        return None
    table = pa.concat_tables([pq.read_table(_file(out, name)).replace_schema_metadata(None) for name in about])
    _write(table, out / whole)
    labels = {arm: label for one in about.values() for arm, label in one["labels"].items()}
    return Results(records=table.to_pandas(), about=about, labels=labels)


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
