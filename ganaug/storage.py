"""Files by local path or fsspec URL (``s3://bucket/folder``, ``gs://``, ...): whole or not at all, and no secrets.

A moment's failure of an object store is tried again below us: botocore tries five times, s3fs does so five times more
where a connection broke. What is still wrong then is an `OutputError`; its cause is the `OSError`, by which a caller
tells what may pass (`ConnectionError`, say) from what no waiting mends.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl

import fsspec.core
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from ganaug.errors import ConfigError, OutputError

__all__ = [
    "atomic_write",
    "delete",
    "download",
    "files_below",
    "filesystem",
    "is_object_store",
    "is_url",
    "join",
    "local_folder",
    "read_bytes",
    "require_no_secrets",
    "storage_errors",
    "upload",
]

SCRATCH = ".ganaug-tmp-"
"""How the name of a file or folder begins that is not finished; no reader takes it for a result."""

_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2", "b2"}
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
_CLIENTS = {"botocore", "aiobotocore", "aiohttp", "gcsfs", "google", "azure", "paramiko", "requests", "urllib3"}
"""Packages whose own errors, not derived from `OSError`, come up from a file system."""
_SECRET = r"[\w.\-]*(?:token|secret|passw|pwd|key|sig|signature|credential|auth|sas)[\w.\-]*"
_NO_USERS = {"http", "https", "s3", "s3a", "gs", "gcs"}
_WHERE = (
    "put credentials where the storage's own package looks for them (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or "
    "~/.aws, GOOGLE_APPLICATION_CREDENTIALS, fsspec's ~/.config/fsspec/*.json or FSSPEC_* variables), or into a "
    "Prefect block, and leave them out of the URL, which is logged and recorded"
)


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


def require_no_secrets(url: str | os.PathLike[str]) -> None:
    """Raise where ``url`` carries credentials, as URLs end up in logs, records and provenance.

    That is a name with a password before the host, or a parameter called token, key, signature or the like. The message
    does not repeat them.

    >>> require_no_secrets("s3://bucket/rows")
    >>> require_no_secrets("s3://AKIA123:wJalr@bucket/rows")
    Traceback (most recent call last):
    ganaug.errors.ConfigError: the URL s3://... carries credentials before its host; put ...

    Raises
    ------
    ConfigError
        It does; the message says where credentials belong.
    """
    for part in os.fspath(url).split("::"):
        if "://" not in part:
            continue
        scheme, _, rest = part.partition("://")
        host = re.split(r"[/?#]", rest, maxsplit=1)[0]
        user, at, machine = host.rpartition("@")
        colon = ":" in user or (
            not at and ":" in machine and not re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d*)?|arn:.*", machine)
        )
        if colon or (at and scheme in _NO_USERS):
            raise ConfigError(f"the URL {scheme}://... carries credentials before its host; {_WHERE}")
        after = re.split(r"[?#]", rest, maxsplit=1)
        named = parse_qsl(re.sub(r"[?#]", "&", after[1]), keep_blank_values=True) if len(after) == 2 else []
        secret = next((name for name, _ in named if re.fullmatch(_SECRET, name, re.IGNORECASE)), None)
        if secret is not None:
            raise ConfigError(f"the URL {scheme}://... carries credentials in its parameter {secret!r}; {_WHERE}")


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


def atomic_write(url: str | os.PathLike[str], data: bytes) -> None:
    """Write the file ``url``, whole or not at all, over what is there.

    Locally by a rename after the bytes are on the disk; on an object store by one PUT. Of other file systems (SFTP,
    HDFS, ...) the write is a plain one.

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
        scratch = place.with_name(f"{SCRATCH}{uuid.uuid4().hex}")
        try:
            with scratch.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(scratch, place)
        finally:
            scratch.unlink(missing_ok=True)


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
    names = sorted(files_below(folder) if files is None else set(files))
    early, late = [n for n in names if n not in last], [n for n in last if n in names]
    target, path = filesystem(url)
    with storage_errors(url):
        if isinstance(target, LocalFileSystem):
            for name in early + late:
                _copy(folder / name, Path(path) / name)
            return early + late
        for group in [early, *([name] for name in late)]:
            places = [f"{path}/{name}" for name in group]
            for place in places:
                _make_room(target, place)
            if group:
                target.put([str(folder / name) for name in group], places)
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


def _make_room(files: AbstractFileSystem, path: str) -> None:
    """Make the folder of ``path`` where the file system has such things."""
    if not is_object_store(files):
        files.makedirs(files._parent(path), exist_ok=True)


def _copy(source: Path, place: Path) -> None:
    """Copy a local file; it appears whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = place.with_name(f"{SCRATCH}{uuid.uuid4().hex}")
    try:
        shutil.copyfile(source, scratch)
        os.replace(scratch, place)
    finally:
        scratch.unlink(missing_ok=True)


# ---------------------------------------------------------------------------------------- what went wrong
@contextmanager
def storage_errors(url: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what a file system says against ``url`` into an `OutputError` that says what to do, and shows no secret."""
    try:
        yield
    except (ConfigError, OutputError):
        raise
    except Exception as error:
        told = _told(error, url)
        if told is None:
            raise
        cause = error if isinstance(error, OSError | ImportError | ValueError) else ConnectionError(_scrubbed(error))
        cause.__cause__ = error.__cause__ if cause is error else error
        raise OutputError(told) from cause


@contextmanager
def absence_allowed() -> Iterator[None]:
    """Let it pass that a file is not there, but not that its bucket is not."""
    try:
        yield
    except FileNotFoundError as error:
        if _code(error) == "NoSuchBucket":
            raise


def shown(url: str | os.PathLike[str]) -> str:
    """Return a URL as messages name it."""
    return repr(os.fspath(url))


def _told(error: Exception, url: str | os.PathLike[str]) -> str | None:
    """Return the sentence for ``error``; None if it is not of a file system."""
    name, code, text = shown(url), _code(error), _scrubbed(error)
    scheme = os.fspath(url).split("://")[0]
    kind = type(error).__name__
    if isinstance(error, ImportError):
        extra = f"pip install 'ganaug[{_EXTRAS[scheme]}]'" if scheme in _EXTRAS else "install it"
        return f"{name} cannot be opened, as a package is missing: {text}; {extra}"
    if isinstance(error, ValueError):
        return (
            f"{name} cannot be opened: {text}; give a local path or a URL that fsspec knows, such as s3://bucket/folder"
        )
    if code == "NoSuchBucket":
        return f"the bucket of {name} does not exist; create it, or correct the URL"
    if kind in ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ProfileNotFound"):
        return f"no credentials were found for {name} ({kind}); {_WHERE}"
    if isinstance(error, PermissionError):
        why = code or error.strerror or "permission denied"
        return f"{name} may not be used ({why}); check the credentials, what they allow, and whose the place is"
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"no space is left at {name}; free some and call again"
        return f"{name} cannot be used: {text}; check the path, and call again if the storage was away for a moment"
    if {kind.__module__.partition(".")[0] for kind in type(error).__mro__} & _CLIENTS:
        return f"{name} cannot be reached: {text}; check the address and the network, and call again"
    return None


def _code(error: BaseException) -> str | None:
    """Return the code by which S3 names what is wrong."""
    response = getattr(error.__cause__ or error, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None


def _scrubbed(error: BaseException) -> str:
    """Return what an error says, less whatever may be a secret in it."""
    text = str(error) or type(error).__name__
    text = re.sub(r"//[^/@\s]+@", "//***@", text)
    return re.sub(rf"\b({_SECRET})(['\"]?\s*[=:]\s*)[^\s,;&]+", r"\1\2***", text, flags=re.IGNORECASE)
