"""The flow: a table or images in, synthetic rows in Parquet, a measured effect and a report out.

``python -m flows.augment --help`` runs it from the shell, on the server that PREFECT_API_URL names or on an embedded
one.
"""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any

import typer
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.tasks import MaterializingTask, Task
from pydantic import ValidationError
from rich.console import Console

from flows import tasks
from flows.failures import first_line
from flows.gate import objection
from flows.lineage import asset_of
from flows.parameters import AugmentRequest
from ganaug.errors import ArtefactError, ConfigError, DataError, OutputError
from ganaug.options import ImageSize, SkipUnreadable, Split, Target, Transforms, WatchEvery, images_of, target_of
from ganaug.options import Task as TargetTask
from ganaug.storage import join

__all__ = ["augment", "main", "run"]

_log = logging.getLogger("ganaug.flows")

REFUSALS = {
    DataError: "Bad data",
    ConfigError: "Bad option",
    OutputError: "Bad folder",
    ArtefactError: "Bad artefact",
}
"""What is wrong with what the run was given -> the state that it ends in; the message says what to do."""


def _run_name() -> str:
    return f"augment-{AugmentRequest.model_validate(flow_run.parameters['request']).title}"


@flow(name="augment", flow_run_name=_run_name, log_prints=True)
def augment(request: AugmentRequest) -> State[dict[str, Any]]:
    """Augment a table or images where that helps, and say whether it does.

    The run's state is named after the verdict ("Helps", "No evidence", ...), and its message is the verdict's
    sentence; it is named after what is wrong where the input cannot be used. The result has the manifest of every
    step: ``data``, ``plan``, ``effect``, ``synthesizer``, ``synthetic`` (the Parquet files), ``report``, ``published``
    and ``changes`` since the last run. Where the verdict decides about publishing and is against it, the state is
    "Not published", and what was published before stays.

    Files written to ``request.out``, or to a folder of the run's own in ``request.publish_to``/runs: see
    `ganaug.Augmentation.save`.
    """
    logging.getLogger("ganaug").setLevel(logging.INFO)
    try:
        done = _take_steps(request)
    except tuple(REFUSALS) as error:
        name = next(name for kind, name in REFUSALS.items() if isinstance(error, kind))
        return Failed(name=name, message=first_line(error), data=error)
    except Exception as error:
        _log.exception("the run failed")
        return Failed(message=first_line(error), data=error)
    return _final_state(request, done)


def _final_state(request: AugmentRequest, done: dict[str, Any]) -> State[dict[str, Any]]:
    """Name the state after what came out: the gate's refusal, the verdict, or that rows were made."""
    effect, published = done["effect"], done["published"]
    if published is not None and not published["published"] and request.publish != "never":
        stays = f"version {published['latest']} stays the latest" if published["latest"] else "nothing is published yet"
        return Completed(name="Not published", message=f"{stays}, as {published['reason']}", data=done)
    where = "" if published is None or not published["published"] else f" Published as version {published['version']}."
    if effect is None:
        return Completed(name="Augmented", message=done["report"]["decision"] + where, data=done)
    return Completed(name=effect["verdict"].capitalize(), message=effect["sentence"] + where, data=done)


def _take_steps(request: AugmentRequest) -> dict[str, Any]:
    """Take the steps, and return their manifests by name; what is given from step to step is the lineage."""
    data = tasks.read(request)

    def step(task: Task[..., Any], asset: str | None = None, sources: tuple[str, ...] = ()) -> Task[..., Any]:
        """Give the task its place in the lineage; it is run again where somebody removed what it had made."""
        lineage: dict[str, Any] = {"asset_deps": [asset_of(source) for source in sources]}
        if isinstance(task, MaterializingTask):
            lineage["assets"] = [] if asset is None else [asset_of(join(data["run"], asset))]
        return task.with_options(refresh_cache=tasks.MADE[task.name] not in data["made"], **lineage)

    plan = step(tasks.choose)(request, data)
    effect = step(tasks.check, None if request.depth is None else "effect.json", (request.data,))(request, data)
    synthesizer = step(tasks.train, "synthesizer", (request.data,))(request, data)
    synthetic = step(tasks.sample, "synthetic")(request, data, plan, effect, synthesizer)
    report = step(tasks.report)(request, data, synthetic)
    published = None
    if request.publish_to is not None:
        why_not = objection(request, effect, report, synthetic["rows"])
        if why_not:
            published = tasks.withhold(request, why_not, wait_for=[effect, report])
        else:
            publish = tasks.publish.with_options(assets=[asset_of(request.publish_to)])
            published = publish(request, data, effect, synthetic, report)
    changes = tasks.review(request, data, effect, report, published)
    done = {"data": data, "plan": plan, "effect": effect, "synthesizer": synthesizer, "synthetic": synthetic}
    return done | {"report": report, "published": published, "changes": changes}


def run(request: AugmentRequest) -> int:
    """Run the flow in this process, print its verdict and where things lie, and return the exit status."""
    state: State[Any] = augment(request, return_state=True)
    if not state.is_completed():
        print(f"error: {state.message}", file=sys.stderr)
        return 2 if state.name in REFUSALS.values() else 1
    done = state.result()
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\n[bold]{state.name}[/]. {state.message}")
    if state.message != done["report"]["decision"]:
        console.print(done["report"]["decision"])
    for title in ("synthetic", "synthesizer", "report"):
        console.print(f"{title:>12}: {done[title]['path']}")
    return 0


def main(
    data: Annotated[str, typer.Argument(help="A table (CSV, Parquet) or images (folder, Parquet, npz); or a URL.")],
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="A new or empty folder or URL, or that of this very run.")
    ] = None,
    target: Target = None,
    task: TargetTask = "classification",
    strategy: Annotated[str, typer.Option(help="How many rows: policy, or imbalanced-learn's words.")] = "policy",
    variant: Annotated[str, typer.Option(help="auto, or another name that `ganaug variants` lists.")] = "auto",
    check: Annotated[str, typer.Option(help="auto, none, quick or thorough.")] = "auto",
    publish_to: Annotated[str | None, typer.Option(help="Where sets are published, version by version.")] = None,
    publish: Annotated[str, typer.Option(help="if_helps, always or never.")] = "if_helps",
    credentials: Annotated[list[str] | None, typer.Option(help="A Prefect block, TYPE/NAME; repeat for more.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    image_size: ImageSize = None,
    split: Split = None,
    transforms: Transforms = "shift,crop",
    skip_unreadable: SkipUnreadable = False,
    watch_every: WatchEvery = None,
) -> None:
    """Run the flow once, here."""
    options: dict[str, Any] = {"target": target_of(target), "task": task}
    options |= {"sampling_strategy": strategy, "variant": variant, "check": check}
    options |= {"publish_to": publish_to, "publish": publish, "credentials": credentials or []}
    try:
        images = images_of(image_size, split, transforms, skip_unreadable)
        options |= {"image_size": images.size, "split": split, "transforms": list(images.transforms)}
        options |= {"skip_unreadable": skip_unreadable, "watch_every": watch_every}
        request = AugmentRequest.model_validate(
            {"data": data, "out": out, "random_state": seed, "device": device, **options}
        )
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except ValidationError as error:
        for fault in error.errors():
            print(": ".join(["error", *map(str, fault["loc"][:1]), fault["msg"]]), file=sys.stderr)
        raise typer.Exit(2) from None
    raise typer.Exit(run(request))


if __name__ == "__main__":
    typer.run(main)
