import numpy as np
import pytest

from ganaug.policy.relabel import relabel


def test_counts_are_kept_whatever_the_probabilities_say():
    proba = np.full((90, 3), 1 / 3)
    codes = relabel(proba, {0: 60, 1: 25, 2: 5}, seed=0)
    assert np.bincount(codes).tolist() == [60, 25, 5]
    assert np.bincount(relabel(proba, {0: 80, 2: 10}, seed=0)).tolist() == [80, 0, 10]


def test_the_likeliest_rows_of_a_class_get_it():
    p = np.concatenate([np.full(80, 0.02), np.full(20, 0.9)])
    codes = relabel(np.column_stack([1 - p, p]), {0: 80, 1: 20}, seed=1)
    assert (codes[80:] == 1).mean() >= 0.95


def test_rows_near_the_border_get_both_classes():
    p = np.linspace(0.05, 0.95, 2000)
    codes = relabel(np.column_stack([1 - p, p]), {0: 1000, 1: 1000}, seed=2)
    middle = codes[np.abs(p - 0.5) < 0.05]
    assert 0.3 < middle.mean() < 0.7
    assert codes[p < 0.2].mean() < 0.05 < 0.95 < codes[p > 0.8].mean()


def test_the_rarest_class_chooses_first():
    # Every row looks like class 1 most of all, rows 0..4 also like class 2, the rarest.
    proba = np.tile([0.1, 0.89, 0.01], (50, 1))
    proba[:5] = [0.1, 0.5, 0.4]
    codes = relabel(proba, {1: 45, 2: 5}, seed=3)
    assert (codes[:5] == 2).mean() >= 0.8


def test_the_same_seed_gives_the_same_classes():
    proba = np.full((100, 2), 0.5)
    first, again, other = (relabel(proba, {0: 50, 1: 50}, seed=s) for s in (4, 4, 5))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_counts_that_do_not_sum_to_the_rows_are_refused():
    with pytest.raises(ValueError, match="counts must sum to the rows"):
        relabel(np.full((3, 2), 0.5), {0: 1, 1: 1}, seed=0)
