"""One check under way: what it will cost, what is cut for a budget, and the folds one after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from ganaug.errors import ArtefactError
from ganaug.evaluate.arms import TUNED
from ganaug.evaluate.budget import Work, cut_to
from ganaug.evaluate.kept import Keeping
from ganaug.evaluate.measured import Generators, Measured
from ganaug.evaluate.plan import Fold, Plan
from ganaug.evaluate.protocol import Protocol
from ganaug.learners import Job

__all__ = ["Check"]

logger = logging.getLogger("ganaug")

TRAINING_SHARE = 0.6
"""Share of a time budget that is kept for classifiers as long as nobody knows how long generators take."""


class Check:
    """Runs a plan on a protocol, in the time given.

    Args:
        protocol: what is fitted and judged on a fold.
        plan: the folds.
        keeping: where finished repeats are kept and looked for.
    """

    def __init__(self, protocol: Protocol, plan: Plan, *, keeping: Keeping | None = None) -> None:
        self.protocol, self.runner, self.keeping = protocol, protocol.runner, keeping
        self.plan, self.repeats = plan, plan.n_repeats
        self.trains = protocol.ours.augmenter is not None
        self.cuts: list[str] = []

    def run(self, budget: float | None) -> None:
        """Run the folds, repeat by repeat; the generators of a repeat, inner folds included, are one batch."""
        self.started = time.perf_counter()
        keeping = self.keeping if budget is None else None
        kept = {} if keeping is None else {r: keeping.read(r) for r in range(self.plan.n_repeats)}
        measured = Measured()
        if None in kept.values() or not kept:
            self.runner.probe(self._probes())
        if budget is not None:
            self._cut(budget * (TRAINING_SHARE if self.trains else 1.0) - self._elapsed(), 0.0)
        self._announce([repeat for repeat, found in kept.items() if found is not None])
        repeat = 0
        while repeat < self.plan.n_repeats:
            began = time.perf_counter()
            found = kept.get(repeat)
            if found is None:
                found = self._run_repeat(repeat, budget, measured.left_out, keeping)
            measured.add(found)
            repeat += 1
            if budget is not None and self._elapsed() + (time.perf_counter() - began) > budget:
                self._stop_after(repeat)
        self.protocol.measured = measured
        self.runner.finish()

    def _run_repeat(
        self, repeat: int, budget: float | None, left_out: dict[str, str], keeping: Keeping | None
    ) -> Measured:
        """Run the folds of one repeat; arms that an earlier one had to leave out are not tried again."""
        self.protocol.measured = Measured(left_out=dict(left_out))
        generators = None
        if self.trains:
            generators = self._generators(repeat, keeping)
            count = len(generators.by_key)
            logger.info("effect check: %d generators in %.1f s", count, generators.seconds)
            if budget is not None and repeat == 0:
                self._cut(budget - self._elapsed(), generators.seconds / count, trained=count)
        for fold in self._folds(repeat):
            self.protocol.run_fold(fold, self.plan, generators)
        if keeping is not None:
            keeping.write(repeat, self.protocol.measured)
        return self.protocol.measured

    def _generators(self, repeat: int, keeping: Keeping | None) -> Generators:
        """Train the generators of a repeat, from where they were; a checkpoint that is not theirs goes."""
        folds = self._folds(repeat)
        if keeping is None:
            return self.protocol.fit_generators(folds, self.plan)
        checkpoint = keeping.shelf.checkpoint(repeat)
        try:
            return self.protocol.fit_generators(folds, self.plan, checkpoint=checkpoint)
        except ArtefactError as error:
            logger.warning("%s; the training starts over", str(error).partition("; ")[0])
            keeping.shelf.discard(repeat)
            return self.protocol.fit_generators(folds, self.plan, checkpoint=checkpoint)

    def _elapsed(self) -> float:
        return time.perf_counter() - self.started

    def _announce(self, kept: Sequence[int]) -> None:
        """Say what it will cost; the repeats ``kept`` cost nothing more."""
        left = tuple(fold for fold in self.plan.folds if fold.repeat not in kept)
        work = replace(self._work(), plan=replace(self.plan, folds=left))
        self.runner.total = work.fits
        if kept:
            logger.info("effect check: %d of %d repeats are there already", len(kept), self.plan.n_repeats)
        logger.info(
            "effect check: %d folds x %d repeats, %d arms, %d classifier fits, about %.0f s on %d workers%s",
            len(self._folds(0)),
            self.plan.n_repeats - len(kept),
            len(self.protocol.arms) + 1,
            work.fits,
            work.seconds(self.runner.seconds_per_fit(), self.runner.workers),
            self.runner.workers,
            f", after the training of {work.generator_fits} generators" if self.trains else "",
        )

    def _folds(self, repeat: int) -> Sequence[Fold]:
        return [fold for fold in self.plan.folds if fold.repeat == repeat]

    def _probes(self) -> list[Job]:
        """Return one fit of every learner on the first fold, to know what a fit costs."""
        fold = self.plan.folds[0]
        part = self.protocol.part(fold.train, fold.test)
        return [Job.of(part, learner, part.plain(), fold.seed) for learner in self.protocol.learners]

    def _work(self) -> Work:
        protocol = self.protocol
        fitted = tuple(arm.name for arm in protocol.arms if arm.name != TUNED)
        beside = sum(not candidate.is_none for candidate in protocol.candidates)
        return Work(
            plan=self.plan,
            arms=fitted,
            candidates=max(1, beside),
            learners=len(protocol.learners),
            generators=self.trains,
            labelling=sum(candidate.fits for candidate in protocol.candidates),
            inner_labelling=sum(candidate.inner_fits for candidate in protocol.candidates),
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

    def _stop_after(self, repeats: int) -> None:
        """Leave out the repeats that are left."""
        if repeats < self.plan.n_repeats:
            self._note(f"repeats: {repeats} instead of {self.repeats}")
            kept = tuple(fold for fold in self.plan.folds if fold.repeat < repeats)
            self.plan = replace(self.plan, folds=kept, n_repeats=repeats)
