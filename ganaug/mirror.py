"""A run's folder on object storage: worked on in a local copy, and kept there result by result.

Files written at the URL: the results, and ``files.json``, which lists them with their SHA-256 and is written last. What
it does not list does not exist, so that a reader sees a result whole or not at all, and another machine can go on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Container
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ganaug import storage
from ganaug.errors import ArtefactError, OutputError
from ganaug.files import digest

__all__ = ["INDEX", "Mirror", "cache_folder", "digest", "read_index"]

INDEX = "files.json"
FORMAT = 1
OURS = ("run.json", "checkpoint.safetensors", "checkpoint-plan.safetensors")
"""What may lie at a URL before the first index."""
REWRITTEN = ("run.json", "training/*")
"""What is written over, by one PUT a file: a kill before the index is written leaves it newer than the index says."""


def cache_folder() -> Path:
    """Return where local copies lie: GANAUG_CACHE, or ``ganaug`` in the user's folder for caches."""
    named = os.environ.get("GANAUG_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else base / "ganaug"


class Mirror:
    """The folder ``url`` and its local copy; the copy holds what the index at ``url`` lists."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.local = cache_folder() / "runs" / hashlib.sha256(self.url.encode()).hexdigest()[:20]
        self._files: dict[str, str] = {}

    def pull(self) -> Path:
        """Bring the local copy to what is stored, and return it.

        Raises
        ------
        OutputError
            Something else lies at the URL, or the storage cannot be read.
        ArtefactError
            A stored file is not the one that was written.
        """
        self._files = read_index(self.url) or {}
        if not self._files:
            self._require_empty()
        self.local.mkdir(parents=True, exist_ok=True)
        _keep_only(self.local, self._files)
        missing = [name for name, sha256 in self._files.items() if _is_rewritten(name) or not self._has(name, sha256)]
        if missing:
            storage.download(self.url, self.local, files=missing)
        damaged = [name for name in missing if not _is_rewritten(name) and not self._has(name, self._files[name])]
        if damaged:
            raise ArtefactError(
                f"{self.url}/{damaged[0]} is not the file that was stored there; delete {self.url!r} and run again"
            )
        return self.local

    def keep(self, *names: str) -> None:
        """Store the files or folders ``names`` of the local copy; they are there for others when this returns."""
        paths = [path for name in names for path in _files_of(self.local / name)]
        found = {path.relative_to(self.local).as_posix(): digest(path) for path in paths}
        new = {name: sha256 for name, sha256 in found.items() if self._files.get(name) != sha256}
        if new:
            storage.upload(self.local, self.url, files=new)
            self._files |= new
            self._write_index()

    def drop(self, name: str) -> None:
        """Remove the stored file ``name``, listed or not."""
        if self._files.pop(name, None) is not None:
            self._write_index()
        storage.delete(self.url, files=[name])

    def forget(self) -> None:
        """Remove the local copy."""
        shutil.rmtree(self.local, ignore_errors=True)

    def _write_index(self) -> None:
        text = json.dumps({"format": FORMAT, "files": self._files}, indent=1, sort_keys=True)
        storage.atomic_write(f"{self.url}/{INDEX}", text.encode())

    def _has(self, name: str, sha256: str) -> bool:
        path = self.local / name
        return path.is_file() and digest(path) == sha256

    def _require_empty(self) -> None:
        """Refuse what is somebody else's. Our own files without an index are what a kill before the first one left."""
        others = [name for name in storage.files_below(self.url) if name not in OURS]
        if others:
            raise OutputError(f"the folder {self.url!r} is not empty (it holds {others[0]!r}); give another one")


def read_index(url: str) -> dict[str, str] | None:
    """Return the files that ``url`` lists, with their SHA-256; None where there is no index.

    Raises
    ------
    ArtefactError
        The index is damaged, of a newer format, or names what lies elsewhere.
    """
    content = storage.read_bytes(f"{url}/{INDEX}")
    if content is None:
        return None
    try:
        index: Any = json.loads(content)
        files = {str(name): str(sha256) for name, sha256 in index["files"].items()}
        version = int(index["format"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtefactError(f"{url}/{INDEX} is damaged ({error}); delete {url!r} and run again") from error
    if version > FORMAT:
        raise ArtefactError(
            f"{url}/{INDEX} is of format {version}, and this version reads up to {FORMAT}; update ganaug"
        )
    for name in files:
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise ArtefactError(f"{url}/{INDEX} names {name!r}, which lies outside of the run; it is not to be trusted")
    return files


def _is_rewritten(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in REWRITTEN)


def _keep_only(folder: Path, names: Container[str]) -> None:
    """Remove the files of ``folder`` that are not among ``names``, and the folders that hold none then."""
    for path in _files_of(folder):
        if path.relative_to(folder).as_posix() not in names:
            path.unlink()
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def _files_of(path: Path) -> list[Path]:
    """Return the files of a folder, in order, or the file itself; none where there is neither."""
    if path.is_dir():
        return sorted(inner for inner in path.rglob("*") if inner.is_file())
    return [path] if path.is_file() else []
