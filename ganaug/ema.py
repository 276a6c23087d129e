"""Averaged weights: what is sampled from is a moving mean of what was trained."""

from __future__ import annotations

import copy

import torch
from torch import nn

__all__ = ["Average"]


class Average:
    """An exponential moving average of a network's parameters, of a half-life in steps.

    The decay grows with the step, ``min(0.5^(1 / half_life), (1 + step) / (10 + step))``, so that the
    average forgets the initial weights (the warm-up of Karras et al. 2020, arXiv 2006.06676, app. B, in spirit).
    """

    def __init__(self, network: nn.Module, *, half_life: float) -> None:
        if half_life <= 0:
            raise ValueError(f"half_life must be above 0 steps, however: {half_life=}")
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._source = network
        self._decay = 0.5 ** (1 / half_life)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the network as it is after ``step``."""
        decay = min(self._decay, (1 + step) / (10 + step))
        averaged: list[torch.Tensor] = list(self.network.parameters())
        current: list[torch.Tensor] = list(self._source.parameters())
        torch._foreach_lerp_(averaged, current, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
        for kept, now in zip(self.network.buffers(), self._source.buffers(), strict=True):
            kept.copy_(now)  # not weights: how far a network has grown, say
