"""pandas columns to Arrow arrays and back, with the very dtype."""

from __future__ import annotations

import datetime as dt
import decimal
import zoneinfo
from collections.abc import Hashable, Iterable
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from ganaug.errors import DataError

__all__ = ["dtype_to_json", "from_series", "labels_to_json", "names_of", "to_index", "to_series"]

_FAMILIES: tuple[tuple[str, tuple[type, ...]], ...] = (
    # A family holds the Python types that may stand together in one object column; order matters, since
    # bool is an int, and datetime is a date.
    ("bool", (bool, np.bool_)),
    ("number", (int, float, np.integer, np.floating)),
    ("str", (str,)),
    ("bytes", (bytes,)),
    ("Decimal", (decimal.Decimal,)),
    ("datetime", (dt.datetime, np.datetime64)),
    ("date", (dt.date,)),
    ("time", (dt.time,)),
    ("timedelta", (dt.timedelta, np.timedelta64)),
)


# --------------------------------------------------------------------------------------------- labels
def names_of(labels: Iterable[Hashable], *, what: str = "column") -> list[str]:
    """Return the Arrow name of every label (``str`` of it), or raise `DataError` where two are the same."""
    labels = list(labels)
    repeated = (
        sorted({str(x) for i, x in enumerate(labels) if x in labels[:i]}) if len(set(labels)) < len(labels) else []
    )
    if repeated:
        raise DataError(
            f"{what} names must differ, however these occur more than once: {repeated}; rename or drop them"
        )
    names = [str(label) for label in labels]
    if len(set(names)) < len(names):
        clash = sorted({n for n in names if names.count(n) > 1})
        raise DataError(f"{what} names must differ as text, however these occur more than once: {clash}; rename them")
    return names


def labels_to_json(index: pd.Index) -> dict[str, Any]:
    """Describe the labels of a frame's columns (or a Series' name in an index of one) in plain JSON."""
    names = [_label_to_json(n) for n in index.names]
    kind = "multi" if isinstance(index, pd.MultiIndex) else "range" if isinstance(index, pd.RangeIndex) else "plain"
    return {
        "kind": kind,
        "labels": [_label_to_json(x) for x in index],
        "names": names,
        "dtype": None if kind != "plain" or isinstance(index.dtype, pd.CategoricalDtype) else str(index.dtype),
    }


def to_index(labels: dict[str, Any]) -> pd.Index:
    """Undo `labels_to_json`."""
    values = [_label_from_json(x) for x in labels["labels"]]
    names = [_label_from_json(n) for n in labels["names"]]
    if labels["kind"] == "multi":
        return pd.MultiIndex.from_tuples(values, names=names)
    if labels["kind"] == "range" and values:
        step = values[1] - values[0] if len(values) > 1 else 1
        return pd.RangeIndex(values[0], values[-1] + step, step, name=names[0])
    return pd.Index(values, dtype=labels["dtype"], name=names[0], tupleize_cols=False)


def _label_to_json(label: Any) -> Any:
    if label is None or isinstance(label, str | bool):
        return label
    if isinstance(label, np.generic):
        return _label_to_json(label.item())
    if isinstance(label, float) and not np.isfinite(label):
        return {"float": str(label)}
    if isinstance(label, int | float):
        return label
    if isinstance(label, tuple):
        return {"tuple": [_label_to_json(x) for x in label]}
    if isinstance(label, dt.datetime):
        return {"timestamp": label.isoformat()}
    raise DataError(
        f"column names must be text, numbers, dates or tuples of them, however: {label!r}; rename the column"
    )


def _label_from_json(label: Any) -> Any:
    if isinstance(label, dict) and "float" in label:
        return float(label["float"])
    if isinstance(label, dict):
        return tuple(map(_label_from_json, label["tuple"])) if "tuple" in label else pd.Timestamp(label["timestamp"])
    return label


# ------------------------------------------------------------------------------------------- to Arrow
def from_series(series: pd.Series, name: str) -> tuple[pa.Array, dict[str, Any]]:
    """Turn one pandas column into an Arrow array of the same length and a JSON description of its dtype.

    Raises
    ------
    DataError
        if the column mixes types, or holds something that a cell of a table cannot hold.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.SparseDtype):
        array, inner = from_series(series.sparse.to_dense(), name)
        return array, {
            "kind": "sparse",
            "fill": _label_to_json(None if pd.isna(fill := dtype.fill_value) else fill),
            "inner": inner,
        }
    if isinstance(dtype, pd.CategoricalDtype):
        return _from_categorical(cast(pd.Categorical, series.array), name)
    if dtype.kind == "O" and isinstance(dtype, np.dtype):
        return _from_objects(series.to_numpy(), name)
    if isinstance(dtype, pd.IntervalDtype) or dtype.kind == "c":
        raise DataError(f"column {name!r} has dtype {dtype}, which a table cannot hold; split it into two columns")
    array = pa.array(series, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array, dtype_to_json(dtype)


def dtype_to_json(dtype: Any) -> dict[str, Any]:
    """Describe a dtype that is neither categorical nor sparse in plain JSON."""
    if isinstance(dtype, pd.ArrowDtype):
        return {"kind": "arrow"}
    if isinstance(dtype, pd.StringDtype):
        return {"kind": "string", "storage": dtype.storage, "na": "NA" if dtype.na_value is pd.NA else "nan"}
    if isinstance(dtype, pd.DatetimeTZDtype):
        library = "zoneinfo" if isinstance(dtype.tz, zoneinfo.ZoneInfo) else None
        return {"kind": "named", "name": str(dtype), "zoneinfo": library and str(dtype.tz)}
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return {"kind": "object", "missing": "none", "timestamps": False}
    return {"kind": "named", "name": str(dtype)}


def _from_categorical(values: pd.Categorical, name: str) -> tuple[pa.Array, dict[str, Any]]:
    categories: Any = values.categories
    described: dict[str, Any] = {"kind": "category"}
    if isinstance(categories, pd.IntervalIndex):
        subtype = cast(pd.IntervalDtype, categories.dtype).subtype
        if np.dtype(subtype).kind not in "iuf":
            raise DataError(f"column {name!r} has categories of dtype {categories.dtype}; turn them into text")
        described["intervals"] = {
            "left": categories.left.tolist(),
            "right": categories.right.tolist(),
            "closed": categories.closed,
            "dtype": str(subtype),
        }
        listed: pa.Array = pa.array([str(c) for c in categories], pa.string())
    else:
        listed, described["inner"] = from_series(pd.Series(categories), name)
    indices = pa.array(values.codes, mask=values.codes < 0)
    return pa.DictionaryArray.from_arrays(indices, listed, ordered=bool(values.ordered)), described


def _from_objects(values: np.ndarray, name: str) -> tuple[pa.Array, dict[str, Any]]:
    missing = np.asarray(pd.isna(values), dtype=bool)
    present = values[~missing]
    types = set(map(type, present))
    families = {_family(t) for t in types}
    if len(families) > 1 or None in families:
        found = ", ".join(
            f"{t.__name__} ({sum(type(v) is t for v in present)})" for t in sorted(types, key=lambda t: t.__name__)
        )
        raise DataError(
            f"column {name!r} must hold values of one type that a table can hold, however it holds: {found}; "
            f"convert it to one type first, for instance with df[{name!r}].astype(str)"
        )
    first = values[np.argmax(missing)] if missing.any() else None
    described = {
        "kind": "object",
        "missing": "nan"
        if isinstance(first, float)
        else "nat"
        if first is pd.NaT
        else "NA"
        if first is pd.NA
        else "none",
        "timestamps": types == {pd.Timestamp} or types == {pd.Timedelta},
    }
    if families == {"number"} and any(issubclass(t, float | np.floating) for t in types):
        numbers = np.full(len(values), np.nan)
        numbers[~missing] = present.astype(np.float64)
        return pa.array(numbers, mask=missing), described
    try:
        if described["timestamps"]:  # pyarrow would cut their nanoseconds off
            values = pd.Series(values, dtype=object).infer_objects().array
        return pa.array(values, mask=missing, from_pandas=True), described
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError) as error:
        raise DataError(f"column {name!r} cannot be read: {error}; convert it to a plainer type first") from error


def _family(python_type: type) -> str | None:
    return next((name for name, members in _FAMILIES if issubclass(python_type, members)), None)


# ----------------------------------------------------------------------------------------- from Arrow
def to_series(array: pa.Array, described: dict[str, Any]) -> pd.Series:
    """Undo `from_series`: a Series with a default index, no name and the dtype described."""
    kind = described["kind"]
    if kind == "arrow":
        return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))
    if kind == "category":
        return pd.Series(_to_categorical(array, described))
    if kind == "sparse":
        dense = to_series(array, described["inner"])
        return dense.astype(pd.SparseDtype(dense.dtype, np.nan if described["fill"] is None else described["fill"]))
    if kind == "object":
        return _to_objects(array, described)
    if kind == "string":
        dtype: Any = pd.StringDtype(described["storage"], na_value=pd.NA if described["na"] == "NA" else np.nan)
    elif described.get("zoneinfo"):
        unit = described["name"].split("[")[1].split(",")[0]
        dtype = pd.DatetimeTZDtype(unit, zoneinfo.ZoneInfo(described["zoneinfo"]))
    else:
        dtype = pd.api.types.pandas_dtype(described["name"])
    if hasattr(dtype, "__from_arrow__"):
        return pd.Series(dtype.__from_arrow__(pa.chunked_array([array])), dtype=dtype).copy()  # Arrow's is read-only
    values = array.to_numpy(zero_copy_only=False)
    if array.null_count and dtype.kind in "iub":
        return pd.Series(array.to_pandas())
    return pd.Series(values.astype(dtype, copy=False))


def _to_categorical(array: pa.Array, described: dict[str, Any]) -> pd.Categorical:
    if "intervals" in described:
        given = described["intervals"]
        dtype = np.dtype(given["dtype"])
        left, right = np.array(given["left"], dtype), np.array(given["right"], dtype)
        categories: pd.Index = pd.IntervalIndex.from_arrays(left, right, closed=given["closed"])
    else:
        categories = pd.Index(to_series(array.dictionary, described["inner"]))
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(codes, categories=categories, ordered=array.type.ordered)


def _to_objects(array: pa.Array, described: dict[str, Any]) -> pd.Series:
    if described["timestamps"]:
        values = np.array(pd.Series(array.to_pandas()).astype(object), dtype=object)
    else:
        values = np.empty(len(array), dtype=object)
        temporal = pa.types.is_timestamp(array.type) or pa.types.is_duration(array.type)
        if temporal or pa.types.is_integer(array.type):
            values[:] = array.to_pylist()
        else:
            values[:] = array.to_pandas().to_numpy(dtype=object)
    marks = {"nan": np.nan, "nat": pd.NaT, "NA": pd.NA, "none": None}
    if array.null_count:
        values[np.asarray(array.is_null())] = marks[described["missing"]]
    return pd.Series(values, dtype=object)
