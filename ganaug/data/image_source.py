"""What every place that images come from is turned into: encoded images one after the other, or an array of them."""

from __future__ import annotations

import inspect
import re
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pyarrow import fs

from ganaug.data.image_decode import Cell
from ganaug.errors import DataError, DataWarning
from ganaug.image_containers import ArrayImages
from ganaug.storage import outage_errors, storage_errors

__all__ = ["Fetched", "Labels", "Source", "choose_split", "counted", "listed", "split_of", "warn"]

_SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_SHOWN = 5  # examples in a message


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The labels of a source."""

    name: str
    values: pa.Array
    class_label: list[str] | None = None
    """What a Hugging Face ClassLabel calls 0, 1, ...; None for other labels."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Images, labels and the form of their container."""

    where: str
    """What people call the whole, for messages."""
    cells: Callable[[], Iterable[Cell]] | None = None
    """Gives all images in order, as often as it is called; None for an array."""
    array: ArrayImages | None = None
    count: int
    paths: Sequence[str | None] | None = None
    """Where each image came from."""
    labels: Labels | None
    container: Literal["pandas", "arrow", "xy"]
    form: dict[str, Any]

    def name_of(self, row: int) -> str:
        """Return what people find image ``row`` by."""
        path = self.paths[row] if self.paths is not None else None
        return f"row {row}" if path is None else repr(path)


class Fetched:
    """Files as local paths: those of a local file system as they are, others copied when they are first wanted.

    The copies go with this object.
    """

    def __init__(self, filesystem: fs.FileSystem) -> None:
        self._filesystem = filesystem
        self.local = isinstance(filesystem, fs.LocalFileSystem)
        self._folder: Path | None = None
        self._copies: dict[str, Path] = {}

    def __call__(self, name: str) -> Path:
        """Return a local path to the contents of ``name``.

        Raises
        ------
        OSError
            There is no such file, or it may not be read.
        OutputError
            The storage is away, or there is no room for the copy.
        """
        if self.local:
            return Path(name)
        if name not in self._copies:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="ganaug-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            copy = self._folder / f"{len(self._copies)}{Path(name).suffix}"
            with open(copy, "wb") as target:
                for block in self._blocks(name):
                    with storage_errors(copy):
                        target.write(block)
            self._copies[name] = copy
        return self._copies[name]

    def _blocks(self, name: str) -> Iterator[bytes]:
        with outage_errors(name), self._filesystem.open_input_stream(name) as source:
            while block := source.read(1 << 20):
                yield block


def listed(names: Sequence[str]) -> str:
    """Return the first few of ``names``, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def counted(n: int, noun: str) -> str:
    """Return a number and a noun.

    >>> counted(1, "class"), counted(2, "class"), counted(2, "file")
    ('1 class', '2 classes', '2 files')
    """
    return f"{n} {noun}{'' if n == 1 else 'es' if noun.endswith('s') else 's'}"


def warn(message: str) -> None:
    """Warn about the data, at the line outside of this package that had them read."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "ganaug":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, DataWarning, stacklevel=level)


def split_of(name: str, *, begins: bool = False) -> str | None:
    """Return the split, "train", "val" or "test", that a name stands for, or one that ``begins`` like that; or None.

    >>> split_of("Valid"), split_of("test-00000-of-00002.parquet", begins=True), split_of("tests")
    ('val', 'test', None)
    """
    return _SPLITS.get(re.split(r"[-_.]", name.lower(), maxsplit=1)[0] if begins else name.lower())


def choose_split(found: Iterable[str], split: str | None, where: str) -> str:
    """Return which of the splits ``found`` is to be read: ``split``, or else train, with a warning about the others.

    Raises
    ------
    DataError
        if there is no such split.
    """
    names = sorted(set(found))
    wanted = "train" if split is None else _SPLITS.get(split.lower(), split)
    if wanted not in names:
        what = f"no split {split!r}" if split is not None else "no split 'train'"
        raise DataError(f"{where} has {what}; pass split= one of {names}")
    others = [name for name in names if name != wanted]
    if split is None and others:
        warn(f"{where} has the splits {names}: 'train' is read, {others} left out; pass split= to read another")
    return wanted
