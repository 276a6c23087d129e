"""Which runs a place has seen, in ``runs/history.json``: the last one to compare with, and the old ones to remove."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from ganaug import storage
from ganaug.errors import ArtefactError
from ganaug.storage import join

__all__ = ["History"]

FILE = "history.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class History:
    """The runs in a folder or URL, by the names of their folders."""

    begun: tuple[str, ...] = ()
    """In the order in which they were begun last."""
    finished: str | None = None
    """The run that finished last."""

    @classmethod
    def read(cls, runs: str) -> History:
        """Read what is known of ``runs``; nothing is, where nothing was written.

        Raises
        ------
        ArtefactError
            The file is damaged, or of a newer format.
        """
        content = storage.read_bytes(join(runs, FILE))
        if content is None:
            return cls()
        try:
            value: Any = json.loads(content)
            version, begun, finished = value["format"], [str(name) for name in value["begun"]], value["finished"]
        except (ValueError, KeyError, TypeError) as error:
            raise ArtefactError(f"{join(runs, FILE)!r} is damaged ({error}); delete it to start anew") from error
        if version > FORMAT:
            raise ArtefactError(f"{join(runs, FILE)!r} is of format {version}, newer than {FORMAT}; update ganaug")
        return cls(begun=tuple(begun), finished=finished)

    def begin(self, runs: str, name: str) -> History:
        """Write down that the run ``name`` begins."""
        return History(begun=(*(n for n in self.begun if n != name), name), finished=self.finished)._write(runs)

    def finish(self, runs: str, name: str, *, keep: int) -> History:
        """Write down that the run ``name`` is finished, and remove all but the ``keep`` that were begun last."""
        gone = [n for n in self.begun[:-keep] if n != name]
        for old in gone:
            storage.delete(join(runs, old))
        return History(begun=tuple(n for n in self.begun if n not in gone), finished=name)._write(runs)

    def _write(self, runs: str) -> History:
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        storage.atomic_write(join(runs, FILE), text.encode())
        return self
