"""Columns that nothing is learnt from: constants, columns without any value, identifiers."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ganaug.arrays import pc, plain
from ganaug.encode.numeric import PRIVATE_ROWS
from ganaug.errors import DataError

__all__ = ["ConstantColumn", "IdentifierColumn", "constant_of"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ConstantColumn:
    """A column of one value (or of none at all): nothing to learn, given back as it was."""

    name: str
    value: pa.Array
    """One value, of the column's type."""

    def decode(self, n: int) -> pa.Array:
        """Return the value ``n`` times."""
        return self.value.take(pa.array(np.zeros(n, dtype=np.int64)))


@dataclass(frozen=True, kw_only=True, eq=False)
class IdentifierColumn:
    """A column that names rows: not learnt; made-up rows get names that no real row has."""

    name: str
    type: pa.DataType
    start: int
    """Of integers the first fresh value, of text the first fresh number."""

    @classmethod
    def fit(cls, name: str, array: pa.Array, *, private: bool) -> IdentifierColumn:
        """Look for the last name in use, unless ``private``."""
        values, start = plain(array), 0
        if not private and len(values) > values.null_count:
            if pa.types.is_integer(values.type):
                start = max(int(pc.max(values).as_py()) + 1, 0)
            elif pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                ours = values.filter(pc.fill_null(pc.match_substring_regex(values, "^synthetic-[0-9]{1,18}$"), False))
                start = 1 + max((int(re.sub("^synthetic-", "", v)) for v in ours.to_pylist()), default=-1)
        return cls(name=name, type=array.type, start=start)

    def decode(self, n: int, first_row: int) -> pa.Array:
        """Return ``n`` names, those of the synthetic rows ``first_row`` and following."""
        numbers = np.arange(self.start + first_row, self.start + first_row + n, dtype=np.uint64)
        if pa.types.is_integer(self.type):
            if n and int(numbers[-1]) > np.iinfo(self.type.to_pandas_dtype()).max:
                raise DataError(
                    f"the identifier column {self.name!r} of type {self.type} has no fresh values left after "
                    f"{self.start + first_row - 1}; widen its type or drop it"
                )
            return pa.array(numbers).cast(self.type)
        if pa.types.is_string(self.type) or pa.types.is_large_string(self.type):
            text = pa.array(numbers).cast(self.type)
            return pc.binary_join_element_wise(pa.scalar("synthetic", self.type), text, pa.scalar("-", self.type))
        return pa.nulls(n, self.type)


def constant_of(array: pa.Array, *, private: bool) -> pa.Array:
    """Return what every made-up row holds in a column that nothing is learnt from, ``(1,)``.

    It is the only value, or null where there is none; in private mode the most frequent value, if it stands for
    enough rows.
    """
    if array.null_count or len(array) == 0:
        return pa.nulls(1, array.type)
    values = plain(array)
    if not pa.types.is_floating(values.type):
        counted = values.value_counts()
        counts = counted.field("counts").to_numpy()
        if private and counts.max() < PRIVATE_ROWS:
            return pa.nulls(1, array.type)
        values = counted.field("values")[int(counts.argmax()) :]
        return array.filter(pc.equal(plain(array), values[0]))[:1]
    return array[:1]
