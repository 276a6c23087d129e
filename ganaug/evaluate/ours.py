"""Whatever a caller gives as augmenter -> what the protocol runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.data import TableData
from ganaug.errors import ConfigError
from ganaug.evaluate.arms import BUILT_IN, make_arm
from ganaug.evaluate.protocol import Ours
from ganaug.image_schema import ImageSchema
from ganaug.policy import Candidate, GanAugmenter, Policy
from ganaug.progress import Progress, silent
from ganaug.schema import TableSchema
from ganaug.transforms import DEFAULT_TRANSFORMS

__all__ = ["make_ours"]


def make_ours(augmenter: Any, rows: TableData, *, transforms: Sequence[str] = DEFAULT_TRANSFORMS) -> Ours:
    """Make what is judged; see `measure_effect` for what ``augmenter`` may be.

    Raises:
        ConfigError: unknown name, or a variant that makes something else than these rows.
        TypeError: nothing that augments.
    """
    if isinstance(augmenter, str):
        return _named(augmenter, rows, transforms)
    if isinstance(augmenter, type):
        raise TypeError(f"augmenter must be an object, not a class: write {augmenter.__name__}(...)")
    if hasattr(augmenter, "as_augmenter"):
        augmenter = augmenter.as_augmenter()
    if isinstance(augmenter, GanAugmenter):
        return _gan(augmenter, rows, transforms)
    if hasattr(augmenter, "fit_many"):
        name = str(getattr(augmenter, "name", type(augmenter).__name__))
        return Ours(name=name, label=name, augmenter=Batched(source=augmenter, name=name))
    arm = make_arm(augmenter)
    return Ours(name=f"{arm.name}*" if arm.name in BUILT_IN else arm.name, label=arm.label, arm=arm)


def _named(name: str, rows: TableData, transforms: Sequence[str]) -> Ours:
    from ganaug import variants

    if name == "policy":
        return Ours(name=name, label="The policy", augmenter=Policy().suited(rows.schema, transforms))
    if name == "auto" or name in variants.names():
        variants.resolve(name, _modality(rows))  # now, before the cost is announced
        return Ours(name=name, label=name, augmenter=GanAugmenter(variant=name, name=name))
    if name in BUILT_IN:
        arm = make_arm(name, transforms=transforms)
        return Ours(name=f"{arm.name}*", label=f"{arm.label} (as augmenter)", arm=arm)
    known = ("policy", "auto", *variants.names(), *BUILT_IN)
    raise ConfigError(
        f"unknown augmenter {name!r}; known are: {', '.join(known)}, or a sampler of imbalanced-learn (its name, on "
        f"the command line), or a callable{variants.close_names(name, known)}"
    )


def _gan(augmenter: GanAugmenter, rows: TableData, transforms: Sequence[str]) -> Ours:
    from ganaug import variants

    variants.resolve(augmenter.variant, _modality(rows))
    label = "The policy" if isinstance(augmenter, Policy) else augmenter.name
    if isinstance(augmenter, Policy):
        augmenter = augmenter.suited(rows.schema, transforms)
    if augmenter.sampling_strategy is None:
        return Ours(name=augmenter.name, label=label, augmenter=augmenter)
    # Counts are given for all rows: a fold gets its share of them.
    codes = rows.schema.label_codes(rows.table)
    added = augmenter.counts(augmenter.candidates[0], codes, rows.schema)
    present = np.maximum(np.bincount(codes, minlength=rows.schema.n_classes), 1)
    shares = tuple(added.get(code, 0) / present[code] for code in range(rows.schema.n_classes))
    scaled = Proportional(
        variant=augmenter.variant, name=augmenter.name, candidates=augmenter.candidates, shares=shares
    )
    return Ours(name=augmenter.name, label=label, augmenter=scaled)


def _modality(rows: TableData) -> str:
    return "images" if isinstance(rows.schema, ImageSchema) else "tables"


@dataclass(frozen=True, kw_only=True)
class Proportional(GanAugmenter):
    """So many synthetic rows a real row, by class."""

    shares: tuple[float, ...] = ()

    def counts(self, candidate: Candidate, codes: np.ndarray, schema: TableSchema | ImageSchema) -> dict[int, int]:
        """Return the rows to add to rows with these codes."""
        present = np.bincount(codes, minlength=schema.n_classes)
        return {code: round(share * int(present[code])) for code, share in enumerate(self.shares)}


@dataclass(frozen=True, kw_only=True)
class Batched(GanAugmenter):
    """Somebody's object with ``fit_many(tables, schema, seeds)``; it may bring ``candidates`` and ``counts``."""

    source: Any = field(default=None)
    candidates: tuple[Candidate, ...] = (Candidate(ratio=1.0),)

    def __post_init__(self) -> None:
        object.__setattr__(self, "candidates", tuple(getattr(self.source, "candidates", self.candidates)))

    def fit_many(
        self,
        tables: Sequence[pa.Table],
        schema: TableSchema | ImageSchema,
        seeds: Sequence[int],
        *,
        device: Any = "auto",
        progress: Progress = silent,
        checkpoint: Any = None,
    ) -> list[Any]:
        """Let the object fit one generator a table."""
        return list(self.source.fit_many(tables, schema, seeds))

    def counts(self, candidate: Candidate, codes: np.ndarray, schema: TableSchema | ImageSchema) -> dict[int, int]:
        """Return the object's counts, or as many rows as the candidate's ratio says."""
        if hasattr(self.source, "counts"):
            return self.source.counts(candidate, codes, schema)
        return super().counts(candidate, codes, schema)
