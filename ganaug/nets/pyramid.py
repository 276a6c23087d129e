"""Images at several sizes: each level has twice the sides of the one below it, the finest those of the data.

Level 0 is the coarsest, of `coarse_size`; level L covers the image, and what it has beyond it is repeated in front of
a network and cut off behind it (`fit_size`). An image of a coarse level is shown at full size by repeating its pixels,
and found again in that by averaging, so that a list of images of all levels goes through one tensor of one size.

Shape legend: M members, B images of a batch, C channels, H and W pixels, L doublings.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.nets.blocks import MemberEmbedding, MemberLinear
from ganaug.nets.conv import MemberConv2d, downsample
from ganaug.nets.images import SLOPE, Kind, Precision, Resize, autocast, coarse_size, fit_size, levels_of, widths_of

__all__ = [
    "MultiscaleCritic",
    "MultiscaleGenerator",
    "PyramidCritic",
    "PyramidGenerator",
    "Scales",
    "enlarge",
    "pixel_norm",
]


def enlarge(x: Tensor, times: int = 1) -> Tensor:
    """Double the size ``times`` times, repeating pixels. **Shape:** ``(M, B, C, h, w) -> (M, B, C, 2^t h, 2^t w)``."""
    if not times:
        return x
    return F.interpolate(x.flatten(0, 1), scale_factor=2**times, mode="nearest").unflatten(0, x.shape[:2])


def pixel_norm(x: Tensor, dim: int = 2) -> Tensor:
    """Divide by the root mean square over ``dim``, ``b = a / sqrt(mean a^2 + 1e-8)`` (arXiv 1710.10196, sec. 4.2)."""
    return x * torch.rsqrt(x.square().mean(dim, keepdim=True) + 1e-8)


@dataclass(frozen=True)
class Scales:
    """The sizes of an image of ``height`` x ``width`` pixels that is doubled ``levels`` times from the coarsest map."""

    height: int
    width: int
    levels: int

    @classmethod
    def of(cls, height: int, width: int) -> Scales:
        """Return the sizes down to the coarsest map that every network here starts from.

        >>> Scales.of(28, 28).sizes
        ((7, 7), (14, 14), (28, 28))
        """
        return cls(height, width, levels_of(height, width))

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of every level, coarsest first; the last is at least that of the image."""
        h, w = coarse_size(self.height, self.width, self.levels)
        return tuple((h * 2**level, w * 2**level) for level in range(self.levels + 1))

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """Return images at every level, coarsest first, by repeated means of 2 x 2 pixels.

        **Shape:** ``(M, B, C, H, W) -> [(M, B, C, h, w), (M, B, C, 2h, 2w), ...]``.
        """
        found = [fit_size(x, *self.sizes[-1])]
        for _ in range(self.levels):
            found.append(downsample(found[-1]))
        return found[::-1]

    def full(self, x: Tensor, level: int) -> Tensor:
        """Return images of ``level`` at full size. **Shape:** ``(M, B, C, h, w) -> (M, B, C, H, W)``."""
        return fit_size(enlarge(x, self.levels - level), self.height, self.width)

    def stack(self, images: Sequence[Tensor]) -> Tensor:
        """Lay images of all levels, coarsest first, channel on channel at full size, ``(M, B, (L + 1) C, H, W)``."""
        return torch.cat([self.full(image, level) for level, image in enumerate(images)], dim=2)

    def unstack(self, x: Tensor) -> list[Tensor]:
        """Return the images of all levels that `stack` has laid together."""
        channels = x.shape[2] // (self.levels + 1)
        fitted = fit_size(x, *self.sizes[-1]).split(channels, dim=2)
        return [_shrink(image, self.levels - level) for level, image in enumerate(fitted)]


def _shrink(x: Tensor, times: int) -> Tensor:
    """Halve the size ``times`` times."""
    return F.avg_pool2d(x.flatten(0, 1), 2**times).unflatten(0, x.shape[:2]) if times else x


class _Enlarged(nn.Module):
    """Pixels repeated, then a 3 x 3 convolution, as in both papers.

    A transposed convolution, cheaper by half, leaves a grid in the images of so short a training.

    **Shape:** ``(M, B, I, h, w) -> (M, B, O, 2h, 2w)``.
    """

    def __init__(self, members: int, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = MemberConv2d(members, n_in, n_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.conv(enlarge(x)), SLOPE)


def _doubling(members: int, n_in: int, n_out: int, kind: Kind) -> nn.Module:
    return _Enlarged(members, n_in, n_out) if kind == "strided" else Resize(members, n_in, n_out, kind=kind, up=True)


class PyramidGenerator(nn.Module):
    """Noise and the class's embedding -> maps of every level, and an image from each.

    Noise and maps have a root mean square of 1 in every place (`pixel_norm`); ``psi`` scales the noise after that.
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
    ) -> None:
        super().__init__()
        self.scales = Scales.of(*size[1:])
        self.precision: Precision = precision
        fine = widths_of(channels, self.scales.levels)[::-1]
        widths = (2 * fine[0], *fine)
        h, w = self.scales.sizes[0]
        self.embedding = MemberEmbedding(members, n_classes, embedding)
        self.enter = MemberLinear(members, noise + embedding, widths[0] * h * w)
        self.up = nn.ModuleList(_doubling(members, a, b, kind) for a, b in itertools.pairwise(widths))
        self.paint = nn.ModuleList(MemberConv2d(members, n, size[0]) for n in widths)

    def images(self, inputs: dict[str, Tensor], y: Tensor, levels: range) -> list[Tensor]:
        """Return the images of ``levels`` in (-1, 1), each ``(M, B, C, h, w)``; finer maps are not computed.

        **Shape:** ``inputs["z"] (M, B, noise)``, ``y (M, B)``; ``inputs["psi"] (M, B)``, 1 where it is missing.
        """
        z = pixel_norm(inputs["z"])
        if "psi" in inputs:
            z = inputs["psi"][..., None] * z
        h = self.enter(torch.cat([z, self.embedding(y)], dim=-1))
        found, dtype = [], h.dtype
        with autocast(self, h, self.precision):
            h = pixel_norm(F.leaky_relu(h, SLOPE).unflatten(-1, (-1, *self.scales.sizes[0])))
            for level in range(levels.stop):
                h = pixel_norm(self.up[level - 1](h)) if level else h
                if level in levels:
                    found.append(self.paint[level](h).to(dtype).tanh())
        return found


class MultiscaleGenerator(PyramidGenerator):
    """Images of all levels at once (Karnewar & Wang 2019, arXiv 1903.06048, eqs. 2 and 3).

    **Shape:** ``inputs["z"] (M, B, noise), y (M, B) -> (M, B, (L + 1) C, H, W)``, as `Scales.stack` lays them.
    """

    def forward(self, inputs: dict[str, Tensor], y: Tensor) -> Tensor:
        return self.scales.stack(self.images(inputs, y, range(self.scales.levels + 1)))


class PyramidCritic(nn.Module):
    """What critics of several sizes share: a map of the image at every level, and a verdict on the coarsest map.

    The verdict has an unconditional head and a projection on the class, as `ganaug.nets.images.ImageCritic`.
    ``beside`` channels are joined to the maps of every level but the finest, and ``extra`` ones to the last.
    """

    def __init__(
        self,
        members: int,
        size: tuple[int, int, int],
        *,
        n_classes: int,
        channels: int,
        kind: Kind,
        precision: Precision = "float32",
        beside: int | None = None,
        extra: int = 0,
        features: int = 128,
    ) -> None:
        super().__init__()
        self.scales = Scales.of(*size[1:])
        self.precision: Precision = precision
        finest = max(1, channels // 2)
        widths = (finest, *widths_of(channels, self.scales.levels))[::-1]
        joined = 0 if beside is None else beside
        seen = widths if beside is None else (*[beside] * self.scales.levels, finest)
        inputs = [w + joined for w in widths[:-1]] + [finest]
        self.look = nn.ModuleList(MemberConv2d(members, size[0], n, kernel=1) for n in seen)
        self.down = nn.ModuleList(
            Resize(members, a, b, kind=kind, up=False) for a, b in zip(inputs[1:], widths[:-1], strict=True)
        )
        h, w = self.scales.sizes[0]
        self.mix = MemberConv2d(members, inputs[0] + extra, widths[0])
        self.join = MemberLinear(members, widths[0] * h * w, features)
        self.head = MemberLinear(members, features, 1)
        self.embedding = MemberEmbedding(members, n_classes, features)
        self.scale = features**-0.5

    def glance(self, image: Tensor, level: int) -> Tensor:
        """Return a map of images of ``level``."""
        return F.leaky_relu(self.look[level](image), SLOPE)

    def verdict(self, h: Tensor, y: Tensor) -> Tensor:
        """Return the logits ``(M, B)`` of the coarsest maps."""
        with autocast(self, h, self.precision):
            mixed = F.leaky_relu(self.mix(h), SLOPE)
        phi = F.leaky_relu(self.join(mixed.to(h.dtype).flatten(2)), SLOPE)
        return self.head(phi)[..., 0] + (phi * self.embedding(y)).sum(-1) * self.scale


class MultiscaleCritic(PyramidCritic):
    """A critic that sees the images of all levels, each joined to the maps of its size (arXiv 1903.06048, eqs. 5 to 8).

    An image is joined through a learnt 1 x 1 convolution (the paper's phi_lin_cat).

    **Shape:** ``x (M, B, (L + 1) C, H, W), y (M, B) -> (M, B)``.
    """

    def __init__(self, members: int, size: tuple[int, int, int], *, channels: int, **more: Any) -> None:
        super().__init__(members, size, channels=channels, beside=max(1, channels // 2), **more)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        images = self.scales.unstack(x)
        with autocast(self, x, self.precision):
            h = self.glance(images[-1], self.scales.levels)
            for level in reversed(range(self.scales.levels)):
                h = torch.cat([self.down[level](h), self.glance(images[level], level)], dim=2)
        return self.verdict(h.to(x.dtype), y)
