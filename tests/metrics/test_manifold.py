from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ganaug.metrics import precision_recall_density_coverage as prdc


def slow_prdc(real, synthetic, nearest, *, counts_itself=False):
    """The papers' sums, written out; `counts_itself` is the classical bug: a point as its own neighbour."""
    k = nearest - 1 if counts_itself else nearest
    real_radius = [sorted(row)[k] for row in cdist(real, real)]
    synthetic_radius = [sorted(row)[k] for row in cdist(synthetic, synthetic)]
    between = cdist(synthetic, real)
    n, m = len(real), len(synthetic)
    inside = [[between[j, i] <= real_radius[i] for i in range(n)] for j in range(m)]
    precision = sum(any(row) for row in inside) / m
    recall = sum(any(between[j, i] <= synthetic_radius[j] for j in range(m)) for i in range(n)) / n
    density = sum(map(sum, inside)) / (nearest * m)
    coverage = sum(any(inside[j][i] for j in range(m)) for i in range(n)) / n
    return precision, recall, density, coverage


@pytest.fixture
def clouds():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 3)) + 50, rng.normal(size=(45, 3)) * 0.7 + 50.5


def as_tuple(m):
    return m.precision, m.recall, m.density, m.coverage


@pytest.mark.parametrize("nearest", [1, 3, 5])
def test_agrees_with_the_sums_of_the_papers(clouds, nearest):
    expected = slow_prdc(*clouds, nearest)
    assert as_tuple(prdc(*clouds, nearest=nearest)) == pytest.approx(expected, abs=1e-12)
    assert len({round(v, 6) for v in expected}) == 4  # no metric could stand in for another
    wrong = slow_prdc(*clouds, nearest, counts_itself=True)
    assert max(abs(a - b) for a, b in zip(expected, wrong, strict=True)) > 0.1


def test_blocks_change_nothing(clouds):
    assert prdc(*clouds, block_entries=100) == prdc(*clouds)


def test_the_two_sides_are_not_interchangeable(clouds):
    forward, backward = prdc(*clouds), prdc(*clouds[::-1])
    assert (forward.precision, forward.recall) == (backward.recall, backward.precision)
    assert forward.precision != forward.recall


def test_collapse_and_distance_are_seen():
    rng = np.random.default_rng(1)
    real = rng.normal(size=(200, 4))
    collapsed = prdc(real, real[:1] + rng.normal(size=(200, 4)) * 0.01)
    assert collapsed.precision == 1 and collapsed.coverage < 0.1 and collapsed.recall < 0.1
    assert as_tuple(prdc(real, real + 100)) == (0, 0, 0, 0)


def test_exact_duplicates_hold_their_own_rows_despite_float32():
    rng = np.random.default_rng(2)
    distinct = rng.normal(size=(30, 7)) * 10 + 1000
    real = np.repeat(distinct, 8, axis=0)  # every ball has radius 0
    assert as_tuple(prdc(real, np.repeat(distinct, 7, axis=0))) == pytest.approx((1, 1, 8 / 5, 1))
    assert prdc(real, np.repeat(distinct, 7, axis=0) + 0.5).precision == 0


def test_what_cannot_be_measured_is_refused(clouds):
    real, synthetic = clouds
    with pytest.raises(ValueError, match="synthetic must have at least 6 rows"):
        prdc(real, synthetic[:5])
    with pytest.raises(ValueError, match="must have 3 features"):
        prdc(real, synthetic[:, :2])
    with pytest.raises(ValueError, match="must be finite; 1 values are not"):
        prdc(real, np.where(np.arange(135).reshape(45, 3) == 7, np.nan, synthetic))
    with pytest.raises(ValueError, match="nearest=0"):
        prdc(real, synthetic, nearest=0)
