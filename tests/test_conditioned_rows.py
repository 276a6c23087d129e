"""Training by sampling: what is asked for how often, by hand, and rows that have it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ganaug.conditioned_rows import ConditionedRows, frequencies
from ganaug.data.rows import TableMember
from ganaug.nets import OneHot

VIEW = OneHot(1, (1, 3, 2), (0,))
SIZES = {"size": 4, "n_uniform": 2}
# Class 0: 100 rows of the first value of column 1, 20 of the second; class 1: 12 of the second, 3 of the third.
COLUMN = np.repeat([0, 1, 1, 2], [100, 20, 12, 3])
LABELS = np.repeat([0, 1], [120, 15])


def member(shift: float = 0.0) -> TableMember:
    order = np.random.default_rng(0).permutation(135)
    codes = np.stack([np.zeros(135, int), COLUMN, np.arange(135) % 2], axis=1)[order]
    value = (np.arange(135.0) + shift)[order, None]
    return TableMember(continuous=value, codes=codes, buckets=codes, labels=LABELS[order])


def source() -> ConditionedRows:
    return ConditionedRows.fit([member(), member(1000.0)], VIEW, (0,), n_classes=2, **SIZES)


def draw(n: int = 30_000) -> tuple[dict[str, Tensor], Tensor]:
    y = torch.tensor([0, 1]).repeat(2, n // 2)
    return source().draw(y, torch.Generator().manual_seed(0)), y


def shares(asked: Tensor, y: Tensor, c: int) -> list[float]:
    """How often each of the 5 values, and the class alone, was asked for in class ``c`` of the first member."""
    return (torch.bincount(asked[0][y[0] == c], minlength=6) / (y[0] == c).sum()).tolist()


def test_in_training_values_are_asked_for_by_the_logarithm_of_their_number() -> None:
    inputs, y = draw()
    a, b = np.log1p([100, 20])
    c, d = np.log1p([12, 3])
    e, f = np.log1p([60, 60])
    g, h = np.log1p([7, 8])
    third = 1 / 3  # a column each, and the class alone
    by_hand = [third * a / (a + b), third * b / (a + b), 0, third * e / (e + f), third * f / (e + f), third]
    assert shares(inputs["taught"], y, 0) == pytest.approx(by_hand, abs=0.012)
    by_hand = [0, third * c / (c + d), third * d / (c + d), third * g / (g + h), third * h / (g + h), third]
    assert shares(inputs["taught"], y, 1) == pytest.approx(by_hand, abs=0.012)


def test_in_sampling_values_come_as_often_as_in_the_class_and_none_of_fewer_than_ten_rows() -> None:
    inputs, y = draw()
    third = 1 / 3
    by_hand = [third * 100 / 120, third * 20 / 120, 0, third / 2, third / 2, third]
    assert shares(inputs["asked"], y, 0) == pytest.approx(by_hand, abs=0.012)
    # In class 1 the second column's values have 7 and 8 rows: the class alone is asked for in their stead.
    assert shares(inputs["asked"], y, 1) == pytest.approx(
        [0, third * 12 / 15, 0, 0, 0, 2 * third + third * 0.2], abs=0.012
    )
    assert frequencies(np.array([[100, 20, 9, 0], [0, 0, 0, 0]])).tolist() == [
        pytest.approx([100 / 129, 20 / 129, 0, 0]),
        [0, 0, 0, 0],
    ]


def test_real_rows_are_of_the_class_and_have_the_value_and_are_all_drawn() -> None:
    inputs, y = draw()
    rows, taught = inputs["real"], inputs["taught"]
    number = rows[..., 0].long()
    owner = torch.arange(2)[:, None]
    assert ((number >= 1000) == (owner == 1)).all()  # a member's own rows
    number = number % 1000
    assert torch.equal(torch.from_numpy(LABELS)[number], y)
    padded = torch.cat([rows[..., 1:], torch.ones(*y.shape, 1)], dim=-1)
    assert (padded.gather(-1, taught[..., None]) == 1).all()
    assert torch.equal(rows[..., 1:4].argmax(-1), torch.from_numpy(COLUMN)[number])
    assert len(number[0].unique()) == 135
    alone = number[0][taught[0] == 5]
    counts = torch.bincount(alone[alone < 120], minlength=120).float()
    assert counts.std() < 2 * counts.mean().sqrt()  # evenly, where the class alone is asked for


def test_what_an_artefact_keeps_is_how_often_values_are_asked_for_and_no_row() -> None:
    fitted = source()
    arrays = fitted.arrays(1)
    assert {name: array.shape for name, array in arrays.items()} == {"frequency": (2, 2, 3)}
    stored = ConditionedRows.stored(arrays, VIEW, **SIZES)
    y = torch.tensor([[0, 1] * 50])
    found = stored.draw(y, torch.Generator().manual_seed(1))
    assert set(found) == {"z", "v", "asked"}
    assert found["z"].shape == (1, 100, 4) and found["v"].shape == (1, 100, 2)
    one = ConditionedRows.fit([member(1000.0)], VIEW, (0,), n_classes=2, **SIZES)
    assert torch.equal(one.draw(y, torch.Generator().manual_seed(1))["asked"], found["asked"])


def test_without_a_column_of_codes_the_class_alone_is_asked_for() -> None:
    rows = TableMember(
        continuous=np.arange(20.0)[:, None], codes=np.zeros((20, 1), int), buckets=np.zeros((20, 1), int),
        labels=np.arange(20) % 2,
    )  # fmt: skip
    lone = ConditionedRows.fit([rows], OneHot(1, (1,), (0,)), (0,), n_classes=3, **SIZES)
    y = torch.tensor([[0, 1, 2] * 10])  # of class 2 there is no row, which only a monitor asks for
    inputs = lone.draw(y, torch.Generator().manual_seed(0))
    assert not inputs["asked"].any() and not inputs["taught"].any()
    assert torch.equal((inputs["real"][0, :, 0] % 2).long()[y[0] < 2], y[0][y[0] < 2])
