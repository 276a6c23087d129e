"""Making images larger: a learnt residual on top of bicubic interpolation.

Shape legend: M members, B images of a batch, C channels, h and w pixels of what is given, f the factor.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.nets.conv import MemberConv2d
from ganaug.nets.images import SLOPE, Precision, autocast

__all__ = ["Upscaler", "bicubic", "shrink"]


def shrink(x: Tensor, factor: int) -> Tensor:
    """Average squares of ``factor`` pixels a side, and round to bytes, as images of that size come.

    **Shape:** ``(M, B, C, f h, f w) -> (M, B, C, h, w)``, in [-1, 1].

    >>> shrink(torch.tensor([[-1.0, 1.0], [1.0, 1.0]]).reshape(1, 1, 1, 2, 2), 2).flatten() * 127.5 + 127.5
    tensor([191.])
    """
    small = F.avg_pool2d(x.flatten(0, 1), factor).unflatten(0, x.shape[:2])
    return torch.floor((small + 1) * 127.5 + 0.5) / 127.5 - 1


def bicubic(x: Tensor, factor: int) -> Tensor:
    """Interpolate by Keys' cubic kernel with a = -1/2, as Pillow does, within [-1, 1].

    **Shape:** ``(M, B, C, h, w) -> (M, B, C, f h, f w)``.
    """
    size = (factor * x.shape[-2], factor * x.shape[-1])
    large = F.interpolate(x.flatten(0, 1), size=size, mode="bicubic", align_corners=False, antialias=True)
    return large.unflatten(0, x.shape[:2]).clamp(-1, 1)


class _Block(nn.Module):
    """``x + conv(act(conv(x)))``; without normalisation, as in EDSR (Lim et al. 2017, arXiv 1707.02921, fig. 2)."""

    def __init__(self, members: int, channels: int) -> None:
        super().__init__()
        self.first, self.second = (MemberConv2d(members, channels, channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.leaky_relu(self.first(x), SLOPE))


class Upscaler(nn.Module):
    """``bicubic(x)`` and a residual that starts at 0: residual blocks at the small size, then pixel shuffling.

    The generator of SRGAN (Ledig et al. 2016, arXiv 1609.04802, fig. 4). NOTE[DIFF]: it has no batch normalisation,
    few blocks, and adds to the bicubic image what it learns.

    **Shape:** ``(M, B, C, h, w) -> (M, B, C, f h, f w)``, f a power of 2.
    """

    def __init__(
        self, members: int, n_in: int, *, factor: int, channels: int, blocks: int, precision: Precision = "float32"
    ) -> None:
        super().__init__()
        self.factor = factor
        self.precision: Precision = precision
        self.stem = MemberConv2d(members, n_in, channels)
        self.blocks = nn.Sequential(*(_Block(members, channels) for _ in range(blocks)))
        doublings = factor.bit_length() - 1
        self.grow = nn.ModuleList(MemberConv2d(members, channels, 4 * channels) for _ in range(doublings))
        self.out = MemberConv2d(members, channels, n_in, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        with autocast(self, x, self.precision):
            h = F.leaky_relu(self.stem(x), SLOPE)
            h = h + self.blocks(h)
            for grow in self.grow:
                h = F.leaky_relu(F.pixel_shuffle(grow(h), 2), SLOPE)
            residual = self.out(h)
        return bicubic(x, self.factor) + residual.to(x.dtype)
