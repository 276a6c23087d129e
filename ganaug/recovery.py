"""A training is looked at, and goes back to its last good state where it went wrong; see `ganaug.watching`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganaug import distributed
from ganaug.errors import TrainingError
from ganaug.gan import RealRows
from ganaug.monitor import Monitor
from ganaug.training_state import State
from ganaug.watching import RETRIES, Alarm, Recorder, observe, recognise, winning

__all__ = ["RETRIES", "Watch", "go_back", "look"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How a training is watched."""

    every: int | None = None
    """Steps between two observations; None: those of the monitor."""
    class_names: Sequence[str] = ()
    """What the classes are called, for messages."""
    record: Recorder | None = None
    """What is told every observation, on the first process."""


def look(
    state: State, rows: RealRows, monitor: Monitor | None, watch: Watch, seed: int
) -> tuple[Tensor | None, Alarm | None]:
    """Record what is seen, and return the score ``(M,)`` and what the training must go back for, if anything.

    The score of a member that has just lost the variety of a class is infinite, so that the state is not kept as best.
    """
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
    doubtful = [alarm.member for alarm in alarms if alarm.doubtful]
    if score is not None and doubtful:
        score = score.clone()
        score[doubtful] = torch.inf  # kept only where nothing else is
    if trouble is None and not doubtful and state.step < gan.steps and not winning(state.history, steps=gan.steps):
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


def go_back(state: State, trouble: Alarm) -> None:
    """Return to the last good state, where half the learning rate and other draws are taken from now on."""
    if state.retries >= RETRIES:
        raise TrainingError(
            f"{trouble.text}; the training went back {RETRIES} times, each time with half the learning rate, and went "
            f"wrong again: {trouble.advice}"
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
