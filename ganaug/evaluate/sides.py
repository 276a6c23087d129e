"""The rows that are compared - training, held-out, synthetic ones - as points, and what is measured on any points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from ganaug.data import row_hashes
from ganaug.evaluate.matching import Match, Rows, match
from ganaug.image_schema import ImageSchema
from ganaug.metrics import (
    Manifold,
    energy_distance,
    near_copies,
    precision_recall_density_coverage,
    two_sample_auc,
)
from ganaug.metrics.copies import exact_copies, nearest_distances
from ganaug.metrics.space import MetricSpace
from ganaug.schema import TableSchema

__all__ = ["MIN_ROWS", "NEAR_QUANTILE", "Beside", "Figure", "Sides", "copies", "exact", "manifold"]

NEAREST = 5
MIN_ROWS = NEAREST + 1
"""Fewer rows of a class have no fifth neighbour, and no figure."""
MIN_TO_TELL_APART = 12
NEAR_QUANTILE = 0.05
MAX_PAIRED = 2_500
"""Rows of a side that the energy distance is taken over: a mean over all pairs needs no more."""
LEVELS = np.linspace(0, 1, 41)

Figure = Callable[[str, np.ndarray], float | None]
"""``(side, row numbers) -> figure``, or None where it is undefined."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One figure for the synthetic rows, and the same for held-out real ones: the mark to meet, from either side."""

    synthetic: float | None = None
    holdout: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The rows looked at of ``train``, ``synthetic`` and perhaps ``holdout``: as tables, points and row numbers."""

    schema: TableSchema | ImageSchema
    tables: Mapping[str, pa.Table]
    points: Mapping[str, np.ndarray]
    rows: Mapping[str, Rows]
    matched: Match

    @classmethod
    def of(
        cls,
        tables: Mapping[str, pa.Table],
        schema: TableSchema | ImageSchema,
        *,
        seed: int,
        points: Callable[[pa.Table], np.ndarray] | None = None,
    ) -> Sides:
        """Thin the tables, put them into a metric space (None: that of the training rows), and match them."""
        cut, rows = {}, {}
        for name, table in tables.items():
            chosen = Rows.of(schema.label_codes(table), seed=seed, name=name)
            kept = np.sort(np.concatenate(list(chosen.by_class.values())))
            cut[name] = table.take(kept).combine_chunks()
            rows[name] = Rows(by_class={c: np.searchsorted(kept, i) for c, i in chosen.by_class.items()})
        if points is None:
            assert isinstance(schema, TableSchema), "images have a space of their own"
            points = MetricSpace.fit(tables["train"], schema).points
        placed = {name: points(table) for name, table in cut.items()}
        matched = match(rows["train"], rows.get("holdout"), rows["synthetic"])
        return cls(schema=schema, tables=cut, points=placed, rows=rows, matched=matched)

    def only(self, c: int) -> Sides:
        """Return the rows of class ``c`` alone, matched among themselves."""
        rows = {name: Rows(by_class={c: r.by_class[c]} if r.count(c) else {}) for name, r in self.rows.items()}
        return replace(self, rows=rows, matched=match(rows["train"], rows.get("holdout"), rows["synthetic"]))

    def beside(self, figure: Figure) -> Beside:
        """Work a figure out for the held-out rows, and as a mean over the lots of synthetic ones."""
        held = None if self.matched.holdout is None else figure("holdout", self.matched.holdout)
        return Beside(synthetic=_mean([figure("synthetic", lot) for lot in self.matched.synthetic]), holdout=held)

    def energy(self) -> Beside:
        """Return the energy distance from the training rows."""
        real = self._some("train", self.matched.train)

        def figure(side: str, index: np.ndarray) -> float | None:
            other = self._some(side, index)
            defined = min(len(real), len(other)) >= 2 and real.shape[1] > 0
            return energy_distance(real, other) if defined else None

        return self.beside(figure)

    def _some(self, side: str, index: np.ndarray) -> np.ndarray:
        """Return every k-th of the points ``index``, so that there are at most `MAX_PAIRED`."""
        return self.points[side][index[:: -(-len(index) // MAX_PAIRED) or 1]]

    def two_sample(self, *, seed: int) -> Beside:
        """Return the ROC-AUC of a classifier that tells the rows from training rows."""
        real = self.points["train"][self.matched.train]

        def figure(side: str, index: np.ndarray) -> float | None:
            defined = min(len(real), len(index)) >= MIN_TO_TELL_APART and real.shape[1] > 0
            return two_sample_auc(real, self.points[side][index], seed=seed) if defined else None

        return self.beside(figure)


def _mean(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return float(np.mean(found)) if found else None


def manifold(sides: Sides, train: np.ndarray) -> dict[str, Beside]:
    """Return precision, recall, density and coverage against the training rows with the numbers ``train``."""
    real = sides.points["train"][train]

    def measure(side: str, index: np.ndarray) -> Manifold | None:
        if min(len(real), len(index)) < MIN_ROWS or real.shape[1] == 0:
            return None
        return precision_recall_density_coverage(real, sides.points[side][index], nearest=NEAREST)

    lots = [measure("synthetic", lot) for lot in sides.matched.synthetic]
    held = None if sides.matched.holdout is None else measure("holdout", sides.matched.holdout)
    return {
        name: Beside(
            synthetic=_mean([getattr(lot, name) for lot in lots if lot is not None]),
            holdout=None if held is None else getattr(held, name),
        )
        for name in ("precision", "recall", "density", "coverage")
    }


def exact(tables: Mapping[str, pa.Table], schema: TableSchema | ImageSchema) -> Beside:
    """Return the share of rows whose every feature equals a training row's; all rows are looked at."""
    if not schema.feature_names:
        return Beside()
    hashes = {name: row_hashes(table, schema.feature_names) for name, table in tables.items()}
    shares = {name: exact_copies(hashes["train"], h) for name, h in hashes.items() if len(h)}
    return Beside(synthetic=shares["synthetic"], holdout=shares.get("holdout"))


def copies(sides: Sides) -> tuple[Beside, dict[str, list[float]]]:
    """Look for near copies class by class, weighed by the classes' synthetic rows; and quantiles of the distances."""
    shares: dict[str, list[tuple[float, int]]] = {"synthetic": [], "holdout": []}
    relative: dict[str, list[np.ndarray]] = {"train": [], "holdout": [], "synthetic": []}
    for c, index in sides.rows["synthetic"].by_class.items():
        if sides.rows["train"].count(c) < 2 or sides.points["train"].shape[1] == 0:
            continue
        real = sides.points["train"][sides.rows["train"].by_class[c]]
        between = nearest_distances(real)
        typical = float(np.median(between))
        if typical > 0:
            relative["train"].append(between / typical)
        for name in shares:
            if name in sides.rows and sides.rows[name].count(c):
                others = sides.points[name][sides.rows[name].by_class[c]]
                shares[name].append((near_copies(real, others, quantile=NEAR_QUANTILE).near, len(index)))
                if typical > 0:
                    relative[name].append(nearest_distances(real, others) / typical)
    means = {
        name: sum(share * n for share, n in found) / sum(n for _, n in found) if found else None
        for name, found in shares.items()
    }
    quantiles = {name: np.quantile(np.concatenate(d), LEVELS).tolist() for name, d in relative.items() if d}
    return Beside(**means), quantiles
