"""The folder of one run: what was asked, how far it got, and every result, written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganaug import storage
from ganaug.donors import Donor
from ganaug.errors import OutputError
from ganaug.files import becoming, filling, put
from ganaug.lock import FolderLock
from ganaug.mirror import Mirror
from ganaug.storage import SCRATCH

__all__ = ["RunFolder", "check_file", "check_new_folder", "new_file", "new_folder", "read_record", "told"]

FORMAT = 1
RECORD = "run.json"
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def told(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the operating system says against writing to ``path`` into an `OutputError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise OutputError(
                f"no space is left on the disk while writing to {os.fspath(path)!r}; nothing half-written is visible "
                "there. Free some space and call again with the same words: what was finished is not redone"
            ) from error
        raise OutputError(
            f"cannot write to {os.fspath(path)!r}: {error.strerror or error}. Choose a folder that may be written to"
        ) from error


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` as an absolute local path.

    Raises
    ------
    OutputError
        It is a URL.
    """
    if "://" in os.fspath(path):
        raise OutputError(f"the output must be a local path, however: {os.fspath(path)!r}")
    return Path(path).expanduser().absolute()


def check_new_folder(path: str | os.PathLike[str]) -> Path:
    """Return the local folder ``path`` when something can be written there: it is absent, or empty and writable.

    Raises
    ------
    OutputError
        It is a URL, a file, a folder with something in it, or it cannot be written to.
    """
    folder = local_path(path)
    with told(folder):
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{str(folder)!r} is a file; give a folder that does not exist or is empty")
        if folder.is_dir() and _visible(folder):
            raise OutputError(
                f"the folder {str(folder)!r} is not empty (it holds {_some(folder)}); give one that does not exist "
                "or is empty"
            )
        _probe(folder)
    return folder


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a scratch folder that becomes ``path`` when the block ends, and vanishes when it fails.

    Raises
    ------
    OutputError
        As `check_new_folder` does, or when writing fails.
    """
    folder = check_new_folder(path)
    with told(folder):
        if folder.is_dir():
            _sweep(folder)
        with filling(folder) as scratch:
            yield scratch


def check_file(path: str | os.PathLike[str]) -> Path:
    """Return the local file ``path`` when it can be written; what is there is to be replaced.

    Raises
    ------
    OutputError
        It is a URL or a folder, or it cannot be written to.
    """
    file = local_path(path)
    with told(file):
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _probe(file.parent)
    return file


@contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a scratch file that becomes ``path`` when the block ends, and vanishes when it fails.

    Raises
    ------
    OutputError
        ``path`` is a URL, or writing fails.
    """
    file = local_path(path)
    with told(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with becoming(file) as scratch:
            yield scratch


class RunFolder:
    """A run's results on disk. Each appears under its name by one rename, so a reader sees it whole or not at all.

    Files written: ``run.json`` (what was asked, the seed, the versions, ``"state": "unfinished" | "finished"``) and
    what the steps of the run add to it. Of a URL ``path`` is a local copy, and `keep` stores what is in it.
    """

    def __init__(
        self,
        path: Path,
        record: dict[str, Any],
        *,
        found: bool = False,
        mirror: Mirror | None = None,
        lock: FolderLock | None = None,
    ) -> None:
        self.path = path
        self.record = record
        self.found = found
        """Whether the run was there when its folder was opened, begun or finished."""
        self._lock = lock
        self.donors: tuple[Donor, ...] = ()
        """Other runs, from which results may be taken that would come out the same."""
        self._mirror = mirror
        self._keys: dict[str, str] = record.get("keys", {})

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        request: Mapping[str, Any],
        seed: int,
        versions: Mapping[str, str],
        keys: Mapping[str, str] | None = None,
    ) -> RunFolder:
        """Open the run that ``request`` describes: a new one, or the very one that ``path`` holds.

        Until it is finished, no other process of this machine can open it.

        ``request`` is plain JSON and decides whether a run is the same; ``seed`` is what a new run draws with, and
        a run that is there already keeps its own. ``versions`` are recorded, and those of ``ganaug`` must agree.
        ``keys`` name what each result depends on; see `borrow`.

        Raises
        ------
        OutputError
            The folder cannot be written to, holds something else, or another process is at work in it.
        """
        mirror = Mirror(os.fspath(path)) if storage.is_url(os.fspath(path)) else None
        folder = local_path(path) if mirror is None else mirror.local
        request = json.loads(json.dumps(request))
        if mirror is None and not (folder / RECORD).is_file():
            check_new_folder(folder)
        with told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = FolderLock.take(folder)
            if mirror is not None:
                mirror.pull()
            _sweep(folder)
        if (folder / RECORD).is_file():
            run = cls(folder, read_record(folder), found=True, mirror=mirror, lock=lock)
            run._require_same(request, versions)
            if run.finished:
                lock.release()
            return run
        record = {"format": FORMAT, "state": "unfinished", "request": request, "seed": seed, "versions": dict(versions)}
        record |= {"keys": dict(keys or {})}
        run = cls(folder, record, mirror=mirror, lock=lock)
        run.write_json(RECORD, record)
        return run

    @property
    def location(self) -> str:
        """Where the results are for others: a path, or a URL."""
        return str(self.path) if self._mirror is None else self._mirror.url

    def place_of(self, name: str) -> Path | str:
        """Return where the result ``name`` is for others."""
        return self.path / name if self._mirror is None else f"{self._mirror.url}/{name}"

    def keep(self, *names: str) -> None:
        """Store the results ``names`` where the run's folder is a URL; on disk they are stored already."""
        if self._mirror is not None:
            self._mirror.keep(*names)

    def drop(self, name: str) -> None:
        """Remove the file ``name``, which is no longer needed; it need not be there."""
        with told(self.path):
            (self.path / name).unlink(missing_ok=True)
        if self._mirror is not None:
            self._mirror.drop(name)

    def forget(self) -> None:
        """Remove the local copy of a run whose folder is a URL."""
        if self._mirror is not None:
            self._mirror.forget()

    def _donor(self, name: str) -> Donor | None:
        key = self._keys.get(name)
        return None if key is None else next((donor for donor in self.donors if donor.has(name, key)), None)

    def has_donor(self, name: str) -> bool:
        """Say whether another run has the result ``name``; see `borrow`."""
        return self._donor(name) is not None

    def borrow(self, name: str) -> bool:
        """Take the result ``name`` from another run that depends on the same things, and say whether there was one.

        It is to be read before it is kept: the other run may be about to be removed.
        """
        donor = self._donor(name)
        if donor is None:
            return False
        with told(self.path):
            scratch = _scratch(self.path)
            try:
                if not donor.copy(name, scratch):
                    return False
                os.replace(scratch / name, self.path / name)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        return True

    def discard(self, name: str) -> None:
        """Remove the result ``name``, a file or a folder, which is not kept yet."""
        with told(self.path):
            path = self.path / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    @property
    def seed(self) -> int:
        """The integer that the run draws everything with."""
        return int(self.record["seed"])

    @property
    def finished(self) -> bool:
        """Whether every result is there."""
        return self.record["state"] == "finished"

    def has(self, name: str) -> bool:
        """Say whether the result ``name`` (a file or a folder) is there."""
        return (self.path / name).exists()

    def read_json(self, name: str) -> Any:
        """Read the JSON file ``name``.

        Raises
        ------
        OutputError
            It is not there or is not JSON.
        """
        return _read_json(self.path / name)

    def write_json(self, name: str, value: Any) -> None:
        """Write ``value`` to the JSON file ``name``."""
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        with told(self.path):
            put(self.path / name, text.encode())
        self.keep(name)

    def finish(self) -> None:
        """Record that every result is there."""
        self.record = {**self.record, "state": "finished"}
        self.write_json(RECORD, self.record)
        if self._lock is not None:
            self._lock.release()

    def _require_same(self, request: Mapping[str, Any], versions: Mapping[str, str]) -> None:
        differing = sorted(
            name
            for name in {*request, *self.record["request"]}
            if request.get(name) != self.record["request"].get(name)
        )
        if differing:
            raise OutputError(
                f"the folder {str(self.path)!r} is not empty: it holds another run, which differs in "
                f"{', '.join(differing)}. Give another folder, or the same words as then"
            )
        theirs = self.record["versions"].get("ganaug")
        if not self.finished and theirs != versions["ganaug"]:
            raise OutputError(
                f"the folder {str(self.path)!r} holds this run, unfinished, but of ganaug {theirs}, and this is "
                f"{versions['ganaug']}. Give another folder, or finish it with the version that began it"
            )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OutputError(f"{str(path)!r} is missing from its run; delete the folder and run again") from error
    except ValueError as error:
        raise OutputError(f"{str(path)!r} is damaged ({error}); delete the folder and run again") from error


def read_record(folder: Path) -> dict[str, Any]:
    """Read the record of the run that ``folder`` holds.

    Raises
    ------
    OutputError
        It is damaged, or of a newer format.
    """
    record = _read_json(folder / RECORD)
    version = record.get("format") if isinstance(record, dict) else None
    if not isinstance(version, int) or not {"state", "request", "seed", "versions"} <= set(record):
        raise OutputError(f"{str(folder / RECORD)!r} is not the record of a run; give another folder")
    if version > FORMAT:
        raise OutputError(
            f"the folder {str(folder)!r} holds a run of format {version}, and this version reads up to {FORMAT}; "
            "update ganaug, or give another folder"
        )
    return record


def _is_left(name: str) -> bool:
    """Say whether a killed write left ``name``: a scratch is hidden and ends in .part or .tmp, or is ours."""
    return name.startswith(SCRATCH) or (name.startswith(".") and name.endswith((".part", ".tmp")))


def _visible(folder: Path) -> list[str]:
    """Return what lies in ``folder``, less what a killed write may have left."""
    return sorted(entry.name for entry in folder.iterdir() if not _is_left(entry.name))


def _some(folder: Path) -> str:
    names = _visible(folder)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _sweep(folder: Path) -> None:
    """Remove what a killed write left."""
    for entry in [entry for entry in folder.iterdir() if _is_left(entry.name)]:
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)


def _probe(folder: Path) -> None:
    """Write and remove a file in ``folder``, or in the nearest folder above it that exists."""
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        # A file without a name, which no kill leaves behind.
        os.close(os.open(place, os.O_TMPFILE | os.O_WRONLY, 0o600))
        return
    except (AttributeError, OSError):  # not every system has such files; a place that refuses all says so below
        scratch = _scratch(place)
    scratch.touch(exist_ok=False)
    scratch.unlink()


def _scratch(folder: Path) -> Path:
    """Return a name in ``folder`` that nothing else uses and that no reader takes for a result."""
    return folder / f"{SCRATCH}{uuid.uuid4().hex}"
