"""Spectral normalisation: a layer's weights divided by their largest singular value (Miyato et al. 2018).

arXiv 1802.05957, sec. 2.1 and alg. 1. Every member's matrix has its own; of a convolution it is the weight laid out as
``(outputs, inputs times kernel)``. NOTE[DIFF]: class embeddings are not normalised. A layer that starts at 0, as the
last one of a residual block, has no norm to be divided by and is left as it is until its first step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from ganaug.nets.blocks import MemberLinear
from ganaug.nets.conv import MemberConv2d

__all__ = ["normalise", "refresh"]

FIRST = 20
"""Power iterations before training; then one a step (alg. 1)."""
LEAST = 1e-6
"""Norm up to which a weight counts as zero."""


class _Normalised(nn.Module):
    """``W / sigma(W)`` of a weight ``(M, *)``, with sigma by a left singular vector that `refresh` keeps up to date."""

    left: Tensor

    def __init__(self, weight: Tensor, output_axis: int) -> None:
        super().__init__()
        self.axis = output_axis
        matrix = self._matrix(weight.detach())
        self.register_buffer("left", F.normalize(torch.ones(matrix.shape[:2], device=weight.device), dim=1))

    def _matrix(self, weight: Tensor) -> Tensor:
        """Return the weight as ``(M, outputs, rest)``."""
        return weight.movedim(self.axis, 1).flatten(2)

    def forward(self, weight: Tensor) -> Tensor:
        matrix = self._matrix(weight)
        with torch.no_grad():
            right = F.normalize((self.left[:, None] @ matrix)[:, 0], dim=1)
        sigma = (self.left * (matrix @ right[..., None])[..., 0]).sum(1)
        return weight / torch.where(sigma > LEAST, sigma, 1.0).reshape(-1, *[1] * (weight.ndim - 1))

    @torch.no_grad()
    def iterate(self, weight: Tensor, times: int) -> None:
        """Take steps of the power iteration on ``weight``."""
        matrix = self._matrix(weight)
        for _ in range(times):
            right = F.normalize((self.left[:, None] @ matrix)[:, 0], dim=1)
            left = F.normalize((matrix @ right[..., None])[..., 0], dim=1)
            self.left.copy_(torch.where(left.any(1, keepdim=True), left, self.left))  # a matrix of zeros tells nothing


def normalise(network: nn.Module) -> None:
    """Normalise every linear and convolutional layer of an initialised network from now on."""
    for layer in list(network.modules()):
        if isinstance(layer, MemberLinear):
            parametrize.register_parametrization(layer, "weight", _Normalised(layer.weight, 2))
        elif isinstance(layer, MemberConv2d):
            axis = 2 if layer.transposed else 1
            parametrize.register_parametrization(layer, "weight", _Normalised(layer.weight, axis))
    refresh(network, FIRST)


def refresh(network: nn.Module, times: int = 1) -> None:
    """Follow the weights as they are now; to be called after each step, so that a split batch sees one sigma."""
    for layer in network.modules():
        if parametrize.is_parametrized(layer, "weight"):
            chain: Any = layer.get_submodule("parametrizations.weight")
            chain[0].iterate(chain.original, times)
