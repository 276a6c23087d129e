import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from ganaug.policy.relabel import SHARPNESS, lean, relabel


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


def bent(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, odds that bend (and whose straight part is the first feature), and a line that lies aslant."""
    x = np.random.default_rng(seed).normal(size=(n, 2))
    return x, 3 * (x[:, 0] + 2 * x[:, 0] * x[:, 1]), x[:, 0] + 2 * x[:, 1]


def direction(x: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """Return the direction, of length 1, that a logistic regression finds in labels drawn with these odds."""
    y = np.random.default_rng(9).random(len(x)) < expit(odds)
    found = LogisticRegression(C=100).fit(x, y).coef_[0]
    return found / np.linalg.norm(found)


def test_a_linear_classifier_learns_the_line_and_the_bend_stays():
    x, odds, line = bent(4000, 0)
    leant = lean(odds, line, x, 0.3)
    assert direction(x, odds)[0] > 0.95
    assert direction(x, leant) @ [1 / np.sqrt(5), 2 / np.sqrt(5)] > 0.98
    assert expit(leant).mean() == pytest.approx(0.3, abs=0.02)
    # What is not straight in the odds is the same function as before.
    design = np.column_stack([x, np.ones(len(x))])
    rest = [o - design @ np.linalg.lstsq(design, o, rcond=None)[0] for o in (odds, leant)]
    assert np.allclose(rest[0], rest[1], atol=1e-8)


def test_the_line_of_the_odds_themselves_moves_hardly_anything():
    x, _, _ = bent(3000, 1)
    odds = 2 * x[:, 0] - x[:, 1] - 2
    leant = lean(odds, 0.1 * odds, x, float(expit(odds).mean()))
    assert np.abs(leant - odds).max() < 0.1


def test_few_rows_and_a_line_that_says_nothing_do_no_harm():
    x, odds, _ = bent(8, 2)
    for line in (np.zeros(8), -odds, np.full(8, 20.7)):
        leant = lean(odds, line, x, 1 / 8)
        assert np.isfinite(leant).all()


def test_labels_lean_where_they_are_told_to():
    x, odds, line = bent(2000, 3)
    proba = expit(np.column_stack([-odds, odds]) / SHARPNESS)
    counts = {0: 1400, 1: 600}
    plain = relabel(proba, counts, seed=0)
    leaning = relabel(proba, counts, seed=0, linear=np.column_stack([-line, line]), matrix=x)
    assert np.bincount(leaning).tolist() == [1400, 600]
    slopes = [LogisticRegression(C=100).fit(x, y).coef_[0] for y in (plain, leaning)]
    steep = [second / first for first, second in slopes]
    assert steep[0] < 0.5 and steep[1] > 1.2
