"""The regressors that judge an augmentation of a numeric target, one fit of one of them, and how its errors count."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from ganaug.errors import ConfigError
from ganaug.learners.jobs import Outcome
from ganaug.learners.models import Learner, seeded, thread_cap
from ganaug.seeding import derive
from ganaug.strata import relevance

__all__ = ["DEFAULT_REGRESSORS", "ERRORS", "PRIMARY", "ValueJob", "errors_of", "own_regressor"]

DEFAULT_REGRESSORS: tuple[Learner, ...] = (
    Learner(name="ridge", strength="weak", estimator=Ridge()),
    Learner(
        name="random_forest",
        strength="strong",
        estimator=RandomForestRegressor(n_estimators=100, n_jobs=1),
        tree_rows=5000,
    ),
    Learner(
        name="hist_gradient_boosting",
        strength="strong",
        estimator=HistGradientBoostingRegressor(max_leaf_nodes=15, early_stopping=False),
    ),
)
"""The counterparts of `ganaug.learners.DEFAULT_LEARNERS`."""
PRIMARY = "relevance_weighted_r2"
ERRORS = (PRIMARY, "r2", "neg_root_mean_squared_error", "neg_mean_absolute_error", "neg_rare_root_mean_squared_error")
"""What is measured; higher is better for each."""
RARE = 0.8
"""Relevance from which on a row counts as rare (Branco et al. 2017, SMOGN, take the same)."""


def own_regressor(estimator: Any) -> Learner:
    """Wrap a user's regressor; it gets prepared features, a Pipeline too.

    Raises:
        ConfigError: when it is no regressor.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params") or not is_regressor(estimator):
        raise ConfigError(
            f"with task='regression' estimator must be an unfitted scikit-learn regressor, however: {estimator!r}"
        )
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    weights = "sample_weight" if has_fit_parameter(last, "sample_weight") else None
    return Learner(name=type(last).__name__, strength="own", estimator=estimator, weights=weights)


@dataclass(frozen=True, kw_only=True)
class ValueJob:
    """One fit of one regressor, and the rows that it predicts.

    **Shape**: x (n, width), y (n,), weight (n,) or None, held_out (m, width).
    """

    learner: Learner
    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    held_out: np.ndarray
    seed: int

    def run(self) -> Outcome:
        """Fit and predict; the outcome's ``proba`` are the predictions ``(m, 1)``.

        Raises:
            ConfigError: when the estimator refuses the rows.
        """
        started = time.perf_counter()
        estimator = seeded(clone(self.learner.estimator), derive(self.seed, self.learner.name))
        if self.learner.tree_rows is not None and len(self.y) > self.learner.tree_rows:
            estimator.set_params(max_samples=self.learner.tree_rows)
        options = {}
        if self.weight is not None:
            prefix = f"{estimator.steps[-1][0]}__" if isinstance(estimator, Pipeline) else ""
            options[f"{prefix}sample_weight"] = self.weight
        with thread_cap():
            try:
                estimator.fit(self.x, self.y, **options)
                found = np.asarray(estimator.predict(self.held_out), np.float64).reshape(-1, 1)
            except ValueError as error:
                raise ConfigError(
                    f"{self.learner.name} fails on {len(self.y)} training rows of a fold: {error}"
                ) from error
        return Outcome(proba=found, seconds=time.perf_counter() - started)


def errors_of(truth: np.ndarray, predicted: np.ndarray, known: np.ndarray) -> dict[str, float]:
    """Return every measure of the predictions for rows with targets ``truth (m,)``; higher is better.

    ``relevance_weighted_r2`` is ``1 - sum phi (y - p)^2 / sum phi (y - c)^2``, with phi the rows' relevance among the
    ``known (n,)`` training targets and c the mean of y weighted by phi. The numerator is the squared error relevance
    area of Ribeiro and Moniz 2020 (Imbalanced regression and extreme value prediction, SERA): the area, over all
    thresholds t, under the squared error of the rows with phi at least t, is the sum weighted by phi.

    NaN where nothing is defined: no row is rare, or all targets agree.
    """
    square = np.square(truth - predicted)
    weight = relevance(known, truth)
    rare = weight >= RARE

    def explained(weights: np.ndarray) -> float:
        if not weights.sum() > 0:
            return float("nan")
        centre = np.average(truth, weights=weights)
        total = float(weights @ np.square(truth - centre))
        return 1 - float(weights @ square) / total if total > 0 else float("nan")

    return {
        PRIMARY: explained(weight),
        "r2": explained(np.ones(len(truth))),
        "neg_root_mean_squared_error": -float(np.sqrt(square.mean())),
        "neg_mean_absolute_error": -float(np.abs(truth - predicted).mean()),
        "neg_rare_root_mean_squared_error": -float(np.sqrt(square[rare].mean())) if rare.any() else float("nan"),
    }
