"""Columns whose values name a row, or are free text: nothing can be learnt from them."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pyarrow as pa

from ganaug.arrays import kind_of, pc, plain
from ganaug.errors import DataWarning

__all__ = ["detect", "warn_about"]

_MIN_ROWS = 20  # below it, different values in every row are no surprise
_NAMES = r"id|uuid|guid|pk|rowid|row_?(number|num|nr|no)|index|unnamed: ?\d+|__index_level_\d+__"
_NAMED = re.compile(rf"(^|[^a-z])({_NAMES})([^a-z]|$)")
_CAMEL = re.compile(r"[a-z](ID|Id|UUID|Uuid)$")
_TEXT_SHARE, _TEXT_WORDS, _TEXT_LENGTH = 0.5, 5.0, 60.0  # free text: mostly unique, and long
_ID_SHARE = 0.95  # this share of text values or of integers with a telling name must be unique


def detect(table: pa.Table, names: list[str]) -> dict[str, str]:
    """Return the columns among ``names`` that look like identifiers or free text, with the reason."""
    found = {}
    for name in names:
        array = table.column(name).combine_chunks()
        present = len(array) - array.null_count
        kind = kind_of(array.type)
        if present < _MIN_ROWS or kind not in ("integer", "category") or isinstance(array, pa.ExtensionArray):
            continue
        reason = _integer_reason(array, name) if kind == "integer" else _text_reason(plain(array))
        if reason is not None:
            found[name] = reason
    return found


def warn_about(found: dict[str, str]) -> None:
    """Warn that the columns of `detect` are treated as identifiers, and how to settle it."""
    listed = ", ".join(f"{name!r} ({reason})" for name, reason in found.items())
    warnings.warn(
        f"treated as identifiers, not learnt, fresh in synthetic rows: {listed}; "
        f"id_columns={list(found)!r} says so without this warning, id_columns=[] has them learnt",
        DataWarning,
        stacklevel=4,
    )


def _integer_reason(array: pa.Array, name: str) -> str | None:
    values = array.drop_null().to_numpy(zero_copy_only=False)
    n_unique = pc.count_distinct(array).as_py()
    telling = _NAMED.search(name.lower()) is not None or _CAMEL.search(name) is not None
    if telling and n_unique >= _ID_SHARE * len(values):
        return "its name, and nearly every value once"
    if len(values) == len(array) and values[0] in (0, 1) and bool((np.diff(values) == 1).all()):
        return "it numbers the rows"
    return None


def _text_reason(array: pa.Array) -> str | None:
    n_unique = pc.count_distinct(array).as_py()
    present = len(array) - array.null_count
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        binary = pa.types.is_binary(array.type) or pa.types.is_fixed_size_binary(array.type)
        return "nearly every value once" if binary and n_unique >= _ID_SHARE * present else None
    if n_unique >= _TEXT_SHARE * present:
        sample = array.drop_null()[:1000]
        words = pc.mean(pc.add(pc.count_substring(sample, " "), 1)).as_py()
        if words > _TEXT_WORDS or pc.mean(pc.utf8_length(sample)).as_py() > _TEXT_LENGTH:
            return "free text"
    return "nearly every value once" if n_unique >= _ID_SHARE * present else None
