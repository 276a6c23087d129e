from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.spatial.distance import cdist

from ganaug.data import read_table
from ganaug.metrics.columns import joint_codes, numbers
from ganaug.metrics.space import MetricSpace


def space_of(frame, **changes):
    data = read_table(frame, target="label", id_columns=changes.pop("id_columns", []))
    return MetricSpace.fit(data.table, data.schema), data.table


def test_one_mismatch_is_distance_one_and_several_add_up_as_squares():
    frame = pd.DataFrame({"a": ["x", "y", "x", "z"] * 5, "b": [True, True, False, False] * 5, "label": [0, 1] * 10})
    space, table = space_of(frame)
    distances = cdist(space.points(table)[:4], space.points(table)[:4])
    np.testing.assert_allclose(distances[0], [0, 1, 1, np.sqrt(2)], atol=1e-6)


def test_missing_is_distance_one_from_the_middle_and_none_from_missing():
    values = np.array([1.0, 2.0, 3.0, np.nan, np.nan] * 8)
    space, table = space_of(pd.DataFrame({"x": values, "label": [0, 1] * 20}))
    distances = cdist(space.points(table)[:5], space.points(table)[:5])
    assert distances[3, 4] == 0
    assert distances[1, 3] == pytest.approx(1, abs=0.05)  # 2 is the median, whose score is about 0
    assert distances[0, 3] > 1.2


def test_units_and_tails_do_not_matter_but_ranks_do():
    x = np.random.default_rng(0).normal(size=200)
    frame = pd.DataFrame({"x": x, "label": [0, 1] * 100})
    points = [space_of(f)[0].points(space_of(f)[1]) for f in (frame, frame.assign(x=np.exp(5 * x)))]
    np.testing.assert_allclose(points[0], points[1], atol=1e-5)
    assert points[0].shape == (200, 1) and points[0].std() == pytest.approx(1, abs=0.05)


def test_target_identifiers_and_constants_are_no_part_of_it():
    frame = pd.DataFrame({"id": range(40), "x": np.arange(40.0), "c": 1.0, "label": [0, 1] * 20})
    space, table = space_of(frame, id_columns=["id"])
    assert space.points(table).shape == (40, 1)
    swapped = table.set_column(3, "label", pa.chunked_array([table["label"].combine_chunks()[::-1]]))
    np.testing.assert_array_equal(space.points(table), space.points(swapped))


def test_many_wide_categories_stay_within_bounds():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{i}": rng.integers(0, 300, 400).astype(str) for i in range(60)} | {"label": [0, 1] * 200})
    space, table = space_of(frame)
    assert space.points(table).shape[1] <= 60 * 40


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None, 3], pa.int8(), [1, np.nan, 3]),
        ([decimal.Decimal("1.25"), None], pa.decimal128(6, 2), [1.25, np.nan]),
        ([dt.date(1970, 1, 3), None], pa.date32(), [2, np.nan]),
        ([dt.datetime(1970, 1, 1, 0, 1), None], pa.timestamp("s"), [60, np.nan]),
        ([dt.timedelta(minutes=1), None], pa.duration("ms"), [60_000, np.nan]),
        ([dt.time(0, 0, 5), None], pa.time32("s"), [5, np.nan]),
        ([2**62], pa.int64(), [2.0**62]),
    ],
)
def test_numbers_of_every_kind(values, kind, expected):
    np.testing.assert_array_equal(numbers(pa.chunked_array([pa.array(values, kind)])), expected)


def test_joint_codes_are_the_same_for_the_same_value_whatever_the_dictionaries():
    first = pa.chunked_array([pa.array(["b", "a", None]).dictionary_encode()])
    second = pa.chunked_array([pa.array(["a", "c"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()])
    (one, two), names = joint_codes([first, second])
    assert [names[i] for i in one[:2]] == ["b", "a"] and one[2] == -1
    assert [names[i] for i in two] == ["a", "c", "b"]


def test_an_all_missing_column_has_no_categories():
    (one, two), names = joint_codes([pa.chunked_array([pa.nulls(2)]), pa.chunked_array([pa.nulls(1)])])
    assert one.tolist() == [-1, -1] and two.tolist() == [-1] and names == []
