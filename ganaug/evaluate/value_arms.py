"""What is compared where the target is a number: the cheap ways to make regressors see its rare ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from ganaug.errors import ConfigError
from ganaug.evaluate.arm import NOTHING

__all__ = ["DEFAULT_VALUE_ARMS", "VALUE_ARMS", "Fitted", "FoldRows", "ValueArm", "value_arms"]

NEIGHBOURS = 5
NOISE = 0.1


@dataclass(frozen=True, kw_only=True)
class FoldRows:
    """The real training rows of a fold, prepared.

    **Shape**: x (n, width), y (n,), codes (n,) ranges of the target; numeric (width,): which columns are numbers.
    """

    x: np.ndarray
    y: np.ndarray
    codes: np.ndarray
    numeric: np.ndarray
    counts: Mapping[int, int]
    """Range -> rows that ours adds, and so every other arm."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What a regressor is fitted on: x (n + e, width), y (n + e,), weight (n + e,) or None."""

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class ValueArm:
    """One way to change what a regressor is fitted on, from the training rows of a fold alone."""

    name: str
    label: str
    make: Callable[[FoldRows, np.random.Generator], Fitted]
    weighs: bool = False
    """Whether it needs regressors that take ``sample_weight``."""


def _nothing(rows: FoldRows, rng: np.random.Generator) -> Fitted:
    return Fitted(x=rows.x, y=rows.y)


def _weighted(rows: FoldRows, rng: np.random.Generator) -> Fitted:
    """Weigh every row as often as oversampling would show it, on the mean."""
    present = np.bincount(rows.codes)
    weight = np.array([1 + rows.counts.get(code, 0) / max(1, n) for code, n in enumerate(present)])
    return Fitted(x=rows.x, y=rows.y, weight=weight[rows.codes])


def _chosen(rows: FoldRows, rng: np.random.Generator) -> np.ndarray:
    """Return real rows, with replacement, as many of each range as are to be added."""
    picks = [
        rng.choice(own, n)
        for code, n in sorted(rows.counts.items())
        for own in [np.flatnonzero(rows.codes == code)]
        if n and len(own)
    ]
    return np.concatenate(picks) if picks else np.zeros(0, np.int64)


def _with(rows: FoldRows, x: np.ndarray, y: np.ndarray) -> Fitted:
    return Fitted(x=np.concatenate([rows.x, x]), y=np.concatenate([rows.y, y]))


def _oversampled(rows: FoldRows, rng: np.random.Generator) -> Fitted:
    picked = _chosen(rows, rng)
    return _with(rows, rows.x[picked], rows.y[picked])


def _noisy(rows: FoldRows, rng: np.random.Generator) -> Fitted:
    """Copy rows and move their numbers and their target by a tenth of a deviation (Branco et al. 2016, UBL)."""
    picked = _chosen(rows, rng)
    x, y = rows.x[picked].copy(), rows.y[picked]
    x[:, rows.numeric] += NOISE * rows.x[:, rows.numeric].std(axis=0) * rng.normal(size=(len(x), rows.numeric.sum()))
    return _with(rows, x, y + NOISE * rows.y.std() * rng.normal(size=len(y)))


def _smoter(rows: FoldRows, rng: np.random.Generator) -> Fitted:
    """Put rows between neighbours of one range, their targets with them (SMOTER, Torgo et al. 2013, alg. 2).

    Categories come from either row. NOTE[DIFF]: the target is interpolated by the same u as the numbers, and not by
    the distances, which is the same where all columns are numbers.
    """
    picked = _chosen(rows, rng)
    other = picked.copy()
    for code in np.unique(rows.codes[picked]):
        own = np.flatnonzero(rows.codes == code)
        if len(own) > 1:
            k = min(NEIGHBOURS, len(own) - 1)
            near = own[NearestNeighbors(n_neighbors=k).fit(rows.x[own]).kneighbors(return_distance=False)]
            asked = rows.codes[picked] == code
            at = np.searchsorted(own, picked[asked])
            other[asked] = near[at, rng.integers(0, k, size=len(at))]
    u = rng.random((len(picked), 1))
    share = np.where(rows.numeric, u, rng.random((len(picked), 1)) < u)
    x = rows.x[picked] + share * (rows.x[other] - rows.x[picked])
    return _with(rows, x, rows.y[picked] + u[:, 0] * (rows.y[other] - rows.y[picked]))


VALUE_ARMS: dict[str, ValueArm] = {
    arm.name: arm
    for arm in (
        ValueArm(name=NOTHING, label="Nothing", make=_nothing),
        ValueArm(name="range_weights", label="Range weights", make=_weighted, weighs=True),
        ValueArm(name="random_oversampling", label="Random oversampling", make=_oversampled),
        ValueArm(name="gaussian_noise", label="Gaussian noise", make=_noisy),
        ValueArm(name="smoter", label="SMOTER", make=_smoter),
    )
}
DEFAULT_VALUE_ARMS = tuple(name for name in VALUE_ARMS if name != NOTHING)
"""The cheap ways that ours has to beat, beside nothing; each adds as many rows to each range as ours."""


def value_arms(names: object) -> list[ValueArm]:
    """Return nothing and the arms ``names``, or all.

    Raises:
        ConfigError: one of them is no name of an arm.
    """
    asked = DEFAULT_VALUE_ARMS if names is None else names
    if isinstance(asked, str) or not isinstance(asked, list | tuple):
        raise ConfigError(f"with task='regression' arms is a list of names, however: {names!r}")
    if unknown := [name for name in asked if name not in VALUE_ARMS]:
        raise ConfigError(
            f"with task='regression' there is no arm {unknown[0]!r}; there are: {', '.join(DEFAULT_VALUE_ARMS)}"
        )
    return [VALUE_ARMS[NOTHING], *(VALUE_ARMS[name] for name in asked if name != NOTHING)]
