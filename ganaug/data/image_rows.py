"""Training images of many fits, drawn with classes as frequent as the root of their number.

Shape legend: M members, N images of all members together, B images of a batch, C channels, H and W pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

__all__ = ["ImageMember", "ImageRows", "as_bytes", "as_floats"]


@dataclass(frozen=True, kw_only=True)
class ImageMember:
    """One fit's images, which stay where they are, perhaps memory-mapped, until they are drawn."""

    pixels: np.ndarray
    """uint8 ``(N, H, W, C)``."""
    labels: np.ndarray
    """Class codes of the member's own images ``(n,)``."""
    rows: np.ndarray | None = None
    """Which of ``pixels`` they are ``(n,)``; None: all."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> ImageMember:
        """Return the images ``index``, without a copy of them."""
        return ImageMember(pixels=self.pixels, labels=self.labels[index], rows=self._at(index))

    def read(self, index: np.ndarray) -> np.ndarray:
        """Return the pixels of the images ``index``."""
        return self.pixels[self._at(index)]

    def _at(self, index: np.ndarray) -> np.ndarray:
        return index if self.rows is None else self.rows[index]


def as_floats(pixels: Tensor) -> Tensor:
    """Return bytes ``(..., H, W, C)`` as floats in [-1, 1], channels first ``(..., C, H, W)``.

    >>> as_floats(torch.tensor([[[[0], [255]]]], dtype=torch.uint8)).tolist()
    [[[[-1.0, 1.0]]]]
    """
    return (pixels.float() / 127.5 - 1).movedim(-1, -3)


def as_bytes(images: Tensor) -> np.ndarray:
    """Undo `as_floats`; what lies outside is clipped, and NaN is gray.

    >>> as_bytes(torch.tensor([[[-1.0, 3.0]]])).tolist()
    [[[0], [255]]]
    """
    bytes_ = ((images.nan_to_num(nan=0.0).clamp(-1, 1) + 1) * 127.5).round().byte()
    return bytes_.movedim(-3, -1).cpu().numpy()


def _shared(pixels: np.ndarray) -> Tensor:
    """Return an array as a tensor on the same memory, also where that cannot be written to: nothing here writes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(pixels)


@dataclass(frozen=True, kw_only=True)
class ImageRows:
    """Images as bytes, and in what order they lie by member and class.

    **Shape:** ``pixels (N, H, W, C) uint8``, perhaps memory-mapped; ``order (n,)`` points into it; ``start, count
    (M, n_classes) int64``: where in the order a class of a member begins and how many images it has.
    """

    pixels: Tensor
    order: Tensor
    start: Tensor
    count: Tensor
    power: float = 0.5
    """Classes are drawn in proportion to this power of their number: 0 is balanced, 1 as frequent as they are."""

    @classmethod
    def pack(cls, members: Sequence[ImageMember], *, n_classes: int, power: float = 0.5) -> ImageRows:
        """Put the images of every member into one tensor."""
        count = np.stack([np.bincount(member.labels, minlength=n_classes) for member in members])
        ends = np.cumsum(count).reshape(count.shape)
        sorted_ = [member.take(np.argsort(member.labels, kind="stable")) for member in members]
        if len(members) == 1:
            pixels, order = sorted_[0].pixels, sorted_[0].rows
        else:
            pixels, order = np.concatenate([m.read(np.arange(len(m))) for m in sorted_]), np.arange(count.sum())
        return cls(
            pixels=_shared(pixels),
            order=torch.from_numpy(np.asarray(order, np.int64)),
            start=torch.from_numpy(ends - count),
            count=torch.from_numpy(count.astype(np.int64)),
            power=power,
        )

    @property
    def members(self) -> int:
        """M."""
        return self.count.shape[0]

    def to(self, device: torch.device) -> ImageRows:
        """Return the images on ``device``."""
        return replace(self, **{k: getattr(self, k).to(device) for k in ("pixels", "order", "start", "count")})

    def classes(self, n: int, rng: torch.Generator) -> Tensor:
        """Draw ``n`` classes a member ``(M, n)``."""
        weight = torch.where(self.count > 0, self.count.double() ** self.power, 0.0)
        ends = (weight / weight.sum(1, keepdim=True)).cumsum(1)
        u = torch.rand(self.members, n, generator=rng, device=self.count.device, dtype=torch.float64)
        last = (self.count > 0).long().cumsum(1).argmax(1, keepdim=True)
        return torch.minimum(torch.searchsorted(ends, u, right=True), last)

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return ``n`` images a member ``(M, n, C, H, W)`` in [-1, 1] and their classes ``(M, n)``."""
        y = self.classes(n, rng)
        u = torch.rand(y.shape, generator=rng, device=y.device, dtype=torch.float64)
        at = self.start.gather(1, y) + (u * self.count.gather(1, y)).long()
        return as_floats(self.pixels[self.order[at]]), y
