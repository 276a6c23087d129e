"""The steps of a run as Prefect tasks: each opens the run's folder, takes one step of the library, and says what came.

A task is told where things are and answers with a small manifest. What a step makes lies in the run's folder and is
made once: a task that is tried again, or run again with the same words, finds it there. Where nothing has changed since
- no row, no option, no version - Prefect does not even run it, and its state is Cached.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from prefect import task
from prefect.assets import materialize
from prefect.context import TaskRunContext

from flows import credentials
from flows.history import expire, last_run, remember
from flows.lineage import asset_of
from flows.notify import emit_findings
from flows.page import PageProgress, show_changes, show_samples, show_training, show_verdict, show_warnings
from flows.parameters import AugmentRequest
from flows.patience import PATIENCE
from flows.processes import processes, train_together
from flows.slot import gpu_slot
from ganaug import augmentation, drift, steps, storage
from ganaug.device import resolve_device
from ganaug.errors import DataWarning, OutputError
from ganaug.image_schema import ImageSchema
from ganaug.parquet import DATA
from ganaug.releases import Releases
from ganaug.steps import Run
from ganaug.storage import join

__all__ = ["check", "choose", "publish", "read", "report", "review", "sample", "train", "withhold"]

MADE = {
    "choose": "plan.json",
    "check": "effect.json",
    "train": "synthesizer",
    "sample": "synthetic",
    "report": "report.html",
}
"""Task -> the result of the run that it makes."""

PROFILE = "profile.json"
"""What later runs compare their data with."""

_log = logging.getLogger("ganaug.flows")


def _cache_key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """Name a task after the data, the options and the versions that decide its result, and the run's folder."""
    data = parameters["data"]
    return f"ganaug-{context.task.name}-{data['name']}-{asset_of(data['run']).key}".replace("/", "-")


_once: Any = {**PATIENCE, "cache_key_fn": _cache_key, "persist_result": True, "result_serializer": "json"}


@task(**PATIENCE)
def read(request: AugmentRequest) -> dict[str, Any]:
    """Read and check the data, and open the run's folder; what deserves a look goes to the log."""
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always", DataWarning)
        run = _begin(request)
    show_warnings([str(warning.message) for warning in noticed])
    if request.device == "auto" and resolve_device("auto").type == "cpu":
        _log.info("there is no CUDA device here: training on the CPU")
    schema, folder = run.rows.schema, run.folder
    assert folder is not None, "a flow's run has a folder"
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
        "name": run.name,
        "run": folder.location,
        "made": [name for name in MADE.values() if folder.has(name)],
    }


@task(**_once)
def choose(request: AugmentRequest, data: Mapping[str, Any]) -> dict[str, Any]:
    """Decide how many synthetic rows of which class."""
    with _opened(request, data) as run, _slot(run, "plan.json", trains=run.request.by_policy):
        planned = steps.plan(run)
    names = run.rows.schema.class_names()
    counts = {names[code]: n for code, n in planned.counts.items() if n}
    reason = augmentation.reason_of(run)
    _log.info("rows to add: %s (%s)", counts or "none", reason)
    return {"rows": counts, "reason": reason}


@materialize("ganaug://effect", **_once)
def check(request: AugmentRequest, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Measure the effect on real rows that nothing has seen; None where no check was asked for."""
    with _opened(request, data) as run, _slot(run, "effect.json", trains=run.request.depth is not None):
        effect = steps.check(run)
    if effect is None:
        return None
    _log.info("%s: %s", effect.verdict, effect.sentence)
    return {"verdict": effect.verdict, "sentence": effect.sentence, "path": join(data["run"], "effect.json")}


@materialize("ganaug://synthesizer", **_once)
def train(request: AugmentRequest, data: Mapping[str, Any]) -> dict[str, Any]:
    """Fit the generator to all rows and save it."""
    with _opened(request, data) as run, _slot(run, "synthesizer", trains=True):
        # Networks of a numeric target are small, and ranges that were asked for are no word of the command line's.
        folder, together = run.folder, processes() > 1 and request.task == "classification"
        if together and folder is not None and not folder.has("synthesizer") and not folder.has_donor("synthesizer"):
            train_together(run, request, processes())
        synthesizer = steps.train(run)
        best_step = synthesizer.provenance.get("best_step")
        show_training(synthesizer.history, best_step=best_step, pictures=steps.pictures(run))
    return {"variant": synthesizer.variant, "path": join(data["run"], "synthesizer")}


@materialize("ganaug://synthetic", **_once)
def sample(
    request: AugmentRequest,
    data: Mapping[str, Any],
    plan: Mapping[str, Any],
    effect: Mapping[str, Any] | None,
    synthesizer: Mapping[str, Any],
) -> dict[str, Any]:
    """Draw what the plan and the verdict leave into a Parquet data set."""
    with _opened(request, data) as run:
        rows = len(steps.draw(run))
    _log.info("%d synthetic rows written", rows)
    return {"rows": rows, "path": join(data["run"], "synthetic", DATA)}


@task(**PATIENCE)
def report(request: AugmentRequest, data: Mapping[str, Any], synthetic: Mapping[str, Any]) -> dict[str, Any]:
    """Write the report, close the run, and show the verdict on the page."""
    with _opened(request, data) as run:
        with _slot(run, "fidelity.json", trains=run.request.depth is not None):
            augmentation.finish(run)
        assert run.folder is not None, "a flow's run has a folder"
        text = (run.folder.path / "report.md").read_text(encoding="utf-8")
        place, effect = join(data["run"], "report.html"), steps.to_json(steps.check(run))
        fidelity = steps.to_json(augmentation.measure_fidelity(run))
        show_verdict(f"{text}\n\nEverything lies in `{data['run']}`.", effect, report=place)
        show_samples(run.rows.table, steps.draw(run), run.rows.schema, fidelity=fidelity)
        return {"decision": augmentation.summarise(run)["decision"], "path": place}


@materialize("ganaug://published", **PATIENCE)
def publish(
    request: AugmentRequest,
    data: Mapping[str, Any],
    effect: Mapping[str, Any] | None,
    synthetic: Mapping[str, Any],
    report: Mapping[str, Any],
) -> dict[str, Any]:
    """Let the synthetic rows become the latest version; of what was rolled back from, the latest one stays."""
    releases = Releases(str(request.publish_to))
    with _opened(request, data) as run:
        assert run.folder is not None, "a flow's run has a folder"
        folder = run.folder.path
        extra = ("report.html", "report.json", "effect.json", "fidelity.json", "contact-sheets")
        release = releases.publish(
            folder / "synthetic",
            files={name: folder / name for name in extra if run.folder.has(name)},
            verdict=None if effect is None else effect["verdict"],
            sentence=None if effect is None else effect["sentence"],
            notes={"run": data["run"], "data": request.data},
        )
    gone = releases.expire(request.keep)
    _log.info("published as version %s in %s%s", release.version, request.publish_to, f"; expired: {gone}" * bool(gone))
    latest = releases.latest()
    if latest is None or latest.version != release.version:
        why_not = f"version {release.version}, which this is, was rolled back from"
        return {"published": False, "reason": why_not, "latest": None if latest is None else latest.version}
    return {"published": True, "version": release.version, "latest": latest.version}


@task(**PATIENCE)
def withhold(request: AugmentRequest, why: str) -> dict[str, Any]:
    """Publish nothing, and say which version stays the latest."""
    credentials.use(request.credentials)
    latest = Releases(str(request.publish_to)).latest()
    _log.info("not published, as %s", why)
    return {"published": False, "reason": why, "latest": None if latest is None else latest.version}


@task(**PATIENCE)
def review(
    request: AugmentRequest,
    data: Mapping[str, Any],
    effect: Mapping[str, Any] | None,
    report: Mapping[str, Any],
    published: Mapping[str, Any] | None,
) -> list[str]:
    """Say what changed since the last run in this place, tell the server as events, and remove the oldest runs."""
    changes: list[str] = []
    with _opened(request, data) as run:
        assert run.folder is not None, "a flow's run has a folder"
        if not run.folder.has(PROFILE):
            run.folder.write_json(PROFILE, drift.profile(run.rows.table, run.rows.schema))
        last = None if request.runs is None else last_run(request.runs)
        if last not in (None, run.name):
            changes = _changes(join(str(request.runs), str(last)), run)
    show_changes(changes)
    emit_findings(
        data["run"] if request.publish_to is None else asset_of(request.publish_to).key,
        title=request.title,
        effect=effect,
        changes=changes,
        published=None if published is None else published["published"],
        reason="" if published is None else published.get("reason", ""),
    )
    if request.runs is not None:  # after all was told: a task that is tried again tells it then
        remember(request.runs, run.name)
        expire(request.runs, run.name, keep=request.keep)
    run.folder.forget()
    return changes


def _changes(last: str, run: Run) -> list[str]:
    """Return what differs between the run ``last``, a folder or URL, and this one."""
    try:
        return _compared(last, run)
    except (ValueError, KeyError, TypeError) as error:  # of another version, or damaged
        return [f"the last run, {last}, cannot be compared with: {error}"]


def _compared(last: str, run: Run) -> list[str]:
    profile, verdict = (
        json.loads(storage.read_bytes(join(last, name)) or b"null") for name in (PROFILE, "effect.json")
    )
    changes: list[str] = []
    if profile is not None:
        changes += drift.compare(profile, run.rows.table, run.rows.schema).changes
    effect = steps.to_json(steps.check(run))
    if verdict is not None and effect is not None:
        changes += drift.compare_verdicts(verdict, effect)
    return changes


def _begin(request: AugmentRequest, **options: Any) -> Run:
    credentials.use(request.credentials)
    options |= {"out": request.out, "below": request.runs, "watch_every": request.watch_every}
    return steps.begin(request.data, request.to_library(), **options)


@contextmanager
def _opened(request: AugmentRequest, data: Mapping[str, Any]) -> Iterator[Run]:
    """Open the run again, its progress on the page; the data must still be those that were read first."""
    progress = PageProgress()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # `read` has told
        run = _begin(request, progress=progress)
    if run.name != data["name"]:
        raise OutputError(
            f"the data in {request.data!r} changed while the run was under way; run again to take the new ones"
        )
    try:
        yield run
        progress.finish()
    finally:
        progress.close()


def _slot(run: Run, result: str, *, trains: bool) -> Any:
    """Return what holds a card while ``result`` is made, if that trains something and it is not there yet."""
    there = run.folder is not None and run.folder.has(result)
    cards = processes() if result == "synthesizer" else 1
    return gpu_slot(run.request.device, cards) if trains and not there else nullcontext()
