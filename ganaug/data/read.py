"""Reads rows of whatever kind: a table, or images."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from ganaug.data.images import is_images, read_images
from ganaug.data.tables import TableData, read_table
from ganaug.errors import ConfigError, DataError
from ganaug.image_schema import ImageSchema
from ganaug.schema import TableSchema

__all__ = ["is_images", "read"]


def read(
    data: Any,
    *,
    target: Hashable | list[Hashable] = None,
    id_columns: Sequence[Hashable] | None = None,
    classes: Any = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    split: str | None = None,
    skip_unreadable: bool = False,
    task: str = "classification",
    edges: Sequence[float] | None = None,
) -> TableData[TableSchema] | TableData[ImageSchema]:
    """Read ``data`` with `read_images` if it holds images or names their files, else with `read_table`.

    Raises
    ------
    DataError
        for everything that stands in the way, and for options that are not for data of this kind.
    """
    images = {"size": size, "channels": channels, "split": split, "skip_unreadable": skip_unreadable}
    if is_images(data):
        if id_columns:
            raise DataError(f"images have no identifier columns; leave id_columns=None, however: {id_columns=}")
        if isinstance(target, list):
            raise ConfigError(f"images have one label column, however: target={target!r}; join the labels to one")
        if task != "classification":
            raise ConfigError(f"images are asked for by class only; task must be 'classification', however: {task!r}")
        return read_images(data, target=target, classes=classes, **images)
    given = [name for name, value in images.items() if value is not None and value is not False]
    if given:
        raise DataError(f"{', '.join(given)} is for images, and these data are a table; leave it out")
    return read_table(data, target=target, id_columns=id_columns, classes=classes, task=task, edges=edges)
