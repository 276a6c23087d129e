"""Posteriors of variational autoencoders: rows or images to a normal distribution of latent vectors.

Shape legend: M members, B rows of a batch, Z latent dimensions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.nets.blocks import MemberEmbedding, MemberLinear
from ganaug.nets.conditioning import ConditionalMLP
from ganaug.nets.images import Encoder, Kind, Precision, coarse_size, levels_of

__all__ = ["ImagePosterior", "RowPosterior", "normal_divergence", "normal_sample"]

LIMIT = 8.0
"""Log-variances stay within so much of 0."""


def normal_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of a diagonal normal from the standard one, ``(mu^2 + sigma^2 - log sigma^2 - 1) / 2`` summed.

    Kingma & Welling 2013 (arXiv 1312.6114), app. B. **Shape:** twice ``(M, B, Z) -> (M, B)``, nats.

    >>> normal_divergence(torch.tensor([[[2.0, 0.0]]]), torch.zeros(1, 1, 2))
    tensor([[2.]])
    """
    return (mean.square() + log_variance.exp() - log_variance - 1).sum(-1) / 2


def normal_sample(mean: Tensor, log_variance: Tensor, u: Tensor) -> Tensor:
    """Return ``mu + sigma e`` with ``e`` the normal quantiles of uniforms ``u``; all ``(M, B, Z)``."""
    return mean + (log_variance / 2).exp() * torch.special.ndtri(u.clamp(1e-6, 1 - 1e-6))


def _halves(out: Tensor) -> tuple[Tensor, Tensor]:
    """Split into means and log-variances, the latter bounded without a kink."""
    mean, log_variance = out.chunk(2, dim=-1)
    return mean, LIMIT * torch.tanh(log_variance / LIMIT)


class RowPosterior(nn.Module):
    """``q(z | x, y)`` of table rows.

    **Shape:** ``x (M, B, I), y (M, B) ->`` means and log-variances, each ``(M, B, Z)``.
    """

    def __init__(self, members: int, n_in: int, *, noise: int, n_classes: int, width: int, depth: int) -> None:
        super().__init__()
        self.network = ConditionalMLP(members, n_in, 2 * noise, n_classes=n_classes, width=width, depth=depth)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return _halves(self.network(x, y))


class ImagePosterior(nn.Module):
    """``q(z | x, y)`` of images; the class joins where the maps are laid out.

    **Shape:** ``x (M, B, C, H, W), y (M, B) ->`` means and log-variances, each ``(M, B, Z)``.
    """

    def __init__(
        self,
        members: int,
        size: tuple[int, int, int],
        *,
        noise: int,
        embedding: int,
        n_classes: int,
        channels: int,
        kind: Kind,
        precision: Precision = "float32",
        features: int = 128,
    ) -> None:
        super().__init__()
        n_in, height, width = size
        levels = levels_of(height, width)
        shape: dict[str, Any] = {"height": height, "width": width, "kind": kind, "precision": precision}
        self.encoder = Encoder(members, n_in, channels=channels, levels=levels, **shape)
        h, w = coarse_size(height, width, levels)
        self.embedding = MemberEmbedding(members, n_classes, embedding)
        self.join = MemberLinear(members, self.encoder.widths[-1] * h * w + embedding, features)
        self.head = MemberLinear(members, features, 2 * noise)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.encoder(x)[-1].flatten(2)
        return _halves(self.head(F.leaky_relu(self.join(torch.cat([maps, self.embedding(y)], dim=-1)), 0.2)))
