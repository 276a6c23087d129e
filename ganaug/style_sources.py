"""What generators with styles start from: two points of noise, where to change from one to the other, and noise maps.

Shape legend: M members, B images of a batch, L layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ganaug.gan import Source, Tensors

__all__ = ["Crossed", "StyleSource"]


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

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return the generator's inputs for the classes ``y (M, B)``.

        ``z, other (M, B, size)``, ``noise (M, B, pixels)``, and ``cut (M, B)``: the first layer that has the style of
        ``other``, evenly from 1 to L - 1; L where there is none.
        """
        z, other = torch.randn(*y.shape, 2, self.size, generator=rng, device=y.device).unbind(-2)
        noise = torch.randn(*y.shape, self.pixels, generator=rng, device=y.device)
        mixed, place = torch.rand(*y.shape, 2, generator=rng, device=y.device).unbind(-1)
        cut = 1 + (place * (self.layers - 1)).long().clamp(max=self.layers - 2)
        return {"z": z, "other": other, "noise": noise, "cut": torch.where(mixed < self.mixing, cut, self.layers)}

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
        """Return the source's inputs, the same ``cut (M, B)`` for all, and the class ``donor (M, B)``."""
        crossed = {"cut": torch.full_like(y, self.cut), "donor": torch.full_like(y, self.donor)}
        return self.source.draw(y, rng) | crossed

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Return what the source keeps."""
        return self.source.arrays(member)

    def to(self, device: torch.device) -> Crossed:
        """Return the same on ``device``."""
        return replace(self, source=self.source.to(device))
