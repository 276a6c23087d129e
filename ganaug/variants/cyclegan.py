"""Unpaired translation: rows, or images, of other classes are turned into ones of the class asked for.

CycleGAN (Zhu et al. 2017, arXiv 1703.10593): besides fooling a discriminator, a translation must lead back to where it
came from (cycle consistency, eq. 2), and what is of the class already must stay as it is (identity loss, sec. 5.2).

NOTE[DIFF]: one translator ``G(x, from, to)`` that is told both classes, as in StarGAN (Choi et al. 2018, arXiv
1711.09020), in place of two for each pair of classes; its cycle is ``G(G(x, a -> b), b -> a)``. For two classes it is
CycleGAN's pair with shared weights. Likewise one discriminator, with a projection on the class. The adversarial loss is
the relativistic one of this library, with lazy R1 and R2, instead of least squares: it holds with a few dozen rows. And
the way there is given noise, so that one row leads to several; the way back and the identity are given none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug import image_game, losses
from ganaug.encode import ImageLayout, Layout
from ganaug.errors import DataError
from ganaug.gan import About, Adam, Draw, Emitted, Gan, Penalty, Phase, Stage, Tensors
from ganaug.image_game import GameConfig, adversarial_phases, blocks_of, conv_critic, lazy_gradients
from ganaug.nets import OneHot, ProjectionCritic, initialise
from ganaug.nets.translate import ImageTranslator, RowTranslator
from ganaug.other_rows import OtherRows, image_arrays, row_arrays

__all__ = ["ABOUT", "KEEPS_ROWS", "MODALITIES", "Config", "build", "make_source", "settle", "stored_source"]

ABOUT = About(
    summary="Turns rows or images of other classes into ones of the class asked for, and can lead them back.",
    source="Zhu et al. 2017, arXiv 1703.10593; one translator for all classes: Choi et al. 2018, arXiv 1711.09020",
    when="Classes alike but for what makes the class, and frequent ones that vary more than the rare one shows.",
)
KEEPS_ROWS = True
"""The artefact holds the training rows that translations start from."""
MODALITIES = ("tables", "images")

TABLES, IMAGES = 1200, 400


@dataclass(frozen=True, kw_only=True)
class Config(GameConfig):
    """Settings of the translation; ``preset``, ``precision``, ``channels``, ``translation``, ``hole`` are images'."""

    steps: int | None = None
    """Training steps, at least 0. None: 1,200 for tables and 400 for images."""
    batch: int = 64
    """Rows of a step, classes balanced, or images."""
    width: int = 128
    """Units of a hidden layer of the networks of tables."""
    depth: int = 3
    """Hidden layers of the networks of tables; of images, modulated layers in the middle of the translator."""
    noise: int = 16
    """Dimensions of the noise."""
    embedding: int = 32
    """Dimensions of each of the two classes that the translator of images is told."""
    cycle: float = 1.0
    """Weight of the cycle loss. NOTE[DIFF]: 10 in arXiv 1703.10593, with which no digit became another: the penalties
    keep the discriminator's slope, and with it what pulls at a translation, small."""
    identity: float = 0.5
    """Weight of the identity loss, half that of the cycle loss as in arXiv 1703.10593."""
    gamma: float = 0.02
    """Weight of R1 and R2 for images. Photographs want more: of 32 x 32 pixels, within minutes, changes that fool the
    discriminator were hardly to be seen at 0.02, and of colour and ground at 0.3; a horse became no car with either."""
    row_gamma: float = 0.005
    """The same for rows of tables."""
    learning_rate: float = 2e-3
    """Of all networks at the first step."""
    final_share: float = 0.1
    """Share of the learning rate that is left at the last step; it falls as a half cosine."""
    temperature: float = 0.4
    """Of the relaxed one-hot draws whose gradient the codes of a table take (Jang et al. 2016, arXiv 1611.01144)."""
    sharpness: float = 2.0
    """Factor on the learnt scores of codes of a table."""
    hold: float = 2.0
    """By how much the score of the code that a row has is ahead before anything is learnt."""
    hole: float = 0.25
    """Side of the hole cut into what the discriminator sees of an image, as a share of it."""
    max_anchors: int = 2048
    """Real rows that are kept of a class to start from, at most."""


def settle(config: Config, layout: Layout | ImageLayout, device: torch.device) -> Config:
    """Return ``config`` with what it leaves open decided by the modality, the size and the device."""
    config = replace(config, steps=_steps(config, layout))
    return image_game.settle(config, layout, device) if isinstance(layout, ImageLayout) else config


def _steps(config: Config, layout: Layout | ImageLayout) -> int:
    if config.steps is not None:
        return config.steps
    return IMAGES if isinstance(layout, ImageLayout) else TABLES


def _uniforms(layout: Layout | ImageLayout) -> int:
    """Of tables one for each 0/1 dimension (Gumbel draws) and each code column (categories within a bucket)."""
    if isinstance(layout, ImageLayout):
        return 0
    return OneHot.of(layout).n_hot + len(layout.widths)


def make_source(
    config: Config, layout: Layout | ImageLayout, members: Sequence[Any], *, n_classes: int, seeds: Sequence[int]
) -> OtherRows:
    """Choose the rows of every member that translations start from.

    Raises
    ------
    DataError
        A member has rows of one class only.
    """
    for member in members:
        if (present := len(np.unique(member.labels))) < 2:
            raise DataError(
                "cyclegan needs at least two classes, as it turns rows of one into rows of another, and there are rows "
                f"of {present}; say which column, or which labels, tell the classes, or take another variant"
            )
    kept = image_arrays if isinstance(layout, ImageLayout) else row_arrays
    shape: dict[str, Any] = {"n_classes": n_classes, "most": config.max_anchors}
    arrays = [kept(member, seed=seed, **shape) for member, seed in zip(members, seeds, strict=True)]
    return OtherRows.pack(arrays, noise=config.noise, uniforms=_uniforms(layout))


def stored_source(config: Config, layout: Layout | ImageLayout, arrays: Mapping[str, np.ndarray]) -> OtherRows:
    """Rebuild the source of one member from what `OtherRows.arrays` returned."""
    return OtherRows.pack([arrays], noise=config.noise, uniforms=_uniforms(layout))


def build(
    config: Config, layout: Layout | ImageLayout, source: OtherRows, *, n_classes: int, seeds: Sequence[int]
) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    if isinstance(layout, ImageLayout):
        return _images(config, layout, source, n_classes=n_classes, seeds=seeds)
    return _table(config, layout, source, n_classes=n_classes, seeds=seeds)


def _adam(config: Config) -> Adam:
    return Adam(learning_rate=config.learning_rate, betas=(0.0, 0.9), final_share=config.final_share)


def _kept(config: Config, cycle: Any, identity: Any) -> tuple[Penalty, Penalty]:
    """Return what the translator minimises beside the adversarial loss (arXiv 1703.10593, eq. 3 and sec. 5.2)."""
    return (
        Penalty(name="cycle", term=cycle, weight=config.cycle),
        Penalty(name="identity", term=identity, weight=config.identity),
    )


def _silent(draw: Draw) -> Tensor:
    """Return the noise of the way back and of the identity: none."""
    return torch.zeros_like(draw.inputs["z"])


# ---------------------------------------------------------------- images


def _images(config: Config, layout: ImageLayout, source: OtherRows, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    members = len(seeds)
    generator = ImageTranslator(
        members,
        (layout.channels, layout.height, layout.width),
        noise=config.noise,
        embedding=config.embedding,
        n_classes=n_classes,
        channels=config.channels,
        depth=config.depth,
        **blocks_of(config, layout),
    )
    critic = conv_critic(config, layout, members=members, n_classes=n_classes)
    gradients = lazy_gradients(weight=config.gamma, interval=config.penalty_interval)
    judging, translating = adversarial_phases(adam=_adam(config), penalties=gradients, judged=_shown)
    translating = replace(translating, penalties=_kept(config, image_cycle, image_identity))
    phases = (judging, translating)
    return image_game.play(config, generator, critic, source, phases, steps=_steps(config, layout), seeds=seeds)


def _shown(draw: Draw, translated: Tensor) -> tuple[Tensor, Tensor]:
    """Show the discriminator real and translated images, and keep the latter for the way back."""
    draw.cache["translated"] = translated
    return draw.real, translated


def image_cycle(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    """Return how far images are from where they came from when led back, ``mean |G(G(x, a -> b), b -> a) - x|``.

    Zhu et al. 2017 (arXiv 1703.10593), eq. 2, the mean over pixels. **Shape:** ``(M, B)``.
    """
    there = {"x": draw.cache["translated"], "from": draw.y, "z": _silent(draw)}
    back = networks["generator"](there, draw.inputs["from"])
    return (back - draw.inputs["x"]).abs().flatten(2).mean(2)


def image_identity(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    """Return how much images change that are of the class already, ``mean |G(x, b -> b) - x|`` (sec. 5.2)."""
    same = networks["generator"]({"x": draw.real, "from": draw.y, "z": _silent(draw)}, draw.y)
    return (same - draw.real).abs().flatten(2).mean(2)


# ---------------------------------------------------------------- tables


def _table(config: Config, layout: Layout, source: OtherRows, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    members, view = len(seeds), OneHot.of(layout)
    shape: dict[str, Any] = {"n_classes": n_classes, "width": config.width, "depth": config.depth}
    codes: dict[str, Any] = {"temperature": config.temperature, "sharpness": config.sharpness, "hold": config.hold}
    translator = RowTranslator(members, view, noise=config.noise, n_codes=len(layout.widths), **codes, **shape)
    critic = ProjectionCritic(members, view.n_dims, **shape)
    networks = nn.ModuleDict({"generator": translator, "discriminator": critic})
    for name, network in networks.items():
        initialise(network, seeds, name)
    gradients = lazy_gradients(weight=config.row_gamma, interval=config.penalty_interval)
    kept = _kept(config, row_cycle, row_identity)
    moved: dict[str, Any] = {"optimiser": _adam(config)}
    return Gan(
        networks=networks,
        source=source,
        phases=(
            Phase(
                name="discriminator", moves=("discriminator",), loss=_critic_loss, penalties=tuple(gradients), **moved
            ),
            Phase(name="generator", moves=("generator",), loss=_translator_loss, penalties=kept, **moved),
        ),
        stages=(Stage(steps=_steps(config, layout), batch=config.batch),),
        averaged=("generator",),
        generate=_generate,
        emit=_emit,
        critic=lambda networks, x, y: networks["discriminator"](x, y),
        half_life=config.half_life,
    )


def _generate(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> Tensor:
    generator: Any = networks["generator"]
    return generator.relaxed(inputs, y)


def _emit(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> Emitted:
    generator: Any = networks["generator"]
    continuous, scores = generator.drawn(inputs, y)
    return Emitted(continuous, generator.codes(scores), inputs["v"][..., generator.n_hot :])


def _critic_loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    with torch.no_grad():
        draw.cache["real"], draw.cache["fake"] = draw.real, _generate(networks, draw.inputs, draw.y)
    real, fake = (networks["discriminator"](draw.cache[name], draw.y) for name in ("real", "fake"))
    return losses.relativistic_discriminator(real, fake)


def _translator_loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    draw.cache["translated"] = translated = _generate(networks, draw.inputs, draw.y)
    fake = networks["discriminator"](translated, draw.y)
    with torch.no_grad():
        real = networks["discriminator"](draw.real, draw.y)
    return losses.relativistic_generator(real, fake)


def row_cycle(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    """Return how far rows are from where they came from when led back; see `row_distance`. **Shape:** ``(M, B)``."""
    generator: Any = networks["generator"]
    x = generator.view(draw.inputs["continuous"], draw.inputs["buckets"])
    back = generator(draw.cache["translated"], _silent(draw), draw.y, draw.inputs["from"])
    return row_distance(generator.view, back, x)


def row_identity(networks: nn.ModuleDict, draw: Draw) -> Tensor:
    """Return how much rows change that are of the class already; see `row_distance`. **Shape:** ``(M, B)``."""
    generator: Any = networks["generator"]
    same = generator(draw.real, _silent(draw), draw.y, draw.y)
    return row_distance(generator.view, same, draw.real)


def row_distance(view: OneHot, found: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
    """Return how far numbers ``(M, B, C)`` and scores of codes ``(M, B, H)`` are from the rows ``x (M, B, D)``.

    It is the mean over the columns, ``(M, B)``.

    NOTE[DIFF]: |difference| of numbers as in arXiv 1703.10593, where they are ordinary ones; cross-entropy of codes.
    """
    continuous, scores = found
    one = torch.ones(*x.shape[:-1], 1, device=x.device)
    ordinary = torch.cat([x[..., view.n_continuous :], one], dim=-1)[..., view.state_dims]
    total = ((continuous - x[..., : view.n_continuous]).abs() * ordinary).sum(-1)
    hot = x[..., view.n_continuous :]
    for begin, width in view.spans:
        logs = F.log_softmax(scores[..., begin : begin + width], dim=-1)
        total = total - (logs * hot[..., begin : begin + width]).sum(-1)
    return total / max(1, view.n_continuous + len(view.spans))
