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


def test_non_saturating_losses_by_hand() -> None:
    # Logits of probabilities .75 and .25: -log .75 - log .75, and -log .25 for the generator.
    real, fake = torch.tensor([math.log(3.0)]), torch.tensor([-math.log(3.0)])
    assert losses.non_saturating_discriminator(real, fake).item() == pytest.approx(-2 * math.log(0.75), abs=1e-6)
    assert losses.non_saturating_generator(fake).item() == pytest.approx(-math.log(0.25), abs=1e-6)


def test_the_non_saturating_generator_is_pulled_hardest_where_it_is_found_out() -> None:
    fake = torch.tensor([-8.0, 8.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(losses.non_saturating_generator(fake).sum(), fake)
    assert gradient[0].item() == pytest.approx(-1, abs=1e-3)
    assert gradient[1].item() == pytest.approx(0, abs=1e-3)


def test_least_squares_losses_by_hand() -> None:
    real, fake = torch.tensor([3.0]), torch.tensor([-2.0])
    assert losses.least_squares_discriminator(real, fake).item() == pytest.approx((4 + 4) / 2)
    assert losses.least_squares_generator(fake).item() == pytest.approx(9 / 2)


def test_hinge_losses_by_hand() -> None:
    # Right by more than the margin costs nothing; wrong by 2 costs 1 + 2.
    real, fake = torch.tensor([1.5, -2.0]), torch.tensor([-1.5, 2.0])
    assert losses.hinge_discriminator(real, fake).tolist() == [0.0, 6.0]
    assert losses.hinge_generator(fake).tolist() == [1.5, -2.0]


@pytest.mark.parametrize("name", ["HINGE", "LEAST_SQUARES", "NON_SATURATING", "RELATIVISTIC", "WASSERSTEIN"])
def test_every_objective_lets_the_two_sides_pull_in_opposite_directions(name: str) -> None:
    objective: losses.Objective = getattr(losses, name)
    real, fake = torch.tensor([0.2]), torch.tensor([0.1], requires_grad=True)
    (pushed,) = torch.autograd.grad(objective.discriminator(real, fake).sum(), fake)
    (pulled,) = torch.autograd.grad(objective.generator(real, fake).sum(), fake)
    assert pushed.item() > 0 > pulled.item()
