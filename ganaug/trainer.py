"""The one training loop. It sees a `Gan` and never a variant's name."""

from __future__ import annotations

import copy
import itertools
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ganaug import checkpoint as checkpoints
from ganaug import distributed, seeding
from ganaug.ema import Average
from ganaug.errors import ArtefactError, ConfigError, TrainingError
from ganaug.gan import Adam, Draw, Gan, Phase, RealRows, Stage
from ganaug.monitor import BestWeights, Monitor
from ganaug.progress import Progress, describe_losses, silent

__all__ = ["Trained", "TrainingError", "train"]

_log = logging.getLogger(__name__)


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
    """The step to take next."""
    ended: bool = False
    """Whether no step and no observation is left."""
    entered: int = 0
    """Stages whose ``enter`` has been called."""
    parts: int = 1
    """Into how many parts a batch is split, so that the device's memory holds one."""
    losses: dict[str, torch.Tensor] = field(default_factory=dict)
    """The last loss ``(M,)`` of every phase."""
    history: list[dict[str, Any]] = field(default_factory=list)

    def nest(self) -> dict[str, Any]:
        """Return all of it as mappings and lists of tensors and plain values, for `ganaug.checkpoint`."""
        return {
            "step": self.step,
            "ended": self.ended,
            "entered": self.entered,
            "parts": self.parts,
            "losses": self.losses,
            "history": self.history,
            "networks": self.gan.networks.state_dict(),
            "averages": {name: average.network.state_dict() for name, average in self.averages.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "best": self.best.state_dict(),
        }

    def restore(self, nest: dict[str, Any]) -> None:
        self.step, self.ended, self.parts = nest["step"], nest["ended"], nest["parts"]
        self.losses, self.history = nest["losses"], nest["history"]
        for stage in self.gan.stages[: nest["entered"]]:
            self.enter(stage)
        self.gan.networks.load_state_dict(nest["networks"])
        for name, average in self.averages.items():
            average.network.load_state_dict(nest["averages"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(nest["optimisers"][name])
        self.best.load_state_dict(nest["best"], next(self.gan.networks.parameters()).device)

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
    checkpoint: checkpoints.Place | None = None,
    checkpoint_seconds: float = 15.0,
    identity: Mapping[str, Any] | None = None,
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
        A path or URL that is read if something is there, written about every ``checkpoint_seconds`` (0: before every
        step) and at the end, and removed by the caller; of several processes the first one writes, and all read. A
        damaged one is passed over, as the training comes to the same bits without it.
    identity
        What, beside the seed, tells this training from others, in plain JSON values; a checkpoint records it.

    Raises
    ------
    TrainingError
        A loss is not finite, or the device's memory does not hold a single row.
    ArtefactError
        The checkpoint does not belong to this training.
    OutputError
        The checkpoint cannot be written.
    ConfigError
        A batch does not divide by the number of processes.
    """
    state = _begin(gan, rows, device)
    saves = checkpoints.Saves(checkpoint, seconds=checkpoint_seconds, identity={"seed": seed, **(identity or {})})
    _resume(state, saves, checkpoint)
    losses = state.losses
    for step, stage in _schedule(gan, state):
        # Checkpoint. Before the observation, which the resumed run makes again.
        if saves.due:
            state.step = step
            saves.write(state.nest())
        # Observe and stop; before the step, so that the untrained start is seen too.
        if monitor is not None and step % observe_every == 0:
            score = _observe(state, monitor, step)
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
        if monitor is not None and not state.ended:
            _keep_best(state, _observe(state, monitor, gan.steps), gan.steps)
    # Checkpoint, so that nobody who is killed before the result is stored trains again.
    if not state.ended:
        state.step, state.ended = gan.steps, True
        saves.write(state.nest())
    progress("training", gan.steps, gan.steps, describe_losses(losses))
    return _end(state, monitored=monitor is not None)


def _begin(gan: Gan, rows: RealRows, device: torch.device) -> _State:
    for stage in gan.stages:
        own = distributed.shard(stage.batch)
        if distributed.world() > 1 and (own.stop - own.start) % gan.group:
            raise ConfigError(
                f"each process takes whole groups of {gan.group} rows, however: batch={stage.batch}, "
                f"processes={distributed.world()}; take a batch that divides by {gan.group * distributed.world()}"
            )
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


def _resume(state: _State, saves: checkpoints.Saves, checkpoint: checkpoints.Place | None) -> None:
    """Take the state from the checkpoint, if there is one."""
    nest = saves.read()
    if nest is not None:
        try:
            state.restore(nest)
        except (KeyError, RuntimeError, ValueError) as error:
            raise ArtefactError(f"{checkpoint} belongs to another training; delete it to start over") from error
    if not distributed.all_alike(state.step):
        raise ArtefactError(f"not all processes found the same {checkpoint}; put it where all of them can read it")


def _schedule(gan: Gan, state: _State) -> Iterator[tuple[int, Stage]]:
    """Give every step from ``state.step`` on with its stage; a stage's networks are changed before its first step."""
    first, begin = state.step, 0
    for k, stage in enumerate(gan.stages):
        end = begin + stage.steps
        if k >= state.entered:
            state.enter(stage)
        for step in range(max(begin, first), end):
            if stage.during is not None:
                stage.during(gan.networks, (step - begin) / stage.steps)
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
        loss, parts = _differentiate(state, phase, draw, step)
        _share(optimiser, loss)
        optimiser.step()
        if phase.after is not None:
            phase.after(networks, parts)
    for name in phase.moves:
        networks[name].requires_grad_(False)
    return loss


def _differentiate(state: _State, phase: Phase, draw: Draw, step: int) -> tuple[torch.Tensor, list[Draw]]:
    """Compute loss and gradients on this process's rows, in parts where the device's memory does not hold all at once.

    Returns the mean loss ``(M,)`` and the parts, which hold what the loss has cached.
    """
    own, split, rng_state = distributed.shard(draw.y.shape[1]), state.parts, draw.rng.get_state()
    while True:
        try:
            found = _accumulate(state, phase, draw, step, own, rng_state)
            break
        except torch.OutOfMemoryError as error:
            reason = str(error).partition(". ")[0]  # nothing else is kept: the error holds what filled the memory
        _split_further(state, phase, -(-(own.stop - own.start) // state.gan.group), reason)
    if state.parts > split:
        _log.warning(
            "the memory of %s does not hold a batch of %d rows; from step %d on it is taken in %d parts, which is "
            "slower and comes to the same but for rounding. A smaller batch avoids it",
            draw.y.device,
            own.stop - own.start,
            step,
            state.parts,
        )
    return found


def _accumulate(
    state: _State, phase: Phase, draw: Draw, step: int, own: slice, rng_state: torch.Tensor
) -> tuple[torch.Tensor, list[Draw]]:
    """Add up the losses and gradients of the parts of the rows ``own``; see `_differentiate`."""
    networks, n, group = state.gan.networks, own.stop - own.start, state.gan.group
    groups = -(-n // group)
    count = min(state.parts, groups)
    cuts = [own.start + min(n, k * groups // count * group) for k in range(count + 1)]
    state.optimisers[phase.name].zero_grad(set_to_none=True)
    loss, parts = torch.zeros(draw.y.shape[0], device=draw.y.device), []
    for first, last in itertools.pairwise(cuts):
        draw.rng.set_state(rng_state)  # every part draws the numbers of the whole batch, and takes its own
        part, share = draw.part(slice(first, last)), (last - first) / n
        own_loss = phase.loss(networks, part).mean(1)
        total = own_loss.sum()
        for penalty in phase.penalties:
            if step % penalty.interval == 0:
                total = total + penalty.weight * penalty.interval * penalty.term(networks, part).mean(1).sum()
        (share * total).backward()
        loss += share * own_loss.detach()
        parts.append(part)
    return loss, parts


def _split_further(state: _State, phase: Phase, rows: int, reason: str) -> None:
    """Halve the parts of a batch of ``rows``, or groups of rows."""
    if state.parts >= rows:
        raise TrainingError(
            f"the device's memory does not hold a single row of a batch in phase {phase.name!r} ({reason}); take "
            "smaller images (`images={'size': (h, w)}`), a smaller network, fewer folds at once, or device='cpu'"
        )
    state.parts = min(2 * state.parts, rows)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


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


def _observe(state: _State, monitor: Monitor, step: int) -> torch.Tensor:
    """Score the averaged networks ``(M,)`` and record what was seen."""
    score = monitor(state.gan, state.sampling_networks())
    distributed.copy_first_([score])  # which step is kept, and when to stop, must be the same everywhere
    entry: dict[str, Any] = {name: loss.tolist() for name, loss in state.losses.items()}
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
