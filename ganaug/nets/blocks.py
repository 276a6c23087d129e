"""Layers with a leading member axis: M independent networks of one shape run as one batched product.

Shape legend: M members (independent fits), B rows of a batch, I inputs, O outputs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganaug import seeding

__all__ = ["MemberEmbedding", "MemberLinear", "initialise"]


class MemberLinear(nn.Module):
    """M affine maps at once, ``y[m] = x[m] @ weight[m] + bias[m]``.

    **Shape:** ``(M, B, I) -> (M, B, O)``; ``weight`` is ``(M, I, O)``, ``bias`` is ``(M, 1, O)``.

    >>> layer = MemberLinear(2, 3, 4)
    >>> layer(torch.zeros(2, 5, 3)).shape
    torch.Size([2, 5, 4])
    """

    def __init__(self, members: int, n_in: int, n_out: int, *, zero: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(members, n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(members, 1, n_out))
        self.zero = zero

    def initialise(self, member: int, rng: torch.Generator) -> None:
        """Draw member ``member``'s weights, uniform in +-1/sqrt(I) (as torch's own Linear); zero stays zero."""
        if self.zero:
            return
        bound = 1 / math.sqrt(max(1, self.weight.shape[1]))
        with torch.no_grad():
            self.weight[member].uniform_(-bound, bound, generator=rng)
            self.bias[member].uniform_(-bound, bound, generator=rng)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class MemberEmbedding(nn.Module):
    """M tables of class vectors.

    **Shape:** ``(M, B) int64 -> (M, B, O)``.
    """

    def __init__(self, members: int, n_classes: int, n_out: int, *, zero: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(members, n_classes, n_out))
        self.zero = zero

    def initialise(self, member: int, rng: torch.Generator) -> None:
        """Draw member ``member``'s vectors from a standard normal; zero stays zero."""
        if not self.zero:
            with torch.no_grad():
                self.weight[member].normal_(generator=rng)

    def forward(self, y: Tensor) -> Tensor:
        return self.weight.gather(1, y[..., None].expand(-1, -1, self.weight.shape[-1]))


def initialise(network: nn.Module, seeds: Sequence[int], name: str) -> None:
    """Initialise every layer that offers ``initialise(member, rng)``; member m depends on ``seeds[m]`` alone."""
    for layer_name, layer in network.named_modules():
        draw = getattr(layer, "initialise", None)
        if draw is not None:
            for member, seed in enumerate(seeds):
                draw(member, seeding.torch_rng(seed, "initialise", name, layer_name))
