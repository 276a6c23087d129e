"""A large sampling job in shards: which rows a shard holds follows from (seed, shard), never from who draws it.

`plan_shards` cuts the job, `write_shard` draws one shard into one Parquet file, anywhere and in any order, and
`finish_shards` makes the data set visible when all are there. A job that was killed draws only the shards that are
missing. Without members the set is, byte for byte, what `ganaug.write_parquet` makes of `Synthesizer.sample_chunks`.

The folder may be a local path or an fsspec URL. Locally the shards gather beside it, in ``.<name>.shards``, and one
rename makes it; elsewhere they gather in it, and the manifest, without which there is no data set, is written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ganaug import seeding, storage
from ganaug.errors import ArtefactError, ConfigError, OutputError
from ganaug.mirror import digest
from ganaug.parquet import MANIFEST, Manifest, as_written, write_part
from ganaug.runs import told
from ganaug.synthesizer import Synthesizer
from ganaug.threads import one_thread

__all__ = ["Shards", "finish_shards", "plan_shards", "write_shard"]

FORMAT = 1
PLAN = "shards.json"
"""The plan, beside the manifest."""
ENTRIES = "shards"
"""Folder of what is known about the shards that are there, until all are."""
CHUNKS = 4
"""Chunks of `Synthesizer.sample_chunks` in a shard: 262,144 rows of a table, or 4,096 images."""


@dataclass(frozen=True, kw_only=True)
class Shards:
    """A sampling job and how it is cut. Goes to JSON and back; knows nothing of workers or places."""

    rows: int
    conditions: tuple[tuple[str, int], ...] | None
    """(class, rows) in order; None: classes as frequent as in training."""
    seed: int
    shard_rows: int
    members: tuple[dict[str, Any], ...]
    """Of every synthesizer its ``digest`` and ``provenance``; shard k is drawn by member k mod their number."""
    format: int = FORMAT

    def __len__(self) -> int:
        """How many shards there are; at least one, so that a set without rows can be read."""
        return max(1, -(-self.rows // self.shard_rows))

    def span(self, number: int) -> tuple[int, int]:
        """Return the rows ``[start, stop)`` of the whole that shard ``number`` holds."""
        if not 0 <= number < len(self):
            raise ConfigError(f"there are shards 0 to {len(self) - 1}, however: {number}")
        return number * self.shard_rows, min((number + 1) * self.shard_rows, self.rows)

    def member(self, number: int) -> int:
        """Return which synthesizer draws shard ``number``."""
        return number % len(self.members)

    def provenance(self, number: int | None = None) -> dict[str, Any]:
        """Return what is recorded in shard ``number``; None: in the manifest, what all members have in common."""
        if number is not None or len(self.members) == 1:
            member = self.members[0 if number is None else self.member(number)]
            return {**member["provenance"], "sample_seed": self.seed}
        first, *others = (member["provenance"] for member in self.members)
        common = {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}
        return {**common, "sample_seed": self.seed, "members": [member["provenance"] for member in self.members]}

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, d: Mapping[str, Any]) -> Shards:
        """Undo `to_json`.

        Raises
        ------
        ArtefactError
            It is no such object, or one of a newer format.
        """
        try:
            if d["format"] > FORMAT:
                raise ArtefactError(f"the plan has format {d['format']}, this version reads up to {FORMAT}: upgrade")
            conditions = d["conditions"]
            pairs = None if conditions is None else tuple((str(label), int(rows)) for label, rows in conditions)
            return cls(**{**d, "conditions": pairs, "members": tuple(d["members"])})
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, ArtefactError):
                raise
            raise ArtefactError(f"this is no plan of shards ({error!r}); plan them again") from error


def plan_shards(
    synthesizers: Synthesizer | Sequence[Synthesizer],
    n: int | None = None,
    *,
    conditions: Mapping[Any, int] | None = None,
    random_state: Any = None,
    shard_rows: int | None = None,
) -> Shards:
    """Cut a sampling job into shards.

    Parameters
    ----------
    synthesizers
        One, or the members of an ensemble, fitted on rows of one schema; they take turns.
    n, conditions, random_state
        See `Synthesizer.sample`.
    shard_rows
        Rows of a shard, a multiple of the synthesizer's ``.encoder.block``; None: 262,144 rows, or 4,096 images.

    Raises
    ------
    ConfigError
        An option makes no sense, or the members are of different data.
    """
    members = [synthesizers] if isinstance(synthesizers, Synthesizer) else list(synthesizers)
    if not members:
        raise ConfigError("there is no synthesizer to draw from")
    first = members[0]
    if any(member.schema.to_json() != first.schema.to_json() for member in members[1:]):
        raise ConfigError("the members have different columns or classes; members are fitted on the same data")
    if shard_rows is None:
        shard_rows = CHUNKS * first.encoder.chunk
    block = first.encoder.block
    if shard_rows < 1 or shard_rows % block:
        raise ConfigError(f"shard_rows must be a multiple of {block}, however: {shard_rows=}")
    for member in members:
        member.sample_chunks(n, conditions=conditions, random_state=0)  # complains about what cannot be drawn
    names = first.schema.class_names()
    pairs = None
    if conditions is not None:
        pairs = tuple((names[first.schema.code_of(label)], int(rows)) for label, rows in conditions.items())
        if len(dict(pairs)) < len(pairs):
            raise ConfigError(f"conditions name a class twice: {[label for label, _ in pairs]}")
    rows = sum(rows for _, rows in pairs) if pairs is not None else n
    return Shards(
        rows=int(first.class_counts.sum()) if rows is None else int(rows),
        conditions=pairs,
        seed=seeding.resolve(random_state),
        shard_rows=shard_rows,
        members=tuple({"digest": _digest(member), "provenance": member.provenance} for member in members),
    )


def write_shard(
    synthesizer: Synthesizer, shards: Shards, number: int, folder: str | os.PathLike[str]
) -> dict[str, Any]:
    """Draw shard ``number`` into one Parquet file, in one thread, or find that it is there.

    Parameters
    ----------
    synthesizer
        The member that draws this shard, ``shards.member(number)``.
    shards
        The job.
    number
        Which shard.
    folder
        Where the data set will be: a local path or an fsspec URL.

    Returns
    -------
    dict
        The file's entry in the manifest: ``name``, ``rows``, ``bytes``, ``sha256``.

    Raises
    ------
    ConfigError
        It is another synthesizer than the job was planned with.
    OutputError
        The folder holds something else, or cannot be written to.
    """
    start, stop = shards.span(number)
    if _digest(synthesizer) != shards.members[shards.member(number)]["digest"]:
        raise ConfigError(f"shard {number} is to be drawn by member {shards.member(number)}, and this is another one")
    finished = _finished(shards, folder)
    if finished is not None:
        return finished.files[number]
    work = _begin(shards, folder)
    known = _entry(work, number)
    if known is not None and _sha256(storage.join(work, known["name"])) == known["sha256"]:
        return known
    local = storage.local_folder(work)
    with (
        one_thread(),
        told(work),
        tempfile.TemporaryDirectory(prefix=storage.SCRATCH, dir=local) as scratch,
    ):
        span = {"conditions": None if shards.conditions is None else dict(shards.conditions), "span": (start, stop)}
        chunks = synthesizer.sample_chunks(None if shards.conditions else shards.rows, random_state=shards.seed, **span)
        content, schema = as_written(chunks, synthesizer.schema, shards.provenance(number), first_row=start)
        entry = write_part(content, Path(scratch), number, schema)
        storage.upload(scratch, work, files=[entry["name"]])
    storage.atomic_write(_entry_url(work, number), _json(entry))
    return entry


def finish_shards(shards: Shards, folder: str | os.PathLike[str]) -> Manifest:
    """Make the data set visible: write ``manifest.json``, as `ganaug.write_parquet` does, and ``shards.json``.

    Raises
    ------
    ArtefactError
        Shards are missing.
    OutputError
        The folder holds something else, or cannot be written to.
    """
    finished = _finished(shards, folder)
    if finished is None:
        work = _begin(shards, folder)
        entries, sizes = [_entry(work, number) for number in range(len(shards))], storage.files_below(work)
        missing = [
            number
            for number, entry in enumerate(entries)
            if entry is None or sizes.get(entry["name"]) != entry["bytes"]
        ]
        if missing:
            raise ArtefactError(
                f"{len(missing)} of {len(shards)} shards of {os.fspath(folder)!r} are missing, the first of them "
                f"{missing[:10]}; write them, then finish again"
            )
        files = [entry for entry in entries if entry is not None]
        finished = Manifest(rows=shards.rows, files=files, provenance=shards.provenance())
        storage.atomic_write(storage.join(work, MANIFEST), _json(asdict(finished)))
        local = storage.local_folder(folder)
        if local is not None:
            with told(folder):
                for left in list(Path(work).rglob(f"{storage.SCRATCH}*")):  # by a kill
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
                if local.is_dir():
                    local.rmdir()
                os.replace(work, local)
    storage.delete(storage.join(folder, ENTRIES))
    return finished


def _begin(shards: Shards, folder: str | os.PathLike[str]) -> str:
    """Return the place where the shards gather, with the plan in it; refuse one that holds anything else."""
    local = storage.local_folder(folder)
    work = os.fspath(folder) if local is None else str(local.with_name(f".{local.name}.shards"))
    if local is not None and local.exists() and (not local.is_dir() or any(local.iterdir())):
        raise OutputError(f"{os.fspath(folder)!r} exists and is not empty; choose a new folder")
    url, ours = storage.join(work, PLAN), _json(shards.to_json())
    plan = storage.read_bytes(url)
    if plan is None and local is None:
        there = storage.files_below(work)
        plan = storage.read_bytes(url)  # again: the listing may show what another worker has just begun with
        if plan is None and there:
            raise OutputError(f"{os.fspath(folder)!r} is not empty; choose a new folder")
    if plan is None:
        storage.atomic_write(url, ours)
    elif plan != ours:
        raise OutputError(f"{work!r} holds the shards of another job; delete it, or choose another folder")
    return work


def _finished(shards: Shards, folder: str | os.PathLike[str]) -> Manifest | None:
    """Return the manifest of this very job, if it is finished."""
    manifest = storage.read_bytes(storage.join(folder, MANIFEST))
    if manifest is None:
        return None
    if storage.read_bytes(storage.join(folder, PLAN)) != _json(shards.to_json()):
        raise OutputError(f"{os.fspath(folder)!r} holds another data set; choose a new folder")
    return Manifest(**json.loads(manifest))


def _entry(work: str, number: int) -> dict[str, Any] | None:
    content = storage.read_bytes(_entry_url(work, number))
    return None if content is None else json.loads(content)


def _entry_url(work: str, number: int) -> str:
    return storage.join(work, ENTRIES, f"part-{number:05d}.json")


def _sha256(url: str) -> str | None:
    """Return the digest of a file, or None where there is none."""
    files, path = storage.filesystem(url)
    with storage.storage_errors(url), storage.absence_allowed(), tempfile.TemporaryDirectory() as scratch:
        local = storage.local_folder(url)
        if local is None:
            local = Path(scratch, "file")
            files.get_file(path, str(local))
        return digest(local)
    return None


def _digest(synthesizer: Synthesizer) -> str:
    """Return what tells a synthesizer from all others: its weights, and what made it."""
    found = hashlib.sha256(json.dumps(synthesizer.provenance, sort_keys=True).encode())
    for name, tensor in sorted(synthesizer.weights.items()):
        found.update(name.encode())
        found.update(tensor.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()
