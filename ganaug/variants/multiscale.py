"""Gradients at several scales: MSG-GAN (Karnewar & Wang 2019, arXiv 1903.06048).

The generator makes an image at every size that it passes, the discriminator sees all of them, each joined to its maps
of that size, and so the coarse layers are taught directly. Real images are shown with their means of 2 x 2 pixels, of
4 x 4, and so on. Only the largest image is handed out.

Weights are equalised, as in the growing GAN that the paper builds on: at one rate for layers drawn small, classes of
CIFAR collapsed within a dozen steps.

NOTE[DIFF]: the relativistic pairing loss with lazy R1 and R2, and no deviation within the batch, which ties its images
to each other; the class is a projection; bounded images (tanh), faint before training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ganaug.encode import ImageLayout
from ganaug.gan import About, Adam, Draw, EmittedImages, Gan, Tensors
from ganaug.image_game import (
    adversarial_phases,
    blocks_of,
    lazy_gradients,
    play,
    settle,
)
from ganaug.nets.equalised import equalise
from ganaug.nets.pyramid import MultiscaleCritic, MultiscaleGenerator, Scales
from ganaug.noise_game import LatentConfig, make_source, stored_source

__all__ = ["ABOUT", "KEEPS_ROWS", "MODALITIES", "Config", "build", "make_source", "settle", "stored_source"]

ABOUT = About(
    summary="Makes an image at every size, all of which the discriminator sees.",
    source="Karnewar & Wang 2019, arXiv 1903.06048",
    when="Images of 32 pixels and more, where a training has to be stable without the schedule of a growing one.",
)
KEEPS_ROWS = False
"""The artefact holds no training image."""
MODALITIES = ("images",)

FAINT = 0.25
"""Contrast of the images of all scales before training."""


@dataclass(frozen=True, kw_only=True)
class Config(LatentConfig):
    """Settings of the GAN of several scales."""

    learning_rate: float = 5e-3
    """Of both networks at the first step; of equalised weights, whose size is 1."""


def build(config: Config, layout: ImageLayout, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    members, size = len(seeds), (layout.channels, layout.height, layout.width)
    shape = {"n_classes": n_classes, "channels": config.channels, **blocks_of(config, layout)}
    noise = {"noise": config.noise, "embedding": config.embedding}
    generator = MultiscaleGenerator(members, size, **noise, **shape)
    critic = MultiscaleCritic(members, size, **shape)
    phases = adversarial_phases(
        adam=Adam(learning_rate=config.learning_rate, betas=(0.0, 0.99), final_share=config.final_share),
        penalties=lazy_gradients(weight=config.gamma, interval=config.penalty_interval),
        judged=_at_all_scales,
    )
    gan = play(config, generator, critic, source, phases, steps=config.steps, seeds=seeds)
    equalise(generator, seeds, "generator", outputs=generator.paint, faint=FAINT)
    equalise(critic, seeds, "discriminator", outputs=(critic.head,))
    gan.generate, gan.emit, gan.critic = _generate, _emit, _judge
    return gan


def _at_all_scales(draw: Draw, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return real images at all scales beside the generated ones, which are so already."""
    return _stacked(draw.real), fake


def _stacked(x: Tensor) -> Tensor:
    scales = Scales.of(*x.shape[3:])
    return scales.stack(scales.pyramid(x))


def _generate(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> Tensor:
    """Return the images of the largest scale ``(M, B, C, H, W)``."""
    generator: Any = networks["generator"]
    scales = generator.scales
    return scales.full(generator.images(inputs, y, range(scales.levels, scales.levels + 1))[0], scales.levels)


def _emit(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> EmittedImages:
    return EmittedImages(_generate(networks, inputs, y))


def _judge(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
    """Judge images ``(M, B, C, H, W)``; the smaller ones are their means, of generated ones too."""
    return networks["discriminator"](_stacked(x), y)
