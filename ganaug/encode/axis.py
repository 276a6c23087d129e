"""The values of a number-like column as positions on an axis, exactly, and back.

Integers, decimals, dates, times and durations are whole numbers of their unit, and so are floats that all have
few decimals. Where all of them are a multiple of a step apart, a position counts steps. Other floats are
their own position.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.errors import DataError

__all__ = ["Axis"]

_MAX_DECIMALS = 10
_EXACT = 2.0**53  # the largest range of integers that float64 holds exactly
_SIGN = np.uint64(1 << 63)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """How the values of one column become positions: int64 on a grid, float64 without one."""

    decimals: int | None
    """Of floats: the digits after the point that all values keep to, None without such a limit. 0 of integers."""
    step: int = 1
    """The distance of neighbouring positions, in units of the last digit."""
    base: int = 0
    """The remainder of all values by ``step``."""

    @classmethod
    def fit(cls, array: pa.Array) -> tuple[Axis, np.ndarray, np.ndarray]:
        """Find the axis of a column; also return the sorted different positions and their counts.

        Missing values are left out.
        """
        type_ = _storage(array).type
        raw, present = _raw(array)
        values, counts = np.unique(raw[present], return_counts=True)
        if pa.types.is_floating(type_):
            decimals = _decimals(values, narrow=_narrow(type_))
            if decimals is None:
                return cls(decimals=None), values, counts
            values = np.rint(values * 10.0**decimals).astype(np.int64)
        else:
            decimals = 0
        step, base = _lattice(values)
        axis = cls(decimals=decimals, step=step, base=base)
        return axis, values // step, counts

    def positions(self, array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Return the position of every value (0 where missing) and whether it is present.

        **Shape:** int64 or float64 ``(n,)``, bool ``(n,)``.
        """
        raw, present = _raw(array)
        if raw.dtype == np.float64 and self.decimals is not None:
            raw = np.rint(np.clip(raw * 10.0**self.decimals, -_EXACT, _EXACT)).astype(np.int64)
        return (raw if self.step == 1 else raw // self.step), present

    def values(self, positions: np.ndarray, present: np.ndarray | None, type_: pa.DataType) -> pa.Array:
        """Undo `positions`: an array of ``type_``, null where not ``present`` (None: everywhere present)."""
        mask = None if present is None else ~present
        if isinstance(type_, pa.BaseExtensionType):
            return pa.ExtensionArray.from_storage(type_, self.values(positions, present, type_.storage_type))
        if self.decimals is None:
            return pa.array(positions.astype(_numpy(type_), copy=False), mask=mask)
        raw = positions if self.step == 1 else positions * self.step + self.base
        if pa.types.is_floating(type_):
            numbers = raw / 10.0**self.decimals
            return pa.array(numbers.astype(_numpy(type_), copy=False), mask=mask)
        return _from_raw(raw, mask, type_)

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object; ``Axis(**d)`` undoes it."""
        return asdict(self)


def _storage(array: pa.Array) -> pa.Array:
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _narrow(type_: pa.DataType) -> Any:
    return np.float16 if pa.types.is_float16(type_) else np.float32 if pa.types.is_float32(type_) else np.float64


def _numpy(type_: pa.DataType) -> Any:
    return _narrow(type_) if pa.types.is_floating(type_) else type_.to_pandas_dtype()


def _raw(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 of floats, int64 of everything else, 0 where missing; and what is present."""
    array, t = _storage(array), pa.types
    present = np.ones(len(array), dtype=bool) if not array.null_count else np.asarray(array.is_valid())
    if t.is_floating(array.type):
        numbers = array.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        present = present & ~np.isnan(numbers)
        return (numbers if present.all() else np.where(present, numbers, 0.0)), present
    if t.is_decimal(array.type):
        return _unscaled(array, present), present
    if not t.is_integer(array.type):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    integers = (array.fill_null(0) if array.null_count else array).to_numpy(zero_copy_only=False)
    if t.is_uint64(array.type):
        return (integers ^ _SIGN).view(np.int64), present  # order-preserving: 0 becomes the smallest int64
    return integers.astype(np.int64, copy=False), present


def _from_raw(raw: np.ndarray, mask: np.ndarray | None, type_: pa.DataType) -> pa.Array:
    t = pa.types
    if t.is_uint64(type_):
        return pa.array(raw.view(np.uint64) ^ _SIGN, mask=mask)
    if t.is_integer(type_):
        return pa.array(raw.astype(_numpy(type_), copy=False), mask=mask)
    if t.is_decimal(type_):
        words = np.stack([raw, raw >> 63], axis=1)
        valid = None if mask is None else pa.array(~mask).buffers()[1]
        wide = pa.decimal128(38, type_.scale)
        array = pa.Array.from_buffers(wide, len(raw), [valid, pa.py_buffer(np.ascontiguousarray(words))])
        return array.cast(type_)
    if type_.bit_width == 32:
        return pa.array(raw.astype(np.int32), mask=mask).view(type_)
    return pa.array(raw, mask=mask).view(type_)


def _unscaled(array: pa.Array, present: np.ndarray) -> np.ndarray:
    """Return decimals as whole numbers of their last digit (Arrow's own 128-bit layout, little-endian)."""
    wide = array.cast(pa.decimal128(38, array.type.scale))
    words = np.frombuffer(wide.buffers()[1], dtype=np.int64).reshape(-1, 2)[wide.offset : wide.offset + len(wide)]
    low, high = words[:, 0], words[:, 1]
    if bool((high != low >> 63)[present].any()):
        raise DataError(
            f"decimals of type {array.type} must have at most 18 digits, however some have more; use float64"
        )
    return np.where(present, low, 0)


def _decimals(values: np.ndarray, *, narrow: Any) -> int | None:
    """Return the fewest decimals that reproduce every value to the bit, None if there is no such number."""
    if len(values) == 0:
        return 0
    largest = float(np.max(np.abs(values)))
    sample = values[:: max(1, len(values) // 1000)]
    for decimals in range(_MAX_DECIMALS + 1):
        if largest * 10.0**decimals >= _EXACT:
            return None
        if _keeps(sample, decimals, narrow) and _keeps(values, decimals, narrow):
            return decimals
    return None


def _keeps(values: np.ndarray, decimals: int, narrow: Any) -> bool:
    rounded = np.rint(values * 10.0**decimals) / 10.0**decimals
    return bool((rounded.astype(narrow).astype(np.float64) == values).all())


def _lattice(values: np.ndarray) -> tuple[int, int]:
    """Return the largest step that all of the sorted int64 ``values`` are multiples of apart, and their remainder."""
    if len(values) < 2:
        return 1, 0
    apart = (values - values[0]).view(np.uint64)  # wraps around to the right unsigned distance
    step = int(np.gcd.reduce(apart[:1000]))
    if step > 1:
        step = int(np.gcd.reduce(apart))
    if step <= 1 or step >= 1 << 63:
        return 1, 0
    return step, int(values[0] % step)
