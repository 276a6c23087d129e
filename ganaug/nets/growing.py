"""Networks that grow by resolution with fade-in (Karras et al. 2017, arXiv 1710.10196, fig. 2 and sec. 3).

All levels are there from the start; a buffer ``grown (M,)`` says how many doublings are in use: 1.25 means that the
second is a quarter faded in. Images go in and come out at full size, whatever the buffer says.

Shape legend: M members, B images of a batch, C channels, H and W pixels, L doublings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganaug.nets.images import autocast
from ganaug.nets.pyramid import PyramidCritic, PyramidGenerator, enlarge

__all__ = ["GrowingCritic", "GrowingGenerator", "blend", "group_deviation"]


def _in_use(grown: Tensor, levels: int) -> range:
    """Return the levels whose images count for any member, one or, while fading, two."""
    values = grown.tolist() or [float(levels)]
    return range(math.floor(min(values)), math.ceil(max(values)) + 1)


def _share(grown: Tensor, level: int) -> Tensor:
    """Return how far ``level`` is faded in, ``(M, 1, 1, 1, 1)`` in [0, 1]."""
    return (grown - (level - 1)).clamp(0, 1)[:, None, None, None, None]


def blend(images: Sequence[Tensor], levels: range, grown: Tensor) -> Tensor:
    """Mix the images of ``levels``, coarsest first, as far as each member has grown, at the size of the finest of them.

    ``(1 - alpha) doubled(coarse) + alpha fine``: at alpha = 0 it shows the coarse image, and at 1 the fine one.
    """
    out = images[0]
    for level, image in zip(levels[1:], images[1:], strict=True):
        out = torch.lerp(enlarge(out), image, _share(grown, level).to(image.dtype))
    return out


def group_deviation(x: Tensor, group: int) -> Tensor:
    """How much maps differ within each ``group`` of consecutive images: the mean of the standard deviations.

    Karras et al. 2017, sec. 3: over the images of a group, of every channel and place, then averaged over these.
    NOTE[DIFF]: groups, as in the authors' code, and of consecutive images, which `Gan.group` holds together where a
    batch is split. The last group may be smaller.

    **Shape:** ``(M, B, C, H, W) -> (M, B)``, the same for all of a group.
    """
    found = []
    for rows in x.split(group, dim=1):
        deviation = (rows.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
        found.append(deviation[:, None].expand(-1, rows.shape[1]))
    return torch.cat(found, dim=1)


class GrowingGenerator(PyramidGenerator):
    """A generator that grows.

    **Shape:** ``inputs["z"] (M, B, noise), y (M, B) -> (M, B, C, H, W)`` in (-1, 1).
    """

    grown: Tensor

    def __init__(self, members: int, size: tuple[int, int, int], **more: Any) -> None:
        super().__init__(members, size, **more)
        self.register_buffer("grown", torch.full((members,), float(self.scales.levels)))

    def forward(self, inputs: dict[str, Tensor], y: Tensor) -> Tensor:
        levels = _in_use(self.grown, self.scales.levels)
        mixed = blend(self.images(inputs, y, levels), levels, self.grown)
        return self.scales.full(mixed, levels[-1])


class GrowingCritic(PyramidCritic):
    """A critic that grows, and compares ``group`` consecutive images with each other (`group_deviation`).

    Its logits so depend on the other images of a group.

    **Shape:** ``x (M, B, C, H, W), y (M, B) -> (M, B)``.
    """

    grown: Tensor

    def __init__(self, members: int, size: tuple[int, int, int], *, group: int, **more: Any) -> None:
        super().__init__(members, size, extra=1, **more)
        self.group = group
        self.register_buffer("grown", torch.full((members,), float(self.scales.levels)))

    def coarsened(self, x: Tensor) -> Tensor:
        """Return real images as they are shown at this stage of growth, ``(M, B, C, H, W)``.

        They are averaged down, and while a level is fading in mixed with the next coarser ones, and shown at full size.
        """
        levels = _in_use(self.grown, self.scales.levels)
        mixed = blend(self.scales.pyramid(x)[levels.start : levels.stop], levels, self.grown)
        return self.scales.full(mixed, levels[-1])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        images, levels = self.scales.pyramid(x), _in_use(self.grown, self.scales.levels)
        with autocast(self, x, self.precision):
            h = self.glance(images[levels[-1]], levels[-1])
            for level in reversed(range(levels[-1])):
                h = self.down[level](h)
                if level in levels:
                    seen = self.glance(images[level], level)
                    h = torch.lerp(seen, h, _share(self.grown, level + 1).to(h.dtype))
        h = h.to(x.dtype)
        deviation = group_deviation(h, self.group)[:, :, None, None, None]
        return self.verdict(torch.cat([h, deviation.expand(-1, -1, 1, *h.shape[3:])], dim=2), y)
