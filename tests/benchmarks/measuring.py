"""One table through the check's own protocol, for several generators on the same folds."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from ganaug import variants
from ganaug.data import read_table, row_hashes
from ganaug.evaluate.arms import NOTHING, make_arm
from ganaug.evaluate.ours import make_ours
from ganaug.evaluate.plan import Rows, make_plan
from ganaug.evaluate.protocol import Generators, Protocol
from ganaug.learners import DEFAULT_LEARNERS, Job, Outcome, Runner, labels_of
from ganaug.learners.scores import DECISION_METRICS
from ganaug.learners.scoring import Scoring
from tests.benchmarks.lineup import Lineup

__all__ = ["Measurement", "Remembering", "capped_threads", "measure"]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the protocol measured on one table."""

    records: pd.DataFrame
    """One value a row: fold, arm, learner, metric, value."""
    seconds: dict[str, float]
    """Arm -> what it costs alone: its generators, its rows, its fits, inner folds included."""
    left_out: dict[str, str]
    """Arm -> why it could not run here."""
    choices: list[dict[str, Any]]
    """What the policy chose in each fold."""
    notes: list[str]
    total: float
    """Seconds in all."""


class Remembering(Runner):
    """A runner that does not fit the same rows with the same seed again.

    Nothing stands beside each of our generators, and a fixed ratio is a candidate of the policy too.
    """

    def __init__(self) -> None:
        super().__init__(1, n_jobs=1)
        self._known: dict[bytes, Outcome] = {}

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Return what every job found, in order."""
        keys = [_key(job) for job in jobs]
        new = {key: job for key, job in zip(keys, jobs, strict=True) if key not in self._known}
        self._known |= dict(zip(new, super().run(list(new.values())), strict=True))
        return [self._known[key] for key in keys]


def _key(job: Job) -> bytes:
    """Tell jobs apart: the seed is of the fold (or inner fold) and the learner, and the real rows are the fold's."""
    training = job.training
    digest = hashlib.sha256(f"{job.learner.name} {job.seed}".encode())
    for part in (training.kept, training.codes, training.weight, training.extra):
        digest.update(b"none" if part is None else np.ascontiguousarray(part).tobytes())
        digest.update(b"|")
    return digest.digest()


def measure(frame: pd.DataFrame, target: str, lineup: Lineup, *, folds: int, seed: int, threads: int) -> Measurement:
    """Run every arm on the same folds, as `ganaug.measure_effect` runs one augmenter on them.

    For each augmenter it gives the numbers that ``measure_effect(frame, target=target, augmenter=..., cv=folds,
    random_state=seed)`` gives; but the cheap arms run once, and augmenters of the same variant share its generators.
    Those that are ``lineup.untuned`` have no inner folds, and so no decision metric but at the untuned threshold.
    """
    started = time.perf_counter()
    rows = read_table(frame, target=target, id_columns=[])
    codes = rows.schema.label_codes(rows.table)
    hashes = row_hashes(rows.table, rows.schema.feature_names)
    info = Rows(codes=codes, hashes=hashes, class_names=rows.schema.class_names())
    plan = make_plan(info, depth="quick", cv=folds, seed=seed)
    runner, rule = Remembering(), Scoring.make(None, codes, labels_of(rows.schema))
    inner_less = replace(plan, folds=tuple(replace(fold, inner=[]) for fold in plan.folds))
    frames, seconds, left_out, choices = [], {}, {}, []
    trained: dict[Any, Generators] = {}
    with capped_threads(threads):
        for augmenter in lineup.augmenters:
            tuned = augmenter.name not in lineup.untuned
            own = plan if tuned else inner_less
            protocol = Protocol(
                rows.table,
                rows.schema,
                arms=[make_arm(NOTHING)] if frames else lineup.cheap,
                ours=make_ours(augmenter, rows),
                learners=DEFAULT_LEARNERS,
                rule=rule,
                runner=runner,
                device="cpu",
            )
            key = (*variants.resolve(augmenter.variant), tuned)
            if key in trained:
                protocol.measured.seconds[augmenter.name] += trained[key].seconds
            else:
                trained[key] = protocol.fit_generators(own.folds, own)
            for fold in own.folds:
                protocol.run_fold(fold, own, trained[key])
            found = protocol.measured.frame()
            found = found if tuned else found[~found["metric"].isin(DECISION_METRICS)]
            frames.append(found if not frames else found[found["arm"] == augmenter.name])
            seconds = dict(protocol.measured.seconds) | seconds
            left_out |= protocol.measured.left_out
            for index, choice in protocol.measured.choices:
                choices.append({"fold": index, "candidate": choice.candidate.name, "reason": choice.reason})
    records = pd.concat(frames, ignore_index=True)[["fold", "arm", "learner", "metric", "value"]]
    return Measurement(
        records=records,
        seconds=seconds,
        left_out=left_out,
        choices=choices,
        notes=list(plan.notes),
        total=time.perf_counter() - started,
    )


@contextmanager
def capped_threads(n: int) -> Iterator[None]:
    """Cap torch, BLAS and OpenMP at ``n`` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with threadpool_limits(n):
            yield
    finally:
        torch.set_num_threads(before)
