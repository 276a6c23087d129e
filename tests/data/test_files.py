"""Reading CSV and Parquet from wherever they are."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import compute, csv, dataset, parquet

from ganaug import storage
from ganaug.data import fingerprint, read_images, read_table
from ganaug.data.image_paths import holds_images
from ganaug.errors import DataError, OutputError

FRAME = pd.DataFrame(
    {"a": [1, 2, 3, 4], "b": ["x", None, "y", "x"], "c": [0.25, np.nan, 1.5, 2.0], "key": [7, 7, 8, 8]}
)


@pytest.fixture
def table() -> pa.Table:
    return pa.Table.from_pandas(FRAME, preserve_index=False)


def test_a_parquet_file_gives_what_pandas_reads(tmp_path: Path) -> None:
    frame = FRAME.assign(
        d=pd.Categorical(["u", None, "v", "u"], ["v", "u", "w"], ordered=True),
        e=pd.array([1, None, 3, 4], dtype="Int8"),
        f=pd.date_range("2020-01-01", periods=4, tz="UTC"),
        g=[True, None, False, True],
        h=[dt.date(2020, 1, 1), None, dt.date(2021, 1, 1), dt.date(2020, 1, 1)],
    )
    frame.to_parquet(tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read.schema.restore(read.table), frame)
    assert read.schema.container == "pandas"


def test_integers_with_missing_values_come_back_as_pandas_reads_them(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1, None, 3], "b": [True, None, False]}), tmp_path / "t.pq")
    read = read_table(str(tmp_path / "t.pq"))
    pd.testing.assert_frame_equal(read.schema.restore(read.table), pd.read_parquet(tmp_path / "t.pq"))
    assert read.table.schema.types == [pa.int64(), pa.bool_()]
    complete = read.schema.restore(read.table.slice(0, 1))
    assert complete.dtypes.tolist() == ["float64", "object"], "also where no value is missing by chance"


def test_a_stored_pandas_index_is_no_feature(tmp_path: Path) -> None:
    FRAME.set_index("b").to_parquet(tmp_path / "named.parquet")
    FRAME.iloc[::2].to_parquet(tmp_path / "numbered.parquet")
    FRAME.convert_dtypes().set_index("b").to_parquet(tmp_path / "dtypes.parquet")
    read = read_table(tmp_path / "dtypes.parquet")
    expected = pd.read_parquet(tmp_path / "dtypes.parquet").reset_index(drop=True)
    pd.testing.assert_frame_equal(read.schema.restore(read.table), expected)
    metadata = read.schema.arrow.pandas_metadata
    assert metadata["index_columns"] == [] and [c["name"] for c in metadata["columns"]] == ["a", "c", "key"]
    assert read_table(tmp_path / "named.parquet").table.column_names == ["a", "c", "key"]
    assert read_table(tmp_path / "numbered.parquet").table.column_names == ["a", "b", "c", "key"]


def test_a_folder_is_read_in_order_with_hidden_files_left_out(tmp_path: Path, table: pa.Table) -> None:
    (tmp_path / "sub").mkdir()
    parquet.write_table(table.slice(0, 1), tmp_path / "0.parquet")
    parquet.write_table(table.slice(1, 1), tmp_path / "1.parquet")
    parquet.write_table(table.slice(2), tmp_path / "sub" / "2.parquet")
    for hidden in ("_SUCCESS", ".part.parquet", "_tmp.parquet", "manifest.json"):
        (tmp_path / hidden).write_text("{")
    assert fingerprint(read_table(tmp_path).table) == fingerprint(read_table(table).table)


def test_hive_partitions_become_columns(tmp_path: Path, table: pa.Table) -> None:
    dataset.write_dataset(table, tmp_path, format="parquet", partitioning=["key"], partitioning_flavor="hive")
    read = read_table(tmp_path, target="key")
    assert read.table.column("key").to_pylist() == [7, 7, 8, 8]
    assert read.schema.classes.to_pylist() == [7, 8] and read.schema.feature_names == ["a", "b", "c"]
    one = read_table(tmp_path / "key=7")
    assert one.table.column_names == ["a", "b", "c"], "above the folder asked for, key=7 is a name like any other"
    file = next((tmp_path / "key=7").iterdir())
    assert read_table(file).table.column_names == ["a", "b", "c"]
    both = read_table(f"{tmp_path}/key=*/*.parquet")
    assert both.table.column("key").to_pylist() == [7, 7, 8, 8]


def test_hive_partitions_of_csv_files(tmp_path: Path, table: pa.Table) -> None:
    for key in (7, 8):
        (tmp_path / f"key={key}").mkdir()
        part = table.filter(compute.equal(table["key"], key)).drop_columns("key")
        csv.write_csv(part, tmp_path / f"key={key}" / "rows.csv")
    read = read_table(tmp_path)
    assert read.table.to_pydict() == table.to_pydict()


def test_hive_partitions_of_missing_and_escaped_values(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2, 3], "town": ["x y", None, "ü/1"]})
    dataset.write_dataset(table, tmp_path / "p", format="parquet", partitioning=["town"], partitioning_flavor="hive")
    dataset.write_dataset(table, tmp_path / "c", format="csv", partitioning=["town"], partitioning_flavor="hive")
    for kind in ("p", "c"):
        rows = read_table(tmp_path / kind).table.sort_by("a").to_pydict()
        assert rows == table.to_pydict(), kind


def test_globs_match_step_by_step(tmp_path: Path, table: pa.Table) -> None:
    (tmp_path / "sub").mkdir()
    for i, name in enumerate(["a1.parquet", "a2.parquet", "b1.parquet", "sub/a3.parquet"]):
        parquet.write_table(table.slice(i, 1), tmp_path / name)

    assert sorted(read_table_rows(f"{tmp_path}/a*.parquet")) == [1, 2]
    assert sorted(read_table_rows(f"{tmp_path}/[ab]1.parquet")) == [1, 3]
    assert sorted(read_table_rows(f"{tmp_path}/**/a?.parquet")) == [1, 2, 4]


def test_relative_paths_and_patterns(tmp_path: Path, table: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows").mkdir()
    parquet.write_table(table, tmp_path / "rows" / "a.parquet")
    monkeypatch.chdir(tmp_path)
    for source in ("rows", "rows/", "rows/a.parquet", "*/a.parquet", "./rows/*.parquet", "./rows"):
        assert read_table_rows(source) == [1, 2, 3, 4], source


def read_table_rows(source: str) -> list[int]:
    return read_table(source).table["a"].to_pylist()


def test_a_literal_name_with_pattern_characters_is_that_file(tmp_path: Path, table: pa.Table) -> None:
    parquet.write_table(table, tmp_path / "a[1].parquet")
    assert read_table_rows(str(tmp_path / "a[1].parquet")) == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.txt"])
def test_csv_files_are_typed_and_their_empty_cells_missing(tmp_path: Path, name: str) -> None:
    FRAME.to_csv(tmp_path / name, index=False, sep="\t" if "tsv" in name else ";" if "txt" in name else ",")
    read = read_table(tmp_path / name)
    pd.testing.assert_frame_equal(read.schema.restore(read.table), FRAME)


def test_csv_dates_and_truth_values_are_found(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('d,t,b,q\n2020-01-31,2020-01-31T10:00:00,true,"a,\n1"\n,,false,b\n')
    read = read_table(tmp_path / "t.csv")
    assert [c.kind for c in read.schema.columns] == ["datetime", "datetime", "boolean", "category"]
    assert read.table["q"].to_pylist() == ["a,\n1", "b"]


def test_csv_types_are_those_of_all_rows_not_of_the_first_block(tmp_path: Path) -> None:
    lines = [f"{i},{i}" for i in range(200_000)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b", *lines, "1,late", ""]))
    read = read_table(tmp_path / "t.csv", id_columns=[])
    assert read.table.schema.types == [pa.int64(), pa.string()]


def test_fsspec_urls(table: pa.Table) -> None:
    memory = fsspec.filesystem("memory")
    for i in range(2):
        with memory.open(f"/bucket/rows/key={i}/part.parquet", "wb") as file:
            parquet.write_table(table.drop_columns("key").slice(2 * i, 2), file)
    assert read_table("memory://bucket/rows").table["key"].to_pylist() == [0, 0, 1, 1]
    assert read_table("memory://bucket/rows/key=1/part.parquet").table["a"].to_pylist() == [3, 4]
    assert read_table("memory://bucket/rows/*/part.parquet").table["key"].to_pylist() == [0, 0, 1, 1]
    with pytest.raises(DataError, match=r"'memory://bucket/nothing.csv' does not exist"):
        read_table("memory://bucket/nothing.csv")


# ------------------------------------------------------------------------------------------ complaints
def test_a_missing_file_is_named_with_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a\n1\n2\n")
    with pytest.raises(DataError, match=r"trian.csv' does not exist; check the path; did you mean 'train.csv'"):
        read_table(tmp_path / "trian.csv")
    with pytest.raises(DataError, match=r"nowhere/t.csv' does not exist"):
        read_table(tmp_path / "nowhere" / "t.csv")
    with pytest.raises(DataError, match=r"no file matches '.*/\*.csv.gz'"):
        read_table(f"{tmp_path}/*.csv.gz")


def test_an_unknown_kind_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_text("?")
    with pytest.raises(DataError, match=r"t.xlsx' is of an unknown kind; give Parquet \(.parquet, .pq\) or CSV"):
        read_table(tmp_path / "t.xlsx")
    with pytest.raises(DataError, match=r"holds no Parquet"):
        read_table(tmp_path)
    with pytest.raises(DataError, match=r"'gopher://x/t.csv' cannot be opened"):
        read_table("gopher://x/t.csv")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=rf"{name}' is empty \(0 bytes\)"):
        read_table(tmp_path / name)


def test_csv_without_rows_or_contents(tmp_path: Path) -> None:
    (tmp_path / "head.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"2 columns and no rows"):
        read_table(tmp_path / "head.csv")
    (tmp_path / "blank.csv").write_text("\n\n")
    with pytest.raises(DataError, match=r"blank.csv' is empty"):
        read_table(tmp_path / "blank.csv")


@pytest.mark.parametrize(("name", "kind"), [("t.csv", "CSV in UTF-8"), ("t.parquet", "Parquet")])
def test_a_broken_file(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_text("a,b\n1,2\n3\n")
    with pytest.raises(DataError, match=rf"{name}' cannot be read as {kind}: "):
        read_table(tmp_path / name)


def test_csv_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("a,b\n1,Käse\n2,Brot\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"column 'b' of .* is not text in UTF-8; save the file as UTF-8"):
        read_table(tmp_path / "t.csv")


def test_csv_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("\ufeffa;b\n1;2\n3;4\n".encode())
    assert read_table(tmp_path / "t.csv").table.to_pydict() == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_of_one_folder_must_have_the_same_columns(tmp_path: Path, kind: str) -> None:
    for i, frame in enumerate([FRAME, FRAME.rename(columns={"c": "C"})]):
        getattr(frame, f"to_{kind}")(tmp_path / f"{i}.{kind}", index=False)
    with pytest.raises(DataError, match=r"must have the same columns, however they differ in \['C', 'c'\]"):
        read_table(tmp_path)


def test_a_column_that_is_empty_in_one_file_takes_the_other_files_type(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"a": [1], "b": pa.nulls(1)}), tmp_path / "0.parquet")
    parquet.write_table(pa.table({"a": [2], "b": ["x"]}), tmp_path / "1.parquet")
    assert read_table(tmp_path).table["b"].to_pylist() == [None, "x"]


def test_both_kinds_in_one_folder(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.csv")
    FRAME.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"both CSV and Parquet"):
        read_table(tmp_path)


def test_duplicated_column_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,a\n1,2,3\n4,5,6\n")
    with pytest.raises(DataError, match=r"more than once: \['a'\]"):
        read_table(tmp_path / "t.csv")


# ----------------------------------------------------------------------------------------- storage away
@pytest.fixture
def stored(s3_bucket: str) -> str:
    """Put a table as Parquet, images in a folder, in Parquet and listed in CSV, and an npz, into a bucket."""
    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16), np.uint8)
    files = storage.filesystem(s3_bucket)[0]
    pictures = []
    for i, image in enumerate(images):
        content = io.BytesIO()
        Image.fromarray(image).save(content, "PNG")
        pictures.append(content.getvalue())
        storage.atomic_write(f"{s3_bucket}/folder/{'ab'[i % 2]}/{i}.png", pictures[-1])
    names = [f"{s3_bucket}/folder/{'ab'[i % 2]}/{i}.png" for i in range(8)]
    storage.atomic_write(f"{s3_bucket}/list.csv", "\n".join(["image,label", *(f"{n},{n[-7]}" for n in names)]).encode())
    for name, table in {"table": pa.Table.from_pandas(FRAME), "held": pa.table({"image": pictures})}.items():
        with files.open(f"{s3_bucket}/{name}.parquet", "wb") as file:
            parquet.write_table(table, file)
    FRAME.to_csv(content := io.BytesIO(), index=False)
    storage.atomic_write(f"{s3_bucket}/table.csv", content.getvalue())
    np.savez(content := io.BytesIO(), images=images, labels=np.arange(8) % 2)
    storage.atomic_write(f"{s3_bucket}/images.npz", content.getvalue())
    return s3_bucket


def require_away(use: Callable[[], Any]) -> None:
    """Check that ``use`` says that the storage is away, in a way that lets a caller try again."""
    with pytest.raises((OutputError, DataError)) as caught:
        use()
    assert storage.may_pass(caught.value) and "Could not connect" in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


IMAGES = ["folder", "held.parquet", "list.csv", "images.npz"]


@pytest.mark.parametrize("name", ["table.parquet", "table.csv", "", "*.csv", *IMAGES])
def test_a_storage_that_is_away_is_no_fault_of_the_data(
    s3_bucket: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.filesystem("s3").clear_instance_cache()
    url = f"{s3_bucket}/{name}"
    require_away(lambda: read_table(url))
    require_away(lambda: read_images(url))
    if not name.endswith(".npz"):  # that is told by the name
        require_away(lambda: holds_images(url))


@pytest.mark.parametrize("name", ["table.parquet", "table.csv", *IMAGES])
def test_a_storage_that_goes_away_while_it_is_read_is_no_fault_of_the_data(
    stored: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exceptions = pytest.importorskip("botocore.exceptions")
    url, files = f"{stored}/{name}", type(storage.filesystem(stored)[0])
    reads: Callable[..., Any] = read_images if name in IMAGES else read_table
    options: Any = {"skip_unreadable": True} if name in ("folder", "held.parquet", "list.csv") else {}
    assert len(reads(url, **options).table)

    def away(*_: Any, **__: Any) -> Any:
        raise exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:9")

    # What is there can be asked, and what is in it cannot; of a list, what is in the files that it names.
    call, lost = files._call_s3, ".png" if name == "list.csv" else ""

    async def only_heads(self: Any, method: str, *arguments: Any, **options: Any) -> Any:
        failing = method == "get_object" and options["Key"].endswith(lost)
        return away() if failing else await call(self, method, *arguments, **options)

    monkeypatch.setattr(files, "_call_s3", only_heads)
    require_away(lambda: reads(url, **options))
