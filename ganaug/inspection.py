"""What a path holds, in plain values: a table, a saved generator, a run, or rows that were written here."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ganaug.arrays import pc, plain
from ganaug.data import TableData, fingerprint
from ganaug.data.read import read
from ganaug.errors import ArtefactError, DataWarning
from ganaug.image_options import ImageOptions
from ganaug.image_schema import ImageSchema
from ganaug.parquet import DATA, MANIFEST, read_manifest
from ganaug.runs import read_record
from ganaug.synthesizer import Synthesizer

__all__ = ["describe"]


def describe(
    path: str | os.PathLike[str],
    *,
    target: Any = None,
    id_columns: Sequence[str] | None = None,
    images: ImageOptions | None = None,
    task: str = "classification",
) -> dict[str, Any]:
    """Describe what ``path`` holds, in plain JSON values; ``"what"`` says which of these it is.

    ``"run"``: a folder of `ganaug.augment`. ``"generator"``: a saved `Synthesizer`. ``"set of synthetic rows"``: what
    `ganaug.write_parquet` wrote. ``"set of images"`` and ``"table"``: everything else that can be read as one, with
    ``"provenance"`` where it is one of the files that `ganaug.write_parquet` wrote; ``images`` says how to read images.

    Raises
    ------
    DataError, ArtefactError, OutputError
        There is nothing that can be read.
    """
    folder = Path(path) if "://" not in os.fspath(path) else None
    if folder is not None and (folder / "run.json").is_file():
        return {"what": "run", **_run(folder)}
    if folder is not None and (folder / "synthesizer.json").is_file():
        return {"what": "generator", **_generator(Synthesizer.load(folder))}
    for place in () if folder is None else (folder, folder.parent):
        if (place / MANIFEST).is_file() and (place / DATA).is_dir():
            return {"what": "set of synthetic rows", **_written(place)}
    provenance = None if folder is None else _provenance(folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        reading = {} if images is None else images.reading()
        rows = read(os.fspath(path), target=target, id_columns=id_columns, task=task, **reading)
    told = [str(warning.message) for warning in caught if issubclass(warning.category, DataWarning)]
    if isinstance(rows.schema, ImageSchema):
        return {"what": "set of images", **_images(rows, rows.schema), "provenance": provenance, "warnings": told}
    return {"what": "table", **_table(rows), "provenance": provenance, "warnings": told}


def _run(folder: Path) -> dict[str, Any]:
    record = read_record(folder)
    found = {
        "state": record["state"],
        "seed": record["seed"],
        "versions": record["versions"],
        "asked": record["request"],
    }
    if (folder / "effect.json").is_file():
        effect = json.loads((folder / "effect.json").read_text("utf-8"))
        found |= {"verdict": effect and effect["verdict"], "sentence": effect and effect["sentence"]}
    if (folder / "synthetic" / MANIFEST).is_file():
        found["synthetic_rows"] = read_manifest(folder / "synthetic").rows
    return found


def _written(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    return {
        "rows": manifest.rows,
        "files": [entry["name"] for entry in manifest.files],
        "bytes": sum(entry["bytes"] for entry in manifest.files),
        "provenance": manifest.provenance,
    }


def _generator(synthesizer: Synthesizer) -> dict[str, Any]:
    schema = synthesizer.schema
    counts = synthesizer.class_counts.tolist()
    return {
        "provenance": synthesizer.provenance,
        **(_size(schema) if isinstance(schema, ImageSchema) else {}),
        "columns": [{"name": c.name, "kind": c.kind, "type": str(c.type)} for c in schema.columns],
        "target": schema.target,
        "classes": dict(zip(schema.class_names(), counts, strict=True)),
    }


def _images(rows: TableData, schema: ImageSchema) -> dict[str, Any]:
    counts = np.bincount(schema.label_codes(rows.table), minlength=schema.n_classes).tolist()
    return {
        "images": len(rows.table),
        **_size(schema),
        "target": schema.target,
        "classes": dict(zip(schema.class_names(), counts, strict=True)),
        "fingerprint": fingerprint(rows.table),
    }


def _size(schema: ImageSchema) -> dict[str, int]:
    return {"height": schema.height, "width": schema.width, "channels": schema.channels}


def _table(rows: TableData) -> dict[str, Any]:
    table, schema = rows.table, rows.schema
    kinds = {c.name: c.kind for c in schema.columns}
    columns = [
        {
            "name": name,
            "kind": kinds.get(name, "target"),
            "type": str(column.type),
            "missing": column.null_count,
            "different": len(plain(column.combine_chunks()).unique().drop_null()),
            "range": _range(plain(column.combine_chunks())),
        }
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    counts = np.bincount(schema.label_codes(table), minlength=schema.n_classes).tolist()
    return {
        "rows": len(table),
        "columns": columns,
        "target": schema.target,
        "classes": None if schema.target is None else dict(zip(schema.class_names(), counts, strict=True)),
        "fingerprint": fingerprint(table),
    }


def _range(array: pa.Array) -> str:
    """Return ``"low to high"`` of what has an order, the first few values of what has none."""
    if array.null_count == len(array):
        return ""
    if pa.types.is_boolean(array.type) or not pa.types.is_primitive(array.type):
        values = array.drop_null().unique()
        return ", ".join(str(value) for value in values[:4].to_pylist()) + (", ..." if len(values) > 4 else "")
    ends = pc.min_max(array).as_py()
    return f"{_short(ends['min'])} to {_short(ends['max'])}"


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _provenance(path: Path) -> dict[str, Any] | None:
    """Return what `write_parquet` noted in the rows' own metadata."""
    file = next(iter(sorted(path.rglob("*.parquet"))), None) if path.is_dir() else path
    if file is None or not file.is_file() or file.suffix != ".parquet":
        return None
    try:
        noted = (pq.read_schema(file).metadata or {}).get(b"ganaug")
        return None if noted is None else json.loads(noted)
    except (pa.ArrowInvalid, ValueError) as error:
        raise ArtefactError(f"{str(file)!r} cannot be read as Parquet ({error}); write it again") from error
