"""The flow on a table that scikit-learn ships: breast cancer, with most of the malignant cases left out.

``python -m flows.demo`` needs no network and no server. The table was thinned by us, so the scarcity is made; the
rows, and those that the verdict is measured on, are real. Left to itself the policy adds nothing to this table, so the
demo asks for half of the rows that balance would need: there is something to look at, and the check judges it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.augment import run
from flows.parameters import AugmentRequest
from ganaug.demo import STRATEGY, thinned_breast_cancer

__all__ = ["main"]


def main(
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder for the table and, in run/, the results.")] = Path(
        "runs/demo"
    ),
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
) -> None:
    """Write the demo table, run the flow on it, and print the verdict."""
    table = thinned_breast_cancer()
    out.mkdir(parents=True, exist_ok=True)
    path = out / "breast-cancer.parquet"
    table.to_parquet(path, index=False)
    request = AugmentRequest(
        data=str(path),
        target="diagnosis",
        out=str(out / "run"),
        sampling_strategy=STRATEGY,
        random_state=seed,
    )
    raise typer.Exit(run(request))


if __name__ == "__main__":
    typer.run(main)
