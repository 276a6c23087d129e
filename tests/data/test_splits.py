"""Folds and held-out slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganaug.data import holdout, stratified_folds
from ganaug.errors import DataError

CODES = np.repeat([0, 1, 2], [70, 23, 4])


def held_out(folds: list[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
    return [test for _, test in folds]


def assert_partition(folds: list[tuple[np.ndarray, np.ndarray]], n: int) -> None:
    np.testing.assert_array_equal(np.sort(np.concatenate(held_out(folds))), np.arange(n))
    for train, test in folds:
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n))
        assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all() and len(test) > 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 3), min_size=5, max_size=80), st.integers(2, 5), st.integers(0, 3))
def test_every_class_is_as_even_as_it_can_be(codes: list[int], n_splits: int, seed: int) -> None:
    array = np.array(codes)
    folds = stratified_folds(array, n_splits=n_splits, seed=seed)
    assert_partition(folds, len(array))
    for code in set(codes):
        counts = [int((array[test] == code).sum()) for test in held_out(folds)]
        assert max(counts) - min(counts) <= 1
    sizes = [len(test) for test in held_out(folds)]
    assert max(sizes) - min(sizes) <= 1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(0, 30)), min_size=30, max_size=90))
def test_groups_and_duplicates_never_part(rows: list[tuple[int, int, int]]) -> None:
    codes, groups, duplicates = (np.array(column) for column in zip(*rows, strict=True))
    try:
        folds = stratified_folds(codes, n_splits=3, seed=0, groups=groups, duplicates=duplicates)
    except DataError:
        return
    assert_partition(folds, len(codes))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert not set(duplicates[train]) & set(duplicates[test])


def test_groups_leave_the_classes_even() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 600)
    codes = (rng.random(600) < 0.2).astype(int)
    shares = [codes[test].mean() for test in held_out(stratified_folds(codes, n_splits=5, seed=0, groups=groups))]
    sizes = [len(test) for test in held_out(stratified_folds(codes, n_splits=5, seed=0, groups=groups))]
    assert max(shares) - min(shares) < 0.05 and max(sizes) - min(sizes) < 40


def test_single_rows_make_up_for_what_bundles_left_uneven() -> None:
    codes = np.array([0] * 50 + [1] * 10)
    duplicates = np.arange(60)
    duplicates[:8] = 0  # one bundle of 8 rows in a fold of 10
    counts = [
        np.bincount(codes[test], minlength=2)
        for test in held_out(stratified_folds(codes, n_splits=5, seed=0, duplicates=duplicates))
    ]
    np.testing.assert_array_equal(counts, np.tile([10, 2], (5, 1)))


def test_the_largest_bundles_are_dealt_first() -> None:
    groups = np.array([0] * 10 + [1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    for seed in range(10):
        folds = stratified_folds(np.zeros(20, dtype=int), n_splits=2, seed=seed, groups=groups)
        assert [len(test) for test in held_out(folds)] == [10, 10]


def test_the_odd_row_goes_to_the_smallest_fold() -> None:
    codes, groups = np.repeat([1, 0], [10, 5]), np.array([0] * 10 + [1, 1, 2, 3, 4])
    for seed in range(10):
        folds = stratified_folds(codes, n_splits=2, seed=seed, groups=groups)
        assert sorted(len(test) for test in held_out(folds)) == [3, 12]


def test_small_classes_go_to_different_folds() -> None:
    folds = stratified_folds(CODES, n_splits=5, seed=1)
    assert sorted((CODES[test] == 2).sum() for test in held_out(folds)) == [0, 1, 1, 1, 1]


def test_the_seed_decides_and_nothing_else() -> None:
    one, same = stratified_folds(CODES, n_splits=5, seed=3), stratified_folds(CODES, n_splits=5, seed=3)
    other = stratified_folds(CODES, n_splits=5, seed=4)
    assert all((a == b).all() for (_, a), (_, b) in zip(one, same, strict=True))
    assert any(len(a) != len(b) or (a != b).any() for (_, a), (_, b) in zip(one, other, strict=True))
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    stratified_folds(CODES, n_splits=5, seed=3)
    assert (np.random.get_state()[1] == before).all(), "the global seed is not touched"  # noqa: NPY002


def test_rows_are_shuffled() -> None:
    _, test = stratified_folds(np.zeros(100, dtype=int), n_splits=2, seed=0)[0]
    assert 10 < np.count_nonzero(test < 50) < 40


def test_text_groups_and_many_groups() -> None:
    groups = np.array(["a", "b", None, "a"] * 10, dtype=object)
    folds = stratified_folds(np.arange(40) % 2, n_splits=3, seed=0, groups=groups)
    assert sorted(len(test) for test in held_out(folds)) == [10, 10, 20]


def test_more_folds_than_there_are_rows_or_groups() -> None:
    with pytest.raises(
        DataError, match=r"5 folds need at least as many rows, however there are 3; ask for fewer folds"
    ):
        stratified_folds(np.array([0, 1, 1]), n_splits=5, seed=0)
    with pytest.raises(DataError, match=r"3 folds need at least as many groups of rows .* however there are 2"):
        stratified_folds(np.zeros(8, dtype=int), n_splits=3, seed=0, groups=np.arange(8) % 2)
    with pytest.raises(DataError, match=r"at least 2 folds are needed, however: n_splits=1"):
        stratified_folds(CODES, n_splits=1, seed=0)
    with pytest.raises(
        DataError, match=r"groups must have one value for each of the 97 rows, however: values.shape=\(3,\)"
    ):
        stratified_folds(CODES, n_splits=2, seed=0, groups=[1, 2, 3])


def test_holdout_takes_a_share_of_every_class_that_can_spare_it() -> None:
    kept, held = holdout(CODES, fraction=0.2, seed=0)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(97))
    np.testing.assert_array_equal(np.bincount(CODES[held], minlength=3), [14, 5, 0])
    assert len(holdout(CODES, fraction=0.0, seed=0)[1]) == 0
    np.testing.assert_array_equal(np.bincount(CODES[holdout(CODES, fraction=0.5, seed=0, min_class=4)[1]]), [35, 12, 2])


def test_holdout_leaves_duplicates_together() -> None:
    duplicates = np.arange(97) // 2
    kept, held = holdout(CODES, fraction=0.3, seed=0, duplicates=duplicates)
    assert not set(duplicates[kept]) & set(duplicates[held])


def test_holdout_of_everything_is_refused() -> None:
    with pytest.raises(DataError, match=r"share must be in"):
        holdout(CODES, fraction=1.0, seed=0)
