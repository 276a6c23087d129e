"""A numeric target as a network is given it, and values of it as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.arrays import plain
from ganaug.encode.axis import Axis
from ganaug.errors import ConfigError, DataError
from ganaug.strata import Scale, strata

__all__ = ["ValueTarget"]

QUANTILES = 128
"""Training values of a range that are kept at most."""
PRIVATE_ROWS = 10
"""Rows that a kept value stands for, where no training row may be kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ValueTarget:
    """The fitted encoding of a numeric target.

    **Shape:** ``values`` and ``weights (q,)``: training values, sorted, and how many rows each of them stands for.
    """

    scale: Scale
    axis: Axis
    values: np.ndarray
    weights: np.ndarray

    @classmethod
    def fit(cls, array: pa.Array, edges: Sequence[float], *, private: bool) -> ValueTarget:
        """Fit to the target of the training rows; of every range between ``edges`` values are kept.

        Raises
        ------
        DataError
            All values are equal.
        """
        known = np.sort(plain(array).to_numpy(zero_copy_only=False).astype(np.float64))
        if len(known) == 0 or known[0] == known[-1]:
            raise DataError(f"the target is the same in all {len(known)} training rows; nothing can be asked of it")
        axis, _, _ = Axis.fit(plain(array))
        codes, kept, weights = strata(known, edges), [], []
        for own in (known[codes == code] for code in range(len(edges) - 1)):
            chosen = _means(own) if private else own[_even(len(own), QUANTILES)]
            kept.append(chosen)
            weights.append(np.full(len(chosen), len(own) / max(1, len(chosen))))
        values = np.concatenate(kept)
        if len(values) == 0:
            raise DataError(
                f"no range of the target has the {PRIVATE_ROWS} rows that a value must stand for where no row may be "
                "kept; use a variant that keeps rows, such as 'anchored'"
            )
        return cls(scale=Scale.fit(known), axis=axis, values=values, weights=np.concatenate(weights))

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Return what a network is given for target values ``(n,)``, float32 ``(n,)``."""
        return self.scale(values).astype(np.float32)

    def typed(self, values: np.ndarray, type_: pa.DataType) -> pa.Array:
        """Return target values ``(n,)`` as a column of ``type_``, on the grid that all training values are on."""
        if self.axis.decimals is None:
            return self.axis.values(values, None, type_)
        units = (values * 10.0**self.axis.decimals - self.axis.base) / self.axis.step
        if pa.types.is_uint64(type_):
            return pa.array(np.rint(units).astype(np.uint64) * np.uint64(self.axis.step) + np.uint64(self.axis.base))
        return self.axis.values(np.rint(units).astype(np.int64), None, type_)

    def draw(self, ranges: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Draw a value within each of ``ranges (n, 2)``, as training values are spread in it, by uniforms ``(n,)``.

        Between two training values that lie in the range the value is interpolated, so that it lies in the range, too.
        A range of one value, ``(v, v)``, gives that value.
        """
        out = ranges[:, 0].copy()
        for low, high in np.unique(ranges, axis=0).tolist():
            if low < high:
                asked = (ranges[:, 0] == low) & (ranges[:, 1] == high)
                known, weights = self._within(low, high)
                ends = np.cumsum(weights)
                out[asked] = np.interp(u[asked] * ends[-1], ends - weights / 2, known)
        return out

    def range_of(self, label: Any) -> tuple[float, float]:
        """Return the range that a condition asks for: a number, or a pair ``(low, high)``.

        Raises
        ------
        ConfigError
            It is neither, or lies where there was no training row.
        """
        least, most = float(self.values[0]), float(self.values[-1])
        pair = label if isinstance(label, tuple | list) else (label, label)
        try:
            low, high = (float(value) for value in pair)
        except (TypeError, ValueError):
            raise ConfigError(
                f"a condition on a numeric target is a value, or a range (low, high), however: {label!r}"
            ) from None
        if not low <= high:
            raise ConfigError(f"a range must be (low, high) with low up to high, however: {label!r}")
        if low == high and not least <= low <= most:
            raise ConfigError(f"the target was from {least:g} to {most:g} in training, so {low:g} cannot be asked for")
        if low < high and not len(self._within(low, high)[0]):
            raise ConfigError(f"no training row has a target from {low:g} to {high:g}, so none can be drawn there")
        return low, high

    def _within(self, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the kept values in ``[low, high)``, or up to ``high`` where it is the largest, and their weights."""
        inside = (self.values >= low) & ((self.values < high) | ((high >= self.values[-1]) & (self.values <= high)))
        return self.values[inside], self.weights[inside]

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return JSON and arrays; `from_state` undoes it."""
        return (
            {"scale": asdict(self.scale), "axis": self.axis.to_json()},
            {"values": self.values, "weights": self.weights},
        )

    @classmethod
    def from_state(cls, d: dict[str, Any], arrays: dict[str, np.ndarray]) -> ValueTarget:
        """Undo `state`."""
        return cls(scale=Scale(**d["scale"]), axis=Axis(**d["axis"]), **arrays)


def _even(n: int, most: int) -> np.ndarray:
    """Return at most ``most`` of ``n`` positions, even in rank, both ends among them."""
    return np.arange(n) if n <= most else np.unique(np.rint(np.linspace(0, n - 1, most)).astype(np.int64))


def _means(own: np.ndarray) -> np.ndarray:
    """Return the means of groups of ten or more neighbouring values; none of fewer than ten."""
    groups = min(QUANTILES, len(own) // PRIVATE_ROWS)
    return np.array([part.mean() for part in np.array_split(own, groups)]) if groups else own[:0]
