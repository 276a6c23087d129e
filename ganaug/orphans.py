"""Processes that end when the one that they work for is gone; joblib's workers would wait for work for five minutes."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["MASTER", "called_from", "end_with"]

MASTER = "GANAUG_MASTER"
"""The variable that names the process that a command works for."""
EVERY = 1.0
"""Seconds between two looks at whether it is there."""


def called_from(master: int, function: Callable[[], Any]) -> Any:
    """Call ``function`` for the process ``master``; another process, a worker of that one, then ends with it."""
    if os.getpid() != master:
        end_with(master)
    return function()


@functools.cache
def end_with(master: int) -> None:
    """End this process, at once, when the process ``master`` of this machine is gone."""

    def watch() -> None:
        while _is_there(master):
            time.sleep(EVERY)
        os._exit(1)

    threading.Thread(target=watch, name="ganaug-orphan", daemon=True).start()


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user: there
        return True
    return True
