"""Files by local path or fsspec URL (``s3://bucket/folder``, ``gs://``, ...): whole or not at all, and no secrets.

A moment's failure of an object store is tried again below us: botocore tries five times, s3fs does so five times more
where a connection broke. What is still wrong then is an `OutputError`; its cause is the `OSError`, by which a caller
tells what may pass (`ConnectionError`, say) from what no waiting mends.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec.core
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from ganaug import files as disk
from ganaug.errors import OutputError
from ganaug.storage_errors import (
    absence_allowed,
    error_code,
    may_pass,
    outage_errors,
    require_no_secrets,
    shown,
    storage_errors,
)

__all__ = [
    "absence_allowed",
    "atomic_write",
    "delete",
    "delete_file",
    "download",
    "error_code",
    "exists",
    "files_below",
    "filesystem",
    "is_object_store",
    "is_url",
    "join",
    "local_folder",
    "may_pass",
    "outage_errors",
    "put_files",
    "read_bytes",
    "require_no_secrets",
    "shown",
    "storage_errors",
    "upload",
]

SCRATCH = ".ganaug-tmp-"
"""How the name of a file or folder begins that is not finished; no reader takes it for a result."""

_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2", "b2"}


# --------------------------------------------------------------------------------------------- names
def is_url(text: str | os.PathLike[str]) -> bool:
    """Say whether ``text`` is a URL and no local path.

    >>> is_url("s3://bucket/rows"), is_url("rows/part.parquet")
    (True, False)
    """
    return "://" in os.fspath(text)


def local_folder(url: str | os.PathLike[str]) -> Path | None:
    """Return the absolute local path that ``url`` (a path, ``~/path`` or ``file:///path``) is; None elsewhere.

    >>> local_folder("file:///data/rows").as_posix(), local_folder("s3://bucket/rows")
    ('/data/rows', None)
    """
    text = os.fspath(url)
    if is_url(text) and not text.startswith(("file://", "local://")):
        return None
    return Path(text.split("://", 1)[-1] if is_url(text) else text).expanduser().absolute()


def join(url: str | os.PathLike[str], *names: str) -> str:
    """Return the path or URL of what is called ``names`` below ``url``.

    >>> join("s3://bucket/store/", "versions", "a"), join("store", "latest.json")
    ('s3://bucket/store/versions/a', 'store/latest.json')
    """
    return "/".join([os.fspath(url).rstrip("/"), *names])


# ----------------------------------------------------------------------------------- file systems
def filesystem(url: str | os.PathLike[str]) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a path or URL, and the path in it. Listings are not cached: others write there too.

    Raises
    ------
    ConfigError
        The URL carries credentials.
    OutputError
        The file system is unknown, or the package that reads it is not installed.
    """
    require_no_secrets(url)
    local = local_folder(url)
    if local is not None:
        return LocalFileSystem(auto_mkdir=True), local.as_posix()
    with storage_errors(url):
        files, path = fsspec.core.url_to_fs(os.fspath(url), use_listings_cache=False)
        return files, path


def is_object_store(files: AbstractFileSystem) -> bool:
    """Say whether ``files`` is S3 or the like: a file appears whole, and there are no folders and no renames."""
    names = {files.protocol} if isinstance(files.protocol, str) else set(files.protocol)
    return bool(names & _OBJECT_STORES)


def files_below(url: str | os.PathLike[str]) -> dict[str, int]:
    """Return the bytes of every file below the folder ``url``, by its name relative to that, sorted; {} if none.

    Raises
    ------
    OutputError
        The storage cannot be read, or holds names that would leave the folder.
    """
    files, path = filesystem(url)
    found: dict[str, Any] = {}
    with storage_errors(url), absence_allowed():
        found = files.find(path, detail=True)
    sizes = {}
    for name, info in found.items():
        if name == path:
            continue  # a file, not a folder
        relative = name.removeprefix(path).lstrip("/")
        steps = PurePosixPath(relative).parts
        if ".." in steps or "\\" in relative or not steps:
            raise OutputError(f"{shown(url)} holds a file called {relative!r}, which would lie outside it; remove that")
        if not any(step.startswith(SCRATCH) for step in steps):
            sizes[relative] = int(info["size"])
    return dict(sorted(sizes.items()))


def read_bytes(url: str | os.PathLike[str]) -> bytes | None:
    """Return what the file ``url`` holds; None where there is none."""
    files, path = filesystem(url)
    with storage_errors(url), absence_allowed():
        return files.cat_file(path)
    return None


def exists(url: str | os.PathLike[str]) -> bool:
    """Say whether there is a file or folder ``url``."""
    files, path = filesystem(url)
    with storage_errors(url), absence_allowed():
        files.info(path)
        return True
    return False


def atomic_write(url: str | os.PathLike[str], data: bytes, *, alone: bool = False) -> None:
    """Write the file ``url``, whole or not at all, over what is there.

    Locally by a rename after the bytes are on the disk; on an object store by one PUT. Of other file systems (SFTP,
    HDFS, ...) the write is a plain one. Say ``alone`` where nobody else writes that file at the same time: what a kill
    leaves of it is then replaced by the next write, and removed by `delete_file`.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    files, path = filesystem(url)
    with storage_errors(url):
        if not isinstance(files, LocalFileSystem):
            _make_room(files, path)
            files.pipe_file(path, data)
            return
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        disk.put(place, data, scratch=None if alone else _scratch(place))


def upload(
    folder: str | os.PathLike[str],
    url: str | os.PathLike[str],
    *,
    files: Iterable[str] | None = None,
    last: Sequence[str] = (),
) -> list[str]:
    """Copy a local folder to ``url``, file by file over what is there; return the names, in the order written.

    ``files`` are names relative to ``folder``, None for all but what is unfinished. Those in ``last`` are written after
    all others are there, in that order: a reader that waits for the last one sees everything. Each file appears whole.

    Raises
    ------
    OutputError
        A file is missing, or the storage cannot be written to.
    """
    folder = Path(folder)
    names = files_below(folder) if files is None else files
    return put_files({name: folder / name for name in names}, url, last=last)


def put_files(
    sources: Mapping[str, str | os.PathLike[str]], url: str | os.PathLike[str], *, last: Sequence[str] = ()
) -> list[str]:
    """Copy local files to their names below ``url``, like `upload`; return the names, in the order written."""
    early, late = sorted(name for name in sources if name not in last), [name for name in last if name in sources]
    target, path = filesystem(url)
    with storage_errors(url):
        if isinstance(target, LocalFileSystem):
            for name in early + late:
                _copy(Path(sources[name]), Path(path) / name)
            return early + late
        for group in [early, *([name] for name in late)]:
            places = [f"{path}/{name}" for name in group]
            for place in places:
                _make_room(target, place)
            if group:
                target.put([str(sources[name]) for name in group], places)
    return early + late


def download(
    url: str | os.PathLike[str], folder: str | os.PathLike[str], *, files: Iterable[str] | None = None
) -> Path:
    """Copy the files below ``url`` into a local folder, over what is there; return the folder.

    ``files`` are names relative to ``url``, None for all. Each file appears whole, when all have arrived.

    Raises
    ------
    OutputError
        There is nothing, a name would leave ``folder``, or the storage cannot be read.
    """
    folder = Path(folder)
    there = files_below(url)
    names = sorted(there if files is None else set(files))
    missing = [name for name in names if name not in there]
    if missing or not names:
        raise OutputError(f"{shown(url)} holds no {missing[0] if missing else 'file'}; check the path")
    source, path = filesystem(url)
    scratch = folder / f"{SCRATCH}{uuid.uuid4().hex}"
    with storage_errors(url):
        try:
            for name in names:
                (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            source.get([f"{path}/{name}" for name in names], [str(scratch / name) for name in names])
            for name in names:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(scratch / name, folder / name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def delete(url: str | os.PathLike[str], *, files: Iterable[str] | None = None) -> None:
    """Remove the folder ``url`` and all below it, or those ``files`` of it alone; what is not there is no error."""
    source, path = filesystem(url)
    with storage_errors(url):
        if files is None:
            with absence_allowed():
                source.rm(path, recursive=True)
        for name in files or ():
            with absence_allowed():
                source.rm_file(f"{path}/{name}")


def delete_file(url: str | os.PathLike[str]) -> None:
    """Remove the file ``url``, and what a kill left of one that was written ``alone``; absence is no error."""
    files, path = filesystem(url)
    with storage_errors(url):
        with absence_allowed():
            files.rm_file(path)
        if isinstance(files, LocalFileSystem):
            disk.scratch_of(Path(path)).unlink(missing_ok=True)


def _make_room(files: AbstractFileSystem, path: str) -> None:
    """Make the folder of ``path`` where the file system has such things."""
    if not is_object_store(files):
        files.makedirs(files._parent(path), exist_ok=True)


def _copy(source: Path, place: Path) -> None:
    """Copy a local file; it appears whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with disk.becoming(place, scratch=_scratch(place)) as scratch:
        shutil.copyfile(source, scratch)


def _scratch(place: Path) -> Path:
    """Return a name beside ``place`` that nobody else uses."""
    return place.with_name(f"{SCRATCH}{uuid.uuid4().hex}")
