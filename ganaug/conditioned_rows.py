"""Training by sampling: rows are asked for by their class and by the value of one column (Xu et al. 2019, sec. 4.3).

Shape legend: M members, N rows of all members together, B rows of a batch, C continuous dimensions, H 0/1 dimensions
of the code columns, Q questions (a code column each, and one for the class alone), W values of the widest column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganaug.data.rows import TableMember
from ganaug.encode.numeric import PRIVATE_ROWS
from ganaug.gan import Tensors
from ganaug.nets import OneHot

__all__ = ["ConditionedRows", "TrainingRows", "frequencies"]


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """Real rows, found by class and by the value of a column. Not kept in any artefact."""

    rows: Tensor
    """In the networks' view ``(N, C + H)``."""
    order: Tensor
    """For each question, the rows sorted by member, class and value ``(Q, N)``."""
    start: Tensor
    count: Tensor
    """Where in its order a value of a class of a member begins, and how many rows it has ``(M, n_classes, Q, W)``."""
    values: tuple[tuple[np.ndarray, ...], ...]
    """For each member and continuous dimension, the ordinary values ``(n,)``: no spikes, none missing."""

    @classmethod
    def pack(cls, members: Sequence[TableMember], view: OneHot, states: Sequence[int], n_classes: int) -> TrainingRows:
        """Sort the rows of every member; ``states (C,)`` names the code column of each continuous dimension."""
        continuous = np.concatenate([m.continuous for m in members]).astype(np.float32)
        buckets = np.concatenate([m.buckets for m in members]).astype(np.int64)
        owner = np.repeat(np.arange(len(members)), [len(m) for m in members])
        labels = np.concatenate([m.labels for m in members])
        widest = max([w for _, w in view.blocks], default=1)
        asked = [buckets[:, k] for k, _ in view.blocks] + [np.zeros(len(labels), np.int64)]
        count = np.zeros((len(members), n_classes, len(asked), widest), np.int64)
        start, order = np.zeros_like(count), np.zeros((len(asked), len(labels)), np.int64)
        for q, value in enumerate(asked):
            order[q] = np.lexsort((value, labels, owner))
            np.add.at(count[:, :, q], (owner, labels, value), 1)
            ends = np.cumsum(count[:, :, q]).reshape(count[:, :, q].shape)
            start[:, :, q] = ends - count[:, :, q]
        ordinary = tuple(
            tuple(m.continuous[m.buckets[:, k] == 0, c].astype(np.float64) for c, k in enumerate(states))
            for m in members
        )
        rows = view(torch.from_numpy(continuous), torch.from_numpy(buckets))
        order_, start_, count_ = (torch.from_numpy(a) for a in (order, start, count))
        return cls(rows=rows, order=order_, start=start_, count=count_, values=ordinary)

    def draw(self, question: Tensor, value: Tensor, y: Tensor, u: Tensor) -> Tensor:
        """Return one row ``(M, B, D)`` of each class ``y`` that has ``value`` in the column asked for.

        A value that no row has gives some row or other: a monitor asks all members for a class that one may lack.
        """
        m = torch.arange(len(y), device=y.device)[:, None]
        count, start = (t[m, y, question, value] for t in (self.count, self.start))
        at = (start + (u * count).long()).clamp(max=len(self.rows) - 1)
        return self.rows[self.order[question, at]]

    def to(self, device: torch.device) -> TrainingRows:
        """Return the rows with their tensors on ``device``."""
        return replace(self, **{k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)})


def frequencies(count: np.ndarray) -> np.ndarray:
    """Return how often each value is asked for in sampling: as often as the class's rows have it.

    A value that fewer than ten rows of a class have is not asked for; in its stead the class alone is, so that what an
    artefact holds tells of no single row. **Shape:** ``(..., W) int -> (..., W) float32``, sums of 1 at most.
    """
    total = np.maximum(count.sum(-1, keepdims=True), 1)
    return np.where(count >= PRIVATE_ROWS, count / total, 0).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class ConditionedRows:
    """Noise, uniforms, and what is asked for beside the class: a value of one code column, or nothing.

    The columns are asked for equally often, and the class alone as often as a column. While sampling, a column's values
    come as often as in the class; in training by the logarithm of their number there, so that a rare one is learnt,
    with a real row that has the value.
    """

    size: int
    n_uniform: int
    frequency: Tensor
    """In sampling, of each value of a column ``(M, n_classes, Q - 1, W)``; what is missing to 1: the class alone."""
    offsets: Tensor
    """Where in the H dimensions a column begins ``(Q,)``; the class alone is dimension H."""
    training: TrainingRows | None = None
    """The real rows; None where an artefact is loaded."""

    @classmethod
    def fit(
        cls, members: Sequence[TableMember], view: OneHot, states: Sequence[int], *, n_classes: int, **sizes: Any
    ) -> ConditionedRows:
        """Count the values of the ``members``; ``sizes`` are ``size`` and ``n_uniform``."""
        training = TrainingRows.pack(members, view, states, n_classes)
        found = torch.from_numpy(frequencies(training.count[:, :, :-1].numpy()))
        return cls(frequency=found, offsets=_offsets(view), training=training, **sizes)

    @classmethod
    def stored(cls, arrays: Mapping[str, np.ndarray], view: OneHot, **sizes: Any) -> ConditionedRows:
        """Rebuild the source of one member from what `arrays` returned."""
        return cls(frequency=torch.from_numpy(np.array(arrays["frequency"])[None]), offsets=_offsets(view), **sizes)

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return the generator's inputs for the classes ``y (M, B)``.

        ``z (M, B, size)``, ``v (M, B, n_uniform)``, and ``asked (M, B)``, the 0/1 dimension asked for, H for the class
        alone. In training also ``taught (M, B)`` and ``real (M, B, D)``: the same by the logarithm of the numbers, and
        real rows that have it.
        """
        z = torch.randn(*y.shape, self.size, generator=rng, device=y.device)
        v = torch.rand(*y.shape, self.n_uniform, generator=rng, device=y.device)
        u = torch.rand(*y.shape, 3, generator=rng, device=y.device, dtype=torch.float64)
        question = (u[..., 0] * len(self.offsets)).long()
        inputs = {"z": z, "v": v, "asked": self._asked(question, y, u[..., 1])}
        if self.training is not None:
            value = self._taught(self.training.count, question, y, u[..., 1])
            inputs["taught"] = self.offsets[question] + value
            inputs["real"] = self.training.draw(question, value, y, u[..., 2])
        return inputs

    def _asked(self, question: Tensor, y: Tensor, u: Tensor) -> Tensor:
        """Draw values by their frequency ``(M, B)``, as 0/1 dimensions."""
        alone = self.offsets[-1]
        if len(self.offsets) == 1:
            return alone.expand_as(y)
        m = torch.arange(len(y), device=y.device)[:, None]
        ends = self.frequency[m, y, question.clamp(max=len(self.offsets) - 2)].double().cumsum(-1)
        value = (ends <= u[..., None]).sum(-1)
        named = (question < len(self.offsets) - 1) & (value < ends.shape[-1])
        return torch.where(named, self.offsets[question] + value, alone)

    @staticmethod
    def _taught(count: Tensor, question: Tensor, y: Tensor, u: Tensor) -> Tensor:
        """Draw values in proportion to ``log(1 + count)`` ``(M, B)``; sec. 4.3."""
        m = torch.arange(len(y), device=y.device)[:, None]
        ends = count[m, y, question].double().log1p().cumsum(-1)
        return (ends <= u[..., None] * ends[..., -1:]).sum(-1).clamp(max=ends.shape[-1] - 1)

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Return how often each value is asked for, ``(n_classes, Q - 1, W)``: no row."""
        return {"frequency": self.frequency[member].cpu().numpy()}

    def to(self, device: torch.device) -> ConditionedRows:
        """Return the source with its tensors on ``device``."""
        training = None if self.training is None else self.training.to(device)
        return replace(self, frequency=self.frequency.to(device), offsets=self.offsets.to(device), training=training)


def _offsets(view: OneHot) -> Tensor:
    return torch.tensor([begin for begin, _ in view.spans] + [view.n_hot], dtype=torch.int64)
