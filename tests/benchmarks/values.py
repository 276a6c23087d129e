"""Do rows obey the value that they are asked for? ``python -m tests.benchmarks.values``.

A table is halved. A generator is fitted on the one half, and regressors on the other. How much of the target's variance
do these explain in the real rows of the first half, and in rows generated for the very targets of those? As much, where
the rows are as typical of their values as real ones are; less, where the value is not obeyed; more, where the rows are
caricatures of it. Beside it the energy distance of features and target to the second half (standardised).
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ganaug import fitting
from ganaug.data import read_table
from ganaug.monitor import energy_distance
from ganaug.variants.anchored import Config

CANCER = ["mean smoothness", "mean symmetry", "mean compactness", "mean texture", "mean concavity", "worst texture"]
VARIANTS = {"anchored": Config(), "its start": Config(steps=0)}
REPEATS = 4
"""Rows generated for each real row's target."""


def tables() -> dict[str, tuple[pd.DataFrame, str]]:
    """Return tables that scikit-learn ships, each with the column that is its target."""
    diabetes: Any = load_diabetes(as_frame=True)
    wine: Any = load_wine(as_frame=True)
    cancer: Any = load_breast_cancer(as_frame=True)
    return {
        "diabetes": (diabetes.frame, "target"),
        "wine, proline": (wine.frame.drop(columns="target"), "proline"),
        "breast cancer, area error": (cancer.frame[[*CANCER, "target", "area error"]], "area error"),
    }


def halves(frame: pd.DataFrame, target: str, seed: int) -> list[dict[str, Any]]:
    """Measure every variant on one random halving."""
    order = np.random.default_rng(seed).permutation(len(frame))
    own, other = (frame.iloc[part].reset_index(drop=True) for part in np.array_split(order, 2))
    judges = {
        "forest": RandomForestRegressor(200, min_samples_leaf=3, random_state=0),
        "ridge": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13))),
    }
    for judge in judges.values():
        judge.fit(other.drop(columns=target), other[target])
    scaler = StandardScaler().fit(other)

    def described(variant: str, rows: pd.DataFrame, seconds: float) -> dict[str, Any]:
        found = {
            f"R2 {name}": r2_score(rows[target], judge.predict(rows.drop(columns=target)))
            for name, judge in judges.items()
        }
        there, here = (
            torch.tensor(scaler.transform(part[frame.columns]), dtype=torch.float32) for part in (other, rows)
        )
        return {"rows": variant, **found, "energy": float(energy_distance(there, here)), "seconds": seconds}

    read = read_table(own, target=target, task="regression", id_columns=[])
    asked = {value: REPEATS * count for value, count in own[target].value_counts().items()}
    entries = [described("real", own, 0.0)]
    for name, config in VARIANTS.items():
        started = time.perf_counter()
        fitted = fitting.fit(read.table, read.schema, variant=config, seed=seed)
        seconds = time.perf_counter() - started
        entries.append(described(name, fitted.sample(conditions=asked, random_state=seed), seconds))
    return entries


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=3, help="random halvings of each table")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name, (frame, target) in tables().items():
        found = pd.DataFrame([entry for seed in range(options.splits) for entry in halves(frame, target, seed)])
        print(
            f"\n{name}: {len(frame)} rows\n{found.groupby('rows', sort=False).mean().round(3).to_string()}", flush=True
        )


if __name__ == "__main__":
    main()
