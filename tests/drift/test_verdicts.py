from __future__ import annotations

import copy

from ganaug.drift import compare_verdicts

EFFECT = {
    "verdict": "helps",
    "scoring": "average_precision",
    "ours": "policy",
    "n_splits": 5,
    "arms": [
        {"name": "nothing", "difference": 0.0, "low": None, "high": None},
        {"name": "policy", "difference": 0.03, "low": 0.01, "high": 0.05},
    ],
    "folds": [
        {"fold": fold, "arm": arm, "learner": learner, "value": 0.9 + 0.01 * (fold % 2), "metric": "average_precision"}
        for fold in range(5)
        for arm in ("nothing", "policy")
        for learner in ("a", "b")
    ],
}


def moved(*, verdict: str = "helps", difference: float = 0.03, score: float = 0.0) -> dict:
    effect = copy.deepcopy(EFFECT)
    effect["verdict"] = verdict
    effect["arms"][1] |= {"difference": difference, "low": difference - 0.02, "high": difference + 0.02}
    for entry in effect["folds"]:
        entry["value"] += score
    return effect


def test_the_same_verdict_and_what_chance_explains_are_no_change() -> None:
    assert compare_verdicts(EFFECT, EFFECT) == []
    assert compare_verdicts(EFFECT, moved(difference=0.03 - 0.028, score=0.005)) == []


def test_a_change_of_verdict_and_of_the_effect_is_told_with_its_numbers() -> None:
    assert compare_verdicts(EFFECT, moved(verdict="harms", difference=-0.04)) == [
        "the verdict changed from 'helps' to 'harms'",
        "what the augmentation changes in average precision moved from 0.030 (± 0.020) to -0.040 (± 0.020), "
        "beyond both intervals",
    ]


def test_data_that_became_harder_are_told_though_the_effect_is_the_same() -> None:
    (sentence,) = compare_verdicts(EFFECT, moved(score=-0.1))
    assert sentence.startswith("average precision of the data as they are moved from 0.904 (± 0.010) to 0.804")


def test_what_was_not_measured_or_measured_otherwise_is_not_compared() -> None:
    unmeasured = {**moved(verdict="not measurable"), "arms": [], "folds": [], "n_splits": 0}
    assert compare_verdicts(EFFECT, unmeasured) == ["the verdict changed from 'helps' to 'not measurable'"]
    other = {**moved(score=-0.5), "scoring": "roc_auc"}
    assert compare_verdicts(EFFECT, other) == ["scores are not compared: average_precision then, roc_auc now"]
