"""Many fits, each in one thread, over as many processes as there are cores."""

from __future__ import annotations

import copy
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import LokyBackend, get_active_backend

from ganaug.learners.models import Learner, Rows, fit_predict
from ganaug.orphans import called_from
from ganaug.progress import Progress, silent
from ganaug.seeding import derive

if TYPE_CHECKING:
    from ganaug.learners.part import Part

__all__ = ["Job", "Outcome", "Runner", "Training"]

logger = logging.getLogger(__name__)

PAYS_FROM = 2.0
"""Seconds of work left, in one process, from which starting worker processes (about 1.5 s of each, once) pays; other
workers that joblib may be told to use, threads or those of a cluster, need no start.

Processes, not threads: much of a forest's and a boosting's time is Python's own. Sixty fits of the default learners on
a 1,000 x 10 table took 4.8 s in one process, 4.7 s in two threads and 2.7 s in two (started) processes, one OpenMP
thread each; two threads without that cap took 8.0 s."""
PAYS_WARM_FROM = 0.5
"""The same where worker processes were started before and wait for work."""
WAITING = 240.0
"""Seconds that they wait at least; joblib ends them after 300."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """The rows that a classifier is fitted on: some of the real ones, and others.

    **Shape**: kept (r,) indices into the real training rows; codes (r + e,), weight (r + e,) or None, with e the
    number of ``extra`` rows.
    """

    kept: np.ndarray
    codes: np.ndarray
    extra: Rows | None = None
    weight: np.ndarray | None = None

    def rows(self, real: Rows) -> Rows:
        """Return the rows to fit on: those kept of the ``real`` ones, then the extra ones."""
        if isinstance(real, pd.DataFrame):
            rows = real.iloc[self.kept]
            return rows if self.extra is None else pd.concat([rows, pd.DataFrame(self.extra)], ignore_index=True)
        kept = real[self.kept]
        return kept if self.extra is None else np.concatenate([kept, np.asarray(self.extra)])

    def is_plain(self, n_real: int) -> bool:
        """Tell whether these are the ``n_real`` real rows as they are."""
        return self.extra is None and self.weight is None and np.array_equal(self.kept, np.arange(n_real))

    def shares(self, n_classes: int) -> np.ndarray:
        """Return the class shares (k,) that a classifier fitted on these rows sees, weights included."""
        counts = np.bincount(self.codes, weights=self.weight, minlength=n_classes).astype(np.float64)
        return counts / counts.sum()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Class probabilities of the held-out rows, (m, k), and how long they took."""

    proba: np.ndarray
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Job:
    """One fit of one learner, and the rows that it predicts."""

    learner: Learner
    training: Training
    real: Rows
    held_out: Rows
    n_classes: int
    seed: int

    @classmethod
    def of(cls, part: Part, learner: Learner, training: Training, seed: int) -> Job:
        """Fit ``learner`` on rows of a fold, predict the fold's held-out rows; ``seed`` is the same for every arm."""
        return cls(
            learner=learner,
            training=training,
            real=part.real,
            held_out=part.held_out,
            n_classes=part.schema.n_classes,
            seed=derive(seed, learner.name),
        )

    def run(self) -> Outcome:
        """Fit and predict."""
        started = time.perf_counter()
        rows, training = self.training.rows(self.real), self.training
        proba = fit_predict(
            self.learner, rows, training.codes, training.weight, self.held_out, self.n_classes, self.seed
        )
        return Outcome(proba=proba, seconds=time.perf_counter() - started)


class Runner:
    """Runs jobs, each in one thread; the bits do not depend on how many processes share them.

    Fits are timed as they are done; workers are started only where the work that is left pays for it, and until they
    are there the fits go on in this process.

    Args:
        total: how many fits there will be in all, for the progress and for that decision.
        n_jobs: worker processes, or what `joblib.parallel_config` says in their stead; None: one a core, but inside of
            a worker of joblib's none, as its siblings have the other cores.
        progress: told about every fit that ends, as ``work``.
        work: what to call it.
    """

    _last_used: ClassVar[float] = float("-inf")
    """When worker processes were last given work, or came up."""
    _starting: ClassVar[threading.Thread | None] = None
    """What starts them."""
    _refused: ClassVar[bool] = False
    """Whether they could not be started."""

    def __init__(
        self, total: int, *, n_jobs: int | None = None, progress: Progress = silent, work: str = "classifiers"
    ) -> None:
        self.total = total
        self.done = 0
        self._backend = get_active_backend()[0]
        alone = n_jobs is None and self._backend.nesting_level
        self._n_jobs = 1 if alone else -1 if n_jobs is None else n_jobs
        self.workers = effective_n_jobs(self._n_jobs)
        self._progress = progress
        self._work = work
        self._timed: dict[str, list[float]] = {}

    def seconds_per_fit(self) -> float:
        """Return the mean over learners of the mean seconds a fit took, 0 before the first."""
        return float(np.mean([np.mean(s) for s in self._timed.values()])) if self._timed else 0.0

    def probe(self, jobs: Sequence[Job]) -> None:
        """Fit only to learn what a fit of each learner costs."""
        for job in jobs:
            self._timed.setdefault(job.learner.name, []).append(job.run().seconds)

    def finish(self) -> None:
        """Tell that no more fits will come, though fewer were needed than were announced; nothing goes on after it."""
        if 0 < self.done < self.total:
            self.total = self.done
            self._progress(self._work, self.done, self.total)
        if (starting := Runner._starting) is not None:
            starting.join()

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Return what every job found, in order."""
        found: dict[int, Outcome] = {}

        def keep(index: int, outcome: Outcome) -> None:
            found[index] = outcome
            self._timed.setdefault(jobs[index].learner.name, []).append(outcome.seconds)
            self.done += 1
            self._progress(self._work, min(self.done, self.total), self.total)

        for index, job in enumerate(jobs):
            if job.learner.name not in self._timed and not self._warm():
                keep(index, job.run())
        # Short fits first while there are no workers, long ones first for them, so that none ends alone.
        rest = deque(sorted((i for i in range(len(jobs)) if i not in found), key=lambda i: -self._cost(jobs[i])))
        while rest and not self._shared(rest):
            index = rest.pop()
            keep(index, jobs[index].run())
        if rest:
            Runner._last_used = float("-inf")  # joblib ends its processes when a fit fails
            pool = Parallel(n_jobs=self._n_jobs, return_as="generator")
            outcomes: Any = pool(delayed(called_from)(os.getpid(), jobs[i].run) for i in rest)
            for index, outcome in zip(rest, outcomes, strict=True):
                keep(index, outcome)
            if self._starts():
                Runner._last_used = time.monotonic()
        return [found[index] for index in range(len(jobs))]

    def _cost(self, job: Job) -> float:
        """Return the seconds that it will take; many, where no fit of the learner was timed."""
        return float(np.mean(self._timed.get(job.learner.name, np.inf)))

    def _starts(self) -> bool:
        """Tell whether the workers are processes that joblib has to start."""
        return isinstance(self._backend, LokyBackend) and not self._backend.nesting_level

    def _warm(self) -> bool:
        """Tell whether workers wait for work."""
        return self.workers > 1 and (not self._starts() or time.monotonic() - Runner._last_used < WAITING)

    def _shared(self, rest: Sequence[int]) -> bool:
        """Tell whether the jobs ``rest`` are for the workers, and start these where it pays."""
        if self.workers == 1 or len(rest) < 2:
            return False
        left = max(self.total - self.done, len(rest)) * self.seconds_per_fit()
        if self._warm():
            return left >= PAYS_WARM_FROM or not self._timed
        starting = Runner._starting
        if left >= PAYS_FROM and not Runner._refused and not (starting and starting.is_alive()):
            # A backend of its own: that of `joblib.parallel_config` may serve a classifier of this process meanwhile.
            pool = Parallel(n_jobs=self._n_jobs, backend=copy.copy(self._backend))
            Runner._starting = threading.Thread(
                target=_start, args=(pool, self.workers), name="ganaug-workers", daemon=True
            )
            Runner._starting.start()
        return False


def _start(pool: Callable[..., Any], workers: int) -> None:
    """Start the worker processes of ``pool``; they stay, for the pools that come after."""
    try:
        pool([delayed(called_from)(os.getpid(), _ready)] * workers)
    except Exception as error:
        Runner._refused = True
        if threading.main_thread().is_alive():
            logger.warning("worker processes cannot be started (%s); all classifiers are fitted in this one", error)
    else:
        Runner._last_used = time.monotonic()


def _ready() -> None:
    """Wait so long that every worker has imported what fits need and is here, too."""
    time.sleep(0.1)
