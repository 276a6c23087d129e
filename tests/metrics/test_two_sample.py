from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from ganaug.metrics import two_sample_auc


def test_one_distribution_cannot_be_told_apart():
    rng = np.random.default_rng(0)
    aucs = [two_sample_auc(rng.normal(size=(150, 4)), rng.normal(size=(150, 4)), seed=s) for s in range(8)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.04)


def test_a_shift_is_found_as_well_as_theory_allows():
    rng = np.random.default_rng(1)
    real, synthetic = rng.normal(size=(1500, 2)), rng.normal(size=(1500, 2))
    synthetic[:, 1] += 1
    best = norm.cdf(1 / np.sqrt(2))  # of the likelihood ratio
    assert best - 0.04 < two_sample_auc(real, synthetic) < best + 0.03


def test_rows_that_scored_themselves_would_show():
    rng = np.random.default_rng(2)  # 40 noise features: a fit scored on its own rows would reach 1
    assert two_sample_auc(rng.normal(size=(60, 40)), rng.normal(size=(60, 40))) < 0.7


def test_unequal_sizes_and_missing_values_are_fine_and_the_seed_decides():
    rng = np.random.default_rng(3)
    real, synthetic = rng.normal(size=(300, 3)), rng.normal(size=(40, 3))
    real[::7, 0] = np.nan
    assert two_sample_auc(real, synthetic, seed=1) == two_sample_auc(real, synthetic, seed=1)
    assert two_sample_auc(real, synthetic, seed=1) != two_sample_auc(real, synthetic, seed=2)


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="at least 3 rows of each kind"):
        two_sample_auc(np.ones((9, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="as wide as each other"):
        two_sample_auc(np.ones((9, 2)), np.ones((9, 3)))


def test_a_seed_of_63_bits_is_taken() -> None:
    """As `ganaug.seeding.resolve` draws it where no random_state is given: scikit-learn refuses more than 32 bits."""
    real, synthetic = np.random.default_rng(0).normal(size=(2, 60, 3))
    found = [two_sample_auc(real, synthetic, seed=2**62 + i) for i in (5, 5, 6)]
    assert found[0] == found[1] != found[2] and 0.2 < found[0] < 0.8
