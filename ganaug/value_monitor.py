"""How good the generator is now where rows are asked for by a numeric target."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganaug import seeding
from ganaug.gan import Gan
from ganaug.monitor import FULL_WEIGHT, energy_distance
from ganaug.watching import Seen

__all__ = ["ValueMonitor"]


class ValueMonitor:
    """Energy distance between held-out rows of a range and rows generated for their very values, a mean over ranges.

    See `ganaug.monitor.EnergyMonitor`, which does so for classes.

    Parameters
    ----------
    held_out, scores
        For every member, for every range, its held-out rows ``(n, D)`` and their targets' scores ``(n,)``.
    """

    def __init__(
        self,
        held_out: Sequence[Sequence[Tensor]],
        scores: Sequence[Sequence[Tensor]],
        *,
        seed: int,
        n_generated: int = 256,
    ) -> None:
        self._held_out, self._scores = held_out, scores
        self._seed = seed
        self._n = n_generated

    def __call__(self, gan: Gan, networks: nn.ModuleDict) -> Tensor:
        """Return the score of every member ``(M,)``."""
        return self.look(gan, networks).score

    @torch.no_grad()
    def look(self, gan: Gan, networks: nn.ModuleDict) -> Seen:
        """Return the scores; a range has no figures of its own."""
        members, n_ranges = len(self._held_out), len(self._held_out[0])
        device = self._held_out[0][0].device
        totals, weights = torch.zeros(members, device=device), torch.zeros(members, device=device)
        for k in range(n_ranges):
            if not any(len(ranges[k]) for ranges in self._scores):
                continue
            y = torch.stack([self._repeated(ranges[k]) for ranges in self._scores])
            rng = seeding.torch_rng(self._seed, "monitor", k, device=device)
            fake = gan.generate(networks, gan.source.draw(y, rng), y)
            for m, ranges in enumerate(self._held_out):
                if n := len(ranges[k]):
                    weight = min(n, FULL_WEIGHT)
                    totals[m] += weight * energy_distance(ranges[k], fake[m])
                    weights[m] += weight
        return Seen(score=totals / weights.clamp(min=1))

    def _repeated(self, scores: Tensor) -> Tensor:
        """Return as many scores as are generated; 0 for a member without any, whose rows are not looked at."""
        if not len(scores):
            return torch.zeros(self._n, device=scores.device)
        return scores[torch.arange(self._n, device=scores.device) % len(scores)]

    def require_sound(self, gan: Gan, networks: nn.ModuleDict, best: Tensor) -> None:
        """Accept every state, as `ganaug.monitor.EnergyMonitor` does."""
