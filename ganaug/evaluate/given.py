"""What a caller gives - rows, a test set, groups - to one table and what the plan has to know about its rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.arrays import plain, typed, value_type
from ganaug.data import TableData, read_table, row_hashes
from ganaug.data.images import read_images
from ganaug.data.read import is_images, read
from ganaug.errors import DataError, SchemaError
from ganaug.evaluate.plan import Rows
from ganaug.image_options import ImageOptions
from ganaug.image_schema import ImageSchema
from ganaug.pixels import table_of
from ganaug.schema import TableSchema

__all__ = ["read_given"]


def read_given(
    data: Any,
    *,
    target: Any,
    id_columns: Any,
    groups: Any,
    test_data: Any,
    images: ImageOptions | None = None,
    task: str = "classification",
) -> tuple[TableData, pa.Table, Rows]:
    """Return the rows given, all rows (those of a test set at the end), and what the plan has to know about them.

    Rows that were read already (`TableData`) are taken as they are.

    Raises:
        DataError: the rows cannot be used, or there is not one group a row.
        SchemaError: the test set has other columns.
    """
    if isinstance(data, TableData):
        rows = data
        if isinstance(groups, str):
            raise DataError(f"groups of rows that were read already must be one value a row, however: {groups!r}")
    elif isinstance(groups, str):
        rows, groups = _with_group_column(data, target, id_columns, groups, task)
    else:
        reading = {} if images is None or images == ImageOptions() else images.reading()
        rows = read(data, target=target, id_columns=id_columns, task=task, **reading)
    if images is not None and not isinstance(rows.schema, ImageSchema):
        images.refuse_tables()
    table, n_given = rows.table, 0
    if test_data is not None:
        schema: TableSchema | ImageSchema = rows.schema
        if isinstance(schema, ImageSchema):
            test = _read_images(test_data, schema)
        else:
            test = _read_test(test_data, target, schema)
        table = pa.concat_tables([table, test]).combine_chunks()
        n_given = len(test)
    info = Rows(
        codes=rows.schema.label_codes(table),
        hashes=row_hashes(table, rows.schema.feature_names),
        class_names=rows.schema.class_names(),
        groups=None if groups is None else _group_ids(groups, len(rows.table), n_given),
        n_given_test=n_given,
    )
    return rows, table, info


def _with_group_column(data: Any, target: Any, id_columns: Any, name: str, task: str) -> tuple[TableData, np.ndarray]:
    """Read rows of which a column says the group; it is no feature then."""
    if is_images(data):
        raise DataError(f"groups of images must be one value an image, however: {name!r}; give the column's values")
    found = read_table(data, target=target, id_columns=id_columns, task=task)
    if name not in found.table.column_names or name == found.schema.target:
        raise DataError(f"groups must name a feature column, however: {name!r} of {found.table.column_names}")
    ids = list(dict.fromkeys([*found.schema.id_columns, name]))
    rows = found if name in found.schema.id_columns else read_table(data, target=target, id_columns=ids, task=task)
    return rows, np.array([str(v) for v in rows.table.column(name).to_pylist()])


def _read_test(test_data: Any, target: Any, schema: TableSchema) -> pa.Table:
    """Read a test set with the columns and the types of the training rows."""
    labels = None if schema.classes is None else schema.classes.to_pylist()
    given = None if isinstance(test_data, tuple) else target
    found = read_table(test_data, target=given, id_columns=schema.id_columns, classes=labels).table
    if set(found.column_names) != set(schema.arrow.names):
        schema.check(found)
    listed = {column.name: column.categories for column in schema.columns}
    try:
        columns = [
            typed(plain(found.column(f.name).combine_chunks()).cast(value_type(f.type)), f.type, listed.get(f.name))
            for f in schema.arrow
        ]
    except pa.ArrowException as error:
        raise SchemaError(f"the test set's types are not those of the training rows: {error}") from error
    return pa.Table.from_arrays(columns, schema=schema.arrow)


def _read_images(test_data: Any, schema: ImageSchema) -> pa.Table:
    """Read test images with the size, the channels and the classes of the training images."""
    size, labels = (schema.height, schema.width), None if schema.classes is None else schema.classes.to_pylist()
    target = None if isinstance(test_data, tuple) else schema.target
    if not is_images(test_data):
        raise SchemaError("test_data must be images with labels, as the data are; these are no images")
    found = read_images(test_data, target=target, classes=labels, size=size, channels=schema.channels)
    if schema.target is not None and found.schema.target is None:
        raise SchemaError("test_data must be images with labels, as the data are; these have none")
    return table_of(found.schema.pixels(found.table), found.schema.label_codes(found.table), schema)


def _group_ids(groups: Any, n_rows: int, n_given: int) -> np.ndarray:
    ids = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
    if len(ids) != n_rows:
        raise DataError(f"groups must have one value a row ({n_rows}), however: {len(ids)}")
    # A test set of its own has no groups: its rows are never training rows.
    return np.concatenate([ids, np.arange(n_given) + n_rows])
