"""Rows whose target lies near a value asked for, drawn with weights that fall with the distance.

Shape legend: M members, N rows of all members together, n rows of the largest member, B rows of a batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

__all__ = ["Vicinity", "widths"]

NEAREST = 5
"""The width of a vicinity is the distance to this many-th nearest training value, or to the ``sqrt(n) / 2``-th of n."""
NARROWEST = 1e-3
"""Width where many rows share a value, in deviations of the target."""
LEAST_WEIGHT = 1e-3
"""Rows with less weight than this are not drawn (CcGAN's own bound)."""
CANDIDATES = 32
"""Rows among which one is drawn by its weight."""


def widths(scores: np.ndarray) -> np.ndarray:
    """Return how wide the vicinity of each of the sorted ``scores (n,)`` is, ``(n,)``: see `NEAREST`.

    Fewer rows come closer to the value, and what is drawn for one value varies less. On 400 rows with an exponential
    target, with the 5th the noise in the features had half its deviation at a common value; with the 20th, rows for a
    value far out were those for one a sixth lower.
    """
    k = min(max(NEAREST, round(len(scores) ** 0.5 / 2)), len(scores) - 1)
    if k < 1:
        return np.full(len(scores), NARROWEST)
    reach = np.full(len(scores), np.inf)
    for below in range(k + 1):  # the k nearest of a sorted list are a window: ``below`` of them lie below
        first, last = np.arange(len(scores)) - below, np.arange(len(scores)) - below + k
        fits = (first >= 0) & (last < len(scores))
        at = np.flatnonzero(fits)
        span = np.maximum(scores[at] - scores[first[fits]], scores[last[fits]] - scores[at])
        reach[at] = np.minimum(reach[at], span)
    return np.maximum(reach, NARROWEST)


@dataclass(frozen=True, kw_only=True)
class Vicinity:
    """The soft vicinity of CcGAN's discriminator loss SVDL (Ding et al. 2021, arXiv 2011.07466, section 3).

    A row with score y_i has the weight ``exp(-nu (y_i - y)^2)`` for the score y that is asked for, ``nu = 1/width^2``.
    Rows of a member are sorted by their score.

    NOTE[DIFF]: rows are drawn by these weights where the paper weights their losses; both have the same expectation.
    The width is not one for all but that of the value's own surroundings, as CcGAN-AVAR's (Ding et al. 2025, arXiv
    2508.01725): a few rows lie in each vicinity, which is wide where the target is rare. Of a vicinity with many rows,
    one of `CANDIDATES` random ones is drawn by its weight.

    **Shape:** ``scores, width (M, n)``, padded with infinity; ``first, size (M,)``: where a member's rows begin.
    """

    scores: Tensor
    width: Tensor
    first: Tensor
    size: Tensor

    @classmethod
    def pack(cls, scores: Sequence[np.ndarray]) -> Vicinity:
        """Take the sorted scores of every member, whose rows lie one member after the other."""
        size = np.array([len(own) for own in scores])
        padded = np.full((2, len(scores), int(size.max())), np.inf, np.float32)
        for m, own in enumerate(scores):
            padded[0, m, : len(own)], padded[1, m, : len(own)] = own, widths(own)
        first = torch.from_numpy(np.cumsum(size) - size)
        return cls(
            scores=torch.from_numpy(padded[0]),
            width=torch.from_numpy(padded[1]),
            first=first,
            size=torch.from_numpy(size),
        )

    def around(self, y: Tensor) -> Tensor:
        """Return the width of the vicinities of scores ``y (M, B)``: at least one row lies within each."""
        right = torch.searchsorted(self.scores, y.contiguous()).minimum(self.size[:, None] - 1)
        left = (right - 1).clamp(min=0)
        to_right = (self.scores.gather(1, right) - y).abs()
        to_left = (self.scores.gather(1, left) - y).abs()
        nearest = torch.where(to_left < to_right, left, right)
        return self.width.gather(1, nearest) + torch.minimum(to_left, to_right)

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensor:
        """Draw one row near each of the scores ``y (M, B)``: its position in the table of all members, ``(M, B)``."""
        width = self.around(y)
        reach = math.sqrt(-math.log(LEAST_WEIGHT)) * width
        low = torch.searchsorted(self.scores, y - reach)
        room = torch.searchsorted(self.scores, y + reach, right=True) - low
        u = torch.rand(*y.shape, 2, CANDIDATES, generator=rng, device=y.device, dtype=torch.float64)
        tried = low[..., None] + (u[..., 0, :] * room[..., None]).long()
        flat = self.scores.gather(1, tried.flatten(1)).view(tried.shape)
        weight = -((flat - y[..., None]) / width[..., None]).square().double()
        gumbel = -torch.log(-torch.log(u[..., 1, :].clamp(1e-12, 1 - 1e-12)))
        best = (weight + gumbel).argmax(-1, keepdim=True)
        return self.first[:, None] + tried.gather(-1, best)[..., 0]

    def to(self, device: torch.device) -> Vicinity:
        """Return it with its tensors on ``device``."""
        return replace(self, **{name: tensor.to(device) for name, tensor in vars(self).items()})
