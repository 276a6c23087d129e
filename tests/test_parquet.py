"""The writer: whole or nothing, the schema given, memory that does not grow, and the bits of the rows alone."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganaug.errors import OutputError
from ganaug.parquet import read_manifest, write_parquet

SCHEMA = pa.schema([("a", pa.int64()), ("b", pa.string())], metadata={b"pandas": b"{}"})


def chunk(n: int, first: int = 0) -> pa.Table:
    return pa.table({"a": range(first, first + n), "b": [f"r{i}" for i in range(n)]}, schema=SCHEMA)


def chunks(n: int, rows: int = 10) -> Iterator[pa.Table]:
    for i in range(n):
        yield chunk(rows, i * rows)


def test_rows_schema_and_provenance_come_back(tmp_path: Path) -> None:
    manifest = write_parquet(chunks(5), tmp_path / "out", schema=SCHEMA, provenance={"seed": 3}, rows_per_file=20)
    assert manifest.rows == 50
    assert [(f["name"], f["rows"]) for f in manifest.files] == [
        ("data/part-00000.parquet", 20),
        ("data/part-00001.parquet", 20),
        ("data/part-00002.parquet", 10),
    ]
    table = pq.read_table(tmp_path / "out" / "data")
    assert table["a"].to_pylist() == list(range(50))
    assert table.schema.remove_metadata() == SCHEMA.remove_metadata()
    metadata = pq.read_schema(tmp_path / "out" / "data" / "part-00001.parquet").metadata
    assert json.loads(metadata[b"ganaug"]) == {"seed": 3}
    assert metadata[b"pandas"] == b"{}"
    assert read_manifest(tmp_path / "out") == manifest


def test_the_same_rows_give_the_same_bytes_however_they_are_cut_into_files(tmp_path: Path) -> None:
    one = write_parquet(chunks(6), tmp_path / "one", schema=SCHEMA, provenance={})
    two = write_parquet(chunks(6), tmp_path / "two", schema=SCHEMA, provenance={})
    assert one.files == two.files
    assert one.files[0]["bytes"] == os.path.getsize(tmp_path / "one" / "data" / "part-00000.parquet")


def test_no_rows_still_make_a_readable_data_set(tmp_path: Path) -> None:
    assert write_parquet(iter(()), tmp_path / "out", schema=SCHEMA, provenance={}).rows == 0
    assert pq.read_table(tmp_path / "out" / "data").schema.names == ["a", "b"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    def failing() -> Iterator[pa.Table]:
        yield chunk(10)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(
        OutputError, match=r"no space is left on the disk .*; nothing half-written is visible there\. Free some"
    ):
        write_parquet(failing(), tmp_path / "out", schema=SCHEMA, provenance={})
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_the_rows_is_raised_as_it_is(tmp_path: Path) -> None:
    def failing() -> Iterator[pa.Table]:
        yield chunk(10)
        raise KeyError("broken generator")

    with pytest.raises(KeyError, match="broken generator"):
        write_parquet(failing(), tmp_path / "out", schema=SCHEMA, provenance={})
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="exists and is not empty"):
        write_parquet(chunks(1), tmp_path / "out", schema=SCHEMA, provenance={})
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_nothing_is_visible_before_the_end(tmp_path: Path) -> None:
    seen: list[bool] = []

    def watched() -> Iterator[pa.Table]:
        for part in chunks(4):
            seen.append((tmp_path / "out").exists())
            yield part

    write_parquet(watched(), tmp_path / "out", schema=SCHEMA, provenance={})
    assert seen == [False] * 4
    assert (tmp_path / "out" / "manifest.json").exists()


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB

    write_parquet(chunks(4, 50_000), tmp_path / "warm", schema=SCHEMA, provenance={})
    before = peak()
    big = chunk(50_000)
    write_parquet((big for _ in range(120)), tmp_path / "out", schema=SCHEMA, provenance={}, rows_per_file=500_000)
    assert peak() - before < 100_000  # 6 million rows are about 100 MB as Arrow alone, and are never held
