"""What every metric asks of its matrices."""

from __future__ import annotations

import numpy as np

__all__ = ["points"]


def points(name: str, matrix: np.ndarray, *, like: np.ndarray | None = None, rows: int = 1) -> np.ndarray:
    """Return ``matrix`` as an array (n, d) of finite floats, at least ``rows`` rows, as wide as ``like``."""
    matrix = np.asarray(matrix)
    if matrix.ndim != 2:
        raise ValueError(f"{name} must be a matrix (rows, features), however: {matrix.shape=}")
    if like is not None and matrix.shape[1] != like.shape[1]:
        raise ValueError(f"{name} must have {like.shape[1]} features like the other, however: {matrix.shape=}")
    if len(matrix) < rows:
        raise ValueError(f"{name} must have at least {rows} rows, however: {matrix.shape=}")
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name} must be finite; {int((~np.isfinite(matrix)).sum())} values are not")
    return matrix
