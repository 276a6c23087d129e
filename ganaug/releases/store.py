"""A store of published synthetic sets: a local folder, or any fsspec URL.

::

    PLACE/latest.json                        which version readers take
    PLACE/versions/<version>/data/*.parquet  the rows
    PLACE/versions/<version>/...             manifest.json, and whatever was published with it
    PLACE/versions/<version>/release.json    written last: without it, there is no such version

A publish that is killed at any moment leaves the former latest version as it was. Locally a version is made beside the
others and gets its name by one rename. On an object store its files are written first, on a claim that keeps a second
publisher of the same name out, then the manifest, then ``release.json``.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ganaug import storage
from ganaug.errors import ArtefactError, ConfigError, DataWarning, OutputError
from ganaug.releases import pointer
from ganaug.releases.content import collect
from ganaug.releases.expiry import is_needed, remove, sweep
from ganaug.releases.pointer import Pointer
from ganaug.releases.release import DATA, LATEST, RELEASE, Release, check_version, to_bytes, url_of, utc_now
from ganaug.releases.write import write

__all__ = ["Releases"]

_Decide = Callable[[Pointer | None], Pointer | None]

GRACE = timedelta(hours=1)
"""How long a version is kept after it stopped to be the latest, so that its readers finish."""
LEFTOVERS = timedelta(days=1)
"""How old the newest file of a publish must be that did not end, before it counts as killed."""


class Releases:
    """The published sets at ``place``: a local folder or an fsspec URL such as ``s3://bucket/prefix``.

    Credentials are looked for where the storage's own package looks; a URL that carries some is refused. Nothing is
    written before something is published.

    Raises
    ------
    ConfigError
        The URL carries credentials.
    OutputError
        The storage is unknown, or the package that reads it is not installed. Every method raises it as well where the
        storage cannot be used: no such bucket, no permission, no network.
    """

    def __init__(self, place: str | os.PathLike[str]) -> None:
        storage.filesystem(place)
        local = storage.local_folder(place)
        self.place = os.fspath(place).rstrip("/") if local is None else str(local)

    # ---------------------------------------------------------------------------------------- reading
    def versions(self) -> list[Release]:
        """Return all versions, newest first. What cannot be read is left out, with a `DataWarning`."""
        files, path = storage.filesystem(url_of(self.place))
        found: dict[str, Any] = {}
        with storage.storage_errors(self.place), storage.absence_allowed():
            for entry in files.ls(path, detail=True):
                name = entry["name"].rstrip("/").rsplit("/", 1)[-1]
                if entry["type"] == "directory" and not name.startswith("."):
                    found[name] = f"{entry['name'].rstrip('/')}/{RELEASE}"
        releases = []
        with storage.storage_errors(self.place):
            texts = files.cat([*found.values()], on_error="return") if found else {}
            for name, where in found.items():
                text = texts[files._strip_protocol(where)]
                if isinstance(text, FileNotFoundError):
                    continue
                if isinstance(text, Exception):
                    raise text
                try:
                    releases.append(Release.from_json(text, name, storage.shown(url_of(self.place, name, RELEASE))))
                except ArtefactError as error:
                    warnings.warn(f"a version is left out: {error}", DataWarning, stacklevel=2)
        return sorted(releases, key=lambda release: (release.published_at, release.version), reverse=True)

    def latest(self) -> Release | None:
        """Return the version that readers take; None where nothing was published.

        Raises
        ------
        ArtefactError
            The pointer cannot be read, or points to what is not there; the message says how to mend it.
        """
        at = pointer.read(self.place)
        if at is None:
            return None
        release = self._read(at.version)
        if release is None:
            raise ArtefactError(
                f"{storage.shown(self.place)} points to the version {at.version!r}, which is not there; "
                "`ganaug releases rollback PLACE --to VERSION` points to another"
            )
        return release

    def get(self, version: str = LATEST) -> Release:
        """Return a version, or the latest.

        Raises
        ------
        ArtefactError
            It, or the pointer, is damaged.
        ConfigError
            There is no such version.
        """
        release = self.latest() if version == LATEST else self._read(check_version(version))
        if release is None:
            which = "nothing" if version == LATEST else f"no version {version!r}"
            raise ConfigError(f"{which} is published at {storage.shown(self.place)}{self._known()}")
        return release

    def path(self, version: str = LATEST) -> str:
        """Return the folder or URL of a version's Parquet files, for pandas, pyarrow or ``datasets``.

        Raises as `get` does.
        """
        return url_of(self.place, self.get(version).version, DATA)

    def read(self, version: str = LATEST) -> pa.Table:
        """Return a version's rows, after the SHA-256 of every file was compared.

        Raises as `get` does, and
        ------
        ArtefactError
            A file is not the one that was published.
        """
        release = self.get(version)
        tables = []
        for file in release.files:
            if file["name"].startswith(f"{DATA}/"):
                data = storage.read_bytes(url := url_of(self.place, release.version, file["name"]))
                if data is None or hashlib.sha256(data).hexdigest() != file["sha256"]:
                    what = "is missing" if data is None else "is not the file that was published (SHA-256 differs)"
                    raise ArtefactError(f"{storage.shown(url)} {what}; roll back to another version, or publish again")
                tables.append(pq.read_table(pa.BufferReader(data)))
        return pa.concat_tables(tables)

    # ------------------------------------------------------------------------------------- publishing
    def publish(
        self,
        folder: str | os.PathLike[str],
        *,
        version: str | None = None,
        files: Mapping[str, str | os.PathLike[str]] | None = None,
        verdict: str | None = None,
        sentence: str | None = None,
        notes: Mapping[str, Any] | None = None,
        latest: bool = True,
    ) -> Release:
        """Publish the data set in the local ``folder`` and move ``latest`` to it; return what is there then.

        A version whose name and files are there already is not written again, and keeps its record. It becomes the
        latest all the same, unless it was rolled back from: then a `DataWarning` says so.

        Parameters
        ----------
        folder
            What `ganaug.write_parquet` wrote, such as ``RUN/synthetic``.
        version
            Its name; by default one that is derived from the content of all files.
        files
            Further files and folders: name in the version -> local path, such as ``{"report.html": ...}``.
        verdict, sentence
            Of the effect check, for the record.
        notes
            Anything else for the record, as plain JSON.
        latest
            False leaves ``latest`` where it is.

        Raises
        ------
        ArtefactError
            ``folder`` holds no whole data set.
        ConfigError
            ``version`` or a name of ``files`` is not safe, or ``notes`` are not JSON.
        OutputError
            Other content is published under that name, or the storage cannot be written to.
        """
        content = collect(folder, files)
        release = Release(
            version=content.version if version is None else check_version(version),
            published_at=utc_now(),
            rows=content.rows,
            files=content.files,
            provenance=content.provenance,
            verdict=verdict,
            sentence=sentence,
            data_fingerprint=content.provenance.get("data_fingerprint"),
            seed=content.provenance.get("seed"),
            notes=dict(notes or {}),
        )
        to_bytes(release.to_json())  # notes that are no JSON are refused before anything is written
        there = self._same(release)
        if there is None:
            there = write(self.place, release, content, lambda: self._same(release))
        if latest:
            self._publish_pointer(there.version)
        return there

    def point(self, version: str) -> None:
        """Move ``latest`` to ``version``, whichever it is."""
        self.get(check_version(version))
        self._move(version, lambda at: _forward(at, version), mend=True)

    def rollback(self, version: str | None = None) -> Release:
        """Move ``latest`` back to ``version``, or to the version that was the latest before; return it.

        What is rolled back from stays, and publishing the same content again does not make it the latest.

        Raises
        ------
        ConfigError
            There is no such version, or nothing to go back to.
        """
        if version is None:
            at = pointer.read(self.place)
            before = [] if at is None else [v for v in reversed(at.before) if self._read(v) is not None]
            if not before:
                raise ConfigError(f"{storage.shown(self.place)} has no version before its latest{self._known()}")
            version = before[0]
        release = self.get(check_version(version))
        self._move(release.version, lambda at: _back(at, release.version), mend=True)
        return release

    def expire(self, keep: int = 10, *, grace: timedelta = GRACE) -> list[str]:
        """Remove all but the ``keep`` newest versions, and what killed publishes left; return the versions removed.

        The latest version stays, and the one before it, and each that was published, or was the latest, less than
        ``grace`` ago: somebody may be reading it. What a killed publish left goes when its newest file is a day old.

        Raises
        ------
        ConfigError
            ``keep`` is less than 1.
        """
        if keep < 1:
            raise ConfigError(f"at least one version must be kept, however: {keep=}")
        now = datetime.now(UTC)
        removed = []
        for release in self.versions()[keep:]:
            with pointer.locked(self.place):
                at = pointer.read(self.place)
                if not is_needed(release, at, now - grace) and remove(self.place, release.version):
                    removed.append(release.version)
        sweep(self.place, now - LEFTOVERS)
        return removed

    # ---------------------------------------------------------------------------------------- inside
    def _read(self, version: str) -> Release | None:
        url = url_of(self.place, version, RELEASE)
        text = storage.read_bytes(url)
        return None if text is None else Release.from_json(text, version, storage.shown(url))

    def _known(self) -> str:
        names = [release.version for release in self.versions()]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return f"; there are {', '.join(names[:5])}{more}" if names else ""

    def _same(self, release: Release) -> Release | None:
        """Return what is published under the name of ``release`` if its files are the same; None if nothing is."""
        there = self._read(release.version)
        if there is not None and there.files != release.files:
            raise OutputError(
                f"the version {release.version!r} is published at {storage.shown(self.place)} with other content; "
                "give another name, or none: then it is named by its content"
            )
        return there

    def _publish_pointer(self, version: str) -> None:
        """Point to ``version``, unless somebody rolled back from it."""

        def decide(at: Pointer | None) -> Pointer | None:
            return None if at is not None and version in at.withdrawn else _forward(at, version)

        at = self._move(version, decide)
        if at is not None and at.version != version and version in at.withdrawn:
            warnings.warn(
                f"the version {version!r} was rolled back from, so {at.version!r} stays the latest at "
                f"{storage.shown(self.place)}; `ganaug releases rollback PLACE --to {version}` brings it back",
                DataWarning,
                stacklevel=3,
            )

    def _move(self, version: str, decide: _Decide, *, mend: bool = False) -> Pointer | None:
        """Move the pointer to ``version``, and see that nobody removed that meanwhile."""
        seen: list[Pointer | None] = [None]

        def watched(at: Pointer | None) -> Pointer | None:
            seen[0] = at
            return decide(at)

        at = pointer.move(self.place, watched, mend=mend)
        if (
            at is not None
            and at.version == version
            and storage.read_bytes(url_of(self.place, version, RELEASE)) is None
        ):
            former = seen[0]
            if former is not None and former != at:
                pointer.move(self.place, lambda now: former if now == at else None)
            raise OutputError(
                f"the version {version!r} was removed while it was to become the latest; publish it again"
            )
        return at


def _forward(at: Pointer | None, version: str) -> Pointer | None:
    """Return the pointer that points to ``version`` after ``at``; None if it does."""
    if at is None:
        return Pointer(version=version, moved_at=utc_now())
    return None if at.version == version else at.forward(version)


def _back(at: Pointer | None, version: str) -> Pointer | None:
    if at is None:
        return Pointer(version=version, moved_at=utc_now())
    return None if at.version == version else at.back(version)
