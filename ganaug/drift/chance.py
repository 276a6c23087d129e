"""Counts of one sample against counts of another: how far apart, and could it be chance?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

__all__ = ["ALPHA", "MODERATE", "p_value", "psi"]

MODERATE = 0.1
"""Population stability index from which a change is worth a look; from 2.5 times that it is large. The convention of
credit scoring: Siddiqi, Credit Risk Scorecards (2006)."""
ALPHA = 0.005
"""For the columns together, and for the classes together: where nothing changed, 1 comparison in 100 says otherwise."""
FEWEST = 5
DRAWS = 99_999
"""Tables drawn where the chi-squared distribution cannot be relied on."""


def psi(then: Sequence[int], now: Sequence[int]) -> float:
    """Return the population stability index, ``sum (q_i - p_i) ln(q_i / p_i)`` of the shares p then and q now.

    Each bin counts half a row more, so that an empty one gives a number. Without any change its mean is about
    ``(B - 1)(1/n + 1/m)`` for B bins and n and m rows (Yurdakul and Naranjo, Journal of Risk Model Validation 14,
    2020): of small samples it is large by chance, which is why it is not judged alone.

    >>> round(psi([50, 50], [50, 50]), 3), round(psi([500, 500], [700, 300]), 3)
    (0.0, 0.169)
    """
    p, q = ((np.asarray(counts, np.float64) + 0.5) for counts in (then, now))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def p_value(then: Sequence[int], now: Sequence[int]) -> float:
    """Return how often chance alone makes two samples of one population differ as much; 1 where one is empty.

    Pearson's chi-squared test; where an expected count is under 5, too small for the tail of its distribution, the same
    statistic among tables drawn with the same margins, always the same draws.

    >>> p_value([50, 50], [50, 50]), p_value([500, 500], [700, 300]) < 1e-6, p_value([3, 0], [0, 3]) > 0.05
    (1.0, True, True)
    """
    table = np.asarray([then, now], np.int64)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return 1.0
    found = stats.chi2_contingency(table, correction=False)
    expected = found.expected_freq
    if expected.min() >= FEWEST:
        return float(found.pvalue)
    drawn = stats.random_table(table.sum(axis=1), table.sum(axis=0)).rvs(DRAWS, random_state=0)
    statistic = ((drawn - expected) ** 2 / expected).sum(axis=(1, 2))
    return float((1 + (statistic >= found.statistic * (1 - 1e-9)).sum()) / (1 + DRAWS))
