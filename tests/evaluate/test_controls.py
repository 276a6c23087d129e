"""The controls of the check: what must not help does not, what must help does, what cheats is refused.

Each runs over 20 tables or more against an error rate that is stated. Tables are small and classifiers cheap.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import binom
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from ganaug.evaluate import measure_effect
from ganaug.learners import LeakError, teacher
from ganaug.policy import CANDIDATES, Candidate
from tests.evaluate.augmenters import Copier, Fresh, Jittering, noise

SEEDS = 24
ERROR_RATE = 0.025
"""Of one two-sided 95 % interval that lies above 0 by chance."""
ALLOWED = int(binom.ppf(0.999, SEEDS, ERROR_RATE))
"""More wrong claims than these (4 of 24) have a probability below 0.001 if the error rate is what it is said to be."""
CLAIMS = ("helps", "better than nothing")
WITHOUT_FILTER = (Candidate(ratio=0), Candidate(ratio=0.25), Candidate(ratio=1))


def draw(seed: int, n: int, features: int, *, share: float, separation: float = 1.0):
    """Return a table of ``n`` rows and a pool of more rows from the same source."""
    x, y = make_classification(
        n + 3000,
        features,
        n_informative=features,
        n_redundant=0,
        n_clusters_per_class=1,
        weights=[1 - share],
        class_sep=separation,
        flip_y=0.05,
        random_state=seed,
    )
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(features)])
    return frame.iloc[:n], y[:n], frame.iloc[n:], y[n:]


def check(x, y, augmenter, seed: int, estimator=None):
    return measure_effect(
        (x, y),
        augmenter=augmenter,
        estimator=LogisticRegression() if estimator is None else estimator,
        arms=["random_oversampling"],
        id_columns=[],
        random_state=seed,
        progress=False,
        n_jobs=1,
    )


def verdicts(
    augmenter_of, *, seeds: int = SEEDS, estimator=None, n=120, features=5, share=0.25, shuffle=False, **table
):
    found = Counter()
    for seed in range(seeds):
        x, y, pool, labels = draw(seed, n, features, share=share, **table)
        if shuffle:
            y = np.random.default_rng(seed).permutation(y)
        effect = check(x, y, augmenter_of(pool, labels), seed, estimator)
        found[effect.verdict] += 1
    return found


@pytest.mark.slow
def test_with_shuffled_labels_a_fixed_amount_never_helps():
    found = verdicts(lambda *_: Jittering(candidates=(Candidate(ratio=1),)), shuffle=True)
    assert sum(found[v] for v in CLAIMS) <= ALLOWED
    assert found["helps"] == 0


@pytest.mark.slow
def test_with_shuffled_labels_the_policy_never_helps_and_mostly_leaves_the_data_alone():
    found = verdicts(lambda *_: Jittering(candidates=WITHOUT_FILTER), shuffle=True)
    assert sum(found[v] for v in CLAIMS) <= ALLOWED
    assert found["helps"] == 0
    # Of five folds three or more must choose none, each with about 0.96: nearly all runs.
    assert found["left alone"] >= SEEDS - 4


@pytest.mark.slow
@pytest.mark.parametrize("candidates", [CANDIDATES, CANDIDATES[1:]], ids=["chosen", "always"])
def test_with_shuffled_labels_what_a_committee_labels_never_helps(candidates, monkeypatch):
    # Quick members: whether their labels tell the check what they should not does not depend on how many there are.
    whole = teacher.library

    def quick(*rows):
        linear, others = whole(*rows)
        return linear, tuple(member for member in others if member.name == "neighbours")

    monkeypatch.setattr(teacher, "library", quick)
    assert [len(members) for members in quick(np.eye(30), 20)] == [4, 1]
    found = verdicts(lambda *_: Jittering(candidates=candidates), shuffle=True)
    assert sum(found.values()) == SEEDS and found["left alone"] < SEEDS
    assert sum(found[v] for v in CLAIMS) <= ALLOWED
    assert found["helps"] == 0


@pytest.mark.slow
def test_noise_never_helps():
    found = verdicts(lambda *_: noise)
    assert sum(found[v] for v in CLAIMS) <= ALLOWED
    assert found["helps"] == 0


@pytest.mark.slow
def test_fresh_real_rows_help_where_rows_are_scarce():
    # 64 training rows for 60 features: a linear discriminant is at its worst, and 1,000 more real rows cure it.
    found = verdicts(
        lambda pool, labels: Fresh(pool, labels, rows=1000),
        seeds=20,
        estimator=LinearDiscriminantAnalysis(),
        n=80,
        features=60,
        share=0.4,
        separation=1.2,
    )
    # It is found in 90 % of tables. Fewer than 14 of 20 have a probability below 0.003 then.
    assert found["helps"] >= 14
    assert found["harms"] == 0


def test_an_augmenter_that_was_shown_the_test_rows_is_refused():
    for seed in range(20):
        x, y, _, _ = draw(seed, 60, 4, share=0.3)
        with pytest.raises(LeakError, match="equal held-out test rows"):
            check(x, y, Copier(x, y), seed)


class Remembering:
    """A generator that gives back rows of all folds, this fold's test rows among them."""

    def __init__(self, rows):
        self.rows = rows

    def sample_table(self, labels, *, seed):
        return self.rows


class Leaking(Jittering):
    def fit_many(self, tables, schema, seeds):
        return [Remembering(pa.concat_tables(tables)) for _ in tables]


def test_a_generator_that_copies_test_rows_is_refused():
    for seed in range(20):
        x, y, _, _ = draw(seed, 60, 4, share=0.3)
        with pytest.raises(LeakError, match="equal held-out test rows"):
            check(x, y, Leaking(candidates=(Candidate(ratio=1),)), seed)
