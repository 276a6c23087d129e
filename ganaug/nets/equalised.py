"""Equalised learning rate: weights drawn from N(0, 1) and scaled by He's constant whenever they are used.

Karras et al. 2017, arXiv 1710.10196, sec. 4.1: ``w' = w c`` with ``c = gain / sqrt(inputs of a unit)`` (He et al. 2015,
arXiv 1502.01852). Adam's step does not depend on the size of a gradient, so one learning rate moves all layers by the
same share of their weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganaug import seeding
from ganaug.nets.blocks import MemberLinear
from ganaug.nets.conv import MemberConv2d

__all__ = ["equalise", "he_constant"]


def he_constant(layer: MemberLinear | MemberConv2d, *, gain: float = math.sqrt(2)) -> float:
    """Return ``gain / sqrt(inputs of a unit)``; a transposed convolution of stride s reaches a pixel by k^2 / s^2 taps.

    >>> round(he_constant(MemberLinear(1, 8, 3)), 6), he_constant(MemberConv2d(1, 4, 3, kernel=1), gain=1.0)
    (0.5, 0.5)
    """
    if isinstance(layer, MemberLinear):
        return gain / math.sqrt(layer.weight.shape[1])
    inputs = layer.weight.shape[1 if layer.transposed else 2]
    taps = layer.weight.shape[3] * layer.weight.shape[4]
    return gain / math.sqrt(inputs * taps / (layer.stride**2 if layer.transposed else 1))


class _Scaled(nn.Module):
    """A weight, times a constant."""

    def __init__(self, constant: float) -> None:
        super().__init__()
        self.constant = constant

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.constant


def equalise(
    network: nn.Module, seeds: Sequence[int], name: str, *, outputs: Iterable[nn.Module] = (), faint: float = 1.0
) -> None:
    """Equalise every linear and convolutional layer of a network from now on; member m depends on ``seeds[m]`` alone.

    The gain is that of rectified units, sqrt(2), and 1 in the layers ``outputs``, which nothing rectifies, and whose
    weights are drawn from N(0, faint^2). Biases start at 0, and so do layers that are meant to.
    """
    plain = tuple(outputs)
    for layer_name, layer in list(network.named_modules()):
        if not isinstance(layer, MemberLinear | MemberConv2d):
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        gain, size = (1.0, faint) if any(layer is other for other in plain) else (math.sqrt(2), 1.0)
        parametrize.register_parametrization(layer, "weight", _Scaled(he_constant(layer, gain=gain)))
        chain: Any = layer.get_submodule("parametrizations.weight")
        for member, seed in enumerate([] if layer.zero else seeds):
            with torch.no_grad():
                chain.original[member].normal_(
                    std=size, generator=seeding.torch_rng(seed, "equalise", name, layer_name)
                )
