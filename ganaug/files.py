"""Files of this machine: written so that no kill or power cut leaves half of one, and found inside a folder."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ganaug.errors import ArtefactError

__all__ = ["becoming", "digest", "filling", "inside", "put", "scratch_of", "sync", "sync_all"]


def put(path: Path, content: bytes, *, scratch: Path | None = None) -> None:
    """Write ``content`` to ``path`` in one step: a reader sees the old file or the whole new one. See `becoming`."""
    with becoming(path, scratch=scratch) as file:
        file.write_bytes(content)


@contextmanager
def becoming(path: Path, *, scratch: Path | None = None) -> Iterator[Path]:
    """Give a scratch file that becomes ``path`` when the block ends, on the disk by then, or vanishes when it fails.

    A kill may leave ``.<name>.part`` beside ``path``, which the next call replaces. Where several may write ``path`` at
    the same time, each needs a ``scratch`` of its own in that folder.
    """
    scratch = scratch_of(path) if scratch is None else scratch
    try:
        yield scratch
        sync(scratch)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
    sync(path.parent)


@contextmanager
def filling(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a scratch folder that becomes ``path`` when the block ends, or vanishes when it fails.

    ``path`` is absent or empty, or with ``replace`` what is there is replaced: moved aside first, so that a kill at any
    time leaves the old folder or the new one, if it comes to the worst as ``.<name>.old``, which the next call puts
    back. A kill may also leave ``.<name>.part``, which the next call removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch, aside = scratch_of(path), path.with_name(f".{path.name}.old")
    if replace:
        _settle(path, aside)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
        sync_all(scratch)  # so that the rename names whole files, whatever happens next
        try:
            if path.is_dir():
                os.replace(path, aside) if replace else path.rmdir()
            os.replace(scratch, path)
            sync(path.parent)
        finally:
            if replace:
                _settle(path, aside)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _settle(path: Path, aside: Path) -> None:
    """End a replacement, or one that was cut: what was moved aside goes, or comes back if nothing took its place."""
    if not os.path.lexists(aside):
        return
    if not os.path.lexists(path):
        os.replace(aside, path)
    elif aside.is_symlink():
        aside.unlink()
    else:
        shutil.rmtree(aside)


def scratch_of(path: Path) -> Path:
    """Return what a file or folder is called until it is whole, where one at a time writes it."""
    return path.with_name(f".{path.name}.part")


def sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(folder: Path) -> None:
    """Wait until a folder and all that lies below it are on the disk."""
    for inner, _, names in os.walk(folder):
        for name in [*names, "."]:
            sync(Path(inner, name))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
