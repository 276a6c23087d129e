"""What the effect check found, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import pandas as pd

from ganaug.errors import ArtefactError
from ganaug.evaluate.verdict import Verdict

__all__ = ["Effect"]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A verdict, and everything that it rests on. Goes to JSON and back; printing it gives the sentence."""

    verdict: Verdict
    sentence: str
    """The verdict in words, no more than the interval says."""
    scoring: str
    """The primary score; higher is better."""
    depth: str
    n_rows: int
    n_features: int
    class_counts: dict[str, int]
    n_splits: int
    n_repeats: int
    smallest_detectable: float
    """The true difference from nothing that would have been found with probability 0.8."""
    ours: str
    """The name of the arm that was judged."""
    arms: list[dict[str, Any]] = field(default_factory=list)
    """name, label, score, and the difference from nothing with low, high, p; seconds; note: why one was left out."""
    against: list[dict[str, Any]] = field(default_factory=list)
    """name of a cheap arm, and ours less that arm: difference, low, high, p."""
    metrics: list[dict[str, Any]] = field(default_factory=list)
    """arm, learner ("mean": over learners), metric, score, and the difference from nothing with low, high. Decision
    metrics are at a threshold tuned on inner folds, those that end in ``@0.5`` at the untuned one."""
    folds: list[dict[str, Any]] = field(default_factory=list)
    """fold, arm, learner, metric, value, of the primary score; the mean over generator seeds."""
    choices: list[dict[str, Any]] = field(default_factory=list)
    """fold, candidate, expected, margin, reason: what the policy chose in each fold."""
    learners: list[dict[str, str]] = field(default_factory=list)
    """name and strength ("weak", "strong", "own")."""
    generator_seeds: int = 1
    seed_deviation: float = math.nan
    """Standard deviation of our score between generator seeds within a fold: what one run more or less differs by."""
    interval_covers: str = ""
    """What another interval like this would vary over."""
    lower_is_better: list[str] = field(default_factory=lambda: ["brier", "log_loss"])
    cuts: list[str] = field(default_factory=list)
    """What was left out for the time budget."""
    warnings: list[str] = field(default_factory=list)
    """What had to be done differently for these rows."""
    seconds: float = 0.0
    random_state: int = 0

    def __str__(self) -> str:
        return self.sentence

    def table(self) -> pd.DataFrame:
        """Return the arms: a row each, with score, difference from nothing, its interval, p and seconds."""
        columns = ["label", "score", "difference", "low", "high", "p", "seconds", "note"]
        rows = pd.DataFrame(self.arms, columns=["name", *columns])
        return rows.set_index("name")

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object; NaN becomes None."""
        return _plain(asdict(self))

    @classmethod
    def from_json(cls, d: Mapping[str, Any]) -> Effect:
        """Undo `to_json`.

        Raises:
            ArtefactError: when something is missing or unknown.
        """
        known = {f.name for f in fields(cls)}
        try:
            if unknown := sorted(set(d) - known):
                raise ArtefactError(f"the effect has fields that this version does not know: {unknown}; upgrade ganaug")
            given: dict[str, Any] = dict(d)
            for number in ("smallest_detectable", "seed_deviation"):
                given[number] = math.nan if given.get(number) is None else given[number]
            return cls(**given)
        except TypeError as error:
            raise ArtefactError(f"the effect is incomplete: {error}; measure it again") from error


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None
