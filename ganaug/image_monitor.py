"""How good the image generator is now, on real images that it does not learn from, and whether it has collapsed."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug import seeding
from ganaug.data.image_rows import ImageMember, as_floats
from ganaug.gan import Gan
from ganaug.monitor import energy_distance, refuse_collapse
from ganaug.watching.alarms import COLLAPSED
from ganaug.watching.figures import RealClass, Seen, class_figures

__all__ = ["COLLAPSED", "GENERATED", "SIDE", "ImageMonitor"]

logger = logging.getLogger(__name__)

SIDE = 8
"""Images are compared averaged down to about this many pixels a side."""
GENERATED = 64
"""Images drawn of a class at every observation."""


class ImageMonitor:
    """Energy distance between generated and held-out images of a class; infinite while a class has collapsed.

    Without held-out images every sound state scores 0, and the last of them is kept. See `ganaug.monitor` for the
    distance. The noise of the generated images is the same at every call, so that scores of different steps compare.

    Parameters
    ----------
    shown, held_out
        The images of every member that are trained on, and those that are not.
    class_names
        For the message.
    thorough
        Whether to tell recall, coverage and the kernel distance from held-out images too.
    """

    def __init__(
        self,
        shown: Sequence[ImageMember],
        held_out: Sequence[ImageMember],
        *,
        class_names: Sequence[str],
        seed: int,
        device: torch.device,
        thorough: bool = False,
    ) -> None:
        self._seed, self._device, self._names, self._thorough = seed, device, class_names, thorough
        self._held_out = [_by_class(m, len(class_names), device) for m in held_out]
        self._real = [[RealClass(x) for x in _by_class(m, len(class_names), device)] for m in shown]

    def __call__(self, gan: Gan, networks: nn.ModuleDict) -> Tensor:
        """Return the score of every member ``(M,)``."""
        return self.look(gan, networks).score

    @torch.no_grad()
    def look(self, gan: Gan, networks: nn.ModuleDict) -> Seen:
        """Return the scores, and the figures of the classes."""
        members, n_classes = len(self._real), len(self._names)
        totals, weights = torch.zeros(members, device=self._device), torch.zeros(members, device=self._device)
        made: list[tuple[int, Tensor]] = []
        for c in range(n_classes):
            y = torch.full((members, GENERATED), c, device=self._device)
            if not any(len(own[c]) for own in self._held_out) and not any(own[c].spread for own in self._real):
                continue
            rng = seeding.torch_rng(self._seed, "monitor", c, device=self._device)
            fake = gan.generate(networks, gan.source.draw(y, rng), y)
            seen = torch.stack([_small(images) for images in fake])
            made.append((c, seen))
            for m in range(members):
                held = self._held_out[m][c]
                if len(held):
                    totals[m] += energy_distance(held, seen[m]) * len(held)
                    weights[m] += len(held)
        classes = class_figures(self._real, made, self._held_out, thorough=self._thorough)
        score = totals / weights.clamp(min=1)
        collapsed = (classes["variety"] < COLLAPSED).any(1).to(score.device)
        return Seen(score=torch.where(collapsed, torch.inf, score), classes=classes)

    def require_sound(self, gan: Gan, networks: nn.ModuleDict, best: Tensor) -> None:
        """Raise `TrainingError` where a member's ``best (M,)`` score of these networks says that it never was sound.

        One that is farther from real images than their mean is warned of.
        """
        if bool(torch.isinf(best).any()):
            refuse_collapse(self.look(gan, networks).classes["variety"], self._names, "images")
        for held, shown, score in zip(self._held_out, self._real, best.tolist(), strict=True):
            mean = _score_of_means(held, [real.rows for real in shown])
            if score > mean:
                logger.warning(
                    "the generator has learnt next to nothing: its images are farther from held-out ones than one mean "
                    "image a class would be (energy distance %.3g, the mean's %.3g); look at them before use; "
                    "more steps, or another variant, may do better",
                    score,
                    mean,
                )


def _score_of_means(held_out: Sequence[Tensor], shown: Sequence[Tensor]) -> float:
    """Return the score of a generator that draws nothing but the mean of the images shown of each class."""
    both = [(held, rows) for held, rows in zip(held_out, shown, strict=True) if len(held) and len(rows)]
    if not both:
        return float("inf")
    distances = [float(energy_distance(held, rows.mean(0, keepdim=True).expand(2, -1))) for held, rows in both]
    return float(np.average(distances, weights=[len(held) for held, _ in both]))


def _by_class(member: ImageMember, n_classes: int, device: torch.device) -> list[Tensor]:
    """Return small images of every class ``(n, D)``, the first thousand at most."""
    found = []
    for c in range(n_classes):
        own = np.flatnonzero(member.labels == c)[:1000]
        found.append(_small(as_floats(torch.from_numpy(np.ascontiguousarray(member.read(own))).to(device))))
    return found


def _small(images: Tensor) -> Tensor:
    """Average images ``(n, C, H, W)`` down and lay them out, ``(n, D)``, scaled so that D does not matter."""
    if not len(images):
        return images.flatten(1)
    small = F.adaptive_avg_pool2d(images.float(), (min(SIDE, images.shape[-2]), min(SIDE, images.shape[-1])))
    return small.flatten(1) / small[0].numel() ** 0.5
