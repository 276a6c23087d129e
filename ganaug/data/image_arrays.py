"""Images in arrays: (X, y), and NumPy's .npz files."""

from __future__ import annotations

import zipfile
from collections.abc import Hashable

import numpy as np
import pyarrow as pa

from ganaug import containers
from ganaug.data.image_source import Fetched, Labels, Source, choose_split
from ganaug.errors import DataError
from ganaug.image_containers import array_images, frame_form, is_array, xy_form

__all__ = ["is_xy", "npz_source", "xy_source"]

_PLAIN = (("images", "labels"), ("X", "y"), ("x", "y"))
_SPLIT = ("{}_images", "{}_labels"), ("x_{}", "y_{}")


def is_xy(data: tuple) -> bool:
    """Return whether ``data`` is (X, y) with X an array of images."""
    return len(data) == 2 and is_array(data[0])


def xy_source(data: tuple, *, target: Hashable) -> Source:
    """Take arrays or tensors of images and their labels."""
    if len(data) != 2:
        raise DataError(f"a tuple must be (X, y), however it has {len(data)} items")
    if target is not None:
        raise DataError(f"(X, y) brings its labels in y; leave target=None, however: {target=}")
    X, y = data
    if not isinstance(X, np.ndarray) and not is_array(X):
        raise TypeError(f"X must be a NumPy array or a torch tensor of images, however: {type(X).__name__}")
    images = array_images(X)
    form, name, values = xy_form(images.form, y, len(images))
    labels = None if name is None or values is None else Labels(name=name, values=values)
    return Source(where="X", array=images, count=len(images), labels=labels, container="xy", form=form)


def npz_source(fetched: Fetched, name: str, *, where: str, target: Hashable, split: str | None) -> Source:
    """Read ``images`` and ``labels``, or those of one split, from a file."""
    try:
        with np.load(fetched(name), allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise DataError(f"{where} holds one array; save images and labels with numpy.savez")
            image_name, label_name = _names(file.files, where, split)
            X = file[image_name]
            y = file[label_name] if label_name in file.files else None
    except (OSError, EOFError, zipfile.BadZipFile, ValueError) as error:
        if isinstance(error, DataError):
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
