"""Images as files that everybody reads: the Hugging Face form of Parquet, and class folders of PNG."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.data.image_decode import Unreadable, decode, guarded, look
from ganaug.data.image_source import split_of
from ganaug.errors import OutputError, SchemaError
from ganaug.files import filling
from ganaug.image_schema import ImageSchema
from ganaug.pixels import IMAGE, PATH, table_of, to_png

__all__ = ["export_folder", "file_names", "publish", "published_schema", "safe_name", "unpublish"]

_STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_MAX_NAME = 200  # bytes of a folder's name, below the limit of any common file system


# --------------------------------------------------------------------------------------------- Parquet
def published_schema(schema: ImageSchema) -> pa.Schema:
    """Return the Arrow schema of what `publish` makes: ``image`` as ``{"bytes", "path"}``, and the target as int64.

    Its metadata say in Hugging Face's words that these are an Image and a ClassLabel, and what the classes are called.
    """
    fields = [pa.field(IMAGE, _STRUCT)]
    features: dict[str, Any] = {IMAGE: {"_type": "Image"}}
    if schema.target is not None:
        fields.append(pa.field(schema.target, pa.int64()))
        features[schema.target] = {"names": _published_names(schema), "_type": "ClassLabel"}
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def publish(table: pa.Table, schema: ImageSchema, *, note: Mapping[str, Any] | None, first_row: int = 0) -> pa.Table:
    """Return a canonical table in the form of `published_schema`, ready for `ganaug.parquet.write_parquet`.

    Images are PNG; each holds, in a tEXt chunk named "ganaug", ``note`` and the row's number as JSON, ``first_row``
    being that of the first; None leaves it out, for real images. A label is its class's code, or, where the images came
    with a ClassLabel, the integer that they came with: rows of both can be put together.
    """
    schema.check(table)
    texts = [None if note is None else _text(note, first_row + i) for i in range(len(table))]
    encoded = [to_png(array, text=text) for array, text in zip(schema.pixels(table), texts, strict=True)]
    paths = table.column(PATH).to_pylist() if PATH in schema.id_columns else [None] * len(encoded)
    cells = pa.StructArray.from_arrays(
        [pa.array(encoded, pa.binary()), pa.array(paths, pa.string())], fields=list(_STRUCT)
    )
    arrays: list[pa.Array] = [cells]
    if schema.target is not None:
        arrays.append(pa.array(_published_codes(schema)[schema.label_codes(table)], pa.int64()))
    return pa.Table.from_arrays(arrays, schema=published_schema(schema))


def unpublish(table: pa.Table, schema: ImageSchema) -> pa.Table:
    """Undo `publish`.

    Raises
    ------
    SchemaError
        if an image cannot be decoded or is not of the schema's size, or a label is none of its classes.
    """
    shape = (schema.height, schema.width, schema.channels)
    pixels = np.empty((len(table), *shape), np.uint8)
    cells = table.column(IMAGE)
    with guarded():
        for row, cell in enumerate(cells):
            try:
                found = look(cell.as_py()["bytes"])
                if (found.height, found.width) != shape[:2]:
                    raise Unreadable(f"it has {found.height} x {found.width} pixels instead of {shape[0]} x {shape[1]}")
                pixels[row] = decode(cell.as_py()["bytes"], height=shape[0], width=shape[1], channels=shape[2])
            except Unreadable as error:
                raise SchemaError(f"the image of row {row} is none of these: {error}; write the file again") from error
    codes = None
    if schema.target is not None:
        labels = table.column(schema.target).to_numpy()
        known = _published_codes(schema)
        codes = np.clip(np.searchsorted(known, labels), 0, len(known) - 1)
        if (known[codes] != labels).any():
            unknown = sorted(set(labels[known[codes] != labels].tolist()))
            raise SchemaError(f"{schema.target!r} holds labels that are not among {known.tolist()}: {unknown}")
    paths = cells.combine_chunks().field("path").to_pylist() if PATH in schema.id_columns else None
    return table_of(pixels, codes, schema, paths=paths)


def _text(note: Mapping[str, Any], row: int) -> str:
    return json.dumps({**note, "row": row}, sort_keys=True)


def _published_names(schema: ImageSchema) -> list[str]:
    return schema.form.get("class_label") or schema.class_names()


def _published_codes(schema: ImageSchema) -> np.ndarray:
    """Return the integer of every class, in order."""
    if schema.form.get("class_label") is None or schema.classes is None:
        return np.arange(schema.n_classes)
    return schema.classes.to_numpy(zero_copy_only=False).astype(np.int64)


# --------------------------------------------------------------------------------------------- folders
def export_folder(
    tables: pa.Table | Iterable[pa.Table],
    schema: ImageSchema,
    path: str | os.PathLike[str],
    *,
    note: Mapping[str, Any] | None = None,
    first_row: int = 0,
    names: Sequence[str] | None = None,
) -> dict[str, int]:
    """Write canonical tables as PNG files, ``path/<class>/<row>.png``, or ``path/<row>.png`` without a target.

    ``names`` are those of all files, without the ending, in place of their numbers; see `file_names`. A class without
    images gets no folder: readers would complain that it is empty. Characters that a folder's name
    cannot have are written ``%2F``. Where a class is called like a split, such as "test", all class folders lie in
    ``path/train``, as readers would take them for splits. With ``note``, each file tells it like those of
    `publish`. Everything is written beside ``path`` and renamed at the end, so that a reader sees all of it or
    nothing. Returns how many files each class has.

    Raises
    ------
    OutputError
        ``path`` exists and is not empty, or cannot be written to. Nothing is left behind.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise OutputError(f"{path} exists and is not empty; choose a new folder")
    folders = _folders(schema)
    counts = dict.fromkeys(schema.class_names(), 0)
    row = itertools.count(first_row)
    try:
        with filling(path) as scratch:
            for table in [tables] if isinstance(tables, pa.Table) else tables:
                for array, code in zip(schema.pixels(table), schema.label_codes(table), strict=True):
                    number = next(row)
                    text = None if note is None else _text(note, number)
                    folder = scratch / folders[code]
                    folder.mkdir(parents=True, exist_ok=True)
                    name = f"{number:08d}" if names is None else names[number - first_row]
                    (folder / f"{name}.png").write_bytes(to_png(array, text=text))
                    counts[schema.class_names()[code]] += 1
    except OSError as error:
        raise OutputError(f"the images cannot be written to {path}: {error}; nothing was left there") from error
    return counts


def file_names(table: pa.Table, schema: ImageSchema) -> list[str] | None:
    """Return what the files were called that the images of a canonical table came from, without the endings.

    None where an image came from no file, or two of one class would be called the same.
    """
    found = table.column(PATH).to_pylist() if PATH in schema.id_columns else []
    names = [safe_name(PurePosixPath(path).stem) for path in found if path is not None]
    if len(names) < len(table):
        return None
    codes = schema.label_codes(table).tolist()
    apart = {(code, name.lower()) for code, name in zip(codes, names, strict=True)}
    return names if len(apart) == len(names) else None


def _folders(schema: ImageSchema) -> list[str]:
    """Return the folder of every class, relative to the whole."""
    if schema.target is None:
        return ["."]
    names = [safe_name(name) for name in schema.class_names()]
    above = "train/" if any(split_of(name) is not None for name in names) else ""
    clash = len({name.lower() for name in names}) < len(names)  # on a file system that takes "a" and "A" for one
    return [f"{above}{name}{f'%{code}' if clash else ''}" for code, name in enumerate(names)]


def safe_name(name: str) -> str:
    """Return a name that any file system takes, and no reader for that of a hidden folder or the parent."""
    safe = re.sub(r'[\x00-\x1f<>:"/\\|?*%]', lambda found: f"%{ord(found[0]):02X}", name)
    safe = re.sub(r"^[. ]|[. ]$", lambda found: f"%{ord(found[0]):02X}", safe)
    return safe.encode()[:_MAX_NAME].decode(errors="ignore") or "%"
