"""CTGAN (Xu et al. 2019), as released and where it is installed: its rows and where its time goes.

Its licence is the Business Source License: nothing of ganaug depends on it.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

__all__ = ["FULL", "Ctgan", "installed", "keep", "load", "run"]

FULL = 300
"""The epochs of its default settings."""


@dataclass(frozen=True, kw_only=True)
class Ctgan:
    """One training of CTGAN, and what it drew."""

    version: str
    epochs: int
    prepare: float
    """Seconds before the first epoch: a Gaussian mixture a column."""
    epoch: float
    """Seconds an epoch, mean."""
    rows_per_second: float
    """Into a DataFrame; nothing is written."""
    rows: pd.DataFrame
    """As many as it was trained on, drawn without a condition."""
    asked: dict[str, pd.DataFrame]
    """Class -> rows drawn with it as the condition."""

    @property
    def full_seconds(self) -> float:
        """Return what `FULL` epochs take, or would take."""
        return self.prepare + FULL * self.epoch


def installed() -> bool:
    """Tell whether CTGAN can be imported."""
    return find_spec("ctgan") is not None


def run(frame: pd.DataFrame, target: str, *, epochs: int, wanted: dict[str, int], seed: int, folder: Path) -> Ctgan:
    """Train CTGAN and draw from it; what ``folder`` holds of the same training is taken over.

    Args:
        frame: complete rows; every column that is no number is discrete, the target too.
        target: the column of classes.
        epochs: at least 1.
        wanted: class -> rows to draw with it as the condition.
        seed: of all of it.
        folder: where times and rows are kept.
    """
    key = {"version": version("ctgan"), "epochs": epochs, "rows": len(frame), "wanted": wanted, "seed": seed}
    known = load(folder, key)
    if known is not None:
        return known
    from ctgan import CTGAN

    discrete = [c for c in frame.columns if c == target or not pd.api.types.is_numeric_dtype(frame[c])]
    times: list[float] = []

    def clocked(each: Iterable[int], **_: Any) -> Iterator[int]:
        """Stand where CTGAN's progress bar would, and keep the time of every epoch."""
        times.append(time.perf_counter())
        for epoch in each:
            yield epoch
            times.append(time.perf_counter())

    model = CTGAN(epochs=epochs)
    model.set_random_state(seed)
    began = time.perf_counter()
    with warnings.catch_warnings(), patch("ctgan.synthesizers.ctgan.tqdm", clocked):
        warnings.simplefilter("ignore")
        model.fit(frame, discrete)
    drawing = time.perf_counter()
    rows = model.sample(len(frame))
    rate = len(frame) / (time.perf_counter() - drawing)
    found = Ctgan(
        version=key["version"],
        epochs=epochs,
        prepare=times[0] - began,
        epoch=(times[-1] - times[0]) / epochs,
        rows_per_second=rate,
        rows=rows,
        asked={label: model.sample(n, target, label) for label, n in wanted.items()},
    )
    keep(found, folder, key)
    return found


def keep(found: Ctgan, folder: Path, key: dict[str, Any]) -> None:
    """Write times and rows to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    found.rows.to_parquet(folder / "rows.parquet")
    for i, rows in enumerate(found.asked.values()):
        rows.to_parquet(folder / f"asked-{i}.parquet")
    times = {name: getattr(found, name) for name in ("version", "epochs", "prepare", "epoch", "rows_per_second")}
    (folder / "times.json").write_text(json.dumps({"key": key, "times": times}, indent=1), "utf-8")


def load(folder: Path, key: dict[str, Any]) -> Ctgan | None:
    """Return what `keep` wrote; None where nothing is there, or another training."""
    if not (folder / "times.json").exists():
        return None
    kept = json.loads((folder / "times.json").read_text("utf-8"))
    if kept["key"] != key:
        return None
    asked = {label: pd.read_parquet(folder / f"asked-{i}.parquet") for i, label in enumerate(key["wanted"])}
    return Ctgan(**kept["times"], rows=pd.read_parquet(folder / "rows.parquet"), asked=asked)
