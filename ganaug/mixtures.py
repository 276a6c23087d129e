"""Mixtures of normals fitted to single columns, with as many modes as the values show."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

from ganaug import seeding
from ganaug.encode.numeric import PRIVATE_ROWS

__all__ = ["fit_mixture"]

MOST = 2000
"""Values that a mixture is fitted to, at most; its few modes are known well enough from these."""
LEAST_DEVIATION = 1e-3


def fit_mixture(values: np.ndarray, n_modes: int, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a variational mixture of at most ``n_modes`` normals (Bishop 2006, sec. 10.2) to ``values (n,)``.

    A mode that stands for fewer than ten of the values is left out, so that none tells of a single row; of fewer than
    twenty values there is one mode. Modes that do not exist have the weight 0, and are the last.

    Returns
    -------
    means, deviations, weights
        Each ``(n_modes,)``; the weights sum to 1.
    """
    means, deviations, weights = np.zeros(n_modes), np.ones(n_modes), np.zeros(n_modes)
    shown, share = _shares(values, n_modes, seed)
    if not len(values):
        weights[0] = 1
        return means, deviations, weights
    kept = share.shape[1]
    # The moments of what a mode stands for; the fitted ones lean towards those of the whole column.
    total = share.sum(0)
    weights[:kept] = total / total.sum()
    means[:kept] = (share * shown[:, None]).sum(0) / total
    squares = (share * (shown[:, None] - means[:kept]) ** 2).sum(0) / total
    deviations[:kept] = np.maximum(np.sqrt(squares), LEAST_DEVIATION)
    return means, deviations, weights


def _shares(values: np.ndarray, n_modes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the values that are looked at ``(n,)``, and which share of each belongs to which mode, ``(n, modes)``."""
    whole = values, np.ones((len(values), 1))
    if len(values) < 2 * PRIVATE_ROWS or len(np.unique(values)) < 2:
        return whole
    rng = seeding.numpy_rng(seed, "mixture")
    shown = rng.choice(values, MOST, replace=False) if len(values) > MOST else values
    most = min(n_modes, len(np.unique(shown)))
    mixture = BayesianGaussianMixture(n_components=most, max_iter=200, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # modes need not be the best, only cover the values
        share = mixture.fit(shown[:, None]).predict_proba(shown[:, None])
    count = share.sum(0) * (len(values) / len(shown))
    kept = [k for k in np.argsort(-count, kind="stable") if count[k] >= PRIVATE_ROWS]
    return (shown, share[:, kept]) if kept else whole
