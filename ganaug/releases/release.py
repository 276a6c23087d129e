"""What is known of a published version, and its ``release.json``: JSON and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from ganaug.errors import ArtefactError, ConfigError
from ganaug.storage import join

__all__ = [
    "CLAIM",
    "DATA",
    "LATEST",
    "MANIFEST",
    "RELEASE",
    "Release",
    "check_name",
    "check_version",
    "read_record",
    "to_bytes",
    "url_of",
    "utc_now",
]

FORMAT = 1
RELEASE = "release.json"
"""Written last: a version without it does not exist for readers."""
MANIFEST = "manifest.json"
DATA = "data"
CLAIM = ".claim.json"
"""On an object store: who writes this version, so that two publishers do not mix their files."""
VERSIONS = "versions"
LATEST = "latest"
"""The word by which readers ask for the version that is pointed to."""

_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_+-]|\.(?!\.)){0,99}(?<!\.)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Release:
    """A published version."""

    version: str
    published_at: str
    """When, in UTC, as ISO 8601 with microseconds."""
    rows: int
    """Synthetic rows."""
    files: tuple[dict[str, Any], ...]
    """Name (relative to the version's folder), bytes and SHA-256 of every file but ``release.json``, by name."""
    provenance: dict[str, Any]
    """That of the data set: variant, configuration, versions, fingerprint and seed."""
    verdict: str | None = None
    sentence: str | None = None
    data_fingerprint: str | None = None
    seed: int | None = None
    notes: dict[str, Any]
    """Whatever the publisher wrote down, as plain JSON."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"format": FORMAT, **asdict(self), "files": [dict(file) for file in self.files]}

    @classmethod
    def from_json(cls, text: bytes, version: str, place: str) -> Release:
        """Read what `to_json` gave for ``version``; ``place`` is how messages name the file.

        Raises
        ------
        ArtefactError
            It is damaged, of something else, or of a newer format.
        """
        value = read_record(text, FORMAT, place)
        value.pop("format")
        try:
            release = cls(**{**value, "files": tuple(value["files"])})
            if release.version != version:
                raise ValueError(f"it is of version {release.version!r}")
            datetime.fromisoformat(release.published_at)
            for file in release.files:
                check_name(file["name"])
                if not _SHA256.fullmatch(file["sha256"]) or not isinstance(file["bytes"], int):
                    raise ValueError(f"what it says of {file['name']!r} is no SHA-256 and size")
        except (TypeError, KeyError, ValueError) as error:
            raise ArtefactError(f"{place} is not the record of a published set: {error}") from error
        return release


def read_record(text: bytes, newest: int, place: str) -> dict[str, Any]:
    """Read a JSON object with a ``format`` up to ``newest``.

    Raises
    ------
    ArtefactError
        It is damaged, something else, or newer.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ArtefactError(f"{place} is damaged: {error}") from error
    version = value.get("format") if isinstance(value, dict) else None
    if not isinstance(version, int):
        raise ArtefactError(f"{place} was not written by ganaug: it has no format number")
    if version > newest:
        raise ArtefactError(f"{place} has format {version}, and this version reads up to {newest}; update ganaug")
    return value


def url_of(place: str, *names: str) -> str:
    """Return the path or URL of ``names`` below the folder of versions."""
    return join(place, VERSIONS, *names)


def check_version(version: str) -> str:
    """Return ``version`` if it can be the name of one.

    >>> check_version("2026-11-22.1")
    '2026-11-22.1'

    Raises
    ------
    ConfigError
        It has characters that are not safe in a path, or is ``latest``.
    """
    if not isinstance(version, str) or not _VERSION.fullmatch(version) or version.lower() == LATEST:
        raise ConfigError(
            "a version is named with up to 100 letters, digits and . _ + - (no .., not at the ends, and not 'latest'), "
            f"however: {version!r}"
        )
    return version


def check_name(name: str) -> str:
    """Return ``name`` if it is a relative path that stays in its folder.

    >>> check_name("contact-sheets/a.png")
    'contact-sheets/a.png'

    Raises
    ------
    ConfigError
        It is not.
    """
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or str(path) != name or "\\" in name or "\0" in name:
        raise ConfigError(f"a published file is named by a relative path without '..', however: {name!r}")
    return name


def to_bytes(value: Mapping[str, Any]) -> bytes:
    """Return JSON for people and programs."""
    try:
        return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise ConfigError(f"what is recorded with a version must be plain JSON, however: {error}") from error


def utc_now() -> str:
    """Return the time in UTC, as ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
