"""How a class reaches a network: beside its input, or as a projection on its features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganaug.nets.blocks import MemberEmbedding, MemberLinear
from ganaug.nets.mlp import Trunk
from ganaug.nets.values import FactoredEmbedding, ValueEmbedding

__all__ = ["Classifier", "ConditionalMLP", "Factors", "ProjectionCritic"]


Factors = Sequence[Sequence[int]] | None
"""For every class, the code of its label in each of several label columns; None where there is one column."""


def _embedding(members: int, n_classes: int, n_out: int, *, valued: bool, factors: Factors) -> nn.Module:
    if valued:
        return ValueEmbedding(members, n_out)
    if factors is not None:
        return FactoredEmbedding(members, factors, n_out)
    return MemberEmbedding(members, n_classes, n_out)


class ConditionalMLP(nn.Module):
    """A trunk that is given its class as an embedding beside its input, with a linear head.

    **Shape:** ``x (M, B, I), y (M, B) -> (M, B, O)``. With ``zero_head`` the output is exactly zero before training.
    ``valued``: y are the scores of a numeric target, and not classes.
    """

    def __init__(
        self,
        members: int,
        n_in: int,
        n_out: int,
        *,
        n_classes: int,
        width: int,
        depth: int,
        embedding: int = 16,
        zero_head: bool = False,
        valued: bool = False,
        factors: Factors = None,
    ) -> None:
        super().__init__()
        self.embedding = _embedding(members, n_classes, embedding, valued=valued, factors=factors)
        self.trunk = Trunk(members, n_in + embedding, width, depth)
        self.head = MemberLinear(members, width, n_out, zero=zero_head)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.head(self.trunk(torch.cat([x, self.embedding(y)], dim=-1)))


class Classifier(nn.Module):
    """A trunk with a linear head a class.

    **Shape:** ``x (M, B, I) -> (M, B, n_classes)``, logits.
    """

    def __init__(self, members: int, n_in: int, *, n_classes: int, width: int, depth: int) -> None:
        super().__init__()
        self.trunk = Trunk(members, n_in, width, depth)
        self.head = MemberLinear(members, width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x))


class ProjectionCritic(nn.Module):
    """A critic whose class enters as an inner product with the features.

    ``D(x, y) = psi(phi(x)) + <e_y, phi(x)> / sqrt(width)``, Miyato & Koyama 2018 (arXiv 1802.05637), eq. 3.
    NOTE[DIFF]: the product is scaled by ``1 / sqrt(width)`` so that both heads start at one size.

    **Shape:** ``x (M, B, I), y (M, B) -> (M, B)``; with ``valued`` y are scores of a numeric target.
    """

    def __init__(
        self,
        members: int,
        n_in: int,
        *,
        n_classes: int,
        width: int,
        depth: int,
        valued: bool = False,
        factors: Factors = None,
    ) -> None:
        super().__init__()
        self.trunk = Trunk(members, n_in, width, depth)
        self.head = MemberLinear(members, width, 1)
        self.embedding = _embedding(members, n_classes, width, valued=valued, factors=factors)
        self.scale = width**-0.5

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        features = self.trunk(x)
        return self.head(features)[..., 0] + (features * self.embedding(y)).sum(-1) * self.scale
