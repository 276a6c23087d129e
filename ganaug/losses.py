"""Adversarial losses, per sample: logits of any shape in, the same shape out; the trainer reduces.

``real`` and ``fake`` are the discriminator's logits of real and generated rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "HINGE",
    "LEAST_SQUARES",
    "NON_SATURATING",
    "RELATIVISTIC",
    "WASSERSTEIN",
    "Objective",
    "hinge_discriminator",
    "hinge_generator",
    "least_squares_discriminator",
    "least_squares_generator",
    "non_saturating_discriminator",
    "non_saturating_generator",
    "relativistic_discriminator",
    "relativistic_generator",
    "wasserstein_critic",
    "wasserstein_generator",
]


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Relativistic pairing loss of the discriminator, ``softplus(-(real - fake))``.

    Jolicoeur-Martineau 2018 (arXiv 1807.00734); used so by R3GAN (arXiv 2501.05441, eq. 2).

    >>> import torch
    >>> relativistic_discriminator(torch.tensor([0.0]), torch.tensor([0.0]))
    tensor([0.6931])
    """
    return F.softplus(fake - real)


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Relativistic pairing loss of the generator, ``softplus(-(fake - real))`` (arXiv 2501.05441, eq. 2)."""
    return F.softplus(real - fake)


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Critic loss of a Wasserstein GAN, ``fake - real`` (Arjovsky et al. 2017, arXiv 1701.07875, eq. 3)."""
    return fake - real


def wasserstein_generator(fake: Tensor) -> Tensor:
    """Generator loss of a Wasserstein GAN, ``-fake`` (arXiv 1701.07875, eq. 3)."""
    return -fake


def non_saturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross-entropy, ``-log D(x) - log(1 - D(G(z)))`` with ``D`` the sigmoid of the logits.

    Goodfellow et al. 2014 (arXiv 1406.2661), eq. 1.

    >>> import torch
    >>> non_saturating_discriminator(torch.tensor([0.0]), torch.tensor([0.0]))
    tensor([1.3863])
    """
    return F.softplus(-real) + F.softplus(fake)


def non_saturating_generator(fake: Tensor) -> Tensor:
    """Generator loss ``-log D(G(z))``, which does not saturate (arXiv 1406.2661, sec. 3)."""
    return F.softplus(-fake)


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """``(D(x) - 1)^2 / 2 + D(G(z))^2 / 2`` (Mao et al. 2017, arXiv 1611.04076, eq. 9)."""
    return ((real - 1).square() + fake.square()) / 2


def least_squares_generator(fake: Tensor) -> Tensor:
    """``(D(G(z)) - 1)^2 / 2`` (arXiv 1611.04076, eq. 9)."""
    return (fake - 1).square() / 2


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """``max(0, 1 - D(x)) + max(0, 1 + D(G(z)))`` (Miyato et al. 2018, arXiv 1802.05957, eq. 16)."""
    return F.relu(1 - real) + F.relu(1 + fake)


def hinge_generator(fake: Tensor) -> Tensor:
    """``-D(G(z))`` (arXiv 1802.05957, eq. 17)."""
    return -fake


@dataclass(frozen=True)
class Objective:
    """What the two sides of a game minimise, per sample, given the discriminator's logits of real and fake rows."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]


NON_SATURATING = Objective(non_saturating_discriminator, lambda real, fake: non_saturating_generator(fake))
LEAST_SQUARES = Objective(least_squares_discriminator, lambda real, fake: least_squares_generator(fake))
HINGE = Objective(hinge_discriminator, lambda real, fake: hinge_generator(fake))
WASSERSTEIN = Objective(wasserstein_critic, lambda real, fake: wasserstein_generator(fake))
RELATIVISTIC = Objective(relativistic_discriminator, relativistic_generator)
