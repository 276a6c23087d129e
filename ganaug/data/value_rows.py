"""Training rows with a numeric target, drawn with balanced ranges and by soft vicinity.

Shape legend: M members, N rows of all members together, B rows of a batch, C continuous dimensions, K code columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ganaug.data.rows import TableMember
from ganaug.data.vicinity import Vicinity

__all__ = ["ValueRows", "ValuedMember", "by_score"]

JITTER = 0.5
"""Deviation of the noise on a value asked for, in widths of its vicinity (epsilon in CcGAN)."""


@dataclass(frozen=True, kw_only=True)
class ValuedMember(TableMember):
    """One fit's encoded rows; ``labels (n,)`` are ranges of the target, ``scores (n,)`` its values on their scale."""

    scores: np.ndarray


def by_score(members: Sequence[TableMember]) -> list[ValuedMember]:
    """Return the members with their rows sorted by score, so that the rows of a range lie together."""
    valued = [cast("ValuedMember", member) for member in members]
    return [cast("ValuedMember", member.take(np.argsort(member.scores, kind="stable"))) for member in valued]


@dataclass(frozen=True, kw_only=True)
class ValueRows:
    """Encoded rows, sorted by member and score.

    **Shape:** ``continuous (N, C) float32``, ``buckets (N, K) int64``, ``scores (N,) float32``,
    ``start, count (M, ranges) int64``: where a range of a member begins and how many rows it has.
    """

    continuous: Tensor
    buckets: Tensor
    scores: Tensor
    start: Tensor
    count: Tensor
    vicinity: Vicinity
    view: Callable[[Tensor, Tensor], Tensor]

    @classmethod
    def pack(
        cls, members: Sequence[TableMember], *, n_classes: int, view: Callable[[Tensor, Tensor], Tensor]
    ) -> ValueRows:
        """Put the rows of every member into one table."""
        ordered = by_score(members)
        count = np.stack([np.bincount(member.labels, minlength=n_classes) for member in ordered])
        ends = np.cumsum(count).reshape(count.shape)
        return cls(
            continuous=torch.from_numpy(np.concatenate([m.continuous for m in ordered]).astype(np.float32)),
            buckets=torch.from_numpy(np.concatenate([m.buckets for m in ordered]).astype(np.int64)),
            scores=torch.from_numpy(np.concatenate([m.scores for m in ordered]).astype(np.float32)),
            start=torch.from_numpy(ends - count),
            count=torch.from_numpy(count.astype(np.int64)),
            vicinity=Vicinity.pack([m.scores for m in ordered]),
            view=view,
        )

    @property
    def members(self) -> int:
        """M."""
        return self.count.shape[0]

    def to(self, device: torch.device) -> ValueRows:
        """Return the rows with their tensors on ``device``."""
        held: dict[str, Any] = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor | Vicinity)}
        return replace(self, **held)

    def values(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw ``n`` scores a member ``(M, n)``, each range that has rows as often as any other.

        A score is that of a real row and a little noise (epsilon in CcGAN, Ding et al. 2021, arXiv 2011.07466).

        NOTE[DIFF]: ranges are balanced, and the noise is as wide as the vicinity there.
        """
        device = self.count.device
        present = self.count > 0
        order = torch.argsort(~present, dim=1, stable=True)
        u = torch.rand(self.members, n, 2, generator=rng, device=device, dtype=torch.float64)
        ranges = order.gather(1, (u[..., 0] * present.sum(1, keepdim=True)).long())
        row = self.start.gather(1, ranges) + (u[..., 1] * self.count.gather(1, ranges)).long()
        scores = self.scores[row]
        noise = torch.randn(self.members, n, generator=rng, device=device)
        ends = self.vicinity.first[:, None], (self.vicinity.first + self.vicinity.size - 1)[:, None]
        moved = scores + JITTER * self.vicinity.around(scores) * noise
        return moved.clamp(min=self.scores[ends[0]], max=self.scores[ends[1]])

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return ``n`` rows a member in the networks' view ``(M, n, D)`` and the scores asked for ``(M, n)``."""
        y = self.values(n, rng)
        index = self.vicinity.draw(y, rng)
        return self.view(self.continuous[index], self.buckets[index]), y
