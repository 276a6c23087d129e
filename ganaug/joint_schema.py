"""A table with several label columns: the class of a row is its combination of labels.

The canonical table holds one column of combinations, ``"yes & red"``, in place of the label columns, so that whatever
knows classes knows these. What is given back or written has the columns that came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug import containers
from ganaug.arrays import (
    array_from_json,
    array_to_json,
    index_in,
    plain,
    schema_from_json,
    schema_to_json,
    typed,
    value_type,
)
from ganaug.errors import ArtefactError, DataError, SchemaError
from ganaug.schema import TableSchema, check_columns, without_row_metadata

__all__ = ["JOINED", "KIND", "Joined", "JointSchema", "LabelColumn", "join_labels"]

KIND = "joint"
JOINED = " & "


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelColumn:
    """One of several label columns."""

    name: str
    values: pa.Array
    """Its labels, sorted, no null."""
    categories: pa.Array | None
    """The values that the column's type lists."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Joined:
    """What a column of combinations is made of."""

    name: str
    classes: pa.Array
    """Its texts, sorted."""
    labels: tuple[LabelColumn, ...]
    combinations: tuple[tuple[int, ...], ...]
    """For every class, the code of its label in each label column."""


@dataclass(frozen=True, kw_only=True, eq=False)
class JointSchema(TableSchema):
    """A `TableSchema` whose target is a column of combinations of several label columns."""

    given: pa.Schema
    """The schema of the rows as they came in, with all label columns."""
    labels: tuple[LabelColumn, ...]
    combinations: tuple[tuple[int, ...], ...]
    """For every class, which value of each label column it has: that column's own code."""

    @classmethod
    def of(cls, schema: TableSchema, given: pa.Schema, joined: Joined) -> JointSchema:
        """Return the schema of a table whose column ``schema.target`` holds combinations."""
        return cls(**vars(schema), given=given, labels=joined.labels, combinations=joined.combinations)

    @property
    def factors(self) -> tuple[tuple[int, ...], ...]:
        """For every class, the code of its label in each label column."""
        return self.combinations

    @property
    def published(self) -> pa.Schema:
        """The Arrow schema of rows as they are written."""
        return self.given

    @property
    def label_names(self) -> list[str]:
        """The columns of `published` that hold labels."""
        return [column.name for column in self.labels]

    def tuples(self) -> list[tuple[Any, ...]]:
        """Return the labels of every class, a tuple each."""
        values = [column.values.to_pylist() for column in self.labels]
        return [tuple(own[code] for own, code in zip(values, codes, strict=True)) for codes in self.combinations]

    def code_of(self, label: Any) -> int:
        """Return the code of a combination, given as a tuple of labels or as its text.

        Raises
        ------
        DataError
            No row has it.
        """
        if isinstance(label, tuple | list):
            known = self.tuples()
            wanted = tuple(v.item() if isinstance(v, np.generic) else v for v in label)
            for candidates, asked in (
                (known, wanted),
                ([tuple(map(str, one)) for one in known], tuple(map(str, wanted))),
            ):
                if asked in candidates:
                    return candidates.index(asked)
            raise DataError(
                f"{tuple(label)!r} is not a combination of {self.label_names} that a row has; there are {known}"
            )
        return super().code_of(label)

    # ------------------------------------------------------------------------------------- there and back
    def publish(self, table: pa.Table) -> pa.Table:
        """Return canonical rows with the label columns that came in."""
        codes = np.array(self.combinations, np.int64)[self.label_codes(table)].reshape(len(table), -1)
        columns = {column.name: codes[:, i] for i, column in enumerate(self.labels)}
        listed = {column.name: column for column in self.labels}
        arrays = [
            table.column(field.name)
            if field.name not in listed
            else typed(
                listed[field.name].values.take(pa.array(columns[field.name])),
                field.type,
                listed[field.name].categories,
            )
            for field in self.given
        ]
        return pa.Table.from_arrays(arrays, schema=self.given)

    def unpublish(self, table: pa.Table) -> pa.Table:
        """Undo `publish`.

        Raises
        ------
        SchemaError
            Columns are missing, or a row has a combination that is no class.
        """
        check_columns(table, self.given)
        codes = []
        for column in self.labels:
            found = index_in(plain(table.column(column.name).combine_chunks()), column.values)
            if found.null_count:
                raise SchemaError(f"{column.name!r} holds labels that are not among {column.values.to_pylist()}")
            codes.append(found.to_numpy(zero_copy_only=False).astype(np.int64))
        known = {combination: code for code, combination in enumerate(self.combinations)}
        rows = [known.get(tuple(row), -1) for row in np.stack(codes, axis=1).tolist()]
        if -1 in rows:
            raise SchemaError(f"a row has a combination of {self.label_names} that is not among {self.tuples()}")
        assert self.classes is not None and self.target is not None
        arrays = [
            self.classes.take(pa.array(rows, pa.int64())) if name == self.target else table.column(name)
            for name in self.arrow.names
        ]
        return pa.Table.from_arrays(arrays, schema=self.arrow)

    def restore(self, table: pa.Table) -> Any:
        """Give rows of this schema the container that the input had, with all its label columns."""
        self.check(table)
        return containers.restore(self.publish(table), self.form, None)

    def without_rows(self) -> JointSchema:
        """Return the same schema without anything in its metadata that could tell about single rows."""
        return replace(self, arrow=without_row_metadata(self.arrow), given=without_row_metadata(self.given))

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object; `from_json` undoes it."""
        labels = [
            {
                "name": column.name,
                "values": array_to_json(column.values),
                "categories": None if column.categories is None else array_to_json(column.categories),
            }
            for column in self.labels
        ]
        return {
            **super().to_json(),
            "kind": KIND,
            "given": schema_to_json(self.given),
            "labels": labels,
            "combinations": [list(codes) for codes in self.combinations],
        }

    @classmethod
    def from_json(cls, d: dict[str, Any]) -> JointSchema:
        """Undo `to_json`; raises `ArtefactError` if something is missing or broken."""
        base = TableSchema.from_json(d)
        try:
            given = schema_from_json(d["given"])

            def column(stored: dict[str, Any]) -> LabelColumn:
                type_ = value_type(given.field(stored["name"]).type)
                listed = stored["categories"]
                return LabelColumn(
                    name=stored["name"],
                    values=array_from_json(stored["values"], type_),
                    categories=None if listed is None else array_from_json(listed, type_),
                )

            labels = tuple(column(stored) for stored in d["labels"])
            combinations = tuple(tuple(int(code) for code in codes) for codes in d["combinations"])
            sizes = [len(column.values) for column in labels]
            if len(combinations) != base.n_classes or any(
                len(codes) != len(sizes) or any(not 0 <= c < size for c, size in zip(codes, sizes, strict=True))
                for codes in combinations
            ):
                raise ValueError("the combinations do not belong to the classes and labels")
        except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise ArtefactError(f"the schema is broken: {type(error).__name__}: {error}; fit and save again") from error
        return cls(**vars(base), given=given, labels=labels, combinations=combinations)


def join_labels(
    table: pa.Table, columns: Sequence[LabelColumn], *, known: Sequence[str] | None = None
) -> tuple[pa.Table, Joined]:
    """Return the canonical table, with a column of combinations as its last in place of the label columns.

    Raises
    ------
    DataError
        Different combinations have one text, or one is not among the ``known``.
    """
    codes = [index_in(plain(table.column(c.name).combine_chunks()), c.values) for c in columns]
    matrix = np.stack([found.to_numpy(zero_copy_only=False) for found in codes], axis=1).astype(np.int64)
    found, row_of = np.unique(matrix, axis=0, return_inverse=True)
    values = [[str(value) for value in c.values.to_pylist()] for c in columns]
    texts = [JOINED.join(own[code] for own, code in zip(values, row, strict=True)) for row in found.tolist()]
    names = [c.name for c in columns]
    if len(set(texts)) < len(texts):
        raise DataError(f"labels of {names} hold {JOINED!r}, so that combinations look alike; rename these labels")
    if beyond := [text for text in texts if known is not None and text not in known]:
        raise DataError(f"{names} hold combinations that are not among the classes {list(known or ())}: {beyond}")
    order = sorted(range(len(texts)), key=texts.__getitem__)
    name = JOINED.join(names)
    while name in table.column_names:
        name += "_"
    classes = pa.array([texts[i] for i in order], pa.string())
    rank = np.argsort(order)[np.ravel(row_of)]
    kept = table.drop_columns(names)
    joined = kept.append_column(pa.field(name, pa.string()), classes.take(pa.array(rank)))
    combinations = tuple(tuple(found[i].tolist()) for i in order)
    return joined, Joined(name=name, classes=classes, labels=tuple(columns), combinations=combinations)
