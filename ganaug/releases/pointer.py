"""``latest.json``: which version readers take, moved in one step however many move it at a time.

Locally it is read and replaced under a lock (`latest.json.lock`, which a killed process gives back) by one rename. On
S3 it is one PUT on the condition that the ETag is still the one that was read (If-Match; If-None-Match: * for the first
one), tried again a bounded number of times when another was faster. On Google Cloud Storage and Azure only the first
one is on a condition, and of other file systems none: let one publisher at a time work there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import filelock
from fsspec.spec import AbstractFileSystem

from ganaug import storage
from ganaug.errors import ArtefactError, ConfigError, OutputError
from ganaug.releases.release import check_version, read_record, to_bytes, utc_now

__all__ = ["FILE", "Pointer", "create", "locked", "move", "read"]

FILE = "latest.json"
FORMAT = 1
TRIES = 20
"""How often a move is tried that others are faster than: one of them succeeds each time."""
LOCK_SECONDS = 60.0
_REMEMBERED = 100
"""Versions that a pointer remembers to have pointed to."""


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """Which version is the latest, and which were before."""

    version: str
    moved_at: str
    before: tuple[str, ...] = ()
    """The versions that were the latest one after the other before this one, oldest first: the way back."""
    left: dict[str, str] = field(default_factory=dict)
    """When a version stopped to be the latest, in UTC: its readers may not have finished yet."""
    withdrawn: tuple[str, ...] = ()
    """Versions that were rolled back from, which publishing again does not bring back."""

    @property
    def previous(self) -> str | None:
        """The version before this one; None if this is the first."""
        return self.before[-1] if self.before else None

    def forward(self, version: str) -> Pointer:
        """Return the pointer after ``version`` was published."""
        way = (*(v for v in self.before if v != version), self.version)
        return self._moved(version, way, tuple(v for v in self.withdrawn if v != version))

    def back(self, version: str) -> Pointer:
        """Return the pointer after a rollback to ``version``: what was the latest since is withdrawn."""
        at = self.before.index(version) if version in self.before else len(self.before)
        since = (*self.before[at + 1 :], self.version)
        gone = dict.fromkeys(v for v in (*self.withdrawn, *since) if v != version)
        return self._moved(version, self.before[:at], tuple(gone))

    def _moved(self, version: str, way: tuple[str, ...], gone: tuple[str, ...]) -> Pointer:
        now = utc_now()
        left = {**{v: when for v, when in self.left.items() if v != self.version}, self.version: now}
        return Pointer(
            version=version,
            moved_at=now,
            before=way[-_REMEMBERED:],
            left=dict(list(left.items())[-_REMEMBERED:]),
            withdrawn=gone[-_REMEMBERED:],
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "format": FORMAT,
            "version": self.version,
            "previous": self.previous,
            "moved_at": self.moved_at,
            "before": list(self.before),
            "left": self.left,
            "withdrawn": list(self.withdrawn),
        }


def read(place: str) -> Pointer | None:
    """Read the pointer of the store ``place``; None where nothing was published.

    Raises
    ------
    ArtefactError
        It is damaged, of something else, or of a newer format.
    OutputError
        The storage cannot be read.
    """
    text = storage.read_bytes(storage.join(place, FILE))
    return None if text is None else _parse(text, place)


def move(place: str, decide: Callable[[Pointer | None], Pointer | None], *, mend: bool = False) -> Pointer | None:
    """Replace the pointer by what ``decide`` makes of the one that is there, None to leave it; return what is there.

    ``decide`` may be called several times, when others move the pointer meanwhile. With ``mend``, a pointer that cannot
    be read counts as none.

    Raises
    ------
    ArtefactError
        The pointer cannot be read, and not ``mend``.
    OutputError
        It cannot be written, or others were faster ``TRIES`` times.
    """
    url = storage.join(place, FILE)
    with locked(place):
        for attempt in range(TRIES):
            text, tag = _read_tagged(url)
            current = _current(text, place, mend)
            wanted = decide(current)
            if wanted is None:
                return current
            # botocore tries a PUT again whose answer was lost, and is refused then: `decide` finds its own writing.
            if _swap(url, to_bytes(wanted.to_json()), text is not None, tag):
                return wanted
            time.sleep(random.uniform(0, min(0.02 * 2**attempt, 1.0)))
    raise OutputError(f"others moved {storage.shown(url)} each of {TRIES} times that it was to be moved; call again")


@contextmanager
def locked(place: str) -> Iterator[None]:
    """Keep others on this machine from moving the pointer of a local store, or removing from it; nothing elsewhere.

    Raises
    ------
    OutputError
        Another process holds it for a minute, or the folder cannot be written to.
    """
    folder = storage.local_folder(place)
    if folder is None:
        yield
        return
    lock = filelock.FileLock(folder / f"{FILE}.lock", timeout=LOCK_SECONDS)
    with storage.storage_errors(place):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise OutputError(
                f"another process works on {storage.shown(place)} since {LOCK_SECONDS:.0f} s; call again when it ended"
            ) from error
    try:
        yield
    finally:
        lock.release()


def create(url: str, data: bytes) -> bool:
    """Write the file ``url`` if there is none, and say whether it was written, or held the same before."""
    return _swap(url, data, False, None) or storage.read_bytes(url) == data


def _current(text: bytes | None, place: str, mend: bool) -> Pointer | None:
    try:
        return None if text is None else _parse(text, place)
    except ArtefactError:
        if mend:
            return None
        raise


def _parse(text: bytes, place: str) -> Pointer:
    name = storage.shown(storage.join(place, FILE))
    advice = "`ganaug releases rollback PLACE --to VERSION` writes it anew"
    try:
        value = read_record(text, FORMAT, name)
        before, withdrawn = (tuple(value.get(key) or ()) for key in ("before", "withdrawn"))
        for version in (value["version"], *before, *withdrawn):
            check_version(version)
        left = {str(version): str(when) for version, when in dict(value.get("left") or {}).items()}
        moved_at = str(value["moved_at"])
        return Pointer(version=value["version"], moved_at=moved_at, before=before, left=left, withdrawn=withdrawn)
    except ArtefactError as error:
        raise ArtefactError(f"{error}; {advice}") from error
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{name} points to no version ({error!r}); {advice}") from error


# --------------------------------------------------------------------------------- one step, or refused
def _is_s3(files: AbstractFileSystem) -> bool:
    return "s3" in ({files.protocol} if isinstance(files.protocol, str) else files.protocol)


def _read_tagged(url: str) -> tuple[bytes | None, str | None]:
    """Return what the file holds, and on S3 its ETag, which is read first: an older one than the bytes is refused."""
    files, path = storage.filesystem(url)
    tag = None
    if _is_s3(files):
        with storage.storage_errors(url), storage.absence_allowed():
            tag = files.info(path)["ETag"]
        if tag is None:
            return None, None
    return storage.read_bytes(url), tag


def _swap(url: str, data: bytes, exists: bool, tag: str | None) -> bool:
    """Write the file if it is still the one that was read, and say whether it was."""
    files, path = storage.filesystem(url)
    if not storage.is_object_store(files) or (exists and not _is_s3(files)):
        storage.atomic_write(url, data)
        return True
    with storage.storage_errors(url):
        try:
            if not _is_s3(files):
                files.pipe_file(path, data, mode="create")
            else:
                files.pipe_file(path, data, **({"IfMatch": tag} if exists else {"IfNoneMatch": "*"}))
            return True
        except OSError as error:
            code = storage.error_code(error)
            if code == "NotImplemented":
                raise OutputError(
                    f"the storage of {storage.shown(url)} has no writes on a condition (If-Match), which keep two "
                    "publishers apart; use one that has: AWS S3, MinIO, Ceph, R2 in a recent version"
                ) from error
            missing = exists and code == "NoSuchKey"
            if isinstance(error, FileExistsError) or missing or code in _FASTER:
                return False
            raise


_FASTER = ("PreconditionFailed", "ConditionalRequestConflict")
"""How S3 says that another was faster."""
