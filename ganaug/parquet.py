"""The streaming writer: chunks of rows in, a Parquet data set that is visible whole or not at all.

The Parquet files lie in a folder of their own below the manifest, as readers take every file of a folder for data.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ganaug.errors import ArtefactError, ConfigError, OutputError
from ganaug.files import digest, filling, inside
from ganaug.image_files import export_folder, publish, published_schema
from ganaug.image_schema import ImageSchema
from ganaug.runs import told
from ganaug.schema import TableSchema
from ganaug.synthesizer import Synthesizer

__all__ = [
    "DATA",
    "MANIFEST",
    "Manifest",
    "as_written",
    "export_images",
    "read_manifest",
    "together",
    "write_parquet",
    "write_part",
]

MANIFEST = "manifest.json"
DATA = "data"
"""The folder of the Parquet files, beside the manifest."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a written data set holds."""

    rows: int
    files: list[dict[str, Any]]
    """Name (relative to the manifest), rows, bytes and SHA-256 of every file, in order."""
    provenance: dict[str, Any]
    format: int = 1


def write_parquet(
    chunks: Iterable[pa.Table],
    folder: str | os.PathLike[str],
    *,
    schema: pa.Schema | TableSchema | ImageSchema,
    provenance: Mapping[str, Any],
    rows_per_file: int = 1_000_000,
) -> Manifest:
    """Write ``chunks`` to ``folder/data/part-00000.parquet`` and on, and ``folder/manifest.json``.

    Images are written as PNG in Hugging Face's form: ``image {bytes, path}``, labels as integers with names; each file
    says that it is synthetic, and by what. ``datasets.load_dataset("parquet", ...)`` shows them as pictures.

    The files carry ``schema`` and, under the key ``ganaug`` of their metadata, ``provenance`` as JSON. All of it is
    written beside ``folder`` and renamed at the end, so a reader sees a whole data set or none; memory holds a few
    chunks, however many rows there are. Chunks are made in a thread of their own while others are written.

    Raises
    ------
    OutputError
        ``folder`` exists and is not empty, or cannot be written to (a full disk, say). Nothing is left behind.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists and is not empty; choose a new folder")
    if rows_per_file < 1:
        raise OutputError(f"rows_per_file must be at least 1, however: {rows_per_file=}")
    chunks, arrow = as_written(chunks, schema, provenance)
    with told(folder), filling(folder) as scratch:
        (scratch / DATA).mkdir()
        counts = _write_files(chunks, scratch, arrow, rows_per_file)
        files = [_describe(scratch, name, rows) for name, rows in counts]
        manifest = Manifest(rows=sum(rows for _, rows in counts), files=files, provenance=dict(provenance))
        (scratch / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True), "utf-8")
    return manifest


def as_written(
    chunks: Iterable[pa.Table],
    schema: pa.Schema | TableSchema | ImageSchema,
    provenance: Mapping[str, Any],
    *,
    first_row: int = 0,
) -> tuple[Iterable[pa.Table], pa.Schema]:
    """Return chunks in the form that files hold, images as PNG, and the files' schema with ``provenance`` in it.

    ``first_row`` is the number of the first row in the whole data set.
    """
    if isinstance(schema, ImageSchema):
        chunks, arrow = _published(chunks, schema, provenance, first_row), published_schema(schema)
    elif isinstance(schema, TableSchema):
        chunks, arrow = map(schema.publish, chunks), schema.published
    else:
        arrow = schema
    metadata = {**(arrow.metadata or {}), b"ganaug": json.dumps(dict(provenance), sort_keys=True)}
    return chunks, arrow.with_metadata(metadata)


def write_part(chunks: Iterable[pa.Table], folder: Path, number: int, schema: pa.Schema) -> dict[str, Any]:
    """Write one file of a data set below ``folder``, from what `as_written` returned; return its manifest entry."""
    name = f"{DATA}/part-{number:05d}.parquet"
    (folder / DATA).mkdir(parents=True, exist_ok=True)
    rows = 0
    with pq.ParquetWriter(folder / name, schema) as writer:
        for chunk in chunks:
            writer.write_table(chunk.cast(schema) if chunk.schema != schema else chunk)
            rows += len(chunk)
        if not rows:
            writer.write_table(schema.empty_table())
    return _describe(folder, name, rows)


def read_manifest(folder: str | os.PathLike[str]) -> Manifest:
    """Read the manifest of a data set that `write_parquet` wrote.

    Raises
    ------
    ArtefactError
        It is no such manifest, or names a file that does not lie below ``folder``.
    OSError
        There is none.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = Manifest(**json.loads(path.read_text("utf-8")))
        for entry in manifest.files:
            inside(folder, entry["name"])
            if not isinstance(entry["bytes"], int) or not isinstance(entry["sha256"], str):
                raise TypeError("a file's size or digest is missing")
    except ArtefactError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ArtefactError(f"{str(path)!r} is not the manifest of synthetic rows ({error})") from error
    return manifest


def _write_files(
    chunks: Iterable[pa.Table], folder: Path, schema: pa.Schema, rows_per_file: int
) -> list[tuple[str, int]]:
    """Write the chunks, starting a file every ``rows_per_file`` rows; return the names and rows."""
    counts: list[tuple[str, int]] = []
    writer: Any = None
    try:
        for chunk in _ahead(chunks):
            while len(chunk):
                if writer is None:
                    counts.append((f"{DATA}/part-{len(counts):05d}.parquet", 0))
                    writer = pq.ParquetWriter(folder / counts[-1][0], schema)
                name, rows = counts[-1]
                part = chunk.slice(0, rows_per_file - rows)
                writer.write_table(part.cast(schema) if part.schema != schema else part)
                counts[-1] = (name, rows + len(part))
                chunk = chunk.slice(len(part))
                if counts[-1][1] == rows_per_file:
                    writer.close()
                    writer = None
        if not counts:
            counts.append((f"{DATA}/part-00000.parquet", 0))
            pq.write_table(schema.empty_table(), folder / counts[0][0])
    finally:
        if writer is not None:
            writer.close()
    return counts


def _describe(folder: Path, name: str, rows: int) -> dict[str, Any]:
    path = folder / name
    return {"name": name, "rows": rows, "bytes": path.stat().st_size, "sha256": digest(path)}


def _ahead(chunks: Iterable[pa.Table], depth: int = 2) -> Iterator[pa.Table]:
    """Make up to ``depth`` chunks ahead of the writer in a thread; an error there is raised here."""
    ready: queue.Queue[pa.Table | BaseException | None] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: pa.Table | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for chunk in chunks:
                if not put(chunk):
                    return
            put(None)
        except BaseException as error:  # handed over to the thread that writes
            put(error)

    maker = threading.Thread(target=make, name="ganaug-chunks", daemon=True)
    maker.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        maker.join()


NOTED = ("synthetic", "generator", "ganaug", "variant", "seed", "sample_seed", "data_fingerprint")
"""What of the provenance every picture carries."""
PICTURES = 1024
"""Images that are turned into files at a time."""


def export_images(
    chunks: Iterable[pa.Table],
    schema: pa.Schema | TableSchema | ImageSchema,
    folder: str | os.PathLike[str],
    provenance: Mapping[str, Any],
    *,
    names: Sequence[str] | None = None,
) -> dict[str, int]:
    """Write chunks of images as PNG files, a folder a class, each with the note of `write_parquet`'s pictures.

    ``names`` are those of the files, as in `ganaug.export_folder`. Returns how many each class has.

    Raises
    ------
    ConfigError
        They are not images.
    OutputError
        See `ganaug.export_folder`.
    """
    if not isinstance(schema, ImageSchema):
        raise ConfigError("only images can be written as a folder of files, and this generator makes tables")
    return export_folder(chunks, schema, folder, note=_note(provenance), names=names)


def together(real: pa.Table, synthetic: pa.Table, synthesizer: Synthesizer) -> pa.Table:
    """Return real images, then synthetic ones, in the form of `write_parquet`; the latter have its note."""
    schema = synthesizer.schema
    assert isinstance(schema, ImageSchema), "tables are put together by `ganaug.stacking`"
    note = _note(synthesizer.provenance)
    return pa.concat_tables([publish(real, schema, note=None), publish(synthetic, schema, note=note)])


def _note(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {name: provenance[name] for name in NOTED if name in provenance}


def _published(
    chunks: Iterable[pa.Table], schema: ImageSchema, provenance: Mapping[str, Any], row: int
) -> Iterator[pa.Table]:
    """Give images as files, each with a note of where it is from; ``row`` is the number of the first one."""
    note = _note(provenance)
    for chunk in chunks:
        for at in range(0, len(chunk), PICTURES):
            part = chunk.slice(at, PICTURES)
            yield publish(part, schema, note=note, first_row=row)
            row += len(part)
