"""A conditional GAN of images from noise, with the losses and penalties of R3GAN (Huang et al. 2024, arXiv 2501.05441).

Relativistic pairing loss with lazy R1 and R2, no normalisation, a projection discriminator beside an unconditional
head. The blocks are R3GAN's on a graphics card, and strided convolutions on a processor, where R3GAN's cost eight times
as much. All layers but the class embedding are shared by the classes, so that a rare class inherits what the others
teach. Its artefact keeps no training image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.data.image_rows import ImageMember
from ganaug.encode import ImageLayout
from ganaug.gan import Adam, Gan, Stage, Tensors
from ganaug.image_game import (
    AutoPrecision,
    ImageDiscriminator,
    Preset,
    emit,
    generate,
    precision_for,
    preset_for,
    relativistic_phases,
)
from ganaug.image_sources import LatentSource
from ganaug.nets import MemberEmbedding, MemberLinear, initialise
from ganaug.nets.images import Decoder, coarse_size, levels_of, widths_of

__all__ = ["KEEPS_ROWS", "MODALITY", "Config", "build", "make_source", "settle", "stored_source"]

KEEPS_ROWS = False
"""The artefact holds no training image."""
MODALITY = "images"

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the conditional image GAN."""

    steps: int = 800
    """Training steps, at least 0."""
    batch: int = 64
    """Images of a step, classes drawn in proportion to the root of their number."""
    preset: Preset = "auto"
    """Blocks of both networks: ``"strided"`` convolutions, small enough for a processor, or ``"residual"`` ones for a
    graphics card; ``"auto"`` takes residual ones on CUDA from 32 pixels on."""
    precision: AutoPrecision = "auto"
    """Numbers that the convolutions compute with in training; ``"auto"`` takes bfloat16 on CUDA. Weights, losses and
    penalties are float32, and so is sampling."""
    channels: int = 32
    """Channels of the finest level; each coarser one has twice as many, eight times at most."""
    noise: int = 64
    """Dimensions of the noise."""
    embedding: int = 32
    """Dimensions of the class beside the noise."""
    learning_rate: float = 1e-3
    """Of both networks."""
    final_share: float = 0.1
    """Share of the learning rate that is left at the last step."""
    gamma: float = 1.0
    """Weight of R1 and R2."""
    penalty_interval: int = 8
    """Steps between two penalties (lazy regularisation, Karras et al. 2019, arXiv 1912.04958)."""
    translation: float = 0.125
    """Largest move of what the discriminator sees, as a share of the image."""
    hole: float = 0.25
    """Side of the hole cut into what the discriminator sees, as a share of the image."""
    half_life: float = 100.0
    """Half-life of the averaged weights, in steps."""


def settle(config: Config, layout: ImageLayout, device: torch.device) -> Config:
    """Return ``config`` with the preset and the precision that fit the size and the device."""
    preset, precision = preset_for(config.preset, layout, device), precision_for(config.precision, device)
    return replace(config, preset=preset, precision=precision)


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
    shape: dict[str, Any] = {"members": len(seeds), "n_classes": n_classes}
    networks = nn.ModuleDict(
        {
            "generator": _Generator(config, layout, **shape),
            "discriminator": ImageDiscriminator(
                layout,
                channels=config.channels,
                kind=preset_for(config.preset, layout, CPU),
                precision=precision_for(config.precision, CPU),
                translation=config.translation,
                hole=config.hole,
                **shape,
            ),
        }
    )
    for name, network in networks.items():
        initialise(network, seeds, name)
    return Gan(
        networks=networks,
        source=source,
        phases=relativistic_phases(
            adam=Adam(learning_rate=config.learning_rate, betas=(0.0, 0.9), final_share=config.final_share),
            gamma=config.gamma,
            interval=config.penalty_interval,
        ),
        stages=(Stage(steps=config.steps, batch=config.batch),),
        averaged=("generator",),
        generate=generate,
        emit=emit,
        half_life=config.half_life,
    )
