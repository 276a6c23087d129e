"""Whole tables: the layout, targets, what is not learnt, state, bad input."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ganaug.data import read_table
from ganaug.encode import Encoded, Layout, TableEncoder
from ganaug.errors import ArtefactError, DataError

FRAME = pd.DataFrame(
    {
        "id": [11, 12, 15, 13],
        "age": [31.5, np.nan, 40.25, 31.5],
        "sex": ["f", "m", None, "f"],
        "ill": ["no", "yes", "no", "no"],
        "site": "north",
        "note": [None, None, None, None],
        "smokes": [True, False, True, True],
        "born": pd.to_datetime(["1990-01-01", "1985-06-01", "1990-01-01", "1970-12-31"]),
    }
)
DATA = read_table(FRAME, target="ill", id_columns=["id"])
LABELS = DATA.schema.label_codes(DATA.table)
ENCODER = TableEncoder.fit(DATA.table, DATA.schema)


def test_the_layout_names_what_is_learnt() -> None:
    # Numbers: age (31.5 is a spike, missing), born (1990-01-01 is one); codes in the order of the columns.
    assert ENCODER.layout == Layout(n_continuous=2, widths=(5 - 1, 3, 2, 4), code_of_continuous=(0, 3))
    encoded = ENCODER.encode(DATA.table)
    assert encoded.continuous.shape == (4, 2) and encoded.continuous.dtype == np.float64
    assert encoded.codes.shape == (4, 4) and encoded.codes.dtype == np.int32
    assert len(encoded) == 4 and len(encoded.take(np.array([0, 2]))) == 2
    assert Layout.from_json(json.loads(json.dumps(ENCODER.layout.to_json()))) == ENCODER.layout


def test_everything_but_the_identifier_comes_back() -> None:
    out = ENCODER.decode(ENCODER.encode(DATA.table), LABELS)
    assert out.schema.equals(DATA.table.schema, check_metadata=True)
    assert out.drop_columns("id").equals(DATA.table.drop_columns("id"))
    assert out["id"].to_pylist() == [16, 17, 18, 19]


def test_the_target_may_be_of_any_type() -> None:
    for labels in (pd.Categorical(["b", "a", "b", "a"], ["c", "b", "a"]), [2.0, 1.0, 2.0, 1.0], [True, False] * 2):
        data = read_table(FRAME.assign(ill=labels), target="ill", id_columns=["id"])
        out = TableEncoder.fit(data.table, data.schema).decode(ENCODER.encode(DATA.table), np.array([1, 0, 0, 1]))
        expected = [data.schema.classes[i].as_py() for i in (1, 0, 0, 1)]
        assert out["ill"].to_pylist() == expected and out["ill"].type == data.table["ill"].type


def test_labels_decide_the_target_and_are_needed() -> None:
    out = ENCODER.decode(ENCODER.encode(DATA.table), np.array([1, 1, 0, 1]))
    assert out["ill"].to_pylist() == ["yes", "yes", "no", "yes"]
    with pytest.raises(ValueError, match=r"rows with the target 'ill' need labels"):
        ENCODER.decode(ENCODER.encode(DATA.table), None)


@pytest.mark.parametrize(
    ("values", "first_row", "expected"),
    [
        (pa.array([5, 9, 7], pa.int8()), 0, [10, 11]),
        (pa.array([5, 9, 7], pa.int8()), 3, [13, 14]),
        (pa.array([-5, -9, None]), 0, [0, 1]),
        (pa.array(["a", "b", "c"]), 2, ["synthetic-2", "synthetic-3"]),
        (pa.array(["a", "synthetic-7", "c"], pa.large_string()), 0, ["synthetic-8", "synthetic-9"]),
        (pa.array([0.5, 1.5, 2.5]), 0, [None, None]),
        (pa.array([dt.date(2020, 1, d) for d in (1, 2, 3)]), 0, [None, None]),
        (pa.array(["a", "b", "c"]).dictionary_encode(), 0, [None, None]),
    ],
)
def test_identifiers_are_fresh(values: pa.Array, first_row: int, expected: list) -> None:
    data = read_table(pa.table({"k": values, "a": [1, 2, 3]}), id_columns=["k"])
    encoder = TableEncoder.fit(data.table, data.schema)
    out = encoder.decode(encoder.encode(data.table).take(np.arange(2)), None, first_row=first_row)
    assert out["k"].to_pylist() == expected and out["k"].type == values.type


def test_identifiers_that_run_out_say_so() -> None:
    data = read_table(pa.table({"k": pa.array([126, 1, 2], pa.int8()), "a": [1, 2, 3]}), id_columns=["k"])
    encoder = TableEncoder.fit(data.table, data.schema)
    encoded = encoder.encode(data.table)
    assert encoder.decode(encoded.take(np.arange(1)), None)["k"].to_pylist() == [127]
    with pytest.raises(
        DataError, match=r"'k' of type int8 has no fresh values left after 126; widen its type or drop it"
    ):
        encoder.decode(encoded, None)


def test_state_goes_through_json() -> None:
    described, arrays = ENCODER.state()
    again = TableEncoder.from_state(json.loads(json.dumps(described, allow_nan=False)), arrays, DATA.schema)
    assert again.layout == ENCODER.layout
    one, other = again.encode(DATA.table), ENCODER.encode(DATA.table)
    np.testing.assert_array_equal(one.continuous, other.continuous)
    np.testing.assert_array_equal(one.codes, other.codes)
    assert again.decode(one, LABELS).equals(ENCODER.decode(other, LABELS))


def test_a_broken_state_is_an_artefact_error() -> None:
    described, arrays = ENCODER.state()
    with pytest.raises(ArtefactError, match=r"different columns"):
        TableEncoder.from_state(described, arrays, read_table(FRAME[["age", "sex"]]).schema)
    with pytest.raises(ArtefactError, match=r"the encoder is broken"):
        TableEncoder.from_state(described, {}, DATA.schema)


def test_a_diverged_generator_is_not_decoded() -> None:
    encoded = ENCODER.encode(DATA.table)
    encoded.continuous[1, 0] = np.nan
    with pytest.raises(ValueError, match=r"must be finite.*diverged"):
        ENCODER.decode(encoded, LABELS)


def test_other_rows_of_the_same_schema() -> None:
    other = FRAME.assign(age=[1000.0, -5.0, np.nan, 33.0], sex=["x", "f", "m", None], smokes=[True, True, True, False])
    table = read_table(other, target="ill", id_columns=["id"]).table
    out = ENCODER.decode(ENCODER.encode(table), LABELS)
    assert out["age"].to_pylist()[:3] == [40.25, 31.5, None]
    assert out["sex"].to_pylist() == [None, "f", "m", None]


def test_tables_of_constants_only_are_made_up_again() -> None:
    data = read_table(pd.DataFrame({"a": [1, 1, 1], "y": ["u", "v", "u"]}), target="y")
    encoder = TableEncoder.fit(data.table, data.schema)
    assert encoder.layout == Layout(0, (), ())
    encoded = encoder.encode(data.table)
    assert encoder.bucket(encoded.codes).shape == (3, 0)
    assert encoder.decode(encoded, np.array([0, 1, 0])).equals(data.table)


def test_more_rows_than_were_fitted_on_and_none() -> None:
    encoded = ENCODER.encode(DATA.table)
    order = np.arange(100) % 4
    out = ENCODER.decode(encoded.take(order), LABELS[order])
    assert out.num_rows == 100 and out["site"].unique().to_pylist() == ["north"] and out["note"].null_count == 100
    empty = ENCODER.decode(Encoded(np.empty((0, 2)), np.empty((0, 4), dtype=np.int32)), np.empty(0, dtype=np.int64))
    assert empty.num_rows == 0 and empty.schema.equals(DATA.table.schema)
