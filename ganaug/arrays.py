"""Arrow arrays: what kind of column a type makes, the values behind dictionaries and extensions, JSON and back."""

from __future__ import annotations

import base64
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute

__all__ = [
    "ColumnKind",
    "array_from_json",
    "array_to_json",
    "comparable",
    "handy",
    "index_in",
    "kind_of",
    "pc",
    "plain",
    "schema_from_json",
    "schema_to_json",
    "typed",
    "value_type",
]

pc: Any = pyarrow.compute
"""Arrow's functions on arrays; they are made at import time, where no type checker sees them."""

ColumnKind = Literal["number", "integer", "boolean", "category", "datetime", "duration", "identifier"]


def value_type(type_: pa.DataType) -> pa.DataType:
    """Return the type of the values themselves: of a dictionary's values, of an extension's storage."""
    if isinstance(type_, pa.BaseExtensionType):
        return value_type(type_.storage_type)
    return value_type(type_.value_type) if pa.types.is_dictionary(type_) else type_


def plain(array: pa.Array) -> pa.Array:
    """Return the values themselves: decoded from a dictionary, out of an extension."""
    if isinstance(array, pa.ExtensionArray):
        return plain(array.storage)
    return plain(array.dictionary_decode()) if isinstance(array, pa.DictionaryArray) else array


def kind_of(type_: pa.DataType) -> ColumnKind | None:
    """Return the kind of column that a type makes, or None if no cell of a table can be of that type."""
    t = pa.types
    if isinstance(type_, pa.BaseExtensionType):
        inner = kind_of(type_.storage_type)
        return "datetime" if type_.extension_name == "pandas.period" else inner
    if t.is_dictionary(type_):
        return "category" if kind_of(type_.value_type) is not None else None
    if t.is_boolean(type_):
        return "boolean"
    if t.is_integer(type_):
        return "integer"
    if t.is_floating(type_) or t.is_decimal(type_):
        return "number"
    if t.is_timestamp(type_) or t.is_date(type_):
        return "datetime"
    if t.is_time(type_) or t.is_duration(type_):
        return "duration"
    text = t.is_string(type_) or t.is_large_string(type_)
    binary = t.is_binary(type_) or t.is_large_binary(type_) or t.is_fixed_size_binary(type_)
    return "category" if text or binary or t.is_null(type_) else None


def array_to_json(array: pa.Array) -> Any:
    """Return a list of plain values where JSON has them, else the array as Arrow IPC in base64."""
    t = pa.types
    text = t.is_string(array.type) or t.is_large_string(array.type)
    readable = text or t.is_integer(array.type) or t.is_boolean(array.type)
    if readable or (t.is_float64(array.type) and bool(np.isfinite(array.to_numpy(zero_copy_only=False)).all())):
        return array.to_pylist()
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([array], names=["values"])
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return {"ipc": base64.b64encode(sink.getvalue().to_pybytes()).decode()}


def schema_to_json(schema: pa.Schema) -> str:
    """Return an Arrow schema, metadata included, as Arrow IPC in base64."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def schema_from_json(text: str) -> pa.Schema:
    """Undo `schema_to_json`."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


def array_from_json(values: Any, type_: pa.DataType) -> pa.Array:
    """Undo `array_to_json` of an array of ``type_``."""
    if isinstance(values, list):
        return pa.array(values, type_)
    reader = pa.ipc.open_stream(pa.py_buffer(base64.b64decode(values["ipc"])))
    return reader.read_next_batch().column(0)


def comparable(array: pa.Array) -> pa.Array:
    """Return ``array`` in the nearest type whose values Arrow can look up, count and sort."""
    return array.cast(pa.float32()) if pa.types.is_float16(array.type) else array


def handy(array: pa.Array) -> pa.Array:
    """Return ``array`` in the nearest type that Arrow can take rows of: no views, no narrow decimals."""
    t, kind = pa.types, array.type
    if t.is_string_view(kind):
        return array.cast(pa.large_string())
    if t.is_binary_view(kind):
        return array.cast(pa.large_binary())
    if t.is_decimal(kind) and kind.bit_width < 128:
        return array.cast(pa.decimal128(kind.precision, kind.scale))
    return array


def index_in(values: pa.Array, listed: pa.Array) -> pa.Array:
    """Return where each value stands in ``listed``, null where it does not; nulls are never found.

    Raises
    ------
    pyarrow.ArrowInvalid
        if the values cannot be of the listed ones' type.
    """
    wanted = comparable(listed)
    return pc.index_in(comparable(values).cast(wanted.type), value_set=wanted)


def typed(values: pa.Array, type_: pa.DataType, listed: pa.Array | None) -> pa.Array:
    """Return plain ``values`` as ``type_``: coded by what it lists where it is a dictionary."""
    if pa.types.is_dictionary(type_):
        listed = values.unique().drop_null() if listed is None else listed
        indices = index_in(values, listed).cast(type_.index_type)
        return pa.DictionaryArray.from_arrays(indices, typed(listed, type_.value_type, None), ordered=type_.ordered)
    return pa.ExtensionArray.from_storage(type_, values) if isinstance(type_, pa.BaseExtensionType) else values
