"""Data against a profile of the data that were there before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.drift.chance import ALPHA, MODERATE, p_value, psi
from ganaug.drift.columns import counts_now, describe_column, image_numbers
from ganaug.errors import ArtefactError
from ganaug.evaluate.statistics import holm
from ganaug.image_schema import ImageSchema
from ganaug.schema import TableSchema, value_type
from ganaug.value_schema import ValueSchema

__all__ = ["Drift", "compare", "profile"]

FORMAT = 1
ODDS = 1.68
"""A class's odds must rise or fall by this factor to be named: a small effect by Chen, Cohen and Chen, How big is a big
odds ratio?, Communications in Statistics 39 (2010). A class that loses half of its rows halves its odds."""
ROWS = 2.0
"""The number of rows must rise or fall by more than this factor to be named."""
ALWAYS = math.inf
"""The size of what is no matter of degree."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What changed in the data. Goes to JSON; printing it gives the sentences."""

    changes: list[str]
    """Plain sentences: columns and classes that came or went first, then the largest change first."""
    columns: list[dict[str, Any]] = field(default_factory=list)
    """Every column in both: name, psi, p (adjusted by Holm over the columns), changed."""
    rows: tuple[int, int] = (0, 0)
    """Then and now."""

    @property
    def drifted(self) -> bool:
        """Whether anything changed."""
        return bool(self.changes)

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object."""
        return {"drifted": self.drifted, **asdict(self), "rows": list(self.rows)}

    def __str__(self) -> str:
        return "\n".join(self.changes) if self.changes else "nothing changed beyond chance"


def profile(table: pa.Table, schema: TableSchema | ImageSchema) -> dict[str, Any]:
    """Describe the rows in counts, as a plain JSON object of a few hundred numbers a column at most.

    It holds no row and no hash of one, no smallest or largest value, and no value that fewer than ten rows have. Of
    images it describes the brightness, the contrast and the mean of each channel. Identifiers are left out.
    """
    return {
        "format": FORMAT,
        "rows": len(table),
        "target": schema.target,
        "classes": _classes(table, schema),
        "image": _shape(schema),
        "columns": [describe_column(*column) for column in _columns(table, schema)],
    }


def compare(before: Mapping[str, Any], table: pa.Table, schema: TableSchema | ImageSchema) -> Drift:
    """Say what changed between the rows that ``before`` is the `profile` of and ``table``.

    Columns and classes that came or went, and types that changed, are always named. A column's distribution is named
    where the population stability index on the old bins is at least .1 ("moderate"; from .25 "large": Siddiqi, Credit
    Risk Scorecards, 2006) and a chi-squared test of both samples gives p < .005, adjusted by Holm over the columns.
    A class is named where its odds changed by a factor of 1.68 or more with p < .005, adjusted over the classes; the
    rows where they more than doubled or halved. Of dates only the missing ones are compared: dates move on.

    Rows that are in both samples make the tests careful: they then find less, and not more.

    Raises:
        ArtefactError: ``before`` is no profile, or of another version.
    """
    try:
        if before["format"] != FORMAT:
            raise ArtefactError(
                f"the profile has format {before['format']!r} and this version reads {FORMAT}; take a new one"
            )
        found = _changes(before, table, schema)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ArtefactError):
            raise
        raise ArtefactError(f"the profile is broken: {type(error).__name__}: {error}; take a new one") from error
    sized, columns = found
    sized.sort(key=lambda change: -change[0])
    return Drift(changes=[text for _, text in sized], columns=columns, rows=(before["rows"], len(table)))


_Sized = tuple[float, str]


def _changes(
    before: Mapping[str, Any], table: pa.Table, schema: TableSchema | ImageSchema
) -> tuple[list[_Sized], list[dict[str, Any]]]:
    found: list[_Sized] = []
    then, now = int(before["rows"]), len(table)
    if before["image"] != _shape(schema):
        found.append((ALWAYS, f"images are {_size(_shape(schema))} now and were {_size(before['image'])}"))
    if before["target"] != schema.target:
        found.append((ALWAYS, f"the target is {schema.target!r} now and was {before['target']!r}"))
    elif before["classes"] is not None and (classes := _classes(table, schema)) is not None:
        found += _class_changes(before["classes"], classes)
    if then > ROWS * now or now > ROWS * then:
        found.append((abs(math.log((now + 1) / (then + 1))), f"the number of rows went from {then:,} to {now:,}"))
    old = {column["name"]: column for column in before["columns"]}
    new = {name: (kind, str(value_type(type_)), values) for name, kind, type_, values in _columns(table, schema)}
    found += [(ALWAYS, f"column {name!r} is gone") for name in old if name not in new]
    found += [(ALWAYS, f"column {name!r} is new") for name in new if name not in old]
    shared = []
    for name in (name for name in old if name in new):
        was, (kind, type_, values) = old[name], new[name]
        if (was["kind"], was["type"]) != (kind, type_):
            found.append((ALWAYS, f"column {name!r} is {kind} ({type_}) now and was {was['kind']} ({was['type']})"))
        else:
            shared.append((was, counts_now(was, values)))
    sized, columns = _column_changes(shared)
    return found + sized, columns


def _column_changes(shared: list[tuple[Mapping[str, Any], dict[str, Any]]]) -> tuple[list[_Sized], list[dict]]:
    """Test every column's counts then and now."""
    sizes = [psi(was["counts"], now["counts"]) for was, now in shared]
    # Only a change that is large enough is tested; the others count in Holm's correction as if p were 1, which can
    # only raise the p-values of those that are.
    p = [
        p_value(was["counts"], now["counts"]) if size >= MODERATE else 1.0
        for size, (was, now) in zip(sizes, shared, strict=True)
    ]
    adjusted = holm(p) if p else np.empty(0)
    found, columns = [], []
    for (was, now), size, value in zip(shared, sizes, adjusted.tolist(), strict=True):
        changed = size >= MODERATE and value < ALPHA
        columns.append({"name": was["name"], "psi": size, "p": value, "changed": changed})
        if changed:
            found.append((size, _sentence(was, now, size)))
    return found, columns


def _sentence(was: Mapping[str, Any], now: Mapping[str, Any], size: float) -> str:
    """Say of a changed column what changed most."""
    then, since = (np.asarray(counts["counts"], np.float64) for counts in (was, now))
    then, since = then / max(1.0, then.sum()), since / max(1.0, since.sum())
    most = int(np.argmax(np.abs(since - then)))
    shares = f"went from {100 * then[most]:.1f} % to {100 * since[most]:.1f} %"
    degree = "largely" if size >= 2.5 * MODERATE else "moderately"
    start = f"column {was['name']!r} changed {degree} (PSI {size:.2f}): "
    if np.isclose(abs(since[-1] - then[-1]), abs(since[most] - then[most])):
        what = f"missing values {shares}"
    elif "edges" in was:
        medians = [_short(counts["median"]) for counts in (was, now)]
        what = f"its median went from {medians[0]} to {medians[1]}"
        if medians[0] == medians[1]:
            what = f"{_span(was['edges'], most)} {shares} of rows"
    else:
        name = "the less frequent values" if most >= len(was["values"]) else repr(was["values"][most])
        what = f"{name} {shares} of rows"
    return start + what


def _short(median: float | None) -> str:
    return "unknown (too few values)" if median is None else f"{median:.4g}"


def _span(edges: list[float], at: int) -> str:
    if at == 0:
        return f"values up to {edges[0]:.4g}"
    if at == len(edges):
        return f"values above {edges[-1]:.4g}"
    low, high = f"{edges[at - 1]:.4g}", f"{edges[at]:.4g}"
    return f"the value {high}" if low == high else f"values from {low} to {high}"


def _class_changes(then: Mapping[str, int], now: Mapping[str, int]) -> list[_Sized]:
    found = [(ALWAYS, f"class {name!r} is gone ({then[name]:,} rows then)") for name in then if not now.get(name)]
    found += [
        (ALWAYS, f"class {name!r} is new ({now[name]:,} rows)") for name in now if now[name] and not then.get(name)
    ]
    total_then, total_now = sum(then.values()), sum(now.values())
    both = [name for name in then if then[name] and now.get(name)]
    if len(both) == 2:  # the odds of the other one are the same thing
        both.sort(key=lambda name: -abs(math.log(now[name] / then[name])))
        both = both[:1]
    tested = []
    for name in both:
        a, b = (then[name], total_then - then[name]), (now[name], total_now - now[name])
        odds = math.log((b[0] + 0.5) * (a[1] + 0.5) / ((b[1] + 0.5) * (a[0] + 0.5)))
        tested.append((name, odds, p_value(a, b) if abs(odds) >= math.log(ODDS) else 1.0))
    adjusted = holm([p for _, _, p in tested]) if tested else np.empty(0)
    for (name, odds, _), p in zip(tested, adjusted.tolist(), strict=True):
        if abs(odds) >= math.log(ODDS) and p < ALPHA:
            a, b = then[name], now[name]
            shares = f"{a:,} of {total_then:,} rows ({100 * a / total_then:.1f} %) to {b:,} of {total_now:,}"
            found.append((abs(odds), f"class {name!r} went from {shares} ({100 * b / total_now:.1f} %)"))
    return found


def _classes(table: pa.Table, schema: TableSchema | ImageSchema) -> dict[str, int] | None:
    """Return class -> rows; None without a target, and of a numeric one, whose ranges move with its extremes."""
    if schema.target is None or isinstance(schema, ValueSchema):
        return None
    counts = np.bincount(schema.label_codes(table), minlength=schema.n_classes).tolist()
    return dict(zip(schema.class_names(), counts, strict=True))


def _columns(table: pa.Table, schema: TableSchema | ImageSchema) -> list[tuple[str, str, Any, Any]]:
    """Return name, kind, type and values of whatever is described, a numeric target among it."""
    if isinstance(schema, ImageSchema):
        return [(name, "number", pa.float64(), values) for name, values in image_numbers(table, schema).items()]
    columns = [
        (column.name, column.kind, column.type, table.column(column.name))
        for column in schema.columns
        if column.kind != "identifier"
    ]
    if isinstance(schema, ValueSchema):
        assert schema.target is not None, "it is a number"
        target = table.column(schema.target)
        columns.append((schema.target, "number", target.type, target))
    return columns


def _shape(schema: TableSchema | ImageSchema) -> list[int] | None:
    return [schema.height, schema.width, schema.channels] if isinstance(schema, ImageSchema) else None


def _size(shape: list[int] | None) -> str:
    return "none" if shape is None else " x ".join(map(str, shape))
