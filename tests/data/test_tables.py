"""The canonical table."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from ganaug.data import read_table, to_pandas


def test_every_container_of_the_same_rows_gives_the_same_table() -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "y"], "y": [0, 1, 0]})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    read = [read_table(data, target="y") for data in (frame, table, chunked, frame.set_axis([9, 8, 7]))]
    read.append(read_table((frame[["a", "b"]], frame["y"])))
    for other in read:
        assert other.table.equals(read[0].table)
        assert all(column.num_chunks == 1 for column in other.table.columns)
        assert [c.kind for c in other.schema.columns] == ["integer", "category"]
        assert (other.schema.target, other.schema.classes.to_pylist()) == ("y", [0, 1])
    assert [r.schema.container for r in read] == ["pandas", "arrow", "arrow", "pandas", "xy"]


def test_the_input_is_left_as_it_was() -> None:
    frame = pd.DataFrame({"a": [1.5, None, 3.0], 7: ["x", None, "y"]}, index=[3, 2, 1])
    frame.attrs["k"] = "v"
    before = frame.copy()
    read = read_table(frame)
    assert read.schema.arrow.pandas_metadata["attributes"] == {}
    out = read.schema.restore(read.table)
    out.loc[0, "a"] = 99
    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == {"k": "v"}


def test_to_pandas_has_all_columns_under_their_arrow_names() -> None:
    indexed = pa.Table.from_pandas(pd.DataFrame({1: [1, 2]}, index=pd.Index(["p", "q"], name="i")))
    out = to_pandas(read_table(indexed, id_columns=[]).table)
    assert out.columns.tolist() == ["1", "i"] and out.index.tolist() == [0, 1]
    assert out.dtypes["1"] == "int64" and out["i"].tolist() == ["p", "q"]


def test_kinds_of_columns() -> None:
    frame = pd.DataFrame(
        {
            "number": [0.5, 1.5],
            "integer": [1, 2],
            "boolean": [True, False],
            "category": ["x", "y"],
            "datetime": pd.to_datetime(["2020-01-01", "2020-01-02"]),
            "duration": pd.to_timedelta([1, 2], unit="s"),
            "identifier": ["p", "q"],
        }
    )
    schema = read_table(frame, id_columns=["identifier"]).schema
    assert [c.kind for c in schema.columns] == [c.name for c in schema.columns]
    assert schema.id_columns == ["identifier"] and len(schema.feature_names) == 6
