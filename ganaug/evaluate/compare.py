"""The parts of the fidelity report of tables: columns, associations, classes; synthetic beside held-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug import seeding
from ganaug.evaluate.matching import match
from ganaug.evaluate.sides import Beside, Sides, manifold
from ganaug.metrics import association_matrix, kolmogorov_smirnov, matrix_difference, total_variation
from ganaug.metrics.columns import is_number, joint_codes, numbers
from ganaug.schema import Column

__all__ = ["Beside", "ClassFidelity", "Marginal", "Sides", "associations", "marginal", "of_class"]

MAX_ASSOCIATIONS = 60
TOP_CATEGORIES = 50


@dataclass(frozen=True, kw_only=True)
class Marginal:
    """One column: the distance of its distribution from that of the training rows."""

    column: str
    kind: str
    measure: str
    """"ks" (numbers: the values present) or "tv" (categories: missing is one of them); 0 is best, 1 worst."""
    distance: Beside
    missing_train: float
    missing: Beside


@dataclass(frozen=True, kw_only=True)
class ClassFidelity:
    """One class: precision, recall, density, coverage; None where it has too few rows."""

    label: str
    n_train: int
    n_holdout: int
    n_synthetic: int
    n_compared: int
    """Rows of either side that were compared with the training rows."""
    precision: Beside
    recall: Beside
    density: Beside
    coverage: Beside


def marginal(sides: Sides, column: Column) -> Marginal:
    """Compare one column's distribution, and its share of missing values, with the training rows'."""
    train = sides.matched.train
    missing = {name: np.asarray(t[column.name].combine_chunks().is_null()) for name, t in sides.tables.items()}
    if is_number(column):
        values = {name: numbers(table[column.name]) for name, table in sides.tables.items()}
        distance = kolmogorov_smirnov
    else:
        joint, _ = joint_codes([table[column.name] for table in sides.tables.values()])
        values, distance = dict(zip(sides.tables, joint, strict=True)), total_variation

    def figure(side: str, index: np.ndarray) -> float | None:
        here, there = values["train"][train], values[side][index]
        here, there = here[~np.isnan(here)], there[~np.isnan(there)]
        return distance(here, there) if len(here) and len(there) else None

    return Marginal(
        column=column.name,
        kind=column.kind,
        measure="ks" if is_number(column) else "tv",
        distance=sides.beside(figure),
        missing_train=float(missing["train"][train].mean()) if len(train) else 0.0,
        missing=sides.beside(lambda side, index: float(missing[side][index].mean())),
    )


def associations(sides: Sides, *, seed: int) -> dict[str, Any] | None:
    """Compare how the columns go together; of a wide table, `MAX_ASSOCIATIONS` columns drawn by ``seed``."""
    columns = [c for c in sides.schema.columns if c.kind != "identifier"]
    if len(columns) > MAX_ASSOCIATIONS:
        drawn = seeding.numpy_rng(seed, "fidelity", "associations").permutation(len(columns))[:MAX_ASSOCIATIONS]
        columns = [columns[i] for i in np.sort(drawn)]
    columns = [c for c in columns if is_number(c)] + [c for c in columns if not is_number(c)]
    if len(columns) < 2:
        return None
    arrays = _arrays(sides.tables, columns)

    def matrix(side: str, index: np.ndarray) -> np.ndarray:
        values, codes = arrays[side]
        return association_matrix(values[index], codes[index])

    reference = matrix("train", sides.matched.train)
    difference = sides.beside(lambda side, index: matrix_difference(reference, matrix(side, index)))
    # The picture shows all rows there are; the figures above, as many as there are held-out ones.
    shown = match(sides.rows["train"], None, sides.rows["synthetic"])
    return {
        "columns": [c.name for c in columns],
        "train": _listed(matrix("train", shown.train)),
        "synthetic": _listed(matrix("synthetic", shown.synthetic[0])) if shown.synthetic else None,
        "difference": asdict(difference),
    }


def _arrays(tables: Mapping[str, pa.Table], columns: Sequence[Column]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each table's numbers (n, C) and codes (n, K); categories beyond the training rows' top are one."""
    values = [[numbers(table[c.name]) for c in columns if is_number(c)] for table in tables.values()]
    codes: list[list[np.ndarray]] = [[] for _ in tables]
    for column in columns:
        if not is_number(column):
            joint, _ = joint_codes([table[column.name] for table in tables.values()])
            frequency = np.bincount(joint[0][joint[0] >= 0], minlength=1)
            top = np.argsort(-frequency, kind="stable")[:TOP_CATEGORIES]
            for side, one in zip(codes, joint, strict=True):
                side.append(np.where(np.isin(one, top) | (one < 0), one, np.iinfo(np.int64).max))
    stacked = [
        (np.array(v).reshape(-1, len(t)).T, np.array(c, dtype=np.int64).reshape(-1, len(t)).T)
        for v, c, t in zip(values, codes, tables.values(), strict=True)
    ]
    return dict(zip(tables, stacked, strict=True))


def _listed(matrix: np.ndarray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in matrix]


def of_class(sides: Sides, c: int, counts: Mapping[str, int]) -> ClassFidelity:
    """Measure class ``c``, which has ``counts`` rows on each side before any thinning."""
    own = sides.only(c)
    matched = own.matched
    figures = manifold(own, own.rows["train"].by_class.get(c, np.empty(0, np.int64)))
    return ClassFidelity(
        label=sides.schema.class_names()[c],
        n_train=counts["train"],
        n_holdout=counts.get("holdout", 0),
        n_synthetic=counts["synthetic"],
        n_compared=len(matched.synthetic[0]) if matched.synthetic else 0,
        **figures,
    )
