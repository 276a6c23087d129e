"""The adversarial game of image GANs that variants share: a discriminator with adaptive augmentation, and its phases.

What the discriminator sees is augmented (see `ganaug.diffaugment`). If nothing else is said, the relativistic pairing
loss with lazy R1 and R2 (R3GAN, Huang et al. 2024, arXiv 2501.05441, eqs. 2 and 5).

Shape legend: M members, B images of a batch, C channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from ganaug import diffaugment, losses
from ganaug.encode import ImageLayout
from ganaug.gan import Adam, Draw, EmittedImages, Gan, Penalty, Phase, Source, Stage, Tensors
from ganaug.nets import initialise
from ganaug.nets.images import ImageCritic, Kind, Precision, levels_of
from ganaug.penalties import squared_gradient

__all__ = [
    "GameConfig",
    "ImageConfig",
    "ImageDiscriminator",
    "adversarial_phases",
    "blocks_of",
    "compose",
    "conv_critic",
    "emit",
    "generate",
    "lazy_gradients",
    "play",
    "settle",
]

Preset = Literal["auto", "strided", "residual"]
AutoPrecision = Literal["auto", "float32", "bfloat16"]
CPU = torch.device("cpu")
LARGE = 32
"""Pixels of the shorter side from which on residual blocks are taken on a graphics card."""


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """Settings that image variants share."""

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
    learning_rate: float = 1e-3
    """Of both networks."""
    final_share: float = 1.0
    """Share of the learning rate that is left at the last step; it falls as a half cosine."""
    translation: float = 0.125
    """Largest move of what the discriminator sees, as a share of the image."""
    hole: float = 0.0
    """Side of the hole cut into what the discriminator sees, as a share of the image."""
    half_life: float = 50.0
    """Half-life of the averaged weights, in steps."""


@dataclass(frozen=True, kw_only=True)
class GameConfig(ImageConfig):
    """Settings that the variants of the relativistic game share."""

    gamma: float = 1.0
    """Weight of R1 and R2."""
    penalty_interval: int = 8
    """Steps between two penalties (lazy regularisation, Karras et al. 2019, arXiv 1912.04958)."""


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


def blocks_of(config: ImageConfig, layout: ImageLayout) -> dict[str, Any]:
    """Return the ``kind`` of the trunks' blocks and their ``precision``; where ``config`` is open, a processor's."""
    return {"kind": preset_for(config.preset, layout, CPU), "precision": precision_for(config.precision, CPU)}


C = TypeVar("C", bound=ImageConfig)


def settle(config: C, layout: ImageLayout, device: torch.device) -> C:
    """Return ``config`` with the preset and the precision that fit the size and the device."""
    preset, precision = preset_for(config.preset, layout, device), precision_for(config.precision, device)
    return replace(config, preset=preset, precision=precision)


class ImageDiscriminator(nn.Module):
    """A critic ``(x (M, B, C, H, W), y (M, B)) -> (M, B)`` and the strength of the augmentation of what it sees."""

    def __init__(self, critic: nn.Module, *, members: int, translation: float, hole: float) -> None:
        super().__init__()
        self.critic = critic
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


def adversarial_phases(
    *,
    adam: Adam,
    objective: losses.Objective = losses.RELATIVISTIC,
    penalties: Sequence[Penalty] = (),
    judged: Judged | None = None,
    counts: Callable[[Draw], Tensor] | None = None,
    reals: Callable[[nn.ModuleDict, Tensor], Tensor] | None = None,
    repeats: int = 1,
    after: Callable[[nn.ModuleDict], None] | None = None,
    made: Callable[[nn.ModuleDict, Draw], Tensor] | None = None,
) -> tuple[Phase, Phase]:
    """Return the two phases of a game between the networks "generator" and "discriminator".

    Parameters
    ----------
    objective
        What they minimise.
    penalties
        Of the discriminator; ``draw.cache`` holds what it was shown as "real" and "fake".
    judged
        What is shown; by default the real and the generated images themselves.
    counts
        Which rows the discriminator learns from ``(M, B)``; by default all.
    reals
        ``(networks, real) -> real``: how real images are shown as the networks are now; by default as they are.
    repeats
        Steps of the discriminator for each of the generator.
    after
        What is done to the networks after each of these.
    made
        How the generated images come of a draw; by default from the source's inputs.
    """
    shown = _plain if judged is None else judged
    make = _made if made is None else made

    def views(networks: nn.ModuleDict, draw: Draw) -> tuple[Tensor, Tensor]:
        discriminator: Any = networks["discriminator"]
        real, fake = shown(draw, make(networks, draw))
        real = real if reals is None else reals(networks, real)
        u = draw.uniform(2, diffaugment.N_UNIFORM)
        return discriminator.view(real, u[:, :, 0]), discriminator.view(fake, u[:, :, 1])

    def discriminator_loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        discriminator: Any = networks["discriminator"]
        with torch.no_grad():
            draw.cache["real"], draw.cache["fake"] = views(networks, draw)
        of_real, of_fake = (discriminator(draw.cache[name], draw.y) for name in ("real", "fake"))
        draw.cache["logits"] = torch.stack([of_real, of_fake]).detach()
        loss = objective.discriminator(of_real, of_fake)
        return loss if counts is None else torch.where(counts(draw), loss, 0.0)

    def adapt(networks: nn.ModuleDict, parts: Sequence[Draw]) -> None:
        discriminator: Any = networks["discriminator"]
        discriminator.strength.update(*torch.cat([part.cache["logits"] for part in parts], dim=2))
        if after is not None:
            after(networks)

    def generator_loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        discriminator = networks["discriminator"]
        real, fake = views(networks, draw)
        with torch.no_grad():
            of_real = discriminator(real, draw.y)
        return objective.generator(of_real, discriminator(fake, draw.y))

    return (
        Phase(
            name="discriminator",
            moves=("discriminator",),
            loss=discriminator_loss,
            optimiser=adam,
            penalties=tuple(penalties),
            repeats=repeats,
            after=adapt,
        ),
        Phase(name="generator", moves=("generator",), loss=generator_loss, optimiser=adam),
    )


_SHOWN = (("r1", "real"), ("r2", "fake"))


def _made(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    return generate(networks, draw.inputs, draw.y)


def _plain(draw: Draw, fake: Tensor) -> tuple[Tensor, Tensor]:
    return draw.real, fake


def lazy_gradients(*, weight: float, interval: int, of: Sequence[str] = ("r1", "r2")) -> tuple[Penalty, ...]:
    """Return R1, on what is shown as real, and R2, on what is shown as generated, taken every ``interval`` steps."""
    lazy = {"weight": weight, "interval": interval}
    return tuple(Penalty(name=n, term=partial(_squared_gradient, of=shown), **lazy) for n, shown in _SHOWN if n in of)


def _squared_gradient(networks: nn.ModuleDict, draw: Draw, *, of: str) -> Tensor:
    return squared_gradient(lambda x: networks["discriminator"](x, draw.y), draw.cache[of])


def conv_critic(
    config: ImageConfig,
    layout: ImageLayout,
    *,
    members: int,
    n_classes: int,
    stacked: int = 1,
    attention: Callable[..., nn.Module] | None = None,
    projection: bool = True,
) -> ImageCritic:
    """Return a convolutional critic of ``stacked`` images, channel on channel."""
    return ImageCritic(
        members,
        stacked * layout.channels,
        n_classes=n_classes,
        height=layout.height,
        width=layout.width,
        channels=config.channels,
        levels=levels_of(layout.height, layout.width),
        attention=attention,
        projection=projection,
        **blocks_of(config, layout),
    )


def compose(
    config: GameConfig,
    generator: nn.Module,
    layout: ImageLayout,
    source: Source,
    *,
    steps: int,
    n_classes: int,
    seeds: Sequence[int],
    stacked: int = 1,
    judged: Judged | None = None,
    counts: Callable[[Draw], Tensor] | None = None,
) -> Gan:
    """Set ``generator`` against a discriminator of ``stacked`` images, relativistically; see `adversarial_phases`."""
    critic = conv_critic(config, layout, members=len(seeds), n_classes=n_classes, stacked=stacked)
    gradients = lazy_gradients(weight=config.gamma, interval=config.penalty_interval)
    adam = Adam(learning_rate=config.learning_rate, betas=(0.0, 0.9), final_share=config.final_share)
    phases = adversarial_phases(adam=adam, penalties=gradients, judged=judged, counts=counts)
    return play(config, generator, critic, source, phases, steps=steps, seeds=seeds, judged=judged)


def play(
    config: ImageConfig,
    generator: nn.Module,
    critic: nn.Module,
    source: Source,
    phases: tuple[Phase, ...],
    *,
    steps: int,
    seeds: Sequence[int],
    batch: int | None = None,
    judged: Judged | None = None,
) -> Gan:
    """Initialise both networks, and let them play ``phases``; for ``judged`` see `adversarial_phases`."""
    options = {"members": len(seeds), "translation": config.translation, "hole": config.hole}
    networks = nn.ModuleDict({"generator": generator, "discriminator": ImageDiscriminator(critic, **options)})
    for name, network in networks.items():
        initialise(network, seeds, name)
    return Gan(
        networks=networks,
        source=source,
        phases=phases,
        stages=(Stage(steps=steps, batch=config.batch if batch is None else batch),),
        averaged=("generator",),
        generate=generate,
        emit=emit,
        critic=_judge,
        judged=judged,
        half_life=config.half_life,
    )


def _judge(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
    return networks["discriminator"](x, y)
