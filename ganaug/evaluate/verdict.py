"""Intervals -> one verdict and one sentence, which never says more than the intervals do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ganaug.evaluate.statistics import Interval

__all__ = ["Evidence", "Verdict", "decide", "sentence"]

Verdict = Literal["helps", "better than nothing", "harms", "no evidence", "left alone", "not measurable"]

AS_THEY_ARE = "use the data as they are"
COVERS = {
    "folds": "another split of the rows and other generator seeds",
    "single": "other test rows and generator seeds, not other training rows",
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a verdict is reached on."""

    ours: str
    """Our arm's label."""
    scoring: str
    nothing: Interval
    """Ours less nothing."""
    cheap: Mapping[str, Interval]
    """Label of a cheap arm -> ours less that arm."""
    instead: Mapping[str, Interval]
    """Label of a cheap arm -> that arm less nothing."""
    tuning: Interval | None = None
    """Balanced accuracy of nothing at a tuned threshold less that at the untuned one."""
    none_chosen: int = 0
    """Folds in which the policy chose to add nothing."""
    folds: int = 0
    single: bool = False
    """Whether there was one split only."""
    detectable: float = math.nan


def decide(evidence: Evidence) -> Verdict:
    """Return the verdict.

    - **helps**: the lower bound is above 0 against nothing and against every cheap arm
    - **better than nothing**: it is above 0 against nothing only
    - **harms**: the upper bound against nothing is below 0
    - **left alone**: none of these, and the policy chose to add nothing in more than half of the folds
    - **no evidence**: everything else, intervals that are not known among it
    """
    if evidence.nothing.above:
        return "helps" if all(i.above for i in evidence.cheap.values()) else "better than nothing"
    if evidence.nothing.below:
        return "harms"
    if evidence.folds and 2 * evidence.none_chosen > evidence.folds:
        return "left alone"
    return "no evidence"


def sentence(verdict: Verdict, evidence: Evidence) -> str:
    """Return the verdict in one sentence, with what to do instead where nothing helped."""
    change = f"{evidence.scoring.replace('_', ' ')} changes by {_interval(evidence.nothing)}"
    covers = COVERS["single" if evidence.single else "folds"]
    if verdict == "helps":
        beaten = f"and it beats every cheap way that was tried ({', '.join(evidence.cheap)})"
        return (
            f"{evidence.ours} helps: {change} on real rows that nothing was fitted on, "
            f"{beaten if evidence.cheap else 'but no cheap way was tried'}; the interval covers {covers}."
        )
    if verdict == "better than nothing":
        rivals = {name: i for name, i in evidence.cheap.items() if not i.above}
        rival = min(rivals, key=lambda name: rivals[name].mean)
        return (
            f"{evidence.ours} is better than nothing: {change}; but {rival} does as well as far as can be told "
            f"({evidence.ours} less {rival}: {_interval(rivals[rival])}) and is cheaper; "
            f"the interval covers {covers}."
        )
    if verdict == "harms":
        return f"{evidence.ours} harms: {change}, so leave it out; {_instead(evidence)}."
    detectable = (
        f"; a true change under about {evidence.detectable:.3f} would most likely have been missed"
        if math.isfinite(evidence.detectable) and evidence.detectable > 0
        else ""
    )
    if verdict == "left alone":
        where = (
            "every fold"
            if evidence.none_chosen == evidence.folds
            else f"{evidence.none_chosen} of {evidence.folds} folds"
        )
        measured = "" if evidence.none_chosen == evidence.folds else f" ({change})"
        return (
            f"{evidence.ours} left the data alone in {where}{measured}: no amount of synthetic rows stood out on the "
            f"training rows{detectable}; {_instead(evidence)}."
        )
    ours = evidence.ours.replace("The ", "the ", 1) if evidence.ours.startswith("The ") else evidence.ours
    nothing = "the rows without it do as well, as far as can be told"
    otherwise = nothing if _instead(evidence) == AS_THEY_ARE else _instead(evidence)
    return f"There is no evidence that {ours} changes anything: {change}{detectable}; {otherwise}."


def _instead(evidence: Evidence) -> str:
    """Name the cheap way that is worth while; using the data as they are, where none is."""
    better = {name: i for name, i in evidence.instead.items() if i.above}
    if better:
        name = max(better, key=lambda n: better[n].mean)
        return f"{name} is worth using instead ({_interval(better[name])} against nothing)"
    if evidence.tuning is not None and evidence.tuning.above:
        return (
            "use the data as they are and tune the decision threshold if rare classes matter more than probability 0.5 "
            f"says (balanced accuracy {_interval(evidence.tuning)})"
        )
    return AS_THEY_ARE


def _interval(interval: Interval) -> str:
    if not math.isfinite(interval.low):
        return f"{interval.mean:+.3f} (too few folds for an interval)"
    return f"{interval.mean:+.3f} (95 % interval {interval.low:+.3f} to {interval.high:+.3f})"
