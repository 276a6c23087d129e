"""What a table must be before anything is learnt from it; every complaint names the place and the way out."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.arrays import comparable, index_in, kind_of, pc, plain
from ganaug.errors import ConfigError, DataError, DataWarning
from ganaug.schema import close_to

__all__ = ["TASKS", "check_table", "classes_of", "is_regression", "require_labels", "resolve_name", "warn_if_ordered"]

_MIN_ROWS = 2
_MIN_ROWS_TO_SUSPECT = 20
MANY_NUMBERS, ROWS_A_NUMBER = 50, 10
"""More different whole numbers than this, with fewer rows each on the mean, may be no classes."""
TASKS = ("classification", "regression")


def check_table(table: pa.Table) -> None:
    """Raise `DataError` for a table without rows or columns, with types that no cell can hold, or with infinities."""
    if table.num_columns == 0:
        raise DataError("the table has no columns; give at least one feature")
    if table.num_rows == 0:
        raise DataError(f"the table has {table.num_columns} columns and no rows; give at least {_MIN_ROWS} rows")
    if table.num_rows < _MIN_ROWS:
        raise DataError(f"the table has {table.num_rows} row, at least {_MIN_ROWS} are needed to learn from")
    odd = [f"{f.name!r} ({f.type})" for f in table.schema if kind_of(f.type) is None]
    if odd:
        raise DataError(f"cells must hold one plain value each, however: {', '.join(odd)}; flatten or drop them")
    infinite = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        if pa.types.is_floating(field.type):
            values = column.combine_chunks().to_numpy(zero_copy_only=False)
            if count := int(np.isinf(values).sum()):
                infinite[field.name] = count
    if infinite:
        found = ", ".join(f"{name!r} ({count})" for name, count in infinite.items())
        raise DataError(
            f"numbers must be finite, however there are infinities in {found}; replace them or set them missing"
        )


def resolve_name(label: Hashable, labels: Sequence[Any], names: Sequence[str], *, what: str) -> str:
    """Return the Arrow name of the column that the user calls ``label``.

    Raises
    ------
    DataError
        if there is none; the message lists the names that look like it.
    """
    for known, name in zip(labels, names, strict=True):
        if known == label and isinstance(known, str) == isinstance(label, str):
            return name
    if str(label) in names:
        return str(label)
    hint = close_to(str(label), names)
    shown = list(names) if len(names) <= 20 else [*names[:20], f"... {len(names) - 20} more"]
    raise DataError(f"{what} {label!r} is not among the columns {shown}{hint}")


def classes_of(column: pa.ChunkedArray, name: str, *, known: Any = None) -> pa.Array:
    """Return the sorted labels of a target column.

    ``known`` are the labels of another table that this one must not go beyond; they are then returned instead.

    Raises
    ------
    DataError
        for missing labels (with their count), one class only, or a target that looks continuous.
    """
    values = plain(column.combine_chunks())
    require_labels(values.null_count, len(values), name)
    unique = comparable(values).unique().cast(values.type)
    if known is not None:
        listed = (known if isinstance(known, pa.Array) else pa.array(known)).cast(values.type)
        beyond = unique.filter(pc.is_null(index_in(unique, listed))).to_pylist()
        if beyond:
            raise DataError(
                f"the target {name!r} holds labels that are not among the classes {listed.to_pylist()}: {beyond}"
            )
        return listed
    if len(unique) < 2:
        raise DataError(
            f"the target {name!r} has one class only, {unique[0].as_py()!r}, at least two are needed; "
            "leave the target out to augment all rows as one class"
        )
    _refuse_continuous(unique, len(values), name)
    return unique.take(pc.sort_indices(comparable(unique)))


def require_labels(missing: int, n_rows: int, name: str) -> None:
    """Raise `DataError` where ``missing`` of ``n_rows`` labels of the target ``name`` are not there."""
    if missing:
        raise DataError(
            f"the target {name!r} must have a label in every row, however {missing} of {n_rows} are missing; "
            "drop these rows or give them a label"
        )


def _refuse_continuous(unique: pa.Array, n_rows: int, name: str) -> None:
    fractional = False
    if pa.types.is_floating(unique.type):
        numbers = unique.to_numpy(zero_copy_only=False)
        fractional = bool((numbers != np.round(numbers)).any())
    many = len(unique) > max(20, n_rows // 2)
    if (fractional and len(unique) > 10) or many:
        raise DataError(
            f"the target {name!r} looks continuous: {len(unique)} different values in {n_rows} rows; "
            "bin it into classes, pass task='regression' to balance the ranges of a number, or leave the target out to "
            "augment all rows as one class"
        )
    numeric = pa.types.is_floating(unique.type) or pa.types.is_integer(unique.type)
    if numeric and len(unique) > MANY_NUMBERS and len(unique) * ROWS_A_NUMBER > n_rows:
        warnings.warn(
            f"the target {name!r} holds {len(unique)} different numbers in {n_rows} rows, each of which is taken for a "
            "class; pass task='regression' if it is a quantity",
            DataWarning,
            stacklevel=4,
        )


def is_regression(task: str, targets: Sequence[str]) -> bool:
    """Tell whether the target is a number to be predicted, and not a class.

    Raises
    ------
    ConfigError
        ``task`` is unknown, or there is not one target to predict.
    """
    if task not in TASKS:
        raise ConfigError(f"task must be one of {', '.join(TASKS)}, however: {task!r}")
    if task == "regression" and len(targets) != 1:
        raise ConfigError(
            f"task='regression' needs one target, a column of numbers, however there are {len(targets)}: {targets}"
        )
    return task == "regression"


def warn_if_ordered(table: pa.Table, names: Sequence[str]) -> None:
    """Warn when rows come in the order of a date: neighbours in time then leak between training and test."""
    if table.num_rows < _MIN_ROWS_TO_SUSPECT:
        return
    for name in names:
        array = plain(table.column(name).combine_chunks())
        if not (pa.types.is_timestamp(array.type) or pa.types.is_date(array.type)) or array.null_count:
            continue
        width = pa.int32() if pa.types.is_date32(array.type) else pa.int64()
        steps = np.sign(np.diff(array.cast(width).to_numpy().astype(np.float64)))
        if (steps >= 0).all() != (steps <= 0).all() and np.count_nonzero(steps) > 2:
            warnings.warn(
                f"the rows are in the order of {name!r}: if they belong to a time series, random test rows leak the "
                "future; pass groups= (for instance the month) or a cv= that splits by time",
                DataWarning,
                stacklevel=4,
            )
            return
