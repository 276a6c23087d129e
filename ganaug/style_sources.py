"""What generators with styles start from: two points of noise, where to change from one to the other, and noise maps.

Shape legend: M members, B images of a batch, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ganaug.gan import Source, Tensors

__all__ = ["Crossed", "StyleSource", "halfway"]


def halfway(layers: int) -> int:
    """Return how many of the layers are the coarser half.

    >>> halfway(3), halfway(7)
    (2, 4)
    """
    return (layers + 1) // 2


@dataclass(frozen=True, kw_only=True)
class StyleSource:
    """Standard normal noise, and style mixing (Karras et al. 2018, arXiv 1812.04948, sec. 3.1); keeps no image."""

    size: int
    """Dimensions of ``z`` and ``other``."""
    pixels: int
    """Numbers of the noise maps of all layers."""
    layers: int
    """Styled layers."""
    mixing: float
    """Share of the images whose fine layers have another style."""
    crossing: float
    """Share of these, where they have the coarser half of the layers to themselves, whose other style is of a class
    that may be another."""

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return the generator's inputs for the classes ``y (M, B)``.

        ``z, other (M, B, size)``; ``noise (M, B, pixels)``; ``cut (M, B)``: the first layer that has the style of
        ``other``, evenly from 1 to L - 1, or L where there is none; ``donor (M, B)``: the class of ``other``, which is
        ``y``, or the class of the image before where styles are crossed; ``psi (M, B)``: 1, no truncation.
        """
        z, other = torch.randn(*y.shape, 2, self.size, generator=rng, device=y.device).unbind(-2)
        noise = torch.randn(*y.shape, self.pixels, generator=rng, device=y.device)
        mixed, place, crossed = torch.rand(*y.shape, 3, generator=rng, device=y.device).unbind(-1)
        cut = 1 + (place * (self.layers - 1)).long().clamp(max=self.layers - 2)
        cut = torch.where(mixed < self.mixing, cut, self.layers)
        crosses = (crossed < self.crossing) & (cut >= halfway(self.layers))
        donor = torch.where(crosses, y.roll(1, dims=1), y)
        psi = torch.ones(y.shape, device=y.device)
        return {"z": z, "other": other, "noise": noise, "cut": cut, "donor": donor, "psi": psi}

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Nothing has to be kept."""
        return {}

    def to(self, device: torch.device) -> StyleSource:
        """Return itself: it holds no tensor."""
        return self


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """Another source's draws, with the layers from ``cut`` on in the style of the class ``donor``."""

    source: Source
    donor: int
    cut: int

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return the source's inputs with the same ``cut (M, B)`` and ``donor (M, B)`` for all.

        ``crossed (M, B)`` says that these are asked for, and do not only serve training.
        """
        asked = {"cut": torch.full_like(y, self.cut), "donor": torch.full_like(y, self.donor)}
        return self.source.draw(y, rng) | asked | {"crossed": torch.ones_like(y, dtype=torch.bool)}

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Return what the source keeps."""
        return self.source.arrays(member)

    def to(self, device: torch.device) -> Crossed:
        """Return the same on ``device``."""
        return replace(self, source=self.source.to(device))
