"""The files of a run that are the same, bit for bit, whoever makes it again."""

from __future__ import annotations

from pathlib import Path

__all__ = ["EVENTS", "files_of"]

EVENTS = "tensorboard"
"""A local run's folder for TensorBoard's events. Their names tell host, time and process, and a run that goes on after
a kill adds a file, so that they are no result of the run."""


def files_of(folder: Path) -> list[Path]:
    """Return every file below ``folder``, in order, without the events."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in files if path.relative_to(folder).parts[0] != EVENTS]
