"""Generators with an amount, fixed or chosen, and the rows that are drawn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.errors import ConfigError
from ganaug.image_schema import ImageSchema
from ganaug.learners import (
    FOLDS,
    INNER_FOLDS,
    ImagePreparation,
    Part,
    Preparation,
    Runner,
    Training,
    filter_learner,
    fit_predict,
    prepare,
    teach,
    with_codes,
)
from ganaug.pixels import table_of
from ganaug.policy.choice import CANDIDATES, IMAGE_CANDIDATES, Candidate
from ganaug.policy.relabel import relabel
from ganaug.progress import Progress, silent
from ganaug.schema import TableSchema
from ganaug.seeding import derive, numpy_rng
from ganaug.transforms import DEFAULT_TRANSFORMS, transform_images

__all__ = ["GanAugmenter", "Policy", "candidate_trainings", "draw_candidate", "variant_for"]

INNER_ROWS = 3_000
"""Relabelled rows at most on an inner fold, unless there are more real ones."""


def variant_for(candidates: Sequence[Candidate], variant: Any, schema: TableSchema | ImageSchema) -> Any:
    """Return what is to be fitted for these candidates: ``variant``, untrained where none of them uses its training."""
    acting = [candidate for candidate in candidates if not candidate.is_none]
    if not acting or any(candidate.trained for candidate in acting):
        return variant
    from ganaug import variants

    return variants.untrained(variant, "images" if isinstance(schema, ImageSchema) else "tables")


@dataclass(frozen=True, kw_only=True)
class GanAugmenter:
    """One variant and a fixed amount: how many rows is decided beforehand, not chosen."""

    variant: Any = "auto"
    """A variant's name, or its configuration."""
    candidates: tuple[Candidate, ...] = (Candidate(ratio=0.1),)
    """Exactly one."""
    sampling_strategy: Any = None
    """imbalanced-learn's semantics; overrides the candidate's ratio where it is not None."""
    name: str = "gan"

    def __post_init__(self) -> None:
        if self.variant != "auto":
            from ganaug import variants

            variants.require_rows(self.variant)

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
        """Fit one generator a table, as one batched network; for ``checkpoint`` see `ganaug.fitting.fit_many`."""
        # Imported here, so that judging other people's samplers does not wait for torch.
        from ganaug.fitting import fit_many

        variant = variant_for(self.candidates, self.variant, schema)
        shared = {"variant": variant, "device": device, "progress": progress, "checkpoint": checkpoint}
        return list(fit_many(tables, schema, seeds=seeds, **shared))

    def counts(self, candidate: Candidate, codes: np.ndarray, schema: TableSchema | ImageSchema) -> dict[int, int]:
        """Return how many rows of each class code to add to rows with these codes."""
        from ganaug.sampling import class_counts, level_counts, ratio_counts, share_counts

        if self.sampling_strategy is not None:
            return class_counts(self.sampling_strategy, codes, schema)
        if candidate.times:
            return share_counts(codes, schema.n_classes, candidate.times)
        if candidate.level:
            return level_counts(codes, schema.n_classes, candidate.level)
        return ratio_counts(codes, schema.n_classes, candidate.ratio)


@dataclass(frozen=True, kw_only=True)
class Policy(GanAugmenter):
    """One variant and several amounts, among which `choose` decides; nothing is the first."""

    candidates: tuple[Candidate, ...] = CANDIDATES
    inner_folds: int = 3
    """Inner folds of `select`."""
    error_rate: float = 0.2
    """See `choose`."""
    confidence: float = 0.6
    """See `choose`."""
    name: str = "policy"
    sampling_strategy: Any = field(default=None, init=False)

    def suited(self, schema: TableSchema | ImageSchema, transforms: Sequence[str] = DEFAULT_TRANSFORMS) -> Policy:
        """Return the policy for data of this schema: the default ways are other ones for images.

        ``transforms`` are what may be done to images without changing their class. Real images are moved only where the
        variant's artefact holds some anyway.
        """
        if not isinstance(schema, ImageSchema) or self.candidates != CANDIDATES:
            return self
        from ganaug import variants

        name, _ = variants.resolve(self.variant, "images")
        keeps = variants.get(name).KEEPS_ROWS
        ways = (replace(c, transforms=transforms, moved=c.moved if keeps else 0.0) for c in IMAGE_CANDIDATES)
        return replace(self, candidates=tuple(ways))

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.candidates) < 2 or not self.candidates[0].is_none:
            raise ConfigError(
                f"candidates must begin with Candidate(ratio=0) and hold another, however: {self.candidates=}"
            )


def draw_candidate(
    augmenter: GanAugmenter,
    candidate: Candidate,
    generator: Any,
    table: pa.Table,
    schema: TableSchema | ImageSchema,
    *,
    seed: int,
    preparation: Preparation | ImagePreparation | None = None,
    runner: Runner | None = None,
    n_folds: int = FOLDS,
) -> pa.Table:
    """Draw the synthetic rows of a candidate for the real rows ``table`` that ``generator`` was fitted on.

    Args:
        augmenter: says how many rows.
        candidate: which amount, and the share to keep.
        generator: offers ``sample_table(codes, *, seed)``.
        table: the real training rows, target included; the filter's classifier is fitted on them.
        schema: theirs.
        seed: of the rows and of the filter.
        preparation: features fitted on ``table``; None: fit them where the filter needs them.
        runner: runs the fits of the committee that labels rows.
        n_folds: of that committee.
    """
    from ganaug.sampling import draw

    codes = schema.label_codes(table)
    counts = augmenter.counts(candidate, codes, schema)
    if not any(counts.values()):
        return schema.arrow.empty_table()

    if candidate.moved and isinstance(schema, ImageSchema):
        return _partly_moved(generator, candidate, table, codes, counts, schema, seed)
    if candidate.times:
        fitted = prepare(table, schema) if preparation is None else preparation
        rows = draw(generator, counts, seed=seed)
        options = {"seed": seed, "runner": runner, "n_folds": n_folds}
        return _relabelled(rows, candidate, table, codes, counts, fitted, schema, **options)

    def judge(rows: pa.Table) -> np.ndarray:
        fitted = prepare(table, schema) if preparation is None else preparation
        real, made = fitted.transform(table), fitted.transform(rows)
        return fit_predict(filter_learner(schema), real, codes, None, made, schema.n_classes, derive(seed, "filter"))

    return draw(generator, counts, seed=seed, keep=candidate.keep, judge=judge)


def _partly_moved(
    generator: Any,
    candidate: Candidate,
    real: pa.Table,
    codes: np.ndarray,
    counts: Mapping[int, int],
    schema: ImageSchema,
    seed: int,
) -> pa.Table:
    """Draw some of the images, and move, crop or mirror real ones of the class for the others."""
    from ganaug.sampling import draw

    moved = {code: round(candidate.moved * n) for code, n in counts.items()}
    drawn = draw(generator, {code: n - moved[code] for code, n in counts.items()}, seed=seed)
    rng = numpy_rng(seed, "moved")
    chosen = np.concatenate([rng.choice(np.flatnonzero(codes == code), n) for code, n in sorted(moved.items()) if n])
    changed = transform_images(schema.pixels(real)[chosen], candidate.transforms, rng)
    return pa.concat_tables([drawn, table_of(changed, codes[chosen], schema)]).combine_chunks()


def _relabelled(
    rows: pa.Table,
    candidate: Candidate,
    real: pa.Table,
    codes: np.ndarray,
    counts: Mapping[int, int],
    preparation: Preparation | ImagePreparation,
    schema: TableSchema | ImageSchema,
    *,
    seed: int,
    runner: Runner | None,
    n_folds: int,
) -> pa.Table:
    """Move the ``rows`` drawn a little, and give them the classes that a committee fitted on ``real`` would."""
    if isinstance(preparation, Preparation):
        rows = preparation.jitter(rows, candidate.jitter, numpy_rng(seed, "jitter"), swap=candidate.swap)
    made = preparation.transform(rows)
    known, seed_of = preparation.transform(real), derive(seed, "teacher")
    lesson = teach(known, codes, made, n_classes=schema.n_classes, seed=seed_of, n_folds=n_folds, runner=runner)
    labels = relabel(lesson.proba, counts, seed=seed, linear=lesson.linear, matrix=made)
    return with_codes(rows, labels, schema)


def candidate_trainings(
    augmenter: GanAugmenter,
    generator: Any,
    part: Part,
    seed: int,
    *,
    candidates: Sequence[Candidate] | None = None,
    runner: Runner | None = None,
) -> list[Training]:
    """Return the rows to train on for every candidate, drawn from one generator fitted on the part's training rows.

    They are there to choose by: relabelled rows are fewer where they are many, and their committee has fewer folds.

    For ``runner`` see `draw_candidate`.
    """
    trainings = []
    for candidate in augmenter.candidates if candidates is None else candidates:
        times = min(candidate.times, max(1.0, INNER_ROWS / len(part.codes)))
        rows = draw_candidate(
            augmenter,
            replace(candidate, times=times),
            generator,
            part.table,
            part.schema,
            preparation=part.preparation,
            seed=derive(seed, "draw", candidate.name),
            runner=runner,
            n_folds=INNER_FOLDS,
        )
        trainings.append(part.with_table(rows) if len(rows) else part.plain())
    return trainings
