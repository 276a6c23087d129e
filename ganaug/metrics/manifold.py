"""Precision, recall, density and coverage of a cloud of points, by balls around nearest neighbours.

Precision and recall: Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative
Models", 2019 (arXiv 1904.06991), equations 1 and 2. Density and coverage: Naeem et al., "Reliable Fidelity
and Diversity Metrics for Generative Models", 2020 (arXiv 2002.09797), equations 6 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from ganaug.metrics._check import points

__all__ = ["Manifold", "precision_recall_density_coverage"]

# Entries of one block of the distance matrix: 16 million float32 are 64 MB, whatever the two row counts.
BLOCK_ENTRIES = 1 << 24
# Relative to the squared norms: what float32 products may be off by, and less than anything that matters.
TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Manifold:
    """How a synthetic cloud lies in the real one. All but the density are shares, and 1 is best."""

    precision: float
    """Share of synthetic points that lie in the ball of some real point: are they realistic?"""
    recall: float
    """Share of real points that lie in the ball of some synthetic point: are all kinds of real rows made?"""
    density: float
    """Mean number of real balls around a synthetic point, over k; about 1 for real rows, no upper limit."""
    coverage: float
    """Share of real points whose ball holds a synthetic point; unlike recall, outliers cannot raise it."""


def precision_recall_density_coverage(
    real: np.ndarray, synthetic: np.ndarray, *, nearest: int = 5, block_entries: int = BLOCK_ENTRIES
) -> Manifold:
    """Measure ``synthetic`` against ``real``; the ball of a point reaches to its ``nearest``-th neighbour.

    Memory is bounded by ``block_entries`` and the inputs, so 20,000 by 20,000 rows fit anywhere. The recall
    and the coverage grow with the number of synthetic rows: compare only figures of as many rows.

    **Shape**: ``real`` (n, d), ``synthetic`` (m, d), both with more than ``nearest`` rows.

    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> precision_recall_density_coverage(square, square + 0.1, nearest=1)
    Manifold(precision=1.0, recall=1.0, density=2.0, coverage=1.0)
    """
    if nearest < 1:
        raise ValueError(f"nearest must be at least 1, however: {nearest=}")
    real = points("real", real, rows=nearest + 1)
    synthetic = points("synthetic", synthetic, like=real, rows=nearest + 1)
    centre = real.mean(axis=0, dtype=np.float64)
    real = np.ascontiguousarray(real - centre, dtype=np.float32)
    synthetic = np.ascontiguousarray(synthetic - centre, dtype=np.float32)

    real_radii, synthetic_radii = _squared_radii(real, nearest), _squared_radii(synthetic, nearest)
    real_norms, synthetic_norms = _squared_norms(real), _squared_norms(synthetic)
    # NOTE[DIFF] the papers' codes differ in < and <=; with <= (and the tolerance of float32) a table with
    # exact duplicates, whose balls have radius 0, still holds its own rows.
    # |s - r|^2 <= radius^2 is s.r >= (|s|^2 + |r|^2 - radius^2) / 2, so one product serves both balls.
    real_bound = (real_norms * (1 - TOLERANCE) - real_radii) / 2
    synthetic_bound = (synthetic_norms * (1 - TOLERANCE) - synthetic_radii) / 2
    real_half, synthetic_half = real_norms * (1 - TOLERANCE) / 2, synthetic_norms * (1 - TOLERANCE) / 2

    balls = np.zeros(len(synthetic), dtype=np.int64)
    recalled = np.zeros(len(real), dtype=bool)
    covered = np.zeros(len(real), dtype=bool)
    rows = max(1, block_entries // len(real))
    for start in range(0, len(synthetic), rows):
        part = slice(start, start + rows)
        product = synthetic[part] @ real.T
        in_real = product - real_bound >= synthetic_half[part, None]
        balls[part] = np.count_nonzero(in_real, axis=1)
        covered |= in_real.any(axis=0)
        recalled |= (product - real_half >= synthetic_bound[part, None]).any(axis=0)
    return Manifold(
        precision=float(np.mean(balls > 0)),
        recall=float(np.mean(recalled)),
        density=float(np.mean(balls) / nearest),
        coverage=float(np.mean(covered)),
    )


def _squared_radii(points: np.ndarray, nearest: int) -> np.ndarray:
    """Return the squared distance of each point to its ``nearest``-th neighbour, itself left out: (n,)."""
    search = NearestNeighbors(n_neighbors=nearest, algorithm="brute").fit(points)
    distances, _ = search.kneighbors()
    return np.square(distances[:, -1]).astype(np.float32)


def _squared_norms(points: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", points, points)
