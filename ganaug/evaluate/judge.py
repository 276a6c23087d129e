"""Predictions of one arm and learner on one fold -> every number that is reported about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganaug.learners import scores
from ganaug.learners.scoring import Scoring

__all__ = ["AT_HALF", "Predicted", "Settings", "judge", "tune_settings"]

AT_HALF = "@0.5"
"""Ends the name of a decision metric at the untuned decision; without it the threshold is tuned."""


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What one learner predicts after training on one arm's rows.

    **Shape**: test (m, k); inner (n, k) out-of-fold probabilities of training rows, or None; shares (k,), of the
    classes in the rows that the learner was fitted on.
    """

    test: np.ndarray
    inner: np.ndarray | None
    shares: np.ndarray


Settings = dict[str, float]
"""Decision metric -> tuned setting, see `ganaug.learners.scores.decide`."""


def tune_settings(predicted: Predicted, inner_codes: np.ndarray | None, rule: Scoring) -> Settings:
    """Tune every decision metric's setting on the inner folds; without any they stay where they are."""
    neutral = scores.neutral(rule.positive)
    if predicted.inner is None or inner_codes is None or len(np.unique(inner_codes)) < 2:
        return dict.fromkeys((*scores.DECISION_METRICS, rule.name), neutral)
    settings = {
        metric: scores.tune(metric, inner_codes, predicted.inner, rule.positive, rule.prior)
        for metric in scores.DECISION_METRICS
    }
    decides = rule.decides(inner_codes, predicted.inner)
    settings[rule.name] = rule.tune(inner_codes, predicted.inner) if decides else neutral
    return settings


def judge(
    predicted: Predicted,
    settings: Settings,
    codes: np.ndarray,
    rule: Scoring,
    *,
    rows: np.ndarray,
    prior: np.ndarray,
    tuned: bool,
) -> dict[str, float]:
    """Return every metric of the test rows ``rows``.

    Args:
        predicted: by one learner, after one arm.
        settings: tuned, see `tune_settings`.
        codes: (m,) true codes of all test rows.
        rule: the primary score. It is taken at the untuned decision, which is what ``predict`` gives a user; in the
            arm whose threshold is ``tuned``, at the tuned one.
        rows: positions of the test rows to judge.
        prior: (k,) real class shares of the training rows, to which probabilities are corrected before the Brier score
            and the log loss are taken.
        tuned: whether this is the arm of the tuned threshold; it has no value at the untuned decision.
    """
    k = predicted.test.shape[1]
    truth, proba = codes[rows], predicted.test[rows]
    corrected = scores.correct_prior(proba, predicted.shares, prior)
    values = {
        "average_precision": scores.average_precision(truth, proba, rule.positive),
        "roc_auc": scores.roc_auc(truth, proba, rule.positive),
        "brier": scores.brier(truth, corrected),
        "log_loss": scores.log_loss(truth, corrected),
    }
    for metric in scores.DECISION_METRICS:
        for name, setting in ((metric, settings[metric]), (metric + AT_HALF, scores.neutral(rule.positive))):
            if name == metric or not tuned:
                decided = scores.decide(proba, setting, rule.positive, rule.prior)
                counts = scores.confusion(truth, decided, k)
                values[name] = float(scores.decision_score(metric, counts, rule.positive))
    if rule.scorer is not None:
        # A user's "balanced_accuracy" is scikit-learn's: of what predict gives.
        if rule.name in values:
            values[f"{rule.name} (tuned)"] = values.pop(rule.name)
        values[rule.name] = rule.score(truth, proba, settings[rule.name] if tuned else None)
    return values
