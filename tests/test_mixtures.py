"""Mixtures of single columns: the modes that are there, no more, and none of a few rows."""

from __future__ import annotations

import numpy as np
import pytest

from ganaug.data import read_table
from ganaug.encode import TableEncoder
from ganaug.mixtures import MOST, fit_mixture


def two_peaks(n: int = 600) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.where(rng.random(n) < 0.3, rng.normal(-5, 0.5, n), rng.normal(3, 1.0, n))


def test_both_peaks_of_a_column_are_found() -> None:
    means, deviations, weights = fit_mixture(two_peaks(), 10, seed=0)
    kept = weights > 0.05
    assert np.sort(means[kept]) == pytest.approx([-5, 3], abs=0.2)
    order = np.argsort(means[kept])
    assert weights[kept][order] == pytest.approx([0.3, 0.7], abs=0.05)
    assert deviations[kept][order] == pytest.approx([0.5, 1.0], abs=0.15)
    assert weights.sum() == pytest.approx(1)
    assert (np.diff((weights > 0).astype(int)) <= 0).all()  # those that do not exist come last
    again = fit_mixture(two_peaks(), 10, seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(again, (means, deviations, weights), strict=True))


def test_both_peaks_are_still_there_after_the_encoding() -> None:
    import pandas as pd

    read = read_table(pd.DataFrame({"x": two_peaks(), "t": [0, 1] * 300}), target="t")
    z = TableEncoder.fit(read.table, read.schema, private=True).encode(read.table).continuous[:, 0]
    means, _, weights = fit_mixture(z, 10, seed=0)
    low = two_peaks() < -1
    for side, share in ((low, 0.3), (~low, 0.7)):
        inside = (means > z[side].min()) & (means < z[side].max()) & (weights > 0)
        assert weights[inside].sum() == pytest.approx(share, abs=0.08)


def test_no_mode_stands_for_fewer_than_ten_rows() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(size=300), np.full(6, 40.0) + np.arange(6) * 0.01])
    means, _, weights = fit_mixture(values, 10, seed=0)
    assert (np.abs(means[weights > 0]) < 5).all()
    seen = fit_mixture(np.concatenate([values, values[-6:]]), 10, seed=0)  # twelve of them are a mode
    assert (seen[0][seen[2] > 0] > 39).any()


@pytest.mark.parametrize("values", [np.zeros(0), np.full(50, 2.0), np.arange(12.0)], ids=["none", "one", "few"])
def test_values_without_modes_have_a_single_one(values: np.ndarray) -> None:
    means, deviations, weights = fit_mixture(values, 5, seed=0)
    assert weights.tolist() == [1, 0, 0, 0, 0]
    assert (deviations > 0).all()
    if len(values):
        assert means[0] == pytest.approx(values.mean())


def test_of_many_values_a_sample_is_enough() -> None:
    means, _, weights = fit_mixture(two_peaks(4 * MOST), 4, seed=0)
    for mean, share in ((-5, 0.3), (3, 0.7)):
        assert weights[np.abs(means - mean) < 2].sum() == pytest.approx(share, abs=0.05)


def test_where_every_mode_would_be_of_few_rows_there_is_one() -> None:
    values = np.repeat([0.0, 10.0, 20.0], 7) + np.arange(21) * 1e-3
    means, deviations, weights = fit_mixture(values, 10, seed=0)
    assert weights.tolist() == [1] + [0] * 9
    assert (means[0], deviations[0]) == pytest.approx((values.mean(), values.std()))
