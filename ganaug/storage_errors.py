"""What can be wrong with a place to store files, in sentences that say what to do and show no secret."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl

from ganaug.errors import ArtefactError, ConfigError, DataError, OutputError

__all__ = [
    "absence_allowed",
    "error_code",
    "may_pass",
    "outage_errors",
    "require_no_secrets",
    "shown",
    "storage_errors",
]

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
_CLIENTS = {"botocore", "aiobotocore", "aiohttp", "gcsfs", "google", "azure", "paramiko", "requests", "urllib3"}
"""Packages whose own errors, not derived from `OSError`, come up from a file system."""
_FOR_GOOD = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
"""What no waiting mends, among the errors of the operating system."""
_SECRET = r"[\w.\-]*(?:token|secret|passw|pwd|key|sig|signature|credential|auth|sas)[\w.\-]*"
_NO_USERS = {"http", "https", "s3", "s3a", "gs", "gcs"}
_WHERE = (
    "put credentials where the storage's own package looks for them (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or "
    "~/.aws, GOOGLE_APPLICATION_CREDENTIALS, fsspec's ~/.config/fsspec/*.json or FSSPEC_* variables), or into a "
    "Prefect block, and leave them out of the URL, which is logged and recorded"
)


def require_no_secrets(url: str | os.PathLike[str]) -> None:
    """Raise where ``url`` carries credentials, as URLs end up in logs, records and provenance.

    That is a name with a password before the host, or a parameter called token, key, signature or the like. The message
    does not repeat them.

    >>> require_no_secrets("s3://bucket/rows")
    >>> require_no_secrets("s3://AKIA123:wJalr@bucket/rows")
    Traceback (most recent call last):
    ganaug.errors.ConfigError: the URL s3://... carries credentials before its host; put ...

    Raises
    ------
    ConfigError
        It does; the message says where credentials belong.
    """
    for part in os.fspath(url).split("::"):
        if "://" not in part:
            continue
        scheme, _, rest = part.partition("://")
        host = re.split(r"[/?#]", rest, maxsplit=1)[0]
        user, at, machine = host.rpartition("@")
        colon = ":" in user or (
            not at and ":" in machine and not re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d*)?|arn:.*", machine)
        )
        if colon or (at and scheme in _NO_USERS):
            raise ConfigError(f"the URL {scheme}://... carries credentials before its host; {_WHERE}")
        after = re.split(r"[?#]", rest, maxsplit=1)
        named = parse_qsl(re.sub(r"[?#]", "&", after[1]), keep_blank_values=True) if len(after) == 2 else []
        secret = next((name for name, _ in named if re.fullmatch(_SECRET, name, re.IGNORECASE)), None)
        if secret is not None:
            raise ConfigError(f"the URL {scheme}://... carries credentials in its parameter {secret!r}; {_WHERE}")


@contextmanager
def storage_errors(url: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what a file system says against ``url`` into an `OutputError` that says what to do, and shows no secret."""
    try:
        yield
    except (ArtefactError, ConfigError, DataError, OutputError):
        raise
    except Exception as error:
        told = _told(error, url)
        if told is None:
            raise
        cause = error if isinstance(error, OSError | ImportError | ValueError) else ConnectionError(_scrubbed(error))
        cause.__cause__ = error.__cause__ if cause is error else error
        raise OutputError(told) from cause


@contextmanager
def outage_errors(url: str | os.PathLike[str]) -> Iterator[None]:
    """Do what `storage_errors` does where waiting may mend it, and leave to the caller what is wrong with the file."""
    try:
        yield
    except (ArtefactError, ConfigError, DataError, OutputError):
        raise
    except Exception as error:
        if not may_pass(error):
            raise
        with storage_errors(url):
            raise


def may_pass(error: BaseException | None) -> bool:
    """Say whether ``error`` may be gone after a while: a storage or a network that is away, or a disk that is full.

    >>> may_pass(ConnectionError("reset")), may_pass(PermissionError("no")), may_pass(ValueError("no"))
    (True, False, False)
    """
    while error is not None:
        if isinstance(error, OSError):
            return not isinstance(error, _FOR_GOOD) and error.errno != errno.EROFS
        if _is_of_client(error):
            return True
        error = error.__cause__
    return False


@contextmanager
def absence_allowed() -> Iterator[None]:
    """Let it pass that a file is not there, but not that its bucket is not."""
    try:
        yield
    except FileNotFoundError as error:
        if error_code(error) == "NoSuchBucket":
            raise


def shown(url: str | os.PathLike[str]) -> str:
    """Return a URL as messages name it."""
    return repr(os.fspath(url))


def _told(error: Exception, url: str | os.PathLike[str]) -> str | None:
    """Return the sentence for ``error``; None if it is not of a file system."""
    name, code, text = shown(url), error_code(error), _scrubbed(error)
    scheme = os.fspath(url).split("://")[0]
    kind = type(error).__name__
    if isinstance(error, ImportError):
        extra = f"pip install 'ganaug[{_EXTRAS[scheme]}]'" if scheme in _EXTRAS else "install it"
        return f"{name} cannot be opened, as a package is missing: {text}; {extra}"
    if isinstance(error, ValueError):
        return (
            f"{name} cannot be used: {text}; give a local path or a URL that fsspec knows, such as s3://bucket/folder"
        )
    if code == "NoSuchBucket":
        return f"the bucket of {name} does not exist; create it, or correct the URL"
    if kind in ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ProfileNotFound"):
        return f"no credentials were found for {name} ({kind}); {_WHERE}"
    if isinstance(error, PermissionError):
        why = code or error.strerror or "permission denied"
        return f"{name} may not be used ({why}); check the credentials, what they allow, and whose the place is"
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"no space is left at {name}; free some and call again"
        return f"{name} cannot be used: {text}; check the path, and call again if the storage was away for a moment"
    if _is_of_client(error):
        return f"{name} cannot be reached: {text}; check the address and the network, and call again"
    return None


def _is_of_client(error: BaseException) -> bool:
    """Say whether ``error`` is one of the packages that speak with storages."""
    return bool({kind.__module__.partition(".")[0] for kind in type(error).__mro__} & _CLIENTS)


def error_code(error: BaseException) -> str | None:
    """Return the code by which S3 names what is wrong; None where it is not S3."""
    response = getattr(error.__cause__ or error, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None


def _scrubbed(error: BaseException) -> str:
    """Return what an error says, less whatever may be a secret in it."""
    text = str(error) or type(error).__name__
    text = re.sub(r"//[^/@\s]+@", "//***@", text)
    return re.sub(rf"\b({_SECRET})(['\"]?\s*[=:]\s*)[^\s,;&]+", r"\1\2***", text, flags=re.IGNORECASE)
