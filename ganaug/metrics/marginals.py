"""How far apart two samples of one column are: 0 for the same distribution, 1 for disjoint ones."""

from __future__ import annotations

import numpy as np
from scipy.stats import ecdf

__all__ = ["kolmogorov_smirnov", "total_variation"]


def kolmogorov_smirnov(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the largest difference of the two empirical distribution functions.

    **Shape**: ``real`` (n,), ``synthetic`` (m,), numbers without NaN; the result lies in [0, 1].

    >>> kolmogorov_smirnov(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0]))
    0.5
    """
    real, synthetic = _column("real", real), _column("synthetic", synthetic)
    at = np.concatenate([real, synthetic])
    return float(np.abs(ecdf(real).cdf.evaluate(at) - ecdf(synthetic).cdf.evaluate(at)).max())


def total_variation(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return half the summed absolute difference of the category shares.

    **Shape**: ``real`` (n,) and ``synthetic`` (m,), integer codes >= 0 in any order and range that the two
    share; the result lies in [0, 1]. Memory grows with the categories seen, not with the largest code.

    >>> total_variation(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2]))
    0.25
    """
    real, synthetic = _column("real", real), _column("synthetic", synthetic)
    _, codes = np.unique(np.concatenate([real, synthetic]), return_inverse=True)
    width = int(codes.max()) + 1
    p = np.bincount(codes[: len(real)], minlength=width) / len(real)
    q = np.bincount(codes[len(real) :], minlength=width) / len(synthetic)
    return float(np.abs(p - q).sum() / 2)


def _column(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"{name} must be one column with at least one value, however: {values.shape=}")
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise ValueError(f"{name} must not hold NaN; {int(np.isnan(values).sum())} values are missing")
    return values
