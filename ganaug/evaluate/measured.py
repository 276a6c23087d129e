"""What a check measures, before anything is concluded from it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ganaug.policy import Choice

__all__ = ["Generators", "Measured"]


@dataclass(kw_only=True)
class Measured:
    """Everything that was measured."""

    records: list[dict[str, Any]] = field(default_factory=list)
    """One value each: fold, seed (of the generator), part (of a single test set), arm, learner, metric, value."""
    choices: list[tuple[int, Choice]] = field(default_factory=list)
    """(fold, what the policy chose in it)."""
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """By arm: making the rows and fitting the classifiers, inner folds included."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Arms that could not run -> why."""

    def frame(self) -> pd.DataFrame:
        """Return the records of the arms that ran on every fold."""
        frame = pd.DataFrame(self.records)
        return frame[~frame["arm"].isin(list(self.left_out))].reset_index(drop=True)


@dataclass(frozen=True)
class Generators:
    """Fitted generators of the folds of one repeat, by (fold index, part, generator seed)."""

    by_key: dict[tuple[int, int, int], Any]
    seconds: float
