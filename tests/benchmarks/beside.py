"""Arms of an earlier run of the benchmark beside those of this one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import typer

from ganaug.evaluate.arms import NOTHING
from tests.benchmarks.folder import ABOUT
from tests.benchmarks.lineup import ARMS, IMAGE_ARMS
from tests.benchmarks.summary import Results

__all__ = ["taken_over"]

KEY = ["table", "fold", "learner", "metric"]


def taken_over(results: Results, folder: Path) -> Results:
    """Return the results with the arms of an earlier run that they lack, on the tables that both have.

    Raises:
        typer.BadParameter: there is no earlier run, a table is not in it, or nothing's scores differ, so that the rows,
            folds, seed or classifiers were others.
    """
    path = folder / "effect.parquet"
    if not path.exists():
        raise typer.BadParameter(f"{path} is not there: no run was finished in {folder}")
    before = pq.read_table(path)
    said: dict[str, Any] = json.loads((before.schema.metadata or {})[ABOUT])
    records = before.to_pandas()
    if lacking := [table for table in results.tables if table not in said["about"]]:
        raise typer.BadParameter(f"{folder} has no {', '.join(lacking)}")
    records = records[records["table"].isin(results.tables)]
    ours, theirs = (r[r["arm"] == NOTHING].set_index(KEY)["value"].sort_index() for r in (results.records, records))
    if not ours.index.equals(theirs.index) or not np.allclose(ours, theirs, rtol=0, atol=1e-9, equal_nan=True):
        raise typer.BadParameter(f"{folder} measured other rows, folds, seeds or classifiers: nothing's scores differ")
    new = [arm for arm in said["labels"] if arm not in results.labels]
    about = {}
    for table, own in results.about.items():
        other = said["about"][table]
        merged = {key: {a: v for a, v in other[key].items() if a in new} | own[key] for key in ("seconds", "left_out")}
        choices = own["choices"] or other["choices"]
        about[table] = {**own, **merged, "choices": choices}
    labels, order = {**said["labels"], **results.labels}, (*ARMS, *IMAGE_ARMS)
    return replace(
        results,
        records=pd.concat([results.records, records[records["arm"].isin(new)]], ignore_index=True),
        about=about,
        labels={arm: labels[arm] for arm in sorted(labels, key=order.index)},
    )
