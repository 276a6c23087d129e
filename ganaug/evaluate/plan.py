"""Which rows are fitted on and which are predicted, for every fold of the check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganaug.data import stratified_folds
from ganaug.errors import ConfigError, DataError
from ganaug.learners.folds import TooFewRowsError, make_folds
from ganaug.seeding import derive

__all__ = ["DEPTHS", "Depth", "Fold", "Plan", "Rows", "make_plan"]


@dataclass(frozen=True, kw_only=True)
class Depth:
    """How much is measured."""

    folds: int
    repeats: int
    scarce_repeats: int
    """Repeats where the smallest class has fewer than `SCARCE` rows: its folds hold few of them."""
    inner_folds: int
    generator_seeds: int
    """Generators trained on each outer fold, to tell their own noise from that of the folds."""


DEPTHS: dict[str, Depth] = {
    "quick": Depth(folds=5, repeats=1, scarce_repeats=1, inner_folds=3, generator_seeds=1),
    "thorough": Depth(folds=5, repeats=5, scarce_repeats=10, inner_folds=3, generator_seeds=3),
}
SCARCE = 50
SINGLE_SPLIT_SEEDS = 5
"""Generators on a single split: there is no fold-to-fold variance, so their own must be measured well."""
SINGLE_SPLIT_PARTS = 5
"""Disjoint parts that the one test set is cut into."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What is known about the rows before they are split."""

    codes: np.ndarray
    """(n,) class codes."""
    hashes: np.ndarray
    """(n,) equal for rows with equal features."""
    class_names: list[str]
    groups: np.ndarray | None = None
    n_given_test: int = 0
    """How many rows at the end came as a test set of their own."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One outer split and the inner splits of its training rows; all indices are into the whole table."""

    index: int
    repeat: int
    train: np.ndarray
    test: np.ndarray
    inner: list[tuple[np.ndarray, np.ndarray]]
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All folds, repeat by repeat."""

    folds: tuple[Fold, ...]
    n_splits: int
    n_repeats: int
    generator_seeds: int
    test_parts: tuple[np.ndarray, ...] = ()
    """Only for a single split: positions within its test rows."""
    notes: tuple[str, ...] = field(default=())

    @property
    def single(self) -> bool:
        """Whether there is one split only, so that nothing is known about another choice of training rows."""
        return bool(self.test_parts)

    def test_to_train(self) -> float:
        """Return the mean over folds of n_test / n_train."""
        return float(np.mean([len(f.test) / len(f.train) for f in self.folds]))


def make_plan(rows: Rows, *, depth: str, cv: Any = None, seed: int = 0) -> Plan:
    """Plan the folds of a check.

    Args:
        rows: what is known about the rows.
        depth: ``"quick"`` or ``"thorough"``.
        cv: None, a number of folds, a scikit-learn splitter, or pairs of index arrays.
        seed: of the splits.

    Raises:
        ConfigError: unknown depth, or a ``cv`` that is none of these.
        TooFewRowsError: the rows cannot be split.
    """
    if depth not in DEPTHS:
        raise ConfigError(f"depth must be one of {', '.join(DEPTHS)}, however: {depth=}")
    size = DEPTHS[depth]
    notes: list[str] = []
    smallest = int(np.bincount(rows.codes)[np.unique(rows.codes)].min())
    repeats = size.scarce_repeats if smallest < SCARCE else size.repeats
    if rows.n_given_test:
        if cv is not None:
            raise ConfigError("cv and test_data exclude each other: give one of them")
        n = len(rows.codes) - rows.n_given_test
        outer = [_checked([(np.arange(n), np.arange(n, len(rows.codes)))], rows, notes)]
    elif cv is None or (isinstance(cv, int) and not isinstance(cv, bool)):
        outer = [_own_folds(rows, size.folds if cv is None else cv, seed, r, notes) for r in range(repeats)]
    else:
        outer = [_checked(_given_folds(cv, rows), rows, notes)]
    single = len(outer) == 1 and len(outer[0]) == 1
    folds = [
        Fold(
            index=r * len(splits) + i,
            repeat=r,
            train=train,
            test=test,
            inner=_inner(rows, train, size.inner_folds, derive(seed, "inner", r, i), notes),
            seed=derive(seed, "fold", r, i),
        )
        for r, splits in enumerate(outer)
        for i, (train, test) in enumerate(splits)
    ]
    return Plan(
        folds=tuple(folds),
        n_splits=len(outer[0]),
        n_repeats=len(outer),
        generator_seeds=SINGLE_SPLIT_SEEDS if single else size.generator_seeds,
        test_parts=tuple(_parts(rows.codes[outer[0][0][1]], seed)) if single else (),
        notes=tuple(dict.fromkeys(notes)),
    )


def _own_folds(rows: Rows, n_splits: int, seed: int, repeat: int, notes: list[str]):
    if n_splits < 2:
        raise ConfigError(f"cv must be at least 2 folds, however: {n_splits}")
    folds = make_folds(
        rows.codes,
        n_splits=n_splits,
        seed=derive(seed, "outer", repeat),
        class_names=rows.class_names,
        duplicates=rows.hashes,
        groups=rows.groups,
    )
    notes += folds.notes
    return folds.splits


def _inner(rows: Rows, train: np.ndarray, n_splits: int, seed: int, notes: list[str]):
    """Split the training rows of an outer fold; no inner folds where they are too few."""
    try:
        folds = make_folds(
            rows.codes[train],
            n_splits=n_splits,
            seed=seed,
            class_names=rows.class_names,
            duplicates=rows.hashes[train],
            groups=None if rows.groups is None else rows.groups[train],
        )
    except TooFewRowsError as error:
        notes.append(f"no inner folds, so no tuned thresholds, and the policy leaves the data alone: {error}")
        return []
    notes += [f"inner folds: {note}" for note in folds.notes]
    return [(train[a], train[b]) for a, b in folds.splits]


def _given_folds(cv: Any, rows: Rows) -> list[tuple[np.ndarray, np.ndarray]]:
    n = len(rows.codes)
    if hasattr(cv, "split") and not isinstance(cv, str):
        pairs = list(cv.split(np.zeros((n, 1)), rows.codes, rows.groups))
    elif isinstance(cv, Iterable) and not isinstance(cv, str | dict):
        pairs = list(cv)
    else:
        raise ConfigError(f"cv must be a number of folds, a splitter, or (train, test) index pairs, however: {cv!r}")
    splits = []
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ConfigError(f"cv must give (train, test) index pairs, however: {pair!r}")
        train, test = (np.asarray(p) for p in pair)
        train, test = (np.flatnonzero(p) if p.dtype == bool else p.astype(np.int64) for p in (train, test))
        if len(train) == 0 or len(test) == 0 or max(train.max(), test.max()) >= n or min(train.min(), test.min()) < 0:
            raise DataError(f"cv gives a fold with no rows, or with rows outside of 0..{n - 1}")
        if np.intersect1d(train, test).size:
            raise DataError(f"cv gives a fold whose {np.intersect1d(train, test).size} test rows are training rows too")
        splits.append((np.sort(train), np.sort(test)))
    if not splits:
        raise ConfigError("cv gives no fold")
    return splits


def _checked(splits: list, rows: Rows, notes: list[str]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Take out of the training rows what equals a test row; leave out folds that cannot be judged."""
    kept, copies = [], 0
    for train, test in splits:
        same = np.isin(rows.hashes[train], rows.hashes[test])
        copies = max(copies, int(same.sum()))
        train = train[~same]
        if len(train) and len(np.unique(rows.codes[train])) >= 2 and len(np.unique(rows.codes[test])) >= 2:
            kept.append((train, test))
    if copies:
        notes.append(f"up to {copies} training rows of a fold equal a test row and were left out of its training rows")
    if len(kept) < len(splits):
        notes.append(f"{len(splits) - len(kept)} folds hold a single class in training or test and were left out")
    if not kept:
        raise TooFewRowsError("no fold has two classes both in its training and in its test rows")
    return kept


def _parts(codes: np.ndarray, seed: int) -> list[np.ndarray]:
    """Cut the one test set into stratified parts, as many as its rarest class allows."""
    classes, counts = np.unique(codes, return_counts=True)
    enough = counts[counts >= 2]
    if len(enough) < 2:
        raise TooFewRowsError(
            f"only {len(enough)} of {len(classes)} classes have two test rows or more: too few to say how much another "
            "test set would differ"
        )
    n_parts = int(min(SINGLE_SPLIT_PARTS, enough.min()))
    return [test for _, test in stratified_folds(codes, n_splits=n_parts, seed=derive(seed, "test parts"))]
