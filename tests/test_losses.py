"""Losses against values derived by hand; per sample, any shape."""

from __future__ import annotations

import math

import pytest
import torch

from ganaug import losses


def test_relativistic_losses_by_hand() -> None:
    # softplus(-(real - fake)) with real - fake = 2: log(1 + e^-2); the generator's has the sign turned round.
    real, fake = torch.tensor([[3.0]]), torch.tensor([[1.0]])
    assert losses.relativistic_discriminator(real, fake).item() == pytest.approx(math.log1p(math.exp(-2)), abs=1e-6)
    assert losses.relativistic_generator(real, fake).item() == pytest.approx(math.log1p(math.exp(2)), abs=1e-6)


def test_relativistic_losses_pull_in_opposite_directions() -> None:
    real = torch.zeros(1, requires_grad=True)
    fake = torch.zeros(1, requires_grad=True)
    grads = torch.autograd.grad(losses.relativistic_discriminator(real, fake).sum(), (real, fake))
    assert [g.item() for g in grads] == pytest.approx([-0.5, 0.5])
    grads = torch.autograd.grad(losses.relativistic_generator(real, fake).sum(), (real, fake))
    assert [g.item() for g in grads] == pytest.approx([0.5, -0.5])


def test_wasserstein_losses_by_hand() -> None:
    real, fake = torch.tensor([1.0, -2.0]), torch.tensor([4.0, 0.5])
    assert losses.wasserstein_critic(real, fake).tolist() == [3.0, 2.5]
    assert losses.wasserstein_generator(fake).tolist() == [-4.0, -0.5]


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 4)])
def test_losses_are_per_sample(shape: tuple[int, ...]) -> None:
    real, fake = torch.randn(shape), torch.randn(shape)
    for loss in (losses.relativistic_discriminator, losses.relativistic_generator, losses.wasserstein_critic):
        assert loss(real, fake).shape == shape
