from __future__ import annotations

import numpy as np
import pytest

from ganaug.strata import Scale, borders, relevance, strata


def test_the_scale_is_standardised_and_undone() -> None:
    values = np.exp(np.random.default_rng(0).normal(size=500))
    scale = Scale.fit(values)
    scores = scale(values)
    assert scores.mean() == pytest.approx(0, abs=1e-12) and scores.std() == pytest.approx(1)
    assert scale.undo(scores) == pytest.approx(values)
    assert (np.diff(scale(np.sort(values))) >= 0).all()


def test_the_scale_is_the_formula() -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0])  # median 2, quartiles 1 and 3
    bent = np.arcsinh((values - 2) / (2 / 1.349))
    assert Scale.fit(values)(values) == pytest.approx(bent / bent.std())


def test_values_that_mostly_agree_have_a_scale() -> None:
    values = np.array([5.0] * 95 + [6.0] * 5)  # the interquartile range is 0
    assert np.isfinite(Scale.fit(values)(values)).all()
    assert len(borders(values)) >= 3


def test_ranges_hold_the_rows_that_they_must() -> None:
    values = np.exp(np.random.default_rng(1).normal(size=400) * 1.5)
    edges = borders(values)
    counts = np.bincount(strata(values, edges), minlength=len(edges) - 1)
    assert edges[0] == values.min() and edges[-1] == values.max()
    assert (np.diff(edges) > 0).all() and (counts >= 10).all() and 3 <= len(counts) <= 10
    assert counts.min() < counts.max() / 4  # a tail is rare


def test_one_value_far_out_leaves_two_ranges() -> None:
    edges = borders(np.array([*range(10), 1000.0]))
    assert len(edges) >= 3


def test_a_border_belongs_to_the_range_above_it() -> None:
    assert strata(np.array([-1.0, 0.0, 0.99, 1.0, 2.0, 2.5, 3.0]), (0.0, 1.0, 2.0)).tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_relevance_is_one_where_no_value_is_and_zero_at_the_densest() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(size=300), [6.0, 6.5]])
    found = relevance(values, np.array([0.0, 2.0, 6.2, 50.0]))
    assert found[0] < 0.15 and found[0] < found[1] < found[2] and found[3] == 1
    assert relevance(values, values).min() == 0
