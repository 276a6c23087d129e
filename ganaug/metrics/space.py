"""The metric space that rows are compared in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from ganaug.encode import TableEncoder
from ganaug.encode.numeric import NumericColumn
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
    ranks: dict[str, tuple[np.ndarray, np.ndarray]]
    """Of every number that has an axis: the encoder's scores in the table fitted on, increasing, and the normal scores
    of their ranks."""

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
            ranks=_ranks(encoder, table),
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
        numbers = np.zeros(encoded.continuous.shape, dtype=np.float32)  # a missing value is in the middle
        for j, (name, ranks) in enumerate(self.ranks.items()):
            present = _present(table, name)
            numbers[present, j] = np.interp(encoded.continuous[present, j], *ranks)
        return np.concatenate([numbers, *(column[:, None] for column in missing), *hot], axis=1)


def _ranks(encoder: TableEncoder, table: pa.Table) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the distinct scores of every number, and the normal scores of the middles of their ranks."""
    names = [part.name for part in encoder.parts if isinstance(part, NumericColumn)]
    ranks = {}
    for name, scores in zip(names, encoder.encode(table).continuous.T, strict=True):
        distinct, counts = np.unique(scores[_present(table, name)], return_counts=True)
        ranks[name] = distinct, ndtri((np.cumsum(counts) - counts / 2) / counts.sum())
    return ranks


def _present(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].is_valid().combine_chunks(), dtype=bool)
