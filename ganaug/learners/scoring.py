"""What an arm is judged by: average precision, or the scorer that a user names or brings."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import check_scoring

from ganaug.errors import ConfigError
from ganaug.learners.models import Predictions
from ganaug.learners.scores import EXPONENTS, average_precision, decide, neutral

__all__ = ["Scoring", "rarer"]


def rarer(codes: np.ndarray, n_classes: int) -> int | None:
    """Return the code of the rarer of two classes (the second where they tie), None where there are more."""
    if n_classes != 2:
        return None
    counts = np.bincount(codes, minlength=2)
    return int(counts[0] < counts[1]) ^ 1


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """The primary score of predictions, higher is better."""

    name: str
    labels: np.ndarray
    """(k,) the class labels, in the order of their codes."""
    positive: int | None
    prior: np.ndarray
    """(k,) real class shares, for the decisions of many-class problems."""
    scorer: Callable[..., float] | None = None
    """A scikit-learn scorer; None: average precision."""

    @classmethod
    def make(cls, scoring: Any, codes: np.ndarray, labels: np.ndarray) -> Scoring:
        """Make it from scikit-learn's ``scoring`` (a name or a callable; None: average precision).

        Raises:
            ConfigError: when scikit-learn does not know the name, or the scorer cannot judge such labels.
        """
        k = len(labels)
        positive = rarer(codes, k)
        prior = np.bincount(codes, minlength=k) / max(len(codes), 1)
        made = cls(name="average_precision", labels=labels, positive=positive, prior=prior)
        if scoring is None or (isinstance(scoring, str) and scoring == "average_precision"):
            return made
        if not isinstance(scoring, str) and not callable(scoring):
            raise ConfigError(f"scoring must be the name of one scorer or one callable, however: {scoring!r}")
        probe = Predictions(np.full((k, k), 1 / k), np.arange(k), labels)
        try:
            scorer: Any = check_scoring(probe, scoring=scoring)
            name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", None) or str(scoring)
            made = cls(name=name, labels=labels, positive=positive, prior=prior, scorer=scorer)
            made.score(np.arange(k), np.eye(k))
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"scoring={scoring!r} cannot judge a target with the {k} labels {labels.tolist()[:10]}: {error} "
                "Name a scorer of scikit-learn that fits it (for labels other than 0 and 1: "
                'make_scorer(f1_score, pos_label=...), or "f1_macro"; for more than two classes: "roc_auc_ovr")'
            ) from error
        return made

    def score(self, codes: np.ndarray, proba: np.ndarray, setting: float | None = None) -> float:
        """Score predictions; ``setting`` moves the decision (see `decide`), None leaves it where it is.

        **Shape**: codes (n,), proba (n, k).
        """
        if self.scorer is None:
            return average_precision(codes, proba, self.positive)
        setting = neutral(self.positive) if setting is None else setting
        decided = decide(proba, setting, self.positive, self.prior)
        rows = np.arange(len(codes))[:, None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            return float(self.scorer(Predictions(proba, decided, self.labels), rows, self.labels[codes]))

    def decides(self, codes: np.ndarray, proba: np.ndarray) -> bool:
        """Tell whether the score depends on the decisions, so that a tuned threshold can change it."""
        if self.scorer is None:
            return False
        # Not at the two ends alone: deciding for nobody and for everybody may score the same.
        few = np.unique(np.quantile(self._grid(codes, proba), np.linspace(0, 1, 6), method="nearest"))
        return len({self.score(codes, proba, setting) for setting in few}) > 1

    def tune(self, codes: np.ndarray, proba: np.ndarray) -> float:
        """Return the setting with the best score; of equal ones the closest to the untuned one."""
        grid = self._grid(codes, proba)
        found = np.array([self.score(codes, proba, setting) for setting in grid])
        best = np.flatnonzero(found >= np.nanmax(found) - 1e-12)
        return float(grid[best[np.argmin(np.abs(grid[best] - neutral(self.positive)))]])

    def _grid(self, codes: np.ndarray, proba: np.ndarray) -> np.ndarray:
        """At most 51 thresholds, at quantiles of the probabilities: a scorer may be slow."""
        if self.positive is None:
            return EXPONENTS
        found = np.quantile(proba[:, self.positive], np.linspace(0, 1, 50), method="nearest")
        return np.unique(np.append(found, 0.5))
