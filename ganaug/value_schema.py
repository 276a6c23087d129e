"""A table whose target is a number: its ranges stand for classes wherever rows are counted, split or balanced."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.arrays import plain
from ganaug.errors import ArtefactError, ConfigError, DataError, SchemaError
from ganaug.schema import TableSchema
from ganaug.strata import borders, strata

__all__ = ["KIND", "ValueSchema", "asked_ranges", "check_values"]

KIND = "value"


@dataclass(frozen=True, kw_only=True, eq=False)
class ValueSchema(TableSchema):
    """A `TableSchema` with a numeric target. The class code of a row is the range that its target lies in."""

    edges: tuple[float, ...]
    """The borders of the ranges, increasing: range k is ``[edges[k], edges[k + 1])``, the last one closed."""

    @classmethod
    def of(cls, schema: TableSchema, table: pa.Table, edges: Sequence[float] | None = None) -> ValueSchema:
        """Return the schema of a table whose target is a number; ``edges`` None: ranges by how rare values are."""
        assert schema.target is not None
        values = check_values(table.column(schema.target), schema.target)
        found = borders(values) if edges is None else tuple(edges)
        return cls(**vars(replace(schema, classes=None, target_categories=None)), edges=found)

    @property
    def n_classes(self) -> int:
        """The number of ranges."""
        return len(self.edges) - 1

    @property
    def ranges(self) -> list[tuple[float, float]]:
        """The ranges' borders, from the lowest up."""
        return list(itertools.pairwise(self.edges))

    def class_names(self) -> list[str]:
        """Return the ranges as text: ``"[20, 40)"``, the last one ``"[40, 60]"``."""
        texts = [f"[{low:.10g}, {high:.10g})" for low, high in self.ranges]
        return [*texts[:-1], texts[-1][:-1] + "]"]

    def values_of(self, table: pa.Table) -> np.ndarray:
        """Return the target of every row, float64 ``(n,)``.

        Raises
        ------
        SchemaError
            The target column is missing.
        """
        if self.target not in table.column_names:
            raise SchemaError(f"the target column {self.target!r} is missing; the table has {table.column_names}")
        return _numbers(table.column(self.target))

    def label_codes(self, table: pa.Table) -> np.ndarray:
        """Return the range that the target of every row lies in, int64 ``(n,)``; beyond the ends, the outermost."""
        return strata(self.values_of(table), self.edges)

    def code_of(self, label: Any) -> int:
        """Return the code of a range, given as its name or as its two borders.

        Raises
        ------
        DataError
            There is no such range.
        """
        names = self.class_names()
        if isinstance(label, str) and label in names:
            return names.index(label)
        if isinstance(label, tuple | list) and len(label) == 2:
            cut = (max(label[0], self.edges[0]), min(label[1], self.edges[-1]))
            if cut in self.ranges:
                return self.ranges.index(cut)
        raise DataError(f"{label!r} is not a range of {self.target!r}; the ranges are {names}")

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object; `from_json` undoes it."""
        return {**super().to_json(), "kind": KIND, "edges": list(self.edges)}

    @classmethod
    def from_json(cls, d: dict[str, Any]) -> ValueSchema:
        """Undo `to_json`; raises `ArtefactError` if something is missing or broken."""
        plain_schema = TableSchema.from_json(d)
        try:
            edges = tuple(float(edge) for edge in d["edges"])
            if len(edges) < 3 or not all(a < b for a, b in itertools.pairwise(edges)):
                raise ValueError(f"edges do not increase: {edges}")
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"the schema is broken: {type(error).__name__}: {error}; fit and save again") from error
        return cls(**vars(plain_schema), edges=edges)


def check_values(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """Return the values of a numeric target, float64 ``(n,)``.

    Raises
    ------
    DataError
        They are no numbers, some are missing, or all are equal.
    """
    type_ = column.type
    if not (pa.types.is_integer(type_) or pa.types.is_floating(type_)):
        raise DataError(
            f"task='regression' needs a target of integers or floats, however {name!r} is {type_}; convert it to a "
            "number (a date, say, to days), or leave task='classification' for classes"
        )
    if column.null_count:
        raise DataError(
            f"the target {name!r} must have a value in every row, however {column.null_count} of {len(column)} are "
            "missing; drop these rows or give them a value"
        )
    values = _numbers(column)
    if values.min() == values.max():
        raise DataError(f"the target {name!r} is {values[0]:g} in every row; leave the target out, or give another")
    return values


def asked_ranges(strategy: Any, low: float, high: float) -> tuple[float, ...]:
    """Return the borders that a ``sampling_strategy`` of ranges makes between ``low`` and ``high``.

    Raises
    ------
    ConfigError
        A key is no pair of increasing numbers, a range holds no row or all of them, or two ranges overlap.
    """
    pairs = []
    for key in strategy:
        if not isinstance(key, tuple | list) or len(key) != 2 or not float(key[0]) < float(key[1]):
            raise ConfigError(
                f"with a numeric target, sampling_strategy wants ranges (low, high) -> rows, however: {key!r}"
            )
        pairs.append((max(low, float(key[0])), min(high, float(key[1]))))
        if not pairs[-1][0] < pairs[-1][1]:
            raise ConfigError(f"the range {tuple(key)} holds no row: the target is from {low:g} to {high:g}")
        if pairs[-1] == (low, high):
            raise ConfigError(
                f"the range {tuple(key)} holds every row, so that nothing is rare in it; give a part of {low:g} to "
                f"{high:g}, or a number of rows without task='regression' and target"
            )
    pairs.sort()
    for before, after in itertools.pairwise(pairs):
        if before[1] > after[0]:
            raise ConfigError(f"the ranges {before} and {after} of sampling_strategy overlap; give ranges apart")
    return tuple(sorted({low, high, *(edge for pair in pairs for edge in pair)}))


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    return plain(column.combine_chunks()).to_numpy(zero_copy_only=False).astype(np.float64)
