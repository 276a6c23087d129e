"""A real, scarce, imbalanced table that ships with scikit-learn."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ganaug import seeding

__all__ = ["STRATEGY", "thinned_breast_cancer"]

STRATEGY = 0.5
"""Malignant to benign rows that the demos ask for; the policy alone would add none."""


def thinned_breast_cancer(*, malignant: int = 20, benign: int = 180, seed: int = 0) -> pd.DataFrame:
    """Return rows of the Wisconsin breast cancer table with few malignant cases left, 30 features and ``diagnosis``.

    Street, Wolberg and Mangasarian, *Nuclear feature extraction for breast tumor diagnosis* (1993); the table is in
    scikit-learn. ``malignant`` goes up to 212 and ``benign`` up to 357.

    >>> thinned_breast_cancer()["diagnosis"].value_counts().to_dict()
    {'benign': 180, 'malignant': 20}
    """
    from sklearn.datasets import load_breast_cancer

    bunch: Any = load_breast_cancer(as_frame=True)
    frame = bunch.frame.drop(columns="target").assign(diagnosis=bunch.target_names[bunch.target].astype(object))
    kept = [
        group.iloc[seeding.numpy_rng(seed, "demo", name).choice(len(group), rows, replace=False)]
        for name, rows in (("benign", benign), ("malignant", malignant))
        for group in [frame[frame["diagnosis"] == name]]
    ]
    return pd.concat(kept).sort_index().reset_index(drop=True)
