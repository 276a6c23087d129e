"""How good the generator is now, on real rows that it does not learn from; and the best state so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ganaug import seeding
from ganaug.errors import TrainingError
from ganaug.gan import Gan, RealRows
from ganaug.watching.alarms import COLLAPSED, SHORT
from ganaug.watching.figures import RealClass, Seen, class_figures, mean_distance

__all__ = [
    "BestWeights",
    "EnergyMonitor",
    "ErrorMonitor",
    "Monitor",
    "energy_distance",
    "mean_distance",
    "refuse_collapse",
]

Monitor = Callable[[Gan, nn.ModuleDict], Tensor | Seen]
"""``(gan, networks) -> (M,)``: one score a member, lower is better; infinite where nothing may be kept. Or the score
with other figures."""

FULL_WEIGHT = 32
"""Held-out rows from which on a class counts in full."""
FEW_GENERATED = 64
"""Rows drawn of a class that none are held out of, to tell their variety."""
MOST_SHOWN = 1000
"""Real rows of a class that its variety is held against."""


class EnergyMonitor:
    """Energy distance between generated and held-out rows of a class, averaged over the classes.

    ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` (Szekely & Rizzo 2013), with X held-out and Y generated rows. The noise of
    the generated rows is the same at every call, so that scores of different steps compare. Where no row is held out at
    all, every state scores 0, and the last is kept.

    Parameters
    ----------
    held_out
        For every member, for every class, its held-out rows ``(n, D)``; an empty tensor leaves the class out.
    shown
        The same of the rows that are trained on, for the variety of the classes; None does not look at it.
    class_names
        For the message.
    thorough
        Whether to tell recall, coverage and the kernel distance from held-out rows too.
    """

    def __init__(
        self,
        held_out: Sequence[Sequence[Tensor]],
        *,
        seed: int,
        n_generated: int = 256,
        shown: Sequence[Sequence[Tensor]] | None = None,
        class_names: Sequence[str],
        thorough: bool = False,
    ) -> None:
        self._names = class_names
        self._held_out = held_out
        self._seed = seed
        self._n = n_generated
        self._real = None if shown is None else [[RealClass(x[:MOST_SHOWN]) for x in classes] for classes in shown]
        self._thorough = thorough

    def __call__(self, gan: Gan, networks: nn.ModuleDict) -> Tensor:
        """Return the score of every member ``(M,)``."""
        return self.look(gan, networks).score

    @torch.no_grad()
    def look(self, gan: Gan, networks: nn.ModuleDict) -> Seen:
        """Return the scores, and the figures of the classes."""
        members, n_classes = len(self._held_out), len(self._held_out[0])
        device = self._held_out[0][0].device
        totals, weights = torch.zeros(members, device=device), torch.zeros(members, device=device)
        made: list[tuple[int, Tensor]] = []
        for c in range(n_classes):
            scored = any(len(classes[c]) for classes in self._held_out)
            watched = self._real is not None and any(classes[c].spread for classes in self._real)
            if not scored and not watched:
                continue
            y = torch.full((members, self._n if scored else FEW_GENERATED), c, device=device)
            rng = seeding.torch_rng(self._seed, "monitor", c, device=device)
            fake = gan.generate(networks, gan.source.draw(y, rng), y)
            made.append((c, fake))
            for m, classes in enumerate(self._held_out):
                if n := len(classes[c]):
                    weight = min(n, FULL_WEIGHT)
                    totals[m] += weight * energy_distance(classes[c], fake[m])
                    weights[m] += weight
        found = {} if self._real is None else class_figures(self._real, made, self._held_out, thorough=self._thorough)
        return Seen(score=totals / weights.clamp(min=1), classes=found)

    def require_sound(self, gan: Gan, networks: nn.ModuleDict, best: Tensor) -> None:
        """Raise `TrainingError` where the rows of a class hardly differ; a few steps are not judged."""
        if self._real is not None and gan.steps >= SHORT:
            refuse_collapse(self.look(gan, networks).classes["variety"], self._names, "rows")


def refuse_collapse(variety: Tensor, class_names: Sequence[str], what: str) -> None:
    """Raise `TrainingError` where the ``variety (M, K)`` of a class says that it has collapsed, NaN being unknown."""
    for shares in variety.nan_to_num(nan=torch.inf):
        worst = int(shares.argmin())
        if shares[worst] < COLLAPSED:
            raise TrainingError(
                f"the generator has collapsed: its {what} of class {class_names[worst]!r} differ by "
                f"{100 * float(shares[worst]):.0f} % of what real ones do; try another seed, fewer steps, a lower "
                "learning rate, or another variant"
            )


class ErrorMonitor:
    """How far what the networks make of held-out rows is from them, for a `Gan` that has an ``error``.

    Parameters
    ----------
    monitor
        What tells the figures of the classes, and whether one has collapsed.
    rows
        Held-out rows of every member.
    """

    def __init__(self, monitor: Any, rows: RealRows, *, seed: int, device: torch.device, n: int = 256) -> None:
        self._monitor, self._rows, self._seed, self._device, self._n = monitor, rows, seed, device, n

    @torch.no_grad()
    def look(self, gan: Gan, networks: nn.ModuleDict) -> Seen:
        """Return the mean errors, of the same rows and noise at every call, and the figures of the classes."""
        assert gan.error is not None, "there is an error to look at"
        seen = self._monitor.look(gan, networks)
        rng = seeding.torch_rng(self._seed, "monitor", device=self._device)
        real, y = self._rows.draw(self._n, rng)
        error = gan.error(networks, real, y, rng).mean(1)
        return replace(seen, score=torch.where(torch.isinf(seen.score), seen.score, error))

    def require_sound(self, gan: Gan, networks: nn.ModuleDict, best: Tensor) -> None:
        """Raise what the other monitor raises; errors are no distances that it could judge."""
        self._monitor.require_sound(gan, networks, torch.where(torch.isinf(best), best, 0))


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` of rows ``x (n, D)`` and ``y (m, D)`` (Szekely & Rizzo 2013)."""
    within = mean_distance(x, x, unbiased=True) + mean_distance(y, y, unbiased=True)
    return 2 * mean_distance(x, y) - within


class BestWeights:
    """A deep copy of every member's best weights so far.

    A member counts as improved only when its score falls; the weights before training are a candidate like any other.
    """

    def __init__(self, members: int) -> None:
        self.score = torch.full((members,), float("inf"))
        self.step = torch.zeros(members, dtype=torch.int64)
        self.stale = 0
        """Observations since any member improved."""
        self.weights: dict[str, Tensor] = {}

    def observe(self, networks: nn.ModuleDict, score: Tensor, step: int) -> None:
        """Keep the weights of each member whose ``score (M,)`` is its lowest yet; of equal ones the later."""
        score = score.detach().cpu()
        improved, better = score < self.score, score <= self.score
        state = networks.state_dict()
        if not self.weights:
            self.weights = {name: value.detach().clone() for name, value in state.items()}
        for name, value in state.items():
            self.weights[name][better] = value[better]
        self.score = torch.where(better, score, self.score)
        self.step = torch.where(better, step, self.step)
        self.stale = 0 if bool(improved.any()) else self.stale + 1

    def state_dict(self) -> dict[str, Any]:
        """Return everything, for a checkpoint."""
        return {"score": self.score, "step": self.step, "stale": self.stale, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Take over what `state_dict` returned."""
        self.score, self.step, self.stale = state["score"], state["step"], state["stale"]
        self.weights = {name: value.to(device) for name, value in state["weights"].items()}
