import math

import numpy as np
import pandas as pd
import pytest

from ganaug.evaluate.plan import Fold, Plan
from ganaug.evaluate.statistics import corrected_interval, single_split_interval
from ganaug.evaluate.summary import Summary


def plan_of(folds: int, parts: int = 0) -> Plan:
    rows = np.arange(8)
    return Plan(
        folds=tuple(Fold(index=i, repeat=0, train=rows, test=rows[:2], inner=[], seed=0) for i in range(folds)),
        n_splits=folds,
        n_repeats=1,
        generator_seeds=2,
        test_parts=tuple(np.arange(2) for _ in range(parts)),
    )


def record(fold, arm, learner, value, *, seed=0, part=0, metric="m"):
    keys = {"fold": fold, "seed": seed, "part": part, "arm": arm, "learner": learner, "metric": metric}
    return keys | {"value": value}


@pytest.fixture
def folds() -> Summary:
    """Two folds, two learners; ours has two generator seeds."""
    rows = []
    for fold, nothing, ours in ((0, (0.5, 0.7), ((0.6, 0.8), (0.8, 1.0))), (1, (0.4, 0.6), ((0.5, 0.5), (0.3, 0.7)))):
        for learner, value in zip("ab", nothing, strict=True):
            rows.append(record(fold, "nothing", learner, value))
        for seed, values in enumerate(ours):
            rows += [record(fold, "ours", x, v, seed=seed) for x, v in zip("ab", values, strict=True)]
    return Summary(pd.DataFrame(rows).sample(frac=1, random_state=0), plan_of(2))


def test_differences_are_paired_by_fold_and_averaged_over_seeds_and_learners(folds):
    # fold 0: ours (0.7 + 0.9) / 2 = 0.8 less 0.6; fold 1: ours (0.5 + 0.5) / 2 less 0.5
    assert folds.difference("ours", "nothing", "m").mean == pytest.approx(0.1)
    assert folds.difference("ours", "nothing", "m").standard_error == pytest.approx(math.sqrt((0.5 + 0.25) * 0.02))
    # learner a: 0.7 - 0.5 and 0.4 - 0.4
    assert folds.difference("ours", "nothing", "m", "a").mean == pytest.approx(0.1)
    assert folds.score("ours", "m") == pytest.approx(0.65)
    assert folds.score("nothing", "m", "b") == pytest.approx(0.65)


def test_the_spread_between_seeds_is_kept_apart(folds):
    # fold 0: 0.7 and 0.9, variance 0.02; fold 1: 0.5 and 0.5, variance 0
    assert folds.seed_deviation("ours", "m") == pytest.approx(math.sqrt(0.01))
    assert math.isnan(folds.seed_deviation("nothing", "m"))


def test_a_single_split_is_compared_by_part_and_seed():
    rows = [record(0, "nothing", "a", v, part=k) for k, v in enumerate((0.5, 0.6, 0.7))]
    ours = ((0.6, 0.7, 0.7), (0.6, 0.8, 0.9))
    rows += [record(0, "ours", "a", v, seed=g, part=k) for g, values in enumerate(ours) for k, v in enumerate(values)]
    found = Summary(pd.DataFrame(rows), plan_of(1, parts=3)).difference("ours", "nothing", "m")
    assert found == single_split_interval(np.array(ours) - np.array([0.5, 0.6, 0.7]))
    assert found.df == 1


def test_a_fold_without_a_score_counts_nowhere():
    values = {0: (0.5, 0.6), 1: (math.nan, 0.6), 2: (0.5, 0.8)}
    rows = [
        record(f, arm, "a", v) for f, pair in values.items() for arm, v in zip(("nothing", "ours"), pair, strict=True)
    ]
    summary = Summary(pd.DataFrame(rows), plan_of(3))
    assert summary.difference("ours", "nothing", "m") == corrected_interval([0.6 - 0.5, 0.8 - 0.5], 0.25)
    assert summary.score("nothing", "m") == 0.5
