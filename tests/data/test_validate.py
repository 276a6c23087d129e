"""Bad tables: each gets one sentence that names the place, the finding and the way out."""

from __future__ import annotations

import datetime as dt
import decimal
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ganaug.data import read_table
from ganaug.errors import DataError, DataWarning

FRAME = pd.DataFrame({"age": [31, 42, 53, 64], "income": [1.5, 2.5, np.nan, 3.5], "ill": ["no", "no", "yes", "yes"]})


def refuses(data: object, message: str, **options: object) -> None:
    with pytest.raises(DataError, match=message):
        read_table(data, **options)


# ------------------------------------------------------------------------------------------- the table
def test_other_containers_are_listed() -> None:
    with pytest.raises(TypeError, match=r"a pandas DataFrame, a pyarrow Table, .* however: builtins.dict"):
        read_table({"a": [1]})
    with pytest.raises(TypeError, match=r"X must be a DataFrame.* however: int"):
        read_table((1, [1]))
    with pytest.raises(TypeError, match=r"y must be a Series.* however: int"):
        read_table((FRAME, 1))


def test_tables_without_rows_or_columns() -> None:
    refuses(pd.DataFrame(), "no columns")
    refuses(FRAME.iloc[:0], "3 columns and no rows")
    refuses(FRAME.iloc[:1], "1 row, at least 2 are needed")
    refuses((np.empty((3, 0)), [0, 1, 1]), "X has no columns")
    refuses(FRAME[["ill"]], "'ill' is the only column; give at least one feature", target="ill")


def test_infinities_are_counted_by_column() -> None:
    frame = FRAME.assign(a=[np.inf, -np.inf, 1.0, 2.0], b=pd.array([1.0, np.inf, None, 2.0], dtype="Float32"))
    refuses(frame, r"there are infinities in 'a' \(2\), 'b' \(1\); replace them or set them missing")
    refuses((np.array([[np.inf], [1.0]], dtype=np.float16), [0, 1]), r"'x0' \(1\)")
    refuses(pd.DataFrame({"a": [float("inf"), "x"][:1] * 2}, dtype=object), r"'a' \(2\)")


def test_duplicated_column_names() -> None:
    refuses(pd.DataFrame([[1, 2, 3]] * 2, columns=["a", "b", "a"]), r"more than once: \['a'\]; rename or drop")
    refuses(pa.Table.from_arrays([pa.array([1, 2])] * 2, names=["a", "a"]), r"more than once: \['a'\]")
    refuses(pd.DataFrame([[1, 2]] * 2, columns=["1", 1]), r"must differ as text, .*: \['1'\]")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1, "a", "b", None], r"int \(1\), str \(2\)"),
        ([True, 1, 0, None], r"bool \(1\), int \(2\)"),
        ([dt.date(2020, 1, 1), dt.datetime(2020, 1, 1), None, None], r"date \(1\), datetime \(1\)"),
        ([decimal.Decimal(1), 1.5, None, None], r"Decimal \(1\), float \(1\)"),
        ([b"a", "a", "b", "c"], r"bytes \(1\), str \(3\)"),
        ([[1], [2], None, None], r"list \(2\)"),
        ([{"a": 1}, {}, {}, {}], r"dict \(4\)"),
        ([1 + 2j, 1j, 1j, 1j], r"complex \(4\)"),
    ],
)
def test_mixed_object_columns_name_column_and_types(values: list, found: str) -> None:
    refuses(pd.DataFrame({"mess": pd.Series(values, dtype=object)}), f"column 'mess' .* it holds: {found}; convert")


def test_mixed_categories_and_matrices_too() -> None:
    refuses(pd.DataFrame({"mess": pd.Categorical([1, "a", 1])}), r"column 'mess' .* int \(1\), str \(1\)")
    refuses((np.array([[1, "a"], ["b", "c"]], dtype=object), [0, 1]), r"column 'x0' .* int \(1\), str \(1\)")
    refuses(([[1, "a"], ["b", "c"]], [0, 1]), r"column 'x0' .* int \(1\), str \(1\)")


def test_whole_and_broken_python_numbers_are_one_type() -> None:
    read = read_table(pd.DataFrame({"a": pd.Series([1, 2.5, np.float32(3), None], dtype=object)}))
    assert read.table["a"].to_pylist() == [1.0, 2.5, 3.0, None]
    read = read_table(pd.DataFrame({"a": pd.Series([2**60 + 1, 0.5], dtype=object)}))
    assert read.table["a"].to_pylist() == [2.0**60, 0.5]


def test_cells_that_hold_no_plain_value() -> None:
    refuses(
        pa.table({"a": [[1], [2]], "b": [{"x": 1}, {"x": 2}]}), r"'a' \(list<.*\), 'b' \(struct<x: int64>\); flatten"
    )
    refuses(pd.DataFrame({"a": [1j, 2j]}), "column 'a' has dtype complex128")
    refuses(pd.DataFrame({"a": pd.interval_range(0, 2)}), "column 'a' has dtype interval")
    refuses(pd.DataFrame({"a": pd.Series([2**70, 1], dtype=object)}), "column 'a' cannot be read: ")


def test_shapes_of_matrices_and_labels() -> None:
    refuses(([1, 2, 3], [0, 1, 1]), r"X must have two dimensions.*\(3,\)")
    refuses(([[1, 2], [3]], [0, 1]), "the rows of X must have equal lengths")
    refuses(([[1, 2], [3, 4]], [0, 1, 1]), "as many rows as each other, however: 2 and 3")
    refuses(([[1, 2], [3, 4]], [[0, 1], [1, 0]]), r"y must have one label a row, however: values.shape=\(2, 2\)")
    refuses((FRAME, FRAME), r"y must have one column of labels, however: \['age', 'income', 'ill'\]")
    refuses((FRAME, FRAME, FRAME), "a tuple must be")


# ------------------------------------------------------------------------------------------ the target
def test_a_target_that_is_not_there_lists_close_names() -> None:
    refuses(
        FRAME, r"the target 'Ill' is not among the columns \['age', 'income', 'ill'\]; did you mean 'ill'", target="Ill"
    )
    refuses(FRAME.rename(columns={"ill": 7}), "the target 8 is not among the columns", target=8)
    wide = pd.DataFrame(np.zeros((3, 30)), columns=[f"c{i}" for i in range(30)])
    refuses(wide, r"'\.\.\. 10 more'\]", target="nothing like it")
    refuses((FRAME, [0, 1, 0, 1]), "leave target=None, however: target='ill'", target="ill")


def test_the_target_may_be_any_label_or_its_text() -> None:
    frame = FRAME.rename(columns={"ill": 7, "age": "7.5"})
    assert read_table(frame, target=7).schema.target == read_table(frame, target="7").schema.target == "7"


def test_missing_labels_are_counted() -> None:
    frame = FRAME.assign(ill=["no", None, np.nan, "yes"])
    refuses(
        frame,
        "the target 'ill' must have a label in every row, however 2 of 4 are missing; drop these rows",
        target="ill",
    )
    refuses((FRAME[["age"]], [0.0, np.nan, 1.0, 0.0]), "'target' must have a label in every row, however 1 of 4")


def test_one_class_only() -> None:
    refuses(FRAME.assign(ill="no"), "the target 'ill' has one class only, 'no', at least two are needed", target="ill")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_continuous_targets(dtype: str) -> None:
    frame = pd.DataFrame({"a": np.arange(50) % 3, "y": (np.arange(50) / 7).astype(dtype)})
    refuses(frame, "the target 'y' looks continuous: 50 different values in 50 rows; bin it", target="y")


def test_targets_with_a_label_for_nearly_every_row() -> None:
    frame = pd.DataFrame({"a": np.arange(50) % 3, "y": [f"row {i}" for i in range(50)]})
    refuses(frame, "the target 'y' looks continuous: 50 different values", target="y")


@pytest.mark.parametrize(
    "labels", [[0.0, 1.0, 2.0] * 20, [0.5, 1.5, 2.5] * 20, list(range(20)) * 3, [0] * 59 + [1], list("ab") * 30]
)
def test_targets_of_few_values_are_classes(labels: list) -> None:
    frame = pd.DataFrame({"a": np.arange(60) % 7, "y": labels})
    assert read_table(frame, target="y").schema.n_classes == len(set(labels))


def test_few_rows_of_many_classes_are_classes() -> None:
    assert read_table(pd.DataFrame({"a": [1, 2, 3], "y": [7, 8, 9]}), target="y").schema.n_classes == 3


def test_known_classes_may_be_missing_but_not_gone_beyond() -> None:
    read = read_table(FRAME.iloc[:2], target="ill", classes=["no", "yes"])
    assert read.schema.class_names() == ["no", "yes"] and read.schema.label_codes(read.table).tolist() == [0, 0]
    refuses(
        FRAME,
        r"labels that are not among the classes \['no', 'maybe'\]: \['yes'\]",
        target="ill",
        classes=["no", "maybe"],
    )


# ---------------------------------------------------------------------------------------- time and ids
def quiet(frame: pd.DataFrame, **options: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_table(frame, **options)


def dated(n: int = 40) -> pd.DataFrame:
    return pd.DataFrame({"day": pd.date_range("2020-01-01", periods=n), "a": np.arange(n) % 7})


def test_rows_in_the_order_of_a_date_get_a_warning() -> None:
    for frame in (dated(), dated().iloc[::-1], dated().assign(day=dated()["day"].dt.date)):
        with pytest.warns(DataWarning, match=r"in the order of 'day': .* pass groups= .* or a cv="):
            read_table(frame)


def test_shuffled_few_constant_or_missing_dates_get_none() -> None:
    quiet(dated().sample(frac=1, random_state=0))
    quiet(dated(10))
    quiet(dated().assign(day=pd.Timestamp("2020-01-01")))
    quiet(dated().assign(day=lambda f: f["day"].where(f["a"] > 0)))
    quiet(dated(), id_columns=["day"])


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("name", [f"person {i}" for i in range(40)], "nearly every value once"),
        ("name", pd.Categorical([f"person {i}" for i in range(40)]), "nearly every value once"),
        ("token", [bytes([i]) for i in range(40)], "nearly every value once"),
        ("note", [f"this is the long remark number {i // 2} of all" for i in range(40)], "free text"),
        ("n", range(40), "it numbers the rows"),
        ("n", range(1, 41), "it numbers the rows"),
        ("Unnamed: 0", np.random.default_rng(0).permutation(900)[:40], "its name"),
        ("customer_id", np.random.default_rng(0).permutation(900)[:40], "its name"),
        ("PassengerId", np.random.default_rng(0).permutation(900)[:40], "its name"),
        ("ID", np.random.default_rng(0).permutation(900)[:40], "its name"),
    ],
)
def test_identifiers_and_free_text_are_found_and_named(name: str, values: object, reason: str) -> None:
    frame = pd.DataFrame({"a": np.arange(40) % 7, name: values})
    with pytest.warns(
        DataWarning, match=rf"'{name}' \({reason}.*; id_columns=\['{name}'\] says so .* id_columns=\[\] has"
    ) as seen:
        read = read_table(frame)
    assert read.schema.id_columns == [name] and read.schema.feature_names == ["a"]
    assert seen[0].filename == __file__, "the warning points at the caller"
    quiet(frame, id_columns=[name])
    quiet(frame, id_columns=[])
    assert read_table(frame, id_columns=[]).schema.id_columns == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("year", range(1980, 2020)),
        ("income", np.random.default_rng(0).permutation(90000)[:40]),
        ("valid", np.random.default_rng(0).permutation(900)[:40]),
        ("idle", np.random.default_rng(0).permutation(900)[:40]),
        ("type_id", np.arange(40) % 9),
        ("size", np.random.default_rng(0).normal(size=40)),
        ("town", [f"town {i % 20}" for i in range(40)]),
    ],
)
def test_ordinary_columns_are_learnt(name: str, values: object) -> None:
    quiet(pd.DataFrame({"a": np.arange(40) % 7, name: values}))


def test_few_rows_have_no_identifiers() -> None:
    quiet(pd.DataFrame({"a": [1, 2, 3], "name": ["x", "y", "z"]}))


def test_identifiers_that_make_no_sense() -> None:
    refuses(FRAME, "the identifier column 'agee' is not among .* did you mean 'age'", id_columns=["agee"])
    refuses(FRAME, r"id_columns must be a list of column names, however: 'age'; write \['age'\]", id_columns="age")
    refuses(FRAME, "the target 'ill' cannot be an identifier too", target="ill", id_columns=["ill"])
    refuses(FRAME, r"all features are identifiers, \['age', 'income'\]", target="ill", id_columns=["age", "income"])
    refuses(FRAME.assign(b=True), "column 'b' is boolean and cannot name a row", id_columns=["b"])


def test_many_whole_numbers_may_be_a_quantity() -> None:
    frame = pd.DataFrame({"x": range(300), "y": [i % 60 for i in range(300)]})
    with pytest.warns(DataWarning, match="60 different numbers in 300 rows.*task='regression'"):
        read_table(frame, target="y", id_columns=[])
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        read_table(frame.assign(y=frame["y"] % 20), target="y", id_columns=[])
        read_table(frame, target="y", id_columns=[], task="regression")
