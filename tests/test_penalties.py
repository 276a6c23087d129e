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


def test_the_gradient_penalty_of_images_takes_the_norm_over_all_pixels_of_an_image() -> None:
    # D(x) = <w, x> over channels and pixels has slope |w| at every image; here 3 for one member and 1 for the other.
    weight = torch.randn(2, 1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    weight = (
        weight / weight.flatten(1).norm(dim=1).reshape(2, 1, 1, 1, 1) * torch.tensor([3.0, 1.0]).reshape(2, 1, 1, 1, 1)
    )
    x = torch.randn(2, 6, 3, 4, 5)
    value = penalties.gradient_penalty(lambda x: (x * weight).flatten(2).sum(-1), x)
    assert torch.allclose(value, torch.tensor([[4.0], [0.0]]).expand(2, 6), atol=1e-4)
    half = penalties.squared_gradient(lambda x: (x * weight).flatten(2).sum(-1), x)
    assert torch.allclose(half, torch.tensor([[4.5], [0.5]]).expand(2, 6), atol=1e-4)


def test_each_image_has_its_own_place_between_real_and_fake() -> None:
    real, fake = torch.randn(2, 3, 1, 4, 5), torch.randn(2, 3, 1, 4, 5)
    u = torch.rand(2, 3)
    between = penalties.interpolate(real, fake, u)
    for m, b in ((0, 0), (1, 2)):
        assert torch.allclose(between[m, b], fake[m, b] + u[m, b] * (real[m, b] - fake[m, b]), atol=1e-6)


def test_path_lengths_of_a_linear_generator_are_the_norm_of_the_transposed_map_of_the_direction() -> None:
    # g(w) = A w has J = A. A^T (1, 1, 1) = (1 + 2 + 0, 0 - 1 + 5) = (3, 4) of length 5; A^T (0, 0, 2) = (0, 10).
    matrix = torch.tensor([[1.0, 0.0], [2.0, -1.0], [0.0, 5.0]], requires_grad=True)
    w = torch.randn(1, 2, 2, requires_grad=True)
    along = torch.tensor([[[1.0, 1.0, 1.0], [0.0, 0.0, 2.0]]])
    lengths = penalties.path_lengths(lambda w: w @ matrix.T, w, along)
    assert torch.allclose(lengths, torch.tensor([[5.0, 10.0]]))
    (gradient,) = torch.autograd.grad(lengths[0, 0], matrix)  # d||A^T v|| / dA = v (A^T v)^T / ||A^T v||
    assert torch.allclose(gradient, torch.tensor([[0.6, 0.8]]).expand(3, 2))


def test_path_lengths_of_images_are_those_of_the_jacobian() -> None:
    def curved(w: torch.Tensor) -> torch.Tensor:
        return (w.square() @ weight).sin().unflatten(-1, (1, 2, 3))

    weight, along = torch.randn(4, 6), torch.randn(2, 3, 1, 2, 3)
    w = torch.randn(2, 3, 4, requires_grad=True)
    found = penalties.path_lengths(curved, w, along)
    for m, b in ((0, 0), (1, 2)):
        jacobian = torch.autograd.functional.jacobian(curved, w[m, b].detach()).reshape(6, 4)
        assert found[m, b].item() == pytest.approx((along[m, b].flatten() @ jacobian).norm().item(), rel=1e-4)
