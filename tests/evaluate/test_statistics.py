import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ganaug.evaluate.statistics import (
    compare_tables,
    corrected_interval,
    holm,
    single_split_interval,
    smallest_detectable,
)


def test_corrected_interval_by_hand():
    # Mean 0.02; squares of (-0.02, 0.02, -0.01, 0, 0.01) sum to 0.001, so s^2 = 0.00025 with 4 degrees of freedom.
    # 1/J + n_test/n_train = 0.2 + 0.25 = 0.45; standard error sqrt(0.45 * 0.00025) = sqrt(0.0001125).
    found = corrected_interval([0.0, 0.04, 0.01, 0.02, 0.03], 0.25)
    assert found.mean == pytest.approx(0.02)
    assert found.standard_error == pytest.approx(math.sqrt(0.0001125), rel=1e-12)
    assert found.df == 4
    # t_{0.975, 4} = 2.7764451 (any table)
    assert found.low == pytest.approx(0.02 - 2.7764451 * math.sqrt(0.0001125), abs=1e-8)
    assert found.high == pytest.approx(0.02 + 2.7764451 * math.sqrt(0.0001125), abs=1e-8)


def test_without_the_correction_it_is_the_paired_t_test():
    values = np.array([0.3, -0.1, 0.25, 0.2, 0.05, 0.12])
    found = corrected_interval(values, 0.0)
    reference = stats.ttest_1samp(values, 0.0)
    assert found.p == pytest.approx(reference.pvalue, rel=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(reference.confidence_interval()), rel=1e-12)


def test_the_correction_makes_the_interval_wider():
    values = [0.0, 0.04, 0.01, 0.02, 0.03]
    assert corrected_interval(values, 0.25).low < corrected_interval(values, 0.0).low


def test_few_or_equal_differences():
    one = corrected_interval([0.1], 0.25)
    assert one.mean == 0.1
    assert math.isnan(one.low) and math.isnan(one.p)
    assert not one.above and not one.below
    none = corrected_interval([math.nan], 0.25)
    assert math.isnan(none.mean)
    zeros = corrected_interval([0.0, 0.0, 0.0], 0.25)
    assert (zeros.low, zeros.high, zeros.p) == (0.0, 0.0, 1.0)
    assert not zeros.above and not zeros.below


def test_a_fold_without_a_score_is_left_out():
    assert corrected_interval([0.1, math.nan, 0.3], 0.5) == corrected_interval([0.1, 0.3], 0.5)


def test_corrected_interval_keeps_its_level_where_folds_share_training_rows():
    # Differences with a common part, as overlapping training sets give, of the correlation that the correction is
    # made for: rho = n_test / (n_test + n_train) = 0.2 for five folds. Without it the interval misses far more often.
    rng = np.random.default_rng(0)
    runs, rho = 2000, 0.2
    draws = math.sqrt(rho) * rng.normal(size=(runs, 1)) + math.sqrt(1 - rho) * rng.normal(size=(runs, 5))
    missed = np.mean([abs(i.mean) > i.high - i.mean for i in (corrected_interval(d, 0.25) for d in draws)])
    naive = np.mean([abs(i.mean) > i.high - i.mean for i in (corrected_interval(d, 0.0) for d in draws)])
    assert missed <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert naive > 0.10


def test_single_split_by_hand():
    # Two seeds, two parts. Parts' means over seeds: (0.1 + 0.3) / 2 = 0.2 and (0.3 + 0.5) / 2 = 0.4: s^2 = 0.02.
    # Seeds' means over parts: 0.2 and 0.4: s^2 = 0.02. Standard error: sqrt(0.02 / 2 + 0.02 / 2); df 1.
    found = single_split_interval(np.array([[0.1, 0.3], [0.3, 0.5]]))
    assert found.mean == pytest.approx(0.3)
    assert found.standard_error == pytest.approx(math.sqrt(0.02))
    assert found.df == 1
    one_seed = single_split_interval(np.array([[0.1, 0.3, 0.2]]))
    assert one_seed.standard_error == pytest.approx(math.sqrt(0.01 / 3))
    assert one_seed.df == 2
    assert math.isnan(single_split_interval(np.array([[0.1]])).low)


def test_smallest_detectable_is_found_four_times_in_five():
    rng = np.random.default_rng(1)
    se, df = 0.02, 24
    effect = smallest_detectable(se, df)
    assert effect == pytest.approx((stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)) * se)
    means = effect + se * rng.normal(size=20_000)
    spread = se * np.sqrt(rng.chisquare(df, size=20_000) / df)
    assert np.mean(means - stats.t.ppf(0.975, df) * spread > 0) == pytest.approx(0.8, abs=0.02)
    assert math.isnan(smallest_detectable(math.nan, 4))


def test_holm_by_hand():
    # sorted 0.01, 0.02, 0.03, 0.5 -> 0.04, 0.06, 0.06, 0.5
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]).max() == 1.0


def test_compare_tables_by_hand():
    scores = pd.DataFrame(
        {"nothing": [0.5, 0.6, 0.7, 0.8], "a": [0.6, 0.7, 0.7, 0.9], "b": [0.4, 0.61, 0.6, 0.7]},
        index=list("wxyz"),
    )
    found = compare_tables(scores)
    assert found.loc["a", ["win", "tie", "loss"]].tolist() == [3, 1, 0]
    assert found.loc["b", ["win", "tie", "loss"]].tolist() == [1, 0, 3]
    assert found.loc["a", "mean_change"] == pytest.approx(0.075)
    # ranks: nothing 2, 3, 1.5, 2; a 1, 1, 1.5, 1; b 3, 2, 3, 3
    assert found["mean_rank"].tolist() == pytest.approx([2.125, 1.125, 2.75])
    assert found.loc["nothing", "mean_change"] == 0
    raw = [stats.wilcoxon(scores[c] - scores["nothing"]).pvalue for c in ("a", "b")]
    assert found["p"].tolist()[1:] == pytest.approx(list(holm(raw)))


def test_compare_tables_refuses_what_it_cannot_compare():
    with pytest.raises(ValueError, match="baseline must be one of"):
        compare_tables(pd.DataFrame({"a": [1.0]}))
    with pytest.raises(ValueError, match="missing value"):
        compare_tables(pd.DataFrame({"nothing": [1.0, math.nan]}))
