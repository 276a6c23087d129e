"""The parts in which the benchmark `tests.benchmarks.effect` is measured: some folds of one table or image set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ganaug.data import read_table
from ganaug.learners import default_learners
from tests.benchmarks import tables
from tests.benchmarks.image_sets import IMAGE_SETS, ImageSet
from tests.benchmarks.keel import CLASS, Source
from tests.benchmarks.lineup import LEARNERS, Lineup, make_image_lineup, make_lineup
from tests.benchmarks.measuring import measure

if TYPE_CHECKING:
    from tests.benchmarks.effect import Settings

__all__ = ["Unit", "lineup_of", "measure_unit", "units_of"]

SIDE, QUICK_SIDE = 28, 8
"""Pixels of the digits."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Some folds of one table."""

    source: Source | ImageSet
    folds: tuple[int, ...]
    """Their numbers."""

    @property
    def name(self) -> str:
        """``"pima.3"``, or ``"pima.0-4"``."""
        first, last = self.folds[0], self.folds[-1]
        return f"{self.source.name}.{first}" + (f"-{last}" if last > first else "")


def units_of(source: Source | ImageSet, settings: Settings) -> list[Unit]:
    """Return the parts of a table; no part goes over two repeats."""
    starts = range(0, settings.folds, settings.chunk)
    return [
        Unit(
            source=source,
            folds=tuple(r * settings.folds + i for i in range(s, min(s + settings.chunk, settings.folds))),
        )
        for r in range(settings.repeats)
        for s in starts
    ]


def lineup_of(settings: Settings) -> tuple[Settings, dict[str, str]]:
    """Return the settings with all those of our augmenters, and which arms are absent, and why."""
    lineup = _lineup(settings, IMAGE_SETS[0] if settings.images else None)
    return replace(settings, augmenters=repr(lineup.augmenters)), lineup.absent


def measure_unit(
    unit: Unit, settings: Settings, *, files: Mapping[str, Path | None], threads: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Measure one part; return its records and what there is to say about it.

    Args:
        unit: the part.
        settings: of the benchmark.
        files: "adult" and "cifar" -> their Parquet files.
        threads: of torch, BLAS and OpenMP.
    """
    source, cv = unit.source, settings.folds
    if isinstance(source, ImageSet):
        rows: Any = source.read(files["cifar"], side=QUICK_SIDE if settings.quick else SIDE)
        cv = source.draws(rows, settings.folds, seed=settings.seed)
        learners, lineup = default_learners(rows.schema), _lineup(settings, source)
    else:
        rows = read_table(tables.read(source, files["adult"]), target=CLASS, id_columns=[])
        learners, lineup = LEARNERS, _lineup(settings, None)
    found = measure(
        rows,
        lineup,
        cv=cv,
        seed=settings.seed,
        threads=threads,
        learners=learners,
        repeats=settings.repeats,
        chosen=unit.folds,
    )
    about = {name: getattr(source, name) for name in ("name", "family", "rows", "rarer", "columns")}
    about |= {"labels": lineup.labels, "seconds": found.seconds, "left_out": found.left_out, "choices": found.choices}
    about |= {"notes": found.notes, "test_to_train": found.test_to_train, "total": found.total}
    return found.records, about


def _lineup(settings: Settings, images: ImageSet | None) -> Lineup:
    arms = settings.arms.split(",")
    if images is not None:
        return make_image_lineup(quick=settings.quick, arms=arms, transforms=images.transforms)
    return make_lineup(ratio=settings.ratio, quick=settings.quick, arms=arms, ctgan_epochs=settings.ctgan_epochs)
