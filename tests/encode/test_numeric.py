"""Number-like columns: scores against their definition, exactness of many values, spikes, tails."""

from __future__ import annotations

import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.special import ndtri
from scipy.stats import rankdata

from ganaug.encode.axis import Axis
from ganaug.encode.numeric import NumericColumn


def fitted(array: pa.Array, *, max_knots: int = 1000, private: bool = False) -> NumericColumn:
    column = NumericColumn.fit("a", array, max_knots=max_knots, private=private)
    assert column is not None
    return column


def there_and_back(array: pa.Array, **options: int) -> pa.Array:
    column = fitted(array, **options)
    return column.decode(*column.encode(array))


def test_scores_are_half_ranks_and_half_positions() -> None:
    values = np.array([5.0, 1.5, 9.25, 2.5, 7.0, 8.0])
    ranks = ndtri((rankdata(values) - 0.5) / 6)
    places = np.arcsinh((values - 5.0) / ((8.0 - 2.5) / 1.349))  # quartiles by the inverted CDF: 2.5, 5 and 8
    both = ranks / ranks.std() + (places - places.mean()) / places.std()
    z, _ = fitted(pa.array(values)).encode(pa.array(values))
    np.testing.assert_allclose(z, both / both.std(), rtol=1e-9)


def test_spikes_are_states_and_no_part_of_the_continuum() -> None:
    values = np.array([5.0, 1.5, 1.5, 9.25, 2.0, 2.0, 2.0, 7.0])
    column = fitted(pa.array(values))
    z, codes = column.encode(pa.array(values))
    assert codes.tolist() == [0, 1, 1, 0, 2, 2, 2, 0], "1.5 and 2.0 each hold a fifth of the rows or more"
    assert len(column.knots) == 3, "5, 7 and 9.25"
    assert column.decode(np.full(8, -9.0), np.zeros(8, np.int32)).to_pylist() == [5.0] * 8
    assert column.decode(z, codes).to_pylist() == values.tolist()


def test_clusters_of_values_lie_apart_in_score() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=500) * 0.1, 5 + rng.normal(size=500) * 0.1])
    z, _ = fitted(pa.array(values)).encode(pa.array(values))
    gap = z[500:].min() - z[:500].max()
    assert gap > 0.5  # by ranks alone it is .0025


def test_heavy_tails_leave_the_bulk_its_room() -> None:
    values = np.random.default_rng(0).standard_cauchy(20_000)
    z, _ = fitted(pa.array(values)).encode(pa.array(values))
    assert np.abs(z).max() < 12
    quartiles = np.quantile(z, [0.25, 0.75])
    assert quartiles[1] - quartiles[0] > 0.7  # 1.35 for a normal


@pytest.mark.parametrize("name", ["normal", "lognormal", "cauchy", "uniform", "integers"])
def test_scores_of_many_values_are_standardised_and_in_order(name: str) -> None:
    rng = np.random.default_rng(0)
    values = {
        "normal": rng.normal(size=20_000),
        "lognormal": np.exp(3 * rng.normal(size=20_000)),
        "cauchy": rng.standard_cauchy(20_000),
        "uniform": rng.random(20_000),
        "integers": rng.integers(0, 10**6, 20_000),
    }[name]
    column = fitted(pa.array(values))
    z, _ = column.encode(pa.array(values))
    assert len(column.knots) <= 1000
    assert (np.diff(z[np.argsort(values, kind="stable")]) >= 0).all()
    assert z.mean() == pytest.approx(0, abs=0.01)
    assert z.std() == pytest.approx(1, abs=0.01)


def test_floats_come_back_to_a_millionth_of_the_range() -> None:
    rng = np.random.default_rng(1)
    for values in (
        rng.normal(size=50_000),
        rng.standard_cauchy(50_000),
        rng.normal(size=50_000) * 1e307,
        np.exp(40 * rng.normal(size=9_000)),
    ):
        out = there_and_back(pa.array(values)).to_numpy()
        assert np.isfinite(out).all()
        assert (np.abs(out / 4 - values / 4) <= 1e-6 * (values.max() / 4 - values.min() / 4)).all()


@pytest.mark.parametrize(
    "values",
    [
        pa.array(np.random.default_rng(0).integers(0, 10**9, 20_000)),
        pa.array(np.random.default_rng(0).integers(-(2**31), 2**31, 20_000).astype(np.int32)),
        pa.array(np.random.default_rng(0).integers(0, 3 * 10**9, 20_000) * 10**9).cast(pa.timestamp("ns")),
        pa.array(np.random.default_rng(0).integers(0, 10**15, 20_000)).cast(pa.timestamp("us")),
        pa.array(np.random.default_rng(0).integers(0, 86_400 * 10**6, 20_000)).cast(pa.time64("us")),
        pa.array(np.round(np.random.default_rng(0).normal(size=20_000) * 1000, 2)),
        pa.array(np.round(np.random.default_rng(0).normal(size=20_000) * 10, 2).astype(np.float32)),
        pa.array((1.0 / np.random.default_rng(0).random(20_000) ** 4).astype(np.int64)),
        pa.array(2**62 + np.random.default_rng(0).integers(0, 10**9, 20_000)),
    ],
    ids=["int64", "int32", "seconds", "microseconds", "time", "cents", "float32 cents", "heavy tail", "far from zero"],
)
def test_grids_of_more_values_than_knots_are_exact(values: pa.Array) -> None:
    column = fitted(values)
    assert len(column.knots) <= 1000 < len(values.unique())
    assert column.decode(*column.encode(values)).equals(values)


def test_integers_over_the_whole_range_do_not_overflow() -> None:
    values = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 5_000)
    values[:2] = -(2**63), 2**63 - 1
    out = there_and_back(pa.array(values)).to_numpy()
    assert (np.abs(out.astype(np.float64) - values.astype(np.float64)) < 2**64 * 1e-9).all()
    assert out[0] == -(2**63) and out[1] == 2**63 - 1
    unsigned = (values.view(np.uint64) ^ np.uint64(1 << 63)).copy()
    assert there_and_back(pa.array(unsigned)).to_numpy()[:2].tolist() == [0, 2**64 - 1]


def test_the_widest_and_the_narrowest_segments_meet() -> None:
    values = pa.array([0.0, 1.5e308, 5e-324, -1.5e308, 1e307])
    assert there_and_back(values).equals(values)
    ends = fitted(pa.array([-1.5e308, 1.5e308]))
    z, codes = ends.encode(pa.array([-1.5e308, -0.75e308, 0.0, 1.5e308]))
    np.testing.assert_allclose((z - z[0]) / (z[-1] - z[0]), [0, 0.25, 0.5, 1])
    assert ends.decode(z, 0 * codes).to_pylist()[::3] == [-1.5e308, 1.5e308]


def test_what_is_outside_is_clipped_to_the_ends() -> None:
    column = fitted(pa.array([1.5, 2.0, 4.25, 3.0]))
    out = column.decode(np.array([-50.0, 50.0, 0.0]), np.zeros(3, dtype=np.int32)).to_pylist()
    assert out[:2] == [1.5, 4.25] and 2.0 <= out[2] <= 3.0
    z, _ = column.encode(pa.array([-1e300, 1e300]))
    np.testing.assert_array_equal(z, column.z[[0, -1]])


def test_interpolation_is_linear_between_knots() -> None:
    column = fitted(pa.array([0.123456789123, 10.987654321]))
    middle = column.decode(np.array([column.z.mean()]), np.zeros(1, dtype=np.int32))
    np.testing.assert_allclose(middle.to_numpy(), [(0.123456789123 + 10.987654321) / 2], rtol=1e-12)


def test_spikes_and_missing_values_have_states_of_their_own() -> None:
    values = pa.array([0.0] * 40 + [None] * 10 + list(np.linspace(1.234567, 99, 50)))
    column = fitted(values)
    z, codes = column.encode(values)
    assert column.n_states == 3 and column.atoms.tolist() == [0.0]
    np.testing.assert_array_equal(np.bincount(codes), [50, 40, 10])
    assert (z[:40] == z[0]).all() and (z[40:50] == 0).all()
    out = column.decode(np.full(3, 1.0), np.array([0, 1, 2], dtype=np.int32)).to_pylist()
    assert out[0] > 1 and out[1:] == [0.0, None], "the state decides"


@pytest.mark.parametrize(("share", "spikes"), [(19, 0), (20, 1)])
def test_a_spike_holds_a_fifth_of_the_rows(share: int, spikes: int) -> None:
    values = [7] * share + list(range(1000, 1100 - share))
    assert len(fitted(pa.array(values)).atoms) == spikes


def test_missing_values_that_the_fit_never_saw_become_the_middle() -> None:
    column = fitted(pa.array([1, 2, 3, 4, 5]))
    assert column.decode(*column.encode(pa.array([None, 5], pa.int64()))).to_pylist() == [3, 5]


def test_constants_and_empty_columns_are_nothing_to_learn() -> None:
    for array in (pa.array([3, 3]), pa.array([None, None], pa.float64()), pa.array([0.0, -0.0])):
        assert NumericColumn.fit("a", array, max_knots=10, private=False) is None
    half = pa.array([3, None, 3])
    assert fitted(half).decode(*fitted(half).encode(half)).equals(half)


def test_the_tails_have_knots_of_their_own() -> None:
    values = np.sort(np.random.default_rng(0).standard_cauchy(50_000))
    knots = fitted(pa.array(values)).knots
    assert np.count_nonzero(knots > values[-50]) >= 10, "a thousandth of the rows, but much of the range"


# ----------------------------------------------------------------------------------------------- axis
@pytest.mark.parametrize(
    ("values", "decimals", "step"),
    [
        ([1, 2, 5], 0, 1),
        ([10, 40, 25], 0, 15),
        ([0.25, 0.5, 1.75], 2, 25),
        ([1.0, 2.0, 4.0], 0, 1),
        ([0.1, 0.7, 0.35], 2, 5),
        ([1 / 3, 0.1, 0.2], None, 1),
        ([1e300, 1.0, 2.0], None, 1),
        ([1e15, 0.5, 0.25], None, 1),
    ],
)
def test_the_grid_of_a_column(values: list, decimals: int | None, step: int) -> None:
    axis, _, _ = Axis.fit(pa.array(values))
    assert (axis.decimals, axis.step) == (decimals, step)


def test_dates_at_midnight_stay_at_midnight() -> None:
    days = pa.array(pd.date_range("2020-01-01", periods=300, freq="B")).cast(pa.timestamp("ns"))
    column = fitted(days)
    made = column.decode(np.random.default_rng(0).normal(size=500), np.zeros(500, dtype=np.int32))
    assert (pd.DatetimeIndex(made.to_pandas()).normalize() == pd.DatetimeIndex(made.to_pandas())).all()
    assert column.axis.step == 86_400 * 10**9


def test_decimals_beyond_eighteen_digits_are_refused() -> None:
    wide = pa.array([decimal.Decimal("12345678901234567890.5"), decimal.Decimal("1.5")])
    with pytest.raises(ValueError, match="at most 18 digits"):
        Axis.fit(wide)
