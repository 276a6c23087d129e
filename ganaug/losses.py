"""Adversarial losses, per sample: logits of any shape in, the same shape out; the trainer reduces.

``real`` and ``fake`` are the discriminator's logits of real and generated rows.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

__all__ = [
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
