"""What a GAN is to the trainer: named networks, a source, phases, and how a sample is made.

Shape legend: M members (independent fits of one shape, trained side by side), B rows, D dimensions of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.encode import Encoded, ImageEncoder, TableEncoder

__all__ = [
    "About",
    "Adam",
    "Change",
    "Draw",
    "Emitted",
    "EmittedImages",
    "Gan",
    "Penalty",
    "Phase",
    "RealRows",
    "Source",
    "Stage",
    "Tensors",
]

Tensors = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class About:
    """What a person wants to know of a variant before choosing it."""

    summary: str
    """One sentence."""
    source: str
    """The paper: authors, year and arXiv number."""
    when: str
    """When to choose it rather than another."""


class RealRows(Protocol):
    """The training rows of every member."""

    @property
    def members(self) -> int:
        """How many fits share the networks."""
        ...

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return ``n`` rows a member, ``x (M, n, *)``, and their classes ``y (M, n)``, classes balanced."""
        ...


class Source(Protocol):
    """What a generator starts from: noise, anchors, images, masks; the same in training and in sampling."""

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return the generator's inputs for the classes ``y (M, B)``, each ``(M, B, *)``."""
        ...

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Return what member ``member`` must keep on disk to draw again (nothing, for noise)."""
        ...

    def to(self, device: torch.device) -> Source:
        """Return the source with its tensors on ``device``."""
        ...


@dataclass(frozen=True)
class Draw:
    """One batch of one phase. ``real (M, B, *)``, ``y (M, B)``, ``inputs`` of the source for the same classes."""

    real: Tensor
    y: Tensor
    inputs: Tensors
    rng: torch.Generator
    cache: Tensors = field(default_factory=dict)
    """What a phase's loss has computed and its penalties use again."""
    shard: slice = field(default_factory=lambda: slice(None))
    """Which rows of the whole batch these are, where it is split."""
    whole: tuple[Tensor, Tensor] | None = None
    """``real`` and ``y`` of the whole batch; None where these are all."""

    def part(self, shard: slice) -> Draw:
        """Return the rows ``shard`` of this whole batch."""
        return replace(
            self,
            real=self.real[:, shard],
            y=self.y[:, shard],
            inputs={name: value[:, shard] for name, value in self.inputs.items()},
            cache={},
            shard=shard,
            whole=(self.real, self.y),
        )

    def uniform(self, *shape: int) -> Tensor:
        """Draw uniform numbers ``(M, B, *shape)`` that do not depend on how the batch is split."""
        members, rows = (self.y if self.whole is None else self.whole[1]).shape
        return torch.rand(members, rows, *shape, generator=self.rng, device=self.y.device)[:, self.shard]

    def previous(self) -> tuple[Tensor, Tensor]:
        """Return ``real`` and ``y`` of the row before each in the whole batch, the last before the first."""
        real, y = (self.real, self.y) if self.whole is None else self.whole
        return real.roll(1, dims=1)[:, self.shard], y.roll(1, dims=1)[:, self.shard]


@dataclass(frozen=True)
class Emitted:
    """Generated table rows as an encoder decodes them, ``(M, B, C)`` and ``(M, B, K)``.

    ``uniforms (M, B, K)`` are given when the codes are buckets, of which single categories are still to be drawn;
    ``kept (M, B, K)`` are the codes of cells that are as they were, and -1 in others.
    """

    continuous: Tensor
    codes: Tensor
    uniforms: Tensor | None = None
    kept: Tensor | None = None

    def encoded(self, encoder: TableEncoder, n: int) -> Encoded:
        """Return the first ``n`` rows of the first member as ``encoder`` takes them."""
        codes = self.codes[0].cpu().numpy().astype(np.int32)
        if self.uniforms is not None:
            codes = encoder.unbucket(codes, self.uniforms[0].cpu().numpy())
        if self.kept is not None:
            kept = self.kept[0].cpu().numpy()
            codes = np.where(kept >= 0, kept, codes).astype(np.int32)
        return Encoded(self.continuous[0].cpu().numpy().astype(np.float64)[:n], codes[:n])


@dataclass(frozen=True)
class EmittedImages:
    """Generated images, ``(M, B, C, H, W)`` in [-1, 1]; what lies outside is clipped."""

    images: Tensor

    def encoded(self, encoder: ImageEncoder, n: int) -> np.ndarray:
        """Return the first ``n`` images of the first member as ``encoder`` takes them."""
        return self.images[0, :n].float().cpu().numpy()


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """An extra loss ``term(networks, draw) -> (M, B)``, taken every ``interval`` steps and weighted so much more."""

    name: str
    term: Callable[[nn.ModuleDict, Draw], Tensor]
    weight: float
    interval: int = 1


@dataclass(frozen=True, kw_only=True)
class Adam:
    """The optimiser of a phase (Kingma & Ba 2014, arXiv 1412.6980)."""

    learning_rate: float
    betas: tuple[float, float] = (0.0, 0.99)
    final_share: float = 1.0
    """Share of the learning rate that is left at the last step; it falls as a half cosine."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One kind of training step: which networks move, and by which per-sample loss ``(M, B)``."""

    name: str
    moves: tuple[str, ...]
    loss: Callable[[nn.ModuleDict, Draw], Tensor]
    optimiser: Adam
    penalties: tuple[Penalty, ...] = ()
    repeats: int = 1
    """How often it is taken a step (n_critic)."""
    interval: int = 1
    """It is taken every ``interval`` steps."""
    after: Callable[[nn.ModuleDict, Sequence[Draw]], None] | None = None
    """``after(networks, parts)``: what follows from a whole batch, when the loss has seen all its parts; they hold what
    it has cached."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stretch of training. ``enter(networks)`` changes the networks (growing) before its first step."""

    steps: int
    batch: int
    enter: Callable[[nn.ModuleDict], None] | None = None
    during: Callable[[nn.ModuleDict, float], None] | None = None
    """``during(networks, share)`` before each of its steps (fading in), ``share`` of the stage being done. It may
    depend on ``share`` alone."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """How given rows are changed: what `Synthesizer.transform` calls."""

    apply: Callable[[nn.ModuleDict, Tensors, Tensor, torch.Generator], Any]
    """``(networks, given, y, rng) ->`` what the encoder decodes. ``y (M, B)`` is -1 where the class is not known.

    ``given`` of images: ``images (M, B, C, h, w)`` in [-1, 1], and, where it is ``masked``, ``known (M, B, 1, h, w)``
    bool. Of tables: ``continuous (M, B, C)``, ``codes`` and ``buckets (M, B, K)``, ``known (M, B, K)`` bool, and
    ``possible (M, B, H)`` bool: which of the dimensions of the 0/1 blocks a cell that is filled in may take."""
    size: tuple[int, int] | None = None
    """Height and width of the images that are to be given; None: those of the training images."""
    masked: bool = False
    """Whether it fills in what is not known: missing cells, or the pixels of a mask."""


@dataclass(kw_only=True)
class Gan:
    """A variant, composed: everything that the trainer and the synthesizer need to know of it."""

    networks: nn.ModuleDict
    source: Source
    phases: tuple[Phase, ...]
    stages: tuple[Stage, ...]
    averaged: tuple[str, ...]
    """The networks that sampling uses; of them a moving average is kept."""
    generate: Callable[[nn.ModuleDict, Tensors, Tensor], Tensor]
    """``(networks, inputs, y) -> (M, B, *)`` in the discriminator's view, for monitors."""
    emit: Callable[[nn.ModuleDict, Tensors, Tensor], Any]
    """``(networks, inputs, y) ->`` what the encoder decodes, for sampling."""
    transform: Change | None = None
    """How given rows are changed; None where it only makes new ones."""
    error: Callable[[nn.ModuleDict, Tensor, Tensor, torch.Generator], Tensor] | None = None
    """``(networks, real (M, B, *), y (M, B), rng) -> (M, B)``: how far what it makes of real rows is from them. By it
    the best step is chosen on held-out rows; None: by how like them what it draws is."""
    half_life: float = 100.0
    """Half-life of the averaged weights, in steps."""
    group: int = 1
    """Consecutive rows of a batch that the losses look at together; a batch is split between such groups only."""
    critic: Callable[[nn.ModuleDict, Tensor, Tensor], Tensor] | None = None
    """``(networks, x (M, B, *), y) -> logits (M, B)``, higher for what looks real, x in the discriminator's view; for
    watching the training. None: there is nothing to ask."""
    judged: Callable[[Draw, Tensor], tuple[Tensor, Tensor]] | None = None
    """``(draw, generated) -> (real, fake)``: what the critic is shown; None: the real and the generated rows."""

    @property
    def steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)
