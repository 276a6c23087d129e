"""Packs: several rows that a critic judges as one, so that it sees when they are too alike.

PacGAN, Lin et al. 2018 (arXiv 1712.04086).

Shape legend: M members, B rows, I numbers of a row, P packs of ``pac`` rows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganaug.nets.blocks import MemberLinear
from ganaug.nets.mlp import Trunk

__all__ = ["PackCritic", "pack", "unpack"]


def pack(x: Tensor, pac: int) -> Tensor:
    """Lay ``pac`` rows that follow each other side by side.

    **Shape:** ``(M, B, I) -> (M, P, pac I)``, ``B = P pac``.

    >>> pack(torch.arange(4.0).reshape(1, 4, 1), 2).tolist()
    [[[0.0, 1.0], [2.0, 3.0]]]
    """
    return x.unflatten(1, (-1, pac)).flatten(2)


def unpack(of_packs: Tensor, pac: int) -> Tensor:
    """Give every row what its pack has. **Shape:** ``(M, P) -> (M, P pac)``.

    >>> unpack(torch.tensor([[1.0, 2.0]]), 2).tolist()
    [[1.0, 1.0, 2.0, 2.0]]
    """
    return of_packs.repeat_interleave(pac, dim=1)


class PackCritic(nn.Module):
    """A critic of packs, given what they were asked to be.

    **Shape:** ``x (M, P, pac I), given (M, P, pac J) -> (M, P)``.
    """

    def __init__(self, members: int, n_in: int, n_given: int, *, pac: int, width: int, depth: int) -> None:
        super().__init__()
        self.trunk = Trunk(members, pac * (n_in + n_given), width, depth)
        self.head = MemberLinear(members, width, 1)

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        return self.head(self.trunk(torch.cat([x, given], dim=-1)))[..., 0]
