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
from prefect.tasks import Task
from pydantic import ValidationError
from rich.console import Console

from flows import tasks
from flows.lineage import asset_of
from flows.parameters import AugmentRequest
from ganaug.errors import ArtefactError, ConfigError, DataError, OutputError
from ganaug.options import ImageSize, SkipUnreadable, Split, Transforms, images_of
from ganaug.storage import join

__all__ = ["augment", "main", "run"]

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
    step: ``data``, ``plan``, ``effect``, ``synthesizer``, ``synthetic`` (the Parquet files) and ``report``.

    Files written to ``request.out``, or to a folder of the run's own in ``request.publish_to``/runs: see
    `ganaug.Augmentation.save`.
    """
    logging.getLogger("ganaug").setLevel(logging.INFO)
    try:
        done = _take_steps(request)
    except tuple(REFUSALS) as error:
        name = next(name for kind, name in REFUSALS.items() if isinstance(error, kind))
        return Failed(name=name, message=str(error), data=error)
    effect = done["effect"]
    if effect is None:
        return Completed(name="Augmented", message=done["report"]["decision"], data=done)
    return Completed(name=effect["verdict"].capitalize(), message=effect["sentence"], data=done)


def _take_steps(request: AugmentRequest) -> dict[str, Any]:
    """Take the steps, and return their manifests by name; what is given from step to step is the lineage."""
    data = tasks.read(request)

    def step(task: Task[..., Any], asset: str | None = None, sources: tuple[str, ...] = ()) -> Task[..., Any]:
        """Give the task its place in the lineage; it is run again where somebody removed what it had made."""
        lineage: dict[str, Any] = {"asset_deps": [asset_of(source) for source in sources]}
        if asset is not None:
            lineage["assets"] = [asset_of(join(data["run"], asset))]
        return task.with_options(refresh_cache=tasks.MADE[task.name] not in data["made"], **lineage)

    plan = step(tasks.choose)(request, data)
    effect = step(tasks.check, "effect.json", (request.data,))(request, data)
    synthesizer = step(tasks.train, "synthesizer", (request.data,))(request, data)
    synthetic = step(tasks.sample, "synthetic")(request, data, plan, effect, synthesizer)
    report = step(tasks.report)(request, data, synthetic)
    done = {"data": data, "plan": plan, "effect": effect}
    return done | {"synthesizer": synthesizer, "synthetic": synthetic, "report": report}


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
    out: Annotated[str, typer.Option("--out", "-o", help="A new or empty folder, or that of this very run.")],
    target: Annotated[str | None, typer.Option("--target", "-t", help="The column that holds the classes.")] = None,
    strategy: Annotated[str, typer.Option(help="How many rows: policy, or imbalanced-learn's words.")] = "policy",
    variant: Annotated[str, typer.Option(help="auto, anchored or wgan_gp (tables), anchored_image or r3gan.")] = "auto",
    check: Annotated[str, typer.Option(help="none, quick or thorough.")] = "quick",
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    image_size: ImageSize = None,
    split: Split = None,
    transforms: Transforms = "shift,crop",
    skip_unreadable: SkipUnreadable = False,
) -> None:
    """Run the flow once, here."""
    options: dict[str, Any] = {"target": target, "sampling_strategy": strategy, "variant": variant, "check": check}
    try:
        images = images_of(image_size, split, transforms, skip_unreadable)
        options |= {"image_size": images.size, "split": split, "transforms": list(images.transforms)}
        options |= {"skip_unreadable": skip_unreadable}
        request = AugmentRequest.model_validate(
            {"data": data, "out": out, "random_state": seed, "device": device, **options}
        )
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except ValidationError as error:
        for fault in error.errors():
            print(f"error: {fault['loc'][0]}: {fault['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None
    raise typer.Exit(run(request))


if __name__ == "__main__":
    typer.run(main)
