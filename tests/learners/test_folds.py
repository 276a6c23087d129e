import numpy as np
import pytest

from ganaug.learners.folds import TooFewRowsError, make_folds


def folds_of(codes, n_splits=5, names=None, **options):
    names = names or [f"c{i}" for i in range(int(np.max(codes)) + 1)]
    return make_folds(np.asarray(codes), n_splits=n_splits, seed=0, class_names=names, **options)


def test_every_row_is_tested_once_and_classes_are_shared_out():
    codes = np.array([0] * 80 + [1] * 20)
    found = folds_of(codes)
    assert len(found.splits) == 5 and found.notes == []
    assert np.array_equal(np.sort(np.concatenate([test for _, test in found.splits])), np.arange(100))
    for train, test in found.splits:
        assert np.intersect1d(train, test).size == 0 and len(train) + len(test) == 100
        assert np.bincount(codes[test]).tolist() == [16, 4]


def test_duplicates_and_groups_stay_together():
    rng = np.random.default_rng(0)
    codes = np.array([0] * 60 + [1] * 30)
    for name in ("duplicates", "groups"):
        ids = rng.integers(0, 25, 90)
        for train, test in folds_of(codes, **{name: ids}).splits:
            assert np.intersect1d(ids[train], ids[test]).size == 0


def test_fewer_rows_than_folds_reduce_the_folds_and_say_so():
    found = folds_of([0] * 50 + [1] * 3, names=["no", "yes"])
    assert len(found.splits) == 3
    assert found.notes == ["3 folds instead of 5: class 'yes' has only 3 different rows"]
    for train, test in found.splits:
        assert test[-1] >= 50 and train[-1] >= 50


def test_repeated_rows_count_once():
    duplicates = np.array([*range(50), 100, 100, 101, 101, 101])
    found = folds_of([0] * 50 + [1] * 5, duplicates=duplicates)
    assert len(found.splits) == 2 and "has only 2 different rows" in found.notes[0]


def test_a_tiny_class_is_in_every_training_fold_and_in_no_test_fold():
    codes = np.array([0] * 40 + [1] * 30 + [2] * 2)
    found = folds_of(codes, names=["a", "b", "tiny"])
    assert len(found.splits) == 5
    assert found.notes == ["class 'tiny' has 2 rows: too few to be judged; they are in every training fold"]
    for train, test in found.splits:
        assert {70, 71} <= set(train) and not {70, 71} & set(test)


def test_a_tiny_class_does_not_bring_test_rows_into_training():
    # Row 70, of the tiny class, equals row 0: where row 0 is tested, row 70 must not be trained on.
    codes = np.array([0] * 40 + [1] * 30 + [2] * 2)
    duplicates = np.arange(72)
    duplicates[70] = 0
    for train, test in folds_of(codes, duplicates=duplicates).splits:
        assert (0 in test) != (70 in train)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([0] * 10 + [1], r"class 'c1' has 1 row: too few to split"),
        ([0] * 10, "only one class"),
        ([0, 1], "too few to split"),
    ],
)
def test_too_few_rows_are_an_error_that_says_why(codes, message):
    with pytest.raises(TooFewRowsError, match=message):
        folds_of(codes)


def test_equal_rows_and_one_group_are_too_few():
    with pytest.raises(TooFewRowsError, match="5 rows, 1 of them different"):
        folds_of([0] * 10 + [1] * 5, duplicates=np.array([*range(10), 50, 50, 50, 50, 50]))
    with pytest.raises(TooFewRowsError, match="in 1 group"):
        folds_of([0] * 10 + [1] * 5, groups=np.array([*range(10), 50, 50, 50, 50, 50]))


def test_two_rows_of_the_rarer_class_make_two_folds():
    found = folds_of([0] * 10 + [1] * 2)
    assert [np.sum(test >= 10) for _, test in found.splits] == [1, 1]
