"""How long a table takes, how good its rows are, and CTGAN beside it where it is installed.

    python -m tests.benchmarks.tables_speed --train adult/train.parquet --test adult/test.parquet --ctgan-epochs 300

Made for Adult (Becker and Kohavi 1996, UCI Machine Learning Repository): two Parquet files with the columns age,
workclass, fnlwgt, education, education_num, marital_status, occupation, relationship, race, sex, capital_gain,
capital_loss, hours_per_week, native_country (numbers as integers, all else as text) and income (``<=50K``, ``>50K``).
Any other pair of files with the same columns and a class of few labels will do: ``--target`` names it. Rows with a
missing value are left out, as CTGAN takes none.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer

import ganaug
from ganaug import variants
from tests.benchmarks import peer_ctgan, quality, speed_page
from tests.benchmarks.writing import in_a_child

__all__ = ["main", "measure_variant"]

SMALL_ROWS, SMALL_FEATURES = 1_000, 10
QUICK_ROWS, QUICK_STEPS, QUICK_WRITTEN = 2_000, 20, 20_000


def fit_timed(frame: pd.DataFrame, target: str, config: Any, *, seed: int) -> tuple[ganaug.Synthesizer, float]:
    """Return a fitted synthesizer and the seconds from the DataFrame to it."""
    began = time.perf_counter()
    synthesizer = ganaug.fit(frame, target=target, variant=config, random_state=seed, progress=False)
    return synthesizer, time.perf_counter() - began


def measure_variant(
    config: Any, train: pd.DataFrame, test: pd.DataFrame, target: str, judge: Any, written: list[int], *, seed: int
) -> dict[str, Any]:
    """Fit one variant and measure everything about it."""
    small, _ = smaller(train, target)
    # The first fit of a process imports and warms up more than any other.
    fit_timed(small, target, replace(config, steps=1), seed=seed)
    synthesizer, seconds = fit_timed(train, target, config, seed=seed)
    _, small_seconds = fit_timed(small, target, config, seed=seed)
    rows = synthesizer.sample(len(train), random_state=seed)
    wanted = test[target].value_counts().to_dict()
    asked = {label: synthesizer.sample(conditions={label: n}, random_state=seed) for label, n in wanted.items()}
    with tempfile.TemporaryDirectory() as folder:
        artefact = synthesizer.save(Path(folder) / "artefact")
        wrote = [asdict(in_a_child(artefact, n, Path(folder) / f"rows-{n}")) for n in written]
    return {
        "fit": seconds,
        "small": small_seconds,
        "roc_auc": quality.roc_auc(quality.boosting(rows, target, seed=seed), test, target),
        "conditions": [asdict(c) for c in quality.conditions(asked, train, test, target, judge, seed=seed)],
        "written": wrote,
        "config": variants.config_to_json(config),
    }


def measure_ctgan(
    train: pd.DataFrame, test: pd.DataFrame, target: str, judge: Any, *, epochs: int, seed: int, folder: Path
) -> dict[str, Any]:
    """Train CTGAN and measure the same about it."""
    wanted = test[target].value_counts().to_dict()
    found = peer_ctgan.run(train, target, epochs=epochs, wanted=wanted, seed=seed, folder=folder)
    labelled = {str(label): float((rows[target] == label).mean()) for label, rows in found.asked.items()}
    return {
        "version": found.version,
        "epochs": found.epochs,
        "prepare": found.prepare,
        "epoch": found.epoch,
        "full_seconds": found.full_seconds,
        "rows_per_second": found.rows_per_second,
        "roc_auc": quality.roc_auc(quality.boosting(found.rows, target, seed=seed), test, target),
        "conditions": [asdict(c) for c in quality.conditions(found.asked, train, test, target, judge, seed=seed)],
        "labelled": labelled,
    }


def smaller(frame: pd.DataFrame, target: str) -> tuple[pd.DataFrame, int]:
    """Return the first 1,000 rows of the first ten features and the target, and how many features there are."""
    features = [c for c in frame.columns if c != target][:SMALL_FEATURES]
    return frame.head(SMALL_ROWS)[[*features, target]], len(features)


def main(
    train: Annotated[Path, typer.Option(help="Parquet of the rows to learn from.", exists=True)],
    test: Annotated[Path, typer.Option(help="Parquet of the rows held out, same columns.", exists=True)],
    target: Annotated[str, typer.Option(help="The column of classes.")] = "income",
    variant: Annotated[str, typer.Option(help="Variants between commas; all if empty.")] = "",
    rows: Annotated[str, typer.Option(help="How many rows to write, between commas.")] = "1000000,10000000",
    ctgan_epochs: Annotated[int, typer.Option(min=0, help="Epochs of CTGAN; 0: none.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="Threads of torch; 0: as many as it takes.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of generators and classifiers.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder of results; CTGAN's are taken over if there.")] = Path("runs/speed"),
    quick: Annotated[bool, typer.Option(help="A smoke run: few rows, hardly trained.")] = False,
) -> None:
    """Measure speed and quality of every variant on a table, and print what came out, as Markdown."""
    if threads:
        torch.set_num_threads(threads)
    learnt, held = (pd.read_parquet(path).dropna().reset_index(drop=True) for path in (train, test))
    written = [int(n) for n in rows.split(",") if n.strip()]
    if quick:
        learnt, held, written, out = learnt.head(QUICK_ROWS), held.head(QUICK_ROWS), [QUICK_WRITTEN], out / "quick"
    out.mkdir(parents=True, exist_ok=True)
    judge = quality.boosting(learnt, target, seed=seed)
    found: dict[str, Any] = {
        "rows": len(learnt),
        "held_out": len(held),
        "columns": learnt.shape[1],
        "threads": torch.get_num_threads(),
        "roc_auc_real": quality.roc_auc(judge, held, target),
        "small": {"rows": min(SMALL_ROWS, len(learnt)), "features": smaller(learnt, target)[1]},
        "variants": {},
        "ctgan": None,
    }
    for name in [v.strip() for v in variant.split(",")] if variant else variants.names("tables"):
        _, config = variants.resolve(name)
        config = replace(config, steps=QUICK_STEPS) if quick else config
        found["variants"][name] = measure_variant(config, learnt, held, target, judge, written, seed=seed)
    if ctgan_epochs and peer_ctgan.installed():
        found["ctgan"] = measure_ctgan(
            learnt, held, target, judge, epochs=ctgan_epochs, seed=seed, folder=out / f"ctgan-{ctgan_epochs}"
        )
    elif ctgan_epochs:
        typer.echo("CTGAN is absent: it is not installed (pip install ctgan)")
    page = speed_page.markdown(found)
    (out / "tables_speed.json").write_text(json.dumps(found, indent=1), "utf-8")
    (out / "tables_speed.md").write_text(page, "utf-8")
    typer.echo("\n" + page)


if __name__ == "__main__":
    typer.run(main)
