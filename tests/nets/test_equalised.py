"""The equalised learning rate: N(0, 1) weights, He's constants, and steps of one relative size."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ganaug.nets import MemberLinear, initialise
from ganaug.nets.conv import MemberConv2d
from ganaug.nets.equalised import equalise, he_constant

LAYERS = {
    "linear": (lambda: MemberLinear(2, 200, 50), 200),
    "conv": (lambda: MemberConv2d(2, 30, 40), 30 * 9),
    "grouped": (lambda: MemberConv2d(2, 40, 60, groups=4), 10 * 9),
    "transposed": (lambda: MemberConv2d(2, 30, 20, kernel=4, stride=2, transposed=True), 30 * 16 / 4),
}
"""A layer, and from how many numbers each of its outputs is made."""


def layers(seeds: tuple[int, int] = (1, 2), *, outputs: tuple[str, ...] = ()) -> nn.ModuleDict:
    network = nn.ModuleDict({name: make() for name, (make, _) in LAYERS.items()})
    network["zero"] = MemberConv2d(2, 3, 4, zero=True)
    initialise(network, seeds, "test")
    equalise(network, seeds, "test", outputs=[network[name] for name in outputs])
    return network


def raw(layer: nn.Module) -> torch.Tensor:
    return layer.parametrizations["weight"].original  # type: ignore[index]


@pytest.mark.parametrize("name", LAYERS)
def test_weights_are_standard_normal_and_used_at_he_s_constant(name: str) -> None:
    make, inputs = LAYERS[name]
    constant = math.sqrt(2 / inputs)
    assert he_constant(make()) == pytest.approx(constant)
    layer = layers()[name]
    for member in range(2):
        assert raw(layer)[member].std().item() == pytest.approx(1, abs=0.03)
        assert raw(layer)[member].mean().item() == pytest.approx(0, abs=0.03)
        assert layer.weight[member].std().item() == pytest.approx(constant, rel=0.03)
    assert not layer.bias.any()
    assert torch.allclose(layers(outputs=(name,))[name].weight, layer.weight / math.sqrt(2))


def test_rectified_units_keep_their_size_through_many_layers() -> None:
    network = nn.Sequential(*(MemberLinear(1, 256, 256) for _ in range(12)))
    equalise(network, [0], "deep")
    h = torch.randn(1, 200, 256, generator=torch.Generator().manual_seed(0))
    for layer in network:
        h = torch.relu(layer(h))
    assert 0.4 < h.square().mean().item() < 2.5  # drawn at 1 / sqrt(256) it would be 2 ** -12


def test_a_step_of_adam_moves_every_layer_by_one_share_of_its_size() -> None:
    network = layers()
    before = {name: network[name].weight.detach().clone() for name in LAYERS}
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    sum(network[name].weight.sum() for name in LAYERS).backward()  # type: ignore[union-attr]
    optimiser.step()
    for name, (_, inputs) in LAYERS.items():
        moved = (network[name].weight - before[name]).abs() / math.sqrt(2 / inputs)
        assert torch.allclose(moved, torch.full_like(moved, 0.01), rtol=1e-3)


def test_a_member_depends_on_its_own_seed_and_zero_stays_zero() -> None:
    one, other = layers((1, 2)), layers((3, 2))
    for name in LAYERS:
        assert torch.equal(raw(one[name])[1], raw(other[name])[1])
        assert not torch.equal(raw(one[name])[0], raw(other[name])[0])
    assert not one["zero"].weight.any()
