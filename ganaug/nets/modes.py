"""Mode-specific normalisation: a number as the mode of a mixture that it lies in, and its place within that mode.

Xu et al. 2019 (arXiv 1907.00503), sec. 4.2. Shape legend: M members, B rows, C numbers of a row, K modes.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Modes"]

REACH = 4.0
"""A scalar of 1 is so many standard deviations from its mode's mean (sec. 4.2)."""


class Modes(nn.Module):
    """A mixture of at most K normals for each of C numbers, of every member.

    Buffers ``means, deviations, weights (M, C, K)``; a mode of weight 0 does not exist. They belong to the generator's
    state, as its outputs mean nothing without them. Before `place`, each number has one standard normal mode.

    >>> modes = Modes(1, 1, 2)
    >>> modes.place(0, np.array([[-2.0, 2.0]]), np.array([[0.25, 0.25]]), np.array([[0.5, 0.5]]))
    >>> mode, scalar = modes.split(torch.tensor([[[-2.5]]]), torch.tensor([[[0.9]]]))
    >>> mode.tolist(), scalar.tolist(), modes.join(modes.hot(mode), scalar).tolist()
    ([[[0]]], [[[-0.5]]], [[[-2.5]]])
    """

    means: Tensor
    deviations: Tensor
    weights: Tensor

    def __init__(self, members: int, n_columns: int, n_modes: int) -> None:
        super().__init__()
        shape = (members, n_columns, n_modes)
        self.register_buffer("means", torch.zeros(shape))
        self.register_buffer("deviations", torch.ones(shape))
        weights = torch.zeros(shape)
        weights[..., 0] = 1
        self.register_buffer("weights", weights)

    @torch.no_grad()
    def place(self, member: int, means: np.ndarray, deviations: np.ndarray, weights: np.ndarray) -> None:
        """Set the mixtures of a member, each array ``(C, K)``."""
        for name, values in (("means", means), ("deviations", deviations), ("weights", weights)):
            getattr(self, name)[member] = torch.from_numpy(values.astype(np.float32))

    def split(self, x: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Draw the mode of each number from its posterior, and return its place there.

        **Shape:** ``x, u (M, B, C)``, ``u`` uniform in [0, 1) ``->`` mode ``(M, B, C)`` int64, scalar ``(M, B, C)``:
        ``(x - mean) / (4 deviation)``.
        """
        means, deviations, weights = (b[:, None] for b in (self.means, self.deviations, self.weights))
        away = (x[..., None] - means) / deviations
        density = weights.log() - deviations.log() - away.square() / 2 - math.log(2 * math.pi) / 2
        ends = torch.softmax(density, dim=-1).cumsum(-1)
        mode = (ends <= u[..., None] * ends[..., -1:]).sum(-1)
        return mode, away.gather(-1, mode[..., None])[..., 0] / REACH

    def join(self, hot: Tensor, scalar: Tensor) -> Tensor:
        """Undo `split`: modes as 0/1 ``hot (M, B, C, K)`` and scalars ``(M, B, C)`` -> numbers ``(M, B, C)``."""
        mean, deviation = ((hot * b[:, None]).sum(-1) for b in (self.means, self.deviations))
        return mean + REACH * deviation * scalar

    def hot(self, mode: Tensor) -> Tensor:
        """Return modes ``(M, B, C)`` as 0/1, ``(M, B, C, K)`` float32."""
        return torch.nn.functional.one_hot(mode, self.means.shape[-1]).float()
