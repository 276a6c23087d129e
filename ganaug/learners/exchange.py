"""Between the canonical table and the DataFrames that a user's own code takes and gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ganaug import containers
from ganaug.arrays import index_in, pc, plain, typed, value_type
from ganaug.data import to_pandas
from ganaug.errors import SchemaError
from ganaug.schema import Labelled, TableSchema

__all__ = ["assemble", "codes_of", "frame_of", "labels_of", "table_of", "with_codes"]


def labels_of(schema: Labelled) -> np.ndarray:
    """Return the labels by code, as the user's own code knows them. **Shape**: (k,)."""
    assert schema.classes is not None
    return np.array(schema.classes.to_pylist())


def frame_of(table: pa.Table, schema: TableSchema) -> pd.DataFrame:
    """Return the feature columns (identifiers included) as a DataFrame with the names and dtypes of the input."""
    if schema.container == "arrow":
        return to_pandas(table.drop_columns([schema.target] if schema.target is not None else []))
    restored = schema.restore(table)
    if schema.container == "pandas":
        kept = [i for i, name in enumerate(schema.published.names) if name not in schema.label_names]
        return restored.iloc[:, kept]
    features = restored[0]
    if isinstance(features, pd.DataFrame):
        return features
    if isinstance(features, pa.Table):
        return features.to_pandas()
    matrix = features.toarray() if hasattr(features, "toarray") else np.asarray(features)
    return pd.DataFrame(matrix, columns=[c.name for c in schema.columns])


def assemble(features: pa.Table, codes: np.ndarray, schema: TableSchema) -> pa.Table:
    """Put feature columns and class codes together to rows of the schema."""
    listed = {column.name: column.categories for column in schema.columns}
    columns = []
    for field in schema.arrow:
        if field.name == schema.target:
            assert schema.classes is not None
            columns.append(_typed(schema.classes.take(pa.array(codes)), field.type, schema.classes))
        else:
            columns.append(_typed(features.column(field.name).combine_chunks(), field.type, listed[field.name]))
    return pa.Table.from_arrays(columns, schema=schema.arrow)


def with_codes(rows: pa.Table, codes: np.ndarray, schema: Labelled) -> pa.Table:
    """Return ``rows`` under other classes. **Shape**: n rows, codes (n,)."""
    assert schema.classes is not None and schema.target is not None
    i = rows.schema.get_field_index(schema.target)
    field = rows.schema.field(i)
    return rows.set_column(i, field, _typed(schema.classes.take(pa.array(codes)), field.type, schema.classes))


def table_of(features: Any, labels: Any, schema: TableSchema) -> pa.Table:
    """Turn what a user's code returned, features and labels, into rows of the schema.

    Raises:
        SchemaError: when the columns, the types or a label are not those that it was given.
    """
    names = [c.name for c in schema.columns]
    frame = features if isinstance(features, pd.DataFrame) else pd.DataFrame(np.asarray(features))
    if frame.shape[1] != len(names):
        raise SchemaError(f"the augmenter returned {frame.shape[1]} feature columns instead of {len(names)}: {names}")
    if len(frame) != len(labels):
        raise SchemaError(f"the augmenter returned {len(frame)} rows and {len(labels)} labels")
    frame = frame.set_axis([str(c) for c in frame.columns], axis=1).reset_index(drop=True)
    frame = frame[names] if set(names) == set(frame.columns) else frame.set_axis(names, axis=1)
    table, _, _ = containers.from_frame(frame)
    codes = codes_of(labels, schema)
    try:
        return assemble(table, codes, schema)
    except pa.ArrowException as error:
        raise SchemaError(f"the augmenter returned values of other types than it was given: {error}") from error


def codes_of(labels: Any, schema: Labelled) -> np.ndarray:
    """Return the class codes of labels that a user's code returned. **Shape**: (n,).

    Raises:
        SchemaError: when one of them is no class.
    """
    assert schema.classes is not None
    try:
        listed = pa.array(pd.Series(np.asarray(labels)).tolist())
        codes = index_in(listed, schema.classes)
    except pa.ArrowException as error:
        raise SchemaError(f"the augmenter returned labels of another type than it was given: {error}") from error
    if codes.null_count:
        unknown = listed.filter(codes.is_null()).unique().to_pylist()
        raise SchemaError(f"the augmenter returned labels {unknown}; the classes are {schema.class_names()}")
    return codes.to_numpy(zero_copy_only=False)


def _typed(array: pa.Array, type_: pa.DataType, listed: pa.Array | None) -> pa.Array:
    """Cast to a column's own type; what does not fit into whole numbers is rounded."""
    array, inner = plain(array), value_type(type_)
    t = pa.types
    if array.type != inner:
        if t.is_floating(array.type) and not t.is_floating(inner) and not t.is_decimal(inner):
            array = pc.round(array).cast(pa.int64(), safe=False)
        if t.is_integer(array.type) and (t.is_date32(inner) or t.is_time32(inner)):
            array = array.cast(pa.int32())
        array = array.cast(inner, safe=False)
    return typed(array, type_, listed)
