import math

import numpy as np
import pytest
from scipy import stats

from ganaug.errors import ConfigError
from ganaug.policy import CANDIDATES, Candidate, choose


def scores(*gains: list[float], base: float = 0.5) -> np.ndarray:
    """One learner: nothing scores ``base`` on every fold, each candidate its gains more."""
    return np.array([[[base]] * len(gains[0]), *([[base + g] for g in gain] for gain in gains)])


NONE = Candidate()
PLAIN = tuple(Candidate(ratio=r) for r in (0.1, 0.25, 0.5))
"""Ways of which nothing was known beforehand."""
HOPED = Candidate(times=10, expected=0.02, deviation=0.03)


def test_nothing_is_the_first_candidate():
    assert CANDIDATES[0].is_none and not CANDIDATES[1].is_none
    assert [c.name for c in CANDIDATES] == ["none", "x10 relabelled"]
    assert [c.name for c in PLAIN] == ["r=0.1", "r=0.25", "r=0.5"]
    assert Candidate(ratio=0.5, keep=0.5).name == "r=0.5 keep=0.5"
    half = Candidate(level=3, moved=0.5, transforms=("flip",))
    assert half.name == "level=3 moved=0.5"
    assert half.meaning.endswith("up to 3 times the largest, 50% of what is added being real images after flip")
    assert [bool(c.meaning) for c in CANDIDATES] == [False, True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ratio": -0.1},
        {"ratio": 11},
        {"ratio": 0.5, "keep": 0},
        {"ratio": 1, "keep": 1.1},
        {"ratio": 0, "times": -1},
        {"ratio": 0.1, "times": 2},
        {"ratio": 0, "jitter": 0.5},
        {"ratio": 0, "times": 2, "swap": 2},
        {"ratio": 0.1, "deviation": 0},
    ],
)
def test_impossible_candidates_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"must|in place of"):
        Candidate(**wrong)


def test_margin_by_hand():
    # Gains (0.01, 0.02, 0.03) and (0.00, 0.04, 0.02): squares 2e-4 + 8e-4 with 4 degrees of freedom, and 4 more that
    # stand for a deviation of .05 between folds.
    way = Candidate(ratio=0.25, expected=0.01, deviation=0.02)
    given = scores([0.01, 0.02, 0.03], [0.0, 0.04, 0.02])
    found = choose(given, candidates=(NONE, way, way), test_to_train=0.5, confidence=0.8)
    square = (1 / 3 + 1 / 2) * (1e-3 + 4 * 0.05**2) / 8
    assert found.standard_error == pytest.approx(math.sqrt(square))
    total = 1 / 0.02**2 + 1 / square
    assert found.margin == pytest.approx(square * (stats.norm.ppf(0.8) * math.sqrt(total) - 0.01 / 0.02**2))
    now = (0.01 / 0.02**2 + 0.02 / square) / total
    assert (found.index > 0) == (stats.norm.cdf(now * math.sqrt(total)) > 0.8)


def test_a_clear_gain_is_taken_and_the_largest_of_several():
    found = choose(scores([0.2, 0.21, 0.19], [0.3, 0.31, 0.29], [-0.1, -0.1, -0.1]), candidates=(NONE, *PLAIN))
    assert found.index == 2
    assert found.candidate is PLAIN[1]
    assert 0 < found.expected < 0.3


def test_what_helped_elsewhere_is_taken_unless_the_folds_speak_against_it():
    assert choose(scores([0.005, 0.0, 0.005]), candidates=(NONE, HOPED)).index == 1
    assert choose(scores([0.03, -0.04, 0.03]), candidates=(NONE, HOPED)).index == 1
    assert choose(scores([-0.05, -0.04, -0.06]), candidates=(NONE, HOPED)).index == 0
    assert choose(scores([0.005, 0.0, 0.005]), candidates=(NONE, PLAIN[0])).index == 0


def test_a_clear_loss_is_never_taken():
    assert choose(scores([-0.05] * 3, [-0.08] * 3, [-0.03] * 3), candidates=(NONE, *PLAIN)).index == 0
    assert choose(scores([-0.1] * 3), candidates=(NONE, HOPED)).index == 0


def test_the_gain_is_the_mean_over_learners():
    # One learner gains what the other loses: nothing is gained.
    given = np.zeros((2, 3, 2))
    given[1] = [[0.3, -0.3], [0.4, -0.4], [0.35, -0.35]]
    assert choose(given, candidates=(NONE, PLAIN[0])).index == 0
    given[1] = [[0.4, 0.0], [0.42, 0.0], [0.38, 0.0]]
    one = choose(given, candidates=(NONE, PLAIN[0]))
    assert one.index == 1
    assert one.expected == pytest.approx(choose(scores([0.2, 0.21, 0.19]), candidates=(NONE, PLAIN[0])).expected)


def test_pure_noise_mostly_leaves_the_data_alone():
    # One way of which nothing was known, with noise of the size that folds have. Eligible is what lies above 0 with a
    # probability of .6: a mean of .016 or more, which is half a standard deviation of such noise, so 29 % of the draws.
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.05 / math.sqrt(2), size=(400, 2, 3, 1))
    found = [choose(scores, candidates=(NONE, PLAIN[0])) for scores in noise]
    assert np.mean([choice.index > 0 for choice in found]) < 0.36


def test_choosing_gains_on_the_mean_where_the_prior_is_right():
    # True gains as expected, folds as noisy as they are: choosing must beat both always and never.
    rng = np.random.default_rng(2)
    chosen, always = [], []
    for _ in range(1000):
        true = rng.normal(HOPED.expected, HOPED.deviation)
        seen = rng.normal(0, 0.05 / math.sqrt(2), size=(2, 3, 1))
        seen[1:] += true
        chosen.append(true if choose(seen, candidates=(NONE, HOPED)).index else 0.0)
        always.append(true)
    assert np.mean(chosen) > np.mean(always) + 0.001 > 0
    assert np.mean(np.array(chosen) < 0) < np.mean(np.array(always) < 0) - 0.05


def test_more_confidence_is_stricter():
    given = scores([0.05, 0.08, 0.06])
    loose = choose(given, candidates=(NONE, PLAIN[0]), confidence=0.5)
    strict = choose(given, candidates=(NONE, PLAIN[0]), confidence=0.99)
    assert loose.margin < strict.margin
    assert (loose.index, strict.index) == (1, 0)


def test_folds_without_a_score_and_too_few_folds():
    given = scores([0.2, math.nan, 0.2, 0.21])
    assert choose(given, candidates=(NONE, PLAIN[0])).index == 1
    few = choose(scores([0.5]), candidates=(NONE, PLAIN[0]))
    assert few.index == 0 and "too few" in few.reason and math.isnan(few.margin)
    none = choose(np.zeros((2, 0, 3)))
    assert none.index == 0


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="scores must be"):
        choose(np.zeros((3, 3, 3)))
