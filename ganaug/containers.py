"""What users hold their rows in - DataFrame, Arrow table, (X, y) - to one Arrow table and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from ganaug.arrays import handy, pc, schema_from_json, schema_to_json
from ganaug.errors import DataError
from ganaug.frames import dtype_to_json, from_series, labels_to_json, names_of, to_index, to_series

__all__ = ["Unpacked", "from_arrow", "from_file", "from_frame", "from_labels", "from_xy", "restore", "to_labels"]

# An Arrow table, the JSON description (the "form") of the container that it came in, and the labels that the
# user knows its columns by.
Unpacked = tuple[pa.Table, dict[str, Any], list[Any]]


# ------------------------------------------------------------------------------------------------- in
def from_frame(frame: pd.DataFrame) -> Unpacked:
    """Turn a DataFrame into an Arrow table; its index is not a feature and is left out."""
    names = names_of(frame.columns)
    pairs = [from_series(frame.iloc[:, i], name) for i, name in enumerate(names)]
    form = {"kind": "frame", "labels": labels_to_json(frame.columns), "dtypes": [d for _, d in pairs]}
    arrays = [_without_nan(a) for a, _ in pairs]
    metadata = pa.Table.from_pandas(_plain(frame), preserve_index=False).schema.metadata
    schema = pa.schema([pa.field(n, a.type) for n, a in zip(names, arrays, strict=True)], metadata=metadata)
    return pa.Table.from_arrays(arrays, schema=schema), form, list(frame.columns)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return no row of ``frame``, in dtypes that pyarrow can describe in its pandas metadata."""
    empty = frame.iloc[:0].copy()
    empty.attrs = {}
    odd = [i for i, d in enumerate(frame.dtypes) if isinstance(d, pd.SparseDtype)]
    if not odd:
        return empty
    columns = [empty.iloc[:, i].sparse.to_dense() if i in odd else empty.iloc[:, i] for i in range(empty.shape[1])]
    plain = pd.concat(columns, axis=1)
    plain.columns = empty.columns
    return plain


def from_arrow(table: pa.Table) -> Unpacked:
    """Take an Arrow table as it is, with NaN as null and one chunk a column."""
    names_of(table.column_names)
    arrays = [handy(_one_chunk(column)) for column in table.columns]
    cleaned = [_without_nan(a) for a in arrays]
    nan = [n for n, a, c in zip(table.column_names, arrays, cleaned, strict=True) if a.null_count < c.null_count]
    fields = [
        field.with_type(c.type).with_nullable(field.nullable or field.name in nan)
        for field, c in zip(table.schema, cleaned, strict=True)
    ]
    schema = pa.schema(fields, metadata=table.schema.metadata)
    recast = pa.schema([f for f, c in zip(table.schema, cleaned, strict=True) if f.type != c.type])
    form = {"kind": "arrow", "nan": nan, "recast": schema_to_json(recast)}
    return pa.Table.from_arrays(cleaned, schema=schema), form, table.column_names


def from_file(table: pa.Table) -> Unpacked:
    """Take the table read from a file; it goes back to a DataFrame with the dtypes that pandas gives it."""
    names_of(table.column_names)
    pandas = table.schema.pandas_metadata or {}
    stored = [name for name in pandas.get("index_columns", []) if isinstance(name, str)]
    table = table.drop_columns([n for n in stored if n in table.column_names])
    if pandas:
        kept = [c for c in pandas["columns"] if c.get("field_name", c["name"]) not in stored]
        described = json.dumps(pandas | {"columns": kept, "index_columns": []})
        table = table.replace_schema_metadata((table.schema.metadata or {}) | {b"pandas": described.encode()})
    canonical, _, _ = from_arrow(table)
    empty = canonical.slice(0, 0).to_pandas()
    dtypes = []
    for column, dtype in zip(canonical.columns, empty.dtypes, strict=True):
        if column.null_count and isinstance(dtype, np.dtype) and dtype.kind in "iub":
            dtype = np.dtype(object if dtype.kind == "b" else np.float64)
        if isinstance(dtype, pd.CategoricalDtype):
            _, described = from_series(pd.Series(pd.Categorical([], dtype=dtype)), "")
        else:
            described = dtype_to_json(dtype)
        dtypes.append(described)
    form = {"kind": "frame", "labels": labels_to_json(empty.columns), "dtypes": dtypes}
    return canonical, form, canonical.column_names


def from_xy(X: Any, y: Any) -> tuple[pa.Table, dict[str, Any], list[Any], str | None]:
    """Join features and labels, each in a container of its own, to one table; the fourth item names the labels."""
    table, x_form, labels = _from_x(X)
    if y is None:
        return table, {"kind": "xy", "x": x_form, "y": None}, labels, None
    name, array, y_form = from_labels(y, table.num_rows)
    while name in table.column_names:
        name += "_"
    form = {"kind": "xy", "x": x_form, "y": y_form}
    return table.append_column(pa.field(name, array.type), array), form, [*labels, name], name


def from_labels(y: Any, n: int, *, name: str = "target") -> tuple[str, pa.Array, dict[str, Any]]:
    """Take the ``n`` labels out of ``y``: their name (``name`` if it has none), values and form."""
    series, form = _series_of(y)
    if len(series) != n:
        raise DataError(f"X and y must have as many rows as each other, however: {n} and {len(series)}")
    name = name if series.name is None else str(series.name)
    array, described = from_series(series, name)
    return name, _without_nan(array), form | {"dtype": described}


def _from_x(X: Any) -> Unpacked:
    if isinstance(X, pd.DataFrame):
        return from_frame(X)
    if isinstance(X, pa.Table):
        return from_arrow(X)
    if sparse.issparse(X):
        kind = {"kind": "sparse", "format": X.format, "array": isinstance(X, sparse.sparray)}
        matrix = X.toarray()
    else:
        kind = {"kind": "ndarray" if isinstance(X, np.ndarray) else "list"}
        matrix = _matrix_of(X)
    if matrix.ndim != 2:
        raise DataError(f"X must have two dimensions, rows and columns, however: {matrix.shape=}; reshape it")
    if matrix.shape[1] == 0:
        raise DataError(f"X has no columns, however at least one feature is needed: {matrix.shape=}")
    names = [f"x{i}" for i in range(matrix.shape[1])]
    text = matrix.dtype.kind if matrix.dtype.kind in "US" else ""
    pairs = [from_series(pd.Series(c, dtype=object if text else None), n) for c, n in zip(matrix.T, names, strict=True)]
    form = kind | {"dtype": "object" if text else str(matrix.dtype), "text": text, "dtypes": [d for _, d in pairs]}
    arrays = [_without_nan(a) for a, _ in pairs]
    return pa.table(dict(zip(names, arrays, strict=True))), form, names


def _matrix_of(X: Any) -> np.ndarray:
    if isinstance(X, np.ndarray):
        return X
    if not isinstance(X, list | tuple) and not hasattr(X, "__array__"):
        raise TypeError(f"X must be a DataFrame, an Arrow table, a matrix or rows, however: {type(X).__name__}")
    try:
        matrix = np.asarray(X)
        mixed = matrix.dtype.kind in "USO" and matrix.ndim == 2
        return np.array(X, dtype=object) if mixed else matrix
    except ValueError as error:
        raise DataError(f"the rows of X must have equal lengths; numpy says: {error}") from error


def _series_of(y: Any) -> tuple[pd.Series, dict[str, Any]]:
    if isinstance(y, pd.DataFrame):
        if y.shape[1] != 1:
            raise DataError(f"y must have one column of labels, however: {list(y.columns)}; pass the one to use")
        return y.iloc[:, 0], {"kind": "frame", "labels": labels_to_json(y.columns)}
    if isinstance(y, pd.Series):
        return y, {"kind": "series", "labels": labels_to_json(pd.Index([y.name], tupleize_cols=False))}
    if isinstance(y, pa.Array | pa.ChunkedArray):
        series = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([y]) if isinstance(y, pa.Array) else y))
        return series, {"kind": "arrow"}
    if not isinstance(y, list | tuple) and not hasattr(y, "__array__"):
        raise TypeError(f"y must be a Series, an array or a list of labels, however: {type(y).__name__}")
    values = np.asarray(y)
    mixed = values.dtype.kind in "USO"
    kind = {
        "kind": "ndarray" if hasattr(y, "__array__") else "list",
        "text": values.dtype.kind if values.dtype.kind in "US" else "",
    }
    if values.ndim == 2 and values.shape[1] == 1:
        return pd.Series(values[:, 0], dtype=object if mixed else None), kind | {"column": True}
    if values.ndim != 1:
        raise DataError(f"y must have one label a row, however: {values.shape=}")
    listed = pd.Series(list(y), dtype=object) if mixed else pd.Series(values)
    return listed, kind | {"column": False}


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if not isinstance(array, pa.DictionaryArray):
        return array
    listed = array.dictionary
    if listed.null_count or len(listed.unique()) < len(listed):
        kept = listed.drop_null().unique()
        indices = pc.index_in(listed, value_set=kept).take(array.indices).cast(array.type.index_type)
        array = pa.DictionaryArray.from_arrays(indices, kept, ordered=array.type.ordered)
    return array


def _without_nan(array: pa.Array) -> pa.Array:
    if not pa.types.is_floating(array.type):
        return array
    nan = pc.fill_null(pc.is_nan(array), False)
    if not pc.any(nan).as_py():
        return array
    return pc.if_else(nan, pa.scalar(None, array.type), array)


# ------------------------------------------------------------------------------------------------ out
def restore(table: pa.Table, form: dict[str, Any], target: str | None) -> Any:
    """Give ``table`` the container that ``form`` describes."""
    if form["kind"] == "frame":
        return _to_frame(table, form)
    if form["kind"] == "arrow":
        return _to_arrow(table, form)
    if target is None:
        return _to_x(table, form["x"]), None
    return _to_x(table.drop_columns([target]), form["x"]), to_labels(table.column(target), form["y"])


def _to_frame(table: pa.Table, form: dict[str, Any]) -> pd.DataFrame:
    series = [to_series(_one_chunk(c), d) for c, d in zip(table.columns, form["dtypes"], strict=True)]
    frame = pd.DataFrame(dict(enumerate(series)), index=pd.RangeIndex(table.num_rows))  # copies: Arrow's is read-only
    frame.columns = to_index(form["labels"])
    return frame


def _to_arrow(table: pa.Table, form: dict[str, Any]) -> pa.Table:
    for name in form["nan"]:
        field = table.schema.field(name)
        filled = pc.fill_null(table.column(name), pa.scalar(float("nan"), field.type))
        table = table.set_column(table.column_names.index(name), field, filled)
    for field in schema_from_json(form["recast"]):
        table = table.set_column(table.column_names.index(field.name), field, table.column(field.name).cast(field.type))
    return table


def _to_x(table: pa.Table, form: dict[str, Any]) -> Any:
    if form["kind"] == "frame":
        return _to_frame(table, form)
    if form["kind"] == "arrow":
        return _to_arrow(table, form)
    matrix = np.empty((table.num_rows, table.num_columns), dtype=np.dtype(form["dtype"]))
    for i, (column, described) in enumerate(zip(table.columns, form["dtypes"], strict=True)):
        matrix[:, i] = to_series(_one_chunk(column), described).to_numpy()
    if form["text"]:
        matrix = matrix.astype(form["text"])
    if form["kind"] == "list":
        return matrix.tolist()
    if form["kind"] == "sparse":
        return getattr(sparse, f"{form['format']}_{'array' if form['array'] else 'matrix'}")(matrix)
    return matrix


def to_labels(column: pa.ChunkedArray, form: dict[str, Any]) -> Any:
    """Give labels the container that ``from_labels`` took them out of."""
    array = _one_chunk(column)
    if form["kind"] == "arrow":
        return array
    series = to_series(array, form["dtype"]).copy()
    if form["kind"] == "frame":
        frame = series.to_frame()
        frame.columns = to_index(form["labels"])
        return frame
    if form["kind"] == "series":
        series.name = to_index(form["labels"])[0]
        return series
    values = series.to_numpy(copy=True)  # those of pandas 3 are read-only
    if form["kind"] == "list":
        return values.tolist()
    values = values.astype(form["text"]) if form["text"] else values
    return values[:, None] if form["column"] else values
