"""What the generators of tables start from where rows are asked for by a value: pairs of real rows around it.

Shape legend: M members, B rows of a batch, N anchors of all members, C continuous dimensions, K code columns, k
neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganaug import seeding
from ganaug.data.value_rows import ValuedMember, by_score
from ganaug.data.vicinity import Vicinity
from ganaug.gan import Tensors
from ganaug.sources import nearest_rows

__all__ = ["ValueAnchorSource", "value_anchor_arrays"]


@dataclass(frozen=True, kw_only=True)
class ValueAnchorSource:
    """Pairs of real neighbours ``(a, b)`` around a value asked for, where on the way between them, and noise.

    ``a`` is drawn by the soft vicinity of the value; b among its neighbours, if possible one on the other side of the
    value. Then ``u = (y - y_a) / (y_b - y_a)``: the target that SMOTER (Torgo et al. 2013) gives the row between a and
    b, the interpolated one, *is* the value asked for. Where all neighbours lie on one side, u is uniform, and the value
    asked for differs from the interpolated one by less than the vicinity's width and the neighbours' distance.

    Encoded rows of all members lie in one table, sorted by member and score.
    """

    continuous: Tensor
    codes: Tensor
    buckets: Tensor
    scores: Tensor
    neighbours: Tensor
    vicinity: Vicinity
    noise: int

    @classmethod
    def pack(cls, members: Sequence[dict[str, np.ndarray]], *, noise: int) -> ValueAnchorSource:
        """Put the arrays of `value_anchor_arrays` of every member into one table."""
        vicinity = Vicinity.pack([m["scores"] for m in members])

        def stacked(name: str, dtype: type) -> Tensor:
            return torch.from_numpy(np.concatenate([m[name].astype(dtype) for m in members]))

        shift = torch.repeat_interleave(vicinity.first, vicinity.size)[:, None]
        return cls(
            continuous=stacked("continuous", np.float32),
            codes=stacked("codes", np.int64),
            buckets=stacked("buckets", np.int64),
            scores=stacked("scores", np.float32),
            neighbours=stacked("neighbours", np.int64) + shift,
            vicinity=vicinity,
            noise=noise,
        )

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return anchors a and b (continuous, codes, buckets), ``u (M, B)``, ``v (M, B, K)``, ``z (M, B, noise)``."""
        a = self.vicinity.draw(y, rng)
        near = self.neighbours[a]
        u = torch.rand(*y.shape, 1 + near.shape[-1], generator=rng, device=y.device)
        side = self.scores[near] - y[..., None]
        away = self.scores[a][..., None] - y[..., None]
        across = (side * away < 0).float()
        b = near.gather(-1, (across + u[..., 1:]).argmax(-1, keepdim=True))[..., 0]
        span = self.scores[b] - self.scores[a]
        between = (y - self.scores[a]) / torch.where(span == 0, 1.0, span)
        met = (span != 0) & (between > 0) & (between < 1)
        room = (self.vicinity.around(y) / span.abs().clamp(min=1e-12)).clamp(max=1)
        inputs = {
            "u": torch.where(met, between, u[..., 0] * room),
            "z": torch.randn(*y.shape, self.noise, generator=rng, device=y.device),
        }
        inputs["v"] = torch.rand(*y.shape, self.codes.shape[1], generator=rng, device=y.device)
        for name, index in (("a", a), ("b", b)):
            inputs[f"{name}_continuous"] = self.continuous[index]
            inputs[f"{name}_codes"] = self.codes[index]
            inputs[f"{name}_buckets"] = self.buckets[index]
        return inputs

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Return the member's anchors, encoded: real training rows."""
        begin, rows = int(self.vicinity.first[member]), int(self.vicinity.size[member])
        own = slice(begin, begin + rows)
        return {
            "continuous": self.continuous[own].cpu().numpy(),
            "codes": self.codes[own].cpu().numpy().astype(np.int32),
            "buckets": self.buckets[own].cpu().numpy().astype(np.int32),
            "scores": self.scores[own].cpu().numpy(),
            "neighbours": (self.neighbours[own] - begin).cpu().numpy().astype(np.int32),
        }

    def to(self, device: torch.device) -> ValueAnchorSource:
        """Return the source with its tensors on ``device``."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor | Vicinity)}
        return replace(self, **moved)


def value_anchor_arrays(
    member: ValuedMember, space: np.ndarray, *, neighbours: int, max_anchors: int, seed: int
) -> dict[str, np.ndarray]:
    """Choose a member's anchors, sorted by score, and find the nearest others of each.

    Neighbours are near in the features and in the target, which counts as much as all features together: the rows
    between two of them are rows of the targets between theirs. A range of more than ``max_anchors`` rows keeps a random
    subset.

    Parameters
    ----------
    member
        Encoded rows with the scores of their targets.
    space
        The same rows where distances are taken, ``(n, D)``.
    """
    kept = []
    for code in np.unique(member.labels):
        own = np.flatnonzero(member.labels == code)
        if len(own) > max_anchors:
            own = seeding.numpy_rng(seed, "anchors", int(code)).choice(own, max_anchors, replace=False)
        kept.append(own)
    chosen = np.concatenate(kept)
    chosen = chosen[np.argsort(member.scores[chosen], kind="stable")]
    (ordered,) = by_score([member.take(chosen)])
    weighted = ordered.scores[:, None] * np.float32(np.sqrt(space.shape[1]))
    joint = np.concatenate([space[chosen], weighted], axis=1)
    return {
        "continuous": ordered.continuous.astype(np.float32),
        "codes": ordered.codes,
        "buckets": ordered.buckets,
        "scores": ordered.scores.astype(np.float32),
        "neighbours": nearest_rows(joint, neighbours) if len(chosen) > 1 else np.zeros((1, 1), np.int64),
    }
