"""Penalties on a discriminator's input gradient, per sample, for inputs of any rank.

Inputs are ``(M, B, *)`` and a discriminator maps them to ``(M, B)``; a penalty is ``(M, B)``. The members and rows do
not see each other in the networks of this library, so the gradient of the sum holds every row's own gradient. Only a
critic that compares a group of rows (`ganaug.nets.growing`) has the gradient of the group's sum at each of its rows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["gradient_penalty", "interpolate", "path_lengths", "squared_gradient"]


def _input_gradient(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return gradient.flatten(2)


def squared_gradient(discriminator: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Half the squared norm of the input gradient: R1 on real rows, R2 on generated ones.

    Mescheder et al. 2018 (arXiv 1801.04406), eqs. 9 and 10, before the factor gamma.

    >>> weight = torch.tensor([3.0, 4.0])
    >>> squared_gradient(lambda x: x @ weight, torch.zeros(1, 2, 2))
    tensor([[12.5000, 12.5000]])
    """
    return _input_gradient(discriminator, x).square().sum(-1) * 0.5


def interpolate(real: Tensor, fake: Tensor, u: Tensor) -> Tensor:
    """Points between ``real`` and ``fake`` ``(M, B, *)``, the share ``u (M, B)`` of the way from fake to real."""
    return torch.lerp(fake.detach(), real.detach(), u.reshape(*u.shape, *[1] * (real.ndim - 2)))


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], x: Tensor, *, target: float = 1.0) -> Tensor:
    """``(||grad D(x)|| - target)^2`` at the points ``x`` (Gulrajani et al. 2017, arXiv 1704.00028, eq. 3)."""
    squared = _input_gradient(discriminator, x).square().sum(-1)
    return (squared.add(1e-12).sqrt() - target).square()


def path_lengths(generator: Callable[[Tensor], Tensor], w: Tensor, v: Tensor) -> Tensor:
    """How much images move along ``v`` with a step of ``w``, ``||J_w^T v||``.

    Karras et al. 2019 (arXiv 1912.04958), eq. 4.

    **Shape:** ``w (M, B, D)``, which needs a gradient, ``v (M, B, *)`` as the images of ``generator(w)`` ``-> (M, B)``.

    >>> w = torch.zeros(1, 2, 2, requires_grad=True)
    >>> path_lengths(lambda w: w * torch.tensor([3.0, 4.0]), w, torch.ones(1, 2, 2)).detach()
    tensor([[5., 5.]])
    """
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad((generator(w) * v).sum(), w, create_graph=True)
    return gradient.square().sum(-1).add(1e-12).sqrt()
