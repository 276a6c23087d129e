"""Measurements -> an `Effect`: intervals, verdict, words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ganaug.evaluate.arms import NOTHING, TUNED
from ganaug.evaluate.judge import AT_HALF
from ganaug.evaluate.plan import Plan
from ganaug.evaluate.protocol import Protocol
from ganaug.evaluate.result import Effect
from ganaug.evaluate.statistics import Interval, smallest_detectable
from ganaug.evaluate.summary import Summary
from ganaug.evaluate.verdict import COVERS, Evidence, decide, sentence

__all__ = ["findings"]


def findings(protocol: Protocol, plan: Plan, cuts: Sequence[str], about: dict[str, Any], *, seconds: float) -> Effect:
    """Put together what a protocol measured."""
    measured, ours, scoring = protocol.measured, protocol.ours, protocol.rule.name
    summary = Summary(measured.frame(), plan)
    labels = {arm.name: arm.label for arm in protocol.arms} | {ours.name: ours.label}
    cheap = [arm for arm in summary.arms if arm not in (NOTHING, ours.name)]
    differences = {arm: summary.difference(arm, NOTHING, scoring) for arm in summary.arms}
    against = {arm: summary.difference(ours.name, arm, scoring) for arm in (NOTHING, *cheap)}
    tuning = None
    if TUNED in cheap:
        metric = "balanced_accuracy" if scoring != "balanced_accuracy" else "balanced_accuracy (tuned)"
        tuning = summary.difference(TUNED, NOTHING, metric, other_metric=f"balanced_accuracy{AT_HALF}")
    chosen = [choice for _, choice in measured.choices]
    detectable = _detectable(against[NOTHING], [differences[arm] for arm in cheap])
    evidence = Evidence(
        ours=ours.label,
        scoring=scoring,
        nothing=against[NOTHING],
        cheap={labels[arm]: against[arm] for arm in cheap},
        instead={labels[arm]: differences[arm] for arm in cheap},
        tuning=tuning,
        none_chosen=sum(choice.index == 0 for choice in chosen),
        folds=len(chosen),
        single=plan.single,
        detectable=detectable,
    )
    verdict = decide(evidence)
    return Effect(
        verdict=verdict,
        sentence=sentence(verdict, evidence),
        scoring=scoring,
        n_splits=len(plan.folds) if plan.n_repeats == 1 else plan.n_splits,
        n_repeats=plan.n_repeats,
        smallest_detectable=detectable,
        arms=_arms(protocol, summary, differences, labels, scoring),
        against=[{"name": arm} | _numbers(interval) for arm, interval in against.items()],
        metrics=_metrics(summary),
        folds=_folds(summary, scoring),
        choices=[
            {
                "fold": fold,
                "candidate": choice.candidate.name,
                "expected": choice.expected,
                "standard_error": choice.standard_error,
                "margin": choice.margin,
                "reason": choice.reason,
            }
            for fold, choice in measured.choices
        ],
        learners=[{"name": learner.name, "strength": learner.strength} for learner in protocol.learners],
        generator_seeds=plan.generator_seeds,
        seed_deviation=summary.seed_deviation(ours.name, scoring),
        interval_covers=COVERS["single" if plan.single else "folds"],
        cuts=list(cuts),
        warnings=[*plan.notes, *(f"{labels[a]} was left out: {why}" for a, why in measured.left_out.items())],
        seconds=seconds,
        **about,
    )


def _detectable(nothing: Interval, cheap: list[Interval]) -> float:
    """Return the smallest effect that could have been found.

    Where ours changed nothing at all its own differences say nothing about the noise; the median of the cheap arms
    stands in.
    """
    if nothing.standard_error != 0:
        return smallest_detectable(nothing.standard_error, nothing.df)
    found = sorted(smallest_detectable(i.standard_error, i.df) for i in cheap if i.standard_error > 0)
    return found[len(found) // 2] if found else math.nan


def _numbers(interval: Interval) -> dict[str, float]:
    return {"difference": interval.mean, "low": interval.low, "high": interval.high, "p": interval.p}


def _arms(
    protocol: Protocol, summary: Summary, differences: dict[str, Interval], labels: dict[str, str], scoring: str
) -> list[dict[str, Any]]:
    measured = protocol.measured
    rows: list[dict[str, Any]] = []
    for name in (*(arm.name for arm in protocol.arms), protocol.ours.name):
        row: dict[str, Any] = {"name": name, "label": labels[name]}
        if name in measured.left_out:
            nan = math.nan
            row |= {"score": nan, "difference": nan, "low": nan, "high": nan, "p": nan}
        elif name == NOTHING:
            row |= {"score": summary.score(name, scoring), "difference": 0.0, "low": math.nan, "high": math.nan}
            row |= {"p": math.nan}
        else:
            row |= {"score": summary.score(name, scoring)} | _numbers(differences[name])
        row |= {"seconds": float(measured.seconds.get(name, 0.0)), "note": measured.left_out.get(name, "")}
        rows.append(row)
    return rows


def _metrics(summary: Summary) -> list[dict[str, Any]]:
    rows = []
    learners: list[str | None] = [None, *summary.learners] if len(summary.learners) > 1 else list(summary.learners)
    for metric in summary.metrics:
        for arm in summary.arms:
            if arm == TUNED and metric.endswith(AT_HALF):
                continue
            for learner in learners:
                interval = summary.difference(arm, NOTHING, metric, learner)
                rows.append(
                    {
                        "arm": arm,
                        "learner": "mean" if learner is None else learner,
                        "metric": metric,
                        "score": summary.score(arm, metric, learner),
                        "difference": interval.mean,
                        "low": interval.low,
                        "high": interval.high,
                    }
                )
    return rows


def _folds(summary: Summary, scoring: str) -> list[dict[str, Any]]:
    frame = summary.frame[summary.frame["metric"] == scoring]
    means = frame.groupby(["fold", "arm", "learner"], sort=False)["value"].mean().reset_index()
    return [{str(k): v for k, v in row.items()} for row in means.assign(metric=scoring).to_dict("records")]
