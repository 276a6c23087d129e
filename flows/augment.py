"""The flow: a table in, synthetic rows in Parquet, a measured effect and a report out.

``python -m flows.augment --help`` runs it from the shell, on the server that PREFECT_API_URL names or on an embedded
one.
"""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any

import typer
from prefect import flow
from prefect.runtime import flow_run
from prefect.states import Completed, State
from pydantic import ValidationError
from rich.console import Console

from flows import tasks
from flows.parameters import AugmentRequest

__all__ = ["augment", "main", "run"]


def _run_name() -> str:
    request = flow_run.parameters["request"]
    return f"augment-{AugmentRequest.model_validate(request).title}"


@flow(name="augment", flow_run_name=_run_name, log_prints=True)
def augment(request: AugmentRequest) -> State[dict[str, Any]]:
    """Augment a table where that helps, and say whether it does.

    The run's state is named after the verdict ("Helps", "No evidence", ...) and its message is the verdict's sentence.
    Its result says where things lie: ``synthetic`` (Parquet), ``synthesizer``, ``report``, with the manifests of the
    steps beside them.

    Files written to ``request.out``: see `ganaug.Augmentation.save`.
    """
    logging.getLogger("ganaug").setLevel(logging.INFO)
    data = tasks.read(request)
    plan = tasks.choose(request)
    effect = tasks.check(request)
    synthesizer = tasks.train(request)
    synthetic = tasks.sample(request)
    report = tasks.report(request)
    return Completed(
        name="Augmented" if effect is None else effect["verdict"].capitalize(),
        message=report["decision"] if effect is None else effect["sentence"],
        data={
            "data": data,
            "plan": plan,
            "effect": effect,
            "synthesizer": synthesizer,
            "synthetic": synthetic,
            "report": report,
        },
    )


def run(request: AugmentRequest) -> dict[str, Any]:
    """Run the flow in this process, print the verdict and where things lie, and return the flow's result.

    Raises
    ------
    Exception
        What made the flow fail.
    """
    state = augment(request, return_state=True)
    result = state.result()
    console = Console(highlight=False)
    console.print(f"\n[bold]{state.name}[/]. {state.message}")
    console.print(result["report"]["decision"])
    for title in ("synthetic", "synthesizer", "report"):
        console.print(f"{title:>12}: {result[title]['path']}", soft_wrap=True)
    return result


def main(
    data: Annotated[str, typer.Argument(help="CSV or Parquet: a file, a folder, a glob, or a URL.")],
    out: Annotated[str, typer.Option("--out", "-o", help="A new or empty folder, or that of this very run.")],
    target: Annotated[str | None, typer.Option("--target", "-t", help="The column that holds the classes.")] = None,
    strategy: Annotated[str, typer.Option(help="How many rows: policy, or imbalanced-learn's words.")] = "policy",
    variant: Annotated[str, typer.Option(help="auto, anchored, or wgan_gp.")] = "auto",
    check: Annotated[str, typer.Option(help="none, quick or thorough.")] = "quick",
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Run the flow once, here."""
    try:
        request = AugmentRequest.model_validate(
            {
                "data": data,
                "out": out,
                "target": target,
                "sampling_strategy": strategy,
                "variant": variant,
                "check": check,
                "random_state": seed,
                "device": device,
            }
        )
        run(request)
    except ValidationError as error:
        for fault in error.errors():
            print(f"error: {'.'.join(map(str, fault['loc']))}: {fault['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
