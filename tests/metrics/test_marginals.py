from __future__ import annotations

import numpy as np
import pytest

from ganaug.metrics import kolmogorov_smirnov, total_variation


def slow_ks(real, synthetic, *, strictly=False):
    below = (lambda x, at: np.mean(x < at)) if strictly else (lambda x, at: np.mean(x <= at))
    points = [*real, *synthetic]
    return max(abs(below(real, p) - below(synthetic, p)) for p in points[: len(points)])


def slow_tv(real, synthetic):
    return max(  # the supremum over all sets of categories, which is what the total variation is
        abs(sum(np.mean(real == c) for c in chosen) - sum(np.mean(synthetic == c) for c in chosen))
        for bits in range(1 << 5)
        for chosen in [[c for c in range(5) if bits >> c & 1]]
    )


@pytest.fixture
def tied():
    rng = np.random.default_rng(0)
    return rng.integers(0, 6, 41).astype(float), rng.integers(1, 9, 23).astype(float)


def test_ks_is_the_largest_gap_of_the_distribution_functions_with_ties(tied):
    assert kolmogorov_smirnov(*tied) == pytest.approx(slow_ks(*tied), abs=1e-12)
    mean_shift = abs(tied[0].mean() - tied[1].mean())
    assert abs(mean_shift - slow_ks(*tied)) > 0.1  # the fixture would catch another distance


def test_ks_does_not_care_for_monotone_maps_and_reaches_both_ends(tied):
    real, synthetic = tied
    assert kolmogorov_smirnov(np.exp(real), np.exp(synthetic)) == kolmogorov_smirnov(real, synthetic)
    assert kolmogorov_smirnov(real, real[::-1]) == 0
    assert kolmogorov_smirnov(real, real + 100) == 1


def test_total_variation_is_the_largest_difference_over_sets():
    rng = np.random.default_rng(1)
    real, synthetic = rng.integers(0, 4, 50), rng.integers(1, 5, 30)
    value = total_variation(real, synthetic)
    assert value == pytest.approx(slow_tv(real, synthetic), abs=1e-12)
    unhalved = sum(abs(np.mean(real == c) - np.mean(synthetic == c)) for c in range(5))
    assert value != pytest.approx(unhalved)


def test_total_variation_does_not_allocate_by_the_largest_code():
    assert total_variation(np.array([0, 10**15]), np.array([10**15, 10**15])) == 0.5


@pytest.mark.parametrize("metric", [kolmogorov_smirnov, total_variation])
def test_what_is_not_a_column_is_refused(metric):
    column = np.array([1, 2])
    with pytest.raises(ValueError, match="synthetic must be one column with at least one value"):
        metric(column, np.array([]))
    with pytest.raises(ValueError, match="real must be one column"):
        metric(column[:, None], column)


def test_missing_numbers_are_refused():
    with pytest.raises(ValueError, match="1 values are missing"):
        kolmogorov_smirnov(np.array([1.0, np.nan]), np.array([1.0]))
