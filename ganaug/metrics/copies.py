"""How many rows were taken over from the training rows, exactly or nearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from ganaug.metrics._check import points

__all__ = ["Copies", "exact_copies", "near_copies", "nearest_distances"]


@dataclass(frozen=True, kw_only=True)
class Copies:
    """How near a set of rows lies to the training rows."""

    near: float
    """Share of rows nearer to a training row than the training rows' own low quantile."""
    median_distance: float
    """Median distance to the nearest training row, in the metric space that was given."""


def exact_copies(train: np.ndarray, rows: np.ndarray) -> float:
    """Return the share of row hashes that are found among those of the training rows.

    **Shape**: ``train`` (n,) and ``rows`` (m,) of one integer type, m >= 1.

    >>> exact_copies(np.array([1, 2, 3]), np.array([3, 4, 3, 5]))
    0.5
    """
    if len(rows) == 0:
        raise ValueError("there are no rows to look for")
    return float(np.isin(rows, train).mean())


def near_copies(train: np.ndarray, rows: np.ndarray, *, quantile: float = 0.05) -> Copies:
    """Compare the distance of ``rows`` to ``train`` with the distances that the training rows keep.

    A row is a near copy when its nearest training row is no farther away than the ``quantile`` of the nearest
    distances inside ``train``; fresh real rows have a share of about ``quantile``.

    **Shape**: ``train`` (n, d) with n >= 2, ``rows`` (m, d).

    >>> line = np.arange(10.0)[:, None]
    >>> near_copies(line, np.array([[2.0], [20.0], [30.0], [40.0]]), quantile=0.5)
    Copies(near=0.25, median_distance=16.0)
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile must lie between 0 and 1, however: {quantile=}")
    train = points("train", train, rows=2)
    rows = points("rows", rows, like=train)
    bound = float(np.quantile(nearest_distances(train), quantile))
    distances = nearest_distances(train, rows)
    # Products of floats leave a little of a distance that is 0, so a bound of 0 would miss exact copies.
    slack = 1e-6 * float(np.sqrt(np.square(train).sum(axis=1).max()))
    return Copies(near=float(np.mean(distances <= bound + slack)), median_distance=float(np.median(distances)))


def nearest_distances(train: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """Return each row's distance to its nearest training row; without ``rows``, each training row's to
    its nearest other one.

    **Shape**: ``train`` (n, d), ``rows`` (m, d); the result (m,), or (n,) without ``rows``.
    """
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train)
    return search.kneighbors(rows)[0][:, 0]
