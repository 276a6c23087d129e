"""Paired differences over folds -> intervals; many tables -> ranks and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

__all__ = [
    "Interval",
    "compare_tables",
    "corrected_interval",
    "holm",
    "single_split_interval",
    "smallest_detectable",
]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean difference and what is known about it; NaN where too few values were given to know it."""

    mean: float
    low: float
    high: float
    standard_error: float
    df: float
    p: float
    """Two-sided, of a Student t test against 0."""

    @property
    def above(self) -> bool:
        """Whether the whole interval lies above 0."""
        return bool(self.low > 0)

    @property
    def below(self) -> bool:
        """Whether the whole interval lies below 0."""
        return bool(self.high < 0)


def _student(mean: float, standard_error: float, df: float, level: float) -> Interval:
    if not df >= 1 or not np.isfinite(standard_error):
        nan = float("nan")
        return Interval(mean=mean, low=nan, high=nan, standard_error=nan, df=max(df, 0), p=nan)
    half = float(stats.t.ppf(0.5 + level / 2, df)) * standard_error
    ratio = abs(mean) / standard_error if standard_error > 0 else (0.0 if mean == 0 else np.inf)
    p = float(2 * stats.t.sf(ratio, df))
    return Interval(mean=mean, low=mean - half, high=mean + half, standard_error=standard_error, df=float(df), p=p)


def corrected_interval(
    differences: Sequence[float] | np.ndarray, test_to_train: float, *, level: float = 0.95
) -> Interval:
    """Return the mean of paired fold differences with the Nadeau-Bengio corrected interval.

    The variance of the mean of J values is ``(1/J + n_test/n_train) s^2``, with s^2 their sample variance: folds
    share training rows, so the plain ``s^2/J`` is too small. The interval is Student's with J - 1 degrees of
    freedom. Source: Nadeau and Bengio, Inference for the generalization error, Machine Learning 52 (2003),
    section 5.1; Bouckaert and Frank (2004) for repeated folds.

    Args:
        differences: (J,) values, one a fold; NaN (a score that the fold does not define) is left out.
        test_to_train: n_test / n_train, the mean over folds.
        level: of the interval, in (0, 1).

    >>> found = corrected_interval([0.01, 0.03, 0.02, 0.04], 1 / 3)
    >>> round(found.mean, 3), round(found.standard_error, 5), found.df
    (0.025, 0.00986, 3.0)
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return _student(float("nan"), float("nan"), 0, level)
    mean = float(values.mean())
    if len(values) == 1:
        return _student(mean, float("nan"), 0, level)
    variance = float(values.var(ddof=1))
    return _student(mean, float(np.sqrt((1 / len(values) + test_to_train) * variance)), len(values) - 1, level)


def single_split_interval(differences: np.ndarray, *, level: float = 0.95) -> Interval:
    """Return the mean difference on ONE split, with an interval over test rows and generator seeds.

    The one test set is cut into K disjoint parts and the arms are repeated with G seeds. The squared standard
    error is ``s_parts^2/K + s_seeds^2/G``: s_parts^2 the variance, over parts, of the mean over seeds, and
    s_seeds^2 the variance, over seeds, of the mean over parts; Student's t with min(K, G) - 1 degrees of freedom.
    The training rows are the same throughout, so the interval says nothing about another draw of *them*.

    Args:
        differences: (G, K) paired differences; a part with a NaN is left out.
        level: of the interval, in (0, 1).
    """
    values = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    values = values[:, np.isfinite(values).all(axis=0)]
    seeds, parts = values.shape
    if parts == 0:
        return _student(float("nan"), float("nan"), 0, level)
    mean = float(values.mean())
    if parts < 2:
        return _student(mean, float("nan"), 0, level)
    square = values.mean(axis=0).var(ddof=1) / parts
    df = parts - 1
    if seeds > 1:
        square += values.mean(axis=1).var(ddof=1) / seeds
        df = min(df, seeds - 1)
    return _student(mean, float(np.sqrt(square)), df, level)


def smallest_detectable(standard_error: float, df: float, *, level: float = 0.95, power: float = 0.8) -> float:
    """Return the true difference that an interval of this width finds with probability ``power``.

    ``(t_{(1+level)/2} + t_power) * standard_error``: the usual approximation of the noncentral t. NaN where the
    standard error is unknown.
    """
    if not df >= 1 or not np.isfinite(standard_error):
        return float("nan")
    return float((stats.t.ppf(0.5 + level / 2, df) + stats.t.ppf(power, df)) * standard_error)


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return Holm's step-down adjusted p-values, in the order given.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values)
    steps = np.maximum.accumulate(values[order] * (len(values) - np.arange(len(values))))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def compare_tables(scores: pd.DataFrame, *, baseline: str = "nothing", tie: float = 1e-3) -> pd.DataFrame:
    """Compare arms over many tables, each against ``baseline``.

    Args:
        scores: a row a table, a column an arm, higher is better.
        baseline: the column that the others are compared with.
        tie: a smaller absolute difference is a tie.

    Returns:
        a row an arm: mean_change, median_change, win, tie, loss, p (Wilcoxon signed rank, adjusted by Holm over the
        arms), mean_rank (1 is best; ties share their mean rank).

    Raises:
        ValueError: when ``baseline`` is no column, or a score is missing.
    """
    if baseline not in scores.columns:
        raise ValueError(f"baseline must be one of the columns {list(scores.columns)}, however: {baseline=}")
    if scores.isna().to_numpy().any():
        raise ValueError("scores must hold no missing value: leave out the table or the arm that has one")
    ranks = scores.rank(axis=1, ascending=False).mean()
    arms = [name for name in scores.columns if name != baseline]
    changes = {name: (scores[name] - scores[baseline]).to_numpy(dtype=np.float64) for name in arms}
    adjusted = dict(zip(arms, holm([_wilcoxon(changes[name]) for name in arms]), strict=True))
    rows = []
    for name in scores.columns:
        change = changes.get(name, np.zeros(len(scores)))
        rows.append(
            {
                "arm": name,
                "mean_change": change.mean(),
                "median_change": float(np.median(change)),
                "win": int((change >= tie).sum()),
                "tie": int((np.abs(change) < tie).sum()),
                "loss": int((change <= -tie).sum()),
                "p": adjusted.get(name, float("nan")),
                "mean_rank": ranks[name],
            }
        )
    return pd.DataFrame(rows).set_index("arm")


def _wilcoxon(change: np.ndarray) -> float:
    if not np.any(change != 0):
        return 1.0
    result: Any = stats.wilcoxon(change)
    return float(result.pvalue)
