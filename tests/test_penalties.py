"""Penalties against closed forms, for several input ranks, and as gradients of the discriminator's weights."""

from __future__ import annotations

import pytest
import torch

from ganaug import penalties


def test_squared_gradient_of_a_linear_discriminator_is_half_its_squared_norm() -> None:
    weight = torch.tensor([3.0, 4.0])
    value = penalties.squared_gradient(lambda x: x @ weight, torch.randn(2, 3, 2))
    assert value.shape == (2, 3)
    assert torch.allclose(value, torch.full((2, 3), 12.5))


def test_squared_gradient_of_a_quadratic_depends_on_the_row() -> None:
    # D(x) = |x|^2 / 2, so grad D = x and the penalty is |x|^2 / 2 of each row's own x.
    x = torch.randn(1, 4, 3, 2, 2)
    value = penalties.squared_gradient(lambda x: x.square().flatten(2).sum(-1) / 2, x)
    assert torch.allclose(value, x.square().flatten(2).sum(-1) / 2, atol=1e-6)


def test_squared_gradient_reaches_the_weights() -> None:
    weight = torch.tensor([1.0, -2.0], requires_grad=True)
    penalties.squared_gradient(lambda x: x @ weight, torch.randn(1, 1, 2)).sum().backward()
    assert weight.grad is not None
    assert torch.allclose(weight.grad, weight.detach())  # d(|w|^2 / 2) / dw = w


@pytest.mark.parametrize(("norm", "expected"), [(1.0, 0.0), (3.0, 4.0), (0.0, 1.0)])
def test_gradient_penalty_by_hand(norm: float, expected: float) -> None:
    weight = torch.tensor([0.6, 0.8]) * norm
    value = penalties.gradient_penalty(lambda x: x @ weight, torch.randn(1, 5, 2))
    assert torch.allclose(value, torch.full((1, 5), expected), atol=1e-5)


def test_interpolate_runs_from_fake_to_real() -> None:
    real, fake = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    between = penalties.interpolate(real, fake, torch.tensor([[0.0, 0.25, 1.0]]))
    assert between[0, :, 0, 0].tolist() == [0.0, 0.25, 1.0]
