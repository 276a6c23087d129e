"""``python -m flows.examples``: data for the deployments as they come: a scarce table, and a folder of scarce images.

Both are made from what scikit-learn ships; the scarcity is made, the rows and images are real.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from sklearn.datasets import load_digits

from ganaug.demo import thinned_breast_cancer

__all__ = ["main"]

COMMON, RARE = 60, 15
"""Images of the digits 0 to 2, and of 3 and 4."""


def main(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")] = Path("examples"),
) -> None:
    """Write OUT/table.parquet (breast cancer, few malignant cases) and OUT/images/ (digits, few of 3 and 4)."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    thinned_breast_cancer().to_parquet(out / "table.parquet", index=False)
    digits = load_digits()
    for digit in range(5):
        kept = np.flatnonzero(digits.target == digit)[: COMMON if digit < 3 else RARE]
        folder = out / "images" / str(digit)
        folder.mkdir(exist_ok=True)
        for number, pixels in enumerate(digits.images[kept]):
            Image.fromarray((pixels * 255 / 16).round().astype(np.uint8)).save(folder / f"{number:03d}.png")
    typer.echo(f"{out / 'table.parquet'} and {out / 'images'} written")


if __name__ == "__main__":
    typer.run(main)
