"""What is to be published: a data set that `ganaug.write_parquet` wrote, and further files, checked and hashed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganaug.errors import ArtefactError, OutputError
from ganaug.files import digest, inside
from ganaug.releases.release import CLAIM, DATA, MANIFEST, RELEASE, check_name
from ganaug.storage import is_url, storage_errors

__all__ = ["Content", "collect"]

_LENGTH = 16
"""Hexadecimal digits of a version that is named by its content."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a version will hold."""

    sources: dict[str, Path]
    """Name in the version -> local file."""
    files: tuple[dict[str, Any], ...]
    """Name, bytes and SHA-256 of each, by name."""
    rows: int
    provenance: dict[str, Any]

    @property
    def digest(self) -> str:
        """The SHA-256 of all names and hashes."""
        return hashlib.sha256(json.dumps([[f["name"], f["sha256"]] for f in self.files]).encode()).hexdigest()

    @property
    def version(self) -> str:
        """A version's name that stands for this content: the same files, the same name."""
        return self.digest[:_LENGTH]


def collect(folder: str | os.PathLike[str], files: Mapping[str, str | os.PathLike[str]] | None = None) -> Content:
    """Collect the data set in ``folder``, and ``files``: name in the version -> a local file or folder.

    Raises
    ------
    ArtefactError
        ``folder`` holds no whole data set: a file is missing or differs from its manifest.
    ConfigError, OutputError
        A name of ``files`` is taken or leaves the version, or there is no such file.
    """
    if is_url(folder):
        raise OutputError(
            f"what is published must be a local folder, however: {os.fspath(folder)!r}; download it first"
        )
    folder = Path(folder).expanduser()
    manifest = _read_manifest(folder)
    sources = {MANIFEST: folder / MANIFEST}
    for entry in manifest["files"]:
        sources[check_name(entry["name"])] = folder / entry["name"]
    for name, path in (files or {}).items():
        for inner, file in _files_of(check_name(name), Path(path).expanduser()).items():
            if inner in (MANIFEST, RELEASE, CLAIM) or inner.split("/")[0] == DATA or inner in sources:
                raise OutputError(f"{inner!r} cannot be added to the version: that name is the data set's own")
            sources[inner] = file
    described = []
    with storage_errors(folder):
        for name in sorted(sources):
            described.append({"name": name, "bytes": sources[name].stat().st_size, "sha256": digest(sources[name])})
    known = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
    damaged = next((f["name"] for f in described if known.get(f["name"], f["sha256"]) != f["sha256"]), None)
    if damaged is not None:
        raise ArtefactError(
            f"{str(folder / damaged)!r} is not what its manifest says (SHA-256 differs); write it again"
        )
    return Content(
        sources=sources, files=tuple(described), rows=int(manifest["rows"]), provenance=dict(manifest["provenance"])
    )


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Read a data set's manifest, and see that its files are there, and in the folder."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        names = [entry["name"] for entry in manifest["files"] if entry["sha256"]]
        if not {"rows", "provenance"} <= set(manifest) or any(not n.startswith(f"{DATA}/") for n in names):
            raise ValueError("it is not of ganaug.write_parquet")
    except FileNotFoundError as error:
        raise ArtefactError(
            f"{str(folder)!r} holds no {MANIFEST}; give the folder of a data set that ganaug.write_parquet wrote, "
            "such as RUN/synthetic"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtefactError(f"{str(folder / MANIFEST)!r} cannot be read: {error}; write the data set again") from error
    missing = next((name for name in names if not inside(folder, name).is_file()), None)
    if missing is not None:
        raise ArtefactError(f"{str(folder / missing)!r} is missing, and the manifest names it; write the set again")
    return manifest


def _files_of(name: str, path: Path) -> dict[str, Path]:
    """Return the file ``path`` as ``name``, or what lies below the folder ``path``, below ``name``."""
    if path.is_dir():
        below = (file for file in sorted(path.rglob("*")) if file.is_file())
        return {f"{name}/{file.relative_to(path).as_posix()}": file for file in below}
    if not path.is_file():
        raise OutputError(f"{str(path)!r}, which is to be published as {name!r}, does not exist")
    return {name: path}
