"""What users hold images in - arrays, tensors, columns of a DataFrame or Arrow table - told apart, and put back.

The form of a container is plain JSON and says nothing about single rows:

- ``{"kind": "xy", "x": ..., "y": ...}`` for arrays (`ArrayImages`), ``y`` as `ganaug.containers` describes labels;
- ``{"kind": "columns", "image": ..., "at": ..., "labels": ...}`` for everything else: how a cell of the image column
  looks, its place among the columns, and the label column as `ganaug.containers` describes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ganaug import containers
from ganaug.arrays import schema_from_json, schema_to_json
from ganaug.errors import DataError
from ganaug.frames import labels_to_json, to_index
from ganaug.pixels import PATH, to_image, to_png

__all__ = ["ArrayImages", "array_images", "arrow_form", "frame_form", "is_array", "looks_dim", "restore", "xy_form"]

_CHANNELS = (1, 3, 4)
_BLOCK = 1024  # images that are looked at or converted at a time
_DIM = 32  # levels of 0..255 whose brightest is below this are probably on another scale


# ------------------------------------------------------------------------------------------------ in
@dataclass(frozen=True, kw_only=True)
class ArrayImages:
    """Images in an array, as they came."""

    array: np.ndarray
    form: dict[str, Any]
    """Layout ("nhw", "nhwc", "nchw"), dtype, library ("numpy", "torch") and range ("levels", "unit", "symmetric",
    "binary")."""
    shape: tuple[int, int, int]
    """(h, w, c)"""

    def __len__(self) -> int:
        return len(self.array)

    def levels(self, start: int, stop: int) -> np.ndarray:
        """Return some of the images as uint8 ``(b, h, w, c)``."""
        part = self.array[start:stop]
        if self.form["layout"] == "nchw":
            part = part.transpose(0, 2, 3, 1)
        part = part.reshape(len(part), *self.shape)
        kind = self.form["range"]
        if part.dtype == np.uint8:
            return part
        if kind == "binary":
            return part.astype(np.uint8) * np.uint8(255)
        wide = part.astype(np.float64)
        scaled = wide * 255 if kind == "unit" else (wide + 1) * 127.5 if kind == "symmetric" else wide
        return np.floor(scaled + 0.5).astype(np.uint8)


def is_array(X: Any) -> bool:
    """Return whether ``X`` is an array or tensor with the dimensions of images."""
    return (isinstance(X, np.ndarray) or _is_tensor(X)) and X.ndim in (3, 4)


def array_images(X: Any, *, size: tuple[int, int] | None = None) -> ArrayImages:
    """Tell what an array of images holds: where its channels are, and what its numbers mean.

    ``(n, h, w)`` is gray; of four dimensions, the last or the second is that of the channels: the one that is 1, 3
    or 4. uint8 and other integers are levels from 0 to 255, booleans black and white. Floats are told by their
    extremes over all images: none below 0 and none above 1, from 0 to 1; some below 0 and all within [-1, 1], from
    -1 to 1; else levels from 0 to 255. Where both dimensions could be that of the channels, as of images of 4 x 4
    pixels, the ``size`` that is expected decides.

    Raises
    ------
    DataError
        for other dimensions, NaN and infinities (counted), and numbers beyond these ranges.
    """
    tensor = _is_tensor(X)
    dtype = str(X.dtype).removeprefix("torch.")
    array = _numpy_of(X) if tensor else np.asarray(X)
    layout, shape = _layout(array, size)
    form = {"layout": layout, "dtype": dtype, "library": "torch" if tensor else "numpy"}
    return ArrayImages(array=array, form=form | {"range": _range(array)}, shape=shape)


def _is_tensor(X: Any) -> bool:
    return type(X).__module__ == "torch" and hasattr(X, "detach")  # torch itself need not be imported to know


def _numpy_of(tensor: Any) -> np.ndarray:
    held = tensor.detach().cpu()
    return held.float().numpy() if str(held.dtype) == "torch.bfloat16" else held.numpy()


def _layout(array: np.ndarray, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, int]]:
    if array.ndim == 3:
        return "nhw", (array.shape[1], array.shape[2], 1)
    if array.ndim == 4:
        last, second = array.shape[3] in _CHANNELS, array.shape[1] in _CHANNELS
        if last and second and size is not None:
            last, second = array.shape[1:3] == size, array.shape[1:3] != size and array.shape[2:4] == size
        if last and not second:
            return "nhwc", (array.shape[1], array.shape[2], array.shape[3])
        if second and not last:
            return "nchw", (array.shape[2], array.shape[3], array.shape[1])
    raise DataError(
        "images must be (n, h, w), (n, h, w, c) or (n, c, h, w) with c one of 1 (gray), 3 (RGB) and 4 (RGBA) and at "
        f"least 8 pixels a side, however: X.shape={array.shape}"
    )


def _range(array: np.ndarray) -> str:
    kind = array.dtype.kind
    if kind == "b":
        return "binary"
    if array.dtype == np.uint8 or not array.size:
        return "levels"
    if kind not in "iuf":
        raise DataError(f"pixels must be numbers, however: X.dtype={array.dtype}")
    low, high = _extremes(array)
    if kind == "f" and low >= 0 and high <= 1:
        return "unit"
    if kind == "f" and low >= -1 and high <= 1:
        return "symmetric"
    if low >= 0 and high <= 255:
        return "levels"
    floats = ", or floats from 0 to 1 or from -1 to 1" if kind == "f" else ""
    raise DataError(
        f"pixels must be levels from 0 to 255{floats}, however X ({array.dtype}) goes from "
        f"{low:g} to {high:g}; scale it"
    )


def _extremes(array: np.ndarray) -> tuple[float, float]:
    lows, highs, broken = [], [], []
    for start in range(0, len(array), _BLOCK):
        part = array[start : start + _BLOCK].reshape(-1, int(np.prod(array.shape[1:])))
        if array.dtype.kind == "f":
            broken.extend(start + np.flatnonzero(~np.isfinite(part).all(axis=1)))
        lows.append(part.min())
        highs.append(part.max())
    if broken:
        rows = ", ".join(map(str, broken[:5])) + (", ..." if len(broken) > 5 else "")
        raise DataError(
            f"pixels must be finite, however {len(broken)} of {len(array)} images hold NaN or infinities (rows {rows})"
            "; leave these images out or repair them"
        )
    return float(min(lows)), float(max(highs))


def looks_dim(images: ArrayImages) -> float | None:
    """Return the brightest level of floats that were told to be levels, if it is suspiciously low."""
    if images.form["range"] != "levels" or images.array.dtype.kind != "f" or not images.array.size:
        return None
    brightest = float(images.array.max())
    return brightest if brightest < _DIM else None


def xy_form(x: dict[str, Any], y: Any, n: int) -> tuple[dict[str, Any], str | None, pa.Array | None]:
    """Return the form of ``(X, y)``, the name of the labels (None without ``y``) and their values."""
    if y is None:
        return {"kind": "xy", "x": x, "y": None}, None, None
    tensor = _is_tensor(y)
    name, values, form = containers.from_labels(_numpy_of(y) if tensor else y, n, name="label")
    return {"kind": "xy", "x": x, "y": form | ({"torch": True} if tensor else {})}, name, values


def frame_form(label: Any, *, cell: str, at: int, labels: dict[str, Any] | None) -> dict[str, Any]:
    """Return the form of a DataFrame: its image column's label, kind of cell ("struct", "bytes", "image") and place."""
    index = labels_to_json(pd.Index([label], tupleize_cols=False))
    return {"kind": "columns", "image": {"cell": cell, "labels": index}, "at": at, "labels": labels}


def arrow_form(field: pa.Field, *, at: int, labels: dict[str, Any] | None, metadata: Any) -> dict[str, Any]:
    """Return the form of an Arrow table: its image column's field and place, and the metadata to give it."""
    cell = "struct" if pa.types.is_struct(field.type) else "bytes"
    schema = schema_to_json(pa.schema([field], metadata=metadata))
    return {"kind": "columns", "image": {"cell": cell, "schema": schema}, "at": at, "labels": labels}


# ------------------------------------------------------------------------------------------------ out
def restore(table: pa.Table, pixels: np.ndarray, form: dict[str, Any], target: str | None) -> Any:
    """Give a canonical table the container that ``form`` describes.

    **Shape:** ``pixels (n, h, w, c)`` are those of ``table``.
    """
    if form["kind"] == "xy":
        X = _to_array(pixels, form["x"])
        return X, None if target is None else _to_labels(table.column(target), form["y"])
    cells = _cells(table, pixels, form["image"]["cell"])
    others = None if target is None else containers.restore(table.select([target]), form["labels"], None)
    if "schema" in form["image"]:
        return _to_arrow(cells, others, form)
    name = to_index(form["image"]["labels"])[0]
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    frame = pd.DataFrame({name: pd.Series(column, dtype=object)})
    return frame if others is None else pd.concat([frame, others] if form["at"] == 0 else [others, frame], axis=1)


def _to_array(pixels: np.ndarray, form: dict[str, Any]) -> Any:
    dtype = "float32" if form["dtype"] == "bfloat16" else form["dtype"]
    kind = form["range"]
    if kind == "levels":
        array = pixels.astype(dtype)
    elif kind == "binary":
        array = pixels >= 128
    else:
        numbers = pixels.astype(np.float32 if dtype in ("float16", "float32") else np.float64)
        array = (numbers / 255 if kind == "unit" else numbers / 127.5 - 1).astype(dtype)
    if form["layout"] == "nhw" and pixels.shape[-1] == 1:  # others were asked for with channels=
        array = array[..., 0]
    if form["layout"] == "nchw":
        array = np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    if form["library"] == "numpy":
        return array
    import torch  # here, as only who came with tensors needs it

    return torch.from_numpy(array).to(getattr(torch, form["dtype"]))


def _to_labels(column: pa.ChunkedArray, form: dict[str, Any]) -> Any:
    labels = containers.to_labels(column, form)
    if not form.get("torch"):
        return labels
    import torch

    return torch.from_numpy(labels)


def _cells(table: pa.Table, pixels: np.ndarray, cell: str) -> list[Any]:
    if cell == "image":
        return [to_image(array) for array in pixels]
    encoded = [to_png(array) for array in pixels]
    if cell == "bytes":
        return encoded
    return [{"bytes": b, "path": p} for b, p in zip(encoded, table.column(PATH).to_pylist(), strict=True)]


def _to_arrow(cells: list[Any], labels: pa.Table | None, form: dict[str, Any]) -> pa.Table:
    schema = schema_from_json(form["image"]["schema"])
    columns = [(schema.field(0), pa.array(cells, schema.field(0).type))]
    if labels is not None:
        columns.insert(1 - form["at"], (labels.schema.field(0), labels.column(0)))
    fields, arrays = zip(*columns, strict=True)
    return pa.Table.from_arrays(list(arrays), schema=pa.schema(fields, metadata=schema.metadata))
