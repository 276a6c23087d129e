"""GANs that draw tables or images from noise: one composition of both, from which variants take what makes them.

What a variant of the literature differs by here: the objective, how the class reaches the critic, and what holds the
critic's slope (clipping, a gradient penalty, R1, spectral normalisation). No network has batch normalisation, which
would tie the rows of a batch to each other.

Shape legend: M members, B rows of a batch, D dimensions of a row as the critic sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug import image_game
from ganaug.encode import ImageLayout, Layout
from ganaug.gan import Adam, Draw, Emitted, Gan, Penalty, Phase, Stage, Tensors
from ganaug.image_game import GameConfig, ImageConfig, adversarial_phases, conv_critic, play
from ganaug.image_sources import LatentSource
from ganaug.losses import Objective
from ganaug.nets import Classifier, ConditionalMLP, OneHot, ProjectionCritic, initialise, spectral
from ganaug.nets.pictures import ConvGenerator, FlatCritic, FlatGenerator
from ganaug.nets.rows import RowGenerator
from ganaug.penalties import gradient_penalty, interpolate, squared_gradient
from ganaug.sources import NoiseSource

__all__ = [
    "LatentConfig",
    "NoiseConfig",
    "Rules",
    "compose",
    "emit_rows",
    "generate_rows",
    "judge_loss",
    "make_source",
    "settle",
    "stored_source",
]

TABLES = {"steps": 1500, "batch": 256}
IMAGES = {"steps": 800, "batch": 64}


@dataclass(frozen=True, kw_only=True)
class NoiseConfig(ImageConfig):
    """Settings that the variants of this game share; ``channels``, ``translation`` and ``hole`` are those of images."""

    steps: int | None = None
    """Generator steps, at least 0. None: 1,500 for tables and 800 for images."""
    batch: int | None = None
    """Rows of a step. None: 256 of a table, classes balanced, and 64 images."""
    final_share: float = 0.1
    """Share of the learning rate that is left at the last step; it falls as a half cosine."""
    width: int = 128
    """Units of a hidden layer of fully connected networks."""
    depth: int = 3
    """Hidden layers of fully connected networks."""
    noise: int = 64
    """Dimensions of the noise."""
    embedding: int = 32
    """Dimensions of the class beside the noise of a convolutional generator."""
    temperature: float = 0.4
    """Of the relaxed one-hot draws whose gradient the codes of a table take (Jang et al. 2016, arXiv 1611.01144)."""
    sharpness: float = 2.0
    """Factor on the scores of codes of a table, so that a sure choice is a few steps of learning away."""
    hole: float = 0.25
    """Side of the hole cut into what the discriminator sees of an image, as a share of it."""
    half_life: float = 100.0
    """Half-life of the averaged weights, in steps."""


@dataclass(frozen=True, kw_only=True)
class LatentConfig(GameConfig):
    """Settings that the variants share which draw images from noise in the relativistic game."""

    steps: int = 800
    """Training steps, at least 0."""
    noise: int = 64
    """Dimensions of the noise."""
    embedding: int = 32
    """Dimensions of the class beside the noise."""
    final_share: float = 0.1
    """Share of the learning rate that is left at the last step; it falls as a half cosine."""
    hole: float = 0.25
    """Side of the hole cut into what the discriminator sees, as a share of the image."""
    half_life: float = 100.0
    """Half-life of the averaged weights, in steps."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What makes a variant."""

    objective: Objective
    projection: bool = True
    """Whether the class reaches the critic by a projection on its features (Miyato & Koyama 2018). False: beside its
    input, and of convolutional critics beside their features. Fully connected critics of images have no projection."""
    flat: bool = False
    """Whether the networks of images are fully connected."""
    spectral: bool = False
    """Whether the critic's layers are spectrally normalised."""
    r1: float = 0.0
    """Weight of half the squared gradient on real rows (Mescheder et al. 2018), taken every `INTERVAL` steps."""
    slope: float = 0.0
    """Weight of the gradient penalty that pulls the critic's slope to 1 (Gulrajani et al. 2017)."""
    clip: float | None = None
    """Largest weight of the critic (Arjovsky et al. 2017)."""
    repeats: int = 1
    """Critic steps a generator step."""
    betas: tuple[float, float] = (0.0, 0.9)
    """Of Adam."""
    attention: Callable[..., nn.Module] | None = None
    """Makes a layer that keeps the shape of maps, for both convolutional networks: ``attention(members, channels)``."""


INTERVAL = 8
C = TypeVar("C", bound=NoiseConfig)


def settle(config: C, layout: Layout | ImageLayout, device: torch.device) -> C:
    """Return ``config`` with what it leaves open decided by the modality, the size and the device."""
    if isinstance(layout, ImageLayout):
        return image_game.settle(_filled(config, IMAGES), layout, device)
    return _filled(config, TABLES)


def _filled(config: C, defaults: Mapping[str, int]) -> C:
    return replace(config, **{k: v for k, v in defaults.items() if getattr(config, k) is None})


def _source(config: NoiseConfig | LatentConfig, layout: Layout | ImageLayout) -> NoiseSource | LatentSource:
    """Noise; of tables also a uniform a 0/1 dimension (Gumbel draws) and a code column (categories within a bucket)."""
    if isinstance(layout, ImageLayout):
        return LatentSource(config.noise)
    return NoiseSource(config.noise, OneHot.of(layout).n_hot + len(layout.widths))


def make_source(
    config: NoiseConfig | LatentConfig,
    layout: Any,
    members: Sequence[Any],
    *,
    n_classes: int,
    seeds: Sequence[int],
) -> NoiseSource | LatentSource:
    """Return the noise that every member starts from."""
    return _source(config, layout)


def stored_source(
    config: NoiseConfig | LatentConfig, layout: Any, arrays: Mapping[str, np.ndarray]
) -> NoiseSource | LatentSource:
    """Return the source of a loaded member; there is nothing to rebuild."""
    return _source(config, layout)


def compose(
    config: NoiseConfig,
    layout: Layout | ImageLayout,
    source: Any,
    *,
    n_classes: int,
    seeds: Sequence[int],
    rules: Rules,
) -> Gan:
    """Compose the GAN of ``len(seeds)`` members that the ``rules`` make."""
    settled = settle(config, layout, image_game.CPU)
    build = _images if isinstance(layout, ImageLayout) else _table
    gan = build(settled, layout, source, rules, n_classes=n_classes, seeds=seeds)  # pyright: ignore[reportArgumentType]
    if rules.spectral:
        spectral.normalise(gan.networks[_CRITIC[isinstance(layout, ImageLayout)]])
    return gan


_CRITIC = {True: "discriminator", False: "critic"}


def _adam(config: NoiseConfig, rules: Rules) -> Adam:
    return Adam(learning_rate=config.learning_rate, betas=rules.betas, final_share=config.final_share)


def _held(rules: Rules, name: str) -> Callable[[nn.ModuleDict], None] | None:
    """Return what holds the critic ``name`` after each of its steps."""
    if rules.clip is None and not rules.spectral:
        return None
    return partial(_hold, name=name, clip=rules.clip)


@torch.no_grad()
def _hold(networks: nn.ModuleDict, *, name: str, clip: float | None) -> None:
    if clip is not None:
        for weight in networks[name].parameters():
            weight.clamp_(-clip, clip)
    spectral.refresh(networks[name])


# ---------------------------------------------------------------- images


def _images(
    config: NoiseConfig,
    layout: ImageLayout,
    source: LatentSource,
    rules: Rules,
    *,
    n_classes: int,
    seeds: Sequence[int],
) -> Gan:
    members, size = len(seeds), (layout.channels, layout.height, layout.width)
    assert config.steps is not None and config.batch is not None
    if rules.flat:
        shape: dict[str, Any] = {"n_classes": n_classes, "width": config.width, "depth": config.depth}
        generator: nn.Module = FlatGenerator(members, size, noise=config.noise, **shape)
        critic: nn.Module = FlatCritic(members, int(np.prod(size)), **shape)
    else:
        generator = ConvGenerator(
            members,
            size,
            noise=config.noise,
            embedding=config.embedding,
            n_classes=n_classes,
            channels=config.channels,
            attention=rules.attention,
            **image_game.blocks_of(config, layout),
        )
        options: dict[str, Any] = {"attention": rules.attention, "projection": rules.projection}
        critic = conv_critic(config, layout, members=members, n_classes=n_classes, **options)
    penalties = []
    if rules.r1:
        penalties += image_game.lazy_gradients(weight=rules.r1, interval=INTERVAL, of=("r1",))
    if rules.slope:
        penalties.append(Penalty(name="slope", term=_image_slope, weight=rules.slope))
    phases = adversarial_phases(
        adam=_adam(config, rules),
        objective=rules.objective,
        penalties=penalties,
        repeats=rules.repeats,
        after=_held(rules, "discriminator"),
    )
    return play(config, generator, critic, source, phases, steps=config.steps, batch=config.batch, seeds=seeds)


def _image_slope(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    between = interpolate(draw.cache["real"], draw.cache["fake"], draw.uniform())
    return gradient_penalty(lambda x: networks["discriminator"](x, draw.y), between)


# ---------------------------------------------------------------- tables


def _table(
    config: NoiseConfig, layout: Layout, source: NoiseSource, rules: Rules, *, n_classes: int, seeds: Sequence[int]
) -> Gan:
    members, view = len(seeds), OneHot.of(layout)
    assert config.steps is not None and config.batch is not None
    shape: dict[str, Any] = {"n_classes": n_classes, "width": config.width, "depth": config.depth}
    codes = {"temperature": config.temperature, "sharpness": config.sharpness, "n_codes": len(layout.widths)}
    judged = view.n_dims + n_classes
    networks = nn.ModuleDict(
        {
            "generator": RowGenerator(members, view, noise=config.noise, factors=layout.factors, **codes, **shape),
            "critic": ProjectionCritic(members, judged, factors=layout.factors, **shape)
            if rules.projection
            else ConditionalMLP(members, judged, 1, factors=layout.factors, **shape),
            "judge": Classifier(members, view.n_dims, n_classes=n_classes, width=config.width, depth=1),
        }
    )
    for name, network in networks.items():
        initialise(network, seeds, name)
    penalties = []
    if rules.r1:
        penalties.append(Penalty(name="r1", term=_r1, weight=rules.r1, interval=INTERVAL))
    if rules.slope:
        penalties.append(Penalty(name="gradient", term=_slope, weight=rules.slope))
    adam, held = _adam(config, rules), _held(rules, "critic")
    return Gan(
        networks=networks,
        source=source,
        phases=(
            Phase(name="judge", moves=("judge",), loss=judge_loss, optimiser=adam),
            Phase(
                name="critic",
                moves=("critic",),
                loss=partial(_critic_loss, objective=rules.objective),
                optimiser=adam,
                penalties=tuple(penalties),
                repeats=rules.repeats,
                after=None if held is None else lambda networks, parts: held(networks),
            ),
            Phase(
                name="generator",
                moves=("generator",),
                loss=partial(_generator_loss, objective=rules.objective),
                optimiser=adam,
            ),
        ),
        stages=(Stage(steps=config.steps, batch=config.batch),),
        averaged=("generator",),
        generate=generate_rows,
        emit=emit_rows,
        critic=_score,
        half_life=config.half_life,
    )


def generate_rows(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> Tensor:
    """Return what a `RowGenerator` makes of noise, in the critic's view ``(M, B, D)``."""
    generator: Any = networks["generator"]
    return generator.relaxed(inputs["z"], inputs["v"], y)


def emit_rows(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> Emitted:
    """Return the same for the encoder."""
    generator: Any = networks["generator"]
    continuous, scores = generator(inputs["z"], inputs["v"], y)
    return Emitted(continuous, generator.codes(scores), inputs["v"][..., generator.n_hot :])


def _score(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
    """Score rows ``(M, B, D)`` of the classes ``y``; the critic is also shown what the judge makes of each row.

    The judge, a classifier of the real rows, is what makes the condition of a table obeyed.
    """
    scores = networks["critic"](torch.cat([x, networks["judge"](x)], dim=-1), y)
    return scores if scores.ndim == y.ndim else scores[..., 0]


def judge_loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    """Return the cross-entropy of the classes of real rows, ``(M, B)``."""
    return F.cross_entropy(networks["judge"](draw.real).transpose(1, 2), draw.y, reduction="none")


def _critic_loss(networks: nn.ModuleDict, draw: Draw, *, objective: Objective) -> Tensor:
    with torch.no_grad():
        draw.cache["fake"] = fake = generate_rows(networks, draw.inputs, draw.y)
    return objective.discriminator(_score(networks, draw.real, draw.y), _score(networks, fake, draw.y))


def _generator_loss(networks: nn.ModuleDict, draw: Draw, *, objective: Objective) -> Tensor:
    fake = _score(networks, generate_rows(networks, draw.inputs, draw.y), draw.y)
    with torch.no_grad():
        real = _score(networks, draw.real, draw.y)
    return objective.generator(real, fake)


def _r1(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    return squared_gradient(lambda x: _score(networks, x, draw.y), draw.real)


def _slope(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    between = interpolate(draw.real, draw.cache["fake"], draw.uniform())
    return gradient_penalty(lambda x: _score(networks, x, draw.y), between)
