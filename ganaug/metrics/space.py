"""The metric space that rows are compared in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ganaug.encode import TableEncoder
from ganaug.metrics.columns import is_number
from ganaug.schema import TableSchema

__all__ = ["MetricSpace"]

MAX_DIMENSIONS = 2048


@dataclass(frozen=True, kw_only=True)
class MetricSpace:
    """Puts rows where distances mean something, by what a table of real rows looks like.

    A number-like column is one axis, in normal scores of its ranks in the table that was fitted on, so that
    heavy tails and units do not matter. A category is one-hot, scaled so that one mismatch is distance 1, and a
    number that may be missing has one more axis, with distance 1 between missing and present. Identifiers and
    the target are no part of it.
    """

    encoder: TableEncoder
    nullable: tuple[str, ...]
    categories: tuple[int, ...]

    @classmethod
    def fit(cls, table: pa.Table, schema: TableSchema) -> MetricSpace:
        """Learn the space from ``table``, of the columns of ``schema``."""
        n_categories = sum(column.kind in ("category", "boolean") for column in schema.columns)
        width = int(np.clip(MAX_DIMENSIONS // max(1, n_categories), 4, 64))
        encoder = TableEncoder.fit(table, schema, max_width=width)
        numbers = [c.name for c in schema.columns if is_number(c)]
        states = set(encoder.layout.code_of_continuous)
        return cls(
            encoder=encoder,
            nullable=tuple(name for name in numbers if 0 < table[name].null_count < len(table)),
            categories=tuple(k for k in range(len(encoder.layout.widths)) if k not in states),
        )

    def points(self, table: pa.Table) -> np.ndarray:
        """Return the rows of ``table`` as points, float32 (n, d)."""
        encoded = self.encoder.encode(table)
        codes = self.encoder.bucket(encoded.codes)
        missing = [np.asarray(table[name].is_null().combine_chunks(), dtype=np.float32) for name in self.nullable]
        hot = [
            (codes[:, k, None] == np.arange(self.encoder.layout.widths[k])).astype(np.float32) / np.float32(np.sqrt(2))
            for k in self.categories
        ]
        columns = [encoded.continuous.astype(np.float32), *(column[:, None] for column in missing), *hot]
        return np.concatenate(columns, axis=1)
