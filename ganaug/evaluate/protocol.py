"""Runs a plan: every arm on every fold, the policy's choice inside each, and the numbers of all of it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.errors import DataError
from ganaug.evaluate.arms import NOTHING, TUNED, Arm, CannotRunError
from ganaug.evaluate.judge import Predicted, judge, tune_settings
from ganaug.evaluate.measured import Generators, Measured
from ganaug.evaluate.plan import Fold, Plan
from ganaug.image_schema import ImageSchema
from ganaug.learners import Job, Learner, Outcome, Part, Runner, Training
from ganaug.learners.folds import TooFewRowsError
from ganaug.learners.scoring import Scoring
from ganaug.policy import Candidate, Choice, candidate_trainings, choose, draw_candidate
from ganaug.progress import Progress, silent
from ganaug.schema import TableSchema
from ganaug.seeding import derive

__all__ = ["Ours", "Protocol"]

Key = tuple[str, int, int]
"""Arm (or candidate), part (0: the outer fold, then the inner ones), learner."""


@dataclass(frozen=True, kw_only=True)
class Ours:
    """The augmenter that is judged: generators trained in batches, or an arm like the others."""

    name: str
    label: str
    augmenter: Any = None
    """Offers ``fit_many``, ``candidates`` and ``counts``, as `ganaug.policy.GanAugmenter` does."""
    arm: Arm | None = None


class Protocol:
    """The machine that runs the folds.

    Args:
        table: all rows.
        schema: theirs.
        arms: those that ours is compared with, nothing among them.
        ours: what is judged.
        learners: the classifiers.
        rule: the primary score.
        runner: runs the fits.
        device: for generators.
        progress: told about the training of generators.
    """

    def __init__(
        self,
        table: pa.Table,
        schema: TableSchema | ImageSchema,
        *,
        arms: Sequence[Arm],
        ours: Ours,
        learners: Sequence[Learner],
        rule: Scoring,
        runner: Runner,
        device: Any = "auto",
        progress: Progress = silent,
    ) -> None:
        self.table, self.schema = table, schema
        self.arms, self.ours = list(arms), ours
        self.learners, self.rule, self.runner = learners, rule, runner
        self.device, self.progress = device, progress
        self.candidates: tuple[Candidate, ...] = () if ours.augmenter is None else tuple(ours.augmenter.candidates)
        self.measured = Measured()

    def part(self, train: np.ndarray, held_out: np.ndarray) -> Part:
        """Return a fold's rows as the learners take them; raises where a held-out row is a training row."""
        return Part(self.table, self.schema, train, held_out, frames=self.learners[0].frames)

    # ------------------------------------------------------------------ generators
    def fit_generators(self, folds: Sequence[Fold], plan: Plan, *, checkpoint: Any = None) -> Generators:
        """Train the generators of all these folds and of their inner folds in one batch.

        An interrupted training goes on from ``checkpoint``, if the augmenter knows how to.
        """
        started = time.perf_counter()
        keys, tables, seeds = [], [], []
        for fold in folds:
            for p, (train, held_out) in enumerate([(fold.train, fold.test), *fold.inner]):
                rows = self.part(train, held_out).table
                for g in range(plan.generator_seeds if p == 0 else 1):
                    keys.append((fold.index, p, g))
                    tables.append(rows)
                    seeds.append(derive(fold.seed, "generator", p, g))
        fit_many = self.ours.augmenter.fit_many
        options: dict[str, Any] = {"device": self.device, "progress": self.progress}
        if checkpoint is not None and "checkpoint" in inspect.signature(fit_many).parameters:
            options["checkpoint"] = checkpoint
        try:
            fitted = fit_many(tables, self.schema, seeds, **options)
        except DataError as error:
            raise TooFewRowsError(f"the generator of a fold cannot be trained: {error}") from error
        if len(fitted) != len(tables):
            raise ValueError(f"fit_many must return one generator a table, however: {len(fitted)} for {len(tables)}")
        seconds = time.perf_counter() - started
        self.measured.seconds[self.ours.name] += seconds
        return Generators(dict(zip(keys, fitted, strict=True)), seconds)

    # ------------------------------------------------------------------ one fold
    def run_fold(self, fold: Fold, plan: Plan, generators: Generators | None) -> None:
        """Fit and judge every arm on one outer fold."""
        parts = [self.part(train, held) for train, held in [(fold.train, fold.test), *fold.inner]]
        trainings: dict[tuple[str, int], Training] = {}
        for arm in self.arms:
            if arm.name != TUNED and arm.name not in self.measured.left_out:
                trainings |= self._resampled(arm, parts, fold)
        if generators is not None:
            trainings |= self._candidates(parts, fold, generators)
        choice: Choice | None = None
        if len(self.candidates) < 2:
            trainings |= self._ours(fold, plan, parts, generators, None)
        found = self._run(trainings, parts, fold, {})
        if len(self.candidates) > 1:
            choice = self._choose(parts, found)
            self.measured.choices.append((fold.index, choice))
            ours = self._ours(fold, plan, parts, generators, choice)
            found = self._run(ours, parts, fold, found)
            trainings |= ours
        inner_of = f"candidate {choice.index if choice is not None else 0}" if generators is not None else None
        for arm in self.arms:
            source = NOTHING if arm.name == TUNED else arm.name
            if source not in self.measured.left_out:
                self._record(fold, plan, parts, found, trainings, arm.name, source, source, 0)
        for g in range(plan.generator_seeds):
            if self.ours.name not in self.measured.left_out:
                source = f"{self.ours.name} {g}"
                self._record(fold, plan, parts, found, trainings, self.ours.name, source, inner_of or source, g)

    def _resampled(self, arm: Arm, parts: list[Part], fold: Fold) -> dict[tuple[str, int], Training]:
        """Return an arm's rows on the fold and its inner folds; an arm that cannot run is left out, with the reason."""
        started = time.perf_counter()
        try:
            return {
                (arm.name, p): arm.training(part, self.learners, derive(fold.seed, "rows", p, 0))
                for p, part in enumerate(parts)
            }
        except CannotRunError as reason:
            self.measured.left_out[arm.name] = str(reason)
            return {}
        finally:
            self.measured.seconds[arm.name] += time.perf_counter() - started

    def _candidates(self, parts: list[Part], fold: Fold, generators: Generators) -> dict[tuple[str, int], Training]:
        """Return the rows of every candidate on the inner folds."""
        started = time.perf_counter()
        trainings = {}
        for p, part in enumerate(parts[1:], start=1):
            made = candidate_trainings(
                self.ours.augmenter,
                generators.by_key[fold.index, p, 0],
                part,
                derive(fold.seed, "rows", p, 0),
                candidates=self.candidates,
                runner=self.runner,
            )
            trainings |= {(f"candidate {c}", p): training for c, training in enumerate(made)}
        self.measured.seconds[self.ours.name] += time.perf_counter() - started
        return trainings

    def _ours(
        self, fold: Fold, plan: Plan, parts: list[Part], generators: Generators | None, choice: Choice | None
    ) -> dict[tuple[str, int], Training]:
        """Return our rows for every generator seed: on the outer fold, and on the inner ones where nobody chooses."""
        started = time.perf_counter()
        trainings: dict[tuple[str, int], Training] = {}
        name, augmenter, arm = self.ours.name, self.ours.augmenter, self.ours.arm
        try:
            for g in range(plan.generator_seeds):
                if generators is not None:
                    rows = draw_candidate(
                        augmenter,
                        self.candidates[0] if choice is None else choice.candidate,
                        generators.by_key[fold.index, 0, g],
                        parts[0].table,
                        self.schema,
                        preparation=parts[0].preparation,
                        seed=derive(fold.seed, "rows", 0, g),
                        runner=self.runner,
                    )
                    trainings[f"{name} {g}", 0] = parts[0].with_table(rows) if len(rows) else parts[0].plain()
                elif arm is not None and name not in self.measured.left_out:
                    for p, part in enumerate(parts):
                        trainings[f"{name} {g}", p] = arm.training(part, self.learners, derive(fold.seed, "rows", p, g))
        except CannotRunError as reason:
            self.measured.left_out[name], trainings = str(reason), {}
        self.measured.seconds[name] += time.perf_counter() - started
        return trainings

    def _choose(self, parts: list[Part], found: dict[Key, Outcome]) -> Choice:
        candidates = self.candidates
        inner = range(1, len(parts))
        scores = np.array(
            [
                [
                    [
                        self.rule.score(parts[p].held_codes, found[f"candidate {c}", p, i].proba)
                        for i in range(len(self.learners))
                    ]
                    for p in inner
                ]
                for c in range(len(candidates))
            ]
        ).reshape(len(candidates), len(inner), len(self.learners))
        ratio = float(np.mean([len(parts[p].held_codes) / len(parts[p].codes) for p in inner])) if inner else 0.5
        augmenter = self.ours.augmenter
        asked = {name: getattr(augmenter, name) for name in ("error_rate", "confidence") if hasattr(augmenter, name)}
        return choose(scores, candidates=candidates, test_to_train=ratio, **asked)

    # ------------------------------------------------------------------ fits and numbers
    def _run(
        self,
        trainings: dict[tuple[str, int], Training],
        parts: list[Part],
        fold: Fold,
        known: dict[Key, Outcome],
    ) -> dict[Key, Outcome]:
        """Fit every learner on every arm's rows; rows that are the real ones as they are give what nothing gave."""
        jobs: dict[Key, Job] = {}
        same: list[Key] = []
        for (arm, p), training in trainings.items():
            for i, learner in enumerate(self.learners):
                if arm != NOTHING and training.is_plain(len(parts[p].codes)):
                    same.append((arm, p, i))
                else:
                    jobs[arm, p, i] = Job.of(parts[p], learner, training, derive(fold.seed, "classifier", p))
        found = known | dict(zip(jobs, self.runner.run(list(jobs.values())), strict=True))
        for arm, p, i in jobs:
            owner = arm if any(arm == a.name for a in self.arms) else self.ours.name
            self.measured.seconds[owner] += found[arm, p, i].seconds
        return found | {(arm, p, i): found[NOTHING, p, i] for arm, p, i in same}

    def _record(
        self,
        fold: Fold,
        plan: Plan,
        parts: list[Part],
        found: dict[Key, Outcome],
        trainings: dict[tuple[str, int], Training],
        arm: str,
        outer: str,
        inner: str,
        g: int,
    ) -> None:
        """Judge an arm: ``outer`` and ``inner`` name whose predictions are its own on the fold and the inner folds."""
        k = self.schema.n_classes
        inner_codes = np.concatenate([p.held_codes for p in parts[1:]]) if len(parts) > 1 else None
        prior = np.bincount(parts[0].codes, minlength=k) / len(parts[0].codes)
        rule = replace(self.rule, prior=prior)
        test_parts = plan.test_parts or (np.arange(len(parts[0].held_codes)),)
        for i, learner in enumerate(self.learners):
            out_of_fold = [found[inner, p, i].proba for p in range(1, len(parts))]
            predicted = Predicted(
                test=found[outer, 0, i].proba,
                inner=np.concatenate(out_of_fold) if out_of_fold else None,
                shares=trainings[outer, 0].shares(k),
            )
            settings = tune_settings(predicted, inner_codes, rule)
            for number, rows in enumerate(test_parts):
                values = judge(
                    predicted,
                    settings,
                    parts[0].held_codes,
                    rule,
                    rows=rows,
                    prior=prior,
                    tuned=arm == TUNED,
                )
                where = {"fold": fold.index, "seed": g, "part": number, "arm": arm, "learner": learner.name}
                self.measured.records += [where | {"metric": m, "value": v} for m, v in values.items()]
