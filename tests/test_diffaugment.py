"""Augmentation of what a discriminator sees, against a slow reference in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ganaug import diffaugment


def images(h: int = 6, w: int = 9) -> Tensor:
    return torch.randn(2, 5, 3, h, w, generator=torch.Generator().manual_seed(0))


def uniform(seed: int = 1) -> Tensor:
    return torch.rand(2, 5, diffaugment.N_UNIFORM, generator=torch.Generator().manual_seed(seed))


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move an image ``(C, H, W)`` with its border repeated: pad as far as it goes, and roll."""
    _, h, w = image.shape
    wide = np.pad(image, ((0, 0), (h, h), (w, w)), mode="edge")
    return np.roll(wide, (down, right), axis=(1, 2))[:, h : 2 * h, w : 2 * w]


def test_translate_moves_by_whole_pixels_and_repeats_the_border() -> None:
    x, share = images(), torch.rand(2, 5, 2, generator=torch.Generator().manual_seed(2)) * 1.6 - 0.8
    share[0, 0] = torch.tensor([1 / 6, -2 / 9])  # one down, two to the left
    found = diffaugment.translate(x, share)
    assert np.array_equal(found[0, 0], moved(x[0, 0].numpy(), 1, -2))
    for m in range(2):
        for b in range(5):
            down, right = (round(float(share[m, b, i]) * (6, 9)[i]) for i in (0, 1))
            assert np.array_equal(found[m, b], moved(x[m, b].numpy(), down, right))


def test_cutout_clears_a_rectangle_round_the_centre() -> None:
    x = torch.ones(1, 2, 1, 8, 4)
    found = diffaugment.cutout(x, torch.tensor([[[0.5, 0.5], [0.0, 0.9]]]), torch.tensor([[0.5, 0.5]]))
    first = np.ones((8, 4))
    first[2:6, 1:3] = 0  # half of each side
    assert np.array_equal(found[0, 0, 0], first)
    second = np.ones((8, 4))
    second[:2, 3:] = 0  # what lies inside: rows from -2 to 2, columns from 2.6 to 4.6
    assert np.array_equal(found[0, 1, 0], second)


def test_no_strength_is_identity_and_full_strength_moves_every_image() -> None:
    x, u = images(40, 40), uniform()
    assert torch.equal(diffaugment.augment(x, u, torch.zeros(2), hole=0.5), x)
    full = diffaugment.augment(x, u, torch.ones(2), hole=0.5)
    assert ((full != x).flatten(2).any(2)).all()
    assert ((full == 0).flatten(2).any(2)).all()


def test_strength_is_that_of_the_member_and_of_each_kind_of_change() -> None:
    u = torch.rand(2, 4000, 6, generator=torch.Generator().manual_seed(0))
    x = 1 + torch.rand(2, 1, 1, 8, 8, generator=torch.Generator().manual_seed(1)).expand(2, 4000, 1, 8, 8)
    found = diffaugment.augment(x, u, torch.tensor([0.0, 0.3]), reach=0.5, hole=0.5)
    holed = (found == 0).flatten(2).any(2).float().mean(1)
    assert holed.tolist() == pytest.approx([0, 0.3], abs=0.03)  # four standard errors
    shifted = (diffaugment.augment(x, u, torch.tensor([0.0, 0.3]), reach=0.5, hole=0.0) != x).flatten(2).any(2)
    assert shifted.float().mean(1).tolist() == pytest.approx([0, 0.3 * (1 - 1 / 64)], abs=0.03)


def test_whether_an_image_is_moved_says_nothing_of_whether_it_is_cut() -> None:
    u = torch.rand(1, 4000, 6, generator=torch.Generator().manual_seed(0))
    x = 1 + torch.rand(1, 1, 1, 8, 8, generator=torch.Generator().manual_seed(1)).expand(1, 4000, 1, 8, 8)
    holed = (diffaugment.augment(x, u, torch.tensor([0.5]), reach=0.0, hole=0.5) == 0).flatten(2).any(2)
    shifted = (diffaugment.augment(x, u, torch.tensor([0.5]), reach=0.5, hole=0.0) != x).flatten(2).any(2)
    assert (holed & shifted).float().mean().item() == pytest.approx(0.25, abs=0.03)


def test_moves_stay_within_reach_and_go_both_ways() -> None:
    x = torch.zeros(1, 2000, 1, 16, 16)
    x[..., 8, 8] = 1
    u = torch.rand(1, 2000, 6, generator=torch.Generator().manual_seed(0))
    found = diffaugment.augment(x, u, torch.ones(1), reach=0.125, hole=0.0)
    where = torch.nonzero(found[0, :, 0])[:, 1:] - 8
    assert len(where) == 2000
    assert [where.min().item(), where.max().item()] == [-2, 2]
    assert where.float().mean(0).abs().max() < 0.1


def test_what_is_done_depends_on_the_numbers_and_not_on_the_image() -> None:
    # Real and generated images are augmented alike: the same numbers, the same places.
    x, u = torch.rand(2, 5, 3, 8, 8) + 1, uniform()
    first = diffaugment.augment(x, u, torch.full((2,), 0.7))
    second = diffaugment.augment(3 * x, u, torch.full((2,), 0.7))
    assert torch.allclose(second, 3 * first)


def test_the_gradient_passes_to_what_is_still_seen() -> None:
    x = images().requires_grad_()
    out = diffaugment.augment(x, uniform(), torch.ones(2), reach=0.3, hole=0.5)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    seen = (out != 0).sum().item()
    assert gradient.sum().item() == pytest.approx(seen)  # every pixel seen has come from one


def test_strength_rises_while_the_discriminator_is_too_sure_and_falls_while_it_is_not() -> None:
    strength = diffaugment.Strength(3, initial=0.5, target=0.6, images=1000)
    real = torch.tensor([[1.0] * 10, [1.0] * 9 + [-1.0], [1.0, -1.0] * 5])  # r = 1, 0.8, 0
    strength.update(real, torch.zeros(3, 10))
    assert strength.p.tolist() == pytest.approx([0.51, 0.51, 0.49])
    strength.update(real - 5, torch.full((3, 10), -5.0))  # only differences count
    assert strength.p.tolist() == pytest.approx([0.52, 0.52, 0.48])


def test_strength_stays_a_probability() -> None:
    strength = diffaugment.Strength(2, initial=0.5, images=10)
    for _ in range(9):
        strength.update(torch.tensor([[1.0], [-1.0]]), torch.zeros(2, 1))
    assert strength.p.tolist() == [1, 0]


def test_strength_is_part_of_the_state() -> None:
    assert "p" in diffaugment.Strength(1).state_dict()
