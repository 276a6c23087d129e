"""Can a classifier tell synthetic rows from real ones? (Lopez-Paz and Oquab, 2017, arXiv 1610.06545.)"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

__all__ = ["two_sample_auc"]


def two_sample_auc(
    real: np.ndarray, synthetic: np.ndarray, *, folds: int = 3, max_rows: int = 2_000, seed: int = 0
) -> float:
    """Return the cross-validated ROC-AUC of gradient boosting at telling ``synthetic`` from ``real``.

    0.5: it cannot; 1: every row gives itself away. The larger side is thinned to the size of the smaller one,
    and both to ``max_rows``.

    **Shape**: ``real`` (n, d), ``synthetic`` (m, d), at least ``folds`` rows each; NaN counts as missing.

    >>> same = np.random.default_rng(0).normal(size=(200, 3))
    >>> two_sample_auc(same[:100], same[100:] + 20)
    1.0
    """
    if np.ndim(real) != 2 or np.ndim(synthetic) != 2 or np.shape(real)[1] != np.shape(synthetic)[1]:
        raise ValueError(f"two matrices as wide as each other are needed: {np.shape(real)}, {np.shape(synthetic)}")
    n = min(len(real), len(synthetic), max_rows)
    if n < folds:
        raise ValueError(f"at least {folds} rows of each kind are needed for {folds} folds, however: {n}")
    rng = np.random.default_rng(seed)
    rows = np.concatenate([real[rng.permutation(len(real))[:n]], synthetic[rng.permutation(len(synthetic))[:n]]])
    labels = np.repeat([0, 1], n)
    # Small trees and few of them: what a small sample can bear, and a tenth of the default's time.
    state = seed % 2**32  # what scikit-learn takes; seeds that were not given have 63 bits
    classifier = HistGradientBoostingClassifier(
        max_iter=50,
        max_leaf_nodes=8,
        min_samples_leaf=max(2, min(20, n // 10)),
        early_stopping=False,
        random_state=state,
    )
    splits = StratifiedKFold(folds, shuffle=True, random_state=state)
    scores = np.asarray(cross_val_predict(classifier, rows, labels, cv=splits, method="predict_proba"))[:, 1]
    return float(roc_auc_score(labels, scores))
