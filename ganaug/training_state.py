"""Everything that moves while training: in a checkpoint, and as the last good state that a training goes back to."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ganaug.ema import Average
from ganaug.gan import Gan, Stage
from ganaug.monitor import BestWeights

__all__ = ["State"]


@dataclass(kw_only=True)
class State:
    """Everything that moves while training, and so everything that a checkpoint holds."""

    gan: Gan
    averages: dict[str, Average]
    optimisers: dict[str, torch.optim.Optimizer]
    best: BestWeights
    step: int = 0
    """The step to take next."""
    ended: bool = False
    """Whether no step and no observation is left."""
    entered: int = 0
    """Stages whose ``enter`` has been called."""
    parts: int = 1
    """Into how many parts a batch is split, so that the device's memory holds one."""
    losses: dict[str, Tensor] = field(default_factory=dict)
    """The last loss ``(M,)`` of every phase."""
    gradients: dict[str, Tensor] = field(default_factory=dict)
    """The norm of the last gradient ``(M,)`` of every phase before the last observation."""
    history: list[dict[str, Any]] = field(default_factory=list)
    retries: int = 0
    """How often the training has gone back, each time with half the learning rate."""
    good: dict[str, Any] | None = None
    """Where it goes back to: what `_moving` gave at the last observation that was sound."""

    # ------------------------------------------------------------------ in a checkpoint
    def nest(self) -> dict[str, Any]:
        """Return all of it as mappings and lists of tensors and plain values, for `ganaug.checkpoint`."""
        return {
            **self._moving(),
            "ended": self.ended,
            "parts": self.parts,
            "history": self.history,
            "best": self.best.state_dict(),
            "retries": self.retries,
            "good": {} if self.good is None else self.good,
        }

    def restore(self, nest: Mapping[str, Any]) -> None:
        """Take over what `nest` returned."""
        self.ended, self.parts, self.history = nest["ended"], nest["parts"], nest["history"]
        self.retries, self.good = nest["retries"], nest["good"] or None
        for stage in self.gan.stages[: nest["entered"]]:
            self.enter(stage)
        self._take_over(nest)
        self.best.load_state_dict(nest["best"], next(self.gan.networks.parameters()).device)

    # ------------------------------------------------------------------ there and back
    def keep_good(self) -> None:
        """Remember this state as sound, in the main memory."""
        self.good = _copied(self._moving())

    def go_back(self) -> None:
        """Return to the last good state."""
        assert self.good is not None, "who goes back has asked"
        self._take_over(_copied(self.good))

    def _moving(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "entered": self.entered,
            "losses": self.losses,
            "gradients": self.gradients,
            "networks": self.gan.networks.state_dict(),
            "averages": {name: average.network.state_dict() for name, average in self.averages.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
        }

    def _take_over(self, nest: Mapping[str, Any]) -> None:
        self.step, self.losses, self.gradients = nest["step"], dict(nest["losses"]), dict(nest["gradients"])
        self.gan.networks.load_state_dict(nest["networks"])
        for name, average in self.averages.items():
            average.network.load_state_dict(nest["averages"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(nest["optimisers"][name])

    # ------------------------------------------------------------------ on the way
    def stage(self) -> Stage | None:
        """Return the stage of the step to take next, its networks changed before its first step; None at the end.

        A stage that changes the networks cannot be undone, so that the training does not go back behind it.
        """
        begin = 0
        for k, stage in enumerate(self.gan.stages):
            if k >= self.entered:
                self.enter(stage)
                if stage.enter is not None:
                    self.good = None
            if self.step < begin + stage.steps:
                if stage.during is not None:
                    stage.during(self.gan.networks, (self.step - begin) / stage.steps)
                return stage
            begin += stage.steps
        return None

    def enter(self, stage: Stage) -> None:
        """Change the networks for ``stage``."""
        self.entered += 1
        if stage.enter is not None:
            stage.enter(self.gan.networks)

    def sampling_networks(self) -> nn.ModuleDict:
        """The averaged networks under their names, without copies."""
        return nn.ModuleDict({name: average.network for name, average in self.averages.items()})


def _copied(nest: Any) -> Any:
    """Return a nest whose tensors are others, in the main memory."""
    if isinstance(nest, Tensor):
        return nest.detach().to("cpu", copy=True)
    if isinstance(nest, Mapping):
        return {key: _copied(value) for key, value in nest.items()}
    return [_copied(value) for value in nest] if isinstance(nest, list | tuple) else copy.copy(nest)
