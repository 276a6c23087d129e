"""What a check costs, and what is left out, in a stated order, when that is more than the time given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ganaug.evaluate.plan import Plan

__all__ = ["Work", "cut_to"]

FEWEST_FOLDS = 3
DISPENSABLE = ("class_weights", "random_oversampling", "smote", "flips_crops_shifts")
"""Cheap arms that may go, in this order; what the user brought and the tuned threshold, which is free, stay."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """The parts of a check that can be made smaller."""

    plan: Plan
    arms: tuple[str, ...]
    """Arms that are fitted, ours left out."""
    candidates: int
    """Candidates of the policy that are fitted on inner folds, nothing left out; 1 for a fixed augmenter."""
    learners: int
    generators: bool
    """Whether generators are trained in batches."""
    labelling: int = 0
    """Fits that label the rows of all candidates once, on an outer fold."""
    inner_labelling: int = 0
    """The same on an inner one."""

    @property
    def fits(self) -> int:
        """Return the classifier fits, at most (a candidate that adds no row is not fitted again)."""
        return sum(
            self.learners
            * ((1 + len(fold.inner)) * len(self.arms) + len(fold.inner) * self.candidates + self.plan.generator_seeds)
            + self.inner_labelling * len(fold.inner)
            + self.labelling * self.plan.generator_seeds
            for fold in self.plan.folds
        )

    @property
    def generator_fits(self) -> int:
        """Return how many generators are trained."""
        if not self.generators:
            return 0
        return sum(len(fold.inner) + self.plan.generator_seeds for fold in self.plan.folds)

    def seconds(self, per_fit: float, workers: int, per_generator: float = 0.0) -> float:
        """Return what is expected. 1.15: the drawing of rows, and workers that wait for the last fit of a fold."""
        return 1.15 * self.fits * per_fit / workers + self.generator_fits * per_generator


def cut_to(
    work: Work, seconds: float, *, per_fit: float, workers: int, per_generator: float = 0.0
) -> tuple[Work, list[str]]:
    """Leave things out until the work is expected to fit into ``seconds``, or nothing more can be left out.

    In this order: repeats, from the last; generator seeds, down to one; the policy's candidates, from the last, down to
    one beside nothing; class weights, random oversampling, SMOTE, moved images; folds, down to three.

    Returns:
        the smaller work, and one sentence for everything that was left out.
    """
    cuts: list[str] = []
    for smaller, sentence in _steps(work):
        if work.seconds(per_fit, workers, per_generator) <= seconds:
            break
        work = smaller(work)
        # "repeats: 3 instead of 5" takes the place of "repeats: 4 instead of 5".
        cuts = [c for c in cuts if c.split(":")[0] != sentence.split(":")[0]] + [sentence]
    return work, cuts


def _steps(work: Work) -> list[tuple[Callable[[Work], Work], str]]:
    steps: list[tuple[Callable[[Work], Work], str]] = []
    plan = work.plan
    for repeats in range(plan.n_repeats - 1, 0, -1):
        steps.append((lambda w, r=repeats: _first_repeats(w, r), f"repeats: {repeats} instead of {plan.n_repeats}"))
    if plan.generator_seeds > 1 and not plan.single:
        steps.append((_one_seed, f"generator seeds: 1 instead of {plan.generator_seeds}"))
    for n in range(work.candidates - 1, 0, -1):
        sentence = f"policy: {n} candidates beside nothing instead of {work.candidates}"
        steps.append((lambda w, n=n: replace(w, candidates=n), sentence))
    for name in DISPENSABLE:
        if name in work.arms:
            steps.append((lambda w, name=name: _without(w, name), f"arm {name}: left out"))
    for folds in range(plan.n_splits - 1, FEWEST_FOLDS - 1, -1):
        sentence = f"folds: the first {folds} of {plan.n_splits}"
        steps.append((lambda w, f=folds: _first_folds(w, f), sentence))
    return steps


def _first_repeats(work: Work, repeats: int) -> Work:
    kept = tuple(f for f in work.plan.folds if f.repeat < repeats)
    return replace(work, plan=replace(work.plan, folds=kept, n_repeats=repeats))


def _one_seed(work: Work) -> Work:
    return replace(work, plan=replace(work.plan, generator_seeds=1))


def _without(work: Work, name: str) -> Work:
    return replace(work, arms=tuple(a for a in work.arms if a != name))


def _first_folds(work: Work, folds: int) -> Work:
    kept = tuple(f for f in work.plan.folds if f.index % work.plan.n_splits < folds)
    return replace(work, plan=replace(work.plan, folds=kept))
