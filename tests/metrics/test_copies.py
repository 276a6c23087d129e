from __future__ import annotations

import numpy as np
import pytest

from ganaug.metrics.copies import exact_copies, near_copies, nearest_distances


def slow_near(train, rows, quantile, *, counts_itself=False):
    def distance(a, b):
        return float(np.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True))))

    inside = [min(distance(a, b) for j, b in enumerate(train) if counts_itself or i != j) for i, a in enumerate(train)]
    outside = [min(distance(a, b) for b in train) for a in rows]
    return np.mean(np.array(outside) <= np.quantile(inside, quantile)), np.median(outside)


def test_near_copies_agree_with_a_slow_reference():
    rng = np.random.default_rng(0)
    train = rng.normal(size=(50, 3))
    rows = np.concatenate([train[:20] + 0.05 * rng.normal(size=(20, 3)), rng.normal(size=(20, 3))])
    found = near_copies(train, rows, quantile=0.2)
    near, median = slow_near(train, rows, 0.2)
    assert (found.near, found.median_distance) == pytest.approx((near, median), abs=1e-7)
    assert 0.3 < near < 0.9
    assert slow_near(train, rows, 0.2, counts_itself=True)[0] < 0.1  # the bug would show


def test_fresh_rows_are_near_at_about_the_rate_of_the_quantile():
    rng = np.random.default_rng(1)
    found = near_copies(rng.normal(size=(3000, 4)), rng.normal(size=(3000, 4)), quantile=0.05)
    assert found.near == pytest.approx(0.05, abs=0.015)


def test_exact_copies_count_where_the_training_rows_have_duplicates():
    train = np.repeat(np.random.default_rng(2).normal(size=(20, 5)) * 100, 3, axis=0)
    assert near_copies(train, train[::3]).near == 1
    assert near_copies(train, train[::3] + 1).near == 0


def test_a_training_row_is_not_its_own_neighbour_but_its_duplicate_is():
    train = np.array([[0.0], [3.0], [3.0], [10.0]])
    np.testing.assert_allclose(nearest_distances(train), [3, 0, 0, 7])


def test_exact_copies_is_a_share_of_the_rows_and_not_of_the_training_rows():
    assert exact_copies(np.arange(100), np.array([5, 5, 200, 300])) == 0.5
    with pytest.raises(ValueError, match="no rows"):
        exact_copies(np.arange(3), np.array([], dtype=int))


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="train must have at least 2 rows"):
        near_copies(np.ones((1, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="quantile=1"):
        near_copies(np.ones((3, 2)), np.ones((3, 2)), quantile=1)
