"""Trunks of image networks: from a noise vector to feature maps, and from images to features.

Two kinds, each with the same interface: strided convolutions (Radford et al. 2015, arXiv 1511.06434, without
normalisation), small enough for a processor; residual grouped convolutions (R3GAN, Huang et al. 2024, arXiv 2501.05441,
sec. 3.4), for a graphics card. Sizes that a trunk cannot halve are padded in front and cut behind (`fit_size`).

In training a trunk may compute in bfloat16 (`autocast`); what goes in and comes out, and so losses, penalties and all
weights, stays float32. Sampling, in ``eval()``, is always float32: an artefact gives the same images on any device.

Shape legend: M members, B images of a batch, C channels, H and W pixels, F features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.nets.blocks import MemberEmbedding, MemberLinear
from ganaug.nets.conv import MemberConv2d, downsample, smooth, upsample

__all__ = [
    "SLOPE",
    "Decoder",
    "Encoder",
    "ImageCritic",
    "Kind",
    "Precision",
    "Resize",
    "autocast",
    "coarse_size",
    "fit_size",
    "levels_of",
    "widths_of",
]

Kind = Literal["strided", "residual"]
Precision = Literal["float32", "bfloat16"]
SLOPE = 0.2
EMBEDDING = 32
"""Dimensions of a class beside the features of a critic."""


def levels_of(height: int, width: int, *, coarsest: int = 4) -> int:
    """Return how often an image is halved until its shorter side is ``coarsest`` to twice that, at least once.

    >>> [levels_of(n, n) for n in (8, 28, 32, 64)]
    [1, 2, 3, 4]
    """
    return max(1, int(math.log2(min(height, width) / coarsest)))


def coarse_size(height: int, width: int, levels: int) -> tuple[int, int]:
    """Return the size of the coarsest map whose ``levels`` doublings cover the image."""
    return -(-height // 2**levels), -(-width // 2**levels)


def widths_of(channels: int, levels: int) -> tuple[int, ...]:
    """Return the channels of every level, finest first: doubled at each, eightfold at most."""
    return tuple(channels * min(2**i, 8) for i in range(levels))


def fit_size(x: Tensor, height: int, width: int) -> Tensor:
    """Repeat the last rows and columns, or cut them off, until the size is right. **Shape:** ``(..., h, w)``."""
    x = x[..., :height, :width]
    more = (0, width - x.shape[-1], 0, height - x.shape[-2])
    return F.pad(x.flatten(0, 1), more, mode="replicate").unflatten(0, x.shape[:2]) if any(more) else x


def autocast(trunk: nn.Module, x: Tensor, precision: Precision) -> torch.autocast:
    """Return the context in which ``trunk`` computes on ``x``."""
    return torch.autocast(x.device.type, torch.bfloat16, enabled=trunk.training and precision == "bfloat16")


class _Residual(nn.Module):
    """``x + conv1(act(conv3(act(conv1(x)))))`` with a grouped 3 x 3 in the middle; the last layer starts at 0."""

    def __init__(self, members: int, channels: int) -> None:
        super().__init__()
        groups = math.gcd(channels, max(1, channels // 16))
        self.enter = MemberConv2d(members, channels, channels, kernel=1, bias=False, gain=math.sqrt(2))
        self.mix = MemberConv2d(members, channels, channels, groups=groups, gain=math.sqrt(2))
        self.leave = MemberConv2d(members, channels, channels, kernel=1, bias=False, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        h = F.leaky_relu(self.enter(x), SLOPE)
        return x + self.leave(F.leaky_relu(self.mix(h), SLOPE))


class Resize(nn.Module):
    """Halve the size, or double it (``up``), and change the channels; ``smoothed``: see `ganaug.nets.conv.smooth`."""

    def __init__(self, members: int, n_in: int, n_out: int, *, kind: Kind, up: bool, smoothed: bool = False) -> None:
        super().__init__()
        self.smoothed, self.resize = smoothed, upsample if up else downsample
        if kind == "strided":
            self.conv = MemberConv2d(members, n_in, n_out, kernel=4, stride=2, transposed=up)
            self.blocks = None
        else:
            self.conv = MemberConv2d(members, n_in, n_out, kernel=1, bias=False)
            self.blocks = nn.Sequential(_Residual(members, n_out), _Residual(members, n_out))

    def forward(self, x: Tensor) -> Tensor:
        if self.blocks is None:
            h = self.conv(x)
            return F.leaky_relu(smooth(h) if self.smoothed else h, SLOPE)
        return self.blocks(self.resize(self.conv(x)))


class Encoder(nn.Module):
    """Images -> a map a level, finest first.

    **Shape:** ``(M, B, C, H, W) -> [(M, B, width, H/2, W/2), (M, B, 2 width, H/4, W/4), ...]``.
    """

    def __init__(
        self,
        members: int,
        n_in: int,
        *,
        height: int,
        width: int,
        channels: int,
        levels: int,
        kind: Kind,
        precision: Precision = "float32",
        attention: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.precision: Precision = precision
        coarse = coarse_size(height, width, levels)
        self.size = (coarse[0] * 2**levels, coarse[1] * 2**levels)
        self.widths = widths_of(channels, levels)
        self.stem = MemberConv2d(members, n_in, channels) if kind == "residual" else None
        first = n_in if self.stem is None else channels
        pairs = zip((first, *self.widths[:-1]), self.widths, strict=True)
        self.down = nn.ModuleList(Resize(members, a, b, kind=kind, up=False) for a, b in pairs)
        # On the last map but one.
        self.attends = max(0, levels - 2)
        self.attention = None if attention is None else attention(members, self.widths[self.attends])

    def forward(self, x: Tensor) -> list[Tensor]:
        h = fit_size(x, *self.size)
        maps = []
        with autocast(self, x, self.precision):
            h = h if self.stem is None else self.stem(h)
            for i, down in enumerate(self.down):
                h = down(h)
                h = self.attention(h) if self.attention is not None and i == self.attends else h
                maps.append(h)
        return [m.to(x.dtype) for m in maps]


class Decoder(nn.Module):
    """A coarse map -> an image.

    **Shape:** ``(M, B, n_in, h, w) -> (M, B, n_out, H, W)``, unbounded. ``beside`` are channels that `Encoder` maps of
    the same level bring in, finest first. ``smoothed`` keeps strided convolutions from writing a grid.
    """

    def __init__(
        self,
        members: int,
        n_in: int,
        n_out: int,
        *,
        height: int,
        width: int,
        channels: int,
        levels: int,
        kind: Kind,
        beside: Sequence[int] = (),
        zero: bool = False,
        smoothed: bool = False,
        precision: Precision = "float32",
        attention: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.precision: Precision = precision
        self.size = (height, width)
        widths = widths_of(channels, levels)[::-1]
        extra = [0, *beside[:-1][::-1]] if beside else [0] * levels
        pairs = zip((n_in, *widths[:-1]), widths, extra, strict=True)
        growing: dict[str, Any] = {"kind": kind, "up": True, "smoothed": smoothed}
        self.up = nn.ModuleList(Resize(members, a + more, b, **growing) for a, b, more in pairs)
        self.out = MemberConv2d(members, channels, n_out, zero=zero)
        # Before the last doubling, where there are two.
        self.attends = max(0, levels - 2)
        self.attention = None if attention is None else attention(members, widths[self.attends])

    def forward(self, h: Tensor, maps: Sequence[Tensor] = ()) -> Tensor:
        dtype = h.dtype
        with autocast(self, h, self.precision):
            for i, up in enumerate(self.up):
                h = up(torch.cat([h, maps[-1 - i].to(h.dtype)], dim=2) if maps and i else h)
                h = self.attention(h) if self.attention is not None and i == self.attends else h
            h = self.out(h)
        return fit_size(h.to(dtype), *self.size)


class ImageCritic(nn.Module):
    """A critic of images with an unconditional head and a projection on the class.

    ``D(x, y) = psi(phi(x)) + <e_y, phi(x)> / sqrt(F)``, Miyato & Koyama 2018 (arXiv 1802.05637), eq. 3.
    NOTE[DIFF]: the product is scaled, so that both heads start at one size.

    Without ``projection`` the class's embedding, of `EMBEDDING` dimensions, joins the features of the image in a layer
    that both share, ``D(x, y) = psi(phi(x, e_y))``, as in Mirza & Osindero 2014 (arXiv 1411.1784, fig. 1 and sec. 4.1).

    **Shape:** ``x (M, B, C, H, W), y (M, B) -> (M, B)``.
    """

    def __init__(
        self,
        members: int,
        n_in: int,
        *,
        n_classes: int,
        height: int,
        width: int,
        channels: int,
        levels: int,
        kind: Kind,
        features: int = 128,
        precision: Precision = "float32",
        attention: Callable[..., nn.Module] | None = None,
        projection: bool = True,
    ) -> None:
        super().__init__()
        size = {"height": height, "width": width}
        kinds: dict[str, Any] = {"kind": kind, "precision": precision, "attention": attention}
        self.encoder = Encoder(members, n_in, channels=channels, levels=levels, **size, **kinds)
        h, w = coarse_size(height, width, levels)
        beside = 0 if projection else EMBEDDING
        self.join = MemberLinear(members, self.encoder.widths[-1] * h * w + beside, features)
        self.head = MemberLinear(members, features, 1)
        self.embedding = MemberEmbedding(members, n_classes, features if projection else EMBEDDING)
        self.projection, self.scale = projection, features**-0.5

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        seen, e = self.encoder(x)[-1].flatten(2), self.embedding(y)
        if not self.projection:
            return self.head(F.leaky_relu(self.join(torch.cat([seen, e], dim=-1)), SLOPE))[..., 0]
        phi = F.leaky_relu(self.join(seen), SLOPE)
        return self.head(phi)[..., 0] + (phi * e).sum(-1) * self.scale
