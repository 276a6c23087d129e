"""The check with our own generators, trained for a few steps."""

import pytest
from sklearn.linear_model import LogisticRegression

from ganaug.data import read_table
from ganaug.evaluate import measure_effect
from ganaug.policy import CANDIDATES, Candidate, Policy, select
from ganaug.variants import anchored, wgan_gp
from tests.evaluate.test_effect import QUICK, arm, table


@pytest.mark.parametrize("config", [anchored.Config(steps=5), wgan_gp.Config(steps=5)], ids=["anchored", "wgan_gp"])
def test_both_variants_are_judged_and_give_the_same_bits_again(config):
    frame = table(120).assign(colour=["red", "blue"] * 60)
    augmenter = Policy(
        variant=config, candidates=(Candidate(ratio=0), Candidate(ratio=1), Candidate(ratio=1, keep=0.5))
    )
    first, again = (
        measure_effect(frame, target="y", augmenter=augmenter, arms=["smote"], cv=2, **QUICK | {"n_jobs": n})
        for n in (1, 2)
    )
    assert first.folds == again.folds and first.choices == again.choices
    assert [c["fold"] for c in first.choices] == [0, 1]
    assert arm(first, "policy")["seconds"] > arm(first, "nothing")["seconds"]


@pytest.mark.parametrize("candidates", [(Candidate(), Candidate(ratio=0.1)), CANDIDATES], ids=["amount", "default"])
def test_the_policy_chooses_with_our_own_generator(candidates):
    rows = read_table(table(80), target="y", id_columns=[])
    options = {"seed": 0, "estimator": LogisticRegression(), "n_jobs": 1}
    policy = Policy(variant=anchored.Config(steps=5), candidates=candidates)
    first, again = (select(rows.table, rows.schema, policy=policy, **options) for _ in range(2))
    assert first == again
    assert first.candidate in policy.candidates and first.standard_error > 0
    if candidates[1].deviation is None:
        assert first.margin > 0, "of what nothing is known beforehand a gain has to be seen"


def test_a_generator_that_needs_more_rows_is_no_crash():
    frame = table(60)
    effect = measure_effect(frame, target="y", augmenter="wgan_gp", arms=[], cv=2, **QUICK)
    assert effect.verdict == "not measurable" and "needs at least 30 rows" in effect.sentence
    rows = read_table(frame, target="y", id_columns=[])
    few = rows.table.slice(0, 36)
    found = select(few, rows.schema, policy=Policy(variant="wgan_gp"), seed=0, estimator=LogisticRegression(), n_jobs=1)
    assert found.index == 0 and "needs at least 30 rows" in found.reason
