"""Networks that fill in the cells of a table's rows, and that look for what was filled in.

Shape legend: M members, B rows of a batch, C continuous dimensions, K cells, H 0/1 dimensions, D both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganaug.nets.conditioning import ConditionalMLP, ProjectionCritic
from ganaug.nets.onehot import OneHot
from ganaug.nets.rows import RowGenerator

__all__ = ["CellDiscriminator", "CellFiller"]

START = 0.1
"""Size of the noise before training: what is drawn starts near what is likely."""


class CellFiller(nn.Module):
    """Rows in the discriminator's view ``x (M, B, D)``, ``known (M, B, K)`` -> rows of which the others are made up.

    ``states (C,)`` names the cell of each continuous dimension; the last of ``n_classes`` stands for an unknown class.
    """

    states: Tensor

    def __init__(
        self,
        members: int,
        view: OneHot,
        *,
        states: Sequence[int],
        cells: int,
        n_classes: int,
        noise: int,
        width: int,
        depth: int,
        temperature: float,
        sharpness: float,
    ) -> None:
        super().__init__()
        self.view, self.noise = view, noise
        self.register_buffer("states", torch.tensor(states, dtype=torch.int64), persistent=False)
        self.gate = nn.Parameter(torch.full((members, 1, noise), START))
        self.rows = RowGenerator(
            members,
            view,
            n_codes=cells,
            noise=noise + view.n_dims + cells,
            n_classes=n_classes,
            width=width,
            depth=depth,
            temperature=temperature,
            sharpness=sharpness,
        )

    def spread(self, known: Tensor) -> Tensor:
        """Repeat one value a cell over all its dimensions, ``(M, B, K) -> (M, B, D)``."""
        known = known.float()
        return torch.cat([known[..., self.states], self.view.spread(known)], dim=-1)

    def _seen(self, x: Tensor, known: Tensor, z: Tensor) -> Tensor:
        return torch.cat([self.gate * z, x * self.spread(known), known.float()], dim=-1)

    def likely(self, x: Tensor, known: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the masked cells most likely hold: continuous ``(M, B, C)`` and scores of codes ``(M, B, H)``."""
        z = x.new_zeros(*y.shape, self.noise)
        v = x.new_full((*y.shape, self.rows.n_hot), math.exp(-1))  # of which the Gumbel noise is 0
        return self.rows(self._seen(x, known, z), v, y)

    def drawn(self, x: Tensor, known: Tensor, z: Tensor, v: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return continuous values and Gumbel-perturbed scores, drawn by ``z`` and ``v``."""
        return self.rows(self._seen(x, known, z), v, y)

    def relaxed(self, x: Tensor, known: Tensor, z: Tensor, v: Tensor, y: Tensor) -> Tensor:
        """Return rows ``(M, B, D)`` with the masked cells drawn; their codes pass a relaxed gradient."""
        return torch.where(self.spread(known) > 0, x, self.rows.relaxed(self._seen(x, known, z), v, y))


class CellDiscriminator(nn.Module):
    """What guesses of cells whether they are real, and what judges rows as a whole."""

    def __init__(self, members: int, n_in: int, cells: int, **shape: Any) -> None:
        super().__init__()
        self.guess = ConditionalMLP(members, n_in, cells, **shape)
        self.critic = ProjectionCritic(members, n_in, **shape)
