"""Differentiable augmentation of what a discriminator sees, so that few images are not learnt by heart.

Translation and cutout of DiffAugment (Zhao et al. 2020, arXiv 2006.10738), each applied with a probability that adapts
as in ADA (Karras et al. 2020, arXiv 2006.06676, sec. 3.1). Real and generated images are augmented alike, and what is
generated for the user never is.

Shape legend: M members, B images of a batch, C channels, H and W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganaug import distributed

__all__ = ["N_UNIFORM", "Strength", "augment", "cutout", "translate"]

N_UNIFORM = 6
"""Uniform numbers that `augment` takes an image."""


def augment(x: Tensor, u: Tensor, strength: Tensor, *, reach: float = 0.125, hole: float = 0.5) -> Tensor:
    """Move each image, and cut a hole into it, each with probability ``strength`` of its member.

    **Shape:** ``x (M, B, C, H, W)``, ``u (M, B, 6)`` uniform in [0, 1), ``strength (M,)`` ``-> (M, B, C, H, W)``.
    """
    on = u[..., :2] < strength[:, None, None]
    moved = translate(x, torch.where(on[..., :1], (2 * u[..., 2:4] - 1) * reach, 0.0))
    return cutout(moved, u[..., 4:6], torch.where(on[..., 1], hole, 0.0))


def translate(x: Tensor, share: Tensor) -> Tensor:
    """Move images by whole pixels, ``share (M, B, 2)`` of height and width; the border is repeated."""
    for axis, size in ((3, x.shape[3]), (4, x.shape[4])):
        steps = torch.round(share[..., axis - 3] * size).long()
        index = (torch.arange(size, device=x.device) - steps[..., None]).clamp(0, size - 1)
        shape = [*x.shape[:2], 1, 1, 1]
        shape[axis] = size
        x = x.gather(axis, index.reshape(shape).expand_as(x))
    return x


def cutout(x: Tensor, centre: Tensor, share: Tensor) -> Tensor:
    """Set a rectangle to 0, ``share (M, B)`` of the sides long, round ``centre (M, B, 2)`` in [0, 1)."""
    keep = x.new_ones(())
    for axis, size in ((0, x.shape[3]), (1, x.shape[4])):
        at = (torch.arange(size, device=x.device) + 0.5) / size
        inside = (at - centre[..., axis, None]).abs() < share[..., None] / 2
        shape = [*x.shape[:2], 1, 1, 1]
        shape[3 + axis] = size
        keep = keep * inside.reshape(shape)
    return x * (1 - keep.to(x.dtype)) if keep.ndim else x


class Strength(nn.Module):
    """The probability of augmentation ``p (M,)``: raised while the discriminator is too sure of real images.

    ``r = E[sign(D(real) - D(fake))]`` is held at ``target``; 0 means that it cannot tell them, 1 that it always can.
    NOTE[DIFF]: ADA's r_t takes the sign of D(real) alone, which a relativistic discriminator leaves undetermined.

    Parameters
    ----------
    initial
        p before training.
    images
        Real images over which p may go from 0 to 1.
    """

    p: Tensor

    def __init__(self, members: int, *, initial: float = 0.5, target: float = 0.6, images: int = 20_000) -> None:
        super().__init__()
        self.register_buffer("p", torch.full((members,), float(initial)))
        self.target, self.images = target, images

    @torch.no_grad()
    def update(self, real: Tensor, fake: Tensor) -> None:
        """Move p after a batch of logits ``(M, B)``; where processes share the batch, after all of it."""
        signs, rows = (real - fake).float().sign().sum(1), real.shape[1] * distributed.world()
        distributed.sum_([signs])  # whole numbers, so that no process's rounding decides
        self.p.add_((signs / rows - self.target).sign() * rows / self.images).clamp_(0, 1)
