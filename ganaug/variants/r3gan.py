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

from ganaug.data.image_rows import ImageMember
from ganaug.encode import ImageLayout
from ganaug.gan import About, Gan
from ganaug.image_game import GameConfig, blocks_of, compose, settle
from ganaug.image_sources import LatentSource
from ganaug.nets.pictures import ConvGenerator

__all__ = ["ABOUT", "KEEPS_ROWS", "MODALITIES", "Config", "build", "make_source", "settle", "stored_source"]

ABOUT = About(
    summary="Draws images from noise with a relativistic loss and two gradient penalties.",
    source="Huang et al. 2024, arXiv 2501.05441",
    when="Thousands of images, a graphics card, or no training image may be kept.",
)
KEEPS_ROWS = False
"""The artefact holds no training image."""
MODALITIES = ("images",)


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


def build(config: Config, layout: ImageLayout, source: LatentSource, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    generator = ConvGenerator(
        len(seeds),
        (layout.channels, layout.height, layout.width),
        noise=config.noise,
        embedding=config.embedding,
        n_classes=n_classes,
        channels=config.channels,
        **blocks_of(config, layout),
    )
    shape: dict[str, Any] = {"steps": config.steps, "n_classes": n_classes, "seeds": seeds}
    return compose(config, generator, layout, source, **shape)
