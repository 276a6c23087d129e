"""Predicted probabilities -> numbers: ranking, decisions at a tuned threshold, calibration.

A *positive* code is given where there are two classes: the rarer one. With more classes it is None and every score
is a macro average, one class against the rest, over the classes that the given rows hold.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

__all__ = [
    "DECISION_METRICS",
    "LOWER_IS_BETTER",
    "RANKING_METRICS",
    "average_precision",
    "brier",
    "confusion",
    "correct_prior",
    "decide",
    "decision_score",
    "log_loss",
    "neutral",
    "roc_auc",
    "tune",
]

RANKING_METRICS = ("average_precision", "roc_auc")
DECISION_METRICS = ("balanced_accuracy", "mcc", "g_mean", "f1")
LOWER_IS_BETTER = ("brier", "log_loss")

EXPONENTS = np.linspace(-1.0, 2.0, 25)
"""What the decision of a many-class problem is tuned over: ``argmax p_c / prior_c**e``. 0 is the plain argmax, 1 asks
for equal recall, below 0 favours frequent classes. One number instead of one threshold a class keeps the tuning from
fitting the noise of a few rows."""

FLOOR = 1e-6
"""Probabilities are kept this far from 0 and 1 in the log loss: a forest says 0 easily, and one such row would be all
that the loss shows."""


def _one_vs_rest(score, codes: np.ndarray, proba: np.ndarray, positive: int | None) -> float:
    classes = range(proba.shape[1]) if positive is None else (positive,)
    values = []
    for code in classes:
        truth = codes == code
        if 0 < truth.sum() < len(truth):
            values.append(score(truth, proba[:, code]))
    return float(np.mean(values)) if values else float("nan")


def average_precision(codes: np.ndarray, proba: np.ndarray, positive: int | None = None) -> float:
    """Return the average precision of the positive class, or the macro average over classes.

    **Shape**: codes (n,), proba (n, k). NaN where no class has both rows inside and outside of it.
    """
    return _one_vs_rest(average_precision_score, codes, proba, positive)


def roc_auc(codes: np.ndarray, proba: np.ndarray, positive: int | None = None) -> float:
    """Return the area under the ROC curve, one class against the rest.

    **Shape**: codes (n,), proba (n, k). NaN where no class has both rows inside and outside of it.
    """
    return _one_vs_rest(roc_auc_score, codes, proba, positive)


def correct_prior(proba: np.ndarray, trained: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Move probabilities from the class shares that a classifier was fitted on to the real ones.

    ``p_c real_c / trained_c``, normalised: Saerens, Latinne and Decaestecker, Neural Computation 14 (2002), eq. 2.4.

    **Shape**: proba (n, k), trained (k,), real (k,) -> (n, k). A class that was not trained on keeps probability 0.

    >>> correct_prior(np.array([[0.5, 0.5]]), np.array([0.5, 0.5]), np.array([0.9, 0.1])).round(3).tolist()
    [[0.9, 0.1]]
    """
    ratio = np.divide(real, trained, out=np.zeros(len(real)), where=trained > 0)
    moved = proba * ratio
    total = moved.sum(axis=1, keepdims=True)
    return np.where(total > 0, np.divide(moved, total, out=np.zeros_like(moved), where=total > 0), real)


def brier(codes: np.ndarray, proba: np.ndarray) -> float:
    """Return the mean over rows of the sum over classes of squared errors, halved: in [0, 1] (Brier 1950).

    **Shape**: codes (n,), proba (n, k).
    """
    truth = np.eye(proba.shape[1])[codes]
    return float(((proba - truth) ** 2).sum(axis=1).mean() / 2)


def log_loss(codes: np.ndarray, proba: np.ndarray) -> float:
    """Return the mean negative log of the true class's probability, probabilities floored at 1e-6.

    **Shape**: codes (n,), proba (n, k).
    """
    return float(-np.log(np.clip(proba[np.arange(len(codes)), codes], FLOOR, 1.0)).mean())


def neutral(positive: int | None) -> float:
    """Return the untuned setting of a decision: the threshold 0.5, or the exponent 0."""
    return 0.0 if positive is None else 0.5


def decide(proba: np.ndarray, setting: float, positive: int | None, prior: np.ndarray) -> np.ndarray:
    """Return the codes that a classifier decides for.

    Two classes: positive where its probability is at least ``setting``. More: ``argmax p_c / prior_c**setting``.

    **Shape**: proba (n, k), prior (k,) -> int64 (n,).
    """
    if positive is None:
        return np.argmax(proba * np.maximum(prior, 1e-12) ** -setting, axis=1)
    return np.where(proba[:, positive] >= setting, positive, 1 - positive)


def confusion(codes: np.ndarray, decided: np.ndarray, n_classes: int) -> np.ndarray:
    """Count rows by (true, decided) code. **Shape**: (n,), (n,) -> (k, k)."""
    return np.bincount(codes * n_classes + decided, minlength=n_classes**2).reshape(n_classes, n_classes)


def decision_score(metric: str, counts: np.ndarray, positive: int | None = None) -> np.ndarray:
    """Return balanced accuracy, MCC, G-mean or F1 of confusion counts.

    Recalls are averaged over the classes that have rows; MCC is Gorodkin's for k classes (0 where it is undefined);
    F1 is the positive class's, or the mean over the classes that are there or were decided for.

    **Shape**: counts (..., k, k) indexed (true, decided) -> (...).
    """
    counts = np.asarray(counts, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, decided = counts.sum(axis=-1), counts.sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric == "mcc":
            total = true.sum(axis=-1)
            top = hits.sum(axis=-1) * total - (true * decided).sum(axis=-1)
            square = (total**2 - (decided**2).sum(axis=-1)) * (total**2 - (true**2).sum(axis=-1))
            return np.where(square > 0, top / np.sqrt(np.maximum(square, 1)), 0.0)
        if metric == "f1":
            f1 = np.where(true + decided > 0, 2 * hits / (true + decided), np.nan)
            return np.nan_to_num(f1[..., positive]) if positive is not None else np.nanmean(f1, axis=-1)
        recall = np.where(true > 0, hits / true, np.nan)
        if metric == "balanced_accuracy":
            return np.nanmean(recall, axis=-1)
        if metric == "g_mean":
            return np.exp(np.nanmean(np.log(recall), axis=-1))
    raise ValueError(f"metric must be one of {DECISION_METRICS}, however: {metric=}")


def tune(metric: str, codes: np.ndarray, proba: np.ndarray, positive: int | None, prior: np.ndarray) -> float:
    """Return the setting of `decide` with the best ``metric`` on rows that the classifier was not fitted on.

    Two classes: a threshold half-way between two neighbouring probabilities, or 0.5. More: one of `EXPONENTS`.
    Of equally good settings the one closest to the untuned one is taken.

    **Shape**: codes (n,), proba (n, k), prior (k,).
    """
    if positive is None:
        settings, counts = _exponents(codes, proba, prior)
    else:
        settings, counts = _thresholds(codes, proba, positive)
    found = decision_score(metric, counts, positive)
    best = np.flatnonzero(found >= found.max() - 1e-12)
    return float(settings[best[np.argmin(np.abs(settings[best] - neutral(positive)))]])


def _exponents(codes: np.ndarray, proba: np.ndarray, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    k = proba.shape[1]
    counts = [confusion(codes, decide(proba, e, None, prior), k) for e in EXPONENTS]
    return EXPONENTS, np.stack(counts)


def _thresholds(codes: np.ndarray, proba: np.ndarray, positive: int) -> tuple[np.ndarray, np.ndarray]:
    """Return settings (t,) and confusion counts (t, 2, 2) of every threshold that decides differently."""
    score, truth = proba[:, positive], codes == positive
    values = np.unique(score)
    settings = np.unique(np.concatenate([(values[1:] + values[:-1]) / 2, [0.5]]))
    inside, outside = np.sort(score[truth]), np.sort(score[~truth])
    hit = len(inside) - np.searchsorted(inside, settings, side="left")
    false = len(outside) - np.searchsorted(outside, settings, side="left")
    counts = np.empty((len(settings), 2, 2), dtype=np.int64)
    counts[:, positive, positive], counts[:, positive, 1 - positive] = hit, len(inside) - hit
    counts[:, 1 - positive, positive], counts[:, 1 - positive, 1 - positive] = false, len(outside) - false
    return settings, counts
