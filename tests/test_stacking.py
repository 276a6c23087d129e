from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from ganaug.stacking import length, stack


def test_arrays_lists_and_pairs():
    X, y = stack((np.ones((2, 2), np.float32), ["a", "b"]), (np.zeros((1, 2), np.float32), ["c"]))
    assert X.dtype == np.float32 and X.tolist() == [[1, 1], [1, 1], [0, 0]] and y == ["a", "b", "c"]
    assert stack((np.ones((1, 1)), None), (np.zeros((1, 1)), None))[1] is None
    assert length((X, y)) == length(X) == length(y) == 3


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_keeps_its_format(kind):
    whole = stack(kind(np.eye(2, dtype=np.float32)), kind(np.ones((1, 2), np.float32)))
    assert whole.format == kind((1, 1)).format and whole.dtype == np.float32
    assert whole.toarray().tolist() == [[1, 0], [0, 1], [1, 1]]


def test_arrow_keeps_its_type():
    assert stack(pa.array([1], pa.int8()), pa.array([2], pa.int8())).equals(pa.array([1, 2], pa.int8()))
    chunked = stack(pa.chunked_array([[1]]), pa.array([2]))
    assert isinstance(chunked, pa.ChunkedArray) and chunked.to_pylist() == [1, 2]
    table = pa.table({"a": pa.array(["x"]).dictionary_encode()})
    whole = stack(table, pa.table({"a": pa.array(["y"]).dictionary_encode()}))
    assert whole.schema == table.schema and whole["a"].to_pylist() == ["x", "y"]


def test_pandas_keeps_types_attributes_and_names():
    real = pd.DataFrame({"a": pd.Categorical(["x"], categories=["y", "x"]), "b": pd.array([None], "Int8")})
    real.attrs["source"] = "ward"
    made = pd.DataFrame({"a": pd.Categorical(["y"], categories=["y", "x"]), "b": pd.array([3], "Int8")})
    whole = stack(real, made)
    assert whole.dtypes.equals(real.dtypes) and whole.attrs == {"source": "ward"}
    assert whole.index.equals(pd.RangeIndex(2))
    series = stack(pd.Series([1, 2], index=[7, 9], name="n"), pd.Series([3], name="n"))
    assert series.to_dict() == {7: 1, 9: 2, 10: 3} and series.name == "n"


@pytest.mark.parametrize(
    ("index", "added"),
    [
        (pd.Index([3, 1], name="i", dtype="int32"), [4]),
        (pd.Index(["a", "b"]), ["synthetic-0"]),
        (pd.date_range("2024", periods=2), [pd.NaT]),
        (pd.timedelta_range("1h", periods=2, name="t"), [pd.NaT]),
        (pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", "y"]), [(np.nan, np.nan)]),
    ],
)
def test_an_index_goes_on_with_its_type_and_name(index, added):
    whole = stack(pd.DataFrame({"a": [1, 2]}, index=index), pd.DataFrame({"a": [3]}))
    assert whole.index[:2].equals(index)
    assert str(whole.index[2:].tolist()) == str(added)
    assert whole.index.names == index.names and whole.index.dtype == index.dtype


def test_rows_are_numbered_anew_on_request():
    whole = stack(pd.DataFrame({"a": [1, 2]}, index=[5, 5]), pd.DataFrame({"a": [3]}), keep_index=False)
    assert whole.index.tolist() == [0, 1, 2]


def test_no_rows_give_a_copy():
    real = pd.DataFrame({"a": [1, 2]}, index=[5, 5])
    whole = stack(real, real.iloc[:0])
    pd.testing.assert_frame_equal(whole, real)
    whole.loc[5, "a"] = 0
    assert real["a"].tolist() == [1, 2]
