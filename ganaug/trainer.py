"""The one training loop. It sees a `Gan` and never a variant's name."""

from __future__ import annotations

import copy
import itertools
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ganaug import checkpoint as checkpoints
from ganaug import distributed, seeding
from ganaug.ema import Average
from ganaug.errors import ArtefactError, ConfigError, TrainingError
from ganaug.gan import Adam, Draw, Gan, Phase, RealRows
from ganaug.monitor import BestWeights, Monitor
from ganaug.progress import Progress, silent
from ganaug.training_state import State
from ganaug.watching import Alarm, Recorder, describe, gradient_norm, observe, recognise

__all__ = ["RETRIES", "Trained", "TrainingError", "Watch", "train"]

RETRIES = 3
"""How often a training goes back to its last good state before it ends in an error."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training gives: the averaged networks, each member at its best step, and what was seen on the way."""

    networks: nn.ModuleDict
    history: list[dict[str, Any]]
    """One entry an observation: ``step``, and lists of M; see `ganaug.watching.alarms`."""
    best_step: list[int]
    best_score: torch.Tensor
    """The score at that step ``(M,)``; infinite without a monitor, and where no step could be kept."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How a training is watched."""

    every: int | None = None
    """Steps between two observations; None: those of the monitor."""
    class_names: Sequence[str] = ()
    """What the classes are called, for messages."""
    record: Recorder | None = None
    """What is told every observation, on the first process."""


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
    watch: Watch | None = None,
    progress: Progress = silent,
) -> Trained:
    """Train all members of ``gan`` side by side and return the averaged networks.

    Each step draws from generators that are named by ``(seed, phase, step)``, so a run that goes on from a checkpoint
    ends with the bits of one that was never disturbed (on a CPU, with the same thread count). Where processes train
    together (see `ganaug.distributed`), all of them call this with the same arguments and get the same weights.

    A training that goes wrong (see `ganaug.watching`) goes back to the state of its last sound observation, with half
    the learning rate and other draws, `RETRIES` times at most; all members go back together.

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
    watch
        At which other steps it is observed, and what is told of it.

    Raises
    ------
    TrainingError
        A loss is not finite, the training diverges or a class collapses, and going back did not help; or the device's
        memory does not hold a single row.
    ArtefactError
        The checkpoint does not belong to this training.
    OutputError
        The checkpoint cannot be written.
    ConfigError
        A batch does not divide by the number of processes.
    """
    watch = Watch() if watch is None else watch
    state = _begin(gan, rows, device)
    saves = checkpoints.Saves(checkpoint, seconds=checkpoint_seconds, identity={"seed": seed, **(identity or {})})
    _resume(state, saves, checkpoint)
    intervals = (observe_every, watch.every or observe_every)
    if watch.record is not None and distributed.is_first():
        watch.record.begin(state.history)
    while not state.ended:
        stage, step = state.stage(), state.step
        if state.good is None:
            state.keep_good()
        # Checkpoint. Before the observation, which the resumed run makes again.
        if saves.due:
            saves.write(state.nest())
        # Observe, go back or stop; before the step, so that the untrained start is seen too.
        if _observed(step, gan, intervals):
            score, trouble = _observe(state, rows, monitor, watch, seed)
            if trouble is not None:
                _go_back(state, trouble)
                continue
            candidate = stage is None or (step % observe_every == 0 and step >= burn_in)
            if score is not None and candidate and _keep_best(state, score, step) == patience:
                break
        if stage is None:
            break
        # One step of every phase that is due.
        for phase in gan.phases:
            if step % phase.interval == 0:
                state.losses[phase.name] = _take(state, phase, rows, stage.batch, seed, step, device)
                if any(_observed(later, gan, intervals) for later in range(step + 1, step + phase.interval + 1)):
                    state.gradients[phase.name] = _gradient(state.optimisers[phase.name], rows.members)
        # Average.
        for average in state.averages.values():
            average.update(step)
        if step % observe_every == 0:
            progress("training", step, gan.steps, describe(state.losses, state.history))
        state.step += 1
    # Checkpoint, so that nobody who is killed before the result is stored trains again.
    if not state.ended:
        state.step, state.ended = gan.steps, True
        saves.write(state.nest())
    progress("training", gan.steps, gan.steps, describe(state.losses, state.history))
    return _end(state, monitored=monitor is not None)


def _observed(step: int, gan: Gan, intervals: Sequence[int]) -> bool:
    """Say whether the training is looked at before ``step``, or at its end."""
    return step == gan.steps or any(step % interval == 0 for interval in intervals)


def _begin(gan: Gan, rows: RealRows, device: torch.device) -> State:
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
    return State(gan=gan, averages=averages, optimisers=optimisers, best=BestWeights(rows.members))


def _resume(state: State, saves: checkpoints.Saves, checkpoint: checkpoints.Place | None) -> None:
    """Take the state from the checkpoint, if there is one."""
    nest = saves.read()
    if nest is not None:
        try:
            state.restore(nest)
        except (KeyError, RuntimeError, ValueError) as error:
            raise ArtefactError(f"{checkpoint} belongs to another training; delete it to start over") from error
    if not distributed.all_alike(state.step):
        raise ArtefactError(f"not all processes found the same {checkpoint}; put it where all of them can read it")


def _take(
    state: State, phase: Phase, rows: RealRows, batch: int, seed: int, step: int, device: torch.device
) -> torch.Tensor:
    """Take one step of ``phase`` (all its repeats) and return the last loss of every member ``(M,)``."""
    networks, optimiser = state.gan.networks, state.optimisers[phase.name]
    for group in optimiser.param_groups:
        group["lr"] = _learning_rate(phase.optimiser, step, state.gan.steps) * 0.5**state.retries
    for name in phase.moves:
        networks[name].requires_grad_(True)
    loss = torch.zeros(rows.members, device=device)
    again = ("retry", state.retries) if state.retries else ()
    for repeat in range(phase.repeats):
        rng = seeding.torch_rng(seed, phase.name, step, repeat, *again, device=device)
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


def _differentiate(state: State, phase: Phase, draw: Draw, step: int) -> tuple[torch.Tensor, list[Draw]]:
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
    state: State, phase: Phase, draw: Draw, step: int, own: slice, rng_state: torch.Tensor
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


def _split_further(state: State, phase: Phase, rows: int, reason: str) -> None:
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


def _gradient(optimiser: torch.optim.Optimizer, members: int) -> torch.Tensor:
    return gradient_norm([p for group in optimiser.param_groups for p in group["params"]], members)


def _observe(
    state: State, rows: RealRows, monitor: Monitor | None, watch: Watch, seed: int
) -> tuple[torch.Tensor | None, Alarm | None]:
    """Record what is seen, and return the score ``(M,)`` and what the training must go back for, if anything."""
    gan, stage = state.gan, state.stage() or state.gan.stages[-1]
    entry, score = observe(
        gan,
        state.sampling_networks(),
        rows,
        step=state.step,
        batch=max(1, stage.batch // state.parts),
        seed=seed,
        losses=state.losses,
        gradients=state.gradients,
        monitor=monitor,
    )
    state.history.append(entry if not state.retries else {**entry, "retry": state.retries})
    alarms = recognise(
        state.history, phases=[p.name for p in gan.phases], class_names=watch.class_names, steps=gan.steps
    )
    _tell(state.history, alarms, rows.members)
    if watch.record is not None and distributed.is_first():
        watch.record.add(state.history[-1], gan, state.sampling_networks())
    trouble = next((alarm for alarm in alarms if alarm.recover), None)
    if trouble is None and not any(alarm.doubtful for alarm in alarms) and state.step < gan.steps:
        state.keep_good()
    return score, trouble


def _tell(history: list[dict[str, Any]], alarms: Sequence[Alarm], members: int) -> None:
    """Put the alarms into the last entry of ``history``, and log each where it is new."""
    if not alarms:
        return
    known = {(m, n["kind"], n["of"]) for e in history for m, own in enumerate(e.get("noticed", ())) for n in own}
    noticed: list[list[dict[str, str]]] = [[] for _ in range(members)]
    for alarm in alarms:
        noticed[alarm.member].append({"kind": alarm.kind, "of": alarm.key, "text": f"{alarm.text}; {alarm.advice}"})
        if (alarm.member, alarm.kind, alarm.key) not in known:
            _log.warning("%s; %s", alarm.text, alarm.advice)
    history[-1]["noticed"] = noticed


def _go_back(state: State, trouble: Alarm) -> None:
    """Return to the last good state, where half the learning rate and other draws are taken from now on."""
    if state.retries >= RETRIES:
        raise TrainingError(
            f"{trouble.text}; the training went back {RETRIES} times, each time with half the learning rate, and it "
            f"happened again: {trouble.advice}"
        )
    retries = state.retries + 1
    state.go_back()
    state.retries = retries
    _log.warning(
        "the training goes back to step %d, with %g of the learning rate (%d of %d times)",
        state.step,
        0.5**retries,
        retries,
        RETRIES,
    )


def _keep_best(state: State, score: torch.Tensor, step: int) -> int:
    """Keep each member's weights if they are its best, and return how many observations nothing has improved."""
    state.best.observe(state.sampling_networks(), score, step)
    return state.best.stale


def _end(state: State, *, monitored: bool) -> Trained:
    networks = copy.deepcopy(state.sampling_networks())
    steps = [state.gan.steps] * len(state.best.step)
    if monitored:
        networks.load_state_dict(state.best.weights)
        steps = state.best.step.tolist()
    return Trained(networks=networks, history=state.history, best_step=steps, best_score=state.best.score)
