import numpy as np
import pytest

from ganaug.evaluate.budget import Work, cut_to
from ganaug.evaluate.plan import Fold, Plan


def work(repeats=5, folds=5, seeds=3, candidates=3, arms=("nothing", "class_weights", "random_oversampling", "smote")):
    rows = np.arange(4)
    plan = Plan(
        folds=tuple(
            Fold(index=r * folds + i, repeat=r, train=rows, test=rows, inner=[(rows, rows)] * 3, seed=0)
            for r in range(repeats)
            for i in range(folds)
        ),
        n_splits=folds,
        n_repeats=repeats,
        generator_seeds=seeds,
    )
    return Work(plan=plan, arms=tuple(arms), candidates=candidates, learners=3, generators=True)


def test_fits_by_hand():
    # A fold: 4 arms on the fold and its 3 inner folds, 3 candidates on the inner folds, 3 seeds of ours: 16 + 9 + 3.
    assert work().fits == 25 * 3 * 28
    # 3 inner generators and 3 seeds of the outer one
    assert work().generator_fits == 25 * 6
    assert work(repeats=1).seconds(0.1, 2, 1.0) == pytest.approx(1.15 * 5 * 3 * 28 * 0.1 / 2 + 30)


def test_enough_time_cuts_nothing():
    whole = work()
    after, cuts = cut_to(whole, 1e9, per_fit=0.1, workers=2)
    assert after == whole and cuts == []


def test_cuts_come_in_their_order():
    names = []
    for seconds in np.geomspace(1000, 0.01, 200):
        _, cuts = cut_to(work(), seconds, per_fit=0.1, workers=1)
        names += [c.split(":")[0] for c in cuts if c.split(":")[0] not in names]
    assert names == [
        "repeats", "generator seeds", "policy", "arm class_weights", "arm random_oversampling", "arm smote", "folds",
    ]  # fmt: skip


def test_no_more_is_cut_than_needed_and_the_rest_fits():
    whole = work()
    after, cuts = cut_to(whole, 0.5 * whole.seconds(0.1, 2), per_fit=0.1, workers=2)
    assert after.seconds(0.1, 2) <= 0.5 * whole.seconds(0.1, 2)
    assert cuts == ["repeats: 2 instead of 5"] and after.plan.n_repeats == 2
    assert {fold.repeat for fold in after.plan.folds} == {0, 1}


def test_at_least_three_folds_and_one_candidate_stay():
    after, cuts = cut_to(work(), 0.0, per_fit=0.1, workers=2)
    assert len(after.plan.folds) == 3 and after.candidates == 1 and after.arms == ("nothing",)
    assert "policy: 1 candidates beside nothing instead of 3" in cuts
    assert "folds: the first 3 of 5" in cuts


def test_what_a_user_brought_is_not_cut():
    after, _ = cut_to(work(arms=("nothing", "borderline", "smote")), 0.0, per_fit=0.1, workers=1)
    assert after.arms == ("nothing", "borderline")
