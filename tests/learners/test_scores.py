"""Scores against scikit-learn, hand-derived values and slow, obvious references."""

import numpy as np
import pytest
from sklearn import metrics

from ganaug.learners import scores


@pytest.fixture
def many():
    rng = np.random.default_rng(0)
    codes = rng.choice(4, size=120, p=[0.6, 0.2, 0.15, 0.05])
    proba = rng.dirichlet(np.ones(4), size=120)
    proba[np.arange(120), codes] += 0.3
    return codes, proba / proba.sum(axis=1, keepdims=True)


@pytest.fixture
def two():
    rng = np.random.default_rng(1)
    codes = (rng.random(80) < 0.2).astype(int)
    inside = np.clip(0.3 * codes + rng.random(80) * 0.7, 0, 1).round(2)
    return codes, np.stack([1 - inside, inside], axis=1)


def naive_average_precision(truth, score):
    """Sum over distinct thresholds of the rise in recall times precision, by counting."""
    total, before = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        chosen = [t for t, s in zip(truth, score, strict=True) if s >= threshold]
        recall = sum(chosen) / sum(truth)
        total += (recall - before) * sum(chosen) / len(chosen)
        before = recall
    return total


def test_average_precision_by_hand():
    # Ranked: hit, miss, hit. Precision 1 at recall 1/2, 2/3 at recall 1: (1 + 2/3) / 2.
    codes, inside = np.array([1, 0, 1]), np.array([0.9, 0.8, 0.7])
    proba = np.stack([1 - inside, inside], axis=1)
    assert scores.average_precision(codes, proba, positive=1) == pytest.approx(5 / 6)


def test_average_precision_against_the_slow_reference(two, many):
    codes, proba = two
    assert scores.average_precision(codes, proba, 1) == pytest.approx(naive_average_precision(codes == 1, proba[:, 1]))
    codes, proba = many
    slow = np.mean([naive_average_precision(codes == c, proba[:, c]) for c in range(4)])
    assert scores.average_precision(codes, proba) == pytest.approx(slow)


def test_a_class_without_rows_does_not_count(many):
    codes, proba = many
    kept = codes != 3
    slow = np.mean([naive_average_precision(codes[kept] == c, proba[kept, c]) for c in range(3)])
    assert scores.average_precision(codes[kept], proba[kept]) == pytest.approx(slow)
    assert np.isnan(scores.average_precision(np.zeros(5, int), np.full((5, 4), 0.25)))


def test_roc_auc_is_macro_one_against_rest(two, many):
    codes, proba = two
    assert scores.roc_auc(codes, proba, 1) == pytest.approx(metrics.roc_auc_score(codes, proba[:, 1]))
    assert scores.roc_auc(codes, proba, 0) == pytest.approx(metrics.roc_auc_score(codes, proba[:, 1]))
    codes, proba = many
    reference = metrics.roc_auc_score(codes, proba, multi_class="ovr", average="macro")
    assert scores.roc_auc(codes, proba) == pytest.approx(reference)


def test_prior_correction_recovers_the_posterior_exactly():
    # Two normals, shares 0.9 / 0.1. A classifier that learnt them at equal shares gives the likelihoods alone;
    # corrected, it must give Bayes' rule at the real shares.
    x = np.linspace(-3, 4, 30)
    like = np.stack([np.exp(-(x**2) / 2), np.exp(-((x - 1) ** 2) / 2)], axis=1)
    balanced = like / like.sum(axis=1, keepdims=True)
    real = np.array([0.9, 0.1])
    posterior = like * real / (like * real).sum(axis=1, keepdims=True)
    assert scores.correct_prior(balanced, np.array([0.5, 0.5]), real) == pytest.approx(posterior)
    assert scores.correct_prior(posterior, real, real) == pytest.approx(posterior)


def test_prior_correction_against_a_slow_loop(many):
    _, proba = many
    trained, real = np.array([0.25, 0.25, 0.5, 0.0]), np.array([0.7, 0.1, 0.1, 0.1])
    slow = []
    for row in proba:
        moved = [p * r / t if t else 0.0 for p, t, r in zip(row, trained, real, strict=True)]
        slow.append([m / sum(moved) for m in moved])
    assert scores.correct_prior(proba, trained, real) == pytest.approx(np.array(slow))


def test_brier_and_log_loss(two, many):
    codes, proba = two
    assert scores.brier(codes, proba) == pytest.approx(metrics.brier_score_loss(codes, proba[:, 1]))
    clipped = np.clip(proba, 1e-6, 1)
    by_hand = -np.mean([np.log(clipped[i, c]) for i, c in enumerate(codes)])
    assert scores.log_loss(codes, proba) == pytest.approx(by_hand)
    codes, proba = many
    assert scores.log_loss(codes, proba) == pytest.approx(metrics.log_loss(codes, proba))
    assert np.isfinite(scores.log_loss(np.array([1]), np.array([[1.0, 0.0]])))


@pytest.mark.parametrize("positive", [0, 1])
def test_decision_scores_of_two_classes(two, positive):
    codes, proba = two
    decided = scores.decide(proba, 0.45, positive, np.array([0.8, 0.2]))
    assert (decided == positive).tolist() == (proba[:, positive] >= 0.45).tolist()
    counts = scores.confusion(codes, decided, 2)
    assert counts.tolist() == metrics.confusion_matrix(codes, decided).tolist()
    found = {m: float(scores.decision_score(m, counts, positive)) for m in scores.DECISION_METRICS}
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(codes, decided))
    assert found["mcc"] == pytest.approx(metrics.matthews_corrcoef(codes, decided))
    assert found["f1"] == pytest.approx(metrics.f1_score(codes, decided, pos_label=positive))
    recalls = metrics.recall_score(codes, decided, average=None)
    assert found["g_mean"] == pytest.approx(np.sqrt(np.prod(recalls)))


def test_decision_scores_of_many_classes(many):
    codes, proba = many
    decided = scores.decide(proba, 0.0, None, np.full(4, 0.25))
    assert decided.tolist() == proba.argmax(axis=1).tolist()
    counts = scores.confusion(codes, decided, 4)
    assert scores.decision_score("mcc", counts) == pytest.approx(metrics.matthews_corrcoef(codes, decided))
    assert scores.decision_score("f1", counts) == pytest.approx(metrics.f1_score(codes, decided, average="macro"))
    expected = metrics.balanced_accuracy_score(codes, decided)
    assert scores.decision_score("balanced_accuracy", counts) == pytest.approx(expected)


def test_decision_scores_where_nothing_is_decided_for():
    counts = np.array([[5, 0], [3, 0]])
    assert scores.decision_score("mcc", counts, 1) == 0
    assert scores.decision_score("f1", counts, 1) == 0
    assert scores.decision_score("g_mean", counts, 1) == 0
    assert scores.decision_score("balanced_accuracy", counts, 1) == 0.5
    with pytest.raises(ValueError, match="metric must be one of"):
        scores.decision_score("accuracy", counts)


def test_the_exponent_moves_decisions_to_rare_classes(many):
    _, proba = many
    prior = np.array([0.6, 0.2, 0.15, 0.05])
    rare = [np.mean(scores.decide(proba, e, None, prior) == 3) for e in (-1.0, 0.0, 1.0, 2.0)]
    assert rare == sorted(rare) and rare[0] < rare[-1]
    corrected = (proba / prior).argmax(axis=1)
    assert scores.decide(proba, 1.0, None, prior).tolist() == corrected.tolist()


@pytest.mark.parametrize("metric", scores.DECISION_METRICS)
@pytest.mark.parametrize("positive", [0, 1])
def test_tuned_threshold_is_the_best_of_all(two, metric, positive):
    codes, proba = two
    prior = np.array([0.8, 0.2])
    setting = scores.tune(metric, codes, proba, positive, prior)

    def value(t):
        counts = scores.confusion(codes, scores.decide(proba, t, positive, prior), 2)
        return float(scores.decision_score(metric, counts, positive))

    assert value(setting) == pytest.approx(max(value(t) for t in np.linspace(-0.01, 1.01, 1021)))


def test_tuning_that_changes_nothing_leaves_the_threshold_alone():
    codes = np.array([0, 0, 1, 1])
    proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])
    assert scores.tune("mcc", codes, proba, 1, np.array([0.5, 0.5])) == 0.5
    three = np.eye(3)[[0, 1, 2]] * 0.8 + 0.2 / 3
    assert scores.tune("f1", np.array([0, 1, 2]), three, None, np.full(3, 1 / 3)) == 0


@pytest.mark.parametrize("metric", scores.DECISION_METRICS)
def test_tuned_exponent_is_the_best_of_its_grid(many, metric):
    codes, proba = many
    prior = np.bincount(codes) / len(codes)
    setting = scores.tune(metric, codes, proba, None, prior)

    def value(e):
        return float(scores.decision_score(metric, scores.confusion(codes, scores.decide(proba, e, None, prior), 4)))

    assert value(setting) == pytest.approx(max(value(e) for e in scores.EXPONENTS))
