"""The anchored image GAN: a sample starts from a real image and is bent and repainted, as images of a class differ.

A generator takes two real images a and b of the class asked for and noise, moves the pixels of a by a smooth learnt
flow, and adds a bounded residual: ``x = warp(a, flow(a, b, z, y)) + residual tanh(R(a, b, z, y))``. Both start at
zero: untrained, it repeats real images. The discriminator sees pairs (a, x), as that of DAGAN (Antoniou et al. 2017,
arXiv 1711.04340): a real pair is two *different* real images of a class, so that a copy of a is found out, and what
differs within the classes with many images is carried over to those with few. Its artefact keeps real images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug import image_game
from ganaug.data.image_rows import ImageMember
from ganaug.encode import ImageLayout
from ganaug.gan import About, Draw, Gan, Tensors
from ganaug.image_game import GameConfig, blocks_of, compose
from ganaug.image_sources import ImageAnchors
from ganaug.nets import MemberEmbedding, MemberLinear
from ganaug.nets.conv import MemberConv2d
from ganaug.nets.images import SLOPE, Decoder, Encoder, levels_of, widths_of

__all__ = [
    "ABOUT",
    "KEEPS_ROWS",
    "MODALITIES",
    "STARTS_FROM_ROWS",
    "Config",
    "build",
    "make_source",
    "settle",
    "stored_source",
]

ABOUT = About(
    summary="Bends and repaints a real image of the class, as images of other classes differ from each other.",
    source="this project; pairs as in DAGAN (Antoniou et al. 2017, arXiv 1711.04340)",
    when="The default for images: a few dozen of the rare class.",
)
KEEPS_ROWS = True
"""The artefact holds training images."""
MODALITIES = ("images",)
STARTS_FROM_ROWS = True

SMALL = 16
"""Pixels of the longer side up to which images are small."""


@dataclass(frozen=True, kw_only=True)
class Config(GameConfig):
    """Settings of the anchored image GAN."""

    steps: int | None = None
    """Training steps, at least 0; 0 leaves the untrained start, which repeats real images. None: 500 for images of up
    to 16 pixels a side, which are cheap and in which a pixel is much, and 200 for others."""
    noise: int = 32
    """Dimensions of the noise."""
    reach: float = 0.35
    """Largest shift, turn or stretch, as a share of half the image; local bends reach half as far."""
    residual: float = 0.5
    """Largest change of a pixel after the bending; black to white is 2."""
    smoothed: bool = False
    """Whether the grid that transposed convolutions leave in what is painted is filtered away: likelier photographs to
    look at, from which classifiers gained less (tests/benchmarks/IMAGES.md)."""
    max_anchors: int = 2048
    """Real images that are kept of a class, at most."""


def settle(config: Config, layout: ImageLayout, device: torch.device) -> Config:
    """Return ``config`` with the steps, the preset and the precision that fit the size and the device."""
    return replace(image_game.settle(config, layout, device), steps=_steps(config, layout))


def _steps(config: Config, layout: ImageLayout) -> int:
    if config.steps is not None:
        return config.steps
    return 500 if max(layout.height, layout.width) <= SMALL else 200


def make_source(
    config: Config, layout: ImageLayout, members: Sequence[ImageMember], *, n_classes: int, seeds: Sequence[int]
) -> ImageAnchors:
    """Choose the anchors of every member among its images."""
    return ImageAnchors.pack(members, n_classes=n_classes, noise=config.noise, most=config.max_anchors, seeds=seeds)


def stored_source(config: Config, layout: ImageLayout, arrays: Mapping[str, np.ndarray]) -> ImageAnchors:
    """Rebuild the source of one member from what `ImageAnchors.arrays` returned."""
    return ImageAnchors.stored(arrays, noise=config.noise)


class _Generator(nn.Module):
    """Inputs of the source, classes ``y (M, B)`` -> images ``(M, B, C, H, W)``."""

    grid: Tensor

    def __init__(self, config: Config, layout: ImageLayout, *, members: int, n_classes: int) -> None:
        super().__init__()
        self.config, self.size = config, (layout.height, layout.width)
        levels = levels_of(layout.height, layout.width)
        shape: dict[str, Any] = {"height": layout.height, "width": layout.width, "channels": config.channels}
        shape |= {"levels": levels, **blocks_of(config, layout)}
        widths = widths_of(config.channels, levels)
        deep = widths[-1]
        self.encoder = Encoder(members, 2 * layout.channels, **shape)
        self.embedding = MemberEmbedding(members, n_classes, 32)
        self.shift = MemberLinear(members, config.noise + 32, deep)
        self.scale = MemberLinear(members, config.noise, deep)
        self.mix = MemberConv2d(members, deep, deep)
        self.pool = MemberLinear(members, deep, deep)
        self.affine = MemberLinear(members, deep, 6, zero=True)
        self.flow = MemberConv2d(members, deep, 2, zero=True)
        painting: dict[str, Any] = {"beside": widths, "zero": True, "smoothed": config.smoothed}
        self.paint = Decoder(members, deep, layout.channels, **painting, **shape)
        rows, columns = ((torch.arange(n) + 0.5) / n * 2 - 1 for n in self.size)
        grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], dim=-1)
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, inputs: Tensors, y: Tensor) -> Tensor:
        maps = self.encoder(torch.cat([inputs["a"], inputs["b"]], dim=2))
        z = inputs["z"]
        h = maps[-1] + self.shift(torch.cat([z, self.embedding(y)], dim=-1))[..., None, None]
        h = h + F.leaky_relu(self.mix(h), SLOPE) * (1 + self.scale(z)[..., None, None])
        moved = self._warp(inputs["a"], h)
        return moved + self.config.residual * self.paint(h, maps).tanh()

    def _warp(self, a: Tensor, h: Tensor) -> Tensor:
        """Move the pixels of ``a`` by an affine map of the whole and a smooth flow, both bounded."""
        reach = self.config.reach
        pooled = F.leaky_relu(self.pool(h.mean((3, 4))), SLOPE)
        affine = (reach * self.affine(pooled).tanh()).flatten(0, 1).unflatten(1, (2, 3))
        bends = (reach / 2 * self.flow(h).tanh()).flatten(0, 1)
        flow = F.interpolate(bends, size=self.size, mode="bicubic", align_corners=False).movedim(1, -1)
        turned = torch.einsum("nij,hwj->nhwi", affine[..., :2], self.grid) + affine[:, None, None, :, 2]
        where = self.grid + turned + flow
        moved = F.grid_sample(a.flatten(0, 1), where, mode="bilinear", padding_mode="border", align_corners=False)
        return moved.unflatten(0, a.shape[:2])


def _pairs(draw: Draw, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pairs (another real image, a) and (generated, a), channel on channel."""
    a = draw.inputs["a"]
    return torch.cat([draw.inputs["other"], a], dim=2), torch.cat([fake, a], dim=2)


def _has_others(draw: Draw) -> Tensor:
    """Tell whose class has two images: of one there is no pair of different ones, and it would teach to copy."""
    return ~draw.inputs["alone"]


def build(config: Config, layout: ImageLayout, source: ImageAnchors, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    generator = _Generator(config, layout, members=len(seeds), n_classes=n_classes)
    shape: dict[str, Any] = {"steps": _steps(config, layout), "n_classes": n_classes, "seeds": seeds}
    return compose(config, generator, layout, source, **shape, stacked=2, judged=_pairs, counts=_has_others)
