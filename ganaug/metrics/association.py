"""How strongly each column goes with each other one, whatever their kinds.

Numbers with numbers: Spearman's (or Pearson's) correlation, in [-1, 1]. Numbers with categories: the
correlation ratio, the square root of the share of a number's variance that lies between the categories.
Categories with categories: Cramer's V. The last two grow with the number of categories when there is nothing
but chance, so by default both are corrected for it, and lie in [0, 1].
"""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["association_matrix", "correlation_ratio", "cramers_v", "matrix_difference"]


def association_matrix(
    numbers: np.ndarray, codes: np.ndarray, *, method: str = "spearman", corrected: bool = True
) -> np.ndarray:
    """Return the association of every column with every other one.

    Each pair uses the rows in which both are present. A pair that is undefined (a constant, fewer than three
    rows) is NaN; the diagonal is 1.

    **Shape**: ``numbers`` (n, C) float, NaN where missing; ``codes`` (n, K) integers, -1 where missing; the
    result (C + K, C + K) float64, symmetric, numbers first.

    >>> association_matrix(np.array([[1.0], [2.0], [3.0], [4.0]]), np.empty((4, 0), int))
    array([[1.]])
    """
    if numbers.ndim != 2 or codes.ndim != 2 or len(numbers) != len(codes):
        raise ValueError(f"two matrices of as many rows are needed, however: {numbers.shape=}, {codes.shape=}")
    if method not in ("pearson", "spearman"):
        raise ValueError(f"method must be 'pearson' or 'spearman', however: {method=}")
    n_numbers, n_codes = numbers.shape[1], codes.shape[1]
    result = np.eye(n_numbers + n_codes)
    frame = pd.DataFrame(np.asarray(numbers, dtype=np.float64))
    result[:n_numbers, :n_numbers] = frame.corr(method=method, min_periods=3).to_numpy()
    values = frame.rank().to_numpy() if method == "spearman" else frame.to_numpy()
    columns = [_dense(codes[:, k]) for k in range(n_codes)]
    for k, column in enumerate(columns):
        for j in range(n_numbers):
            ratio = correlation_ratio(values[:, j], column, corrected=corrected)
            result[j, n_numbers + k] = result[n_numbers + k, j] = ratio
        for other in range(k):
            v = cramers_v(column, columns[other], corrected=corrected)
            result[n_numbers + other, n_numbers + k] = result[n_numbers + k, n_numbers + other] = v
    np.fill_diagonal(result, 1.0)
    return result


def correlation_ratio(values: np.ndarray, codes: np.ndarray, *, corrected: bool = True) -> float:
    """Return the correlation ratio eta of a number on a category, or NaN where it is undefined.

    With ``corrected``, Kelley's epsilon instead: sqrt(1 - (1 - eta^2) (n - 1) / (n - k)), cut at 0 (Kelley,
    PNAS 21, 1935).

    **Shape**: ``values`` (n,) float, NaN where missing; ``codes`` (n,) integers, -1 where missing.

    >>> correlation_ratio(np.array([1.0, 1.0, 5.0, 5.0]), np.array([0, 0, 1, 1]))
    1.0
    """
    present = (codes >= 0) & ~np.isnan(values)
    values, codes = values[present], _dense(codes[present])
    n, k = len(values), int(codes.max(initial=-1)) + 1
    if n < 3 or k < 2 or n <= k:
        return float("nan")
    centred = values - values.mean()
    total = float(centred @ centred)
    if total == 0:
        return float("nan")
    sums = np.bincount(codes, weights=centred, minlength=k)
    share = float((sums**2 / np.bincount(codes, minlength=k)).sum() / total)
    if corrected:
        share = 1 - (1 - share) * (n - 1) / (n - k)
    return float(np.sqrt(np.clip(share, 0, 1)))


def cramers_v(first: np.ndarray, second: np.ndarray, *, corrected: bool = True) -> float:
    """Return Cramer's V of two categories, or NaN where it is undefined.

    With ``corrected``, Bergsma's bias-corrected V (Journal of the Korean Statistical Society 42, 2013).

    **Shape**: ``first`` and ``second`` (n,) integers, -1 where missing.

    >>> cramers_v(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), corrected=False)
    1.0
    """
    present = (first >= 0) & (second >= 0)
    first, second = _dense(first[present]), _dense(second[present])
    n = len(first)
    r, c = int(first.max(initial=-1)) + 1, int(second.max(initial=-1)) + 1
    if n < 3 or r < 2 or c < 2:
        return float("nan")
    table = np.bincount(first * c + second, minlength=r * c).reshape(r, c)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / n
    phi2 = float(((table - expected) ** 2 / expected).sum() / n)
    if not corrected:
        return float(np.sqrt(min(1.0, phi2 / min(r - 1, c - 1))))
    phi2 = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    r_corrected, c_corrected = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    room = min(r_corrected, c_corrected) - 1
    return float(np.sqrt(min(1.0, phi2 / room))) if room > 0 else float("nan")


def matrix_difference(real: np.ndarray, synthetic: np.ndarray) -> float | None:
    """Return the mean absolute difference above the diagonal, over the pairs that both define.

    **Shape**: two matrices (d, d); ``None`` when no pair is defined in both.

    >>> matrix_difference(np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([[1.0, 0.2], [0.2, 1.0]]))
    0.3
    """
    if real.shape != synthetic.shape:
        raise ValueError(f"the matrices must be alike, however: {real.shape=}, {synthetic.shape=}")
    above = np.triu_indices(len(real), 1)
    difference = np.abs(real[above] - synthetic[above])
    difference = difference[~np.isnan(difference)]
    return float(difference.mean()) if len(difference) else None


def _dense(codes: np.ndarray) -> np.ndarray:
    """Renumber codes >= 0 without gaps, so that what follows costs no more than the categories there are."""
    kept = codes >= 0
    dense = np.full(len(codes), -1, dtype=np.int64)
    dense[kept] = np.unique(codes[kept], return_inverse=True)[1]
    return dense
