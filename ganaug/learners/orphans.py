"""Worker processes that end when the one that started them is gone; joblib's would wait for work for five minutes."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["called_from"]

EVERY = 1.0
"""Seconds between two looks at who the parent is."""


def called_from(parent: int, function: Callable[[], Any]) -> Any:
    """Call ``function`` for the process ``parent``; a worker of that one then ends with it."""
    if os.getpid() != parent and os.getppid() == parent:
        _watch(parent)
    return function()


@functools.cache
def _watch(parent: int) -> None:
    def look() -> None:
        while os.getppid() == parent:
            time.sleep(EVERY)
        os._exit(1)

    threading.Thread(target=look, name="ganaug-orphan", daemon=True).start()
