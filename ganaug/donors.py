"""Other runs beside one's own, whose results may be taken where everything that decides them is the same."""

from __future__ import annotations

import json
from pathlib import Path

from ganaug import storage
from ganaug.errors import OutputError
from ganaug.mirror import digest, read_index

__all__ = ["Donor", "find_donors"]


class Donor:
    """A run at ``url``, a local folder or a URL, and the keys of what its results depend on."""

    def __init__(self, url: str, keys: dict[str, str], sums: dict[str, str] | None) -> None:
        self.url = url
        self._keys, self._sums = keys, sums

    def has(self, name: str, key: str) -> bool:
        """Say whether the result ``name`` is there, whole, and depends on what ``key`` names."""
        return self._keys.get(name) == key and bool(self._files(name))

    def copy(self, name: str, folder: Path) -> bool:
        """Copy the result ``name``, a file or a folder, into ``folder``; say whether it was there as it was written."""
        names = self._files(name)
        try:
            storage.download(self.url, folder, files=names)
        except OutputError:  # that run is being removed, say: what it would have given is made anew
            return False
        sums = self._sums or {}
        return all(digest(folder / file) == sums.get(file, digest(folder / file)) for file in names)

    def _files(self, name: str) -> list[str]:
        names = storage.files_below(self.url) if self._sums is None else self._sums
        return [file for file in names if file == name or file.startswith(f"{name}/")]


def find_donors(place: str, *, without: str) -> tuple[Donor, ...]:
    """Return the runs in the folder or URL ``place``, less that called ``without``.

    A run whose record is damaged is no donor: what it would have given is made anew.
    """
    files, path = storage.filesystem(place)
    with storage.storage_errors(place):
        records = sorted(files.glob(f"{path}/*/run.json"))
    donors = []
    for record in records:
        name = record.split("/")[-2]
        if name == without:
            continue
        url = storage.join(place, name)
        try:
            keys = json.loads(storage.read_bytes(storage.join(url, "run.json")) or b"{}").get("keys", {})
            sums = read_index(url)
        except (ValueError, AttributeError):
            continue
        if sums is not None or not storage.is_url(place):  # at a URL, what no index lists is not known to be whole
            donors.append(Donor(url, keys, sums))
    return tuple(donors)
