"""Spectral normalisation against singular values."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganaug.nets import MemberLinear, initialise, spectral
from ganaug.nets.conv import MemberConv2d


def layers() -> nn.ModuleDict:
    network = nn.ModuleDict(
        {
            "linear": MemberLinear(2, 6, 4),
            "conv": MemberConv2d(2, 3, 5),
            "transposed": MemberConv2d(2, 3, 5, kernel=4, stride=2, transposed=True),
        }
    )
    initialise(network, [1, 2], "test")
    return network


def sigma(weight: torch.Tensor, axis: int) -> list[float]:
    matrices = weight.detach().movedim(axis, 1).flatten(2)
    return [torch.linalg.matrix_norm(matrix, ord=2).item() for matrix in matrices]


@pytest.mark.parametrize(("name", "axis"), [("linear", 2), ("conv", 1), ("transposed", 2)])
def test_the_largest_singular_value_of_each_member_is_one(name: str, axis: int) -> None:
    network = layers()
    before = sigma(network[name].weight, axis)
    assert all(abs(value - 1) > 0.05 for value in before)
    spectral.normalise(network)
    spectral.refresh(network, 300)
    assert sigma(network[name].weight, axis) == pytest.approx([1, 1], abs=1e-3)


def test_the_normalised_weight_is_the_weight_over_its_norm_and_does_not_change_by_looking() -> None:
    network = layers()
    raw = network["linear"].weight.detach().clone()
    spectral.normalise(network)
    spectral.refresh(network, 300)
    first, again = (network["linear"].weight.detach().clone() for _ in range(2))
    assert torch.equal(first, again)
    norms = torch.tensor([torch.linalg.matrix_norm(w, ord=2).item() for w in raw])
    assert torch.allclose(first, raw / norms[:, None, None], atol=1e-4)


def test_scaling_the_weights_changes_nothing_once_it_was_followed() -> None:
    network = layers()
    spectral.normalise(network)
    x = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0))
    spectral.refresh(network, 100)
    before = network["linear"](x).detach()
    original = network["linear"].parametrizations["weight"].original
    with torch.no_grad():
        original *= 7
    assert torch.allclose(network["linear"](x).detach(), before, atol=1e-5)


def test_the_state_goes_through_a_state_dict() -> None:
    one, two = layers(), layers()
    for network in (one, two):
        spectral.normalise(network)
    spectral.refresh(one, 5)
    two.load_state_dict(one.state_dict())
    assert torch.equal(one["conv"].weight, two["conv"].weight)


def test_a_layer_that_starts_at_zero_is_normalised_from_its_first_step_on() -> None:
    network = nn.ModuleDict({"zero": MemberLinear(2, 6, 4, zero=True)})
    spectral.normalise(network)
    layer, x = network["zero"], torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0))
    assert not layer(x).any()
    (gradient,) = torch.autograd.grad(layer(x).sum(), layer.parametrizations["weight"].original)
    assert torch.allclose(gradient, x.sum(1)[..., None].expand(2, 6, 4))  # of its own size, not divided by a tiny norm
    with torch.no_grad():
        layer.parametrizations["weight"].original[1].normal_(0, 1e-3, generator=torch.Generator().manual_seed(1))
    spectral.refresh(network, 100)
    assert sigma(layer.weight, 2) == pytest.approx([0, 1], abs=1e-3)
