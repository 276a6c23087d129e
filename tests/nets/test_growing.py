"""Growing without a jump, in both networks, and how much the images of a group differ."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ganaug.nets import initialise
from ganaug.nets.growing import GrowingCritic, GrowingGenerator, group_deviation
from ganaug.nets.images import Kind
from ganaug.nets.pyramid import enlarge

KINDS: tuple[Kind, ...] = ("strided", "residual")


def generator(kind: Kind = "strided", size: tuple[int, int, int] = (3, 16, 16)) -> GrowingGenerator:
    made = GrowingGenerator(2, size, noise=6, embedding=4, n_classes=2, channels=8, kind=kind)
    initialise(made, [0, 1], "generator")
    return made


def critic(kind: Kind = "strided", size: tuple[int, int, int] = (3, 16, 16)) -> GrowingCritic:
    made = GrowingCritic(2, size, group=4, n_classes=2, channels=8, kind=kind)
    initialise(made, [0, 1], "critic")
    return made


def drawn(n: int = 8) -> tuple[dict[str, Tensor], Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {"z": torch.randn(2, n, 6, generator=rng)}, torch.randint(2, (2, n), generator=rng)


def images(height: int = 16, width: int = 16, n: int = 8) -> Tensor:
    return torch.rand(2, n, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


@torch.no_grad()
def at(network: Any, grown: float, *arguments: Any) -> Tensor:
    network.grown.fill_(grown)
    return network(*arguments)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(3, 16, 16), (1, 17, 20)])
def test_a_generator_grows_without_a_jump(kind: Kind, size: tuple[int, int, int]) -> None:
    network, arguments = generator(kind, size), drawn()
    coarse, fine = at(network, 1, *arguments), at(network, 2, *arguments)
    with torch.no_grad():
        small, large = network.images(*arguments, range(1, 3))
    assert coarse.shape == fine.shape == (2, 8, *size)
    assert torch.equal(coarse, network.scales.full(small, 1))  # at alpha = 0 what it was before, each pixel enlarged
    assert torch.equal(fine, network.scales.full(large, 2))
    step = (fine - coarse).abs().max() / 64
    assert step > 1e-4
    before = coarse
    for k in range(1, 65):
        now = at(network, 1 + k / 64, *arguments)
        assert (now - before).abs().max() <= step * 1.01
        before = now
    assert torch.equal(before, fine)
    assert torch.allclose(at(network, 1.25, *arguments), coarse + (fine - coarse) / 4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_critic_grows_without_a_jump(kind: Kind) -> None:
    network, (_, y) = critic(kind), drawn()
    x = enlarge(images(8, 8))  # as generated ones are at 8 x 8
    before = at(network, 1, x, y)
    assert (at(network, 1.001, x, y) - before).abs().max() < 1e-2
    assert (at(network, 2, x, y) - before).abs().max() > 1e-2
    assert (at(network, 2, x, y) - at(network, 1.999, x, y)).abs().max() < 1e-2
    # The last image of level 1 is not looked at any more once level 2 is there, but through it.
    network.grown.fill_(2)
    (gradient,) = torch.autograd.grad(network(x, y).sum(), network.look[1].weight, allow_unused=True)
    assert gradient is None


def test_before_it_has_grown_a_critic_sees_the_means_only() -> None:
    network, (_, y) = critic(), drawn()
    x = images()
    network.grown.fill_(1)
    assert torch.allclose(network.coarsened(x)[..., :2, :2], x[..., :2, :2].mean((3, 4), keepdim=True), atol=1e-6)
    assert torch.allclose(network(network.coarsened(x), y), network(x, y), atol=1e-5)
    network.grown.fill_(2)
    assert torch.equal(network.coarsened(x), x)
    assert not torch.allclose(network(enlarge(network.scales.pyramid(x)[1]), y), network(x, y), atol=1e-3)


def test_while_a_level_fades_in_real_images_are_mixed_with_their_means() -> None:
    network, x = critic(), images()
    network.grown.fill_(1.25)
    mean = x[..., 4:6, 6:8].mean((3, 4), keepdim=True)
    assert torch.allclose(network.coarsened(x)[..., 4:6, 6:8], 0.75 * mean + 0.25 * x[..., 4:6, 6:8], atol=1e-6)


def test_what_is_not_in_use_is_not_computed() -> None:
    network, judge, (inputs, y) = generator(), critic(), drawn()
    network.grown.fill_(1)
    judge.grown.fill_(1)
    judge(network(inputs, y), y).sum().backward()
    used = {name for part in (network, judge) for name, p in part.named_parameters() if p.grad is not None}
    assert {"up.0.conv.weight", "paint.1.weight", "down.0.conv.weight", "look.1.weight"} <= used
    assert used.isdisjoint({"up.1.conv.weight", "paint.0.weight", "paint.2.weight", "down.1.conv.weight"})


def test_members_may_have_grown_differently() -> None:
    network, arguments = generator(), drawn()
    alone = [at(network, grown, *arguments) for grown in (0.5, 2)]
    network.grown.copy_(torch.tensor([0.5, 2.0]))
    with torch.no_grad():
        together = network(*arguments)
    assert torch.equal(together[0], alone[0][0]) and torch.equal(together[1], alone[1][1])


def test_the_deviation_of_a_group_by_hand() -> None:
    # Two channels, one place: in the first group of two they differ by +-1 and +-3, in the second not at all.
    x = torch.tensor([[[0.0, 1.0], [2.0, 7.0], [5.0, 5.0], [5.0, 5.0], [9.0, 9.0]]])[..., None, None]
    found = group_deviation(x, 2)
    assert found[0].tolist() == pytest.approx([2, 2, 1e-4, 1e-4, 1e-4])
    assert group_deviation(x[:, :4], 4)[0].tolist() == pytest.approx([(4.5**0.5 + 4.75**0.5) / 2] * 4, rel=1e-5)


def test_the_critic_compares_images_of_a_group_and_of_no_other() -> None:
    network, (_, y) = critic(), drawn()
    x = images()
    with torch.no_grad():
        before = network(x, y)
        x[:, 6] *= 0.5
        changed = (network(x, y) != before).any(0)
    assert changed.tolist() == [False] * 4 + [True] * 4
