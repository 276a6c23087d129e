"""Gives synthetic rows the classes that a committee of classifiers would: so many rows of each, the most fitting ones.

A generator that was shown a few rows of a class draws some where another class is likelier. Under the class asked for
they would teach wrong borders; the committee's borders are better than those of any single classifier.

A linear classifier cannot follow where these bend. Among rows that are spread otherwise than the real ones it would
learn another straight line than the real rows teach, mostly a worse one. So the linear part of the labels is moved
towards that of the best linear classifier (`lean`), and what bends stays.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import expit, logit

from ganaug import seeding

__all__ = ["lean", "relabel"]

SHARPNESS = 5.0
"""1 would draw a class with its probability. Steeper, fewer rows get an improbable class, whose noise costs more
than it tells (measured in tests/benchmarks/EFFECT.md)."""
RIDGE = 10.0
"""Strength of the penalty on moving the linear part, in rows: where the committee is far from linear, it wins."""
FARTHEST = 200.0
"""Log-odds by which a class may be moved so that its rows become as many as are wanted."""


def lean(odds: np.ndarray, linear: np.ndarray, matrix: np.ndarray, share: float) -> np.ndarray:
    """Return log-odds of a class, moved by a linear function of the rows so that linear classifiers learn ``linear``.

    A logistic regression sees of the labels only their sums over each feature's values. These sums are brought near
    those that ``linear`` would give, at the steepness that fits ``odds`` best; both for rows of which ``share`` has the
    class.

    **Shape**: odds (n,), linear (n,), matrix (n, d) -> (n,).
    """
    odds = odds + brentq(lambda shift: expit(odds + shift).mean() - share, -FARTHEST, FARTHEST)
    line = np.column_stack([linear / max(float(linear.std()), 1e-9), np.ones(len(odds))])
    slope, level = _logistic(line, expit(odds), np.zeros(len(odds)), np.zeros(2), np.array([1.0, logit(share)]))
    # A line that says the opposite of the committee tells nothing but its steepness.
    wanted = expit(line @ [max(slope, 0.1), level])
    features = np.column_stack([matrix, np.ones(len(odds))])
    penalty = np.append(np.full(matrix.shape[1], RIDGE / len(odds)), 0)
    moved = _logistic(features, wanted, odds, penalty, np.zeros(features.shape[1]))
    return odds + features @ moved


def _logistic(
    x: np.ndarray, target: np.ndarray, offset: np.ndarray, penalty: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Fit a logistic regression to probabilities, with an offset. **Shape**: x (n, d), target (n,) -> (d,)."""

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = offset + x @ weights
        value = (np.logaddexp(0, score) - target * score).mean() + 0.5 * (penalty * weights**2).sum()
        return float(value), x.T @ (expit(score) - target) / len(x) + penalty * weights

    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x


def relabel(
    proba: np.ndarray,
    counts: Mapping[int, int],
    *,
    seed: int,
    linear: np.ndarray | None = None,
    matrix: np.ndarray | None = None,
) -> np.ndarray:
    """Return a class code a row, so many of each as ``counts`` says.

    From the rarest class on, those of the rows that are left get it whose log-odds for it, made steeper and moved by
    logistic noise, are the largest. With ``linear``, the log-odds of a linear classifier, and the features ``matrix``
    they lean to it first.

    **Shape**: proba (n, n_classes), linear (n, n_classes), matrix (n, d) -> (n,), with n the sum of the counts.
    """
    n = len(proba)
    if n != sum(counts.values()):
        raise ValueError(f"counts must sum to the rows, however: {sum(counts.values())} for {n}")
    rng = seeding.numpy_rng(seed, "relabel")
    codes, left = np.empty(n, dtype=np.int64), np.ones(n, dtype=bool)
    *rarer, commonest = sorted((c for c in counts if counts[c]), key=lambda c: counts[c])
    for code in rarer:
        odds = SHARPNESS * logit(proba[:, code].clip(1e-4, 1 - 1e-4))
        if linear is not None and matrix is not None:
            odds = lean(odds, linear[:, code], matrix, counts[code] / n)
        odds += rng.logistic(size=n)
        rows = np.flatnonzero(left)
        chosen = rows[np.argsort(-odds[rows], kind="stable")[: counts[code]]]
        codes[chosen], left[chosen] = code, False
    codes[left] = commonest
    return codes
