"""Tables -> matrices that scikit-learn's classifiers and imbalanced-learn's samplers take, and back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from ganaug.arrays import comparable, index_in, pc, plain, value_type
from ganaug.encode.axis import Axis
from ganaug.schema import TableSchema

__all__ = ["Block", "Preparation"]

FAR = 1e9
"""Standardised values are clipped here, so that one wild test value cannot overflow a classifier."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """The matrix columns [start, stop) that come from one table column."""

    name: str
    kind: Literal["number", "missing", "category"]
    """One standardised number; a flag, 1 where the number is missing; one column a category."""
    start: int
    stop: int
    centre: float = 0.0
    scale: float = 1.0
    usual: float | None = None
    """The value, in standardised units, that more than half of the rows have, if there is one."""
    fill: float = 0.0
    """A number's median, in standardised units: what a missing value becomes."""
    base: int = 0
    unit: int = 1
    """Whole numbers and times are counted from ``base`` in steps of ``unit``: nanoseconds do not fit into a float."""
    low: float = 0.0
    high: float = 0.0
    """The range seen, in such steps."""
    values: pa.Array | None = None
    """The categories with a column of their own, the most frequent first."""
    other: bool = False
    """Whether a column follows for all rarer categories, those never seen included."""
    missing: bool = False
    """Whether a last column follows for missing values."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """Fitted on the real rows of ONE training fold; turns any rows of the same schema into a float64 matrix.

    Numbers, dates and durations are standardised, missing ones become the median, and a flag column says so where
    the fold had any. Categories and booleans are one-hot: the ``max_width`` most frequent ones, one column for all
    rarer or unseen ones (where the fold had more than ``max_width``), one for missing values. Identifiers and columns
    that hold one value only are left out.
    """

    schema: TableSchema
    blocks: tuple[Block, ...]
    width: int
    """Matrix columns, at least 1 (a column of zeros where the table has nothing to learn from)."""
    fallback: dict[str, pa.Scalar | None] = field(default_factory=dict)
    """What `inverse` writes where the matrix says nothing: a value of the column, or None."""

    @classmethod
    def fit(cls, table: pa.Table, schema: TableSchema, *, max_width: int = 32) -> Preparation:
        """Fit on the training rows ``table``; its target column, if any, is not looked at."""
        if max_width < 1:
            raise ValueError(f"max_width must be at least 1, however: {max_width=}")
        blocks: list[Block] = []
        fallback: dict[str, pa.Scalar | None] = {}
        width = 0
        for column in schema.columns:
            if column.kind == "identifier":
                fallback[column.name] = None
                continue
            values = table.column(column.name).combine_chunks()
            fallback[column.name] = _most_frequent(values)
            if column.kind in ("category", "boolean"):
                found = _fit_category(column.name, values, max_width, width)
            else:
                found = _fit_number(column.name, values, width)
            blocks += found
            width = found[-1].stop if found else width
        return cls(schema=schema, blocks=tuple(blocks), width=max(width, 1), fallback=fallback)

    def transform(self, table: pa.Table) -> np.ndarray:
        """Return the matrix of the rows. **Shape**: n rows -> (n, width) float64, no NaN."""
        out = np.zeros((len(table), self.width))
        for block in self.blocks:
            column = table.column(block.name).combine_chunks()
            if block.kind == "number":
                z = (_counts(column, block) / block.scale - block.centre).clip(-FAR, FAR)
                out[:, block.start] = np.where(np.isnan(z), block.fill, z)
            elif block.kind == "missing":
                out[:, block.start] = np.isnan(_to_float(column))
            else:
                codes = _codes(block, column)
                rows = np.flatnonzero(codes >= 0)
                out[rows, block.start + codes[rows]] = 1.0
        return out

    def inverse(self, matrix: np.ndarray) -> pa.Table:
        """Return feature rows for a matrix, also one that a sampler made: the nearest rows that the types allow.

        Numbers are rounded to their type and kept in the range seen; of a category's columns the largest wins; the
        column of rare categories, an identifier or a constant becomes a value of the fold or null. Columns come in the
        schema's order, without the target; dictionaries come decoded (`assemble` puts the rest right).
        """
        flags = {b.name: matrix[:, b.start] > 0.5 for b in self.blocks if b.kind == "missing"}
        made = {
            b.name: _invert(
                b, matrix[:, b.start : b.stop], flags.get(b.name), value_type(self.schema.arrow.field(b.name).type)
            )
            for b in self.blocks
            if b.kind != "missing"
        }
        for column in self.schema.columns:
            if column.name not in made:
                value = self.fallback[column.name]
                kind = pa.null() if value is None else value.type
                made[column.name] = pa.nulls(len(matrix), kind) if value is None else pa.repeat(value, len(matrix))
        return pa.table({column.name: made[column.name] for column in self.schema.columns})

    def jitter(self, table: pa.Table, scale: float, rng: np.random.Generator, *, swap: float = 0.0) -> pa.Table:
        """Return rows of the schema with their numbers moved by normal noise, and some of their categories exchanged.

        Types and decimals are kept, null stays null, and a number that more than half of the fold's rows have (most
        often 0) stays, too.

        Args:
            table: (n) rows.
            scale: of the noise, in standard deviations of the fold's column. What would leave the range seen is
                reflected at its end.
            rng: of the noise.
            swap: probability that a category or boolean is exchanged for that of a random one of the rows.
        """
        matrix, n = self.transform(table), len(table)
        for block in self.blocks:
            i = table.schema.get_field_index(block.name)
            field, column = table.schema.field(i), table.column(i).combine_chunks()
            if block.kind == "number":
                values = matrix[:, block.start : block.stop]
                noise = scale * rng.standard_normal(values.shape)
                if block.usual is not None:
                    noise[np.isclose(values, block.usual)] = 0
                moved = _invert(
                    block, _reflected(values + noise, block), column.is_null().to_numpy(False), value_type(field.type)
                )
                if pa.types.is_floating(moved.type):
                    axis, _, _ = Axis.fit(column)
                    moved = axis.values(*axis.positions(moved), moved.type)
                table = table.set_column(i, field, moved)
            elif block.kind == "category":
                source = np.where(rng.random(n) < swap, rng.integers(max(n, 1), size=n), np.arange(n))
                table = table.set_column(i, field, column.take(pa.array(source)))
        return table

    @property
    def number_columns(self) -> np.ndarray:
        """Matrix columns that hold standardised numbers."""
        return np.array([b.start for b in self.blocks if b.kind == "number"], dtype=np.int64)

    def nominal(self, matrix: np.ndarray) -> np.ndarray:
        """Return one code column a categorical block or missing flag. **Shape**: (n, width) -> (n, blocks) float64.

        A row with no category (one that was never seen) gets a code of its own.
        """
        out = []
        for block in self._nominal_blocks():
            part = matrix[:, block.start : block.stop]
            if block.kind == "missing":
                out.append(np.round(part[:, 0]))
            else:
                out.append(np.where(part.any(axis=1), part.argmax(axis=1), part.shape[1]).astype(np.float64))
        return np.stack(out, axis=1) if out else np.empty((len(matrix), 0))

    def from_parts(self, numbers: np.ndarray, nominal: np.ndarray) -> np.ndarray:
        """Undo the cut into `number_columns` and `nominal`. **Shape**: (n, a), (n, b) -> (n, width)."""
        out = np.zeros((len(numbers), self.width))
        out[:, self.number_columns] = numbers
        rows = np.arange(len(numbers))
        for column, block in enumerate(self._nominal_blocks()):
            codes = np.round(nominal[:, column]).astype(np.int64)
            if block.kind == "missing":
                out[:, block.start] = codes
            else:
                known = codes < block.stop - block.start
                out[rows[known], block.start + codes[known]] = 1.0
        return out

    def _nominal_blocks(self) -> list[Block]:
        return [b for b in self.blocks if b.kind != "number"]


def _stored(column: pa.Array) -> pa.Array:
    """Return any number-like column as plain numbers: times in their own unit."""
    column = plain(column)
    if pa.types.is_date32(column.type) or pa.types.is_time32(column.type):
        return column.cast(pa.int32())
    return column.cast(pa.int64()) if pa.types.is_temporal(column.type) else column


def _to_float(column: pa.Array) -> np.ndarray:
    """Return any number-like column as float64, NaN for null."""
    return _stored(column).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _grid(column: pa.Array) -> tuple[int, int]:
    """Return the smallest whole number of a column, and the largest step that all its values lie on; else 0 and 1."""
    stored = _stored(column).drop_null()
    if not pa.types.is_integer(stored.type) or pa.types.is_uint64(stored.type) or len(stored) == 0:
        return 0, 1
    values = stored.to_numpy().astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if high - low >= 2**62:
        return 0, 1
    return low, max(int(np.gcd.reduce(values - low)), 1)


def _counts(column: pa.Array, block: Block) -> np.ndarray:
    """Return a column in steps of the block's grid, float64, NaN for null."""
    if (block.base, block.unit) == (0, 1):
        return _to_float(column)
    stored = _stored(column)
    null = stored.is_null().to_numpy(zero_copy_only=False)
    values = stored.fill_null(block.base).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(null, np.nan, (values - block.base).astype(np.float64) / block.unit)


def _most_frequent(column: pa.Array) -> pa.Scalar | None:
    if column.null_count * 2 > len(column) or len(column) == 0:
        return None
    values, counts = _counted(column)
    return values[int(np.argmax(counts))]


def _counted(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return the different values of a column, null left out, in their own order, and how often each is there."""
    found = pc.value_counts(comparable(plain(column)).drop_null())
    values, counts = found.field("values"), found.field("counts").to_numpy()
    order = pc.array_sort_indices(values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values)
    return values.take(order), counts[order.to_numpy()]


def _fit_number(name: str, column: pa.Array, start: int) -> list[Block]:
    base, unit = _grid(column)
    block = Block(name=name, kind="number", start=start, stop=start + 1, base=base, unit=unit)
    values = _counts(column, block)
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return []
    low, high = float(known.min()), float(known.max())
    # Divided first, then centred: the variance of values near 1e308 overflows otherwise.
    size = max(abs(low), abs(high)) or 1.0
    spread = float((known / size).std())
    blocks = []
    if low < high and spread > 0:
        scale = size * spread if size * spread > 0 else size
        centre = float((known / scale).mean())
        median = float(np.median(known))
        fill = float(np.median(known / scale)) - centre
        usual = fill if (known == median).mean() > 0.5 else None
        blocks.append(replace(block, centre=centre, scale=scale, usual=usual, fill=fill, low=low, high=high))
        start += 1
    if len(known) < len(values):
        blocks.append(Block(name=name, kind="missing", start=start, stop=start + 1))
    return blocks


def _fit_category(name: str, column: pa.Array, max_width: int, start: int) -> list[Block]:
    # Ties go by the value, so that the columns do not depend on the order of the rows.
    seen, often = _counted(column)
    order = np.argsort(-often, kind="stable")
    other, missing = len(seen) > max_width, column.null_count > 0
    width = min(len(seen), max_width) + other + missing
    if width < 2:
        return []
    values = seen.take(pa.array(order[:max_width]))
    return [
        Block(
            name=name, kind="category", start=start, stop=start + width,
            values=values, other=other, missing=missing,
        )
    ]  # fmt: skip


def _codes(block: Block, column: pa.Array) -> np.ndarray:
    """Return the column within the block of every row, -1 where it has none."""
    assert block.values is not None
    found = index_in(plain(column), block.values).fill_null(-1).to_numpy().astype(np.int64)
    if block.other:
        found[found < 0] = len(block.values)
    null = column.is_null().to_numpy(zero_copy_only=False)
    found[null] = block.stop - block.start - 1 if block.missing else -1
    return found


def _reflected(values: np.ndarray, block: Block) -> np.ndarray:
    """Return standardised numbers, those outside of the range seen reflected into it: clipped, they would pile up."""
    low, high = block.low / block.scale - block.centre, block.high / block.scale - block.centre
    return high - np.abs(high - low - np.abs(values - low))


def _invert(block: Block, part: np.ndarray, flag: np.ndarray | None, kind: pa.DataType) -> pa.Array:
    if block.kind == "category":
        assert block.values is not None
        code = part.argmax(axis=1)
        inner = len(block.values)
        null = (code >= inner + block.other) if block.missing else np.zeros(len(part), dtype=bool)
        # A rare category cannot be told from the others: the most frequent of those that have a column stands in.
        return block.values.take(pa.array(np.where(code < inner, code, 0), mask=null))
    values = ((part[:, 0] + block.centre) * block.scale).clip(block.low, block.high)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pa.array(values, mask=flag).cast(kind, safe=False)
    whole = pa.array(np.rint(values).astype(np.int64) * block.unit + block.base, mask=flag)
    narrow = pa.types.is_date32(kind) or pa.types.is_time32(kind)
    return whole.cast(pa.int32()).cast(kind) if narrow else whole.cast(kind, safe=False)
