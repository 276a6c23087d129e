"""Gives synthetic rows the classes that a committee of classifiers would: so many rows of each, the most fitting ones.

A generator that was shown a few rows of a class draws some where another class is likelier. Under the class asked for
they would teach wrong borders; the committee's borders are better than those of any single classifier.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import logit

from ganaug import seeding

__all__ = ["relabel"]

SHARPNESS = 3.0
"""1 would draw a class with its probability. Steeper, fewer rows get an improbable class, whose noise costs more
than it tells (measured in tests/benchmarks/EFFECT.md)."""


def relabel(proba: np.ndarray, counts: Mapping[int, int], *, seed: int) -> np.ndarray:
    """Return a class code a row, so many of each as ``counts`` says.

    From the rarest class on, those of the rows that are left get it whose log-odds for it, made steeper and moved by
    logistic noise, are the largest.

    **Shape**: proba (n, n_classes) -> (n,), with n the sum of the counts.
    """
    n = len(proba)
    if n != sum(counts.values()):
        raise ValueError(f"counts must sum to the rows, however: {sum(counts.values())} for {n}")
    rng = seeding.numpy_rng(seed, "relabel")
    codes, left = np.empty(n, dtype=np.int64), np.ones(n, dtype=bool)
    for code in sorted((c for c in counts if counts[c]), key=lambda c: counts[c]):
        odds = SHARPNESS * logit(proba[:, code].clip(1e-4, 1 - 1e-4)) + rng.logistic(size=n)
        rows = np.flatnonzero(left)
        chosen = rows[np.argsort(-odds[rows], kind="stable")[: counts[code]]]
        codes[chosen], left[chosen] = code, False
    return codes
