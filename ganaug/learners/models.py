"""The classifiers that judge an augmentation, and one fit of one of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import ThreadpoolController

from ganaug.errors import ConfigError

__all__ = ["DEFAULT_LEARNERS", "Learner", "Predictions", "Rows", "fit_predict", "own_learner", "seeded", "thread_cap"]

Rows = np.ndarray | pd.DataFrame
"""What a learner takes: a prepared matrix, or the table's own columns."""


@dataclass(frozen=True, kw_only=True)
class Learner:
    """An unfitted classifier, and how it is to be fed."""

    name: str
    estimator: Any
    strength: Literal["weak", "strong", "own"]
    """Weak and strong learners are reported apart: what helps a linear model often harms a forest."""
    frames: bool = False
    """Whether it takes the rows as the user knows them, a DataFrame or the flat pixels of images; a prepared matrix
    otherwise."""
    labels: np.ndarray | None = None
    """(k,) what the estimator is given instead of class codes."""
    weights: Literal["sample_weight", "class_weight"] | None = "sample_weight"
    """How it can be told that classes weigh differently."""
    tree_rows: int | None = None
    """Rows that each tree of a forest is grown on at most."""


DEFAULT_LEARNERS: tuple[Learner, ...] = (
    Learner(name="logistic_regression", strength="weak", estimator=LogisticRegression(max_iter=500)),
    Learner(
        name="random_forest",
        strength="strong",
        estimator=RandomForestClassifier(n_estimators=100, n_jobs=1),
        tree_rows=5000,
    ),
    Learner(
        name="hist_gradient_boosting",
        strength="strong",
        estimator=HistGradientBoostingClassifier(max_leaf_nodes=15, early_stopping=False),
    ),
)
"""One weak, two strong; sizes that fit a 1,000 x 10 table in 0.01, 0.2 and 0.06 s on one core. No early stopping: it
would choose its own validation rows, synthetic ones among them. On 26,048 rows of Adult, 5,000 rows a tree take 0.7 s
instead of 2.2 s, and raise the average precision from .774 to .792."""


def own_learner(estimator: Any, labels: np.ndarray) -> Learner:
    """Wrap a user's classifier; a Pipeline gets the table's columns or the images' pixels, others a prepared matrix.

    Raises:
        ConfigError: when it is no classifier that gives probabilities or decision values.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        raise ConfigError(f"estimator must be an unfitted scikit-learn classifier, however: {estimator!r}")
    if not (hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")):
        raise ConfigError(
            f"estimator must have predict_proba or decision_function (ranking rows needs one), however: {estimator!r}; "
            "wrap it in sklearn.calibration.CalibratedClassifierCV"
        )
    pipeline = isinstance(estimator, Pipeline)
    name = type(estimator.steps[-1][1] if pipeline else estimator).__name__
    return Learner(
        name=name, strength="own", estimator=estimator, frames=pipeline, labels=labels, weights=_weights(estimator)
    )


def _weights(estimator: Any) -> Literal["sample_weight", "class_weight"] | None:
    if has_fit_parameter(_last(estimator), "sample_weight"):
        return "sample_weight"
    return "class_weight" if "class_weight" in _last(estimator).get_params(deep=False) else None


def _last(estimator: Any) -> Any:
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def thread_cap() -> Any:
    """Return a context in which BLAS and OpenMP use one thread.

    One thread a worker: several of them in each of several workers made a boosting fit of 0.3 s take 17 s, and sums
    over threads would make the bits depend on how many there are.
    """
    return _controller().limit(limits=1)


def fit_predict(
    learner: Learner, x: Rows, codes: np.ndarray, weight: np.ndarray | None, held_out: Rows, n_classes: int, seed: int
) -> np.ndarray:
    """Fit a fresh copy of a learner on some rows and return its class probabilities on others.

    A decision function is squashed into (0, 1), which keeps the ranking and no more. Seeds that the estimator leaves
    open are set from ``seed``.

    **Shape**: x n rows, codes (n,), weight (n,) or None, held_out m rows -> (m, n_classes) float64; a class that is not
    in ``codes`` gets 0.

    Raises:
        ConfigError: when the estimator refuses the rows.
    """
    out = np.zeros((len(held_out), n_classes))
    present = np.unique(codes)
    if len(present) == 1:
        out[:, present[0]] = 1.0
        return out
    estimator = seeded(clone(learner.estimator), seed)
    if learner.tree_rows is not None and len(codes) > learner.tree_rows:
        _last(estimator).set_params(max_samples=learner.tree_rows)
    fit_params = {}
    if weight is not None and learner.weights == "sample_weight":
        prefix = f"{estimator.steps[-1][0]}__" if isinstance(estimator, Pipeline) else ""
        fit_params[f"{prefix}sample_weight"] = weight
    elif weight is not None:
        _last(estimator).set_params(class_weight="balanced")
    target = codes if learner.labels is None else learner.labels[codes]
    with thread_cap(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Of a number taken for classes `ganaug.data.validate` has warned, once; this came with every tree.
        warnings.filterwarnings("ignore", "The number of unique classes is greater than 50%", UserWarning)
        try:
            estimator.fit(x, target, **fit_params)
            found = _probabilities(estimator, held_out)
        except ValueError as error:
            raise ConfigError(f"{learner.name} fails on {len(codes)} training rows of a fold: {error}") from error
    known = present if learner.labels is None else _codes_of(estimator.classes_, learner.labels)
    out[:, known] = found
    return out


def _codes_of(classes: np.ndarray, labels: np.ndarray) -> list[int]:
    codes = {label: code for code, label in enumerate(labels.tolist())}
    return [codes[label] for label in np.asarray(classes).tolist()]


def seeded(estimator: Any, seed: int) -> Any:
    """Return the estimator with the seeds that it leaves open set from ``seed``."""
    names = [k for k, v in estimator.get_params().items() if k.split("__")[-1] == "random_state" and v is None]
    return estimator.set_params(**dict.fromkeys(names, seed % 2**31))


def _probabilities(estimator: Any, rows: Rows) -> np.ndarray:
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(rows), dtype=np.float64)
    found = np.asarray(estimator.decision_function(rows), dtype=np.float64)
    if found.ndim == 1:
        inside = 1 / (1 + np.exp(-np.clip(found, -500, 500)))
        return np.stack([1 - inside, inside], axis=1)
    raised = np.exp(found - found.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


class Predictions(ClassifierMixin, BaseEstimator):
    """What was predicted for some rows, in the form of a fitted classifier, for scikit-learn's scorers.

    ``predict`` and ``predict_proba`` take the row numbers 0..m-1 as a column and look the answers up, so that a scorer
    can judge the same predictions at several thresholds without another fit.
    """

    def __init__(self, proba: np.ndarray, decided: np.ndarray, labels: np.ndarray) -> None:
        self.proba = proba
        self.decided = decided
        self.labels = labels
        # Scorers take the last of the *sorted* labels for the positive one.
        self._order = np.argsort(labels, kind="stable")
        self.classes_ = labels[self._order]

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> Predictions:
        """Do nothing: there is nothing to fit."""
        return self

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the labels decided for."""
        return self.labels[self.decided[rows[:, 0]]]

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Return the (n, k) probabilities, a column a label of ``classes_``."""
        return self.proba[rows[:, 0]][:, self._order]

    def decision_function(self, rows: np.ndarray) -> np.ndarray:
        """Return probabilities as decision values: (n,) of the second class where there are two."""
        found = self.predict_proba(rows)
        return found[:, 1] if found.shape[1] == 2 else found
