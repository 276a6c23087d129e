"""Other people's oversamplers, and plain noise, as imbalanced-learn samplers: what ours is compared with.

smote-variants: Kovacs, Neurocomputing 366 (2019). CTGAN: Xu et al. 2019, under the Business Source License; nothing of
ganaug depends on either.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

__all__ = ["CtganRows", "GaussianNoise", "SmoteVariant"]

NOISE = 0.1
"""Standard deviations of a column."""
LOTS = 20
"""How often CTGAN is asked for rows of a class before what it gave has to do."""


class SmoteVariant(BaseEstimator):
    """An oversampler of smote-variants with the settings that it has, every class up to the largest.

    These know two classes: each smaller one of several is oversampled against all others, from the real rows alone.
    That is what the package's ``MulticlassOversampling`` calls "equalize_1_vs_many", which itself fails where two
    classes are equally large.
    """

    def __init__(self, kind: str, *, random_state: int | None = None) -> None:
        self.kind = kind
        self.random_state = random_state

    def fit_resample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows given and, after them, those that it made.

        Raises:
            ValueError: it made none for a class.
        """
        import smote_variants

        logging.getLogger("smote_variants").setLevel(logging.ERROR)
        classes, counts = np.unique(y, return_counts=True)
        rows, codes = [X], [y]
        for code, n in zip(classes, counts, strict=True):
            if n == counts.max():
                continue
            share = (counts.max() - n) / (len(y) - 2 * n)
            sampler = getattr(smote_variants, self.kind)(proportion=share, random_state=self.random_state)
            found, _ = sampler.sample(X, (y == code).astype(np.int64))
            if len(found) <= len(X):
                raise ValueError(f"made no row for a class with {n} rows against {counts.max()}")
            rows.append(found[len(X) :])
            codes.append(np.full(len(found) - len(X), code))
        return np.concatenate(rows), np.concatenate(codes)


class GaussianNoise(BaseEstimator):
    """Rows of the smaller classes again, each number moved by noise of `NOISE` standard deviations of its column.

    Columns with two values at most are 0/1 columns of categories, and stay.
    """

    def __init__(self, *, random_state: int | None = None) -> None:
        self.random_state = random_state

    def fit_resample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows given and, after them, the moved ones: every class as large as the largest."""
        rng = np.random.default_rng(self.random_state)
        classes, counts = np.unique(y, return_counts=True)
        spread = np.array([NOISE * column.std() if len(np.unique(column)) > 2 else 0.0 for column in X.T])
        chosen = np.concatenate(
            [rng.choice(np.flatnonzero(y == c), counts.max() - n) for c, n in zip(classes, counts, strict=True)]
        )
        moved = X[chosen] + rng.normal(size=(len(chosen), X.shape[1])) * spread
        return np.concatenate([X, moved]), np.concatenate([y, y[chosen]])


class CtganRows(BaseEstimator):
    """CTGAN as released, fitted on the rows; each smaller class is filled up with rows drawn on its condition.

    The condition does not bind: rows that come with another class are drawn again, `LOTS` times at most.
    """

    takes_tables = True

    def __init__(self, *, epochs: int = 300, random_state: int | None = None) -> None:
        self.epochs = epochs
        self.random_state = random_state

    def fit_resample(self, X: pd.DataFrame, y: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
        """Return the rows given and, after them, those drawn.

        Raises:
            ValueError: CTGAN refuses the rows (missing numbers, for one).
        """
        from ctgan import CTGAN
        from ctgan.errors import InvalidDataError

        target = str(y.name)
        numeric = [c for c in X.columns if pd.api.types.is_numeric_dtype(X[c])]
        frame = X.astype({c: object for c in X.columns if c not in numeric}).assign(**{target: y.to_numpy()})
        model = CTGAN(epochs=self.epochs, enable_gpu=False)
        model.set_random_state(self.random_state)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(frame, [c for c in frame.columns if c not in numeric])
        except InvalidDataError as error:
            raise ValueError(str(error)) from error
        counts = y.value_counts()
        drawn = [_drawn(model, target, label, int(counts.max() - n)) for label, n in counts.items() if n < counts.max()]
        made: Any = pd.concat([frame.iloc[:0], *drawn], ignore_index=True)
        features = made[X.columns].astype(X.dtypes.to_dict())
        labels = pd.Series(made[target].to_numpy(), name=y.name).astype(y.dtype)
        return pd.concat([X, features], ignore_index=True), pd.concat([y, labels], ignore_index=True)


def _drawn(model: Any, target: str, label: Any, n: int) -> pd.DataFrame:
    """Return ``n`` rows of a class, or as many of them as come in `LOTS` lots."""
    lots, found = [], 0
    for _ in range(LOTS):
        lot = model.sample(n, target, label)
        lots.append(lot[lot[target] == label])
        found += len(lots[-1])
        if found >= n:
            break
    return pd.concat(lots, ignore_index=True).iloc[:n]
