"""Folds of few and rare rows: how many are possible, and which classes can be judged at all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ganaug.data.splits import stratified_folds
from ganaug.errors import DataError

__all__ = ["Folds", "TooFewRowsError", "make_folds"]

FEWEST = 3
"""Rows that a class must have to be judged, where at least two other classes have them."""


class TooFewRowsError(DataError):
    """The rows cannot be split into training and test rows."""


@dataclass(frozen=True)
class Folds:
    """Disjoint test folds over the rows that can be judged."""

    splits: list[tuple[np.ndarray, np.ndarray]]
    """(training rows, test rows), index arrays."""
    notes: list[str] = field(default_factory=list)
    """What had to be changed, in sentences."""


def make_folds(
    codes: np.ndarray,
    *,
    n_splits: int,
    seed: int,
    class_names: list[str],
    duplicates: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Folds:
    """Split into stratified folds that keep groups and exact duplicates together.

    Fewer folds than asked for where a class has fewer rows (or groups), at least two. A class with fewer than three
    rows is not judged where two others can be: its rows are in every training fold, and in no test fold.

    Args:
        codes: (n,) class codes.
        n_splits: folds wanted, at least 2.
        seed: of the shuffling.
        class_names: names by code, for the notes.
        duplicates: (n,) hashes of the rows.
        groups: (n,) group ids.

    Raises:
        TooFewRowsError: when no split leaves rows of two classes on both sides.
    """
    together = groups if groups is not None else duplicates
    units = _units(codes, together, len(class_names))
    present = np.flatnonzero(units)
    judged = present[units[present] >= FEWEST]
    if len(judged) < 2:
        judged = present
    notes = [
        f"class {class_names[c]!r} has {_count(codes, c)}: too few to be judged; they are in every training fold"
        for c in np.setdiff1d(present, judged)
    ]
    scarcest = judged[np.argmin(units[judged])] if len(judged) else None
    if len(judged) < 2 or scarcest is None or units[scarcest] < 2:
        raise TooFewRowsError(_why(codes, class_names, judged, units, grouped=groups is not None))
    folds = int(min(n_splits, units[scarcest]))
    if folds < n_splits:
        what = "groups" if groups is not None else "different rows"
        notes.append(
            f"{folds} folds instead of {n_splits}: class {class_names[scarcest]!r} has only {units[scarcest]} {what}"
        )
    return Folds(_split(codes, np.isin(codes, judged), folds, seed, duplicates, groups), notes)


def _split(codes, inside, folds, seed, duplicates, groups) -> list[tuple[np.ndarray, np.ndarray]]:
    rows, others = np.flatnonzero(inside), np.flatnonzero(~inside)
    try:
        found = stratified_folds(
            codes[rows],
            n_splits=folds,
            seed=seed,
            groups=None if groups is None else groups[rows],
            duplicates=None if duplicates is None else duplicates[rows],
        )
    except ValueError as error:
        raise TooFewRowsError(f"the rows cannot be split into {folds} folds: {error}") from error
    splits = []
    for train, test in found:
        train, test = rows[train], rows[test]
        extra = others
        for ids in (groups, duplicates):
            if ids is not None:
                extra = extra[~np.isin(ids[extra], ids[test])]
        splits.append((np.sort(np.concatenate([train, extra])), np.sort(test)))
    if any(len(np.unique(codes[train])) < 2 for train, _ in splits):
        raise TooFewRowsError(
            f"one of {folds} folds leaves a single class to train on: the groups or duplicated rows hold a whole class"
        )
    return splits


def _units(codes: np.ndarray, together: np.ndarray | None, n_classes: int) -> np.ndarray:
    """Count what can be put into different folds, by class: rows, distinct rows, or groups."""
    if together is None:
        return np.bincount(codes, minlength=n_classes)
    return np.array([len(np.unique(together[codes == c])) for c in range(n_classes)])


def _count(codes: np.ndarray, code: int) -> str:
    n = int((codes == code).sum())
    return f"{n} row" + "s" * (n != 1)


def _why(codes, class_names, judged, units, *, grouped: bool) -> str:
    if len(np.unique(codes)) < 2:
        return "there is only one class: an effect on a classifier cannot be measured"
    code = judged[np.argmin(units[judged])]
    rows = f"class {class_names[code]!r} has {_count(codes, code)}"
    if grouped:
        rows += f" in {units[code]} group" + "s" * int(units[code] != 1)
    elif units[code] != (codes == code).sum():
        rows += f", {units[code]} of them different"
    return f"{rows}: too few to split into training and test rows (at least 2 are needed)"
