"""Networks of images from noise, and fully connected ones.

Shape legend: M members, B images of a batch, C channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.nets.blocks import MemberEmbedding, MemberLinear
from ganaug.nets.conditioning import ConditionalMLP
from ganaug.nets.images import Decoder, Kind, Precision, coarse_size, levels_of, widths_of

__all__ = ["ConvGenerator", "FlatCritic", "FlatGenerator"]


class ConvGenerator(nn.Module):
    """Noise and the class's embedding, joined and decoded by convolutions.

    **Shape:** ``inputs["z"] (M, B, noise), y (M, B) -> (M, B, C, H, W)`` in (-1, 1).
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
        attention: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        n_out, height, width = size
        levels = levels_of(height, width)
        self.coarse = coarse_size(height, width, levels)
        self.deep = 2 * widths_of(channels, levels)[-1]
        self.embedding = MemberEmbedding(members, n_classes, embedding)
        self.enter = MemberLinear(members, noise + embedding, self.deep * self.coarse[0] * self.coarse[1])
        self.decoder = Decoder(
            members,
            self.deep,
            n_out,
            height=height,
            width=width,
            channels=channels,
            levels=levels,
            kind=kind,
            precision=precision,
            attention=attention,
        )

    def forward(self, inputs: dict[str, Tensor], y: Tensor) -> Tensor:
        h = F.leaky_relu(self.enter(torch.cat([inputs["z"], self.embedding(y)], dim=-1)), 0.2)
        h = h.unflatten(-1, (self.deep, *self.coarse))
        return self.decoder(h).tanh()


class FlatGenerator(nn.Module):
    """A fully connected network from noise and class to pixels; shapes as of `ConvGenerator`."""

    def __init__(
        self, members: int, size: tuple[int, int, int], *, noise: int, n_classes: int, width: int, depth: int
    ) -> None:
        super().__init__()
        self.size = size
        n_out = size[0] * size[1] * size[2]
        self.network = ConditionalMLP(members, noise, n_out, n_classes=n_classes, width=width, depth=depth)

    def forward(self, inputs: dict[str, Tensor], y: Tensor) -> Tensor:
        return self.network(inputs["z"], y).unflatten(-1, self.size).tanh()


class FlatCritic(nn.Module):
    """A fully connected critic of pixels that is given the class beside them.

    **Shape:** ``x (M, B, *) of n_in numbers, y (M, B) -> (M, B)``.
    """

    def __init__(self, members: int, n_in: int, *, n_classes: int, width: int, depth: int) -> None:
        super().__init__()
        self.network = ConditionalMLP(members, n_in, 1, n_classes=n_classes, width=width, depth=depth)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.network(x.flatten(2), y)[..., 0]
