"""The figures of an observation, against values worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganaug.metrics import kernel_distance
from ganaug.watching.figures import RealClass, accuracy, class_figures, gradient_norm
from ganaug.watching.observe import of_member, plain


def told(real: list[float], fake: list[float], y: list[int]) -> tuple[float, float]:
    shares = accuracy(torch.tensor([real]), torch.tensor([fake]), torch.tensor([y]))
    return shares[0].item(), shares[1].item()


def test_rows_are_told_by_the_middle_between_the_means() -> None:
    # Means 4 and 2, so the middle is 3: one real row of four lies below it, and one generated row above.
    assert told([5, 5, 5, 1], [2, 2, 0, 4], [0, 0, 0, 0]) == (0.75, 0.75)
    # Where 0 lies does not matter: a Wasserstein critic's logits have no zero.
    assert told([105, 105, 105, 101], [102, 102, 100, 104], [0, 0, 0, 0]) == (0.75, 0.75)


def test_every_class_has_a_middle_of_its_own() -> None:
    # A relativistic critic may rate class 1 higher as a whole; within each class it tells everything.
    assert told([1, 1, 11, 11], [0, 0, 10, 10], [0, 0, 1, 1]) == (1.0, 1.0)
    assert told([1, 1, 11, 11], [0, 0, 10, 10], [0, 0, 0, 0]) == (0.5, 0.5)


def test_a_discriminator_that_can_only_guess_is_right_half_of_the_time() -> None:
    assert told([0.3] * 7, [0.3] * 7, [0, 0, 0, 1, 1, 1, 2]) == (0.5, 0.5)
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(3, 4000, generator=rng), torch.randn(3, 4000, generator=rng)
    y = torch.randint(0, 900, (3, 4000), generator=rng)  # few rows a class: no bias from the middle's own rows
    for share in accuracy(real, fake, y):
        assert share.tolist() == pytest.approx([0.5] * 3, abs=0.03)


def test_a_discriminator_that_is_mistaken_is_below_half() -> None:
    assert told([0, 0], [1, 1], [0, 0]) == (0.0, 0.0)


def test_members_are_apart() -> None:
    real, fake = torch.tensor([[1.0, 1.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    assert accuracy(real, fake, torch.zeros(2, 2, dtype=torch.int64))[0].tolist() == [1.0, 0.0]


def test_the_norm_of_a_gradient_is_that_of_each_member() -> None:
    parameters = [torch.zeros(2, 2, 1), torch.zeros(2, 1), torch.zeros(2, 5)]
    parameters[0].grad, parameters[1].grad = torch.tensor([[[3.0], [0.0]], [[0.0], [1.0]]]), torch.tensor([[4.0], [0]])
    assert gradient_norm(parameters, 2).tolist() == [5.0, 1.0]
    assert gradient_norm(parameters[2:], 2).tolist() == [0.0, 0.0]


def line(*at: float) -> Tensor:
    return torch.tensor(at, dtype=torch.float32)[:, None]


def test_variety_is_the_share_of_the_real_rows_distances() -> None:
    real = RealClass(line(0, 1, 2, 3, 4))
    assert real.spread == pytest.approx(2)  # ten pairs: 4 of 1, 3 of 2, 2 of 3, 1 of 4
    assert real.figures(line(0, 0.5, 1, 1.5, 2), thorough=False)["variety"] == pytest.approx(0.5)
    assert real.figures(line(7, 7, 7, 7, 7), thorough=False)["variety"] == 0


@pytest.mark.parametrize("odd", [0, 1, 20])
def test_a_class_whose_rows_are_mostly_alike_is_not_judged(odd: int) -> None:
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(1, 24, generator=rng).repeat(90, 1)  # rounding must make no distance of theirs
    rows[:odd] += torch.randn(odd, 24, generator=rng)
    assert RealClass(rows).figures(rows[odd:], thorough=True) == {}
    rows[:45] += torch.randn(45, 24, generator=rng)
    assert RealClass(rows).figures(rows[45:], thorough=False)["variety"] == pytest.approx(0, abs=0.01)


def test_duplicates_are_rows_nearer_to_each_other_than_real_ones_are() -> None:
    real = RealClass(line(0, 1, 2, 3, 4))
    figures = real.figures(line(0, 0.1, 2, 2.1, 9), thorough=True)
    assert figures["duplicates"] == pytest.approx(0.8)
    assert real.figures(line(0, 1, 2, 3, 4), thorough=False)["duplicates"] == 0
    assert figures["coverage"] == 1 and 0 < figures["recall"] <= 1
    # As many of either: of more generated rows the nearest would be nearer.
    assert real.figures(line(*range(20)) / 4, thorough=False)["duplicates"] == 1
    assert real.figures(torch.cat([line(0, 1, 2, 3, 4), line(*range(20))]), thorough=False)["duplicates"] == 0


def test_recall_and_coverage_fall_where_a_mode_is_missing() -> None:
    rng = torch.Generator().manual_seed(0)
    near, far = torch.randn(40, 2, generator=rng), torch.randn(40, 2, generator=rng) + 20
    real = RealClass(torch.stack([near, far], dim=1).reshape(-1, 2))  # half of either mode
    both = torch.randn(80, 2, generator=rng) + 20 * (torch.arange(80) % 2)[:, None]
    one = torch.randn(80, 2, generator=rng)
    full, half = real.figures(both, thorough=True), real.figures(one, thorough=True)
    assert full["coverage"] > 0.8 and half["coverage"] <= 0.5
    assert full["recall"] > 0.8 and half["recall"] <= 0.5


def test_classes_of_too_few_rows_are_not_judged() -> None:
    real = [[RealClass(line(0, 1, 2, 3, 4)), RealClass(line(0, 1, 2, 3))], [RealClass(line(5, 5, 5, 5, 5))] * 2]
    made = [(c, torch.stack([line(0, 1, 2, 3, 4)] * 2)) for c in range(2)]
    none = [[torch.empty(0, 2)] * 2] * 2
    assert plain(class_figures(real, made, none, thorough=False)["variety"]) == [[1.0, None], [None, None]]


def test_the_kernel_distance_is_that_from_the_held_out_rows_of_the_class() -> None:
    rows = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    real, held_out = [[RealClass(rows), RealClass(rows)]], [[rows[:20] + 1, rows[:1]]]
    found = class_figures(real, [(c, rows[None, 20:]) for c in (0, 1)], held_out, thorough=True)["kernel"]
    assert found[0, 0].item() == pytest.approx(
        kernel_distance(*(x.double().numpy() for x in (rows[:20] + 1, rows[20:])))
    )
    assert found[0, 0] > 1 and found[0, 1].isnan(), "one row is too few"
    near = class_figures(real, [(0, rows[None, 20:])], [[rows[:20], rows[:0]]], thorough=True)["kernel"]
    assert abs(near[0, 0]) < 0.5


def test_an_entry_is_taken_apart_by_member() -> None:
    entry = {"step": 3, "critic": [1.0, 2.0], "variety": [[0.1, None], [0.2, 0.3]]}
    assert of_member(entry, 1) == {"step": 3, "critic": 2.0, "variety": [0.2, 0.3]}
