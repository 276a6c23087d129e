"""Fully connected trunks without normalisation."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.nets.blocks import MemberLinear

__all__ = ["Trunk"]

MAX_DEPTH = 100
"""Without normalisation deeper trunks do not train; an artefact that asks for millions of layers is refused."""


class Trunk(nn.Module):
    """``depth`` layers of ``width`` units with leaky rectifiers; layers after the first are residual.

    **Shape:** ``(M, B, I) -> (M, B, width)``.
    """

    def __init__(self, members: int, n_in: int, width: int, depth: int) -> None:
        super().__init__()
        if not 1 <= depth <= MAX_DEPTH:
            raise ValueError(f"depth must be from 1 to {MAX_DEPTH}, however: {depth=}")
        self.first = MemberLinear(members, n_in, width)
        self.rest = nn.ModuleList(MemberLinear(members, width, width) for _ in range(depth - 1))

    def forward(self, x: Tensor) -> Tensor:
        h = F.leaky_relu(self.first(x), 0.2)
        for layer in self.rest:
            h = h + F.leaky_relu(layer(h), 0.2)
        return h
