"""Records of a check -> paired differences with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ganaug.evaluate.plan import Plan
from ganaug.evaluate.statistics import Interval, corrected_interval, single_split_interval

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """All that was measured, by (fold, seed, part, arm, learner, metric), and the plan it came from."""

    frame: pd.DataFrame
    plan: Plan

    @cached_property
    def arms(self) -> list[str]:
        """The arms that ran, in their order."""
        return list(dict.fromkeys(self.frame["arm"]))

    @cached_property
    def learners(self) -> list[str]:
        """The learners, in their order."""
        return list(dict.fromkeys(self.frame["learner"]))

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics, in their order."""
        return list(dict.fromkeys(self.frame["metric"]))

    def score(self, arm: str, metric: str, learner: str | None = None) -> float:
        """Return the mean over folds (and over learners, unless one is named)."""
        cells = self._cells(arm, metric, learner)
        return float(np.nanmean(cells)) if np.isfinite(cells).any() else float("nan")

    def difference(
        self, arm: str, other: str, metric: str, learner: str | None = None, *, other_metric: str | None = None
    ) -> Interval:
        """Return ``arm`` less ``other``, paired by fold, of the mean over learners (or of one).

        An arm with several generator seeds counts with its mean over them in each fold.
        """
        a, b = self._cells(arm, metric, learner), self._cells(other, other_metric or metric, learner)
        if self.plan.single:
            return single_split_interval(a[0] - b[0].mean(axis=0))
        return corrected_interval((a.mean(axis=1) - b.mean(axis=1))[:, 0], self.plan.test_to_train())

    def seed_deviation(self, arm: str, metric: str) -> float:
        """Return the standard deviation of an arm's score over generator seeds within a fold; NaN with one seed."""
        cells = self._cells(arm, metric, None).mean(axis=2)
        if cells.shape[1] < 2:
            return float("nan")
        return float(np.sqrt(np.nanmean(cells.var(axis=1, ddof=1))))

    def _cells(self, arm: str, metric: str, learner: str | None) -> np.ndarray:
        """Return the scores. **Shape**: (folds, seeds, parts), the mean over learners; NaN where one has none."""
        values = self._values[arm][..., self.metrics.index(metric)]
        return values.mean(axis=-1) if learner is None else values[..., self.learners.index(learner)]

    @cached_property
    def _values(self) -> dict[str, np.ndarray]:
        """Return every arm's values. **Shape**: (folds, seeds, parts, learners, metrics); NaN where there is none."""
        found = {}
        for arm, own in self.frame.groupby("arm", sort=False):
            axes = [
                *(np.unique(own[key], return_inverse=True)[1] for key in ("fold", "seed", "part")),
                own["learner"].map(self.learners.index).to_numpy(),
                own["metric"].map(self.metrics.index).to_numpy(),
            ]
            shape = [*(int(axis.max()) + 1 for axis in axes[:3]), len(self.learners), len(self.metrics)]
            found[str(arm)] = np.full(shape, np.nan)
            found[str(arm)][tuple(axes)] = own["value"]
        return found
