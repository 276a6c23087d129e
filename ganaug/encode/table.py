"""A table as numbers that a network can work on, and back: fitted on training rows, then applied to any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.arrays import array_from_json, array_to_json, plain, typed, value_type
from ganaug.encode.categorical import CategoryColumn
from ganaug.encode.numeric import PRIVATE_ROWS, NumericColumn
from ganaug.encode.target import ValueTarget
from ganaug.encode.unlearnt import ConstantColumn, IdentifierColumn, constant_of
from ganaug.errors import ArtefactError, DataError
from ganaug.schema import Column, TableSchema
from ganaug.value_schema import ValueSchema

__all__ = ["Encoded", "Layout", "TableEncoder"]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Rows as numbers.

    **Shape:** ``continuous`` float64 ``(n, C)``, ``codes`` int32 ``(n, K)``.
    """

    continuous: np.ndarray
    codes: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, indices: np.ndarray) -> Encoded:
        """Return the rows at ``indices`` (integers, a slice or a mask)."""
        return Encoded(self.continuous[indices], self.codes[indices])


@dataclass(frozen=True)
class Layout:
    """What a network needs to know about `Encoded`."""

    n_continuous: int
    widths: tuple[int, ...]
    """How many buckets each code column has (see `TableEncoder.bucket`), at least 1."""
    code_of_continuous: tuple[int, ...]
    """Which code column holds the state of each continuous one: 0 means that its value counts."""
    valued: bool = False
    """Whether rows are asked for by a value of a numeric target, float ``(M, B)``, and not by a class code."""
    factors: tuple[tuple[int, ...], ...] | None = None
    """For every class, the code of its label in each of several label columns; None where there is one, or none."""

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object; `from_json` undoes it."""
        widths, codes = list(self.widths), list(self.code_of_continuous)
        conditions: dict[str, Any] = {"valued": True} if self.valued else {}
        if self.factors is not None:
            conditions["factors"] = [list(codes) for codes in self.factors]
        return {"n_continuous": self.n_continuous, "widths": widths, "code_of_continuous": codes, **conditions}

    @classmethod
    def from_json(cls, d: dict[str, Any]) -> Layout:
        """Undo `to_json`."""
        factors = d.get("factors")
        return cls(
            int(d["n_continuous"]),
            tuple(d["widths"]),
            tuple(d["code_of_continuous"]),
            valued=bool(d.get("valued", False)),
            factors=None if factors is None else tuple(tuple(int(c) for c in codes) for codes in factors),
        )


Part = NumericColumn | CategoryColumn | ConstantColumn | IdentifierColumn


class TableEncoder:
    """The fitted encoding of a table's feature columns.

    Every number-like column (integers, floats, decimals, dates, times, durations) becomes one continuous dimension
    and one code; every column of categories or truth values one code. Identifiers, constants and columns without any
    value become nothing and are made up again by `decode`. The target is not encoded.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.data import read_table
    >>> read = read_table(pd.DataFrame({"age": [30, 41, None], "sex": ["f", "m", "f"]}))
    >>> encoder = TableEncoder.fit(read.table, read.schema)
    >>> encoded = encoder.encode(read.table)
    >>> encoded.continuous.shape, encoded.codes.shape, encoder.layout.widths
    ((3, 1), (3, 2), (4, 2))
    >>> encoder.decode(encoded, None).equals(read.table)
    True
    """

    block = 4096
    """Rows that the networks always run on at once, so that no bit depends on how many rows are asked for at a time."""
    chunk = 65_536
    """Rows that are handed on together, where nobody says how many."""

    def __init__(
        self, schema: TableSchema, parts: Sequence[Part], *, private: bool, target: ValueTarget | None = None
    ) -> None:
        self.schema = schema
        self.parts = tuple(parts)
        self.private = private
        self.target = target
        """Of a numeric target; None of classes."""
        self._coded = [p for p in self.parts if isinstance(p, NumericColumn | CategoryColumn)]
        of_continuous = tuple(j for j, p in enumerate(self._coded) if isinstance(p, NumericColumn))
        widths = tuple(p.n_states if isinstance(p, NumericColumn) else p.width for p in self._coded)
        self.layout = Layout(
            len(of_continuous), widths, of_continuous, valued=target is not None, factors=schema.factors
        )

    @classmethod
    def fit(
        cls, table: pa.Table, schema: TableSchema, *, max_knots: int = 1000, max_width: int = 64, private: bool = False
    ) -> TableEncoder:
        """Fit to the rows of ``table``.

        Parameters
        ----------
        table
            Canonical rows of ``schema`` (see `ganaug.data.read_table`).
        max_knots
            The most quantiles kept of a number-like column; fewer different values are kept exactly.
        max_width
            The most categories that a network sees one by one, beside the missing one.
        private
            Keep nothing that belongs to fewer than ten rows: at most min(256, n / 10) quantiles a column with the
            extremes clipped, no category seen under ten times unless the type lists it, no largest identifier, and
            a schema without the input's metadata.

        Raises
        ------
        DataError
            if ``private`` and there are too few rows to hide in.
        """
        if private and table.num_rows < 3 * PRIVATE_ROWS:
            raise DataError(
                f"an artefact that keeps no training row needs at least {3 * PRIVATE_ROWS} rows to hide them in, "
                f"however there are {table.num_rows}; use a variant that keeps rows, such as 'anchored'"
            )
        schema = schema.without_rows() if private else schema
        options = {"max_knots": max_knots, "max_width": max_width, "private": private}
        parts = [_fit_part(c, table.column(c.name).combine_chunks(), **options) for c in schema.columns]
        target = None
        if isinstance(schema, ValueSchema):
            column = table.column(schema.target).combine_chunks()
            target = ValueTarget.fit(column, schema.edges, private=private)
        return cls(schema, parts, private=private, target=target)

    # ---------------------------------------------------------------------------------------- there and back
    def encode(self, table: pa.Table) -> Encoded:
        """Return the rows of ``table`` as numbers; a category never seen is no error (see `CategoryColumn.encode`)."""
        continuous = np.empty((table.num_rows, self.layout.n_continuous))
        codes = np.empty((table.num_rows, len(self._coded)), dtype=np.int32)
        i = 0
        for j, part in enumerate(self._coded):
            array = table.column(part.name).combine_chunks()
            if isinstance(part, NumericColumn):
                continuous[:, i], codes[:, j] = part.encode(array)
                i += 1
            else:
                codes[:, j] = part.encode(array)
        return Encoded(continuous, codes)

    def decode(self, encoded: Encoded, labels: np.ndarray | None, *, first_row: int = 0) -> pa.Table:
        """Return rows of the schema, target included.

        Parameters
        ----------
        encoded
            ``n`` rows; codes as `encode` gives them, not buckets.
        labels
            The class code of every row, or the value of a numeric target, ``(n,)``; None only without a target.
        first_row
            How many synthetic rows came before these: identifiers go on from there.
        """
        if not np.isfinite(encoded.continuous).all():
            raise ValueError(
                "the continuous columns must be finite, however some are NaN or infinite: the generator has diverged"
            )
        arrays: dict[str, pa.Array] = {}
        i = j = 0
        for part in self.parts:
            if isinstance(part, NumericColumn):
                arrays[part.name] = part.decode(encoded.continuous[:, i], encoded.codes[:, j])
                i, j = i + 1, j + 1
            elif isinstance(part, CategoryColumn):
                arrays[part.name] = part.decode(encoded.codes[:, j])
                j += 1
            else:
                n = len(encoded)
                arrays[part.name] = part.decode(n, first_row) if isinstance(part, IdentifierColumn) else part.decode(n)
        if self.schema.target is not None:
            if labels is None:
                raise ValueError(f"rows with the target {self.schema.target!r} need labels, however: {labels=}")
            arrays[self.schema.target] = self._decode_labels(labels)
        return pa.Table.from_arrays([arrays[name] for name in self.schema.arrow.names], schema=self.schema.arrow)

    def _decode_labels(self, labels: np.ndarray) -> pa.Array:
        assert self.schema.target is not None
        type_ = self.schema.arrow.field(self.schema.target).type
        if self.target is not None:
            return typed(self.target.typed(labels, value_type(type_)), type_, None)
        assert self.schema.classes is not None
        return typed(self.schema.classes.take(pa.array(labels)), type_, self.schema.target_categories)

    @property
    def coded(self) -> tuple[str, ...]:
        """The columns that are learnt, in the order of the code columns."""
        return tuple(part.name for part in self._coded)

    @property
    def n_values(self) -> tuple[int, ...]:
        """How many buckets of each code column are values; a further one says that there is none."""
        states = (p.n_states if isinstance(p, NumericColumn) else p.width for p in self._coded)
        return tuple(n - part.missing for n, part in zip(states, self._coded, strict=True))

    # ---------------------------------------------------------------------------------------------- buckets
    def bucket(self, codes: np.ndarray) -> np.ndarray:
        """Return codes as a network sees them: below ``layout.widths``, rare categories together.

        **Shape:** int32 ``(n, K)`` -> int32 ``(n, K)``.
        """
        pairs = zip(self._coded, codes.T, strict=True)
        columns = [c if isinstance(p, NumericColumn) else p.bucket(c) for p, c in pairs]
        return np.stack(columns, axis=1).astype(np.int32) if columns else codes.astype(np.int32)

    def unbucket(self, buckets: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
        """Undo `bucket`, drawing by frequency where categories share a bucket.

        **Shape:** integer ``(n, K)``, float in [0, 1) ``(n, K)`` -> int32 ``(n, K)``.
        """
        codes = buckets.astype(np.int32)
        for j, part in enumerate(self._coded):
            if isinstance(part, CategoryColumn) and len(part.categories) > part.max_width:
                codes[:, j] = part.unbucket(buckets[:, j], uniforms[:, j])
        return codes

    # ------------------------------------------------------------------------------------------------ state
    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return everything but the schema as JSON and arrays; `from_state` undoes it."""
        described, arrays = [], {}
        for i, part in enumerate(self.parts):
            if isinstance(part, NumericColumn | CategoryColumn):
                entry, held = part.state()
                arrays |= {f"{i}.{key}": value for key, value in held.items()}
            elif isinstance(part, ConstantColumn):
                entry = {"kind": "constant", "value": array_to_json(plain(part.value))}
            else:
                entry = {"kind": "identifier", "start": part.start}
            described.append({"name": part.name} | entry)
        state: dict[str, Any] = {"private": self.private, "columns": described}
        if self.target is not None:
            state["target"], held = self.target.state()
            arrays |= {f"target.{key}": value for key, value in held.items()}
        return state, arrays

    @classmethod
    def from_state(cls, d: dict[str, Any], arrays: dict[str, np.ndarray], schema: TableSchema) -> TableEncoder:
        """Undo `state`; raises `ArtefactError` if something is missing or belongs to another schema."""
        try:
            if [c["name"] for c in d["columns"]] != [c.name for c in schema.columns]:
                raise ArtefactError("the encoder and the schema have different columns; fit and save again")
            parts = []
            for i, (column, entry) in enumerate(zip(schema.columns, d["columns"], strict=True)):
                held = {key.split(".", 1)[1]: value for key, value in arrays.items() if key.startswith(f"{i}.")}
                parts.append(_part_from_state(column, entry, held))
            target = None
            if isinstance(schema, ValueSchema):
                held = {key.split(".", 1)[1]: value for key, value in arrays.items() if key.startswith("target.")}
                target = ValueTarget.from_state(d["target"], held)
            return cls(schema, parts, private=bool(d["private"]), target=target)
        except (KeyError, TypeError, pa.ArrowException) as error:
            raise ArtefactError(
                f"the encoder is broken: {type(error).__name__}: {error}; fit and save again"
            ) from error


def _fit_part(column: Column, array: pa.Array, *, max_knots: int, max_width: int, private: bool) -> Part:
    if column.kind == "identifier":
        return IdentifierColumn.fit(column.name, array, private=private)
    if column.kind in ("category", "boolean"):
        part = CategoryColumn.fit(column.name, array, column.categories, max_width=max_width, private=private)
    else:
        part = NumericColumn.fit(column.name, array, max_knots=max_knots, private=private)
    return part if part is not None else ConstantColumn(name=column.name, value=constant_of(array, private=private))


def _part_from_state(column: Column, d: dict[str, Any], arrays: dict[str, np.ndarray]) -> Part:
    if d["kind"] == "numeric":
        return NumericColumn.from_state(column.name, column.type, d, arrays)
    if d["kind"] == "category":
        return CategoryColumn.from_state(column.name, column.type, d, arrays)
    if d["kind"] == "identifier":
        return IdentifierColumn(name=column.name, type=column.type, start=int(d["start"]))
    values = array_from_json(d["value"], value_type(column.type))
    return ConstantColumn(name=column.name, value=typed(values, column.type, column.categories))
