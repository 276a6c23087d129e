"""What generators that fill in start from: real rows or images of the class asked for, with a part masked, and noise.

Shape legend: M members, N rows of all members together, B rows of a batch, C continuous dimensions, K code columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganaug.data.rows import TableMember, rows_kept
from ganaug.gan import Tensors
from ganaug.image_sources import ImageAnchors

__all__ = ["HoledImages", "MaskedRows", "known_cells", "known_pixels", "normal"]


def normal(u: Tensor) -> Tensor:
    """Return standard normal numbers of uniform ones, of any shape.

    >>> normal(torch.tensor([0.5, 0.975])).round(decimals=2)
    tensor([0.0000, 1.9600])
    """
    return torch.erfinv((2 * u - 1).clamp(-1 + 1e-6, 1 - 1e-6)) * 2**0.5


def known_cells(u: Tensor, share: float) -> Tensor:
    """Return which cells of a row are known, bool ``(M, B, K)``, by uniforms ``u (M, B, K + 2)``.

    Each row has its own chance that a cell is masked, uniform from 0 to ``share``; one cell is masked in any case.

    >>> known_cells(torch.tensor([[[0.5, 0.1, 0.3, 0.9, 0.99]]]), 0.5)
    tensor([[[False,  True, False]]])
    """
    cells = u.shape[-1] - 2
    known = u[..., 1:-1] >= share * u[..., :1]
    first = (u[..., -1:] * cells).long().clamp(max=max(cells - 1, 0))
    return known.scatter(-1, first, False) if cells else known


def known_pixels(u: Tensor, size: tuple[int, int], *, least: float, most: float) -> Tensor:
    """Return what is known round a rectangular hole, bool ``(M, B, 1, H, W)``, by uniforms ``u (M, B, 4)``.

    The hole's sides are ``least`` to ``most`` of the image's, at least one pixel, and it lies anywhere within.
    """
    inside = []
    for axis, n in enumerate(size):
        length = torch.round(n * (least + (most - least) * u[..., axis])).clamp(1, n)
        first = torch.floor(u[..., 2 + axis] * (n - length + 1))
        at = torch.arange(n, device=u.device)
        inside.append((at >= first[..., None]) & (at < (first + length)[..., None]))
    return ~(inside[0][..., :, None] & inside[1][..., None, :])[:, :, None]


@dataclass(frozen=True, kw_only=True)
class MaskedRows:
    """A real row of the class asked for, which of its cells are known, and noise.

    ``continuous (N, C)``, ``codes`` and ``buckets (N, K)``; ``start, count (M, n_classes)``: where a class of a member
    begins and how many rows it has.
    """

    continuous: Tensor
    codes: Tensor
    buckets: Tensor
    start: Tensor
    count: Tensor
    noise: int
    n_uniform: int
    share: float

    @classmethod
    def pack(
        cls, members: Sequence[TableMember], *, n_classes: int, most: int, seeds: Sequence[int], **options: Any
    ) -> MaskedRows:
        """Take all rows of a class of every member, or ``most`` of them at random."""
        parts, count = [], []
        for member, seed in zip(members, seeds, strict=True):
            kept = rows_kept(member.labels, n_classes, most=most, seed=seed)
            parts.append(member.take(np.concatenate(kept)))
            count.append([len(own) for own in kept])
        arrays = {k: np.concatenate([getattr(p, k) for p in parts]) for k in ("continuous", "codes", "buckets")}
        return cls._of(arrays | {"count": np.array(count)}, **options)

    @classmethod
    def stored(cls, arrays: Mapping[str, np.ndarray], **options: Any) -> MaskedRows:
        """Rebuild the source of one member from what `arrays` returned."""
        return cls._of({**arrays, "count": arrays["count"].reshape(1, -1)}, **options)

    @classmethod
    def _of(cls, arrays: Mapping[str, np.ndarray], **options: Any) -> MaskedRows:
        count = arrays["count"].astype(np.int64)
        ends = np.cumsum(count).reshape(count.shape)
        return cls(
            continuous=torch.from_numpy(arrays["continuous"].astype(np.float32)),
            codes=torch.from_numpy(arrays["codes"].astype(np.int64)),
            buckets=torch.from_numpy(arrays["buckets"].astype(np.int64)),
            start=torch.from_numpy(ends - count),
            count=torch.from_numpy(count),
            **options,
        )

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return ``continuous``, ``codes``, ``buckets`` of rows, ``known (M, B, K)``, noise ``z``, uniforms ``v``."""
        u = torch.rand(y.shape, generator=rng, device=y.device, dtype=torch.float64)
        # A monitor asks all members for a class that one of them may lack; what that one gets is not looked at.
        at = (self.start.gather(1, y) + (u * self.count.gather(1, y)).long()).clamp(max=len(self.codes) - 1)
        cells = torch.rand(*y.shape, self.codes.shape[1] + 2, generator=rng, device=y.device)
        return {
            "continuous": self.continuous[at],
            "codes": self.codes[at],
            "buckets": self.buckets[at],
            "known": known_cells(cells, self.share),
            "z": torch.randn(*y.shape, self.noise, generator=rng, device=y.device),
            "v": torch.rand(*y.shape, self.n_uniform, generator=rng, device=y.device),
        }

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Return the member's rows, encoded: real training rows."""
        begin, rows = int(self.start[member, 0]), int(self.count[member].sum())
        held = {k: getattr(self, k)[begin : begin + rows].cpu().numpy() for k in ("continuous", "codes", "buckets")}
        return held | {"count": self.count[member].cpu().numpy()}

    def to(self, device: torch.device) -> MaskedRows:
        """Return the source with its tensors on ``device``."""
        return replace(self, **{k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)})


@dataclass(frozen=True)
class HoledImages:
    """A real image of the class asked for with a rectangular hole, and noise."""

    images: ImageAnchors
    least: float
    most: float

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return ``images (M, B, C, H, W)``, ``known (M, B, 1, H, W)`` and noise ``z``."""
        drawn = self.images.draw(y, rng)
        u = torch.rand(*y.shape, 4, generator=rng, device=y.device)
        size = (drawn["a"].shape[-2], drawn["a"].shape[-1])
        known = known_pixels(u, size, least=self.least, most=self.most)
        return {"images": drawn["a"], "known": known, "z": drawn["z"]}

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Return the member's images: real training images."""
        return self.images.arrays(member)

    def to(self, device: torch.device) -> HoledImages:
        """Return the source with its tensors on ``device``."""
        return replace(self, images=self.images.to(device))
