"""The steps of a run as Prefect tasks: each opens the run's folder, takes one step of the library, and says what came.

A task is told where things are and answers with a small manifest. What a step makes lies in the run's folder and is
made once: a task that is tried again, or run again with the same words, finds it there.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from prefect import task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from flows.page import PageProgress, show_verdict
from flows.parameters import AugmentRequest
from ganaug import augmentation, steps
from ganaug.errors import DataWarning
from ganaug.image_schema import ImageSchema
from ganaug.parquet import DATA
from ganaug.steps import Run

__all__ = ["check", "choose", "is_passing", "read", "report", "sample", "train"]

FOR_GOOD = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
"""What no waiting mends, among the errors of the operating system."""

_log = logging.getLogger("ganaug.flows")


def is_passing(error: BaseException | None) -> bool:
    """Say whether ``error`` may be gone after a while: storage, network or disk space, not what we were given.

    >>> is_passing(ConnectionError("reset")), is_passing(PermissionError("no")), is_passing(ValueError("no"))
    (True, False, False)
    """
    while error is not None:
        if isinstance(error, OSError):
            return not isinstance(error, FOR_GOOD)
        error = error.__cause__
    return False


def _try_again(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    return is_passing(state.result(raise_on_failure=False))


_step = task(
    retries=3,
    retry_delay_seconds=[2, 10, 60],
    retry_jitter_factor=0.5,
    retry_condition_fn=_try_again,
)


@_step
def read(request: AugmentRequest) -> dict[str, Any]:
    """Read and check the data, and open the run's folder; what deserves a look goes to the log."""
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always", DataWarning)
        run = steps.begin(request.data, request.to_library(), out=request.out)
    for warning in noticed:
        _log.warning("%s", warning.message)
    schema = run.rows.schema
    rows = np.bincount(run.codes, minlength=schema.n_classes).tolist()
    if isinstance(schema, ImageSchema):
        size = f"{schema.height} x {schema.width} x {schema.channels}"
        _log.info("read %d images of %s from %s", len(run.rows.table), size, request.data)
    else:
        _log.info("read %d rows and %d columns of %s", len(run.rows.table), len(schema.columns), request.data)
    return {
        "fingerprint": run.request.describe(run.rows)["data"],
        "rows": len(run.rows.table),
        "columns": len(schema.columns),
        "classes": dict(zip(schema.class_names(), rows, strict=True)),
    }


@_step
def choose(request: AugmentRequest) -> dict[str, Any]:
    """Decide how many synthetic rows of which class."""
    with _opened(request) as run:
        planned = steps.plan(run)
    names = run.rows.schema.class_names()
    counts = {names[code]: n for code, n in planned.counts.items() if n}
    reason = "as asked" if planned.choice is None else planned.choice.reason
    _log.info("rows to add: %s (%s)", counts or "none", reason)
    return {"rows": counts, "reason": reason}


@_step
def check(request: AugmentRequest) -> dict[str, Any] | None:
    """Measure the effect on real rows that nothing has seen; None where no check was asked for."""
    with _opened(request) as run:
        effect = steps.check(run)
    if effect is None:
        return None
    _log.info("%s: %s", effect.verdict, effect.sentence)
    return {"verdict": effect.verdict, "sentence": effect.sentence}


@_step
def train(request: AugmentRequest) -> dict[str, Any]:
    """Fit the generator to all rows and save it."""
    with _opened(request) as run:
        synthesizer = steps.train(run)
    return {"variant": synthesizer.variant, "path": str(Path(request.out) / "synthesizer")}


@_step
def sample(request: AugmentRequest) -> dict[str, Any]:
    """Draw what the plan and the verdict leave into a Parquet data set."""
    with _opened(request) as run:
        rows = len(steps.draw(run))
    _log.info("%d synthetic rows written", rows)
    return {"rows": rows, "path": str(Path(request.out) / "synthetic" / DATA)}


@_step
def report(request: AugmentRequest) -> dict[str, Any]:
    """Write the report, close the run, and show the verdict on the page."""
    with _opened(request) as run:
        augmentation.finish(run)
    folder = Path(request.out)
    text = (folder / "report.md").read_text(encoding="utf-8")
    show_verdict(f"{text}\n\nEverything lies in `{folder.absolute()}`.", steps.to_json(steps.check(run)))
    return {"decision": augmentation.summarise(run)["decision"], "path": str(folder / "report.html")}


@contextmanager
def _opened(request: AugmentRequest) -> Iterator[Run]:
    """Open the run again, its progress on the page; the data must still be those that were read first."""
    progress = PageProgress()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # `read` has told
        run = steps.begin(request.data, request.to_library(), out=request.out, progress=progress)
    yield run
    progress.finish()
