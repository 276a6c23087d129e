"""`measure_effect`: does an augmentation help a classifier on real rows that nothing was fitted on?"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from ganaug import progress as progress_module
from ganaug.data import TableData, read_table, row_hashes
from ganaug.errors import ConfigError, DataError
from ganaug.evaluate.arms import TUNED, make_arms
from ganaug.evaluate.budget import Work, cut_to
from ganaug.evaluate.findings import findings
from ganaug.evaluate.ours import make_ours
from ganaug.evaluate.plan import Fold, Plan, Rows, make_plan
from ganaug.evaluate.protocol import Ours, Protocol
from ganaug.evaluate.result import Effect
from ganaug.learners import DEFAULT_LEARNERS, Job, Learner, Runner, labels_of, own_learner
from ganaug.learners.folds import TooFewRowsError
from ganaug.learners.scoring import Scoring
from ganaug.progress import Progress
from ganaug.seeding import derive, resolve

__all__ = ["Effect", "measure_effect"]

logger = logging.getLogger("ganaug")

TRAINING_SHARE = 0.6
"""Share of a time budget that is kept for classifiers as long as nobody knows how long generators take."""


def measure_effect(
    data: Any,
    *,
    target: Any = None,
    augmenter: Any = "policy",
    depth: Literal["quick", "thorough"] = "quick",
    cv: Any = None,
    groups: Any = None,
    test_data: Any = None,
    estimator: Any = None,
    scoring: Any = None,
    arms: Iterable[Any] | Mapping[str, Any] | None = None,
    id_columns: Any = None,
    time_budget: float | None = None,
    random_state: Any = None,
    device: Any = "auto",
    progress: bool | Progress = True,
    n_jobs: int | None = None,
) -> Effect:
    """Measure what an augmentation does to classifiers, on real rows that nothing was fitted on.

    Everything is fitted inside each training fold: features, generators, filters, the policy's amount, thresholds.
    An augmenter that was fitted beforehand is fitted again, or refused where it gives held-out rows away.

    Args:
        data: as for `ganaug.augment`.
        target: the column of classes.
        augmenter: ``"policy"``, a variant's name, a `Policy` or `GanAugmenter`, any object with ``fit_many(tables,
            schema, seeds)`` (fitted generators offer ``sample_table(codes, *, seed)``), the name of a cheap arm, an
            imbalanced-learn sampler, or a callable (X: DataFrame, y: Series, random_state: int) -> (X, y).
        depth: ``"quick"`` (5 folds), or ``"thorough"`` (5 x 5, 10 repeats where the smallest class has under 50 rows,
            three generators a fold).
        cv: a number of folds, a scikit-learn splitter, or (train, test) index pairs, instead of the depth's folds.
        groups: (n,) groups that no fold may split, or the name of a column, which is then no feature.
        test_data: rows to test on instead of folds; the interval then says nothing about other training rows.
        estimator: a classifier instead of the default three; a Pipeline gets the DataFrame, others prepared features.
        scoring: scikit-learn's name or callable, instead of (macro) average precision.
        arms: what to compare with instead of `DEFAULT_ARMS`: names of these, samplers, callables; a dict names them.
        id_columns: columns that name rows; see `ganaug.data.read_table`.
        time_budget: seconds; what is left out to keep them is in ``.cuts``, and depends on this machine's speed.
        random_state: an integer makes everything the same again, whatever ``n_jobs``.
        device: for generators.
        progress: whether to show bars, or what to tell instead.
        n_jobs: processes for the classifiers; None: all cores.

    Raises:
        DataError, ConfigError: what was given cannot be used. Too few rows to split are no error but the verdict
            "not measurable".

    Examples:
        >>> from sklearn.datasets import load_breast_cancer
        >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
        >>> effect = measure_effect((X, y), augmenter="random_oversampling", cv=2, arms=["class_weights"],
        ...                         random_state=0, progress=False)
        >>> effect.verdict in ("helps", "better than nothing", "harms", "no evidence")
        True
    """
    started = time.perf_counter()
    seed = resolve(random_state)
    if time_budget is not None and not time_budget > 0:
        raise ConfigError(f"time_budget must be above 0 seconds, however: {time_budget=}")
    rows, table, info = _rows(data, target, id_columns, groups, test_data)
    ours = make_ours(augmenter, rows)
    about: dict[str, Any] = {
        "depth": depth,
        "n_rows": len(rows.table),
        "n_features": len(rows.schema.feature_names),
        "class_counts": _class_counts(rows),
        "ours": ours.name,
        "random_state": seed,
    }
    if rows.schema.n_classes < 2:
        return _not_measurable("there is no target with two classes to classify", about, started)
    labels = labels_of(rows.schema)
    rule = Scoring.make(scoring, info.codes, labels)
    learners = DEFAULT_LEARNERS if estimator is None else (own_learner(estimator, labels),)
    shown = progress_module.bar(enabled=progress) if isinstance(progress, bool) else nullcontext(progress)
    try:
        plan = make_plan(info, depth=depth, cv=cv, seed=seed)
        with shown as told:
            check = _Check(table, rows, plan, ours, make_arms(arms), learners, rule, told, device, n_jobs)
            check.run(time_budget)
    except TooFewRowsError as error:
        return _not_measurable(str(error), about, started, rule.name)
    if ours.name in check.protocol.measured.left_out:
        return _not_measurable(check.protocol.measured.left_out[ours.name], about, started, rule.name)
    return findings(check.protocol, check.plan, check.cuts, about, seconds=time.perf_counter() - started)


class _Check:
    """One check under way: the protocol, what it may cost, and what was cut."""

    def __init__(
        self,
        table: pa.Table,
        rows: TableData,
        plan: Plan,
        ours: Ours,
        arms: list,
        learners: tuple[Learner, ...],
        rule: Scoring,
        told: Progress,
        device: Any,
        n_jobs: int | None,
    ) -> None:
        self.plan, self.repeats = plan, plan.n_repeats
        self.cuts: list[str] = []
        self.runner = Runner(1, n_jobs=n_jobs, progress=told, work="classifiers")
        self.protocol = Protocol(
            table,
            rows.schema,
            arms=[arm for arm in arms if arm.name != ours.name],
            ours=ours,
            learners=learners,
            rule=rule,
            runner=self.runner,
            device=device,
            progress=told,
        )

    def run(self, budget: float | None) -> None:
        """Run the folds, repeat by repeat; the generators of a repeat, inner folds included, are one batch."""
        started = time.perf_counter()
        protocol, runner = self.protocol, self.runner
        runner.run(self._probe())
        trains = protocol.ours.augmenter is not None
        if budget is not None:
            self._cut(budget * (TRAINING_SHARE if trains else 1.0) - (time.perf_counter() - started), 0.0)
        work = self._work()
        runner.total = work.fits + runner.done
        logger.info(
            "effect check: %d folds x %d repeats, %d arms, %d classifier fits, about %.0f s on %d workers%s",
            self.plan.n_splits,
            self.plan.n_repeats,
            len(protocol.arms) + 1,
            work.fits,
            work.seconds(runner.seconds_per_fit(), runner.workers),
            runner.workers,
            f", after the training of {work.generator_fits} generators" if trains else "",
        )
        for repeat in range(self.plan.n_repeats):
            began = time.perf_counter()
            generators = protocol.fit_generators(self._folds(repeat), self.plan) if trains else None
            if budget is not None and repeat == 0 and generators is not None:
                each = generators.seconds / len(generators.by_key)
                logger.info("effect check: %d generators in %.1f s", len(generators.by_key), generators.seconds)
                self._cut(budget - (time.perf_counter() - started), each, trained=len(generators.by_key))
            for fold in self._folds(repeat):
                protocol.run_fold(fold, self.plan, generators)
            now, done = time.perf_counter(), repeat + 1
            if done >= self.plan.n_repeats:
                break
            if budget is not None and now - started + (now - began) > budget:
                self._note(f"repeats: {done} instead of {self.repeats}")
                kept = tuple(fold for fold in self.plan.folds if fold.repeat < done)
                self.plan = replace(self.plan, folds=kept, n_repeats=done)
                break
        # Fits that were not needed: candidates without rows, folds in which the policy chose nothing.
        runner.total = runner.done

    def _folds(self, repeat: int) -> list[Fold]:
        return [fold for fold in self.plan.folds if fold.repeat == repeat]

    def _probe(self) -> list[Job]:
        """Fit every learner once on the first fold, to know what a fit costs."""
        fold = self.plan.folds[0]
        part = self.protocol.part(fold.train, fold.test)
        return [Job.of(part, learner, part.plain(), derive(fold.seed, "probe")) for learner in self.protocol.learners]

    def _work(self) -> Work:
        protocol = self.protocol
        fitted = tuple(arm.name for arm in protocol.arms if arm.name != TUNED)
        beside = sum(candidate.ratio > 0 for candidate in protocol.candidates)
        trains = protocol.ours.augmenter is not None
        return Work(
            plan=self.plan,
            arms=fitted,
            candidates=max(1, beside),
            learners=len(protocol.learners),
            generators=trains,
        )

    def _cut(self, seconds: float, per_generator: float, *, trained: int = 0) -> None:
        """Make the check small enough for the seconds that are left; ``trained`` generators are paid for."""
        before = self._work()
        after, cuts = cut_to(
            before,
            seconds + trained * per_generator,
            per_fit=self.runner.seconds_per_fit(),
            workers=self.runner.workers,
            per_generator=per_generator,
        )
        self.plan = after.plan
        protocol = self.protocol
        protocol.arms = [arm for arm in protocol.arms if arm.name in (*after.arms, TUNED)]
        if after.candidates < before.candidates:
            protocol.candidates = protocol.candidates[: after.candidates + 1]
        for cut in cuts:
            self._note(cut)
            logger.info("effect check, for the time budget: %s", cut)

    def _note(self, cut: str) -> None:
        """Remember a cut; a later one of the same thing takes the place of an earlier one."""
        self.cuts = [c for c in self.cuts if c.split(":")[0] != cut.split(":")[0]] + [cut]


def _rows(data: Any, target: Any, id_columns: Any, groups: Any, test_data: Any) -> tuple[TableData, pa.Table, Rows]:
    """Return the rows given, all rows (those of a test set at the end), and what the plan has to know about them."""
    if isinstance(groups, str):
        found = read_table(data, target=target, id_columns=id_columns)
        if groups not in found.table.column_names or groups == found.schema.target:
            raise DataError(f"groups must name a feature column, however: {groups!r} of {found.table.column_names}")
        ids = list(dict.fromkeys([*found.schema.id_columns, groups]))
        rows = read_table(data, target=target, id_columns=ids)
        groups = np.array([str(v) for v in rows.table.column(groups).to_pylist()])
    else:
        rows = read_table(data, target=target, id_columns=id_columns)
    table, n_given = rows.table, 0
    if test_data is not None:
        given_target = None if isinstance(test_data, tuple) else target
        labels = None if rows.schema.classes is None else rows.schema.classes.to_pylist()
        test = read_table(test_data, target=given_target, id_columns=rows.schema.id_columns, classes=labels)
        rows.schema.check(test.table)
        table = pa.concat_tables([table, test.table.cast(table.schema)]).combine_chunks()
        n_given = len(test.table)
    group_ids = None
    if groups is not None:
        group_ids = np.unique(np.asarray(groups).astype(str), return_inverse=True)[1]
        if len(group_ids) != len(rows.table):
            raise DataError(f"groups must have one value a row ({len(rows.table)}), however: {len(group_ids)}")
        # A test set of its own has no groups: its rows are never training rows.
        group_ids = np.concatenate([group_ids, np.arange(n_given) + len(rows.table)])
    info = Rows(
        codes=rows.schema.label_codes(table),
        hashes=row_hashes(table, rows.schema.feature_names),
        class_names=rows.schema.class_names(),
        groups=group_ids,
        n_given_test=n_given,
    )
    return rows, table, info


def _class_counts(rows: TableData) -> dict[str, int]:
    counts = Counter(rows.schema.label_codes(rows.table).tolist())
    return {name: counts.get(code, 0) for code, name in enumerate(rows.schema.class_names())}


def _not_measurable(why: str, about: dict[str, Any], started: float, scoring: str = "average_precision") -> Effect:
    return Effect(
        verdict="not measurable",
        sentence=f"The effect cannot be measured: {why}.",
        scoring=scoring,
        n_splits=0,
        n_repeats=0,
        smallest_detectable=float("nan"),
        seconds=time.perf_counter() - started,
        **about,
    )
