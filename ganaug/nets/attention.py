"""Self-attention between the places of a map (Zhang et al. 2018, arXiv 1805.08318).

Shape legend: M members, B images of a batch, C channels, N = H W places.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganaug.nets.conv import MemberConv2d

__all__ = ["SelfAttention"]


class SelfAttention(nn.Module):
    """``x + gamma o(x)``, with gamma learnt from 0 (eqs. 1 to 3).

    Each place looks at all places by the softmax of ``f(x)^T g(x)``, and takes the mean of ``h(x)`` there. Queries and
    keys have an eighth of the channels, and values a half, as in the authors' code; NOTE[DIFF]: an eighth in the paper.

    **Shape:** ``(M, B, C, H, W) -> (M, B, C, H, W)``.
    """

    def __init__(self, members: int, channels: int) -> None:
        super().__init__()
        self.query, self.key = (
            MemberConv2d(members, channels, max(1, channels // 8), kernel=1, bias=False) for _ in range(2)
        )
        self.value = MemberConv2d(members, channels, max(1, channels // 2), kernel=1, bias=False)
        self.out = MemberConv2d(members, max(1, channels // 2), channels, kernel=1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(members))

    def weights(self, x: Tensor) -> Tensor:
        """Return how much each place looks at each other, ``(M, B, N, N)``; the last axis sums to 1."""
        query, key = (layer(x).flatten(3) for layer in (self.query, self.key))
        return torch.softmax(query.transpose(2, 3) @ key, dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.value(x).flatten(3) @ self.weights(x).transpose(2, 3)
        return x + self.gamma[:, None, None, None, None] * self.out(seen.unflatten(3, x.shape[3:]))
