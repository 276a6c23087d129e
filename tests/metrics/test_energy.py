from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ganaug.metrics import energy_distance


def slow_energy(x, y, *, biased=False):
    def mean(a, b, count):
        return sum(float(np.linalg.norm(p - q)) for p in a for q in b) / count

    n, m = len(x), len(y)
    between = mean(x, y, n * m)
    within = mean(x, x, n * n if biased else n * (n - 1)) + mean(y, y, m * m if biased else m * (m - 1))
    return (2 * between - within) / (2 * between)


def test_agrees_with_the_double_sums():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(13, 3)) + 0.7
    assert energy_distance(x, y) == pytest.approx(slow_energy(x, y), abs=1e-9)
    assert abs(slow_energy(x, y) - slow_energy(x, y, biased=True)) > 0.02


def test_in_one_dimension_it_is_scipys_but_for_the_bias():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=400), rng.normal(size=400) + 1
    between = np.abs(x[:, None] - y).mean()
    assert energy_distance(x[:, None], y[:, None]) == pytest.approx(
        stats.energy_distance(x, y) ** 2 / (2 * between), abs=0.01
    )


def test_chance_is_not_counted_whatever_the_sizes():
    rng = np.random.default_rng(2)
    values = [energy_distance(rng.normal(size=(30, 4)), rng.normal(size=(7, 4))) for _ in range(100)]
    assert np.mean(values) == pytest.approx(0, abs=4 * np.std(values) / 10)
    assert energy_distance(np.zeros((3, 2)), np.zeros((2, 2))) == 0


def test_one_row_is_refused():
    with pytest.raises(ValueError, match="synthetic must have at least 2 rows"):
        energy_distance(np.ones((3, 2)), np.ones((1, 2)))
