import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.preprocessing import scale

from ganaug.learners import DEFAULT_LEARNERS, fit_predict, teach
from ganaug.learners.scores import average_precision


def scarce_cancer():
    """40 benign and 10 malignant rows to learn from; all others to be judged on."""
    data = load_breast_cancer()
    x, y = scale(data.data), 1 - data.target
    rng = np.random.default_rng(0)
    train = np.concatenate([rng.permutation(np.flatnonzero(y == c))[:n] for c, n in ((0, 40), (1, 10))])
    test = np.setdiff1d(np.arange(len(y)), train)
    return x[train], y[train], x[test], y[test]


def test_the_committee_ranks_unseen_rows_better_than_its_students_do():
    x, y, x_new, y_new = scarce_cancer()
    proba = teach(x, y, x_new, n_classes=2, seed=0).proba
    assert proba.shape == (len(x_new), 2)
    assert np.allclose(proba.sum(axis=1), 1) and (proba >= 0).all()
    alone = [average_precision(y_new, fit_predict(m, x, y, None, x_new, 2, 0), 1) for m in DEFAULT_LEARNERS]
    assert average_precision(y_new, proba, 1) > np.mean(alone)


def test_many_classes_and_the_same_bits_again():
    data = load_wine()
    x, y = scale(data.data)[::3], data.target[::3]
    proba = teach(x, y, x, n_classes=3, seed=1).proba
    assert (proba.argmax(axis=1) == y).mean() > 0.9
    assert np.array_equal(proba, teach(x, y, x, n_classes=3, seed=1).proba)
    assert not np.array_equal(proba, teach(x, y, x, n_classes=3, seed=2).proba)


@pytest.mark.parametrize("rare", [1, 2, 3])
def test_a_class_with_hardly_any_rows(rare):
    x, y, x_new, _ = scarce_cancer()
    keep = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:rare]])
    proba = teach(x[keep], y[keep], x_new[:20], n_classes=2, seed=0).proba
    assert np.isfinite(proba).all() and np.allclose(proba.sum(axis=1), 1)


def test_rows_that_are_nearly_all_the_same_cannot_be_split_and_all_count():
    x = np.repeat([[0.0, 1.0], [1.0, 0.0]], [30, 10], axis=0)
    y = np.repeat([0, 1], [30, 10])
    proba = teach(x, y, x, n_classes=2, seed=0).proba
    assert (proba.argmax(axis=1) == y).all()
    # Two kinds of rows a class: a fold learns from few, fewer than a classifier would like neighbours.
    x = np.repeat([[0.0, 1.0], [0.1, 1.0], [1.0, 0.0], [1.0, 0.1]], [40, 3, 3, 3], axis=0)
    y = np.repeat([0, 1], [43, 6])
    assert np.isfinite(teach(x, y, x, n_classes=2, seed=0).proba).all()


def test_what_ranks_held_out_rows_best_counts_most():
    # The class is the sign of a product: a linear model knows nothing of it, a forest does.
    from ganaug.learners import teacher

    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    proba = teach(x, y, x[:50] + 0.1, n_classes=2, seed=0).proba
    truth = ((x[:50] + 0.1).prod(axis=1) > 0).astype(np.int64)
    assert average_precision(truth, proba, 1) > 0.9
    weights = teacher._weights([0.5, 0.9])
    assert weights[1] == pytest.approx(1 / (1 + np.exp(-0.4 / teacher.SPREAD)))


def test_the_best_linear_classifier_speaks_for_itself():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 3))
    y = (x[:, 0] + 0.5 * rng.normal(size=400) > 1).astype(np.int64)
    lesson = teach(x, y, x, n_classes=2, seed=0)
    assert lesson.linear.shape == (400, 2)
    assert np.allclose(lesson.linear[:, 0], -lesson.linear[:, 1])
    straight = np.column_stack([x, np.ones(400)])
    assert np.allclose(straight @ np.linalg.lstsq(straight, lesson.linear[:, 1], rcond=None)[0], lesson.linear[:, 1])
    alone = np.column_stack([-x[:, 0], x[:, 0]])
    assert average_precision(y, lesson.linear, 1) > average_precision(y, alone, 1) - 0.02
