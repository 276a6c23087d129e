"""Which rows are compared with which: as many of each class on every side, so that figures compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ganaug import seeding

__all__ = ["Match", "Rows", "match"]

MAX_PER_CLASS = 5_000
MAX_ROWS = 20_000
MIN_HOLDOUT = 6
"""Held-out rows of a class from which on they can be compared with."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Row numbers by class code, each in a random order and at most `MAX_PER_CLASS` of them."""

    by_class: Mapping[int, np.ndarray]

    @classmethod
    def of(cls, codes: np.ndarray, *, seed: int, name: str) -> Rows:
        """Shuffle and thin the rows of each class of ``codes (n,)``."""
        classes, counts = np.unique(codes, return_counts=True)
        kept = np.minimum(counts, MAX_PER_CLASS)
        kept = np.ceil(kept * min(1.0, MAX_ROWS / max(1, kept.sum()))).astype(np.int64)
        rows = {
            int(c): seeding.numpy_rng(seed, "fidelity", name, int(c)).permutation(np.flatnonzero(codes == c))[:k]
            for c, k in zip(classes, kept, strict=True)
        }
        return cls(by_class=rows)

    def count(self, c: int) -> int:
        """Return how many rows class ``c`` has here."""
        return len(self.by_class.get(c, ()))

    def take(self, counts: Mapping[int, int], draw: int = 0) -> np.ndarray:
        """Return the ``draw``-th lot of so many rows of each class; lots overlap once the rows run out."""
        parts = [np.take(self.by_class[c], np.arange(draw * k, (draw + 1) * k), mode="wrap") for c, k in counts.items()]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Match:
    """Row numbers of training rows, held-out rows and several lots of synthetic rows, with one mix of classes."""

    train: np.ndarray
    holdout: np.ndarray | None
    synthetic: tuple[np.ndarray, ...]
    left_out: tuple[int, ...]
    """Classes with synthetic rows that have too few real ones to compare with."""


def match(train: Rows, holdout: Rows | None, synthetic: Rows) -> Match:
    """Choose rows so that synthetic and held-out ones are as many of each class, and training ones in proportion.

    Classes with fewer than `MIN_HOLDOUT` held-out rows are left out, unless most synthetic rows are theirs: then
    there is no held-out side.
    """
    there = [c for c in synthetic.by_class if train.count(c)]
    counts = {c: min(synthetic.count(c), train.count(c)) for c in there}
    with_holdout: dict[int, int] = {}
    if holdout is not None:
        held = [c for c in there if holdout.count(c) >= MIN_HOLDOUT]
        with_holdout = {c: min(counts[c], holdout.count(c)) for c in held}
        if 2 * sum(synthetic.count(c) for c in held) < sum(synthetic.count(c) for c in there):
            with_holdout = {}
    counts = with_holdout or counts
    share = min((train.count(c) / k for c, k in counts.items()), default=0.0)
    lots = draws(sum(counts.values()), sum(synthetic.count(c) for c in counts))
    return Match(
        train=train.take({c: int(share * k) for c, k in counts.items()}),
        holdout=holdout.take(counts) if holdout is not None and with_holdout else None,
        synthetic=tuple(synthetic.take(counts, draw) for draw in range(lots)),
        left_out=tuple(c for c in synthetic.by_class if c not in counts),
    )


def draws(compared: int, available: int) -> int:
    """Return over how many lots of ``compared`` out of ``available`` rows a figure is averaged.

    >>> draws(100, 450), draws(100, 150), draws(5_000, 20_000)
    (5, 2, 1)
    """
    if compared == 0:
        return 0
    return min(-(-available // compared), 5 if compared < 500 else 3 if compared < 2_000 else 1)
