"""Images in a column: of a DataFrame, of an Arrow table, of what was read from files."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, cast

import fsspec
import pandas as pd
import pyarrow as pa
from PIL import Image

from ganaug import containers
from ganaug.data.image_decode import Cell, Unreadable
from ganaug.data.image_find import Features, ImageColumn, candidates, features_of, only, target_of
from ganaug.data.image_source import Labels, Source
from ganaug.frames import names_of
from ganaug.image_containers import arrow_form, frame_form
from ganaug.storage import outage_errors

__all__ = ["cell_of", "column_source", "labels_of", "path_of", "place_of", "struct_paths"]


def column_source(data: pd.DataFrame | pa.Table, *, target: Hashable) -> Source:
    """Take images and labels out of a DataFrame or an Arrow table; paths are relative to the working directory."""
    return _frame_source(data, target) if isinstance(data, pd.DataFrame) else _arrow_source(data, target)


def _frame_source(frame: pd.DataFrame, target: Hashable) -> Source:
    names, where = names_of(frame.columns), "the DataFrame"
    image = only(candidates(frame), names, where)
    name = target_of(target, list(frame.columns), names, image.name, {}, where)
    at = names.index(image.name)
    values = frame.iloc[:, at].to_numpy(dtype=object)
    labels = form = None
    if name is not None:
        labels, form = labels_of(containers.from_frame(frame.iloc[:, [names.index(name)]]), {})
    cell = "struct" if image.kind == "path" else image.kind
    return Source(
        where=where,
        cells=lambda: (cell_of(value) for value in values),
        count=len(frame),
        paths=None if image.kind == "image" else [path_of(value) for value in values],
        labels=labels,
        container="pandas",
        form=frame_form(frame.columns[at], cell=cell, at=place_of(names, image, name), labels=form),
    )


def _arrow_source(table: pa.Table, target: Hashable) -> Source:
    names, where, features = names_of(table.column_names), "the Arrow table", features_of(table.schema)
    image = only(candidates(table), names, where)
    name = target_of(target, names, names, image.name, features, where)
    values, labels, form = table.column(image.name), None, None
    if name is not None:
        labels, form = labels_of(containers.from_arrow(table.select([name])), features)
    field = table.schema.field(image.name)
    if image.kind == "path":
        field = pa.field(image.name, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    kept: Any = {n: f for n, f in features.items() if n in (image.name, name)}
    metadata = {"huggingface": json.dumps({"info": {"features": kept}})} if kept else None
    return Source(
        where=where,
        cells=lambda: (cell_of(value.as_py()) for value in values),
        count=len(table),
        paths=[path_of(value.as_py()) for value in values] if image.kind == "path" else struct_paths(values),
        labels=labels,
        container="arrow",
        form=arrow_form(field, at=place_of(names, image, name), labels=form, metadata=metadata),
    )


def place_of(names: Sequence[str], image: ImageColumn, target: str | None) -> int:
    """Return the place of the images among the two columns that are used."""
    return int(target is not None and names.index(target) < names.index(image.name))


def labels_of(unpacked: containers.Unpacked, features: Features) -> tuple[Labels, dict[str, Any]]:
    """Return the labels of a table of one column, and the form of that table."""
    table, form, _ = unpacked
    name, column = table.column_names[0], table.column(0)
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    feature = features.get(name, {})
    named = feature.get("names") if feature.get("_type") == "ClassLabel" and pa.types.is_integer(values.type) else None
    return Labels(name=name, values=values, class_label=None if named is None else list(map(str, named))), form


def cell_of(value: Any, resolve: Callable[[str], Cell] | None = None) -> Cell:
    """Return the image that a value of a column holds or leads to; ``resolve`` finds what a path leads to."""
    resolve = _local if resolve is None else resolve
    if isinstance(value, dict):
        value = value.get("bytes") if value.get("bytes") is not None else value.get("path")
    if isinstance(value, bytes | Image.Image):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str | os.PathLike):
        return resolve(os.fspath(value))
    if value is None or value is pd.NA or isinstance(value, float):
        return None
    return functools.partial(_refuse, value)


def path_of(value: Any) -> str | None:
    """Return the path that a value of a column names."""
    value = value.get("path") if isinstance(value, dict) else value
    return os.fspath(value) if isinstance(value, str | os.PathLike) else None


def struct_paths(column: pa.ChunkedArray) -> list[str | None] | None:
    """Return the paths that a column of ``{"bytes", "path"}`` names; None for another column."""
    if not pa.types.is_struct(column.type) or column.type.get_field_index("path") < 0:
        return None
    at = column.type.get_field_index("path")
    return [path for chunk in column.chunks for path in chunk.flatten()[at].cast(pa.string()).to_pylist()]


def _local(path: str) -> Cell:
    return functools.partial(_fetch, path) if "://" in path else Path(path).expanduser()


def _fetch(url: str) -> bytes:
    with outage_errors(url), cast(Any, fsspec.open(url, "rb")) as file:
        return file.read()


def _refuse(value: Any) -> bytes:
    raise Unreadable(f"it is of type {type(value).__module__}.{type(value).__name__}")
