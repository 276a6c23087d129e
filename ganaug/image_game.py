"""The adversarial game of image GANs that variants share: a discriminator with adaptive augmentation, and its phases.

Relativistic pairing loss with lazy R1 and R2 (R3GAN, Huang et al. 2024, arXiv 2501.05441, eqs. 2 and 5); what the
discriminator sees is augmented (see `ganaug.diffaugment`).

Shape legend: M members, B images of a batch, C channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ganaug import diffaugment, losses, penalties
from ganaug.encode import ImageLayout
from ganaug.gan import Adam, Draw, EmittedImages, Penalty, Phase, Tensors
from ganaug.nets.images import ImageCritic, Kind, Precision, levels_of

__all__ = [
    "AutoPrecision",
    "ImageDiscriminator",
    "Preset",
    "emit",
    "generate",
    "precision_for",
    "preset_for",
    "relativistic_phases",
]

Preset = Literal["auto", "strided", "residual"]
AutoPrecision = Literal["auto", "float32", "bfloat16"]
LARGE = 32
"""Pixels of the shorter side from which on residual blocks are taken on a graphics card."""


def preset_for(preset: Preset, layout: ImageLayout, device: torch.device) -> Kind:
    """Return the blocks that fit size and device, where ``preset`` leaves it open.

    Residual blocks cost eight times as much on a processor (885 against 110 ms for 64 images of 28 x 28 pixels).
    """
    if preset != "auto":
        return preset
    large = device.type == "cuda" and min(layout.height, layout.width) >= LARGE
    return "residual" if large else "strided"


def precision_for(precision: AutoPrecision, device: torch.device) -> Precision:
    """Return the numbers that the trunks compute with, where ``precision`` leaves it open."""
    if precision != "auto":
        return precision
    return "bfloat16" if device.type == "cuda" else "float32"


class ImageDiscriminator(nn.Module):
    """What is judged and the classes ``y (M, B)`` -> logits ``(M, B)``; it holds the strength of its augmentation.

    ``stacked`` images are judged together, channel on channel.
    """

    def __init__(
        self,
        layout: ImageLayout,
        *,
        members: int,
        n_classes: int,
        channels: int,
        kind: Kind,
        translation: float,
        hole: float,
        stacked: int = 1,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self.critic = ImageCritic(
            members,
            stacked * layout.channels,
            n_classes=n_classes,
            height=layout.height,
            width=layout.width,
            channels=channels,
            levels=levels_of(layout.height, layout.width),
            kind=kind,
            precision=precision,
        )
        self.strength = diffaugment.Strength(members)
        self.translation, self.hole = translation, hole

    def view(self, x: Tensor, u: Tensor) -> Tensor:
        """Return images ``(M, B, C, H, W)`` as they are judged; ``u (M, B, 6)`` uniform."""
        return diffaugment.augment(x, u, self.strength.p, reach=self.translation, hole=self.hole)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logits of images that were augmented already."""
        return self.critic(x, y)


def generate(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> Tensor:
    """Return what the network "generator" makes of the source's inputs, ``(M, B, C, H, W)``."""
    return networks["generator"](inputs, y)


def emit(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> EmittedImages:
    """Return the same for the encoder."""
    return EmittedImages(networks["generator"](inputs, y))


Judged = Callable[[Draw, Tensor], tuple[Tensor, Tensor]]
"""``(draw, generated) -> (real, fake)``: what is shown to the discriminator as real and as fake."""


def relativistic_phases(
    *,
    adam: Adam,
    gamma: float,
    interval: int,
    judged: Judged | None = None,
    counts: Callable[[Draw], Tensor] | None = None,
) -> tuple[Phase, Phase]:
    """Return the two phases of a game between the networks "generator" and "discriminator".

    Parameters
    ----------
    gamma, interval
        Weight of R1 and R2, and the steps between two times that they are taken.
    judged
        What is shown; by default the real and the generated images themselves.
    counts
        Which rows the discriminator learns from ``(M, B)``; by default all.
    """
    shown = _plain if judged is None else judged

    def views(networks: nn.ModuleDict, draw: Draw) -> tuple[Tensor, Tensor]:
        discriminator: Any = networks["discriminator"]
        real, fake = shown(draw, generate(networks, draw.inputs, draw.y))
        u = draw.uniform(2, diffaugment.N_UNIFORM)
        return discriminator.view(real, u[:, :, 0]), discriminator.view(fake, u[:, :, 1])

    def discriminator_loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        discriminator: Any = networks["discriminator"]
        with torch.no_grad():
            draw.cache["real"], draw.cache["fake"] = views(networks, draw)
        of_real, of_fake = (discriminator(draw.cache[name], draw.y) for name in ("real", "fake"))
        discriminator.strength.update(of_real, of_fake)
        loss = losses.relativistic_discriminator(of_real, of_fake)
        return loss if counts is None else torch.where(counts(draw), loss, 0.0)

    def generator_loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        discriminator = networks["discriminator"]
        real, fake = views(networks, draw)
        with torch.no_grad():
            of_real = discriminator(real, draw.y)
        return losses.relativistic_generator(of_real, discriminator(fake, draw.y))

    lazy = [Penalty(name=n, term=partial(_penalty, of=of), weight=gamma, interval=interval) for n, of in _PENALISED]
    return (
        Phase(
            name="discriminator",
            moves=("discriminator",),
            loss=discriminator_loss,
            optimiser=adam,
            penalties=tuple(lazy),
        ),
        Phase(name="generator", moves=("generator",), loss=generator_loss, optimiser=adam),
    )


_PENALISED = (("r1", "real"), ("r2", "fake"))


def _plain(draw: Draw, fake: Tensor) -> tuple[Tensor, Tensor]:
    return draw.real, fake


def _penalty(networks: nn.ModuleDict, draw: Draw, *, of: str) -> Tensor:
    return penalties.squared_gradient(lambda x: networks["discriminator"](x, draw.y), draw.cache[of])
