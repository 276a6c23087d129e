"""A run that failed says in its first line what to do."""

from __future__ import annotations

import errno

from ganaug.errors import ArtefactError, ConfigError, DataError, OutputError, TrainingError

__all__ = ["first_line"]

OURS = (ArtefactError, ConfigError, DataError, OutputError, TrainingError)
"""Errors whose own message says what was wrong, where, and what to do."""
AGAIN = "then run it again with the same parameters: what was finished is kept"
NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "RefreshError")
"""Names of what botocore and google-auth raise; neither need be installed here."""


def first_line(error: BaseException) -> str:
    """Return one sentence that says what went wrong and what to do about it; the traceback belongs in the log.

    An error that another one caused is judged by the cause where that is what can be mended.

    >>> first_line(MemoryError())
    'the memory of this machine ran out; give the run more, or fewer rows or a smaller image_size, then run it again \
with the same parameters: what was finished is kept'
    >>> first_line(ConfigError("check must be 'none', however: check='no'"))
    "check must be 'none', however: check='no'"
    """
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, OURS):
            return _line(link)
    for link in chain:
        found = _known(link)
        if found:
            return found
    text = _line(error)
    return (
        f"an unexpected {type(error).__name__}{f': {text}' if text else ''}; the log has the traceback; run it again "
        "with the same parameters, and if it comes again, report it with the traceback"
    )


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__
    return links


def _known(error: BaseException) -> str | None:
    """Return the sentence for what machines and storages do to a run; None for what is not known."""
    name, text = type(error).__name__, _line(error)
    if name == "OutOfMemoryError":  # torch's, of the card
        return f"the memory of the GPU ran out; use a larger card, no other process on it, or device='cpu', {AGAIN}"
    if isinstance(error, MemoryError):
        return f"the memory of this machine ran out; give the run more, or fewer rows or a smaller image_size, {AGAIN}"
    if name in NO_CREDENTIALS:
        return f"the storage wants credentials and found none ({text}); give the run's worker some, {AGAIN}"
    if isinstance(error, OSError):
        where = f" ({error.filename!r})" if error.filename else f" ({text})" if text else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"the disk is full{where}; make room, {AGAIN}"
        if isinstance(error, FileNotFoundError):
            return f"a file is missing{where}; see whether the path is right and this machine sees it, {AGAIN}"
        if isinstance(error, PermissionError):
            return f"access was refused{where}; let this user read the data and write the results, {AGAIN}"
        if isinstance(error, ConnectionError | TimeoutError):
            return f"the storage or the server did not answer{where}; see whether it is up, {AGAIN}"
        return f"the storage failed{where}: {error.strerror or name}; see whether it is up and has room, {AGAIN}"
    return None


def _line(error: BaseException) -> str:
    """Return what the error says on one line."""
    return " ".join(str(error).split())
