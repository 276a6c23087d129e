"""Removes versions that nobody needs any more, and what killed publishes left."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganaug import storage
from ganaug.releases import pointer
from ganaug.releases.pointer import Pointer
from ganaug.releases.release import CLAIM, DATA, MANIFEST, RELEASE, Release, url_of

__all__ = ["is_needed", "remove", "sweep"]


def is_needed(release: Release, at: Pointer | None, since: datetime) -> bool:
    """Say whether a version is pointed to, or may still be read."""
    if at is not None and release.version in (at.version, at.previous):
        return True
    left = None if at is None else at.left.get(release.version)
    times = [release.published_at, *([] if left is None else [left])]
    return any(datetime.fromisoformat(time) > since for time in times)


def remove(place: str, version: str) -> bool:
    """Remove a version, its record first; put that back if somebody pointed to it meanwhile."""
    url = url_of(place, version)
    if storage.local_folder(place) is not None:
        with storage.storage_errors(url):
            scratch = Path(url_of(place, f"{storage.SCRATCH}{uuid.uuid4().hex}"))
            Path(url).rename(scratch)
        storage.delete(scratch)
        return True
    record = storage.read_bytes(storage.join(url, RELEASE))
    storage.delete(url, files=[RELEASE])
    at = pointer.read(place)
    if at is not None and at.version == version and record is not None:
        storage.atomic_write(storage.join(url, RELEASE), record)
        return False
    storage.delete(url)
    return True


def sweep(place: str, before: datetime) -> None:
    """Remove what publishes and removals left that were killed, where its newest file is older than ``before``."""
    files, path = storage.filesystem(url_of(place))
    entries: list[dict[str, Any]] = []
    with storage.storage_errors(place), storage.absence_allowed():
        entries = files.ls(path, detail=True)
    for entry in entries:
        name = entry["name"].rstrip("/").rsplit("/", 1)[-1]
        if entry["type"] == "directory" and _is_left(place, name):
            with storage.storage_errors(place), storage.absence_allowed():
                inside = files.find(entry["name"], withdirs=storage.local_folder(place) is not None) or [entry["name"]]
                if max(_aware(files.modified(file)) for file in inside) < before:
                    storage.delete(url_of(place, name))


def _is_left(place: str, name: str) -> bool:
    """Say whether a folder among the versions is ours and none of them."""
    if name.startswith(storage.SCRATCH):
        return True
    inside = storage.files_below(url_of(place, name))
    return RELEASE not in inside and any(f in (CLAIM, MANIFEST) or f.startswith(f"{DATA}/") for f in inside)


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
