"""Writes a version: whole under its name, or not there for readers.

Locally it is made beside the others and gets its name by one rename. On an object store its files are written first, on
a claim that keeps a second publisher of the same name with other content out, then the manifest, then ``release.json``.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from ganaug import storage
from ganaug.errors import OutputError
from ganaug.files import sync, sync_all
from ganaug.releases import pointer
from ganaug.releases.content import Content
from ganaug.releases.release import CLAIM, MANIFEST, RELEASE, Release, to_bytes, url_of

__all__ = ["write"]

_Same = Callable[[], Release | None]


def write(place: str, release: Release, content: Content, same: _Same) -> Release:
    """Write ``release``, which holds ``content``, below ``place``; return what is there then.

    ``same`` returns what is published under the name meanwhile, and raises where that has other content.

    Raises
    ------
    OutputError
        Another publishes other content under that name, or the storage cannot be written to.
    """
    make = _write_remote if storage.local_folder(place) is None else _write_local
    return make(place, release, content, same)


def _write_local(place: str, release: Release, content: Content, same: _Same) -> Release:
    """Make the version beside the others, and give it its name by one rename."""
    target = Path(url_of(place, release.version))
    scratch = target.with_name(f"{storage.SCRATCH}{uuid.uuid4().hex}")
    with storage.storage_errors(place):
        try:
            storage.put_files(content.sources, scratch, last=(MANIFEST,))
            storage.atomic_write(scratch / RELEASE, to_bytes(release.to_json()))
            sync_all(scratch)  # so that the rename names whole files, whatever happens next
            with pointer.locked(place):
                there = same()  # another may have been faster
                if there is None and target.exists():
                    shutil.rmtree(target)  # no release.json: nobody sees it
                if there is None:
                    scratch.rename(target)
                    sync(target.parent)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return release if there is None else there


def _write_remote(place: str, release: Release, content: Content, same: _Same) -> Release:
    """Write the claim, the files, the manifest, and ``release.json`` last."""
    url = url_of(place, release.version)
    claim = to_bytes({"content": content.digest})
    if not pointer.create(storage.join(url, CLAIM), claim):
        raise OutputError(
            f"another publish of the version {release.version!r}, with other content, is under way at "
            f"{storage.shown(place)} or was killed; give another name, or none. What was killed is removed "
            "by `ganaug releases expire` a day later"
        )
    storage.atomic_write(storage.join(url, CLAIM), claim)  # its time says that somebody works here
    storage.put_files(content.sources, url, last=(MANIFEST,))
    sizes = storage.files_below(url)
    short = next((f["name"] for f in release.files if sizes.get(f["name"]) != f["bytes"]), None)
    if short is not None:
        raise OutputError(f"{storage.shown(storage.join(url, short))} did not arrive whole; publish again")
    if pointer.create(storage.join(url, RELEASE), to_bytes(release.to_json())):
        return release
    there = same()  # another was faster
    return release if there is None else there
