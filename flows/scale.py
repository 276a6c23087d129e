"""Flows of many tasks, on one machine or many: a large sampling job, and augmenters under comparison.

What runs where is said by `flows.runners`; it changes no bit of the results. From the shell, with the parameters as
JSON, on the server that PREFECT_API_URL names or on an embedded one:
``python -m flows.scale sample '{"generator": "runs/demo/run", "rows": 10000000, "out": "rows"}'``.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from prefect import flow, unmapped
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import TaskRunner
from prefect.tasks import Task
from pydantic import BaseModel, ValidationError

from flows import credentials
from flows import scale_tasks as tasks
from flows.runners import requirements, settled, task_runner
from flows.scale_parameters import CompareRequest, SampleRequest
from ganaug import storage
from ganaug.errors import ArtefactError, ConfigError, DataError, OutputError
from ganaug.shards import Shards

__all__ = ["compare", "sample"]

REFUSED = (ArtefactError, ConfigError, DataError, OutputError)
"""What is wrong with what a run was given; the message says what to do."""


def _named(model: type[BaseModel], title: Callable[[Any], str]) -> Callable[[], str]:
    return lambda: title(model.model_validate(flow_run.parameters["request"]))


@flow(
    name="sample",
    flow_run_name=_named(SampleRequest, lambda r: f"sample-{Path(r.out).name}"),
    log_prints=True,
)
def sample(request: SampleRequest) -> State[dict[str, Any]]:
    """Draw a large Parquet set in shards, from a saved generator or from members that are trained first.

    Killed and run again with the same words, it draws only the shards that are missing. Files written to
    ``request.out``: ``data/part-00000.parquet`` and on, ``shards.json`` and, last, ``manifest.json``; to
    ``request.members_out``: a run's folder a member.
    """
    logging.getLogger("ganaug").setLevel(logging.INFO)
    try:
        request = request.model_copy(update={"where": settled(request.where)})
        with task_runner(request.where) as runner, requirements(runner, request.where, request.device):
            generators = [_generator(request.generator)] if request.generator is not None else []
            if request.data is not None:
                generators = _map(runner, tasks.member, request=unmapped(request), number=range(request.members))
            plan = tasks.cut(request, generators)
            told = {"request": unmapped(request), "generators": unmapped(generators), "plan": unmapped(plan)}
            _map(runner, tasks.shard, **told, number=range(len(Shards.from_json(plan))))
        done = tasks.finish(request, plan)
    except REFUSED as error:
        return Failed(message=str(error), data=error)
    message = f"{done['rows']:,} synthetic rows in {done['files']} files in {done['path']}"
    return Completed(message=message, data={**done, "generators": generators})


@flow(
    name="compare",
    flow_run_name=_named(CompareRequest, lambda r: f"compare-{len(r.augmenters)}-on-{Path(r.data).stem}"),
    log_prints=True,
)
def compare(request: CompareRequest) -> State[list[dict[str, Any]]]:
    """Check several augmenters on the same folds, and rank them by what they gain over nothing.

    A fold of an augmenter is a task; killed and run again with the same words, only the missing ones are measured.
    Files written to ``request.out``: a folder an augmenter, with ``part-000.json`` and on and ``effect.json``, and
    ``ranking.json``. The page shows the table ``ranking``.
    """
    logging.getLogger("ganaug").setLevel(logging.INFO)
    try:
        credentials.use(request.credentials)
        request = request.model_copy(update={"where": settled(request.where)})
        plans = {name: tasks.plan(request, name) for name in request.augmenters}
        names = [name for name, parts in plans.items() for _ in parts]
        parts = [part for planned in plans.values() for part in planned]
        found: list[str] = []
        if parts:
            with task_runner(request.where) as runner, requirements(runner, request.where, request.device):
                found = _map(runner, tasks.measure, request=unmapped(request), augmenter=names, part=parts)
        ranking = [
            tasks.conclude(request, name, [url for url, owner in zip(found, names, strict=True) if owner == name])
            for name in request.augmenters
        ]
    except REFUSED as error:
        return Failed(message=str(error), data=error)
    ranking.sort(key=lambda row: (row["difference"] is None, -(row["difference"] or 0.0)))
    storage.atomic_write(storage.join(request.out, "ranking.json"), json.dumps(ranking, indent=1).encode())
    create_table_artifact(
        key="ranking",
        table=[{name: row[name] for name in row if name not in ("sentence", "effect")} for row in ranking],
        description=f"Gain over nothing in {ranking[0]['scoring']}, on the same folds",
    )
    best = ranking[0]
    return Completed(message=f"first of {len(ranking)}: {best['augmenter']} ({best['verdict']})", data=ranking)


def _map(runner: TaskRunner[Any], task: Task[..., Any], **parameters: Any) -> list[Any]:
    """Return what the task gave for each, in order, however they ran; the first error is raised."""
    return [future.result() for future in runner.map(task, parameters)]


def _generator(path: str) -> str:
    """Return the folder of the generator in the folder of a run, or ``path`` itself."""
    return str(Path(path) / "synthesizer") if (Path(path) / "run.json").is_file() else path


def main(
    name: Annotated[Literal["sample", "compare"], typer.Argument(help="Which flow.")],
    request: Annotated[str, typer.Argument(help="Its parameters, as JSON.")],
) -> None:
    """Run one of the flows here, and print what came out."""
    run, model = {"sample": (sample, SampleRequest), "compare": (compare, CompareRequest)}[name]
    try:
        asked = model.model_validate_json(request)
    except ValidationError as error:
        for fault in error.errors():
            print(f"error: {'.'.join(map(str, fault['loc'])) or 'request'}: {fault['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None
    state: State[Any] = run(asked, return_state=True)
    print(state.message, file=sys.stdout if state.is_completed() else sys.stderr)
    raise typer.Exit(0 if state.is_completed() else 1)


if __name__ == "__main__":
    typer.run(main)
