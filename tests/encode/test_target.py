from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ganaug.encode.target import ValueTarget
from ganaug.errors import ConfigError, DataError

EDGES = (0.0, 10.0, 20.0, 100.0)


def target(values: np.ndarray, *, private: bool = False) -> ValueTarget:
    return ValueTarget.fit(pa.array(values), EDGES, private=private)


def test_values_are_drawn_within_their_range_as_training_values_are_spread() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(0, 10, 500), rng.uniform(10, 20, 50), 20 + 80 * rng.beta(1, 4, 200)])
    found = target(values)
    ranges = np.array([[20.0, 100.0]] * 2000 + [[0.0, 10.0]] * 500)
    drawn = found.draw(ranges, rng.random(2500))
    own = values[values >= 20]
    assert drawn[:2000].min() >= own.min() and drawn[:2000].max() <= own.max()
    assert np.quantile(drawn[:2000], (0.25, 0.5, 0.75)) == pytest.approx(np.quantile(own, (0.25, 0.5, 0.75)), abs=2)
    assert drawn[2000:].max() < 10


def test_a_range_that_cuts_others_weighs_them_by_their_rows() -> None:
    values = np.concatenate([np.linspace(0, 9.9, 300), np.linspace(10, 19.9, 100)])
    drawn = target(values).draw(np.tile([5.0, 15.0], (4000, 1)), np.random.default_rng(0).random(4000))
    assert (drawn < 10).mean() == pytest.approx(0.75, abs=0.03)  # 150 rows below 10, 50 above


def test_one_value_is_that_value() -> None:
    drawn = target(np.arange(50.0)).draw(np.array([[12.5, 12.5]]), np.array([0.3]))
    assert drawn.tolist() == [12.5]


def test_values_keep_to_the_grid_of_the_training_values() -> None:
    fives, cents = target(np.arange(0, 50) * 5), target(np.round(np.arange(40) * 1.25 + 0.25, 2))
    assert fives.typed(np.array([12.4, 13.0, 245.0]), pa.int64()).to_pylist() == [10, 15, 245]
    assert cents.typed(np.array([0.25, 1.4]), pa.float64()).to_pylist() == [0.25, 1.5]
    assert target(np.arange(9).astype(np.uint64)).typed(np.array([2.6]), pa.uint64()).to_pylist() == [3]


def test_what_cannot_be_asked_for_is_refused() -> None:
    found = target(np.concatenate([np.arange(0.0, 10.0, 0.5), [60.0, 70.0]]))
    assert found.range_of(3) == (3.0, 3.0) and found.range_of((0, 10)) == (0.0, 10.0)
    for label, said in (
        (71, "from 0 to 70 in training"),
        ((30, 40), "no training row has a target from 30 to 40"),
        ((9, 2), "low up to high"),
        ("much", "a value, or a range"),
        ((1, 2, 3), "a value, or a range"),
    ):
        with pytest.raises(ConfigError, match=said):
            found.range_of(label)


def test_without_rows_no_kept_value_is_one_rows() -> None:
    values = np.sort(np.random.default_rng(0).normal(50, 10, 400))
    kept = target(values, private=True)
    assert not np.isin(kept.values, values).any()
    assert kept.weights.min() >= 10 and kept.weights.sum() == pytest.approx(
        sum(n for n in np.bincount(np.searchsorted(EDGES[1:-1], values, side="right")) if n >= 10)
    )


def test_a_constant_target_is_refused() -> None:
    with pytest.raises(DataError, match="the same in all 4"):
        target(np.ones(4))


def test_it_goes_to_json_and_back() -> None:
    found = target(np.random.default_rng(0).normal(20, 5, 100))
    described, arrays = found.state()
    again = ValueTarget.from_state(described, arrays)
    u, ranges = np.array([0.1, 0.9]), np.array([[0.0, 100.0]] * 2)
    assert (again.draw(ranges, u) == found.draw(ranges, u)).all()
    assert (again.scores(u) == found.scores(u)).all()
