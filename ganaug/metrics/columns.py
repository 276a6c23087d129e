"""Arrow columns as the arrays that the metrics and the charts work on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ganaug.arrays import plain
from ganaug.schema import Column

__all__ = ["is_number", "joint_codes", "numbers"]

NUMBER_KINDS = ("number", "integer", "datetime", "duration")


def is_number(column: Column) -> bool:
    """Say whether a column has an order and distances: numbers, dates, times, durations."""
    return column.kind in NUMBER_KINDS


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Return a number-like column as float64 (n,), NaN where missing; dates and durations in their own unit.

    >>> numbers(pa.chunked_array([[1, None, 3]]))
    array([ 1., nan,  3.])
    """
    array = plain(column.combine_chunks())
    if pa.types.is_temporal(array.type):
        array = array.cast(pa.int32() if array.type.bit_width == 32 else pa.int64())
    values = array.cast(pa.float64(), safe=False).fill_null(float("nan"))
    return values.to_numpy(zero_copy_only=False)


def joint_codes(columns: Sequence[pa.ChunkedArray]) -> tuple[list[np.ndarray], list[str]]:
    """Number the categories of some columns alike, in order of appearance, -1 where missing.

    **Shape**: columns (n_i,); the result int64 (n_i,) each, and the categories as text.

    >>> joint_codes([pa.chunked_array([["a", None]]), pa.chunked_array([["b", "a"]])])
    ([array([ 0, -1]), array([1, 0])], ['a', 'b'])
    """
    arrays = [plain(column.combine_chunks()) for column in columns]
    if pa.types.is_null(arrays[0].type):
        return [np.full(len(array), -1) for array in arrays], []
    joined = pa.concat_arrays([array.cast(arrays[0].type) for array in arrays]).dictionary_encode()
    codes = joined.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    ends = np.cumsum([len(column) for column in columns])[:-1]
    return np.split(codes, ends), [str(value) for value in joined.dictionary.to_pylist()]
