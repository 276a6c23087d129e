"""Hashes of contents: of a whole table, to name it, and of every row, to find exact duplicates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa

from ganaug.arrays import pc, plain

__all__ = ["fingerprint", "row_hashes"]


def fingerprint(table: pa.Table) -> str:
    """Return the SHA-256 (hexadecimal) of a table's names, types and values, rows and columns in order.

    Chunks, metadata, the offset of a slice, the width of string offsets and the order of a dictionary do not
    count; NaN counts as missing and -0.0 as 0.0.

    >>> import pyarrow as pa
    >>> t = pa.table({"a": [1, None], "b": ["x", "y"]})
    >>> fingerprint(t) == fingerprint(pa.concat_tables([t.slice(0, 1), t.slice(1)]))
    True
    """
    digest = hashlib.sha256(f"{table.num_rows} {table.num_columns}".encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        if _is_wide(column) and not column.null_count:
            rows = _rows(column)
            digest.update(f"\n{len(name)} {name} {pa.large_binary()}\n".encode())
            digest.update(np.packbits(np.ones(len(rows), dtype=bool)).tobytes())
            digest.update(np.full(len(rows), rows.shape[1], dtype=np.int64).tobytes())
            digest.update(rows.data)
            continue
        array = _values(column)
        coded = " coded" if pa.types.is_dictionary(column.type) else ""
        digest.update(f"\n{len(name)} {name} {array.type}{coded}\n".encode())
        present = np.asarray(array.is_valid())
        digest.update(np.packbits(present).tobytes())
        if isinstance(array, pa.LargeBinaryArray):
            digest.update(_lengths(array).tobytes())
            buffer = array.buffers()[2]
            digest.update(b"" if buffer is None else memoryview(buffer))
        else:
            digest.update(np.ascontiguousarray(_bits(array, present)).tobytes())
    return digest.hexdigest()


def row_hashes(table: pa.Table, columns: Iterable[str] | None = None) -> np.ndarray:
    """Return one 64-bit hash a row over ``columns`` (all by default); equal rows have equal hashes.

    **Shape:** uint64 ``(n,)``. Columns are taken in the order given, under their own types: compare only
    hashes of tables of one schema.
    """
    names = table.column_names if columns is None else list(columns)
    combined = np.full(table.num_rows, 0x9E3779B97F4A7C15, dtype=np.uint64)
    for name in names:
        if _is_wide(table.column(name)):
            hashed = (hashlib.blake2b(row.data, digest_size=8).digest() for row in _rows(table.column(name)))
            cells = np.frombuffer(b"".join(hashed), dtype=np.uint64)
            combined = _combined(combined, cells, np.asarray(table.column(name).is_valid()))
            continue
        array = _values(table.column(name))
        present = np.asarray(array.is_valid())
        if isinstance(array, pa.LargeBinaryArray):
            encoded = array.dictionary_encode()
            hashed = pd.util.hash_array(np.asarray(encoded.dictionary.to_pylist(), dtype=object), categorize=False)
            indices = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
            cells = hashed[indices] if len(hashed) else np.zeros(len(array), dtype=np.uint64)
        else:
            bits = _bits(array, present)
            cells = bits[:, 0] if bits.shape[1] == 1 else _mixed(bits[:, 0]) ^ bits[:, 1]
        combined = _combined(combined, cells, present)
    return combined


def _combined(hashes: np.ndarray, cells: np.ndarray, present: np.ndarray) -> np.ndarray:
    cells = np.where(present, _mixed(cells), np.uint64(0xD1B54A32D192ED03))
    return _mixed(hashes * np.uint64(0xBF58476D1CE4E5B9) + cells)


def _is_wide(column: pa.ChunkedArray) -> bool:
    """Return whether a column holds bytes of one length, such as pixels, which may be too many to be copied."""
    return pa.types.is_fixed_size_binary(column.type) and column.type.byte_width > 0


def _rows(column: pa.ChunkedArray) -> np.ndarray:
    """Return the bytes of such a column, uint8 ``(n, width)``, in place where it has one chunk."""
    array, width = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks(), column.type.byte_width
    buffer = array.buffers()[1] if len(array) else b""
    offset = array.offset * width if len(array) else 0
    return np.frombuffer(buffer, np.uint8, count=len(array) * width, offset=offset).reshape(-1, width)


def _values(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return the values in one chunk from offset 0: text and bytes as large binary with nulls as b""."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    array = plain(array)
    t = pa.types
    if t.is_null(array.type):
        return array.cast(pa.int8())
    text = t.is_string(array.type) or t.is_large_string(array.type)
    if text or t.is_fixed_size_binary(array.type) or t.is_binary(array.type):
        array = array.cast(pa.large_binary())
    if t.is_large_binary(array.type):
        filled = pc.fill_null(array, b"")
        rebuilt = pa.concat_arrays([filled.slice(0, 0), filled])  # copies, so that the buffers hold these values only
        return _masked(rebuilt, array)
    return array


def _masked(filled: pa.Array, original: pa.Array) -> pa.Array:
    if not original.null_count:
        return filled
    _, offsets, data = filled.buffers()
    valid = pa.array(np.asarray(original.is_valid())).buffers()[1]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(filled), [valid, offsets, data])


def _lengths(array: pa.LargeBinaryArray) -> np.ndarray:
    return np.diff(np.frombuffer(array.buffers()[1], dtype=np.int64, count=len(array) + 1))


def _bits(array: pa.Array, present: np.ndarray) -> np.ndarray:
    """Return the values of a fixed-width array as uint64 ``(n, words)``, 0 where missing."""
    t = pa.types
    if t.is_decimal(array.type):
        width = array.type.byte_width
        words = np.frombuffer(array.buffers()[1], dtype=np.uint8).reshape(-1, width)
        words = words[array.offset : array.offset + len(array)]
        wide = np.ascontiguousarray(words).view(np.uint64 if width >= 8 else np.uint32).astype(np.uint64)
        return np.where(present[:, None], wide, np.uint64(0))
    if t.is_floating(array.type):
        numbers = array.to_numpy(zero_copy_only=False).astype(np.float64)
        numbers = np.where(present & ~np.isnan(numbers), numbers, 0.0) + 0.0
        return numbers.view(np.uint64)[:, None]
    if t.is_boolean(array.type):
        return np.asarray(array.fill_null(False)).astype(np.uint64)[:, None]
    width = pa.int32() if array.type.bit_width == 32 else pa.int64()
    integers = array if t.is_integer(array.type) else array.view(width)
    filled = integers.fill_null(0).to_numpy(zero_copy_only=False)
    return filled.astype(np.int64 if filled.dtype.kind == "i" else np.uint64).view(np.uint64)[:, None]


def _mixed(x: np.ndarray) -> np.ndarray:
    """Mix 64 bits (the finaliser of SplitMix64, Steele et al. 2014, Fig. 15)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
