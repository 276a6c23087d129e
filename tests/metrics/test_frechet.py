import numpy as np
import pytest
from scipy.linalg import sqrtm

from ganaug.metrics import class_score, frechet_distance, kernel_distance
from ganaug.metrics import frechet as module


def slow_frechet(x, y):
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    gap = x.mean(axis=0) - y.mean(axis=0)
    return gap @ gap + np.trace(first + second - 2 * np.real(sqrtm(first @ second)))


def slow_kernel(x, y, *, biased=False):
    def k(a, b):
        return (float(np.dot(a, b)) / len(a) + 1) ** 3

    n, m = len(x), len(y)
    first = [k(x[i], x[j]) for i in range(n) for j in range(n) if biased or i != j]
    second = [k(y[i], y[j]) for i in range(m) for j in range(m) if biased or i != j]
    between = [k(a, b) for a in x for b in y]
    return np.mean(first) + np.mean(second) - 2 * np.mean(between)


@pytest.fixture
def clouds():
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, 4)) * [1, 2, 4, 8], rng.normal(size=(37, 4)) @ rng.normal(size=(4, 4)) + 0.5


def test_the_root_is_that_of_the_product_of_the_covariances(clouds):
    assert frechet_distance(*clouds, shrinkage=False) == pytest.approx(slow_frechet(*clouds), abs=1e-9)
    # Roots of each alone, which is right only where the covariances commute, would give another figure.
    x, y = clouds
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    wrong = slow_frechet(x, y) + 2 * np.trace(np.real(sqrtm(first @ second))) - 2 * np.trace(
        np.real(sqrtm(first) @ sqrtm(second))
    )  # fmt: skip
    assert abs(wrong - slow_frechet(x, y)) > 0.1


def with_moments(mean, deviation, rng, n=200):
    """Return a cloud with exactly these means and standard deviations, and no correlation."""
    x = rng.normal(size=(n, len(mean)))
    x = np.linalg.qr(x - x.mean(axis=0))[0] * np.sqrt(n - 1)
    return x * deviation + mean


def test_two_gaussians_in_closed_form():
    rng = np.random.default_rng(0)
    means, deviations = np.array([[0.0, 1.0, -2.0], [1.0, 1.0, 2.0]]), np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 0.5]])
    x, y = (with_moments(m, s, rng) for m, s in zip(means, deviations, strict=True))
    expected = ((means[0] - means[1]) ** 2 + (deviations[0] - deviations[1]) ** 2).sum()  # 17 + 7.25
    assert expected == 24.25
    assert frechet_distance(x, y, shrinkage=False) == pytest.approx(expected, abs=1e-9)
    many = [rng.normal(m, s, (50_000, 3)) for m, s in zip(means, deviations, strict=True)]
    assert frechet_distance(*many) == pytest.approx(expected, rel=0.02)  # so many rows need no shrinkage


def test_singular_covariances_are_no_trouble():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 64)), rng.normal(size=(10, 64))
    assert np.isfinite(frechet_distance(x, y, shrinkage=False))
    assert frechet_distance(x, x, shrinkage=False) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(np.zeros((3, 2)), np.ones((4, 2))) == pytest.approx(2)


def test_shrinkage_takes_much_of_what_few_rows_add():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(40, 64)), rng.normal(size=(40, 64))) for _ in range(5)]
    plain = np.mean([frechet_distance(*p, shrinkage=False) for p in pairs])
    shrunk = np.mean([frechet_distance(*p) for p in pairs])
    assert shrunk < plain / 3  # the truth is 0


def test_the_kernel_agrees_with_the_double_sums(clouds, monkeypatch):
    x, y = clouds
    assert kernel_distance(x, y) == pytest.approx(slow_kernel(x, y), abs=1e-9)
    assert abs(slow_kernel(x, y) - slow_kernel(x, y, biased=True)) > 0.02
    monkeypatch.setattr(module, "BLOCK_ENTRIES", 100)
    assert kernel_distance(x, y) == pytest.approx(slow_kernel(x, y), abs=1e-9)


def test_chance_is_not_counted_whatever_the_sizes():
    rng = np.random.default_rng(2)
    values = [kernel_distance(rng.normal(size=(30, 4)), rng.normal(size=(7, 4))) for _ in range(200)]
    assert np.mean(values) == pytest.approx(0, abs=4 * np.std(values) / np.sqrt(200))


def test_the_class_score_by_hand():
    proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    mean = proba.mean(axis=0)
    slow = np.exp(np.mean([sum(p * np.log(p / q) for p, q in zip(row, mean, strict=True)) for row in proba]))
    assert class_score(proba) == pytest.approx(slow)
    assert class_score(np.eye(3)[[0, 0, 0]]) == 1 and class_score(np.eye(3)[[0, 1, 0, 1]]) == pytest.approx(2)
    with pytest.raises(ValueError, match="a sum of 1"):
        class_score(np.array([[0.5, 0.6]]))


def test_what_cannot_be_measured_is_refused():
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(ValueError, match="synthetic must have at least 2 rows"):
            distance(np.ones((3, 2)), np.ones((1, 2)))
        with pytest.raises(ValueError, match="must have 2 features"):
            distance(np.ones((3, 2)), np.ones((3, 3)))
