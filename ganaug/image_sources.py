"""What the generators of images start from: noise, or real images of the class asked for.

Shape legend: M members, N images of all members together, B images of a batch, C channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ganaug.data.image_rows import ImageMember, as_floats
from ganaug.data.rows import rows_kept
from ganaug.gan import Tensors

__all__ = ["ImageAnchors", "LatentSource", "Passing"]


@dataclass(frozen=True)
class LatentSource:
    """Standard normal ``z (M, B, size)``; keeps no image."""

    size: int

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return the generator's inputs for the classes ``y (M, B)``."""
        return {"z": torch.randn(*y.shape, self.size, generator=rng, device=y.device)}

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Nothing has to be kept."""
        return {}

    def to(self, device: torch.device) -> LatentSource:
        """Return itself: it holds no tensor."""
        return self


@dataclass(frozen=True, kw_only=True)
class ImageAnchors:
    """A real image a of the class asked for, two more that differ from it as far as the class has them, and noise.

    ``pixels (N, H, W, C) uint8``; ``start, count (M, n_classes)``: where a class of a member begins and how many
    anchors it has.
    """

    pixels: Tensor
    start: Tensor
    count: Tensor
    noise: int

    @classmethod
    def pack(
        cls, members: Sequence[ImageMember], *, n_classes: int, noise: int, most: int, seeds: Sequence[int]
    ) -> ImageAnchors:
        """Choose the anchors of every member: all images of a class, or ``most`` of them at random."""
        pixels, count = [], []
        for member, seed in zip(members, seeds, strict=True):
            kept = rows_kept(member.labels, n_classes, most=most, seed=seed)
            pixels.append(member.read(np.concatenate(kept)))
            count.append([len(own) for own in kept])
        return cls._of(np.concatenate(pixels), np.array(count), noise)

    @classmethod
    def stored(cls, arrays: Mapping[str, np.ndarray], *, noise: int) -> ImageAnchors:
        """Rebuild the source of one member from what `arrays` returned."""
        return cls._of(arrays["pixels"], arrays["count"].reshape(1, -1), noise)

    @classmethod
    def _of(cls, pixels: np.ndarray, count: np.ndarray, noise: int) -> ImageAnchors:
        ends = np.cumsum(count).reshape(count.shape)
        start, counted = torch.from_numpy(ends - count), torch.from_numpy(count.astype(np.int64))
        return cls(pixels=torch.from_numpy(np.array(pixels)), start=start, count=counted, noise=noise)

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return anchors ``a``, ``b`` and another image ``other``, each ``(M, B, C, H, W)``, noise ``z (M, B, noise)``.

        ``alone (M, B)`` tells where the class has one image only, so that all three are the same.
        """
        count, first = self.count.gather(1, y), self.start.gather(1, y)
        # A monitor asks all members for a class that one of them may lack; what that one gets is not looked at.
        first = first.clamp(max=len(self.pixels) - 1)
        u = torch.rand(*y.shape, 3, generator=rng, device=y.device, dtype=torch.float64)
        a = (u[..., 0] * count).long()
        b, other = ((a + 1 + (u[..., i] * (count - 1)).long()).remainder(count.clamp(min=1)) for i in (1, 2))
        inputs = {name: as_floats(self.pixels[first + i]) for name, i in (("a", a), ("b", b), ("other", other))}
        inputs["alone"] = count < 2
        inputs["z"] = torch.randn(*y.shape, self.noise, generator=rng, device=y.device)
        return inputs

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Return the member's anchors: real training images."""
        begin, rows = int(self.start[member, 0]), int(self.count[member].sum())
        pixels = self.pixels[begin : begin + rows].cpu().numpy()
        return {"pixels": pixels, "count": self.count[member].cpu().numpy()}

    def to(self, device: torch.device) -> ImageAnchors:
        """Return the source with its tensors on ``device``."""
        return replace(self, **{k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)})


@dataclass(frozen=True)
class Passing:
    """Real images that are there in training and not in the artefact: a variant that adds no rows needs none then."""

    images: ImageAnchors | None

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return what `ImageAnchors` does for the classes ``y (M, B)``."""
        assert self.images is not None, "what adds no rows is not asked for any"
        return self.images.draw(y, rng)

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Nothing is kept."""
        return {}

    def to(self, device: torch.device) -> Passing:
        """Return the source with its tensors on ``device``."""
        return self if self.images is None else Passing(self.images.to(device))
