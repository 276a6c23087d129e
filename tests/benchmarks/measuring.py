"""One table, or image set, through the check's own protocol, for several generators on the same folds."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from ganaug import variants
from ganaug.data import TableData, row_hashes
from ganaug.evaluate.arms import NOTHING, make_arm
from ganaug.evaluate.ours import make_ours
from ganaug.evaluate.plan import Plan, Rows, make_plan
from ganaug.evaluate.protocol import Generators, Ours, Protocol
from ganaug.image_schema import ImageSchema
from ganaug.learners import Job, Learner, Outcome, Runner, labels_of
from ganaug.learners.scores import DECISION_METRICS
from ganaug.learners.scoring import Scoring
from ganaug.seeding import derive
from tests.benchmarks.lineup import LEARNERS, Lineup

__all__ = ["Measurement", "Remembering", "capped_threads", "measure", "modality_of", "plan_folds"]


COLUMNS: dict[str, Any] = {"fold": "int64", "arm": str, "learner": str, "metric": str, "value": "float64"}


@dataclass(kw_only=True)
class Measurement:
    """What the protocol measured on some folds of one table."""

    records: pd.DataFrame = field(default_factory=pd.DataFrame)
    """One value a row: fold, arm, learner, metric, value."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Arm -> what it costs alone: its generators, its rows, its fits, inner folds included."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Arm -> why it could not run here; its records are of the folds before."""
    choices: list[dict[str, Any]] = field(default_factory=list)
    """What the policy chose in each fold."""
    notes: list[str]
    test_to_train: float
    """Test rows a training row, mean over the folds; NaN without folds."""
    total: float = 0.0
    """Seconds in all."""

    def take(self, protocol: Protocol) -> None:
        """Take over all but the records."""
        measured = protocol.measured
        self.seconds = {k: float(v) for k, v in measured.seconds.items() if k != NO_OURS.name} | self.seconds
        self.left_out |= measured.left_out
        for index, choice in measured.choices:
            self.choices.append({"fold": index, "candidate": choice.candidate.name, "reason": choice.reason})


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
    """Tell jobs apart: the seed is of the fold (or inner fold) and the learner, and the real rows are the fold's.

    What is predicted counts, too: a committee's fits on the same rows label other synthetic rows each time.
    """
    training = job.training
    digest = hashlib.sha256(f"{job.learner.name} {job.seed}".encode())
    for part in (training.kept, training.codes, training.weight, training.extra, job.held_out):
        digest.update(b"none" if part is None else np.ascontiguousarray(part).tobytes())
        digest.update(b"|")
    return digest.digest()


def plan_folds(info: Rows, *, cv: Any, seed: int, repeats: int) -> Plan:
    """Plan all folds, numbered through; the first repeat's are those of the check with this seed."""
    plans = [
        make_plan(info, depth="quick", cv=cv, seed=derive(seed, "repeat", r) if r else seed) for r in range(repeats)
    ]
    folds = [replace(f, index=f.index + r * plans[0].n_splits, repeat=r) for r, p in enumerate(plans) for f in p.folds]
    notes = dict.fromkeys(note for p in plans for note in p.notes)
    return replace(plans[0], folds=tuple(folds), n_repeats=repeats, notes=tuple(notes))


def measure(
    rows: TableData,
    lineup: Lineup,
    *,
    cv: Any,
    seed: int,
    threads: int,
    learners: Sequence[Learner] = LEARNERS,
    repeats: int = 1,
    chosen: Sequence[int] | None = None,
) -> Measurement:
    """Measure some folds of one table or image set.

    Ours are measured by a protocol each, on the same folds and seeds; the other arms run once, and augmenters of the
    same variant share its generators. Those that are ``lineup.untuned`` have no inner folds, and so no decision metric
    but at the untuned threshold.

    Args:
        rows: all of them.
        lineup: the arms.
        cv: a number of folds, or (train, test) index pairs.
        seed: of folds, generators and classifiers.
        threads: of torch, BLAS and OpenMP.
        learners: the classifiers.
        repeats: of the folds, where ``cv`` is a number.
        chosen: numbers of the folds to measure; None: all. Their generators are trained as one batch.
    """
    started = time.perf_counter()
    codes = rows.schema.label_codes(rows.table)
    hashes = row_hashes(rows.table, rows.schema.feature_names)
    info = Rows(codes=codes, hashes=hashes, class_names=rows.schema.class_names())
    plan = plan_folds(info, cv=cv, seed=seed, repeats=repeats)
    if chosen is not None:
        plan = replace(plan, folds=tuple(fold for fold in plan.folds if fold.index in chosen))
    runner, rule = Remembering(), Scoring.make(None, codes, labels_of(rows.schema))
    found = Measurement(notes=list(plan.notes), test_to_train=plan.test_to_train() if plan.folds else float("nan"))
    frames: list[pd.DataFrame] = []
    trained: dict[Any, Generators] = {}
    with capped_threads(threads):
        for augmenter in lineup.augmenters or (None,):
            tuned = augmenter is None or augmenter.name not in lineup.untuned
            own = plan if tuned else replace(plan, folds=tuple(replace(fold, inner=[]) for fold in plan.folds))
            protocol = Protocol(
                rows.table,
                rows.schema,
                arms=[make_arm(NOTHING)] if frames else lineup.cheap,
                ours=NO_OURS if augmenter is None else make_ours(augmenter, rows),
                learners=learners,
                rule=rule,
                runner=runner,
                device="cpu",
            )
            generators = None
            if augmenter is not None and plan.folds:
                key = (*variants.resolve(augmenter.variant, modality_of(rows)), tuned)
                if key in trained:
                    protocol.measured.seconds[augmenter.name] += trained[key].seconds
                else:
                    trained[key] = protocol.fit_generators(own.folds, own)
                generators = trained[key]
            for fold in own.folds:
                protocol.run_fold(fold, own, generators)
            frames.append(_kept(protocol, tuned=tuned, whole=not frames))
            found.take(protocol)
    found.records = pd.concat(frames, ignore_index=True)
    found.total = time.perf_counter() - started
    return found


NO_OURS = Ours(name="nobody", label="", arm=make_arm(NOTHING))
"""Stands where the protocol wants an augmenter and there is none."""


def _kept(protocol: Protocol, *, tuned: bool, whole: bool) -> pd.DataFrame:
    """Return a protocol's records: all of the first, of a further one those of its augmenter alone."""
    ours = protocol.ours.name
    records = [
        {name: record[name] for name in COLUMNS}
        for record in protocol.measured.records
        if (whole or record["arm"] == ours)
        and record["arm"] != NO_OURS.name
        and (tuned or record["arm"] != ours or record["metric"] not in DECISION_METRICS)
    ]
    return pd.DataFrame(records, columns=pd.Index(COLUMNS)).astype(COLUMNS)


def modality_of(rows: TableData) -> str:
    """Return ``"images"`` or ``"tables"``."""
    return "images" if isinstance(rows.schema, ImageSchema) else "tables"


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
