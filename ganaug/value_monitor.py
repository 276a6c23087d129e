"""How good the generator is now where rows are asked for by a numeric target."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganaug import seeding
from ganaug.gan import Gan
from ganaug.monitor import FEW_GENERATED, FULL_WEIGHT, MOST_SHOWN, energy_distance, refuse_collapse
from ganaug.watching import SHORT, RealClass, Seen, class_figures

__all__ = ["ValueMonitor"]


class ValueMonitor:
    """Energy distance between held-out rows of a range and rows generated for their very values, a mean over ranges.

    See `ganaug.monitor.EnergyMonitor`, which does so for classes.

    Parameters
    ----------
    held_out, scores
        For every member, for every range, its held-out rows ``(n, D)`` and their targets' scores ``(n,)``.
    shown
        The same two of the rows that are trained on, for the variety of the ranges; None does not look at it.
    range_names
        For the message.
    thorough
        Whether to tell recall, coverage and the kernel distance from held-out rows too.
    """

    def __init__(
        self,
        held_out: Sequence[Sequence[Tensor]],
        scores: Sequence[Sequence[Tensor]],
        *,
        seed: int,
        n_generated: int = 256,
        shown: tuple[Sequence[Sequence[Tensor]], Sequence[Sequence[Tensor]]] | None = None,
        range_names: Sequence[str],
        thorough: bool = False,
    ) -> None:
        self._names = range_names
        self._held_out, self._scores = held_out, scores
        self._real: list[list[RealClass]] | None = None
        if shown is not None:
            self._real = [[RealClass(x[:MOST_SHOWN]) for x in ranges] for ranges in shown[0]]
        self._shown = scores if shown is None else shown[1]
        self._thorough = thorough
        self._seed = seed
        self._n = n_generated

    def __call__(self, gan: Gan, networks: nn.ModuleDict) -> Tensor:
        """Return the score of every member ``(M,)``."""
        return self.look(gan, networks).score

    @torch.no_grad()
    def look(self, gan: Gan, networks: nn.ModuleDict) -> Seen:
        """Return the scores, and the figures of the ranges."""
        members, n_ranges = len(self._held_out), len(self._held_out[0])
        device = self._held_out[0][0].device
        totals, weights = torch.zeros(members, device=device), torch.zeros(members, device=device)
        made: list[tuple[int, Tensor]] = []
        for k in range(n_ranges):
            scored = any(len(ranges[k]) for ranges in self._scores)
            watched = self._real is not None and any(ranges[k].spread for ranges in self._real)
            if not scored and not watched:
                continue
            n = self._n if scored else FEW_GENERATED
            y = torch.stack([self._asked(m, k, n) for m in range(members)])
            rng = seeding.torch_rng(self._seed, "monitor", k, device=device)
            fake = gan.generate(networks, gan.source.draw(y, rng), y)
            made.append((k, fake))
            for m, ranges in enumerate(self._held_out):
                if n := len(ranges[k]):
                    weight = min(n, FULL_WEIGHT)
                    totals[m] += weight * energy_distance(ranges[k], fake[m])
                    weights[m] += weight
        found = {} if self._real is None else class_figures(self._real, made, self._held_out, thorough=self._thorough)
        return Seen(score=totals / weights.clamp(min=1), classes=found)

    def _asked(self, m: int, k: int, n: int) -> Tensor:
        """Return ``n`` scores of member ``m``'s held-out rows of a range, or else of those that are trained on.

        0 for a member without any, whose rows are not looked at.
        """
        held, shown = self._scores[m][k], self._shown[m][k]
        at = torch.arange(n, device=held.device)
        if len(held):
            return held[at % len(held)]
        return shown[at * len(shown) // n] if len(shown) else torch.zeros(n, device=held.device)

    def require_sound(self, gan: Gan, networks: nn.ModuleDict, best: Tensor) -> None:
        """Raise `TrainingError` where the rows of a range hardly differ, as `ganaug.monitor.EnergyMonitor` does."""
        if self._real is not None and gan.steps >= SHORT:
            refuse_collapse(self.look(gan, networks).classes["variety"], self._names, "rows")
