"""A generator of table rows whose numbers are a mode of a mixture and a place within it.

Shape legend: M members, B rows, C continuous dimensions, K modes, H 0/1 dimensions of the code columns, Q code columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.nets.conditioning import ConditionalMLP
from ganaug.nets.modes import Modes
from ganaug.nets.onehot import OneHot
from ganaug.nets.rows import best_codes, gumbel

__all__ = ["Made", "ModeGenerator"]


@dataclass(frozen=True)
class Made:
    """Generated rows: ``scalar (M, B, C)``, ``mode (M, B, C, K)`` and ``hot (M, B, H)`` as 0/1 with a relaxed gradient.

    ``scores (M, B, H)`` are those of the codes before the draw.
    """

    scalar: Tensor
    mode: Tensor
    hot: Tensor
    scores: Tensor


class ModeGenerator(nn.Module):
    """Noise, the class and what is asked for -> rows; eq. 1 and sec. 4.4 of Xu et al. 2019 (arXiv 1907.00503).

    ``temperature`` is that of the relaxed draws whose gradient modes and codes take (Jang et al. 2016, arXiv
    1611.01144), ``sharpness`` a factor on their scores, so that a sure choice is a few steps of learning away.
    """

    def __init__(
        self,
        members: int,
        view: OneHot,
        *,
        n_modes: int,
        noise: int,
        n_classes: int,
        width: int,
        depth: int,
        temperature: float,
        sharpness: float,
    ) -> None:
        super().__init__()
        self.view = view
        self.temperature, self.sharpness = temperature, sharpness
        self.n_hot = view.n_hot
        self.n_shown = view.n_dims + view.n_continuous * (1 + n_modes)
        self.modes = Modes(members, view.n_continuous, n_modes)
        n_scores = 2 * view.n_continuous * n_modes + self.n_hot
        shape: dict[str, Any] = {"n_classes": n_classes, "width": width, "depth": depth}
        self.network = ConditionalMLP(members, noise + self.n_hot, n_scores, **shape)

    def forward(self, z: Tensor, v: Tensor, given: Tensor, y: Tensor) -> Made:
        """Make rows of noise ``z``, uniforms ``v`` (the first ``C K + H``), and what is asked, ``given (M, B, H)``."""
        n, k = self.view.n_continuous, self.modes.means.shape[-1]
        out = self.network(torch.cat([z, given], dim=-1), y)
        scores = self.sharpness * out[..., n * k :]
        noisy = scores + gumbel(v[..., : scores.shape[-1]])
        of_modes, of_codes = noisy[..., : n * k].unflatten(-1, (n, k)), noisy[..., n * k :]
        of_modes = of_modes.masked_fill(self.modes.weights[:, None] == 0, -1e4)
        drawn = [self._choose(of_codes[..., begin : begin + width]) for begin, width in self.view.spans]
        hot = torch.cat(drawn, dim=-1) if drawn else of_codes
        mode = self._choose(of_modes)
        scalar = (out[..., : n * k].tanh().unflatten(-1, (n, k)) * mode).sum(-1)
        return Made(scalar, mode, hot, scores[..., n * k :])

    def _choose(self, scores: Tensor) -> Tensor:
        """Return the best as 0/1, with the gradient of a softmax."""
        soft = torch.softmax(scores / self.temperature, dim=-1)
        return F.one_hot(scores.argmax(-1), scores.shape[-1]) + (soft - soft.detach())

    def plain(self, made: Made) -> Tensor:
        """Return rows as `OneHot` lays them out ``(M, B, C + H)``."""
        return self.view.assemble(self.modes.join(made.mode, made.scalar), made.hot)

    def shown(self, plain: Tensor, scalar: Tensor, mode: Tensor) -> Tensor:
        """Return rows as critic and judge see them, ``plain`` beside places and modes: ``(M, B, n_shown)``.

        A number counts where its code says that it is neither a spike nor missing.
        """
        n = self.view.n_continuous
        one = torch.ones(*plain.shape[:-1], 1, device=plain.device)
        counts = torch.cat([plain[..., n:], one], dim=-1)[..., self.view.state_dims]
        return torch.cat([plain, scalar * counts, (mode * counts[..., None]).flatten(-2)], dim=-1)

    def of_made(self, made: Made) -> Tensor:
        """Return generated rows as the critic sees them."""
        return self.shown(self.plain(made), made.scalar, made.mode)

    def of_real(self, rows: Tensor, u: Tensor) -> Tensor:
        """Return real rows ``(M, B, C + H)`` as the critic sees them, their modes drawn by uniforms ``u (M, B, C)``."""
        mode, scalar = self.modes.split(rows[..., : self.view.n_continuous], u)
        return self.shown(rows, scalar, self.modes.hot(mode))

    def codes(self, made: Made, n_codes: int) -> Tensor:
        """Return the code of every column ``(M, B, Q)``."""
        return best_codes(self.view, made.hot, n_codes)
