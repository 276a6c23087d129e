"""Whatever a table comes in becomes one Arrow table and one schema, checked."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import pandas as pd
import pyarrow as pa

from ganaug import containers
from ganaug.arrays import kind_of, plain
from ganaug.data import identifiers, validate
from ganaug.data.files import notice_synthetic, read_file
from ganaug.errors import DataError
from ganaug.image_schema import ImageSchema
from ganaug.joint_schema import JointSchema, LabelColumn, join_labels
from ganaug.schema import Column, TableSchema
from ganaug.value_schema import ValueSchema

__all__ = ["TableData", "listed_by_type", "open_table", "read_table", "to_pandas"]

S = TypeVar("S", TableSchema, ImageSchema)


@dataclass(frozen=True, kw_only=True)
class TableData(Generic[S]):
    """A table in canonical form - one chunk a column, null for whatever is missing - and its schema."""

    table: pa.Table
    schema: S


def read_table(
    data: Any,
    *,
    target: Hashable | list[Hashable] = None,
    id_columns: Sequence[Hashable] | None = None,
    classes: Any = None,
    task: str = "classification",
    edges: Sequence[float] | None = None,
) -> TableData[TableSchema]:
    """Read, check and describe a table.

    Parameters
    ----------
    data
        A pandas DataFrame, a pyarrow Table, ``(X, y)`` (arrays, frames, series, lists, sparse matrices; ``y`` may
        be None), or the path or fsspec URL of CSV or Parquet: a file, a folder, hive partitions, a glob. The
        index of a DataFrame is no feature: it is left out, and synthetic rows get a default one. To keep a
        meaningful index, make it a column (``reset_index()``).
    target
        The label of the target column; None if the rows have no classes, or for ``(X, y)``. A list of several: the
        class of a row is its combination of labels (see `ganaug.joint_schema`).
    id_columns
        The columns that name a row and must not be learnt. None has them looked for, with a warning.
    classes
        The labels to use instead of those found; the table may then hold some of them only.
    task
        ``"classification"``: the target holds classes. ``"regression"``: numbers, of which ranges stand for classes
        (see `ganaug.value_schema`).
    edges
        The borders of these ranges; None: by how rare the values are.

    Raises
    ------
    DataError
        for everything that stands in the way, naming the column and what to do.

    Examples
    --------
    >>> import pandas as pd
    >>> read = read_table(pd.DataFrame({"age": [30, 41, 52], "ill": ["no", "no", "yes"]}), target="ill")
    >>> read.schema.class_names(), read.schema.feature_names
    (['no', 'yes'], ['age'])
    """
    table, form, labels, container, targets = _unpack(data, target)
    validate.check_table(table)
    numeric = validate.is_regression(task, targets)
    given, joint, found = table, None, None
    target_name = targets[0] if targets else None
    if len(targets) > 1:
        table, joint = join_labels(table, [_label_column(table, name) for name in targets], known=classes)
        target_name, found = joint.name, joint.classes
    elif target_name is not None and not numeric:
        found = validate.classes_of(table.column(target_name), target_name, known=classes)
    features = [name for name in table.column_names if name != target_name]
    if not features:
        raise DataError(f"{target_name!r} is the only column; give at least one feature beside the target")
    ids = _id_columns(given, features, id_columns, labels, targets)
    if len(ids) == len(features):
        raise DataError(f"nothing is left to learn from: all features are identifiers, {ids}; pass id_columns=[]")
    validate.warn_if_ordered(table, [name for name in features if name not in ids])
    columns = tuple(_column(table, name, identifier=name in ids) for name in features)
    schema = TableSchema(
        arrow=table.schema,
        columns=columns,
        target=target_name,
        classes=found,
        target_categories=None if target_name is None else listed_by_type(table.column(target_name)),
        container=container,
        form=form,
    )
    if joint is not None:
        schema = JointSchema.of(schema, given.schema, joint)
    elif numeric:
        schema = ValueSchema.of(schema, table, edges)
    return TableData(table=table, schema=schema)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a canonical table as a DataFrame with the same columns, in pandas' usual dtypes, and a default index.

    `TableSchema.restore` gives the input's own container, labels and dtypes instead.
    """
    return table.to_pandas(ignore_metadata=True)


def open_table(data: Any) -> tuple[pa.Table, dict[str, Any], str | None]:
    """Return rows that are to be changed and not learnt from, as `read_table` takes them, however few.

    The second item is the form of their container (see `ganaug.containers`), the third the column of ``y`` in (X, y).
    """
    table, form, _, _, names = _unpack(data, None)
    return table, form, names[0] if names else None


_Container = Literal["pandas", "arrow", "xy"]


def _unpack(data: Any, target: Any) -> tuple[pa.Table, dict[str, Any], list[Any], _Container, list[str]]:
    """Return the table, its form, the columns' labels, its container, and the names of the target columns."""
    container: _Container = "pandas"
    if isinstance(data, tuple):
        if len(data) != 2:
            raise DataError(f"a tuple must be (X, y), however it has {len(data)} items")
        if target is not None:
            raise DataError(f"(X, y) brings its labels in y; leave target=None, however: {target=}")
        table, form, labels, name = containers.from_xy(*data)
        return table, form, labels, "xy", [] if name is None else [name]
    if isinstance(data, pd.DataFrame):
        table, form, labels = containers.from_frame(data)
    elif isinstance(data, pa.Table):
        notice_synthetic(data, "the Arrow table")
        table, form, labels = containers.from_arrow(data)
        container = "arrow"
    elif isinstance(data, str | os.PathLike):
        table, form, labels = containers.from_file(read_file(data))
    else:
        raise TypeError(
            "data must be a pandas DataFrame, a pyarrow Table, a tuple (X, y), or a path or URL of CSV or Parquet, "
            f"however: {type(data).__module__}.{type(data).__name__}"
        )
    asked = target if isinstance(target, list) else [] if target is None else [target]
    names = [validate.resolve_name(label, labels, table.column_names, what="the target") for label in asked]
    if isinstance(target, list) and (not names or len(set(names)) < len(names)):
        raise DataError(f"target must name one column or several different ones, however: {target!r}")
    return table, form, labels, container, names


def _label_column(table: pa.Table, name: str) -> LabelColumn:
    column = table.column(name)
    return LabelColumn(name=name, values=validate.classes_of(column, name), categories=listed_by_type(column))


def _id_columns(
    table: pa.Table, features: list[str], given: Sequence[Hashable] | None, labels: list[Any], targets: list[str]
) -> list[str]:
    if given is None:
        found = identifiers.detect(table, features)
        if found:
            identifiers.warn_about(found)
        return list(found)
    if isinstance(given, str):
        raise DataError(f"id_columns must be a list of column names, however: {given!r}; write [{given!r}]")
    names = [validate.resolve_name(label, labels, table.column_names, what="the identifier column") for label in given]
    if both := [name for name in names if name in targets]:
        raise DataError(f"the target {both[0]!r} cannot be an identifier too; leave it out of id_columns")
    for name in names:
        if pa.types.is_boolean(table.schema.field(name).type):
            raise DataError(f"column {name!r} is boolean and cannot name a row; leave it out of id_columns, or drop it")
    return names


def _column(table: pa.Table, name: str, *, identifier: bool) -> Column:
    array = table.column(name)
    kind = kind_of(array.type)
    assert kind is not None, "check_table refuses such types"
    return Column(
        name=name,
        kind="identifier" if identifier else kind,
        type=array.type,
        nullable=array.null_count > 0,
        categories=listed_by_type(array),
    )


def listed_by_type(column: pa.ChunkedArray) -> pa.Array | None:
    """Return the values that the column's type lists."""
    if pa.types.is_dictionary(column.type):
        return plain(column.combine_chunks().dictionary)
    return pa.array([False, True]) if pa.types.is_boolean(column.type) else None
