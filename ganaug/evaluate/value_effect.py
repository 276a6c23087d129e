"""Does an augmentation help regressors? The protocol of the effect check where the target is a number.

Folds are stratified by the target's ranges, encoders and generators are fitted on the training rows of each, and
regressors are judged on the real rows held out. Statistics, verdict and words are those of classes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.data import TableData
from ganaug.errors import ConfigError, DataError
from ganaug.evaluate.findings import findings
from ganaug.evaluate.measured import Measured
from ganaug.evaluate.plan import Fold, Plan, Rows, make_plan
from ganaug.evaluate.result import Effect
from ganaug.evaluate.value_arms import VALUE_ARMS, Fitted, FoldRows, ValueArm, value_arms
from ganaug.learners import Learner, Part, Preparation, Runner
from ganaug.learners.folds import TooFewRowsError
from ganaug.learners.regressors import DEFAULT_REGRESSORS, ERRORS, PRIMARY, ValueJob, errors_of, own_regressor
from ganaug.policy import GanAugmenter, Policy
from ganaug.progress import Progress, silent
from ganaug.seeding import derive, numpy_rng
from ganaug.value_schema import ValueSchema

__all__ = ["ValueOurs", "measure_value_effect"]


@dataclass(frozen=True, kw_only=True)
class ValueOurs:
    """What is judged: a variant with an amount, or a cheap arm."""

    name: str
    label: str
    variant: Any = None
    shares: tuple[float, ...] | None = None
    """Synthetic rows a real one, by range; None: the rule, on the rows of each fold."""
    arm: ValueArm | None = None

    def counts(self, codes: np.ndarray, n_ranges: int) -> dict[int, int]:
        """Return how many rows of each range to add to rows with these codes."""
        from ganaug.sampling import RAISED, raised_counts

        if self.shares is None:
            return raised_counts(codes, n_ranges, RAISED)
        present = np.bincount(codes, minlength=n_ranges)
        return {code: round(share * int(present[code])) for code, share in enumerate(self.shares)}


def make_value_ours(augmenter: Any, rows: TableData) -> ValueOurs:
    """Make what is judged of "policy", a variant's name, a cheap arm's, or a `GanAugmenter`.

    Raises:
        ConfigError: it is something else.
    """
    from ganaug import variants
    from ganaug.sampling import class_counts

    schema: Any = rows.schema
    if isinstance(augmenter, Policy) or augmenter == "policy":
        variant = augmenter.variant if isinstance(augmenter, Policy) else "auto"
        return ValueOurs(name="policy", label="The rule", variant=variant)
    if isinstance(augmenter, GanAugmenter):
        ours = ValueOurs(name=augmenter.name, label=augmenter.name, variant=augmenter.variant)
        if augmenter.sampling_strategy is None:
            return ours
        codes = schema.label_codes(rows.table)
        added = class_counts(augmenter.sampling_strategy, codes, schema)
        present = np.maximum(np.bincount(codes, minlength=schema.n_classes), 1)
        shares = tuple(added.get(code, 0) / present[code] for code in range(schema.n_classes))
        return replace(ours, shares=shares)
    if isinstance(augmenter, str) and (augmenter == "auto" or augmenter in variants.names("tables")):
        return ValueOurs(name=augmenter, label=augmenter, variant=augmenter)
    if isinstance(augmenter, str) and augmenter in VALUE_ARMS:
        arm = VALUE_ARMS[augmenter]
        return ValueOurs(name=f"{arm.name}*", label=f"{arm.label} (as augmenter)", arm=arm)
    known = ("policy", "auto", *variants.names("tables"), *VALUE_ARMS)
    hint = variants.close_names(augmenter, known) if isinstance(augmenter, str) else ""
    raise ConfigError(
        f"with task='regression' augmenter must be one of {', '.join(known)}, or a GanAugmenter, however: "
        f"{augmenter!r}{hint}"
    )


def measure_value_effect(
    rows: TableData,
    table: pa.Table,
    info: Rows,
    *,
    augmenter: Any,
    depth: str,
    cv: Any,
    estimator: Any,
    scoring: Any,
    arms: Any,
    seed: int,
    device: Any,
    progress: Progress,
    n_jobs: int | None,
) -> Effect:
    """Measure what an augmentation does to regressors; see `ganaug.measure_effect`.

    Args:
        rows: those that were given, of a `ValueSchema`.
        table: all rows, those of a test set of its own at the end.
        info: what the plan has to know about these.

    Raises:
        ConfigError: an option cannot be used with a numeric target.
    """
    started = time.perf_counter()
    if scoring is not None and scoring not in ERRORS:
        raise ConfigError(f"with task='regression' scoring must be one of {', '.join(ERRORS)}, however: {scoring!r}")
    ours = make_value_ours(augmenter, rows)
    learners = DEFAULT_REGRESSORS if estimator is None else (own_regressor(estimator),)
    counts = np.bincount(rows.schema.label_codes(rows.table), minlength=rows.schema.n_classes)
    about = {
        "depth": depth,
        "n_rows": len(rows.table),
        "n_features": len(rows.schema.feature_names),
        "class_counts": dict(zip(rows.schema.class_names(), counts.tolist(), strict=True)),
        "ours": ours.name,
        "random_state": seed,
        "lower_is_better": [],
    }
    try:
        plan = make_plan(info, depth=depth, cv=cv, seed=seed)
        # Nothing is tuned or chosen on inner folds here.
        notes = tuple(note for note in plan.notes if not note.startswith(("no inner folds", "inner folds")))
        check = _Check(
            table=table,
            schema=rows.schema,
            plan=replace(plan, notes=notes),
            ours=ours,
            arms=[arm for arm in value_arms(arms) if arm.name != ours.name],
            learners=learners,
            device=device,
            progress=progress,
        )
        check.run(n_jobs)
    except TooFewRowsError as error:
        return Effect(
            verdict="not measurable",
            sentence=f"The effect cannot be measured: {error}.",
            scoring=scoring or PRIMARY,
            n_splits=0,
            n_repeats=0,
            smallest_detectable=float("nan"),
            seconds=time.perf_counter() - started,
            **about,
        )
    protocol: Any = SimpleNamespace(
        measured=check.measured,
        ours=ours,
        arms=check.arms,
        learners=learners,
        rule=SimpleNamespace(name=scoring or PRIMARY),
    )
    return findings(protocol, check.plan, (), about, seconds=time.perf_counter() - started)


@dataclass(kw_only=True)
class _Check:
    """Runs the folds."""

    table: pa.Table
    schema: Any
    plan: Plan
    ours: ValueOurs
    arms: list[ValueArm]
    learners: Sequence[Learner]
    device: Any
    progress: Progress = silent
    measured: Measured = field(default_factory=Measured)

    def run(self, n_jobs: int | None) -> None:
        """Measure every arm on every fold."""
        assert isinstance(self.schema, ValueSchema)
        for arm in [arm for arm in self.arms if arm.weighs]:
            if missing := [learner.name for learner in self.learners if learner.weights is None]:
                self.measured.left_out[arm.name] = f"{missing[0]} takes no sample_weight"
        running = [arm for arm in self.arms if arm.name not in self.measured.left_out]
        seeds = 1 if self.ours.arm is not None else self.plan.generator_seeds
        fits = len(self.plan.folds) * len(self.learners) * (len(running) + seeds)
        runner = Runner(fits, n_jobs=n_jobs, progress=self.progress, work="regressors")
        for repeat in range(self.plan.n_repeats):
            folds = [fold for fold in self.plan.folds if fold.repeat == repeat]
            parts = {fold.index: Part(self.table, self.schema, fold.train, fold.test) for fold in folds}
            generators = {} if self.ours.arm is not None else self._generators(folds, parts, seeds)
            for fold in folds:
                self._fold(fold, parts[fold.index], running, generators, seeds, runner)
        runner.finish()

    def _generators(self, folds: list[Fold], parts: dict[int, Part], seeds: int) -> dict[tuple[int, int], Any]:
        """Train the generators of all folds of a repeat in one batch, each on its fold's training rows."""
        started = time.perf_counter()
        keys = [(fold.index, g) for fold in folds for g in range(seeds)]
        by_index = {fold.index: fold for fold in folds}
        drawn = [derive(by_index[i].seed, "generator", 0, g) for i, g in keys]
        augmenter = GanAugmenter(variant=self.ours.variant)
        tables = [parts[i].table for i, _ in keys]
        try:
            fitted = augmenter.fit_many(tables, self.schema, drawn, device=self.device, progress=self.progress)
        except DataError as error:
            raise TooFewRowsError(f"the generator of a fold cannot be trained: {error}") from error
        self.measured.seconds[self.ours.name] += time.perf_counter() - started
        return dict(zip(keys, fitted, strict=True))

    def _fold(
        self,
        fold: Fold,
        part: Part,
        arms: list[ValueArm],
        generators: dict[tuple[int, int], Any],
        seeds: int,
        runner: Runner,
    ) -> None:
        """Fit and judge every arm on one fold."""
        real = self._rows(part)
        made: dict[tuple[str, int], Fitted] = {
            (arm.name, 0): arm.make(real, numpy_rng(fold.seed, "rows", arm.name)) for arm in arms
        }
        for g in range(seeds):
            if self.ours.arm is not None:
                made[self.ours.name, g] = self.ours.arm.make(real, numpy_rng(fold.seed, "rows", self.ours.name))
            else:
                made[self.ours.name, g] = self._ours(fold, part, real, generators[fold.index, g], g)
        keys = [(arm, g, learner) for arm, g in made for learner in self.learners]
        jobs: list[Any] = [
            ValueJob(
                learner=learner,
                x=made[arm, g].x,
                y=made[arm, g].y,
                weight=made[arm, g].weight,
                held_out=part.held_matrix,
                seed=fold.seed,
            )
            for arm, g, learner in keys
        ]
        truth = self.schema.values_of(part.held_table)
        cuts = self.plan.test_parts or (np.arange(len(truth)),)
        for (arm, g, learner), outcome in zip(keys, runner.run(jobs), strict=True):
            self.measured.seconds[arm] += outcome.seconds
            for number, at in enumerate(cuts):
                found = errors_of(truth[at], outcome.proba[at, 0], real.y)
                where = {"fold": fold.index, "seed": g, "part": number, "arm": arm, "learner": learner.name}
                self.measured.records += [where | {"metric": m, "value": v} for m, v in found.items()]

    def _rows(self, part: Part) -> FoldRows:
        preparation = part.preparation
        assert isinstance(preparation, Preparation)
        numeric = np.zeros(preparation.width, bool)
        for block in preparation.blocks:
            numeric[block.start : block.stop] = block.kind == "number"
        return FoldRows(
            x=part.matrix,
            y=self.schema.values_of(part.table),
            codes=part.codes,
            numeric=numeric,
            counts=self.ours.counts(part.codes, self.schema.n_classes),
        )

    def _ours(self, fold: Fold, part: Part, real: FoldRows, generator: Any, g: int) -> Fitted:
        """Return the real rows and those that the generator draws."""
        from ganaug.sampling import draw

        started = time.perf_counter()
        rows = draw(generator, real.counts, seed=derive(fold.seed, "rows", 0, g))
        made = part.preparation.transform(rows)
        self.measured.seconds[self.ours.name] += time.perf_counter() - started
        return Fitted(x=np.concatenate([real.x, made]), y=np.concatenate([real.y, self.schema.values_of(rows)]))
