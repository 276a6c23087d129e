"""Filling in the cells of tables: GAIN (Yoon et al. 2018, arXiv 1806.02920).

A generator sees a row with some cells masked, which these are, and the class; a discriminator sees the row filled in,
and guesses of each cell whether it was, with a hint that says it of the others.

NOTE[DIFF]: rows are masked at random in training, so that what was there is known: without noise the generator must
come to it (the paper's second loss is taken over the cells that were shown, as it knows no others), and with noise it
must pass for real, so that one network gives the most likely values, and varied ones. A second discriminator judges
rows as a whole, relativistically: what the guesses teach is too weak for cells that are masked together (two columns
correlated by -.98 came out at -.78, with it at -.93). A missing cell is a state of its column as others are, learnt,
and left out where cells are filled in. The class is withheld from some rows, for those whose class is not known.

Shape legend: M members, B rows of a batch, C continuous dimensions, K code columns (cells), H 0/1 dimensions, D both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug import losses
from ganaug.encode import Layout
from ganaug.gan import Adam, Change, Draw, Emitted, Gan, Penalty, Phase, Stage, Tensors
from ganaug.masked_sources import MaskedRows, known_cells, normal
from ganaug.nets import OneHot, initialise
from ganaug.nets.cells import CellDiscriminator, CellFiller
from ganaug.penalties import squared_gradient

__all__ = ["CellConfig", "compose", "hinted", "n_uniform"]


class CellConfig(Protocol):
    """What `compose` takes of a configuration; `ganaug.variants.inpaint.Config` says what it means."""

    rows: int
    width: int
    depth: int
    noise: int
    temperature: float
    sharpness: float
    learning_rate: float
    final_share: float
    half_life: float
    share: float
    hint: float
    withheld: float
    recovery: float
    guessing: float
    gamma: float
    penalty_interval: int


def n_uniform(layout: Layout) -> int:
    """Return the uniforms a row: one a 0/1 dimension (Gumbel draws), one a cell (categories within a bucket)."""
    return OneHot.of(layout).n_hot + len(layout.widths)


def hinted(u: Tensor, hint: float) -> Tensor:
    """Return of which cells the discriminator is told whether they are real, ``b (M, B, K)`` by ``u (M, B, K + 1)``.

    One cell at random is never told (theorem 1 of the paper), each other one with the chance ``hint``.
    """
    cells = u.shape[-1] - 1
    asked = (u[..., -1:] * cells).long().clamp(max=max(cells - 1, 0))
    return (u[..., :-1] < hint).scatter(-1, asked, False)


@dataclass(frozen=True)
class _Game:
    """The two sides' losses."""

    config: CellConfig
    n_classes: int
    cells: int

    def _deal(self, networks: nn.ModuleDict, draw: Draw) -> None:
        """Mask cells, withhold classes, fill in, and guess; ``draw.cache`` holds all of it."""
        config, filler, n = self.config, _filler(networks), self.cells
        u = draw.uniform(2 * n + 4)
        v = draw.uniform(filler.rows.n_hot)
        known, told = known_cells(u[..., : n + 2], config.share), hinted(u[..., n + 2 : -1], config.hint)
        y = torch.where(u[..., -1] < config.withheld, self.n_classes, draw.y)
        z = normal(draw.uniform(config.noise))
        draw.cache.update(known=known, y=y, told=told)
        draw.cache["filled"] = filler.relaxed(draw.real, known, z, v, y)

    def _guesses(self, networks: nn.ModuleDict, draw: Draw, filled: Tensor) -> Tensor:
        """Return the discriminator's logits that each cell is real ``(M, B, K)``."""
        known, told = draw.cache["known"].float(), draw.cache["told"]
        hint = torch.where(told, known, 0.5)
        discriminator: Any = networks["discriminator"]
        return discriminator.guess(torch.cat([filled, hint], dim=-1), draw.cache["y"])

    def _seems(self, networks: nn.ModuleDict, draw: Draw, x: Tensor) -> Tensor:
        """Return how real rows ``x (M, B, D)`` seem, of which these cells are said to be known ``(M, B)``."""
        judged = torch.cat([x, draw.cache["known"].float()], dim=-1)
        discriminator: Any = networks["discriminator"]
        return discriminator.critic(judged, draw.cache["y"])

    def judged(self, networks: nn.ModuleDict, draw: Draw, generated: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows as they are and as they are filled in, each beside the cells said to be known."""
        self._deal(networks, draw)
        known = draw.cache["known"].float()
        return torch.cat([draw.real, known], dim=-1), torch.cat([draw.cache["filled"], known], dim=-1)

    def gradients(self, networks: nn.ModuleDict, draw: Draw, *, of: str) -> Tensor:
        """R1, on real rows, and R2, on rows filled in, of both judgements."""
        asked = (~draw.cache["told"]).float()

        def score(x: Tensor) -> Tensor:
            return self._seems(networks, draw, x) + self.config.guessing * (
                asked * self._guesses(networks, draw, x)
            ).sum(-1)

        return squared_gradient(score, draw.real if of == "r1" else draw.cache["filled"])

    def discriminator(self, networks: nn.ModuleDict, draw: Draw) -> Tensor:
        """Return the relativistic loss of the rows, and the cross-entropy of the guesses about cells not told.

        The latter is eqs. 4 and 8 of arXiv 1806.02920.
        """
        with torch.no_grad():
            self._deal(networks, draw)
        filled, asked = draw.cache["filled"], (~draw.cache["told"]).float()
        guesses = self._guesses(networks, draw, filled)
        loss = F.binary_cross_entropy_with_logits(guesses, draw.cache["known"].float(), reduction="none")
        rows = [self._seems(networks, draw, x) for x in (draw.real, filled)]
        return losses.relativistic_discriminator(*rows) + (asked * loss).sum(-1) / asked.sum(-1)

    def generator(self, networks: nn.ModuleDict, draw: Draw) -> Tensor:
        """Return the other side: rows that seem real, and ``-log D`` of the cells filled in and not told (eq. 6)."""
        self._deal(networks, draw)
        filled, asked = draw.cache["filled"], (~draw.cache["told"] & ~draw.cache["known"]).float()
        guessed = (asked * F.softplus(-self._guesses(networks, draw, filled))).sum(-1) / asked.sum(-1).clamp(min=1)
        with torch.no_grad():
            real = self._seems(networks, draw, draw.real)
        return losses.relativistic_generator(real, self._seems(networks, draw, filled)) + self.config.guessing * guessed

    def recovery(self, networks: nn.ModuleDict, draw: Draw) -> Tensor:
        """How far what the generator holds for likely is from what was there; see `_recovery`."""
        return _recovery(_filler(networks), draw.real, draw.cache["known"], draw.cache["y"])

    def error(self, networks: nn.ModuleDict, real: Tensor, y: Tensor, rng: torch.Generator) -> Tensor:
        """Return the same ``(M, B)`` for other rows."""
        u = torch.rand(*y.shape, self.cells + 2, generator=rng, device=y.device)
        return _recovery(_filler(networks), real, known_cells(u, self.config.share), y)

    def change(self, networks: nn.ModuleDict, given: Tensors, y: Tensor, rng: torch.Generator) -> Emitted:
        """Fill in what is not known with what is most likely there."""
        filler, known = _filler(networks), given["known"]
        x = filler.view(given["continuous"], given["buckets"])
        y = torch.where(y < 0, self.n_classes, y)
        continuous, scores = filler.likely(x, known, y)
        scores = scores.masked_fill(~given["possible"], -torch.inf)
        v = torch.rand(*y.shape, self.cells, generator=rng, device=y.device)
        return _emitted(filler, given, continuous, scores, v)


def _opinion(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
    """Return how real rows ``x`` seem, as `_Game.judged` gives them, ``(M, B)``."""
    discriminator: Any = networks["discriminator"]
    return discriminator.critic(x, y)


def _filler(networks: nn.ModuleDict) -> Any:
    return networks["generator"]


def _recovery(filler: Any, real: Tensor, known: Tensor, y: Tensor) -> Tensor:
    """Return the squared error of the values and the cross-entropy of the codes of masked cells, by cell ``(M, B)``.

    **Shape:** ``real (M, B, D)``, ``known (M, B, K)``, ``y (M, B)``. Values count where there are any: not of spikes
    and missing cells.
    """
    view, c = filler.view, filler.view.n_continuous
    continuous, scores = filler.likely(real, known, y)
    hot = torch.cat([real[..., c:], real.new_ones(*y.shape, 1)], dim=-1)
    masked = 1 - filler.spread(known)
    loss = ((continuous - real[..., :c]).square() * masked[..., :c] * hot[..., view.state_dims]).sum(-1)
    for begin, width in view.spans:
        block = slice(begin, begin + width)
        surprise = -(hot[..., block] * torch.log_softmax(scores[..., block], dim=-1)).sum(-1)
        loss = loss + surprise * masked[..., c + begin]
    return loss / (~known).sum(-1).clamp(min=1)


def _emitted(filler: Any, rows: Tensors, continuous: Tensor, scores: Tensor, v: Tensor) -> Emitted:
    known = rows["known"]
    return Emitted(
        torch.where(known[..., filler.states], rows["continuous"], continuous),
        torch.where(known, rows["buckets"], filler.rows.codes(scores)),
        v,
        torch.where(known, rows["codes"], -1),
    )


def _generate(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> Tensor:
    filler = _filler(networks)
    x = filler.view(inputs["continuous"], inputs["buckets"])
    return filler.relaxed(x, inputs["known"], inputs["z"], inputs["v"][..., : filler.rows.n_hot], y)


def _emit(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> Emitted:
    filler = _filler(networks)
    x, n_hot = filler.view(inputs["continuous"], inputs["buckets"]), filler.rows.n_hot
    continuous, scores = filler.drawn(x, inputs["known"], inputs["z"], inputs["v"][..., :n_hot], y)
    return _emitted(filler, inputs, continuous, scores, inputs["v"][..., n_hot:])


def compose(
    config: Any, layout: Layout, source: MaskedRows, *, steps: int, n_classes: int, seeds: Sequence[int]
) -> Gan:
    """Set a generator that fills in cells against a discriminator that looks for them; see `CellConfig`."""
    members, cells = len(seeds), len(layout.widths)
    game = _Game(config, n_classes, cells)
    filler = CellFiller(
        members,
        OneHot.of(layout),
        states=layout.code_of_continuous,
        cells=cells,
        n_classes=n_classes + 1,
        noise=config.noise,
        width=config.width,
        depth=config.depth,
        temperature=config.temperature,
        sharpness=config.sharpness,
    )
    n_in = filler.view.n_dims + cells
    shape: dict[str, Any] = {"n_classes": n_classes + 1, "width": config.width, "depth": config.depth}
    networks = nn.ModuleDict({"generator": filler, "discriminator": CellDiscriminator(members, n_in, cells, **shape)})
    for name, network in networks.items():
        initialise(network, seeds, name)
    adam = Adam(learning_rate=config.learning_rate, betas=(0.0, 0.9), final_share=config.final_share)
    lazy: dict[str, Any] = {"weight": config.gamma, "interval": config.penalty_interval}
    gradients = tuple(Penalty(name=n, term=partial(game.gradients, of=n), **lazy) for n in ("r1", "r2"))
    recovery = Penalty(name="recovery", term=game.recovery, weight=config.recovery)
    return Gan(
        networks=networks,
        source=source,
        phases=(
            Phase(
                name="discriminator",
                moves=("discriminator",),
                loss=game.discriminator,
                optimiser=adam,
                penalties=gradients,
            ),
            Phase(name="generator", moves=("generator",), loss=game.generator, optimiser=adam, penalties=(recovery,)),
        ),
        stages=(Stage(steps=steps, batch=config.rows),),
        averaged=("generator",),
        generate=_generate,
        emit=_emit,
        transform=Change(apply=game.change, masked=True),
        error=game.error,
        half_life=config.half_life,
        critic=_opinion,
        judged=partial(game.judged, networks),
    )
