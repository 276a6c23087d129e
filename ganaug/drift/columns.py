"""One column in counts: between its deciles, or of its frequent values; and images as a few columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.arrays import plain, value_type
from ganaug.image_schema import ImageSchema
from ganaug.metrics.columns import NUMBER_KINDS, numbers

__all__ = ["counts_now", "describe_column", "image_numbers"]

BINS = 10
FEWEST = 10
"""Rows a value must have to be named, and a bin of numbers to be made."""
MAX_VALUES = 30
CHANNELS = {1: (), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "alpha")}
BATCH = 1024
"""Images looked at at once."""


def describe_column(name: str, kind: str, type_: pa.DataType, values: pa.ChunkedArray) -> dict[str, Any]:
    """Return the column's counts; the last one is of missing values.

    Numbers have ``edges``, of which bin i is ``(edges[i - 1], edges[i]]``, and a ``median``; categories have
    ``values``, followed by all others; dates have neither.
    """
    about: dict[str, Any] = {"name": name, "kind": kind, "type": str(value_type(type_))}
    if kind == "datetime":
        return about | _present(values)
    if kind in NUMBER_KINDS:
        found = numbers(values)
        edges = _edges(found[~np.isnan(found)])
        return about | {"edges": edges} | _between(edges, found)
    listed = _texts(values)
    frequent = [(text, n) for text, n in sorted(listed.items(), key=lambda item: (-item[1], item[0])) if n >= FEWEST]
    shown = [text for text, _ in frequent[:MAX_VALUES]]
    return about | {"values": shown, "counts": _of_values(shown, listed, values.null_count)}


def counts_now(was: Mapping[str, Any], values: pa.ChunkedArray) -> dict[str, Any]:
    """Count ``values`` in the bins of a column that `describe_column` described: ``counts``, of numbers ``median``."""
    if "edges" in was:
        return _between(was["edges"], numbers(values))
    if "values" in was:
        return {"counts": _of_values(was["values"], _texts(values), values.null_count)}
    return _present(values)


def image_numbers(table: pa.Table, schema: ImageSchema) -> dict[str, pa.ChunkedArray]:
    """Return of every image its brightness (mean), its contrast (standard deviation) and the mean of each channel.

    **Shape**: (n,) each, between 0 and 255. Alpha counts neither as brightness nor as contrast.
    """
    pixels, colours = schema.pixels(table), min(3, schema.channels)
    names = ["brightness", "contrast", *CHANNELS[schema.channels]]
    found = np.empty((len(names), len(pixels)))
    for begin in range(0, len(pixels), BATCH):
        part = pixels[begin : begin + BATCH]
        seen = part[..., :colours].reshape(len(part), -1)
        at = slice(begin, begin + len(part))
        found[0, at], found[1, at] = seen.mean(axis=1), seen.std(axis=1)
        if len(names) > 2:
            found[2:, at] = part.mean(axis=(1, 2)).T
    return {name: pa.chunked_array([pa.array(row)]) for name, row in zip(names, found, strict=True)}


def _edges(values: np.ndarray) -> list[float]:
    """Return the deciles between the extremes, fewer of few rows; a value that fills a bin has one of its own."""
    bins = min(BINS, len(values) // FEWEST)
    if bins < 2:
        return []
    edges = np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf")
    distinct, counts = np.unique(values, return_counts=True)
    atoms = distinct[counts >= max(FEWEST, len(values) / bins)]
    return np.unique(np.concatenate([edges, atoms, np.nextafter(atoms, -np.inf)])).tolist()


def _between(edges: list[float], values: np.ndarray) -> dict[str, Any]:
    there = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(np.asarray(edges), there, side="left"), minlength=len(edges) + 1)
    median = float(np.median(there)) if len(there) >= FEWEST else float("nan")
    return {"median": None if np.isnan(median) else median, "counts": [*counts.tolist(), len(values) - len(there)]}


def _present(values: pa.ChunkedArray) -> dict[str, Any]:
    return {"counts": [len(values) - values.null_count, values.null_count]}


def _texts(values: pa.ChunkedArray) -> dict[str, int]:
    """Count the values by their text; missing ones are left out."""
    if pa.types.is_null(values.type):
        return {}
    counted = plain(values.combine_chunks()).drop_null().value_counts()
    return {str(entry["values"]): int(entry["counts"]) for entry in counted.to_pylist()}


def _of_values(shown: list[str], listed: Mapping[str, int], missing: int) -> list[int]:
    counts = [listed.get(text, 0) for text in shown]
    return [*counts, sum(listed.values()) - sum(counts), missing]
