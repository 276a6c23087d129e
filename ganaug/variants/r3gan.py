"""A conditional GAN of images from noise, with the losses and penalties of R3GAN (Huang et al. 2024, arXiv 2501.05441).

Relativistic pairing loss with lazy R1 and R2, no normalisation, a projection discriminator beside an unconditional
head. The blocks are R3GAN's on a graphics card, and strided convolutions on a processor, where R3GAN's cost eight times
as much. All layers but the class embedding are shared by the classes, so that a rare class inherits what the others
teach. Its artefact keeps no training image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.data.image_rows import ImageMember
from ganaug.encode import ImageLayout
from ganaug.gan import Gan, Tensors
from ganaug.image_game import GameConfig, compose, precision_for, preset_for, settle
from ganaug.image_sources import LatentSource
from ganaug.nets import MemberEmbedding, MemberLinear
from ganaug.nets.images import Decoder, coarse_size, levels_of, widths_of

__all__ = ["KEEPS_ROWS", "MODALITY", "Config", "build", "make_source", "settle", "stored_source"]

KEEPS_ROWS = False
"""The artefact holds no training image."""
MODALITY = "images"

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Config(GameConfig):
    """Settings of the conditional image GAN."""

    steps: int = 800
    """Training steps, at least 0."""
    noise: int = 64
    """Dimensions of the noise."""
    embedding: int = 32
    """Dimensions of the class beside the noise."""
    final_share: float = 0.1
    """Share of the learning rate that is left at the last step."""
    hole: float = 0.25
    """Side of the hole cut into what the discriminator sees, as a share of the image."""
    half_life: float = 100.0
    """Half-life of the averaged weights, in steps."""


def make_source(
    config: Config, layout: ImageLayout, members: Sequence[ImageMember], *, n_classes: int, seeds: Sequence[int]
) -> LatentSource:
    """Return the noise that every member starts from."""
    return LatentSource(config.noise)


def stored_source(config: Config, layout: ImageLayout, arrays: Mapping[str, np.ndarray]) -> LatentSource:
    """Return the source of a loaded member; there is nothing to rebuild."""
    return LatentSource(config.noise)


class _Generator(nn.Module):
    """Noise ``z (M, B, noise)`` and classes ``y (M, B)`` -> images ``(M, B, C, H, W)`` in (-1, 1)."""

    def __init__(self, config: Config, layout: ImageLayout, *, members: int, n_classes: int) -> None:
        super().__init__()
        levels = levels_of(layout.height, layout.width)
        self.coarse = coarse_size(layout.height, layout.width, levels)
        self.deep = 2 * widths_of(config.channels, levels)[-1]
        self.embedding = MemberEmbedding(members, n_classes, config.embedding)
        self.enter = MemberLinear(members, config.noise + config.embedding, self.deep * self.coarse[0] * self.coarse[1])
        self.decoder = Decoder(
            members,
            self.deep,
            layout.channels,
            height=layout.height,
            width=layout.width,
            channels=config.channels,
            levels=levels,
            kind=preset_for(config.preset, layout, CPU),
            precision=precision_for(config.precision, CPU),
        )

    def forward(self, inputs: Tensors, y: Tensor) -> Tensor:
        h = F.leaky_relu(self.enter(torch.cat([inputs["z"], self.embedding(y)], dim=-1)), 0.2)
        return self.decoder(h.unflatten(-1, (self.deep, *self.coarse))).tanh()


def build(config: Config, layout: ImageLayout, source: LatentSource, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    generator = _Generator(config, layout, members=len(seeds), n_classes=n_classes)
    shape: dict[str, Any] = {"steps": config.steps, "n_classes": n_classes, "seeds": seeds}
    return compose(config, generator, layout, source, **shape)
