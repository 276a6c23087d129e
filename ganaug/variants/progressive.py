"""Growing by resolution with fade-in (Karras et al. 2017, arXiv 1710.10196).

Training begins with images averaged down to about 4 x 4 pixels, and a doubling at a time is faded in; the equalised
learning rate, pixel normalisation and the deviation within groups of images are the paper's. What is not in use yet
takes no time, so that the first half of the steps is cheap. A generated image has its full size at every time.

NOTE[DIFF]: the relativistic pairing loss with lazy R1 and R2 instead of a gradient penalty, which asks for more steps
than few images allow; images by 3 x 3 instead of 1 x 1 convolutions; one convolution a level on a processor where the
paper has two; bounded images (tanh), which are faint when their level comes in, as noise of full contrast takes
hundreds of steps to be unlearnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from ganaug.encode import ImageLayout
from ganaug.errors import ConfigError
from ganaug.gan import About, Adam, Gan, Stage
from ganaug.image_game import (
    adversarial_phases,
    blocks_of,
    lazy_gradients,
    play,
    settle,
)
from ganaug.nets.equalised import equalise
from ganaug.nets.growing import GrowingCritic, GrowingGenerator
from ganaug.noise_game import LatentConfig, make_source, stored_source

__all__ = ["ABOUT", "KEEPS_ROWS", "MODALITIES", "Config", "build", "make_source", "settle", "stored_source"]

ABOUT = About(
    summary="Grows from coarse to fine images, a doubling at a time.",
    source="Karras et al. 2017, arXiv 1710.10196",
    when="Images of 32 pixels and more, where training at full size from the start is too slow or unstable.",
)
KEEPS_ROWS = False
"""The artefact holds no training image."""
MODALITIES = ("images",)

FAINT = 0.25
"""Contrast of the images of a level before it is trained."""


@dataclass(frozen=True, kw_only=True)
class Config(LatentConfig):
    """Settings of the growing GAN."""

    growing: float = 0.5
    """Share of the steps before the full size is reached, 0 to 0.5; each smaller size and each fade has as many."""
    group: int = 4
    """Consecutive images that the discriminator compares; 1: none."""
    learning_rate: float = 1e-2
    """Of both networks at the first step; of equalised weights, whose size is 1."""


def build(config: Config, layout: ImageLayout, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members.

    Raises
    ------
    ConfigError
        ``growing`` or ``group`` is out of range.
    """
    _require(config)
    members, size = len(seeds), (layout.channels, layout.height, layout.width)
    shape = {"n_classes": n_classes, "channels": config.channels, **blocks_of(config, layout)}
    noise = {"noise": config.noise, "embedding": config.embedding}
    generator = GrowingGenerator(members, size, **noise, **shape)
    critic = GrowingCritic(members, size, group=config.group, **shape)
    phases = adversarial_phases(
        adam=Adam(learning_rate=config.learning_rate, betas=(0.0, 0.99), final_share=config.final_share),
        penalties=lazy_gradients(weight=config.gamma, interval=config.penalty_interval),
        reals=_coarsened,
    )
    gan = play(config, generator, critic, source, phases, steps=config.steps, seeds=seeds)
    equalise(generator, seeds, "generator", outputs=generator.paint, faint=FAINT)
    equalise(critic, seeds, "discriminator", outputs=(critic.head,))
    gan.group, gan.stages = config.group, _stages(config, generator.scales.levels)
    return gan


def _require(config: Config) -> None:
    if not 0 <= config.growing <= 0.5:
        raise ConfigError(
            f"growing must be a share from 0 to 0.5, so that the best step is one of the full size, "
            f"however: growing={config.growing}"
        )
    if config.group < 1:
        raise ConfigError(f"group must be at least 1 image, however: group={config.group}")


def _coarsened(networks: nn.ModuleDict, real: Tensor) -> Tensor:
    discriminator: Any = networks["discriminator"]
    return discriminator.critic.coarsened(real)


def _stages(config: Config, levels: int) -> tuple[Stage, ...]:
    """Return the coarsest size, then for each doubling its fade and its own stretch, the last of which is the longest.

    A run that is too short for all of them leaves some without a step.
    """
    ends = [round(config.growing * config.steps * (k + 1) / (2 * levels)) for k in range(2 * levels)]
    lengths = np.diff([0, *ends, config.steps]).tolist()
    stages = [Stage(steps=lengths[0], batch=config.batch, enter=partial(_grow, level=0))]
    for level in range(1, levels + 1):
        fade, own = lengths[2 * level - 1], lengths[2 * level]
        stages.append(Stage(steps=fade, batch=config.batch, during=partial(_fade, level=level)))
        stages.append(Stage(steps=own, batch=config.batch, enter=partial(_grow, level=level)))
    return tuple(stages)


def _grow(networks: nn.ModuleDict, *, level: float) -> None:
    for network in (networks["generator"], networks["discriminator"].critic):
        network.grown.fill_(level)  # type: ignore[union-attr,operator]


def _fade(networks: nn.ModuleDict, share: float, *, level: int) -> None:
    _grow(networks, level=level - 1 + share)
