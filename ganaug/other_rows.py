"""What a translator starts from: real rows, or images, of the classes that are not asked for.

Shape legend: M members, N rows of all members together, B rows of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ganaug.data.image_rows import ImageMember, as_floats
from ganaug.data.rows import TableMember, rows_kept
from ganaug.gan import Tensors

__all__ = ["OtherRows", "image_arrays", "row_arrays"]

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class OtherRows:
    """A real row of another class than the one asked for, the class that it is of, noise, and uniforms.

    Every row of the other classes is as likely as any other, so a frequent class is the start more often.

    ``rows`` are tensors ``(N, *)``, sorted by member and class; ``classes (N,)`` those of the rows; ``start, count (M,
    n_classes)`` say where a class of a member begins and how many rows it has.
    """

    rows: Tensors
    classes: Tensor
    start: Tensor
    count: Tensor
    noise: int
    """Dimensions of the noise ``z``."""
    uniforms: int
    """Dimensions of the uniforms ``v``."""
    shown: Callable[[Tensors], Tensors]
    """What is made of the rows drawn."""

    @classmethod
    def pack(cls, members: Sequence[Arrays], *, noise: int, uniforms: int) -> OtherRows:
        """Put the arrays of `row_arrays`, or `image_arrays`, of every member together."""
        counts = np.stack([member["count"] for member in members]).astype(np.int64)
        ends = np.cumsum(counts).reshape(counts.shape)
        names = [name for name in members[0] if name != "count"]
        rows = {name: torch.from_numpy(np.concatenate([member[name] for member in members])) for name in names}
        return cls(
            rows={name: rows[name].long() if rows[name].dtype == torch.int32 else rows[name] for name in names},
            classes=torch.from_numpy(np.repeat(np.tile(np.arange(counts.shape[1]), len(counts)), counts.ravel())),
            start=torch.from_numpy(ends - counts),
            count=torch.from_numpy(counts),
            noise=noise,
            uniforms=uniforms,
            shown=_images if "pixels" in names else dict,
        )

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return rows, ``from (M, B)``, ``z (M, B, noise)`` and ``v (M, B, uniforms)`` for the classes ``y (M, B)``."""
        own, first = self.count.gather(1, y), self.start.gather(1, y)
        others = self.count.sum(1, keepdim=True) - own
        u = torch.rand(y.shape, generator=rng, device=y.device, dtype=torch.float64)
        at = self.start[:, :1] + (u * others).long()
        at = at + torch.where(at >= first, own, 0)  # the rows of the class asked for are stepped over
        inputs = self.shown({name: value[at] for name, value in self.rows.items()})
        inputs["from"] = self.classes[at]
        inputs["z"] = torch.randn(*y.shape, self.noise, generator=rng, device=y.device)
        inputs["v"] = torch.rand(*y.shape, self.uniforms, generator=rng, device=y.device)
        return inputs

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Return the member's rows: real training rows, encoded, or images."""
        begin, n = int(self.start[member, 0]), int(self.count[member].sum())
        kept = {name: value[begin : begin + n].cpu().numpy() for name, value in self.rows.items()}
        kept = {name: value.astype(np.int32) if value.dtype == np.int64 else value for name, value in kept.items()}
        return kept | {"count": self.count[member].cpu().numpy()}

    def to(self, device: torch.device) -> OtherRows:
        """Return the source with its tensors on ``device``."""
        moved = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, rows={name: value.to(device) for name, value in self.rows.items()}, **moved)


def _images(rows: Tensors) -> Tensors:
    return {"x": as_floats(rows["pixels"])}


def row_arrays(member: TableMember, *, n_classes: int, most: int, seed: int) -> dict[str, np.ndarray]:
    """Return the encoded rows of a member that are kept, class by class, ``most`` of a class, and how many they are."""
    order, count = _choose(member.labels, n_classes, most, seed)
    continuous, buckets = member.continuous[order].astype(np.float32), member.buckets[order].astype(np.int32)
    return {"continuous": continuous, "buckets": buckets, "count": count}


def image_arrays(member: ImageMember, *, n_classes: int, most: int, seed: int) -> dict[str, np.ndarray]:
    """Return the same of images."""
    order, count = _choose(member.labels, n_classes, most, seed)
    return {"pixels": np.array(member.read(order)), "count": count}


def _choose(labels: np.ndarray, n_classes: int, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that are kept, class by class, and how many each class has."""
    kept = rows_kept(labels, n_classes, most=most, seed=seed)
    return np.concatenate(kept), np.array([len(own) for own in kept], np.int64)
