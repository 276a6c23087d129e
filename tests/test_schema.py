"""What goes in comes out: containers, dtypes, labels; and the schema through JSON."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from ganaug.data import read_table
from ganaug.errors import ArtefactError, DataError, SchemaError
from ganaug.schema import TableSchema

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
DAYS = pd.date_range("2020-02-27", periods=4, freq="D")
OBJECT = {
    "str": ["a", "b", "", "ü"],
    "str_none": ["a", None, "b", "a"],
    "str_nan": ["a", np.nan, "b", "a"],
    "str_NA": ["a", pd.NA, "b", "a"],
    "bool_none": [True, None, False, True],
    "date": [dt.date(2020, 2, 29), None, dt.date(1, 1, 1), dt.date(9999, 12, 31)],
    "datetime": [dt.datetime(3020, 2, 29, 1, 2, 3, 4), dt.datetime(1, 1, 1), None, dt.datetime(2000, 1, 1)],
    "nanoseconds": [pd.Timestamp(1), None, pd.Timestamp(2**60 + 1), pd.Timestamp(0)],
    "nano_deltas": [pd.Timedelta(1), pd.NaT, pd.Timedelta(-(2**60) + 1), pd.Timedelta(0)],
    "timestamp_nat": [pd.Timestamp("2020-01-01"), pd.NaT, pd.Timestamp("2020-01-02"), pd.Timestamp("2020-01-03")],
    "time": [dt.time(1, 2, 3, 4), None, dt.time(0), dt.time(23, 59, 59)],
    "timedelta": [dt.timedelta(days=1), None, dt.timedelta(microseconds=-1), dt.timedelta(0)],
    "decimal": [decimal.Decimal("1.10"), None, decimal.Decimal("-2.25"), decimal.Decimal("0.00")],
    "bytes": [b"a", None, b"\xff", b""],
    "int_none": [2**60 + 1, None, -1, 0],
    "float": [1.5, None, 2.0, -1.0],
    "all_none": [None, None, None, None],
}
TYPED = {
    "float64": [1.5, np.nan, -1e308, 5e-324],
    "float32": [0.1, np.nan, 2.5, 3.0],
    "float16": [0.1, np.nan, 2.5, 3.0],
    "int8": [-128, 127, 0, 1],
    "int64": [2**63 - 1, -(2**63), 0, 1],
    "uint64": [2**64 - 1, 0, 2**63, 1],
    "bool": [True, False, True, True],
    "datetime64[ns]": [DAYS[0], pd.NaT, DAYS[1], DAYS[2]],
    "datetime64[s]": [DAYS[0], pd.NaT, DAYS[1], DAYS[2]],
    "datetime64[us, UTC]": [DAYS[0], pd.NaT, DAYS[1], DAYS[2]],
    "datetime64[ns, Europe/Berlin]": [DAYS[0], pd.NaT, DAYS[1], DAYS[2]],
    "timedelta64[ms]": [pd.Timedelta(1, "s"), pd.NaT, pd.Timedelta(-1, "h"), pd.Timedelta(0)],
    "Int16": [1, pd.NA, -3, 4],
    "UInt64": [2**64 - 1, pd.NA, 0, 4],
    "Float32": [0.1, pd.NA, 1.0, 2.0],
    "boolean": [True, pd.NA, False, True],
    "string[python]": ["a", pd.NA, "", "b"],
    "string[pyarrow]": ["a", pd.NA, "", "b"],
    "category": ["a", None, "b", "a"],
    "period[M]": [pd.Period("2020-01", "M"), pd.NaT, pd.Period("2021-12", "M"), pd.Period("1960-01", "M")],
    "Sparse[float64]": [np.nan, 1.0, np.nan, 2.0],
    "Sparse[int64]": [0, 1, 0, 2],
}
ARROW = {
    pa.int32(): [1, None, -3, 4],
    pa.float64(): [0.1, None, 1.0, 2.0],
    pa.bool_(): [True, None, False, True],
    pa.string(): ["a", None, "", "b"],
    pa.large_string(): ["a", None, "", "b"],
    pa.binary(): [b"a", None, b"", b"b"],
    pa.date32(): [dt.date(2020, 2, 29), None, dt.date(1970, 1, 1), dt.date(1969, 12, 31)],
    pa.date64(): [dt.date(2020, 2, 29), None, dt.date(1970, 1, 1), dt.date(1969, 12, 31)],
    pa.time32("s"): [dt.time(1, 2, 3), None, dt.time(0), dt.time(23, 59, 59)],
    pa.time64("ns"): [dt.time(1, 2, 3), None, dt.time(0), dt.time(23, 59, 59)],
    pa.timestamp("ms", "Asia/Tokyo"): [
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        None,
        dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
        None,
    ],
    pa.duration("us"): [dt.timedelta(1), None, dt.timedelta(-2), dt.timedelta(0)],
    pa.decimal128(9, 2): [decimal.Decimal("1.10"), None, decimal.Decimal("-2.25"), decimal.Decimal("0.00")],
    pa.decimal256(40, 2): [decimal.Decimal("1.10"), None, decimal.Decimal("-2.25"), decimal.Decimal("0.00")],
    pa.dictionary(pa.int16(), pa.string()): ["a", None, "", "b"],
    pa.binary(2): [b"ab", None, b"cd", b"ab"],
}
CATEGORIES = {
    "unseen_and_ordered": pd.Categorical(["b", None, "a", "b"], ["z", "b", "a"], ordered=True),
    "integers": pd.Categorical([3, 1, None, 3], [1, 2, 3]),
    "days": pd.Categorical([DAYS[0], None, DAYS[1], DAYS[0]], DAYS),
    "truth": pd.Categorical([True, None, False, True]),
    "cut": pd.cut(pd.Series([1.0, np.nan, 20.0, 3.0]), [0, 2.5, 10, 30]).array,
    "cut_integers": pd.cut(pd.Series([1, 5, 20, 3]), [0, 2, 10, 30], right=False).array,
    "strings": pd.Series(["a", None, "b", "a"], dtype="string").astype("category").array,
}


def all_series() -> dict[str, pd.Series]:
    series = {f"object {k}": pd.Series(v, dtype=object) for k, v in OBJECT.items()}
    series |= {f"typed {k}": pd.Series(v, dtype=k) for k, v in TYPED.items()}
    for kind, values in ARROW.items():
        series[f"arrow {kind}"] = pd.Series(
            pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values[:4], kind)]))
        )
    series |= {f"category {k}": pd.Series(v) for k, v in CATEGORIES.items()}
    series["zoneinfo"] = pd.Series(DAYS.tz_localize(BERLIN))
    return series


def through_json(schema: TableSchema) -> TableSchema:
    return TableSchema.from_json(json.loads(json.dumps(schema.to_json(), allow_nan=False)))


@pytest.mark.parametrize("name", all_series())
def test_a_column_comes_back_with_its_dtype_and_values(name: str) -> None:
    frame = pd.DataFrame({"a": all_series()[name], "other": [1, 2, 3, 4]})
    read = read_table(frame)
    pd.testing.assert_frame_equal(
        through_json(read.schema).restore(read.table), frame, check_exact=True, check_freq=False
    )
    out = read.schema.restore(read.table)
    for column in out.columns if "Sparse" not in name else ["other"]:
        out.loc[0, column] = out.loc[1, column]
    assert out["other"].to_list() == [2, 2, 3, 4], "what comes back can be written to"
    if frame["a"].dtype == object:
        assert [type(v) for v in read.schema.restore(read.table)["a"]] == [type(v) for v in frame["a"]]


@pytest.mark.parametrize("name", [n for n in all_series() if "all_none" not in n])
def test_missing_values_are_null_in_the_canonical_table(name: str) -> None:
    series = all_series()[name]
    read = read_table(pd.DataFrame({"a": series, "other": range(4)}))
    assert read.table.column("a").is_null().to_pylist() == series.isna().tolist()
    assert read.schema.columns[0].nullable == series.isna().any()


@pytest.mark.parametrize(
    "columns",
    [
        pd.RangeIndex(2),
        pd.RangeIndex(5, 1, -3),
        pd.Index([7, 3], name="k"),
        pd.Index([1.5, 2.0]),
        pd.Index([np.nan, "b"], dtype=object),
        pd.Index(["b", 1], dtype=object),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["u", None]),
        pd.Index([("a", 1), ("a", 2)], tupleize_cols=False),
        pd.DatetimeIndex(["2020-01-01", "2020-01-02"]),
        pd.Index([True, False]),
        pd.Index(["x", "y"], dtype="string"),
    ],
    ids=str,
)
def test_column_labels_of_any_type_come_back(columns: pd.Index) -> None:
    frame = pd.DataFrame([[1.5, "u"], [2.5, "v"]], columns=columns)
    read = read_table(frame, target=columns[1])
    out = through_json(read.schema).restore(read.table)
    pd.testing.assert_frame_equal(out, frame)
    pd.testing.assert_index_equal(out.columns, columns, exact=True)
    assert read.schema.class_names() == ["u", "v"]


def test_the_index_is_no_feature_and_a_default_one_comes_back() -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["p", "q"], name="person"))
    read = read_table(frame)
    assert read.table.column_names == ["a"]
    pd.testing.assert_index_equal(read.schema.restore(read.table).index, pd.RangeIndex(2))


def test_an_arrow_table_comes_back_with_its_schema_and_metadata() -> None:
    schema = pa.schema(
        [
            pa.field("a", pa.float32(), metadata={"unit": "m"}),
            pa.field("b", pa.dictionary(pa.int8(), pa.string(), ordered=True)),
        ],
        metadata={"k": "v"},
    )
    table = pa.table(
        [[0.5, None, float("nan")], pa.array(["x", "y", "x"]).dictionary_encode().cast(schema.types[1])], schema=schema
    )
    read = read_table(pa.concat_tables([table.slice(0, 1), table.slice(1)]))
    out = through_json(read.schema).restore(read.table)
    assert out.schema.equals(schema, check_metadata=True)
    assert read.table.column("a").null_count == 2, "NaN counts as missing"


def test_arrow_floats_that_were_missing_as_nan_come_back_as_nan() -> None:
    read = read_table(pa.table({"a": [0.5, float("nan")], "b": [None, 1.0]}))
    out = read.schema.restore(read.table)
    assert out["a"].null_count == 0 and np.isnan(out["a"][1].as_py())
    assert out["b"].null_count == 1


def test_arrow_types_that_arrow_cannot_take_rows_of_come_back() -> None:
    narrow = pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("2.25")], pa.decimal128(5, 2)).cast(
        pa.decimal64(5, 2)
    )
    text, raw = pa.array(["x", None, "y"], pa.string_view()), pa.array([b"x", None, b"y"], pa.binary_view())
    table = pa.table({"a": text, "b": narrow, "c": raw, "d": [1, 2, 3]})
    read = read_table(table)
    assert through_json(read.schema).restore(read.table).equals(table)
    assert read.table.take([2, 1])["a"].to_pylist() == ["y", None]


def test_arrow_chunks_with_different_dictionaries_are_one_column() -> None:
    parts = [pa.array(["x", "y"]).dictionary_encode(), pa.array(["z", "x"]).dictionary_encode()]
    read = read_table(pa.table({"a": pa.chunked_array(parts), "b": [1, 2, 3, 4]}))
    assert read.schema.restore(read.table)["a"].to_pylist() == ["x", "y", "z", "x"]
    assert read.schema.columns[0].categories.to_pylist() == ["x", "y", "z"]


X_FLOAT = np.array([[1.5, 2.0], [np.nan, 3.0], [0.25, 4.0]], dtype=np.float32)
X_MIXED = np.array([[1, "a"], [None, "b"], [3, np.nan]], dtype=object)


@pytest.mark.parametrize(
    "X",
    [
        X_FLOAT,
        X_FLOAT[:, 1:].astype(np.int16),
        np.array([["a", "b"], ["c", "ddd"], ["e", "f"]]),
        np.array([[b"a", b"b"], [b"c", b"d"], [b"e", b"f"]]),
        np.array([["2020-01-01"], ["NaT"], ["2020-01-03"]], dtype="datetime64[D]").astype("datetime64[s]"),
        np.array([[True, False], [False, True], [True, True]]),
        X_FLOAT.astype(np.float16),
    ],
    ids=lambda x: str(x.dtype),
)
def test_matrices_of_any_dtype_come_back(X: np.ndarray) -> None:
    read = read_table((X, [0, 1, 1]))
    out, y = through_json(read.schema).restore(read.table)
    np.testing.assert_array_equal(out, X)
    assert type(out) is np.ndarray and out.dtype == X.dtype
    assert y == [0, 1, 1] and type(y) is list


def test_object_matrices_keep_the_type_of_every_column() -> None:
    read = read_table((X_MIXED, np.array(["u", "v", "u"])))
    out, y = read.schema.restore(read.table)
    assert out.dtype == object and [type(v) for v in out[:, 0]] == [int, type(None), int]
    assert out[:2].tolist() == X_MIXED[:2].tolist() and out[2, 0] == 3 and np.isnan(out[2, 1])
    assert y.dtype.kind == "U" and y.tolist() == ["u", "v", "u"]
    assert [str(t).removeprefix("large_") for t in read.table.schema.types] == ["int64", "string", "string"]


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_matrices_come_back(make: type) -> None:
    X = make(np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]]))
    read = read_table((X, [0, 1, 1]))
    out, _ = read.schema.restore(read.table)
    assert type(out) is type(X)
    np.testing.assert_array_equal(out.toarray(), X.toarray())


@pytest.mark.parametrize(
    ("y", "same"),
    [
        (pd.Series([1.0, 0.0, 1.0], name="out", index=[5, 6, 7]), pd.testing.assert_series_equal),
        (pd.Series(pd.Categorical(["a", "b", "a"], ["c", "b", "a"]), name=7), pd.testing.assert_series_equal),
        (pd.Series(["a", "b", "a"]), pd.testing.assert_series_equal),
        (pd.Series([True, False, True], dtype="boolean", name=("a", 1)), pd.testing.assert_series_equal),
        (pd.DataFrame({3: ["a", "b", "a"]}), pd.testing.assert_frame_equal),
        (np.array([[1], [0], [1]]), np.testing.assert_array_equal),
        (np.array(["2020-01-01", "2020-01-02", "2020-01-01"], dtype="datetime64[ns]"), np.testing.assert_array_equal),
        (np.array(["a", "b", "a"], dtype=object), np.testing.assert_array_equal),
        (["a", "b", "a"], lambda a, b: a == b),
        (pa.array(["a", "b", "a"]), lambda a, b: a.equals(b)),
        ((0, 1, 0), lambda a, b: a == list(b)),
    ],
    ids=lambda v: type(v).__name__,
)
def test_labels_of_any_kind_come_back(y: object, same) -> None:
    X = pd.DataFrame({0: [1.5, 2.0, 3.0], 1: ["a", "b", "c"]}, index=[9, 8, 7])
    read = read_table((X, y))
    out_X, out_y = through_json(read.schema).restore(read.table)
    pd.testing.assert_frame_equal(out_X, X.reset_index(drop=True))
    expected = y.reset_index(drop=True) if isinstance(y, pd.Series | pd.DataFrame) else y
    assert same(out_y, expected) in (True, None)
    assert isinstance(out_y, list if isinstance(y, tuple) else type(y))
    assert read.schema.n_classes == 2


def test_labels_named_as_a_feature_is_named_stay_apart() -> None:
    X = pd.DataFrame({"target": [1.5, 2.5]})
    read = read_table((X, [0, 1]))
    assert read.table.column_names == ["target", "target_"] and read.schema.target == "target_"


def test_unlabelled_matrices_come_back_without_labels() -> None:
    read = read_table((X_FLOAT, None))
    out, y = read.schema.restore(read.table)
    assert y is None and read.schema.n_classes == 1
    np.testing.assert_array_equal(out, X_FLOAT)
    assert read.schema.label_codes(read.table).tolist() == [0, 0, 0]


# -------------------------------------------------------------------------------------------- classes
@pytest.mark.parametrize(
    ("labels", "classes", "codes"),
    [
        (["b", "a", "b"], ["a", "b"], [1, 0, 1]),
        ([10, -1, 10], [-1, 10], [1, 0, 1]),
        ([True, False, True], [False, True], [1, 0, 1]),
        ([2.0, 1.0, 2.0], [1.0, 2.0], [1, 0, 1]),
        (pd.Categorical(["b", "a", "b"], ["z", "b", "a"]), ["a", "b"], [1, 0, 1]),
        (
            pd.to_datetime(["2020-01-02", "2020-01-01", "2020-01-02"]),
            [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02")],
            [1, 0, 1],
        ),
        (np.array([2.0, 1.0, 2.0], dtype=np.float16), [1.0, 2.0], [1, 0, 1]),
    ],
)
def test_classes_are_sorted_and_found_by_value_or_text(labels, classes, codes) -> None:
    read = read_table(pd.DataFrame({"a": [1, 2, 3], "y": labels}), target="y")
    schema = through_json(read.schema)
    assert schema.classes.to_pylist() == classes
    assert schema.label_codes(read.table).tolist() == codes
    for code, label in enumerate(classes):
        assert schema.code_of(label) == schema.code_of(np.array([label])[0]) == code
        assert schema.code_of(schema.class_names()[code]) == code


def test_an_unknown_label_names_the_known_ones() -> None:
    schema = read_table(pd.DataFrame({"a": [1, 2], "y": [">50K", "<=50K"]}), target="y").schema
    with pytest.raises(DataError, match=r"'50K' is not a class of 'y'; the classes are \['<=50K', '>50K'\]"):
        schema.code_of("50K")


def test_one_is_not_true() -> None:
    schema = read_table(pd.DataFrame({"a": [1, 2], "y": [0, 1]}), target="y").schema
    with pytest.raises(DataError, match="True is not a class"):
        schema.code_of(True)


def test_label_codes_refuse_a_label_that_was_never_seen() -> None:
    schema = read_table(pd.DataFrame({"a": [1, 2], "y": ["a", "b"]}), target="y").schema
    with pytest.raises(SchemaError, match=r"not among \['a', 'b'\]: \['c'\]"):
        schema.label_codes(pa.table({"y": ["a", "c"]}))


# ------------------------------------------------------------------------------------- check and JSON
def test_check_names_what_differs() -> None:
    schema = read_table(pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, 1.5]})).schema
    with pytest.raises(SchemaError, match=r"missing: \['b'\]; unexpected: \['B'\]"):
        schema.check(pa.table({"a": [1], "B": ["x"], "c": [0.5]}))
    with pytest.raises(SchemaError, match="another order"):
        schema.check(pa.table({"b": ["x"], "a": [1], "c": [0.5]}))
    with pytest.raises(SchemaError, match=r"'a' is double instead of int64, 'b' is int64 instead of (large_)?string"):
        schema.check(pa.table({"a": [1.0], "b": [1], "c": [0.5]}))
    text = schema.arrow.field("b").type
    schema.check(pa.table({"a": [3], "b": pa.array(["z"], text), "c": [0.25]}))


def test_schemas_are_equal_when_their_json_is() -> None:
    frame = pd.DataFrame({"a": [1, 2], "y": [0, 1]})
    schema = read_table(frame, target="y").schema
    assert through_json(schema) == schema
    assert read_table(frame).schema != schema


def test_a_broken_schema_is_an_artefact_error() -> None:
    stored = read_table(pd.DataFrame({"a": [1, 2]})).schema.to_json()
    with pytest.raises(ArtefactError, match="the schema is broken"):
        TableSchema.from_json({k: v for k, v in stored.items() if k != "columns"})
    with pytest.raises(ArtefactError, match="the schema is broken"):
        TableSchema.from_json(stored | {"arrow": base64.b64encode(b"rubbish").decode()})


def test_without_rows_keeps_dtypes_and_drops_every_other_metadata() -> None:
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}, index=pd.Index(["p", "secret"], name="i"))
    frame.attrs["note"] = "secret"
    table = pa.Table.from_pandas(frame).replace_schema_metadata(
        pa.Table.from_pandas(frame).schema.metadata | {b"rows": b"secret"}
    )
    schema = read_table(table, id_columns=[]).schema.without_rows()
    text = b" ".join(k + v for k, v in schema.arrow.metadata.items())
    assert b"secret" not in text and schema.arrow.pandas_metadata["index_columns"] == []
    assert schema.arrow.empty_table().to_pandas().dtypes["a"] == "Int64"


def test_what_comes_back_can_be_written_to_where_nothing_is_missing() -> None:
    kinds = ["Int64", "boolean", "Float32", "int8", "float64", "bool"]
    frame = pd.DataFrame({kind: pd.Series([0, 1, 1]).astype(kind) for kind in kinds})
    frame = frame.assign(
        day=pd.date_range("2020-01-01", periods=3, tz="UTC"), text=pd.array(["a", "b", "b"], dtype="string")
    )
    read = read_table((frame, np.array([0, 1, 0])))
    X, y = read.schema.restore(read.table)
    for column in X.columns:
        X.loc[0, column] = X.loc[1, column]
    y[0] = 1
    assert X.iloc[0].equals(X.iloc[1]) and y.tolist() == [1, 1, 0]
