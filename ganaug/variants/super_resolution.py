"""Super-resolution: small images made 2 or 4 times as large, by what the training images look like close up.

SRGAN (Ledig et al. 2016, arXiv 1609.04802): a generator that is shown a training image at a fraction of its size must
give the image back (content loss), so that a discriminator takes it for one that has its full size (adversarial loss).
NOTE[DIFF]: the content loss is the mean absolute error of pixels, not of features of a network trained on ImageNet; the
game is relativistic with R1 and R2, as in the other image variants; what is learnt is added to the bicubic enlargement,
and no convolution closes the residual blocks. It adds no rows: `Synthesizer.transform` takes
images of the small size, from wherever, and returns them at that of the training images. Its artefact keeps none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ganaug import image_game
from ganaug.data.image_rows import ImageMember
from ganaug.encode import ImageLayout
from ganaug.errors import ConfigError
from ganaug.gan import About, Adam, Change, Draw, EmittedImages, Gan, Penalty, Tensors
from ganaug.image_game import GameConfig, adversarial_phases, blocks_of, conv_critic, lazy_gradients, play
from ganaug.image_sources import ImageAnchors, Passing
from ganaug.nets.upscale import Upscaler, shrink

__all__ = [
    "ABOUT",
    "ADDS_ROWS",
    "KEEPS_ROWS",
    "MODALITIES",
    "TRANSFORMS",
    "Config",
    "build",
    "make_source",
    "settle",
    "stored_source",
]

ABOUT = About(
    summary="Makes small images 2 or 4 times as large, with the detail that the training images have.",
    source="SRGAN (Ledig et al. 2016, arXiv 1609.04802)",
    when="A scarce set was taken at a lower resolution than the rest: fit on the rest, transform the scarce set.",
)
ADDS_ROWS = False
KEEPS_ROWS = False
"""The artefact holds no training image."""
MODALITIES = ("images",)
TRANSFORMS = True

FACTORS = (2, 4)
WATCHED = 256
"""Images of a class that are at hand while training, for those who look on."""


@dataclass(frozen=True, kw_only=True)
class Config(GameConfig):
    """Settings of super-resolution."""

    steps: int = 600
    """Training steps, at least 0; 0 leaves the untrained start, bicubic interpolation."""
    batch: int = 32
    """Images of a step, classes drawn in proportion to the root of their number."""
    factor: Literal[2, 4] = 2
    """How many times as high and wide what it returns is."""
    blocks: int = 3
    """Residual blocks of the generator."""
    content: float = 100.0
    """Weight of the mean absolute error of pixels beside the adversarial loss."""
    final_share: float = 0.05
    """Share of the learning rate that is left at the last step; it falls as a half cosine."""

    def __post_init__(self) -> None:
        if self.factor not in FACTORS:
            raise ConfigError(f"factor must be 2 or 4, however: {self.factor!r}")


def settle(config: Config, layout: ImageLayout, device: torch.device) -> Config:
    """Return ``config`` with the preset and the precision that fit the size and the device."""
    return image_game.settle(config, layout, device)


def make_source(
    config: Config, layout: ImageLayout, members: Sequence[ImageMember], *, n_classes: int, seeds: Sequence[int]
) -> Passing:
    """Return some of the images, for those who look on while it trains; none of them is stored."""
    _small_size(config, layout)
    return Passing(ImageAnchors.pack(members, n_classes=n_classes, noise=1, most=WATCHED, seeds=seeds))


def stored_source(config: Config, layout: ImageLayout, arrays: Mapping[str, np.ndarray]) -> Passing:
    """Return the source of a loaded member, which has nothing to draw from."""
    return Passing(None)


def _small_size(config: Config, layout: ImageLayout) -> tuple[int, int]:
    """Return height and width of what is to be given."""
    f, height, width = config.factor, layout.height, layout.width
    if height % f or width % f:
        nearest = max(f, height // f * f), max(f, width // f * f)
        raise ConfigError(
            f"images of {height} x {width} pixels are no {f} times as large as others; read them with "
            f"images={{'size': {nearest}}}"
        )
    return height // f, width // f


def build(config: Config, layout: ImageLayout, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    members, size = len(seeds), _small_size(config, layout)
    precision = blocks_of(config, layout)["precision"]
    shape: dict[str, Any] = {"factor": config.factor, "channels": config.channels, "blocks": config.blocks}
    generator = Upscaler(members, layout.channels, precision=precision, **shape)
    critic = conv_critic(config, layout, members=members, n_classes=n_classes)
    discriminate, generate = adversarial_phases(
        adam=Adam(learning_rate=config.learning_rate, betas=(0.0, 0.9), final_share=config.final_share),
        penalties=lazy_gradients(weight=config.gamma, interval=config.penalty_interval),
        made=partial(_enlarged, factor=config.factor),
    )
    generate = replace(generate, penalties=(Penalty(name="content", term=_content, weight=config.content),))
    gan = play(config, generator, critic, source, (discriminate, generate), steps=config.steps, seeds=seeds)
    gan.generate = partial(_generate, factor=config.factor)
    gan.emit = partial(_emit, factor=config.factor)
    gan.transform = Change(apply=_apply, size=size)
    gan.error = partial(_error, factor=config.factor)
    return gan


def _enlarged(networks: nn.ModuleDict, draw: Draw, *, factor: int) -> Tensor:
    """Return what the generator makes of the real images of the draw, made small."""
    draw.cache["enlarged"] = images = networks["generator"](shrink(draw.real, factor))
    return images


def _content(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    """Return the mean absolute difference of the pixels ``(M, B)``.

    NOTE[DIFF]: SRGAN's pixel-wise loss is the squared error (arXiv 1609.04802, eq. 4); the absolute one is sharper at
    the same peak signal-to-noise ratio (Zhao et al. 2015, arXiv 1511.08861).
    """
    return (draw.cache["enlarged"] - draw.real).abs().flatten(2).mean(2)


def _error(networks: nn.ModuleDict, real: Tensor, y: Tensor, rng: torch.Generator, *, factor: int) -> Tensor:
    """Return the mean squared difference of the pixels ``(M, B)``, by which the best step is chosen."""
    images = networks["generator"](shrink(real, factor)).clamp(-1, 1)
    return (images - real).square().flatten(2).mean(2)


def _generate(networks: nn.ModuleDict, inputs: Tensors, y: Tensor, *, factor: int) -> Tensor:
    return networks["generator"](shrink(inputs["a"], factor))


def _emit(networks: nn.ModuleDict, inputs: Tensors, y: Tensor, *, factor: int) -> EmittedImages:
    return EmittedImages(_generate(networks, inputs, y, factor=factor))


def _apply(networks: nn.ModuleDict, given: Tensors, y: Tensor, rng: torch.Generator) -> EmittedImages:
    return EmittedImages(networks["generator"](given["images"]))
