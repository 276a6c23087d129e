from __future__ import annotations

import errno

import pytest

from flows.failures import first_line
from ganaug.errors import DataError, TrainingError


class NoCredentialsError(Exception):
    """Stands for botocore's, which need not be installed."""


class OutOfMemoryError(RuntimeError):
    """Stands for torch's."""


@pytest.mark.parametrize(
    ("error", "does"),
    [
        (TrainingError("the loss is not finite; try a lower\nlearning rate"), "try a lower learning rate"),
        (MemoryError(), "give the run more"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate"), "use a larger card"),
        (OSError(errno.ENOSPC, "No space left on device", "/data/out"), "('/data/out'); make room"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/data/in.csv"), "see whether the path is right"),
        (PermissionError(errno.EACCES, "Permission denied", "/data/out"), "let this user read"),
        (ConnectionResetError("reset by peer"), "did not answer (reset by peer); see whether it is up"),
        (NoCredentialsError("Unable to locate credentials"), "give the run's worker some"),
        (OSError("odd"), "the storage failed (odd)"),
        (KeyError("column"), "an unexpected KeyError: 'column'; the log has the traceback"),
    ],
)
def test_the_first_line_says_what_to_do(error: BaseException, does: str) -> None:
    line = first_line(error)
    assert does in line and "\n" not in line


def test_an_error_is_judged_by_what_caused_it_and_our_own_words_come_first() -> None:
    outer = RuntimeError("step failed")
    outer.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert "the disk is full" in first_line(outer)
    ours = DataError("column 'a' is empty; drop it")
    ours.__cause__ = FileNotFoundError("x")
    assert first_line(ours) == "column 'a' is empty; drop it"
