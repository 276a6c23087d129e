"""Row indices for cross-validation and held-out slices; the rows themselves are not looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ganaug.errors import DataError
from ganaug.seeding import numpy_rng

__all__ = ["holdout", "stratified_folds"]


def stratified_folds(
    codes: np.ndarray,
    *,
    n_splits: int,
    seed: int,
    groups: Any = None,
    duplicates: np.ndarray | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split rows into ``n_splits`` folds with nearly the same share of every class.

    Rows of one group, and rows with the same value in ``duplicates`` (see `row_hashes`), never part: they are
    dealt out first, the largest bundle first, each to the fold that it fits best; single rows then fill the
    folds up evenly, class by class. A class with fewer rows than folds is in some test folds only.

    **Shape:** ``codes`` ``(n,)``; each of the returned pairs holds sorted int64 (training, test) indices.

    Raises
    ------
    DataError
        if there are fewer rows, groups or different rows than folds.
    """
    codes = np.asarray(codes)
    if n_splits < 2:
        raise DataError(f"at least 2 folds are needed, however: {n_splits=}")
    bundles = _bundles(len(codes), groups, duplicates)
    n_bundles = int(bundles.max()) + 1 if len(bundles) else 0
    if n_bundles < n_splits:
        what = "rows" if n_bundles == len(codes) else "groups of rows that must stay together"
        raise DataError(
            f"{n_splits} folds need at least as many {what}, however there are {n_bundles}; ask for fewer folds"
        )
    rng = numpy_rng(seed, "folds", n_splits)
    fold = _deal(codes, bundles, n_splits, rng)
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_splits)]


def holdout(
    codes: np.ndarray, *, fraction: float, seed: int, min_class: int = 10, duplicates: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Hold a share of every class out; a class with fewer than ``min_class`` rows is kept whole.

    **Shape:** ``codes`` ``(n,)``; returns sorted int64 (kept, held out) indices. Rows with the same value in
    ``duplicates`` never part, which may leave the held-out share smaller than asked for.
    """
    if not 0 <= fraction < 1:
        raise DataError(f"the held-out share must be in [0, 1), however: {fraction=}")
    codes = np.asarray(codes)
    bundles = _bundles(len(codes), None, duplicates)
    sizes = np.bincount(bundles)
    rng = numpy_rng(seed, "holdout")
    held = np.zeros(len(codes), dtype=bool)
    for code in np.unique(codes):
        rows = np.flatnonzero((codes == code) & (sizes[bundles] == 1))
        n_class = np.count_nonzero(codes == code)
        count = min(round(fraction * n_class), len(rows)) if n_class >= min_class else 0
        held[rng.permutation(rows)[:count]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _bundles(n: int, groups: Any, duplicates: np.ndarray | None) -> np.ndarray:
    """Return for every row the number of the bundle (connected by group or by equality) that it belongs to."""
    links = []
    for name, values in (("groups", groups), ("duplicates", duplicates)):
        if values is None:
            continue
        values = np.asarray(values)
        if values.shape != (n,):
            raise DataError(f"{name} must have one value for each of the {n} rows, however: {values.shape=}")
        values = values.astype(str) if values.dtype.kind == "O" else values
        _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        links.append(first[inverse])
    if not links:
        return np.arange(n)
    rows = np.tile(np.arange(n), len(links))
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, np.concatenate(links))), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _deal(codes: np.ndarray, bundles: np.ndarray, n_splits: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of every row."""
    _, codes = np.unique(codes, return_inverse=True)
    n_classes, sizes = int(codes.max()) + 1, np.bincount(bundles)
    fold = np.full(len(codes), -1, dtype=np.int64)
    filled = np.zeros((n_classes, n_splits))
    totals = np.bincount(codes, minlength=n_classes).astype(np.float64)
    large = np.flatnonzero(sizes > 1)
    large = rng.permutation(large)
    large = large[np.argsort(-sizes[large], kind="stable")]
    order = np.argsort(bundles, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    for bundle in large:
        rows = order[starts[bundle] : starts[bundle + 1]]
        counts = np.bincount(codes[rows], minlength=n_classes)
        # The fold whose shares of the classes concerned stay smallest; ties go to the smallest fold.
        load = ((filled + counts[:, None]) / totals[:, None])[counts > 0].sum(axis=0)
        best = np.lexsort((filled.sum(axis=0), load))[0]
        filled[:, best] += counts
        fold[rows] = best
    for code in np.argsort(totals, kind="stable"):
        rows = rng.permutation(np.flatnonzero((codes == code) & (fold < 0)))
        quota = _fill_up(filled[code], filled.sum(axis=0), len(rows), rng)
        fold[rows] = np.repeat(np.arange(n_splits), quota)
        filled[code] += quota
    return fold


def _fill_up(level: np.ndarray, size: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return how many of ``count`` rows go to each fold so that ``level + quota`` is as even as can be.

    Where folds are equal, the one with the fewest rows of all classes goes first, then chance decides.
    """
    quota = np.zeros(len(level), dtype=np.int64)
    ranks = np.lexsort((rng.random(len(level)), size))
    order = ranks[np.argsort(level[ranks], kind="stable")]
    sorted_level = level[order].astype(np.int64)
    # Find the height of the water: the largest k such that the k lowest folds can be levelled.
    need = np.arange(1, len(level) + 1) * sorted_level - np.cumsum(sorted_level)
    k = int(np.searchsorted(need, count, side="right"))
    lowest = order[:k]
    height, rest = divmod(count + int(sorted_level[:k].sum()), k)
    quota[lowest] = height - sorted_level[:k]
    by_size = ranks[np.isin(ranks, lowest)]
    quota[by_size[:rest]] += 1
    return quota
