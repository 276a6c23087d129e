"""Many tables -> Markdown: mean changes against nothing, ranks, tests, seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ganaug.evaluate.arms import NOTHING, TUNED
from ganaug.evaluate.judge import AT_HALF
from ganaug.evaluate.statistics import Interval, compare_tables, corrected_interval
from tests.benchmarks.lineup import ANCHORED, POLICY, UNTRAINED

__all__ = [
    "PRIMARY",
    "Results",
    "against",
    "by_arm",
    "by_table",
    "change",
    "markdown",
    "plain_interval",
    "sentences",
    "signed",
    "to_markdown",
]

PRIMARY = "average_precision"
TIE = 1e-3
"""A smaller change of a table's mean score is none."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """What was measured on all tables that are done."""

    records: pd.DataFrame
    """table, fold, arm, learner, metric, value."""
    about: Mapping[str, Mapping[str, Any]]
    """Table -> rows, rarer, columns, seconds (by arm), left_out, choices, total."""
    labels: Mapping[str, str]
    """Arm -> what people read; the order of the tables printed."""

    @property
    def arms(self) -> list[str]:
        """The arms that ran on one table at least."""
        there = set(self.records["arm"])
        return [arm for arm in self.labels if arm in there]

    @property
    def tables(self) -> list[str]:
        """The tables, in the order of ``about``."""
        return list(self.about)

    def scores(self, metric: str, learner: str | None = None) -> pd.DataFrame:
        """Return the mean over folds and learners (or of one): a row a table, a column an arm.

        Whoever cannot run an arm on a table is left with the table as it is: nothing's score stands there.
        """
        part = self.records[self.records["metric"] == metric]
        if learner is not None:
            part = part[part["learner"] == learner]
        means = part.pivot_table(index="table", columns="arm", values="value", aggfunc="mean", sort=False)
        means = means.reindex(index=self.tables, columns=[a for a in self.arms if a in means.columns])
        return means.apply(lambda column: column.fillna(means[NOTHING]))


def against(results: Results, arm: str, other: str) -> dict[str, str]:
    """Return the mean changes of an arm against another: of all learners, of each, and on how many tables."""
    scores = results.scores(PRIMARY)
    found = (scores[arm] - scores[other]).to_numpy(dtype=np.float64)
    said = {"all": change(plain_interval(found))}
    for name in dict.fromkeys(results.records["learner"]):
        one = results.scores(PRIMARY, name)
        said[name.replace("_", " ")] = signed((one[arm] - one[other]).mean())
    up, down = int((found >= TIE).sum()), int((found <= -TIE).sum())
    return said | {"up / same / down": f"{up} / {len(found) - up - down} / {down}"}


def by_arm(results: Results) -> pd.DataFrame:
    """Return a row an arm: mean changes against nothing, ranks, tests, seconds."""
    scores = results.scores(PRIMARY).drop(columns=TUNED, errors="ignore")
    compared = compare_tables(scores, baseline=NOTHING, tie=TIE)
    rows = []
    for arm in scores.columns:
        row: dict[str, Any] = {"arm": results.labels[arm], **against(results, arm, NOTHING)}
        row |= {
            "mean rank": f"{compared.loc[arm, 'mean_rank']:.1f}",
            "p (Holm)": number(compared.loc[arm, "p"]),
        }
        for metric, shown in ((f"balanced_accuracy{AT_HALF}", "balanced accuracy at .5"), ("mcc", "MCC, tuned")):
            found = results.scores(metric)
            row[shown] = signed((found[arm] - found[NOTHING]).mean()) if arm in found else ""
        spent = [about["seconds"].get(arm, np.nan) for about in results.about.values()]
        row["seconds"] = f"{np.nanmean(spent):.0f}" if np.isfinite(spent).any() else ""
        rows.append({k: "" if arm == NOTHING and k not in KEPT else v for k, v in row.items()})
    return pd.DataFrame(rows)


KEPT = ("arm", "mean rank", "seconds")
"""What nothing's own row says: all else there is a comparison with itself."""


def by_table(results: Results) -> pd.DataFrame:
    """Return a row a table: what it holds, nothing's score, every arm's change, what the policy chose."""
    scores = results.scores(PRIMARY).drop(columns=TUNED, errors="ignore")
    rows = []
    for table, about in results.about.items():
        row = {"table": table, "rows": about["rows"], "rarer": about["rarer"], "features": about["columns"]}
        row["nothing"] = f"{scores.loc[table, NOTHING]:.3f}".removeprefix("0")
        for arm in scores.columns:
            if arm != NOTHING:
                missing = arm in about["left_out"]
                row[_short(results.labels[arm])] = (
                    "–" if missing else signed(scores.loc[table, arm] - scores.loc[table, NOTHING])
                )
        chosen = Counter(choice["candidate"] for choice in about["choices"])
        row["chosen"] = ", ".join(f"{n} x {name}" for name, n in chosen.most_common())
        rows.append(row)
    return pd.DataFrame(rows)


def sentences(results: Results) -> list[str]:
    """Return what the issue at hand is about, in words that the numbers bear."""
    scores = results.scores(PRIMARY)
    said = []
    for arm, other in ((POLICY, NOTHING), (ANCHORED, UNTRAINED), (POLICY, "smote"), (ANCHORED, "smote")):
        if {arm, other} <= set(scores.columns):
            found = (scores[arm] - scores[other]).to_numpy(dtype=np.float64)
            up, down = int((found >= TIE).sum()), int((found <= -TIE).sum())
            p = float(stats.wilcoxon(found).pvalue) if len(found) > 1 and np.any(found != 0) else float("nan")
            ours, theirs = _short(results.labels[arm]), _short(results.labels[other])
            said.append(
                f"{ours} less {theirs}: {change(plain_interval(found))}; "
                f"up on {up}, down on {down} of {len(found)}; Wilcoxon's p {number(p) or 'undefined'}, not adjusted."
            )
    absent = [
        f"{_short(results.labels[arm])} could not run on {table} and counts as nothing there: {why}."
        for table, about in results.about.items()
        for arm, why in about["left_out"].items()
    ]
    return said + absent


def markdown(results: Results, *, folds: int, workers: int, threads: int, seconds: float) -> str:
    """Return the page that the benchmark prints."""
    n = len(results.tables)
    head = (
        f"Change of average precision against nothing, mean over {n} table{'s' * (n > 1)} ({folds} folds each, three "
        "classifiers); in brackets a 95 % interval over tables. Ranks are of the mean over classifiers, 1 is best; "
        f"p is Wilcoxon's against nothing, adjusted by Holm; up and down mean by {TIE:g} or more; seconds are one "
        "table's, on one core, inner folds included."
    )
    foot = f"{seconds:.0f} s of work over {workers} process(es) of {threads} thread(s)."
    lines = [f"- {sentence}" for sentence in sentences(results)]
    parts = [head, to_markdown(by_arm(results)), "\n".join(lines), to_markdown(by_table(results)), foot]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_markdown(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table; text to the left, all else to the right."""
    rows: Sequence[Sequence[str]] = [[str(value) for value in row] for row in frame.itertuples(index=False)]
    head = "| " + " | ".join(str(c) for c in frame.columns) + " |"
    rule = "|" + "|".join(["---"] + ["---:"] * (frame.shape[1] - 1)) + "|"
    return "\n".join([head, rule, *("| " + " | ".join(row) + " |" for row in rows)])


def signed(value: float) -> str:
    """Return ``+.012``.

    >>> signed(0.0123), signed(-0.0004), signed(float("nan"))
    ('+.012', '.000', '')
    """
    if not np.isfinite(value):
        return ""
    if abs(value) < 0.0005:
        return ".000"
    return f"{value:+.3f}".replace("0.", ".", 1)


def number(value: float) -> str:
    """Return ``.04`` or, below .01, one digit."""
    if not np.isfinite(value):
        return ""
    return (f"{value:.2f}" if value >= 0.01 else f"{value:.1g}").removeprefix("0") if value < 1 else "1"


def change(interval: Interval) -> str:
    """Return ``+.012 [-.003, +.027]``."""
    if not np.isfinite(interval.low):
        return signed(interval.mean)
    return f"{signed(interval.mean)} [{signed(interval.low)}, {signed(interval.high)}]"


def plain_interval(values: np.ndarray) -> Interval:
    """Return Student's interval: tables share no rows, so nothing needs a correction."""
    return corrected_interval(values, 0.0)


def _short(label: str) -> str:
    return label.replace("**", "").replace(" (the default)", "")
