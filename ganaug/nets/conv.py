"""Convolutions with a leading member axis: M independent networks of one shape.

Shape legend: M members (independent fits), B images of a batch, I and O channels, H and W pixels, k kernel size.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["MemberConv2d", "downsample", "smooth", "upsample"]


class MemberConv2d(nn.Module):
    """M convolutions, one a member, with the padding that keeps the size (halves or doubles it with a stride of 2).

    The members are taken one after the other: a convolution fills a processor by itself, and the grouped kernel that
    would take them at once is the slower one. On CUDA channels lie last in memory, where its kernels want them.

    **Shape:** ``(M, B, I, H, W) -> (M, B, O, H', W')``; ``weight`` is ``(M, O, I / groups, k, k)`` (transposed:
    ``(M, I, O, k, k)``), ``bias`` is ``(M, O)``.

    >>> MemberConv2d(2, 3, 4)(torch.zeros(2, 5, 3, 8, 8)).shape
    torch.Size([2, 5, 4, 8, 8])
    >>> MemberConv2d(2, 3, 4, kernel=4, stride=2, transposed=True)(torch.zeros(2, 5, 3, 8, 8)).shape
    torch.Size([2, 5, 4, 16, 16])
    """

    def __init__(
        self,
        members: int,
        n_in: int,
        n_out: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
        transposed: bool = False,
        bias: bool = True,
        zero: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        shape = (n_in, n_out, kernel, kernel) if transposed else (n_out, n_in // groups, kernel, kernel)
        self.weight = nn.Parameter(torch.zeros(members, *shape))
        self.bias = nn.Parameter(torch.zeros(members, n_out)) if bias else None
        self.stride, self.groups, self.transposed, self.zero = stride, groups, transposed, zero
        self.padding = (kernel - 1) // 2
        # What an output sees: a transposed kernel of stride 2 reaches each pixel with a quarter of its taps.
        taps = n_in * kernel**2 / stride**2 if transposed else n_in // groups * kernel**2
        self.bound = gain / math.sqrt(taps)

    def initialise(self, member: int, rng: torch.Generator) -> None:
        """Draw member ``member``'s weights, uniform in +-gain/sqrt(taps) (as torch's own); zero stays zero."""
        if self.zero:
            return
        with torch.no_grad():
            self.weight[member].uniform_(-self.bound, self.bound, generator=rng)

    def forward(self, x: Tensor) -> Tensor:
        biases = [None] * len(x) if self.bias is None else self.bias
        out = [self._one(a, w, b) for a, w, b in zip(x, self.weight, biases, strict=True)]
        return out[0][None] if len(out) == 1 else torch.stack(out)

    def _one(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if x.is_cuda:
            x, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
        if self.transposed:
            return F.conv_transpose2d(x, weight, bias, stride=self.stride, padding=self.padding)
        return F.conv2d(x, weight, bias, stride=self.stride, padding=self.padding, groups=self.groups)


def upsample(x: Tensor) -> Tensor:
    """Double the size, bilinearly. **Shape:** ``(M, B, C, H, W) -> (M, B, C, 2H, 2W)``."""
    return F.interpolate(x.flatten(0, 1), scale_factor=2, mode="bilinear", align_corners=False).unflatten(
        0, x.shape[:2]
    )


def downsample(x: Tensor) -> Tensor:
    """Halve the size, averaging 2 x 2 pixels. **Shape:** ``(M, B, C, H, W) -> (M, B, C, H/2, W/2)``."""
    return F.avg_pool2d(x.flatten(0, 1), 2).unflatten(0, x.shape[:2])


def smooth(x: Tensor) -> Tensor:
    """Take the mean of 3 x 3 pixels, weighted 1, 2, 1 each way; what alternates from pixel to pixel vanishes in it.

    A transposed convolution of stride 2 computes neighbouring pixels by unlike weights, and a grid of them stays to be
    seen in what is generated (Odena et al. 2016, Deconvolution and Checkerboard Artifacts). This filter behind it is
    that of StyleGAN (Karras et al. 2018, arXiv 1812.04948, sec. 2).

    **Shape:** ``(M, B, C, H, W)``.
    """
    weights = torch.tensor([0.25, 0.5, 0.25], device=x.device, dtype=x.dtype)
    kernel = torch.outer(weights, weights).expand(x.shape[2], 1, 3, 3)
    flat = F.pad(x.flatten(0, 1), (1, 1, 1, 1), mode="replicate")
    return F.conv2d(flat, kernel, groups=x.shape[2]).unflatten(0, x.shape[:2])
