"""The one training loop. It sees a `Gan` and never a variant's name."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ganaug import checkpoint as checkpoints
from ganaug import distributed, seeding
from ganaug.ema import Average
from ganaug.errors import ArtefactError, TrainingError
from ganaug.gan import Adam, Draw, Gan, Phase, RealRows, Stage
from ganaug.monitor import BestWeights, Monitor
from ganaug.progress import Progress, describe_losses, silent

__all__ = ["Trained", "TrainingError", "train"]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training gives: the averaged networks, each member at its best step, and what was seen on the way."""

    networks: nn.ModuleDict
    history: list[dict[str, Any]]
    """One entry an observation: ``step``, a mean loss a phase and a score, each a list of M floats."""
    best_step: list[int]
    best_score: torch.Tensor
    """The score at that step ``(M,)``; infinite without a monitor, and where no step could be kept."""


@dataclass(kw_only=True)
class _State:
    """Everything that moves while training, and so everything that a checkpoint holds."""

    gan: Gan
    averages: dict[str, Average]
    optimisers: dict[str, torch.optim.Optimizer]
    best: BestWeights
    step: int = 0
    entered: int = 0
    """Stages whose ``enter`` has been called."""
    history: list[dict[str, Any]] = field(default_factory=list)

    def nest(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "entered": self.entered,
            "history": self.history,
            "networks": self.gan.networks.state_dict(),
            "averages": {name: average.network.state_dict() for name, average in self.averages.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "best": self.best.state_dict(),
        }

    def restore(self, nest: dict[str, Any]) -> None:
        self.step, self.history = nest["step"], nest["history"]
        for stage in self.gan.stages[: nest["entered"]]:
            self.enter(stage)
        self.gan.networks.load_state_dict(nest["networks"])
        for name, average in self.averages.items():
            average.network.load_state_dict(nest["averages"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(nest["optimisers"][name])
        self.best.load_state_dict(nest["best"])

    def enter(self, stage: Stage) -> None:
        self.entered += 1
        if stage.enter is not None:
            stage.enter(self.gan.networks)

    def sampling_networks(self) -> nn.ModuleDict:
        """The averaged networks under their names, without copies."""
        return nn.ModuleDict({name: average.network for name, average in self.averages.items()})


def train(
    gan: Gan,
    rows: RealRows,
    *,
    seed: int,
    device: torch.device,
    monitor: Monitor | None = None,
    observe_every: int = 50,
    burn_in: int = 0,
    patience: int | None = None,
    checkpoint: Path | None = None,
    checkpoint_every: int = 500,
    progress: Progress = silent,
) -> Trained:
    """Train all members of ``gan`` side by side and return the averaged networks.

    Each step draws from generators that are named by ``(seed, phase, step)``, so a run that goes on from a checkpoint
    ends with the bits of one that was never disturbed (on a CPU, with the same thread count). Where processes train
    together (see `ganaug.distributed`), all of them call this with the same arguments and get the same weights.

    Parameters
    ----------
    monitor
        Scores the averaged networks every ``observe_every`` steps; the best of them are returned. Without it the last.
    burn_in
        Observations before this step are recorded and are no candidates.
    patience
        Observations without any member improving after which training stops; None trains all steps.
    checkpoint
        A file that is written every ``checkpoint_every`` steps, read if it is there, and removed by the caller; of
        several processes the first one writes, and all read.

    Raises
    ------
    TrainingError
        A loss is not finite.
    ArtefactError
        The checkpoint is corrupt or does not belong to this training.
    ConfigError
        A batch does not divide by the number of processes.
    """
    state = _begin(gan, rows, device)
    losses = _resume(state, checkpoint, seed)
    for step, stage in _schedule(gan, state):
        # Checkpoint. Before the observation, which the resumed run makes again.
        if checkpoint is not None and step and step % checkpoint_every == 0:
            state.step = step
            if distributed.is_first():
                checkpoints.write(checkpoint, {"seed": seed, "losses": losses, **state.nest()})
        # Observe and stop; before the step, so that the untrained start is seen too.
        if monitor is not None and step % observe_every == 0:
            score = _observe(state, monitor, step, losses)
            if step >= burn_in and _keep_best(state, score, step) == patience:
                break
        # One step of every phase that is due.
        for phase in gan.phases:
            if step % phase.interval == 0:
                losses[phase.name] = _take(state, phase, rows, stage.batch, seed, step, device)
        # Average.
        for average in state.averages.values():
            average.update(step)
        if step % observe_every == 0:
            _require_finite(losses, step)
            progress("training", step, gan.steps, describe_losses(losses))
    else:
        _require_finite(losses, gan.steps)
        if monitor is not None:
            _keep_best(state, _observe(state, monitor, gan.steps, losses), gan.steps)
    progress("training", gan.steps, gan.steps, describe_losses(losses))
    return _end(state, monitored=monitor is not None)


def _begin(gan: Gan, rows: RealRows, device: torch.device) -> _State:
    for stage in gan.stages:
        distributed.shard(stage.batch)
    gan.networks.to(device).requires_grad_(False)
    distributed.copy_first_(list(gan.networks.state_dict().values()))
    gan.source = gan.source.to(device)
    optimisers: dict[str, torch.optim.Optimizer] = {}
    for phase in gan.phases:
        parameters = [p for name in phase.moves for p in gan.networks[name].parameters()]
        adam = phase.optimiser
        optimisers[phase.name] = torch.optim.Adam(parameters, lr=adam.learning_rate, betas=adam.betas, fused=True)
    averages = {name: Average(gan.networks[name], half_life=gan.half_life) for name in gan.averaged}
    return _State(gan=gan, averages=averages, optimisers=optimisers, best=BestWeights(rows.members))


def _resume(state: _State, checkpoint: Path | None, seed: int) -> dict[str, torch.Tensor]:
    """Take the state from the checkpoint, if there is one, and return the last losses."""
    losses = {} if checkpoint is None or not checkpoint.exists() else _read(state, checkpoint, seed)
    if not distributed.all_alike(state.step):
        raise ArtefactError(f"not all processes found the same {checkpoint}; put it where all of them can read it")
    return losses


def _read(state: _State, checkpoint: Path, seed: int) -> dict[str, torch.Tensor]:
    nest = checkpoints.load(checkpoint)
    if nest["seed"] != seed:
        raise ArtefactError(f"{checkpoint} was written with seed {nest['seed']}, not {seed}; delete it to start over")
    try:
        state.restore(nest)
        return nest["losses"]
    except (KeyError, RuntimeError, ValueError) as error:
        raise ArtefactError(f"{checkpoint} belongs to another training; delete it to start over") from error


def _schedule(gan: Gan, state: _State) -> Iterator[tuple[int, Stage]]:
    """Give every step from ``state.step`` on with its stage; a stage's networks are changed before its first step."""
    first, begin = state.step, 0
    for k, stage in enumerate(gan.stages):
        end = begin + stage.steps
        if k >= state.entered:
            state.enter(stage)
        for step in range(max(begin, first), end):
            yield step, stage
        begin = end


def _take(
    state: _State, phase: Phase, rows: RealRows, batch: int, seed: int, step: int, device: torch.device
) -> torch.Tensor:
    """Take one step of ``phase`` (all its repeats) and return the last loss of every member ``(M,)``."""
    networks, optimiser = state.gan.networks, state.optimisers[phase.name]
    for group in optimiser.param_groups:
        group["lr"] = _learning_rate(phase.optimiser, step, state.gan.steps)
    for name in phase.moves:
        networks[name].requires_grad_(True)
    loss = torch.zeros(rows.members, device=device)
    for repeat in range(phase.repeats):
        rng = seeding.torch_rng(seed, phase.name, step, repeat, device=device)
        real, y = rows.draw(batch, rng)
        draw = Draw(real=real, y=y, inputs=state.gan.source.draw(y, rng), rng=rng)
        draw = draw if distributed.world() == 1 else draw.part(distributed.shard(batch))
        loss = phase.loss(networks, draw).mean(1)
        total = loss.sum()
        for penalty in phase.penalties:
            if step % penalty.interval == 0:
                total = total + penalty.weight * penalty.interval * penalty.term(networks, draw).mean(1).sum()
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        loss = loss.detach()
        _share(optimiser, loss)
        optimiser.step()
    for name in phase.moves:
        networks[name].requires_grad_(False)
    return loss


def _share(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Replace gradients and losses by their means over the processes, each of which has seen its part of the batch.

    Not `DistributedDataParallel`: its hooks count on one forward and one backward pass of the wrapped module, and a
    penalty differentiates through the discriminator twice, from another forward pass.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    distributed.average_([loss, *(p.grad for p in parameters if p.grad is not None)])


def _learning_rate(adam: Adam, step: int, steps: int) -> float:
    fall = 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))
    return adam.learning_rate * (adam.final_share + (1 - adam.final_share) * fall)


def _observe(state: _State, monitor: Monitor, step: int, losses: dict[str, torch.Tensor]) -> torch.Tensor:
    """Score the averaged networks ``(M,)`` and record what was seen."""
    score = monitor(state.gan, state.sampling_networks())
    distributed.copy_first_([score])  # which step is kept, and when to stop, must be the same everywhere
    entry: dict[str, Any] = {name: loss.tolist() for name, loss in losses.items()}
    state.history.append({"step": step, **entry, "score": score.tolist()})
    return score


def _keep_best(state: _State, score: torch.Tensor, step: int) -> int:
    """Keep each member's weights if they are its best, and return how many observations nothing has improved."""
    state.best.observe(state.sampling_networks(), score, step)
    return state.best.stale


def _require_finite(losses: dict[str, torch.Tensor], step: int) -> None:
    for name, loss in losses.items():
        if not bool(torch.isfinite(loss).all()):
            raise TrainingError(
                f"the loss of phase {name!r} is not finite at step {step}: {loss.tolist()}; "
                "try a lower learning rate, or another seed"
            )


def _end(state: _State, *, monitored: bool) -> Trained:
    networks = copy.deepcopy(state.sampling_networks())
    steps = [state.gan.steps] * len(state.best.step)
    if monitored:
        networks.load_state_dict(state.best.weights)
        steps = state.best.step.tolist()
    return Trained(networks=networks, history=state.history, best_step=steps, best_score=state.best.score)
