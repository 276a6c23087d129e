"""Images in arrays: (X, y), and NumPy's .npz files."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Hashable
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug import containers
from ganaug.data.image_source import Fetched, Labels, Source, choose_split
from ganaug.errors import DataError, OutputError
from ganaug.image_containers import array_images, frame_form, is_array, xy_form

__all__ = ["is_xy", "npz_source", "xy_source"]

FREE = 2**30
"""Bytes that an array of an npz file may unpack to, however small it is packed."""
DENSEST = 100
"""How many times its packed size a larger one may have."""
_PLAIN = (("images", "labels"), ("X", "y"), ("x", "y"))
_SPLIT = ("{}_images", "{}_labels"), ("x_{}", "y_{}")


def is_xy(data: tuple) -> bool:
    """Return whether ``data`` is (X, y) with X an array of images."""
    return len(data) == 2 and is_array(data[0])


def xy_source(data: tuple, *, target: Hashable, size: tuple[int, int] | None = None) -> Source:
    """Take arrays or tensors of images and their labels; for ``size`` see `array_images`."""
    if len(data) != 2:
        raise DataError(f"a tuple must be (X, y), however it has {len(data)} items")
    if target is not None:
        raise DataError(f"(X, y) brings its labels in y; leave target=None, however: {target=}")
    X, y = data
    if not isinstance(X, np.ndarray) and not is_array(X):
        raise TypeError(f"X must be a NumPy array or a torch tensor of images, however: {type(X).__name__}")
    images = array_images(X, size=size)
    form, name, values = xy_form(images.form, y, len(images))
    labels = None if name is None or values is None else Labels(name=name, values=values)
    return Source(where="X", array=images, count=len(images), labels=labels, container="xy", form=form)


def npz_source(fetched: Fetched, name: str, *, where: str, target: Hashable, split: str | None) -> Source:
    """Read ``images`` and ``labels``, or those of one split, from a file."""
    try:
        path = fetched(name)
        if not zipfile.is_zipfile(path):
            raise DataError(f"{where} cannot be read as npz: it is no archive; save images and labels with numpy.savez")
        with np.load(path, allow_pickle=False) as file:
            image_name, label_name = _names(file.files, where, split)
            X = _array(file, image_name, where)
            y = _array(file, label_name, where) if label_name in file.files else None
    except (OSError, EOFError, zipfile.BadZipFile, ValueError) as error:
        if isinstance(error, DataError | OutputError):
            raise
        raise DataError(f"{where} cannot be read as npz: {error}; write it again, with plain arrays") from error
    images = array_images(X)
    labels = form = None
    if y is not None:
        target, values, _ = containers.from_labels(y, len(images), name="label" if target is None else str(target))
        labels = Labels(name=target, values=values)
        form = containers.from_file(pa.table({target: values}))[1]
    elif target is not None:
        raise DataError(f"{where} holds no array {label_name!r}, so there is no {target!r}; leave target=None")
    return Source(
        where=where,
        array=images,
        count=len(images),
        labels=labels,
        container="pandas",
        form=frame_form("image", cell="struct", at=0, labels=form),
    )


def _array(file: Any, name: str, where: str) -> np.ndarray:
    """Read one array, when what its header promises is there; a header alone could ask for any amount of memory."""
    entry = file.zip.getinfo(f"{name}.npy" if f"{name}.npy" in file.zip.namelist() else name)
    if entry.file_size > max(FREE, DENSEST * entry.compress_size):
        raise DataError(
            f"{where} would unpack {name!r} from {entry.compress_size:,} to {entry.file_size:,} bytes, which no images "
            "do; save it with numpy.savez, without compression, if it is what you want"
        )
    with file.zip.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        held = entry.file_size - stream.tell()
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != held:
        raise DataError(f"{where} promises {name!r} as {shape} of {dtype}, however it holds {held:,} bytes")
    return file[name]


def _names(found: list[str], where: str, split: str | None) -> tuple[str, str]:
    for images, labels in _PLAIN:
        if images in found:
            if split is not None:
                raise DataError(f"{where} has no splits; leave split=None, however: {split=}")
            return images, labels
    for images, labels in _SPLIT:
        splits = {s: images.format(s) for s in ("train", "val", "test") if images.format(s) in found}
        if splits:
            chosen = choose_split(splits, split, where)
            return splits[chosen], labels.format(chosen)
    raise DataError(
        f"{where} must hold images and labels, or train_images, train_labels and so on, however it holds {found}"
    )
