"""Synthetic rows under real ones, in whatever container the real ones came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

__all__ = ["length", "stack"]


def stack(real: Any, made: Any, *, keep_index: bool = True) -> Any:
    """Return the rows of ``real``, unchanged, and those of ``made`` below them, as ``real``'s own kind.

    DataFrame, Series, Arrow table or array, NumPy array, sparse matrix, tensor, list, None, or a tuple of them. With
    ``keep_index`` a pandas index goes on: an integer one after its maximum, a text one with ``synthetic-0``, and any
    other with missing labels; without it, rows are numbered anew.

    >>> stack([[1, 2]], [[3, 4]])
    [[1, 2], [3, 4]]
    """
    if real is None:
        return None
    if isinstance(real, tuple):
        return tuple(stack(a, b, keep_index=keep_index) for a, b in zip(real, made, strict=True))
    if isinstance(real, pd.DataFrame | pd.Series):
        return _stack_pandas(real, made, keep_index)
    if isinstance(real, pa.Table):
        return pa.concat_tables([real, made.cast(real.schema) if made.schema != real.schema else made])
    if isinstance(real, pa.Array | pa.ChunkedArray):
        chunks = [c for a in (real, made) for c in (a.chunks if isinstance(a, pa.ChunkedArray) else [a])]
        whole = pa.chunked_array(chunks, real.type)
        return whole if isinstance(real, pa.ChunkedArray) else whole.combine_chunks()
    if sparse.issparse(real):
        return sparse.vstack([real, made], format=real.format, dtype=real.dtype)
    if isinstance(real, list):
        return [*real, *made]
    if type(real).__module__ == "torch":
        import torch  # whoever has a tensor has it loaded

        return torch.cat([real, made.to(real.device)])
    return np.concatenate([real, made])


def length(rows: Any) -> int:
    """Return how many rows a container holds.

    >>> length(([[1], [2]], ["a", "b"]))
    2
    """
    if isinstance(rows, tuple):
        return length(rows[0])
    return rows.shape[0] if hasattr(rows, "shape") else len(rows)


def _stack_pandas(real: Any, made: Any, keep_index: bool) -> Any:
    if not len(made):
        return real.copy() if keep_index else real.reset_index(drop=True)
    whole = pd.concat([real, made], ignore_index=True)
    whole.attrs = dict(real.attrs)
    if keep_index:
        whole.index = _longer(real.index, len(made))
    return whole


def _longer(index: Any, n: int) -> pd.Index:
    """Return ``index`` with ``n`` labels more that no row of it has."""
    if index.equals(pd.RangeIndex(len(index))):
        return pd.RangeIndex(len(index) + n, name=index.name)
    if isinstance(index, pd.MultiIndex):
        levels: Any = index.levels
        codes: Any = [np.concatenate([c, np.full(n, -1, dtype=c.dtype)]) for c in index.codes]
        return pd.MultiIndex(levels=levels, codes=codes, names=index.names)
    if pd.api.types.is_integer_dtype(index.dtype):
        first = int(index.max()) + 1
        more = pd.Index(np.arange(first, first + n), dtype=index.dtype)
    elif pd.api.types.is_string_dtype(index.dtype):
        more = pd.Index([f"synthetic-{i}" for i in range(n)], dtype=index.dtype)
    else:
        more = _missing_like(index, n)
    return index.append(more).set_names(index.names)


def _missing_like(index: pd.Index, n: int) -> pd.Index:
    """Return ``n`` missing labels of the type of ``index``."""
    return pd.Index(pd.Series(index).reindex(range(-n, 0)))
