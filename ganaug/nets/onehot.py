"""The network's view of a table row: its continuous part, then one block of 0/1 a code column."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganaug.encode import Layout

__all__ = ["OneHot"]


class OneHot(nn.Module):
    """Lay rows out as ``(..., D)``, ``D = C + H``, H the sum of the widths above 1 (a width of 1 carries nothing).

    A continuous dimension whose code says that it is a spike or missing (any state but 0) is shown as 0.

    **Shape:** ``continuous (..., C) float32, buckets (..., K) int64 -> (..., D)``; ``states (C,)`` names the code
    column that holds the state of each continuous dimension.

    >>> view = OneHot(1, (2, 1, 3), states=(0,))
    >>> view(torch.tensor([[0.5], [0.5]]), torch.tensor([[0, 0, 2], [1, 0, 2]]))
    tensor([[0.5000, 1.0000, 0.0000, 0.0000, 0.0000, 1.0000],
            [0.0000, 0.0000, 1.0000, 0.0000, 0.0000, 1.0000]])
    """

    offsets: Tensor
    columns: Tensor
    column_of_dim: Tensor
    state_dims: Tensor

    def __init__(self, n_continuous: int, widths: Sequence[int], states: Sequence[int]) -> None:
        super().__init__()
        self.n_continuous = n_continuous
        self.blocks = tuple((k, w) for k, w in enumerate(widths) if w > 1)
        self.n_hot = sum(w for _, w in self.blocks)
        """H."""
        self.n_dims = n_continuous + self.n_hot
        """D."""
        starts, start = [], 0
        for _, w in self.blocks:
            starts.append(start)
            start += w
        self.spans = tuple((start, w) for start, (_, w) in zip(starts, self.blocks, strict=True))
        """Where in the H dimensions each block begins and how wide it is."""
        self.register_buffer("offsets", torch.tensor(starts, dtype=torch.int64), persistent=False)
        self.register_buffer("columns", torch.tensor([k for k, _ in self.blocks], dtype=torch.int64), persistent=False)
        # A column of width 1 is always in state 0: it points at the constant 1 that `assemble` appends.
        at = {k: start for start, (k, _) in zip(starts, self.blocks, strict=True)}
        state_dims = [at.get(k, start) for k in states]
        self.register_buffer("state_dims", torch.tensor(state_dims, dtype=torch.int64), persistent=False)
        spread = [i for i, (_, w) in enumerate(self.blocks) for _ in range(w)]
        self.register_buffer("column_of_dim", torch.tensor(spread, dtype=torch.int64), persistent=False)

    @classmethod
    def of(cls, layout: Layout) -> OneHot:
        """Return the view of an encoder's rows."""
        return cls(layout.n_continuous, layout.widths, layout.code_of_continuous)

    def hot(self, buckets: Tensor) -> Tensor:
        """Return the 0/1 blocks alone, ``(..., D - C)`` float32."""
        out = torch.zeros(*buckets.shape[:-1], self.n_hot, device=buckets.device)
        return out.scatter_(-1, buckets[..., self.columns] + self.offsets, 1.0) if self.blocks else out

    def spread(self, per_column: Tensor) -> Tensor:
        """Repeat one value a code column ``(..., K)`` over its block, ``(..., D - C)``."""
        return per_column[..., self.columns][..., self.column_of_dim]

    def assemble(self, continuous: Tensor, hot: Tensor) -> Tensor:
        """Join ``continuous (..., C)``, weighted by its state 0, and 0/1 or soft blocks ``hot (..., H)``."""
        one = torch.ones(*hot.shape[:-1], 1, device=hot.device)
        return torch.cat([continuous * torch.cat([hot, one], dim=-1)[..., self.state_dims], hot], dim=-1)

    def forward(self, continuous: Tensor, buckets: Tensor) -> Tensor:
        return self.assemble(continuous, self.hot(buckets))
