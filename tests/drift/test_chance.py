from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganaug.drift.chance import p_value, psi


def test_psi_is_what_the_formula_says_by_hand() -> None:
    p, q = (100.5 / 201, 100.5 / 201), (60.5 / 201, 140.5 / 201)
    by_hand = sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))
    assert psi([100, 100], [60, 140]) == pytest.approx(by_hand, abs=1e-12)
    assert math.isfinite(psi([10, 0], [0, 10])) and psi([0, 0], [0, 0]) == 0


def test_small_tables_get_the_p_value_that_counting_all_tables_gives() -> None:
    for then, now in (([3, 0], [0, 4]), ([5, 1], [2, 6]), ([8, 2], [7, 3])):
        exact = stats.fisher_exact([then, now]).pvalue
        assert p_value(then, now) == pytest.approx(exact, abs=0.02)


def test_p_values_of_samples_of_one_population_are_no_smaller_than_uniform_ones() -> None:
    rng = np.random.default_rng(0)
    shares = [0.5, 0.3, 0.15, 0.04, 0.01]
    found = np.array([p_value(rng.multinomial(40, shares), rng.multinomial(90, shares)) for _ in range(100)])
    for level in (0.05, 0.2, 0.5):
        assert (found <= level).mean() <= level + 3 * math.sqrt(level * (1 - level) / 100)


def test_nothing_can_be_said_of_one_bin_or_of_no_rows() -> None:
    assert p_value([5], [9]) == p_value([0, 0], [4, 4]) == p_value([3, 0], [9, 0]) == 1.0
