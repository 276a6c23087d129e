"""One process at a time in a folder: a lock on the folder itself, which leaves no file, and which a kill gives back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar
from weakref import WeakValueDictionary

from ganaug.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows has no locks on folders: there, whoever starts two processes is on their own
    fcntl = None

__all__ = ["FolderLock"]


class FolderLock:
    """Holds a folder of this machine for this process until `release`, or until nothing refers to it any more."""

    _held: ClassVar[WeakValueDictionary[Path, FolderLock]] = WeakValueDictionary()

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> FolderLock:
        """Take the lock of ``folder``, which exists; whoever has it in this process already shares it.

        Raises
        ------
        OutputError
            Another process has it.
        """
        known = cls._held.get(folder)
        if known is not None and known._descriptor is not None:
            return known
        lock = cls._held[folder] = cls(_locked(folder))
        return lock

    def release(self) -> None:
        """Let others take it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    __del__ = release


def _locked(folder: Path) -> int | None:
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise OutputError(
            f"another process is at work in {str(folder)!r}; wait until it ends, or give another folder"
        ) from error
    except OSError:  # a file system without locks
        os.close(descriptor)
        return None
    return descriptor
