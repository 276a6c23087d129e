"""Conditions beyond one class: a value as a vector that changes smoothly with it, and several labels at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.nets.blocks import MemberEmbedding, MemberLinear

__all__ = ["FactoredEmbedding", "ValueEmbedding"]

FREQUENCIES = (1.0, 2.0, 4.0)
"""Of the sines and cosines, per deviation of the target: the shortest period is 1.6 deviations."""


class ValueEmbedding(nn.Module):
    """M maps from a score to a vector: the score and waves of it, through one hidden layer.

    The improved label input of Ding et al. 2021 (CcGAN, arXiv 2011.07466) gives the label to the generator and, in the
    projection, to the discriminator as a vector that a small network makes of it.

    NOTE[DIFF]: it is learnt together with the network that it belongs to, and not beforehand from real rows; the waves
    (Tancik et al. 2020, arXiv 2006.10739) let it change faster than a plain hidden layer's.

    **Shape:** ``(M, B) float -> (M, B, O)``.
    """

    frequencies: Tensor

    def __init__(self, members: int, n_out: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.tensor(FREQUENCIES), persistent=False)
        self.hidden = MemberLinear(members, 1 + 2 * len(FREQUENCIES), n_out)
        self.out = MemberLinear(members, n_out, n_out)

    def forward(self, y: Tensor) -> Tensor:
        waves = y[..., None] * self.frequencies
        features = torch.cat([y[..., None], torch.sin(waves), torch.cos(waves)], dim=-1)
        return self.out(F.leaky_relu(self.hidden(features), 0.2))


class FactoredEmbedding(nn.Module):
    """M tables of class vectors, where a class is a combination of several labels.

    The vector of a class is the sum of one vector a label column, over the square root of their number, and one of its
    own, which starts at zero: a combination that few rows have starts as its labels do in others.

    **Shape:** ``(M, B) int64 -> (M, B, O)``; ``factors (n_classes, columns)`` are the codes of each class's labels.
    """

    codes: Tensor

    def __init__(self, members: int, factors: Sequence[Sequence[int]], n_out: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.tensor(factors, dtype=torch.int64), persistent=False)
        sizes = [max(column) + 1 for column in zip(*factors, strict=True)]
        self.columns = nn.ModuleList(MemberEmbedding(members, size, n_out) for size in sizes)
        self.whole = MemberEmbedding(members, len(factors), n_out, zero=True)

    def forward(self, y: Tensor) -> Tensor:
        labels = self.codes[y]
        parts = [embedding(labels[..., k]) for k, embedding in enumerate(self.columns)]
        return torch.stack(parts).sum(0) / math.sqrt(len(parts)) + self.whole(y)
