"""The runs of a place, in ``runs/``: the last one, to compare with, and the old ones, to remove."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from ganaug import storage
from ganaug.errors import ArtefactError
from ganaug.storage import join

__all__ = ["ABANDONED", "expire", "last_run", "remember"]

FILE = "last.json"
FORMAT = 1
ABANDONED = timedelta(days=7)
"""Age from which an unfinished run counts as given up."""
_NAME = re.compile(r"[0-9a-f]{12}")


def last_run(runs: str) -> str | None:
    """Return the name of the run in the folder or URL ``runs`` that finished last; None where none has.

    Raises
    ------
    ArtefactError
        The file that says so is damaged, or of a newer format.
    """
    content = storage.read_bytes(join(runs, FILE))
    if content is None:
        return None
    try:
        value: Any = json.loads(content)
        version, name = int(value["format"]), str(value["run"])
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{join(runs, FILE)!r} is damaged ({error}); delete it to start anew") from error
    if version > FORMAT:
        raise ArtefactError(f"{join(runs, FILE)!r} is of format {version}, newer than {FORMAT}; update ganaug")
    if not _NAME.fullmatch(name):
        raise ArtefactError(f"{join(runs, FILE)!r} names {name!r}, which is no run; delete it to start anew")
    return name


def remember(runs: str, name: str) -> None:
    """Write down that the run ``name`` finished last."""
    storage.atomic_write(join(runs, FILE), json.dumps({"format": FORMAT, "run": name}).encode())


def expire(runs: str, name: str, *, keep: int) -> list[str]:
    """Remove all but the ``keep`` newest finished runs, and those given up; never ``name``. Return what was removed."""
    files, path = storage.filesystem(runs)
    found: list[tuple[datetime, str, bool]] = []
    with storage.storage_errors(runs):
        for record in files.glob(f"{path}/*/run.json"):
            other = record.split("/")[-2]
            if other != name and _NAME.fullmatch(other):
                finished = json.loads(files.cat_file(record)).get("state") == "finished"
                found.append((_aware(files.modified(record)), other, finished))
    done = sorted((entry for entry in found if entry[2]), reverse=True)[keep - 1 :]
    given_up = [entry for entry in found if not entry[2] and entry[0] < datetime.now(UTC) - ABANDONED]
    gone = [other for _, other, _ in (*done, *given_up)]
    for other in gone:
        storage.delete(join(runs, other), files=["run.json"])  # first: what is left is then no run to anybody
        storage.delete(join(runs, other))
    return gone


def _aware(when: datetime) -> datetime:
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
