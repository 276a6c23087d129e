"""Distances between two clouds of features, of which those of images are made, and a score of class probabilities."""

from __future__ import annotations

import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage

from ganaug.metrics._check import points

__all__ = ["class_score", "frechet_distance", "kernel_distance"]

BLOCK_ENTRIES = 1 << 22
"""Entries of a block of the kernel matrix: 32 MB, whatever the numbers of rows."""


def frechet_distance(real: np.ndarray, synthetic: np.ndarray, *, shrinkage: bool = True) -> float:
    """Return the squared Frechet distance of two Gaussians with the means and covariances of the clouds.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``: Dowson and Landau, 1982 (J. of Multivariate Analysis 12); on
    features of a network, Heusel et al., 2017 (arXiv 1706.08500), equation 6. 0 where the Gaussians agree, no upper
    limit.

    The trace of the root is the sum of the singular values of ``C1^(1/2) C2^(1/2)``: roots of symmetric matrices only,
    so that no imaginary part and no added diagonal is needed where a covariance is singular.

    With ``shrinkage`` each covariance is drawn to a multiple of the identity, as far as Ledoit and Wolf (2004, J. of
    Multivariate Analysis 88) say for so many rows; without it, a cloud of no more rows than features has a singular
    covariance, and the figure is far too large. Some of that stays: compare only figures of as many rows.

    **Shape**: ``real`` (n, d), ``synthetic`` (m, d), at least two rows each.

    >>> line = np.arange(5.0)[:, None]
    >>> round(frechet_distance(line, 2 * line + 1, shrinkage=False), 6)  # (2 - 5)^2 + (1.58 - 3.16)^2
    11.5
    """
    real = points("real", real, rows=2).astype(np.float64)
    synthetic = points("synthetic", synthetic, like=real, rows=2).astype(np.float64)
    first, second = (_covariance(x, shrinkage=shrinkage) for x in (real, synthetic))
    cross = np.linalg.svd(_root(first) @ _root(second), compute_uv=False).sum()
    gap = real.mean(axis=0) - synthetic.mean(axis=0)
    return float(max(0.0, gap @ gap + np.trace(first) + np.trace(second) - 2 * cross))


def _covariance(x: np.ndarray, *, shrinkage: bool) -> np.ndarray:
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / (len(x) - 1)
    if not shrinkage or not centred.any():
        return covariance
    share = ledoit_wolf_shrinkage(centred, assume_centered=True)
    width = len(covariance)
    return (1 - share) * covariance + share * np.trace(covariance) / width * np.eye(width)


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return the symmetric root of a covariance; what rounding put below 0 is 0."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def kernel_distance(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Return the squared maximum mean discrepancy, estimated without bias, under the kernel ``(x.y / d + 1)^3``.

    The estimator is that of Gretton et al., 2012 (JMLR 13), equation 3; the kernel, of features of images, that of
    Binkowski et al., 2018 (arXiv 1801.01401), section 4. 0 where the distributions agree (chance may put it just
    below), whatever the numbers of rows.

    **Shape**: ``real`` (n, d), ``synthetic`` (m, d), at least two rows each.

    >>> kernel_distance(np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]]))
    -3.5
    """
    real = points("real", real, rows=2).astype(np.float64)
    synthetic = points("synthetic", synthetic, like=real, rows=2).astype(np.float64)
    within = [
        (_sum(x, x) - float(_kernel((x * x).sum(axis=1), x).sum())) / (len(x) * (len(x) - 1)) for x in (real, synthetic)
    ]
    return float(sum(within) - 2 * _sum(real, synthetic) / (len(real) * len(synthetic)))


def _kernel(product: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (product / max(1, x.shape[1]) + 1) ** 3


def _sum(x: np.ndarray, y: np.ndarray) -> float:
    """Return the sum of the kernel over all pairs, a block at a time."""
    rows = max(1, BLOCK_ENTRIES // len(y))
    return sum(float(_kernel(x[i : i + rows] @ y.T, x).sum()) for i in range(0, len(x), rows))


def class_score(proba: np.ndarray) -> float:
    """Return ``exp(E KL(p(y|x) || p(y)))``: 1 where all images look like one mixture of classes, K where each looks
    like one class for certain and all classes are as frequent.

    Salimans et al., 2016 (arXiv 1606.03498), section 4, with the classifier at hand in the place of theirs. It depends
    on the mix of classes: compare only figures of one mix.

    **Shape**: ``proba`` (n, K), rows that sum to 1.

    >>> class_score(np.eye(4)), class_score(np.full((3, 4), 0.25))
    (4.0, 1.0)
    """
    proba = points("proba", proba)
    if (proba < 0).any() or not np.allclose(proba.sum(axis=1), 1, atol=1e-6):
        raise ValueError("the rows of proba must be probabilities: none below 0, and a sum of 1")
    mean = np.broadcast_to(proba.mean(axis=0), proba.shape)
    ratio = np.divide(proba, mean, out=np.ones_like(proba), where=proba > 0)
    return float(np.exp((proba * np.log(ratio)).sum(axis=1).mean()))
