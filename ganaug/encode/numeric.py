"""Number-like columns: one continuous dimension that is close to normal, and a state (value, spike, missing).

A value becomes a score z along at most ``max_knots`` knots (x_k, z_k) and linearly between them, so that both ways
are one search and one interpolation. The scores of the knots are half normal quantiles of their ranks (as scikit-
learn's QuantileTransformer) and half their positions: ranks alone put two clusters of values side by side, however
far they lie apart, and a generator that misses the border by a hair lands in the other one. Spikes are no part of the
continuum. Knots come back to the bit, and so do all whole positions unless neighbouring knots are more than some 1e12
steps apart (nanoseconds without a coarser grid, over years): there two positions can share one float64 score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import ndtr, ndtri

from ganaug.encode.axis import Axis

__all__ = ["PRIVATE_KNOTS", "PRIVATE_ROWS", "NumericColumn"]

ATOM_SHARE = 0.2  # of the values present: a value that is repeated this often becomes a state of its own
PRIVATE_KNOTS, PRIVATE_ROWS = 256, 10  # in private mode: the most knots, and the rows that a value must stand for
_PRIVATE_TAIL = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class NumericColumn:
    """The fitted encoding of one number-like column."""

    name: str
    type: pa.DataType
    axis: Axis
    knots: np.ndarray
    """Positions, increasing, int64 or float64 ``(K,)``."""
    z: np.ndarray
    """Their normal scores, increasing, float64 ``(K,)``."""
    atoms: np.ndarray
    """The positions of the spikes, ``(A,)``."""
    missing: bool

    @property
    def n_states(self) -> int:
        """0 is a value on the continuum, 1 to A the spikes, the last one missing (if there were missing values)."""
        return 1 + len(self.atoms) + self.missing

    @classmethod
    def fit(cls, name: str, array: pa.Array, *, max_knots: int, private: bool) -> NumericColumn | None:
        """Fit to ``array``; None if it holds one value only and no missing one, or nothing to learn from."""
        axis, values, counts = Axis.fit(array)
        n, missing = int(counts.sum()), array.null_count > 0
        if n == 0 or (len(values) == 1 and not missing) or (private and n < 3 * PRIVATE_ROWS):
            return None
        least = max(ATOM_SHARE * n, PRIVATE_ROWS if private else 0)
        atoms = values[counts >= least] if len(values) > 1 else values[:0]
        rest = ~np.isin(values, atoms)
        if rest.sum() >= 2 and counts[rest].sum() >= (3 * PRIVATE_ROWS if private else 2):
            values, counts = values[rest], counts[rest]
        ranks = np.cumsum(counts)
        n = int(ranks[-1])
        kept = _private_knots(ranks, n) if private else _knots(values, ranks, n, max_knots)
        scores = _scores(values, counts)[kept]
        return cls(name=name, type=array.type, axis=axis, knots=values[kept], z=scores, atoms=atoms, missing=missing)

    def encode(self, array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Return z (0 where missing) and the state of every value; what lies outside the knots counts as the end.

        **Shape:** float64 ``(n,)``, int32 ``(n,)``.
        """
        positions, present = self.axis.positions(array)
        codes = np.zeros(len(array), dtype=np.int32)
        for i, atom in enumerate(self.atoms, start=1):
            codes[positions == atom] = i
        z = _between(positions, self.knots, self.z)
        if not present.all():
            z[~present] = 0.0
            codes[~present] = self.n_states - 1 if self.missing else 0
        return z, codes

    def decode(self, z: np.ndarray, codes: np.ndarray) -> pa.Array:
        """Return the values: of the spike or missing where the state says so, else of z.

        **Shape:** float64 ``(n,)``, integer ``(n,)`` -> ``n`` values of the column's type.
        """
        positions = _beneath(z, self.z, self.knots)
        if len(self.atoms):
            spike = (codes > 0) & (codes <= len(self.atoms))
            positions[spike] = self.atoms[codes[spike] - 1]
        present = codes < self.n_states - 1 if self.missing else None
        return self.axis.values(positions, present, self.type)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return JSON and arrays; `from_state` undoes it."""
        return (
            {"kind": "numeric", "axis": self.axis.to_json(), "missing": self.missing},
            {"knots": self.knots, "z": self.z, "atoms": self.atoms},
        )

    @classmethod
    def from_state(
        cls, name: str, type_: pa.DataType, d: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> NumericColumn:
        """Undo `state`."""
        return cls(name=name, type=type_, axis=Axis(**d["axis"]), missing=bool(d["missing"]), **arrays)


# ---------------------------------------------------------------------------------------------- knots
def _scores(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the scores of sorted ``values`` that occur ``counts`` times: increasing, of variance 1 over the rows.

    Half is the normal quantile of the mid-rank, half the inverse hyperbolic sine of the position in robust units, which
    is linear in the bulk and logarithmic in heavy tails.
    """
    ranks = np.cumsum(counts)
    scores = _standardised(ndtri((ranks - counts / 2) / ranks[-1]), counts)
    quarter, middle, three = (float(values[np.searchsorted(ranks, q * ranks[-1])]) for q in (0.25, 0.5, 0.75))
    unit = (three / 4 - quarter / 4) / 1.349  # by four, as the distance of two finite numbers need not be finite
    if unit > 0:
        with np.errstate(over="ignore"):
            positions = np.arcsinh((values.astype(np.float64) / 4 - middle / 4) / unit)
        if np.isfinite(positions).all():
            scores = _standardised(scores + _standardised(positions, counts), counts)
    return scores


def _standardised(scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    centred = scores - np.average(scores, weights=counts)
    spread = np.sqrt(np.average(centred**2, weights=counts))
    return centred / spread if spread > 0 else centred


def _knots(values: np.ndarray, ranks: np.ndarray, n: int, max_knots: int) -> np.ndarray:
    """Return which of the sorted ``values`` become knots: all of few, else half even in rank and half in score."""
    if len(values) <= max_knots:
        return np.arange(len(values))
    end = ndtri(0.5 / n)
    room = max_knots - 2
    u = np.concatenate([np.linspace(0, 1, room // 2), ndtr(np.linspace(end, -end, room - room // 2))])
    kept = np.searchsorted(ranks, u * n).clip(0, len(values) - 1)
    return np.unique(np.concatenate([[0], kept, [len(values) - 1]]))


def _private_knots(ranks: np.ndarray, n: int) -> np.ndarray:
    """Return at most n / 10 quantiles, none of them among the outermost ten rows or hundredth."""
    tail = max(int(np.ceil(_PRIVATE_TAIL * n)), PRIVATE_ROWS)
    rows = np.linspace(tail, n - 1 - tail, min(PRIVATE_KNOTS, n // PRIVATE_ROWS))
    return np.unique(np.searchsorted(ranks, np.rint(rows), side="right"))


# ---------------------------------------------------------------------------------------- interpolation
def _between(x: np.ndarray, knots: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Interpolate from positions to scores."""
    if len(knots) == 1:
        return np.full(len(x), z[0])
    x = np.clip(x, knots[0], knots[-1])
    i = np.searchsorted(knots, x, side="right").clip(1, len(knots) - 1)
    low = knots[i - 1]
    if knots.dtype == np.int64:
        width = np.diff(knots).view(np.uint64).astype(np.float64)
        t = (x - low).view(np.uint64) / width[i - 1]
    else:
        t = _share(x, low, knots[i])
    return z[i - 1] * (1 - t) + z[i] * t


def _beneath(z: np.ndarray, scores: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Interpolate from scores to positions; whole ones where the knots are."""
    if len(knots) == 1:
        return np.full(len(z), knots[0])
    z = np.clip(z, scores[0], scores[-1])
    i = np.searchsorted(scores, z, side="right").clip(1, len(knots) - 1)
    left = scores[i - 1]
    t = (z - left) / np.diff(scores)[i - 1]
    if knots.dtype != np.int64:
        return np.clip(knots[i - 1] * (1 - t) + knots[i] * t, knots[0], knots[-1])
    width = np.diff(knots).view(np.uint64).astype(np.float64)[i - 1]
    # From the nearer end, so that no distance exceeds 2^63 and the ends are exact.
    upper = t > 0.5
    away = np.rint(np.where(upper, 1 - t, t) * width).astype(np.int64)
    return np.where(upper, knots[i] - away, knots[i - 1] + away)


def _share(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return (x - low) / (high - low), also where the difference of two finite numbers is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        width = high - low
        t = (x - low) / width
    wide = np.isinf(width)
    if wide.any():
        t[wide] = (x[wide] / 4 - low[wide] / 4) / (high[wide] / 4 - low[wide] / 4)
    return t
