"""Categories: one state each, the missing one last; many of them share buckets where a network must see them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.arrays import array_from_json, array_to_json, comparable, index_in, plain, value_type
from ganaug.encode.numeric import PRIVATE_ROWS

__all__ = ["CategoryColumn"]


@dataclass(frozen=True, kw_only=True, eq=False)
class CategoryColumn:
    """The fitted encoding of one column of categories."""

    name: str
    type: pa.DataType
    categories: pa.Array
    """Those that the type lists, in its order; else those seen, the most frequent first. ``(C,)``."""
    counts: np.ndarray
    """How often each was seen, int64 ``(C,)``."""
    missing: bool
    max_width: int

    @property
    def n_states(self) -> int:
        """0 to C - 1 the categories, the last one missing (if there were missing values)."""
        return len(self.categories) + self.missing

    @classmethod
    def fit(
        cls, name: str, array: pa.Array, listed: pa.Array | None, *, max_width: int, private: bool
    ) -> CategoryColumn | None:
        """Fit to ``array``; None if it holds one value only and no missing one, or nothing at all."""
        seen, counts = _counted(array)
        missing = array.null_count > 0
        if private and listed is None:
            kept = np.flatnonzero(counts >= PRIVATE_ROWS)
            seen, counts = seen.take(pa.array(kept)), counts[kept]
        if len(seen) + missing <= 1:
            return None
        if listed is not None:
            found = index_in(listed, seen)
            positions = found.fill_null(-1).to_numpy(zero_copy_only=False)
            counts = np.where(positions >= 0, counts[positions], 0)
            counts = np.where(counts >= PRIVATE_ROWS, counts, 0) if private else counts
            seen = listed
        return cls(name=name, type=array.type, categories=seen, counts=counts, missing=missing, max_width=max_width)

    # ------------------------------------------------------------------------------------ codes and values
    def encode(self, array: pa.Array) -> np.ndarray:
        """Return the state of every value; a category never seen counts as missing, or as the most frequent one.

        **Shape:** int32 ``(n,)``.
        """
        fallback = len(self.categories) if self.missing else int(np.argmax(self.counts))
        if isinstance(array, pa.DictionaryArray):
            of_listed = self._index(plain(array.dictionary))
            indices = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            codes = np.append(of_listed, -1)[indices]
        else:
            codes = self._index(plain(array))
        return np.where(codes < 0, fallback, codes).astype(np.int32, copy=False)

    def _index(self, values: pa.Array) -> np.ndarray:
        return index_in(values, self.categories).fill_null(-1).to_numpy(zero_copy_only=False)

    def decode(self, codes: np.ndarray) -> pa.Array:
        """Return the category of every state.

        **Shape:** integer ``(n,)`` -> ``n`` values of the column's type.
        """
        mask = codes == len(self.categories) if self.missing else None
        if pa.types.is_dictionary(self.type):
            indices = pa.array(codes.astype(self.type.index_type.to_pandas_dtype()), mask=mask)
            return pa.DictionaryArray.from_arrays(indices, self._typed, ordered=self.type.ordered)
        values = self.categories.take(pa.array(codes, mask=mask))
        if isinstance(self.type, pa.BaseExtensionType):
            return pa.ExtensionArray.from_storage(self.type, values)
        return values

    @cached_property
    def _typed(self) -> pa.Array:
        kind = self.type.value_type
        return (
            pa.ExtensionArray.from_storage(kind, self.categories)
            if isinstance(kind, pa.BaseExtensionType)
            else self.categories
        )

    # -------------------------------------------------------------------------------------------- buckets
    @property
    def width(self) -> int:
        """How many buckets a network sees, the missing one included."""
        return self._buckets[1] + self.missing

    @cached_property
    def _buckets(self) -> tuple[np.ndarray, int, np.ndarray, np.ndarray, np.ndarray]:
        """Return the bucket of each category, their number, the categories by frequency, their cumulative weights
        (from 0) and where in that order each bucket starts (and the last one ends).

        The most frequent three quarters of ``max_width`` stand alone; the others share the last quarter so that
        every bucket holds about as many rows. Memory is that of the categories.
        """
        n = len(self.categories)
        order = np.argsort(-self.counts, kind="stable")
        weights = np.maximum(self.counts[order].astype(np.float64), 1e-9)
        cumulative = np.concatenate([[0.0], np.cumsum(weights)])
        if n <= self.max_width:
            return np.arange(n), n, np.arange(n), cumulative, np.arange(n + 1)
        alone = self.max_width * 3 // 4
        shared = self.max_width - alone
        before = cumulative[alone:-1] - cumulative[alone]
        share = np.floor(before / (cumulative[-1] - cumulative[alone]) * shared).astype(np.int64)
        _, compact = np.unique(share, return_inverse=True)
        in_order = np.concatenate([np.arange(alone), alone + compact])
        bucket_of = np.empty(n, dtype=np.int64)
        bucket_of[order] = in_order
        n_buckets = int(in_order[-1]) + 1
        return bucket_of, n_buckets, order, cumulative, np.searchsorted(in_order, np.arange(n_buckets + 1))

    def bucket(self, codes: np.ndarray) -> np.ndarray:
        """Return the bucket of every state, int32 ``(n,)``."""
        bucket_of, n_buckets = self._buckets[:2]
        return np.append(bucket_of, n_buckets)[codes].astype(np.int32)

    def unbucket(self, buckets: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
        """Draw a state out of every bucket, by frequency, with one uniform number in [0, 1) a row.

        **Shape:** integer ``(n,)``, float ``(n,)`` -> int32 ``(n,)``.
        """
        if len(self.categories) <= self.max_width:
            return buckets.astype(np.int32)
        _, n_buckets, order, cumulative, starts = self._buckets
        here = np.minimum(buckets, n_buckets - 1)
        first, last = starts[here], starts[here + 1]
        aim = cumulative[first] + uniforms * (cumulative[last] - cumulative[first])
        place = np.clip(np.searchsorted(cumulative, aim, side="right") - 1, first, last - 1)
        return np.where(buckets == n_buckets, len(self.categories), order[place]).astype(np.int32)

    # ---------------------------------------------------------------------------------------------- state
    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return JSON and arrays; `from_state` undoes it."""
        described = {"kind": "category", "categories": array_to_json(self.categories), "missing": self.missing}
        return described | {"max_width": self.max_width}, {"counts": self.counts}

    @classmethod
    def from_state(
        cls, name: str, type_: pa.DataType, d: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> CategoryColumn:
        """Undo `state`."""
        categories = array_from_json(d["categories"], value_type(type_))
        return cls(
            name=name,
            type=type_,
            categories=categories,
            counts=arrays["counts"],
            missing=bool(d["missing"]),
            max_width=int(d["max_width"]),
        )


def _counted(array: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return the different values, the most frequent first (then in order), and their counts."""
    array = plain(array).drop_null()
    kind = array.type
    counted = comparable(array).value_counts()
    table = pa.table({"value": counted.field("values"), "count": counted.field("counts")})
    table = table.sort_by([("count", "descending"), ("value", "ascending")])
    values = table["value"].combine_chunks()
    return (values.cast(kind) if values.type != kind else values), table["count"].combine_chunks().to_numpy()
