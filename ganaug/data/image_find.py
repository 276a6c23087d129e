"""Which column of a table holds images, and which one labels."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
from PIL import Image

from ganaug.arrays import value_type
from ganaug.data.image_decode import EXTENSIONS, is_encoded
from ganaug.data.image_source import warn
from ganaug.data.validate import resolve_name
from ganaug.errors import DataError

__all__ = ["Features", "ImageColumn", "candidates", "candidates_of", "features_of", "has_images", "only", "target_of"]

_PEEK = 20  # values of a column that must look like paths to images

Features = Mapping[str, Mapping[str, Any]]
"""What Hugging Face's metadata say of columns."""


@dataclass(frozen=True, kw_only=True)
class ImageColumn:
    """Where the images are."""

    name: str
    kind: Literal["struct", "bytes", "path", "image"]


def has_images(data: pd.DataFrame | pa.Table) -> bool:
    """Return whether one of the columns holds images, or paths to them."""
    found = candidates(data)
    if not found or found[0].kind != "path":
        return bool(found)
    names = [str(label) for label in data.columns] if isinstance(data, pd.DataFrame) else data.column_names
    return len(names) <= 2 or any(Path(p).exists() for p in _first(data, names.index(found[0].name)))


def candidates(data: pd.DataFrame | pa.Table) -> list[ImageColumn]:
    """Return the columns of a table that hold images, or if there are none, those that hold paths to images."""
    if isinstance(data, pd.DataFrame):
        return _frame_candidates(data)
    return candidates_of(data.schema, lambda name: _first(data, data.column_names.index(name)))


def _frame_candidates(data: pd.DataFrame) -> list[ImageColumn]:
    sure, maybe = [], []
    for i, (label, dtype) in enumerate(zip(list(data.columns), data.dtypes, strict=True)):
        if dtype.kind != "O" and not isinstance(dtype, pd.StringDtype | pd.ArrowDtype):
            continue
        first = _first(data, i)
        if not first:
            continue
        if isinstance(first[0], Image.Image):
            sure.append(ImageColumn(name=str(label), kind="image"))
        elif isinstance(first[0], dict) and "bytes" in first[0]:
            sure.append(ImageColumn(name=str(label), kind="struct"))
        elif is_encoded(first[0]):
            sure.append(ImageColumn(name=str(label), kind="bytes"))
        elif _are_paths(first):
            maybe.append(ImageColumn(name=str(label), kind="path"))
    return sure or maybe


def candidates_of(schema: pa.Schema, first: Callable[[str], list[Any]]) -> list[ImageColumn]:
    """Return what `candidates` does of an Arrow schema; ``first`` gives the first values of a column."""
    features = features_of(schema)
    sure, maybe = [], []
    for field in schema:
        type_ = value_type(field.type)
        if pa.types.is_struct(type_) and type_.get_field_index("bytes") >= 0:
            sure.append(ImageColumn(name=field.name, kind="struct"))
        elif _is_binary(type_):
            declared = features.get(field.name, {}).get("_type") == "Image"
            if declared or any(map(is_encoded, first(field.name)[:1])):
                sure.append(ImageColumn(name=field.name, kind="bytes"))
        elif _is_text(type_) and _are_paths(first(field.name)):
            maybe.append(ImageColumn(name=field.name, kind="path"))
    return sure or maybe


def only(found: list[ImageColumn], names: Sequence[str], where: str) -> ImageColumn:
    """Return the one column of images.

    Raises
    ------
    DataError
        if there are none, or several.
    """
    if not found:
        raise DataError(
            f"{where} has no column of images among {list(names)[:20]}: none holds encoded images, PIL images, "
            '{"bytes", "path"}, or paths that end like .png'
        )
    if len(found) > 1:
        raise DataError(f"{where} has several columns of images, {[c.name for c in found]}; drop all but one")
    return found[0]


def target_of(
    target: Hashable, labels: Sequence[Any], names: Sequence[str], image: str, features: Features, where: str
) -> str | None:
    """Return the name of the target column, and warn about the columns that are neither it nor the images."""
    if target is not None:
        name = resolve_name(target, labels, names, what="the target")
        if name == image:
            raise DataError(f"the target {target!r} is the column of images; name the column of labels")
    else:
        declared = [n for n in names if features.get(n, {}).get("_type") == "ClassLabel"]
        name = declared[0] if len(declared) == 1 else "label" if "label" in names and image != "label" else None
    rest = [n for n in names if n not in (image, name)]
    if rest:
        hint = "" if name is not None else "; pass target= if one of them is the label"
        warn(f"the columns {rest} of {where} are not used, and synthetic rows do not have them{hint}")
    return name


def features_of(schema: pa.Schema) -> Features:
    """Return what Hugging Face's metadata say of the columns, or nothing."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: f for name, f in features.items() if isinstance(f, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _first(data: pd.DataFrame | pa.Table, at: int) -> list[Any]:
    """Return the first values of a column that are there."""
    if isinstance(data, pd.DataFrame):
        return data.iloc[: 50 * _PEEK, at].dropna().iloc[:_PEEK].tolist()
    return data.column(at).slice(0, 50 * _PEEK).drop_null().slice(0, _PEEK).to_pylist()


def _are_paths(values: list[Any]) -> bool:
    texts = [os.fspath(v) for v in values if isinstance(v, str | os.PathLike)]
    return 0 < len(texts) == len(values) and all(os.path.splitext(t)[1].lower() in EXTENSIONS for t in texts)


def _is_binary(type_: pa.DataType) -> bool:
    t = pa.types
    return t.is_binary(type_) or t.is_large_binary(type_) or t.is_binary_view(type_)


def _is_text(type_: pa.DataType) -> bool:
    t = pa.types
    return t.is_string(type_) or t.is_large_string(type_) or t.is_string_view(type_)
