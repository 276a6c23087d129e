"""What is tried again after a while, and how often: what may pass, such as storage that is away for a moment."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

__all__ = ["PATIENCE", "is_passing"]

FOR_GOOD = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
"""What no waiting mends, among the errors of the operating system."""


def is_passing(error: BaseException | None) -> bool:
    """Say whether ``error`` may be gone after a while: storage, network or disk space, not what we were given.

    >>> is_passing(ConnectionError("reset")), is_passing(PermissionError("no")), is_passing(ValueError("no"))
    (True, False, False)
    """
    while error is not None:
        if isinstance(error, OSError):
            return not isinstance(error, FOR_GOOD)
        error = error.__cause__
    return False


def _try_again(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    return is_passing(state.result(raise_on_failure=False))


PATIENCE: Any = {
    "retries": 3,
    "retry_delay_seconds": [2, 10, 60],
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _try_again,
}
"""Options of `prefect.task`: three more tries, after seconds that grow, of what may pass."""
