"""Whatever images come in becomes one Arrow table of pixels and one schema, checked."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ganaug.arrays import pc, plain
from ganaug.data import image_arrays, image_columns, image_find, image_paths, validate
from ganaug.data.fingerprint import row_hashes
from ganaug.data.image_pixels import Shaped, shaped
from ganaug.data.image_source import Labels, Source, counted, listed, warn
from ganaug.data.tables import TableData, listed_by_type
from ganaug.errors import DataError
from ganaug.image_schema import ImageSchema
from ganaug.pixels import IMAGE, PATH

__all__ = ["is_images", "open_images", "read_images"]

_MIN_IMAGES = 2


def read_images(
    data: Any,
    *,
    target: Hashable = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    split: str | None = None,
    classes: Any = None,
    skip_unreadable: bool = False,
) -> TableData[ImageSchema]:
    """Read, check and describe a set of images.

    All of them get one size and one number of channels. Images of one size keep it, unless it is beyond 128 pixels a
    side: then they are scaled down. Of several sizes, the median height and width count, and every image is scaled to
    cover them and cropped to its middle. Gray images stay gray unless there is a coloured one. An alpha channel is
    kept where more than half of the images are partly transparent; else these are laid on white. Images are turned
    upright as their EXIF data say, 16 bits become 8, and of an animation the first frame is taken. A `DataWarning`
    tells whatever is changed or left out.

    Parameters
    ----------
    data
        - A folder, local or an fsspec URL: one sub-folder a class, sorted; or images alone, which are of one class.
          Sub-folders named train, val (valid, validation) or test are splits, never classes.
        - Parquet (file, folder, glob; local or fsspec) with a column of images, encoded or as Hugging Face's
          ``{"bytes", "path"}``, or CSV or Parquet with a column of paths, relative to the file's folder.
        - An ``.npz`` file with ``images`` and ``labels``, ``train_images`` and so on (MedMNIST), or ``x_train`` and so
          on.
        - A DataFrame or Arrow table with such a column, also of PIL images.
        - ``(X, y)``: arrays or torch tensors ``(n, h, w)``, ``(n, h, w, c)`` or ``(n, c, h, w)``; ``y`` may be None.
          What their numbers mean is told as `ganaug.image_containers.array_images` says.
    target
        The label of the target column. None takes the only column that is declared a Hugging Face ClassLabel, or else
        one named "label"; without it, the images have no classes. For folders, what to call the labels.
    size
        ``(height, width)`` to have, from 8 to 128 each, whatever the images have.
    channels
        1 (gray), 3 (RGB) or 4 (RGBA), whatever the images have.
    split
        Which split to read where there are several; None reads train, and says so.
    classes
        The labels to use instead of those found; the set may then hold some of them only.
    skip_unreadable
        Leave out images that cannot be decoded, with a warning that lists them, instead of refusing all.

    Raises
    ------
    DataError
        for everything that stands in the way, naming the place and what to do.

    Examples
    --------
    >>> import numpy as np
    >>> read = read_images((np.arange(320, dtype=np.uint8).reshape(4, 8, 10), ["a", "a", "b", "b"]))
    >>> read.schema.shape, read.schema.class_names(), read.table.column_names
    ((1, 8, 10), ['a', 'b'], ['image', 'label'])
    """
    source = _source(data, target, split)
    found = shaped(source, size=size, channels=channels, skip_unreadable=skip_unreadable)
    n = len(found.array)
    if n < _MIN_IMAGES:
        raise DataError(
            f"{source.where} has {counted(n, 'readable image')}, at least {_MIN_IMAGES} are needed to learn from"
        )
    labels = source.labels
    values = None if labels is None else _values(labels, found, source.where)
    listed_classes = None
    if labels is not None:
        listed_classes = validate.classes_of(pa.chunked_array([values]), labels.name, known=classes)
    read = _joined(source, found, values, listed_classes)
    if labels is not None:
        _warn_about_labels(read.table, read.schema, source, found)
    return read


def open_images(data: Any, *, size: tuple[int, int], channels: int, target: Hashable = None) -> TableData[ImageSchema]:
    """Read images that are to be changed and not learnt from: few or many, with labels of any kind, or without.

    The parameters are those of `read_images`, but that all images must have the ``size``, whatever it is, and that a
    folder may hold one class folder only.

    Raises
    ------
    DataError
        for images of another size, and for what cannot be read.
    """
    source = _source(data, target, None, size, alone=True)
    found = shaped(source, size=size, channels=channels, skip_unreadable=False, exact=True)
    values = None if source.labels is None else _values(source.labels, found, source.where)
    classes = None
    if values is not None:
        unique = plain(values).unique().drop_null()
        classes = unique.take(pc.sort_indices(unique))
    return _joined(source, found, values, classes)


def _joined(source: Source, found: Shaped, values: pa.Array | None, classes: pa.Array | None) -> TableData[ImageSchema]:
    """Return pixels, paths and labels as a canonical table, with its schema."""
    labels = source.labels
    schema = ImageSchema(
        height=found.height,
        width=found.width,
        channels=found.channels,
        target=None if labels is None else labels.name,
        target_categories=None if values is None else listed_by_type(pa.chunked_array([values])),
        classes=classes,
        names=_names(labels, classes),
        label_type=None if values is None else values.type,
        container=source.container,
        form=source.form
        if labels is None or labels.class_label is None
        else source.form | {"class_label": labels.class_label},
    )
    columns = {IMAGE: found.array}
    if source.container != "xy":
        columns[PATH] = _paths(source, found)
    if labels is not None:
        columns[labels.name] = values
    table = pa.Table.from_arrays(list(columns.values()), schema=schema.arrow)
    return TableData(table=table, schema=schema)


def is_images(data: Any) -> bool:
    """Return whether `read_images` is for this, and not `read_table`; nothing is decoded."""
    if isinstance(data, tuple):
        return image_arrays.is_xy(data)
    if isinstance(data, pd.DataFrame | pa.Table):
        return image_find.has_images(data)
    return isinstance(data, str | os.PathLike) and image_paths.holds_images(os.fspath(data))


# ---------------------------------------------------------------------------------------------- where
def _source(
    data: Any, target: Hashable, split: str | None, size: tuple[int, int] | None = None, *, alone: bool = False
) -> Source:
    if isinstance(data, str | os.PathLike):
        source = image_paths.path_source(os.fspath(data), target=target, split=split, alone=alone)
    elif split is not None:
        raise DataError(f"only files and folders have splits; leave split=None, however: {split=}")
    elif isinstance(data, tuple):
        source = image_arrays.xy_source(data, target=target, size=size)
    elif isinstance(data, pd.DataFrame | pa.Table):
        source = image_columns.column_source(data, target=target)
    else:
        raise TypeError(
            "images must be a folder, the path or URL of Parquet, CSV or npz, a DataFrame or pyarrow Table with a "
            f"column of images, or arrays (X, y), however: {type(data).__module__}.{type(data).__name__}"
        )
    if source.labels is not None and source.labels.name in (IMAGE, PATH):
        raise DataError(f"the target must not be called {source.labels.name!r}; rename the column")
    if not source.count:
        raise DataError(f"{source.where} holds no image; give at least {_MIN_IMAGES}")
    return source


# --------------------------------------------------------------------------------------------- labels
def _values(labels: Labels, found: Shaped, where: str) -> pa.Array:
    values = labels.values if found.kept is None else labels.values.take(pa.array(found.kept))
    if labels.class_label is None:
        return values
    values = pc.if_else(pc.less(values, 0), pa.scalar(None, values.type), values)  # Hugging Face's missing label
    beyond = int(pc.sum(pc.greater_equal(values, len(labels.class_label))).as_py() or 0)
    if beyond:
        raise DataError(
            f"the target {labels.name!r} of {where} declares {len(labels.class_label)} classes, however {beyond} "
            f"labels are {len(labels.class_label)} or more; correct them"
        )
    return values


def _names(labels: Labels | None, classes: pa.Array | None) -> tuple[str, ...] | None:
    if labels is None or classes is None or labels.class_label is None:
        return None
    return tuple(labels.class_label[code] for code in classes.to_pylist())


def _paths(source: Source, found: Shaped) -> pa.Array:
    paths = pa.nulls(source.count, pa.string()) if source.paths is None else pa.array(source.paths, pa.string())
    return paths if found.kept is None else paths.take(pa.array(found.kept))


def _warn_about_labels(table: pa.Table, schema: ImageSchema, source: Source, found: Shaped) -> None:
    """Warn about classes of one image, and images that are in several classes."""
    codes, names = schema.label_codes(table), schema.class_names()
    counts = np.bincount(codes, minlength=len(names))
    single = [repr(name) for name, count in zip(names, counts, strict=True) if count == 1]
    if single:
        warn(
            f"{source.where} has {counted(len(single), 'class')} of one image only ({listed(single)}); give more of it"
        )
    _, group = np.unique(row_hashes(table, [IMAGE]), return_inverse=True)
    order = np.lexsort((codes, group))
    edges = np.flatnonzero((np.diff(group[order]) == 0) & (np.diff(codes[order]) != 0))
    if len(edges):
        kept = list(range(len(table))) if found.kept is None else found.kept.tolist()
        pairs = [
            f"{source.name_of(kept[a])} ({names[codes[a]]}) and {source.name_of(kept[b])} ({names[codes[b]]})"
            for a, b in sorted(zip(order[edges], order[edges + 1], strict=True))
        ]
        n = int(np.isin(group, group[order[edges]]).sum())
        warn(f"{n} images of {source.where} are found under more than one label: {listed(pairs)}; correct the labels")
