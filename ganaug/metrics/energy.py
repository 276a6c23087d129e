"""The energy distance of two clouds of points (Szekely and Rizzo, 2013, equation 2.5)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import pairwise_distances_chunked

from ganaug.metrics._check import points

__all__ = ["energy_distance"]


def energy_distance(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return (2 E|x - y| - E|x - x'| - E|y - y'|) / (2 E|x - y|), estimated without bias of its numerator.

    0 where the distributions agree (chance may put it just below), 1 at the most. The expectations inside one
    cloud leave out a point's distance to itself, so the number of rows shifts nothing.

    **Shape**: ``real`` (n, d), ``synthetic`` (m, d), at least two rows each.

    >>> energy_distance(np.array([[0.0], [2.0]]), np.array([[0.0], [2.0]]))
    -1.0
    >>> energy_distance(np.array([[0.0], [1.0]]), np.array([[9.0], [10.0]]))
    0.8888888888888888
    """
    real = points("real", real, rows=2)
    synthetic = points("synthetic", synthetic, like=real, rows=2)
    n, m = len(real), len(synthetic)
    between = _sum(real, synthetic) / (n * m)
    if between == 0:
        return 0.0
    within_real, within_synthetic = (
        _sum(real, real) / (n * (n - 1)),
        _sum(synthetic, synthetic) / (m * (m - 1)),
    )
    return float((2 * between - within_real - within_synthetic) / (2 * between))


def _sum(first: np.ndarray, second: np.ndarray) -> float:
    """Return the sum of all distances, a block of bounded memory at a time."""
    blocks: Iterator[np.ndarray] = pairwise_distances_chunked(first, second, working_memory=64)
    return float(sum(block.sum(dtype=np.float64) for block in blocks))
