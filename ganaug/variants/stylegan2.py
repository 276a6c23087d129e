"""StyleGAN2 for small images (Karras et al. 2018, 2019, 2020: arXiv 1812.04948, 1912.04958, 2006.06676).

Mapping network, modulated and demodulated convolutions, noise a layer, output skips, non-saturating loss with lazy R1,
lazy path length regularisation, style mixing, truncation, adaptive augmentation of what the discriminator sees. The
class's embedding stands beside z before the mapping, and is a projection in the discriminator.

NOTE[DIFF]: layers are as wide as a processor bears; of the learning rates only the mapping's is scaled; the
discriminator is the one that all image variants share, without the standard deviation of its batch, as rows must not
see each other, and ``preset`` is its alone; augmentation moves images and cuts holes. Style mixing and noise are drawn
by the source.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganaug import image_game, losses
from ganaug.data.image_rows import ImageMember
from ganaug.encode import ImageLayout
from ganaug.errors import ConfigError
from ganaug.gan import About, Adam, Draw, EmittedImages, Gan, Penalty, Phase, Tensors
from ganaug.image_game import ImageConfig, settle
from ganaug.nets.style import StyleGenerator, map_sizes
from ganaug.penalties import path_lengths
from ganaug.style_sources import StyleSource

__all__ = ["ABOUT", "KEEPS_ROWS", "MODALITIES", "Config", "build", "make_source", "settle", "stored_source"]

ABOUT = About(
    summary="Draws images from styles, of which coarse and fine ones can come from different classes.",
    source="Karras et al. 2018-2020, arXiv 1812.04948, 1912.04958, 2006.06676",
    when="Variety is to be traded against fidelity, or the styles of two classes mixed.",
)
KEEPS_ROWS = False
"""The artefact holds no training image."""
MODALITIES = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(ImageConfig):
    """Settings of StyleGAN2."""

    steps: int = 800
    """Training steps, at least 0."""
    noise: int = 64
    """Dimensions of z."""
    embedding: int = 32
    """Dimensions of the class beside z."""
    width: int = 64
    """Dimensions of w and units of the mapping."""
    depth: int = 2
    """Layers of the mapping (arXiv 2006.06676, app. D, for small images)."""
    mapping_rate: float = 0.1
    """Share of the learning rate at which the mapping learns. NOTE[DIFF]: 0.01 in the paper, which trains longer."""
    mixing: float = 0.9
    """Share of the generated images of a training step whose fine styles are another's, from 0 to 1."""
    crossing: float = 0.5
    """Share of these, where only the finer half of the layers or less is another's, whose other style is of another
    class of the batch, from 0 to 1. NOTE[DIFF]: teaches that the coarse layers alone decide the class. Of a
    digit with 8 training images, 97 % and more of the images in another's fine styles are then recognised as it;
    without, 71 to 95 %."""
    truncation: float = 1.0
    """Psi, at least 0: how far images drawn for the user keep from the mean style of their class. 1: as trained; less
    is less variety; 0: a single image, but for the noise."""
    gamma: float = 1.0
    """Weight of R1 on real images; 0: none."""
    penalty_interval: int = 8
    """Steps between two of these."""
    path_weight: float = 2.0
    """Weight of the path length regularisation; 0: none."""
    path_interval: int = 4
    """Steps between two of these."""
    final_share: float = 0.1
    """Share of the learning rate that is left at the last step; it falls as a half cosine."""
    hole: float = 0.25
    """Side of the hole cut into what the discriminator sees, as a share of the image."""
    half_life: float = 100.0
    """Half-life of the averaged weights and of the mean style of a class, in steps."""

    def __post_init__(self) -> None:
        for name in ("mixing", "crossing"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is a share from 0 to 1, however: {name}={getattr(self, name)}")
        if not (math.isfinite(self.truncation) and self.truncation >= 0):
            raise ConfigError(f"truncation must be a number of at least 0, however: truncation={self.truncation}")


def _source(config: Config, layout: ImageLayout) -> StyleSource:
    maps = map_sizes(layout.height, layout.width)
    shares = {"mixing": config.mixing, "crossing": config.crossing}
    return StyleSource(size=config.noise, pixels=sum(h * w for h, w in maps), layers=len(maps), **shares)


def make_source(
    config: Config, layout: ImageLayout, members: Sequence[ImageMember], *, n_classes: int, seeds: Sequence[int]
) -> StyleSource:
    """Return the noise that every member starts from."""
    return _source(config, layout)


def stored_source(config: Config, layout: ImageLayout, arrays: Mapping[str, np.ndarray]) -> StyleSource:
    """Return the source of a loaded member; there is nothing to rebuild."""
    return _source(config, layout)


def build(config: Config, layout: ImageLayout, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    generator = StyleGenerator(
        len(seeds),
        (layout.channels, layout.height, layout.width),
        noise=config.noise,
        embedding=config.embedding,
        n_classes=n_classes,
        width=config.width,
        depth=config.depth,
        rate=config.mapping_rate,
        channels=config.channels,
        half_life=config.half_life,
        precision=image_game.blocks_of(config, layout)["precision"],
    )
    critic = image_game.conv_critic(config, layout, members=len(seeds), n_classes=n_classes)
    discriminating, generating = image_game.adversarial_phases(
        adam=Adam(learning_rate=config.learning_rate, betas=(0.0, 0.99), final_share=config.final_share),
        objective=losses.NON_SATURATING,
        penalties=image_game.lazy_gradients(weight=config.gamma, interval=config.penalty_interval, of=("r1",))
        if config.gamma
        else (),
    )
    phases = (discriminating, _regular(generating, config))
    gan = image_game.play(config, generator, critic, source, phases, steps=config.steps, seeds=seeds)
    return replace(gan, generate=_generate, emit=partial(_emit, psi=config.truncation))


def _regular(phase: Phase, config: Config) -> Phase:
    """Return the generator's phase with path length regularisation, and the means that follow each step."""
    path = Penalty(name="path", term=_uneven_path, weight=config.path_weight, interval=config.path_interval)
    return replace(phase, penalties=(path,) if config.path_weight else (), after=_follow)


def _uneven_path(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    """``(||J_w^T v|| - a)^2`` with v of independent normal pixels (arXiv 1912.04958, eq. 4).

    v is divided by the root of the number of places, so that the length does not grow with the image. NOTE[DIFF]: a is
    the mean length of the steps before, and the first step, which has none, is not penalised.
    """
    generator: Any = networks["generator"]
    shape = draw.real.shape[2:]
    u = draw.uniform(*shape).clamp(1e-6, 1 - 1e-6)
    v = torch.erfinv(2 * u - 1) * math.sqrt(2 / (shape[1] * shape[2]))
    w = generator.mapping(draw.inputs["z"], draw.y)
    layers = len(generator.synthesis.maps)

    def render(w: Tensor) -> Tensor:
        return generator.synthesis(w[:, :, None].expand(-1, -1, layers, -1), draw.inputs["noise"])

    lengths = path_lengths(render, w, v.to(w.dtype))
    draw.cache["lengths"] = lengths.detach()
    mean = generator.path[:, None]
    return torch.where(mean > 0, (lengths - mean).square(), 0.0)


def _follow(networks: nn.ModuleDict, parts: Sequence[Draw]) -> None:
    """Move the mean style of the classes, and the mean path length where lengths were taken."""
    generator: Any = networks["generator"]
    generator.follow(*(torch.cat(whole, dim=1) for whole in ([p.inputs["z"] for p in parts], [p.y for p in parts])))
    if "lengths" in parts[0].cache:
        generator.follow_path(torch.cat([part.cache["lengths"] for part in parts], dim=1))


def _generate(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> Tensor:
    """Generate images in styles of their own, unless mixed ones are asked for."""
    mixing = () if "crossed" in inputs else ("cut", "donor")
    return networks["generator"]({name: value for name, value in inputs.items() if name not in mixing}, y)


def _emit(networks: nn.ModuleDict, inputs: Tensors, y: Tensor, *, psi: float) -> EmittedImages:
    """Generate with truncation, ``psi`` times ``inputs["psi"] (M, B)``, which is 1 unless somebody sweeps over it."""
    return EmittedImages(_generate(networks, {**inputs, "psi": psi * inputs["psi"]}, y))
