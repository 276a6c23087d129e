"""Finished repeats of a check, kept until the check is done: a check that is killed goes on after the last of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ganaug.evaluate.measured import Measured
from ganaug.runs import RunFolder, told

__all__ = ["FolderShelf", "Keeping", "Shelf"]

logger = logging.getLogger("ganaug")


class Shelf(Protocol):
    """Keeps plain JSON by number."""

    def read(self, number: int) -> dict[str, Any] | None:
        """Return what was kept, or None."""
        ...

    def write(self, number: int, part: dict[str, Any]) -> None:
        """Keep ``part``, whole or not at all."""
        ...

    def checkpoint(self, number: int) -> Any:
        """Return the file in which the training of that repeat's generators keeps where it is, or None."""
        ...

    def discard(self, number: int) -> None:
        """Remove that file, whose training is done, or another one."""
        ...


@dataclass(frozen=True)
class FolderShelf:
    """Keeps ``check-00.json`` and on, and the generators' ``check-00.safetensors``, in the folder of a run."""

    folder: RunFolder

    def read(self, number: int) -> dict[str, Any] | None:
        """Return what was kept, or None."""
        name = f"check-{number:02d}.json"
        return self.folder.read_json(name) if self.folder.has(name) else None

    def write(self, number: int, part: dict[str, Any]) -> None:
        """Keep ``part``; its generators are not needed any more."""
        self.folder.write_json(f"check-{number:02d}.json", part)
        self.discard(number)

    def checkpoint(self, number: int) -> Path | str:
        """Return the checkpoint's path or URL."""
        return self.folder.place_of(f"check-{number:02d}.safetensors")

    def discard(self, number: int) -> None:
        """Remove the checkpoint, which may be several files."""
        from ganaug import checkpoint  # here, so that whoever keeps nothing does not wait for torch

        with told(self.folder.path):
            checkpoint.remove(self.checkpoint(number))

    def clear(self) -> None:
        """Remove everything that was kept."""
        for path in sorted(self.folder.path.glob("check-*")):
            if path.suffix == ".json":
                self.discard(int(path.stem.removeprefix("check-")))
            self.folder.drop(path.name)


@dataclass(frozen=True)
class Keeping:
    """A shelf for the parts of one check, and of no other that may have used the place before."""

    shelf: Shelf
    digest: str
    """Of the question, see `Question.digest`."""

    def read(self, number: int) -> Measured | None:
        """Return what was measured in that repeat, or None where that is not known."""
        part = self.shelf.read(number)
        if part is None:
            return None
        if part.get("check") != self.digest:
            logger.warning("effect check: repeat %d is that of another check, and is measured again", number)
            return None
        return Measured.from_json(part["measured"])

    def write(self, number: int, measured: Measured) -> None:
        """Keep what was measured in that repeat."""
        self.shelf.write(number, {"check": self.digest, "measured": measured.to_json()})
