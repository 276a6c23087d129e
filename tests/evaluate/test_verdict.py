import math

import pytest

from ganaug.evaluate.statistics import Interval
from ganaug.evaluate.verdict import Evidence, decide, sentence


def interval(low: float, high: float) -> Interval:
    return Interval(mean=(low + high) / 2, low=low, high=high, standard_error=(high - low) / 4, df=4, p=0.5)


UP, UNSURE, DOWN = interval(0.01, 0.03), interval(-0.01, 0.03), interval(-0.03, -0.01)


def evidence(nothing: Interval = UNSURE, **changes) -> Evidence:
    given = {
        "ours": "The policy",
        "scoring": "average_precision",
        "nothing": nothing,
        "cheap": {"SMOTE": UNSURE},
        "instead": {"SMOTE": UNSURE},
    }
    return Evidence(**(given | changes))


def test_helps_only_where_every_cheap_arm_is_beaten():
    assert decide(evidence(UP, cheap={"SMOTE": UP, "Class weights": UP})) == "helps"
    assert decide(evidence(UP, cheap={"SMOTE": UP, "Class weights": UNSURE})) == "better than nothing"
    assert decide(evidence(UP, cheap={"SMOTE": DOWN})) == "better than nothing"


def test_bounds_that_touch_zero_prove_nothing():
    assert decide(evidence(interval(0.0, 0.02), cheap={})) == "no evidence"
    assert decide(evidence(interval(-0.02, 0.0), cheap={})) == "no evidence"
    assert decide(evidence(UP, cheap={"SMOTE": interval(0.0, 0.02)})) == "better than nothing"


def test_harms_where_the_upper_bound_is_below_zero():
    assert decide(evidence(DOWN, cheap={"SMOTE": UP})) == "harms"


def test_left_alone_where_the_policy_mostly_chose_none_and_nothing_is_proved():
    assert decide(evidence(UNSURE, none_chosen=3, folds=5)) == "left alone"
    assert decide(evidence(UNSURE, none_chosen=2, folds=5)) == "no evidence"
    assert decide(evidence(UP, cheap={"SMOTE": UP}, none_chosen=4, folds=5)) == "helps"
    assert decide(evidence(DOWN, none_chosen=4, folds=5)) == "harms"


def test_unknown_intervals_prove_nothing():
    unknown = Interval(mean=0.1, low=math.nan, high=math.nan, standard_error=math.nan, df=0, p=math.nan)
    assert decide(evidence(unknown)) == "no evidence"
    assert "too few folds for an interval" in sentence("no evidence", evidence(unknown))


def test_helps_says_how_much_and_against_what():
    case = evidence(UP, cheap={"SMOTE": UP})
    text = sentence(decide(case), case)
    assert "helps" in text and "+0.020 (95 % interval +0.010 to +0.030)" in text and "SMOTE" in text
    untried = evidence(UP, cheap={})
    assert "no cheap way was tried" in sentence(decide(untried), untried)


def test_better_than_nothing_names_the_strongest_rival():
    rivals = {"SMOTE": interval(-0.02, 0.04), "Class weights": interval(-0.03, 0.01), "Oversampling": UP}
    case = evidence(UP, cheap=rivals)
    text = sentence(decide(case), case)
    assert "Class weights does as well" in text
    assert "-0.010 (95 % interval -0.030 to +0.010)" in text


@pytest.mark.parametrize("nothing", [UNSURE, DOWN])
def test_the_cheap_way_that_does_help_is_named_where_ours_does_not(nothing):
    case = evidence(nothing, instead={"SMOTE": UP, "Class weights": interval(0.05, 0.07)})
    assert "Class weights is worth using instead" in sentence(decide(case), case)


def test_the_threshold_is_named_where_tuning_it_helps():
    case = evidence(UNSURE, tuning=interval(0.05, 0.09))
    assert "tune the decision threshold" in sentence(decide(case), case)
    assert "tune" not in sentence(decide(evidence(UNSURE, tuning=UNSURE)), evidence(UNSURE, tuning=UNSURE))


def test_no_evidence_says_what_would_have_been_missed_and_claims_nothing():
    case = evidence(UNSURE, detectable=0.041)
    text = sentence(decide(case), case)
    assert "0.041" in text and "the rows without it do as well, as far as can be told" in text
    for claim in (" helps", " harms", "better than"):
        assert claim not in text


def test_a_label_begins_small_within_a_sentence():
    case = evidence(UNSURE, ours="The policy")
    assert "no evidence that the policy changes" in sentence(decide(case), case)


def test_left_alone_in_every_fold_reports_no_change_that_was_not_made():
    case = evidence(interval(0.0, 0.0), none_chosen=5, folds=5, detectable=0.02)
    text = sentence(decide(case), case)
    assert "left the data alone in every fold" in text and "changes by" not in text


def test_a_single_split_says_what_the_interval_does_not_cover():
    case = evidence(UP, cheap={"SMOTE": UP}, single=True)
    assert "not other training rows" in sentence(decide(case), case)
