from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ganaug.metrics import association_matrix, matrix_difference
from ganaug.metrics.association import correlation_ratio, cramers_v


@pytest.fixture
def mixed():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    numbers = np.stack([x, np.exp(x + rng.normal(size=300)), rng.normal(size=300)], axis=1)
    numbers[rng.random(300) < 0.2, 1] = np.nan
    codes = np.stack([np.digitize(x, [-1, 0, 1]), rng.integers(0, 3, 300)], axis=1)
    codes[:, 1] = np.where(rng.random(300) < 0.5, codes[:, 0] % 3, codes[:, 1])
    codes[rng.random(300) < 0.1, 1] = -1
    return numbers, codes


def slow_eta(values, codes):
    groups = [values[codes == c] for c in np.unique(codes)]
    between = sum(len(g) * (g.mean() - values.mean()) ** 2 for g in groups)
    return np.sqrt(between / sum((v - values.mean()) ** 2 for v in values))


def test_every_cell_agrees_with_a_reference_on_the_rows_both_have(mixed):
    numbers, codes = mixed
    for method, reference in [("pearson", stats.pearsonr), ("spearman", stats.spearmanr)]:
        matrix = association_matrix(numbers, codes, method=method, corrected=False)
        there = ~np.isnan(numbers[:, 1])
        assert matrix[0, 1] == pytest.approx(reference(numbers[there, 0], numbers[there, 1])[0], abs=1e-12)
        assert matrix[0, 1] != pytest.approx(reference(numbers[:, 0], np.nan_to_num(numbers[:, 1]))[0], abs=1e-3)
    both = codes[:, 1] >= 0
    table = stats.contingency.crosstab(codes[both, 0], codes[both, 1]).count
    assert matrix[3, 4] == pytest.approx(stats.contingency.association(table, method="cramer"), abs=1e-12)
    pearson = association_matrix(numbers, codes, method="pearson", corrected=False)
    assert pearson[0, 3] == pytest.approx(slow_eta(numbers[:, 0], codes[:, 0]), abs=1e-12)
    assert matrix[0, 3] == pytest.approx(slow_eta(stats.rankdata(numbers[:, 0]), codes[:, 0]), abs=1e-12)
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), 1)


def test_corrections_take_away_what_chance_puts_in():
    rng = np.random.default_rng(1)
    plain, corrected = [], []
    for _ in range(30):
        first, second, values = rng.integers(0, 8, 60), rng.integers(0, 8, 60), rng.normal(size=60)
        plain.append((cramers_v(first, second, corrected=False), correlation_ratio(values, first, corrected=False)))
        corrected.append((cramers_v(first, second), correlation_ratio(values, first)))
    assert (np.mean(plain, axis=0) > 0.3).all()
    assert (np.mean(corrected, axis=0) < 0.13).all()


def test_corrections_leave_perfect_association_alone():
    codes = np.repeat([0, 1, 2, 5], 10)
    assert cramers_v(codes, 9 - codes) == pytest.approx(1)
    assert correlation_ratio(codes * 2.0, codes) == pytest.approx(1)


def test_undefined_pairs_are_nan_and_left_out_of_the_difference():
    numbers = np.array([[1.0, 7.0], [2.0, 7.0], [3.0, 7.0], [4.5, 7.0]])
    codes = np.array([[0], [0], [0], [-1]])
    matrix = association_matrix(numbers, codes)
    assert np.isnan(matrix[0, 1]) and np.isnan(matrix[0, 2]) and np.isnan(matrix[1, 2])
    assert matrix_difference(matrix, np.eye(3)) is None
    other = matrix.copy()
    other[0, 1] = 0.4
    matrix[0, 1] = -0.1
    assert matrix_difference(matrix, other) == pytest.approx(0.5)


def test_shapes_and_methods_are_checked():
    with pytest.raises(ValueError, match="as many rows"):
        association_matrix(np.ones((3, 1)), np.ones((4, 1), int))
    with pytest.raises(ValueError, match="'kendall'"):
        association_matrix(np.ones((3, 1)), np.ones((3, 1), int), method="kendall")
    with pytest.raises(ValueError, match="alike"):
        matrix_difference(np.eye(2), np.eye(3))
