"""Where a numeric target is rare: a scale for it, ranges of it that serve as classes, and its relevance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import gaussian_kde

__all__ = ["Scale", "borders", "relevance", "strata"]

STRATA, LEAST = 10, 10
"""Ranges at most, and the rows that each of them holds at least where there are enough."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A smooth increasing scale on which the training values have mean 0 and deviation 1.

    The inverse hyperbolic sine of the distance from the median, in robust units: linear in the bulk, logarithmic in
    heavy tails, so that one value far out does not push all others together.
    """

    centre: float
    """The median, in the target's units."""
    unit: float
    """The interquartile range over 1.349 (a normal's deviation), in the target's units."""
    mean: float
    """Of the training values before they are standardised."""
    deviation: float
    """Of the same."""

    @classmethod
    def fit(cls, values: np.ndarray) -> Scale:
        """Fit to target values ``(n,)``, of which at least two differ."""
        low, centre, high = np.quantile(values, (0.25, 0.5, 0.75))
        unit = float(high - low) / 1.349 or float(np.std(values))
        bent = np.arcsinh((values - centre) / unit)
        return cls(centre=float(centre), unit=unit, mean=float(bent.mean()), deviation=float(bent.std()))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return values ``(n,)`` on the scale."""
        return (np.arcsinh((np.asarray(values, np.float64) - self.centre) / self.unit) - self.mean) / self.deviation

    def undo(self, scores: np.ndarray) -> np.ndarray:
        """Return the values of ``scores (n,)``."""
        return self.centre + self.unit * np.sinh(np.asarray(scores, np.float64) * self.deviation + self.mean)


def borders(values: np.ndarray, *, most: int = STRATA, least: int = LEAST) -> tuple[float, ...]:
    """Cut the range of a numeric target into ranges of one width on its `Scale`, few rows to a range where it is rare.

    Ranges with fewer than ``least`` rows (a tenth of the rows, where there are under ``10 least``) are joined with
    their smaller neighbour, but two are left. Borders inside are rounded to a hundredth of the range, or finer.

    **Shape:** ``values (n,)`` -> K + 1 increasing borders; range k is ``[border k, border k + 1)``, the last one
    closed.

    >>> borders(np.concatenate([np.arange(100.0), [150.0, 200.0]]), most=4, least=2)
    (0.0, 39.0, 70.0, 114.0, 200.0)
    """
    low, high = float(values.min()), float(values.max())
    scale = Scale.fit(values)
    first, last = scale(np.array([low, high])).tolist()
    inner = scale.undo(np.linspace(first, last, most + 1))[1:-1]
    digits = math.ceil(2 - math.log10(high - low))
    rounded = np.unique(np.round(inner, digits))
    edges = [low, *(float(e) for e in rounded if low < e < high), high]
    least = max(2, min(least, len(values) // 10))
    counts = np.bincount(strata(values, edges), minlength=len(edges) - 1).tolist()
    while len(counts) > 2 and min(counts) < least:
        k = counts.index(min(counts))
        with_next = k == 0 or (k + 1 < len(counts) and counts[k + 1] <= counts[k - 1])
        first = k if with_next else k - 1
        counts[first : first + 2] = [counts[first] + counts[first + 1]]
        del edges[first + 1]
    return tuple(edges)


def strata(values: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Return the number of the range of every value, int64 ``(n,)``; what lies outside counts as the end."""
    return np.searchsorted(np.asarray(edges)[1:-1], values, side="right").astype(np.int64)


def relevance(known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return how rare target ``values (m,)`` are among the ``known (n,)`` ones: 0 at the densest, up to 1.

    ``1 - p'(y)``, with p' the density of the known values, a Gaussian kernel estimate of Silverman's width, scaled to
    [0, 1] over them: Steininger et al. 2021 (Density-based weighting for imbalanced regression), eq. 2 and 4 with
    alpha 1. That errors are to be weighted by such a relevance is Torgo and Ribeiro's (Utility-based regression, 2007).

    NOTE[DIFF]: the density is taken on the target's `Scale`, where one bandwidth suits a heavy tail as well.
    """
    scale = Scale.fit(known)
    density = gaussian_kde(scale(known), bw_method="silverman")
    known_density = density(scale(known))
    low, high = known_density.min(), known_density.max()
    if high <= low:
        return np.zeros(len(values))
    return np.clip(1 - (density(scale(values)) - low) / (high - low), 0, 1)
