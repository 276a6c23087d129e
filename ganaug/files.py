"""Files of this machine: written so that no kill or power cut leaves half of one, and found inside a folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ganaug.errors import ArtefactError

__all__ = ["filling", "inside", "put", "sync"]


def put(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` in one step: a reader sees the old file or the whole new one.

    A kill may leave ``.<name>.part`` beside it, which the next `put` replaces.
    """
    scratch = path.with_name(f".{path.name}.part")
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
    sync(path.parent)


@contextmanager
def filling(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a scratch folder that becomes ``path`` when the block ends, or vanishes when it fails.

    ``path`` is absent or empty, or what is there is replaced. A kill may leave ``.<name>.part`` beside it, which the
    next call removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
        for folder, _, names in os.walk(scratch):  # so that the rename names whole files, whatever happens next
            for name in [*names, "."]:
                sync(Path(folder, name))
        if path.is_dir():
            shutil.rmtree(path) if replace else path.rmdir()
        os.replace(scratch, path)
        sync(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def inside(folder: str | os.PathLike[str], name: object) -> Path:
    """Return the file that ``name``, which a stranger may have written, names in ``folder``.

    >>> inside("rows", "data/part-00000.parquet").as_posix()
    'rows/data/part-00000.parquet'

    Raises
    ------
    ArtefactError
        It is no relative path with ``/`` between plain names, or a link leads out of the folder.
    """
    folder = Path(folder)
    plain = isinstance(name, str) and name.isprintable() and not set(name) & set("\\:")
    if not plain or PurePosixPath(str(name)).is_absolute() or {"", ".", ".."} & set(str(name).split("/")):
        raise ArtefactError(f"{str(folder)!r} names the file {name!r}, which is not a path inside it; do not trust it")
    path = folder / str(name)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ArtefactError(f"{str(path)!r} is a link that leads out of its folder; do not trust it")
    return path
