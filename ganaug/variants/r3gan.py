"""A conditional GAN of images from noise, with the losses and penalties of R3GAN (Huang et al. 2024, arXiv 2501.05441).

Relativistic pairing loss with lazy R1 and R2, no normalisation, a projection discriminator beside an unconditional
head. The blocks are R3GAN's on a graphics card, and strided convolutions on a processor, where R3GAN's cost eight times
as much. All layers but the class embedding are shared by the classes, so that a rare class inherits what the others
teach. Its artefact keeps no training image.

NOTE[DIFF]: no inverted bottleneck, and no scaling of what a block begins with by the number of blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ganaug.encode import ImageLayout
from ganaug.gan import About, Gan
from ganaug.image_game import blocks_of, compose, settle
from ganaug.nets.pictures import ConvGenerator
from ganaug.noise_game import LatentConfig, make_source, stored_source

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
class Config(LatentConfig):
    """Settings of the conditional image GAN."""


def build(config: Config, layout: ImageLayout, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
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
