"""What is recognised in a training's history, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from ganaug.watching.alarms import RETRIES, Alarm, current, recognise, winning

NAMES = ["cat", "dog"]


def look(entries: list[dict[str, Any]], *, steps: int = 1000) -> list[Alarm]:
    history = [{"step": 10 * i, **entry} for i, entry in enumerate(entries)]
    return recognise(history, phases=["critic", "generator"], class_names=NAMES, steps=steps)


def varied(*shares: float | None) -> list[dict[str, Any]]:
    """A training whose class "dog" has these shares of the real variety."""
    return [{"variety": [[0.9, share]]} for share in shares]


def test_a_history_is_followed_back() -> None:
    steps = [0, 10, 20, 30, 10, 20, 0, 10]
    assert [e["i"] for e in current([{"step": s, "i": i} for i, s in enumerate(steps)])] == [6, 7]


def test_a_healthy_training_raises_no_alarm() -> None:
    entries = [
        {
            "critic": [5.0 - i], "generator": [i * 20.0], "gradient critic": [100.0 / (i + 1)], "score": [10.0 - i],
            "accuracy real": [0.7], "accuracy fake": [0.9], "variety": [[0.05 + 0.1 * i, 0.5]],
        }
        for i in range(10)
    ]  # fmt: skip
    assert [look(entries[: i + 1]) for i in range(10)] == [[]] * 10


@pytest.mark.parametrize("bad", [None, float("inf"), -float("inf")])
@pytest.mark.parametrize(("name", "what"), [("generator", "loss"), ("gradient generator", "gradient")])
def test_what_is_not_finite_is_named(bad: float | None, name: str, what: str) -> None:
    (alarm,) = look([{"generator": [1.0]}, {name: [bad]}])
    assert (alarm.kind, alarm.member, alarm.recover) == ("nan", 0, True)
    assert f"the {what} of phase 'generator' is not finite at step 10" in alarm.text
    assert "lower learning rate" in alarm.advice


def test_weights_and_rows_that_are_not_finite_are_named_and_a_score_of_infinity_is_no_nan() -> None:
    assert look([{"score": [float("inf"), 1.0]}]) == []
    assert [(a.kind, a.member) for a in look([{"score": [1.0, None]}])] == [("nan", 1)]
    assert [(a.kind, a.member) for a in look([{"critic": [1.0, 1.0], "finite": [False, True]}])] == [("nan", 0)]


@pytest.mark.parametrize("name", ["critic", "gradient critic"])
def test_what_grows_without_bound_diverges(name: str) -> None:
    def grown(*values: float) -> list[Alarm]:
        return look([{name: [value]} for value in values])

    (alarm,) = grown(2.0, -3.0, 4.0, 5.0, 3600.0)
    assert (alarm.kind, alarm.recover) == ("divergence", True)
    assert "is 3.6e+03 at step 40, and was 3.5 before" in alarm.text
    assert grown(2.0, -3.0, 4.0, 5.0, 3400.0) == []
    assert grown(1e-9, 1e-9, 1e-9, 900.0) == [], "what was small is held against 1"
    assert grown(2.0, 3.0, 1e9) == [], "two observations do not tell what is usual"
    assert [a.kind for a in grown(*(10.0**k for k in range(7)))] == ["divergence"], "also where it grows slowly"


def test_a_class_that_fell_is_doubtful_at_once_and_collapsed_when_that_lasts() -> None:
    (alarm,) = look(varied(0.2, 0.4, 0.6, 0.08))
    assert (alarm.kind, alarm.recover, alarm.doubtful, alarm.key) == ("collapse", False, True, "dog")
    (alarm,) = look(varied(0.2, 0.4, 0.6, 0.08, 0.05))
    assert (alarm.recover, alarm.doubtful) == (True, True)
    assert "the generated rows of class 'dog' differ by 5 % of what real ones do at step 40" in alarm.text
    assert look(varied(0.2, 0.4, 0.6, 0.08, 0.12)) == [], "it has recovered by itself"


def test_a_training_of_a_few_steps_is_not_taken_back() -> None:
    (alarm,) = look(varied(0.2, 0.4, 0.6, 0.08, 0.05), steps=49)
    assert (alarm.recover, alarm.doubtful) == (False, False)
    (alarm,) = look(varied(0.2, 0.4, 0.6, 0.08, 0.05), steps=50)
    assert alarm.recover


def test_a_slow_start_is_no_collapse_but_no_variety_in_the_second_half_is_named() -> None:
    assert look(varied(0.01, 0.2, 0.05, 0.05)) == []
    (alarm,) = look(varied(0.01, 0.2, 0.05, 0.05), steps=60)
    assert (alarm.kind, alarm.recover, alarm.doubtful, alarm.key) == ("collapse", False, False, "dog")


def won(scores: list[float], real: float = 1.0, fake: float = 1.0, steps: int = 100, **more: Any) -> list[str]:
    entries = [{"accuracy real": [real], "accuracy fake": [fake], "score": [score], **more} for score in scores]
    return [alarm.kind for alarm in look(entries, steps=steps)]


def test_a_discriminator_has_won_where_it_tells_all_and_the_distance_does_not_fall() -> None:
    assert won([3, 3, 3]) == won([2, 3, 3, 3, 3]) == ["won"]
    assert won([3, 2, 1]) == won([5, 4, 3, 2]) == []
    assert won([3, 3]) == [], "two observations may be chance"
    assert won([3, 3, 3], real=0.9) == won([3, 3, 3], fake=0.9) == []
    assert won([0] * 6, steps=60) == ["won"], "without held-out rows in the second half"
    assert won([0] * 5, steps=60) == []


def test_a_discriminator_that_is_looked_at_often_has_not_won_sooner() -> None:
    assert won([3] * 13, steps=1000) == [] and won([3] * 14, steps=1000) == ["won"], "an eighth of the training"
    assert won([3, 3, 3], steps=160) == ["won"] and won([3, 3, 3], steps=161) == []
    assert won([5, 3] + [4] * 14, steps=1000) == ["won"] and won([5, *[4] * 14, 3], steps=1000) == []


def test_a_discriminator_that_has_won_is_gone_back_from_and_then_only_named() -> None:
    told = {"accuracy real": [1.0], "accuracy fake": [1.0]}
    (alarm,) = look([told] * 4, steps=20)
    assert not alarm.recover, "so few steps"
    (alarm,) = look([told] * 6, steps=50)
    assert alarm.recover and "tells 100 % of the real and 100 % of the generated rows" in alarm.text
    assert alarm.text.endswith("late in the training"), "there is no distance to tell of"
    assert look([told] * 4 + [{**told, "retry": 1}] * 2, steps=50) == [], "a lower rate has three observations to help"
    (alarm,) = look([told] * 4 + [{**told, "retry": 1}] * 3, steps=50)
    assert alarm.recover
    (alarm,) = look([told] * 4 + [{**told, "retry": RETRIES - 1}] * 3, steps=50)
    assert not alarm.recover and not alarm.doubtful


def test_a_state_is_winning_where_it_tells_all_and_is_not_the_nearest_so_far() -> None:
    def winning_at(*scores: float, told: float = 1.0) -> bool:
        entries = [{"accuracy real": [0.5, 1.0], "accuracy fake": [0.5, told], "score": [3.0, s]} for s in scores]
        return winning([{"step": i, **e} for i, e in enumerate(entries)], steps=100)

    assert winning_at(3, 3) and winning_at(2, 3) and not winning_at(3, 2) and not winning_at(3, 3, told=0.9)
    assert winning_at(3), "the first one is no fall"


def test_members_are_judged_apart_and_what_was_gone_back_from_is_forgotten() -> None:
    entries: list[dict[str, Any]] = [{"variety": [[0.9, 0.9], [0.9, share]]} for share in (0.9, 0.01, 0.01)]
    (alarm,) = look(entries)
    assert (alarm.member, alarm.key) == (1, "dog")
    history = [{"step": 10 * i, **e} for i, e in enumerate(entries)] + [{"step": 10, **entries[1]}]
    (alarm,) = recognise(history, phases=[], class_names=NAMES, steps=1000)
    assert not alarm.recover, "one observation since the training went back"
