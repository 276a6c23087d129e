import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from ganaug.evaluate.judge import Predicted, judge, tune_settings
from ganaug.learners import scores
from ganaug.learners.scoring import Scoring


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    codes = (rng.random(200) < 0.2).astype(int)
    inside = np.clip(0.05 + 0.25 * codes + 0.15 * rng.random(200), 0, 1)
    proba = np.stack([1 - inside, inside], axis=1)
    return codes, Predicted(test=proba, inner=proba[::-1], shares=np.array([0.5, 0.5]))


def judged(case, scoring=None, *, tuned=False, rows=None, settings=None):
    codes, predicted = case
    rule = Scoring.make(scoring, codes, np.array([0, 1]))
    settings = tune_settings(predicted, codes[::-1], rule) if settings is None else settings
    rows = np.arange(len(codes)) if rows is None else rows
    return judge(predicted, settings, codes, rule, rows=rows, prior=np.array([0.8, 0.2]), tuned=tuned)


def test_probabilities_are_corrected_to_the_real_shares_before_they_are_judged(case):
    codes, predicted = case
    found = judged(case)
    corrected = scores.correct_prior(predicted.test, np.array([0.5, 0.5]), np.array([0.8, 0.2]))
    assert found["brier"] == pytest.approx(scores.brier(codes, corrected))
    assert found["log_loss"] == pytest.approx(scores.log_loss(codes, corrected))
    assert found["brier"] != pytest.approx(scores.brier(codes, predicted.test))


def test_decisions_are_at_the_tuned_threshold_and_at_half(case):
    codes, predicted = case
    found = judged(case)
    # All probabilities are below 0.5, and a threshold of about 0.25 tells the classes apart.
    assert found["balanced_accuracy@0.5"] == 0.5 and found["mcc@0.5"] == 0
    best = max(balanced_accuracy_score(codes, predicted.test[:, 1] >= t) for t in np.linspace(0, 1, 501))
    assert found["balanced_accuracy"] == pytest.approx(best)
    assert "balanced_accuracy@0.5" not in judged(case, tuned=True)


def test_a_users_score_is_of_what_predict_gives_unless_the_threshold_is_tuned(case):
    assert judged(case, "balanced_accuracy")["balanced_accuracy"] == 0.5
    tuned = judged(case, "balanced_accuracy", tuned=True)
    assert tuned["balanced_accuracy"] > 0.9
    assert judged(case, "balanced_accuracy")["balanced_accuracy (tuned)"] > 0.9


def test_only_the_rows_asked_for_are_judged(case):
    codes, predicted = case
    rows = np.arange(0, 200, 2)
    found = judged(case, rows=rows)
    assert found["average_precision"] == pytest.approx(scores.average_precision(codes[rows], predicted.test[rows], 1))


def test_without_inner_folds_no_threshold_is_tuned(case):
    codes, predicted = case
    rule = Scoring.make(None, codes, np.array([0, 1]))
    without = Predicted(test=predicted.test, inner=None, shares=predicted.shares)
    assert set(tune_settings(without, None, rule).values()) == {0.5}
    assert set(tune_settings(predicted, np.zeros(200, int), rule).values()) == {0.5}
