"""What one row of a table is: columns, kinds, target and classes, and the container that it came in.

`Labelled` is what every kind of row has in common, images too: the target and its classes.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from ganaug import containers
from ganaug.arrays import (
    ColumnKind,
    array_from_json,
    array_to_json,
    index_in,
    pc,
    plain,
    schema_from_json,
    schema_to_json,
    value_type,
)
from ganaug.errors import ArtefactError, DataError, SchemaError

__all__ = [
    "Column",
    "ColumnKind",
    "Labelled",
    "TableSchema",
    "check_columns",
    "close_to",
    "plain",
    "value_type",
    "without_row_metadata",
]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One feature column."""

    name: str
    kind: ColumnKind
    type: pa.DataType
    nullable: bool
    """Whether a value was missing in the rows that the schema was read from."""
    categories: pa.Array | None = None
    """The values that the type itself lists (a dictionary, a pandas categorical, a boolean), in its order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Rows with a target, or all of one class without it."""

    target: str | None
    target_categories: pa.Array | None = None
    """The values that the target's own type lists, in its order, also those that no row has."""
    classes: pa.Array | None
    """The labels, sorted, no null; None without a target."""

    @property
    def n_classes(self) -> int:
        """The number of classes; 1 without a target."""
        return 1 if self.classes is None else len(self.classes)

    def class_names(self) -> list[str]:
        """Return the text of every label, by code; ``["all rows"]`` without a target."""
        return ["all rows"] if self.classes is None else [str(v) for v in self.classes.to_pylist()]

    def label_codes(self, table: pa.Table) -> np.ndarray:
        """Return the class code of every row of ``table``.

        **Shape:** int64 ``(n,)``; all 0 without a target.

        Raises
        ------
        SchemaError
            if the target column is missing or holds a label that is not among the classes.
        """
        if self.target is None or self.classes is None:
            return np.zeros(table.num_rows, dtype=np.int64)
        if self.target not in table.column_names:
            raise SchemaError(f"the target column {self.target!r} is missing; the table has {table.column_names}")
        values = plain(table.column(self.target).combine_chunks())
        codes = index_in(values, self.classes)
        if codes.null_count:
            unknown = values.filter(pc.is_null(codes)).unique().to_pylist()
            raise SchemaError(f"{self.target!r} holds labels that are not among {self.class_names()}: {unknown}")
        return codes.to_numpy(zero_copy_only=False).astype(np.int64)

    def code_of(self, label: Any) -> int:
        """Return the code of one label, given as the value itself or as its text.

        Raises
        ------
        DataError
            if there is no such class, or no target.
        """
        if self.classes is None:
            raise DataError(f"without a target there is no class {label!r}; ask for rows without conditions")
        known = self.classes.to_pylist()
        value = label.item() if isinstance(label, np.generic) and not isinstance(label, np.datetime64) else label
        for code, candidate in enumerate(known):
            if candidate == value and isinstance(candidate, bool) == isinstance(value, bool):
                return code
        names = self.class_names()
        for texts in (names, [str(v) for v in known]):
            if str(value) in texts:
                return texts.index(str(value))
        hint = close_to(str(value), names)
        raise DataError(f"{label!r} is not a class of {self.target!r}; the classes are {names}{hint}")


@dataclass(frozen=True, kw_only=True, eq=False)
class TableSchema(Labelled):
    """Everything about a table but its rows; it goes to plain JSON and back.

    Two schemas are equal when their JSON is.
    """

    arrow: pa.Schema
    """The input's own Arrow schema, target included, in its own order, with its metadata."""
    columns: tuple[Column, ...]
    """The feature columns in input order: identifiers included, the target left out."""
    container: Literal["pandas", "arrow", "xy"]
    form: dict[str, Any] = field(repr=False)
    """How the container is put together again, in JSON (see `ganaug.containers`)."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableSchema) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    # ------------------------------------------------------------------------------------- what it says
    @property
    def feature_names(self) -> list[str]:
        """The columns that are learnt: neither the target nor an identifier."""
        return [c.name for c in self.columns if c.kind != "identifier"]

    @property
    def id_columns(self) -> list[str]:
        """The columns whose values name a row and say nothing about it."""
        return [c.name for c in self.columns if c.kind == "identifier"]

    def check(self, table: pa.Table) -> None:
        """Raise `SchemaError` unless ``table`` has this schema's columns and types in this order."""
        check_columns(table, self.arrow)

    # --------------------------------------------------------------------------------------- there and back
    def restore(self, table: pa.Table) -> Any:
        """Give rows of this schema the container that the input had, with its labels and dtypes.

        A DataFrame gets a default index: rows that were made up have no place in the input's own.
        """
        self.check(table)
        return containers.restore(table, self.form, self.target)

    @property
    def published(self) -> pa.Schema:
        """The Arrow schema of rows as they are written and given back; canonical rows may have other columns."""
        return self.arrow

    @property
    def label_names(self) -> list[str]:
        """The columns of `published` that hold labels."""
        return [] if self.target is None else [self.target]

    @property
    def factors(self) -> tuple[tuple[int, ...], ...] | None:
        """For every class, the code of its label in each of several label columns; None with one column, or none."""
        return None

    def publish(self, table: pa.Table) -> pa.Table:
        """Return canonical rows as they are written."""
        return table

    def unpublish(self, table: pa.Table) -> pa.Table:
        """Undo `publish`."""
        return table

    def without_rows(self) -> TableSchema:
        """Return the same schema without anything in its metadata that could tell about single rows."""
        return replace(self, arrow=without_row_metadata(self.arrow))

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object; `from_json` undoes it."""
        described = [
            {
                "name": c.name,
                "kind": c.kind,
                "type": str(c.type),
                "nullable": c.nullable,
                "categories": None if c.categories is None else array_to_json(c.categories),
            }
            for c in self.columns
        ]
        return {
            "arrow": schema_to_json(self.arrow),
            "columns": described,
            "target": self.target,
            "classes": None if self.classes is None else array_to_json(self.classes),
            "target_categories": None if self.target_categories is None else array_to_json(self.target_categories),
            "container": self.container,
            "form": self.form,
        }

    @classmethod
    def from_json(cls, d: dict[str, Any]) -> TableSchema:
        """Undo `to_json`; raises `ArtefactError` if something is missing or broken."""
        try:
            arrow = schema_from_json(d["arrow"])

            def values(stored: Any, name: str) -> pa.Array | None:
                return None if stored is None else array_from_json(stored, value_type(arrow.field(name).type))

            columns = [
                Column(
                    name=c["name"],
                    kind=c["kind"],
                    type=arrow.field(c["name"]).type,
                    nullable=c["nullable"],
                    categories=values(c["categories"], c["name"]),
                )
                for c in d["columns"]
            ]
            return cls(
                arrow=arrow,
                columns=tuple(columns),
                target=d["target"],
                classes=values(d["classes"], d["target"]),
                target_categories=values(d["target_categories"], d["target"]),
                container=d["container"],
                form=d["form"],
            )
        except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise ArtefactError(f"the schema is broken: {type(error).__name__}: {error}; fit and save again") from error


def without_row_metadata(arrow: pa.Schema) -> pa.Schema:
    """Return a schema of which the metadata tell about columns only."""
    metadata = {}
    pandas = arrow.pandas_metadata
    if pandas is not None:
        kept = {k: pandas[k] for k in ("columns", "column_indexes", "creator", "pandas_version") if k in pandas}
        metadata = {"pandas": json.dumps(kept | {"index_columns": [], "attributes": {}})}
    return pa.schema([pa.field(f.name, f.type, f.nullable) for f in arrow], metadata=metadata)


def close_to(name: str, known: Sequence[str] | Iterable[str]) -> str:
    """Return ``"; did you mean ...?"`` for the known names that look like ``name``, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def check_columns(table: pa.Table, arrow: pa.Schema) -> None:
    """Raise `SchemaError` unless ``table`` has the columns and types of ``arrow`` in its order."""
    expected, found = arrow.names, table.column_names
    if expected != found:
        missing, extra = [n for n in expected if n not in found], [n for n in found if n not in expected]
        parts = [f"missing: {missing}"] * bool(missing) + [f"unexpected: {extra}"] * bool(extra)
        what = "; ".join(parts) if parts else f"another order: {found} instead of {expected}"
        raise SchemaError(f"the table's columns are not the ones that were fitted on ({what})")
    differing = [
        f"{name!r} is {theirs} instead of {ours}"
        for name, ours, theirs in zip(expected, arrow.types, table.schema.types, strict=True)
        if value_type(ours) != value_type(theirs) or pa.types.is_dictionary(ours) != pa.types.is_dictionary(theirs)
    ]
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise SchemaError(f"the types are not the ones that were fitted on: {', '.join(differing[:3])}{more}")
