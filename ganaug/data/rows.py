"""Training rows of many fits in one pair of tensors, drawn with balanced classes.

Shape legend: M members, N rows of all members together, B rows of a batch, C continuous dimensions, K code columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ganaug import seeding

__all__ = ["TableMember", "TableRows", "rows_kept"]


def rows_kept(labels: np.ndarray, n_classes: int, *, most: int, seed: int) -> list[np.ndarray]:
    """Return for each class the rows that an artefact keeps of it, in their order: all, or ``most`` at random."""
    kept = []
    for c in range(n_classes):
        own = np.flatnonzero(labels == c)
        if len(own) > most:
            own = np.sort(seeding.numpy_rng(seed, "anchors", c).choice(own, most, replace=False))
        kept.append(own)
    return kept


@dataclass(frozen=True, kw_only=True)
class TableMember:
    """One fit's encoded rows: ``continuous (n, C)``, ``codes`` and ``buckets (n, K)``, class codes ``labels (n,)``."""

    continuous: np.ndarray
    codes: np.ndarray
    buckets: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> TableMember:
        """Return the rows ``index``."""
        return replace(self, **{name: array[index] for name, array in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class TableRows:
    """Encoded rows, sorted by member and class.

    **Shape:** ``continuous (N, C) float32``, ``buckets (N, K) int64`` (codes as the networks see them),
    ``start, count (M, n_classes) int64``: where a class of a member begins and how many rows it has.
    """

    continuous: Tensor
    buckets: Tensor
    start: Tensor
    count: Tensor
    view: Callable[[Tensor, Tensor], Tensor]

    @classmethod
    def pack(
        cls,
        members: Sequence[TableMember],
        *,
        n_classes: int,
        view: Callable[[Tensor, Tensor], Tensor],
    ) -> TableRows:
        """Put the rows of every member into one table."""
        ordered = [member.take(np.argsort(member.labels, kind="stable")) for member in members]
        count = np.stack([np.bincount(member.labels, minlength=n_classes) for member in members])
        ends = np.cumsum(count).reshape(count.shape)
        return cls(
            continuous=torch.from_numpy(np.concatenate([m.continuous for m in ordered]).astype(np.float32)),
            buckets=torch.from_numpy(np.concatenate([m.buckets for m in ordered]).astype(np.int64)),
            start=torch.from_numpy(ends - count),
            count=torch.from_numpy(count.astype(np.int64)),
            view=view,
        )

    @property
    def members(self) -> int:
        """M."""
        return self.count.shape[0]

    def to(self, device: torch.device) -> TableRows:
        """Return the rows with their tensors on ``device``."""
        moved = {k: getattr(self, k).to(device) for k in ("continuous", "buckets", "start", "count")}
        return replace(self, **moved)

    def classes(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw ``n`` classes a member ``(M, n)``, each class that has rows as often as any other."""
        present = self.count > 0
        order = torch.argsort(~present, dim=1, stable=True)
        u = torch.rand(self.members, n, generator=rng, device=self.count.device)
        return order.gather(1, (u * present.sum(1, keepdim=True)).long())

    def index(self, y: Tensor, rng: torch.Generator) -> Tensor:
        """Draw one row ``(M, B)`` of each class asked for ``y (M, B)``."""
        u = torch.rand(y.shape, generator=rng, device=y.device, dtype=torch.float64)
        return self.start.gather(1, y) + (u * self.count.gather(1, y)).long()

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return ``n`` rows a member in the networks' view ``(M, n, D)`` and their classes ``(M, n)``."""
        y = self.classes(n, rng)
        index = self.index(y, rng)
        return self.view(self.continuous[index], self.buckets[index]), y
