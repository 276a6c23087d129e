"""Many tables -> Markdown: mean changes against nothing, ranks, tests, seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganaug.evaluate.arms import NOTHING, TUNED
from ganaug.evaluate.judge import AT_HALF
from ganaug.evaluate.statistics import compare_tables, corrected_interval
from tests.benchmarks.lineup import POLICY
from tests.benchmarks.words import change, many, number, plain_interval, short, signed, to_markdown

__all__ = ["PRIMARY", "Results", "against", "by_arm", "by_rank", "by_table", "harms", "markdown", "sentences"]

PRIMARY = "average_precision"
TIE = 1e-3
"""A smaller change of a table's mean score is none."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """What was measured on all tables that are done."""

    records: pd.DataFrame
    """table, fold, arm, learner, metric, value."""
    about: Mapping[str, Mapping[str, Any]]
    """Table -> family, rows, rarer, columns, seconds (by arm), left_out, choices, test_to_train, total."""
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


def harms(results: Results, arm: str) -> tuple[list[str], list[str]]:
    """Return the tables on which an arm is significantly better than nothing, and those where it is worse.

    A table's interval is Nadeau and Bengio's, over its folds, of the mean over classifiers.
    """
    better, worse = [], []
    part = results.records[(results.records["metric"] == PRIMARY) & results.records["arm"].isin([arm, NOTHING])]
    scores = part.pivot_table(index=["table", "fold"], columns="arm", values="value", aggfunc="mean")
    for table, own in scores.groupby(level="table"):
        differences = own[arm].to_numpy() - own[NOTHING].to_numpy()
        interval = corrected_interval(differences, results.about[str(table)]["test_to_train"])
        better += [str(table)] * interval.above
        worse += [str(table)] * interval.below
    return better, worse


def by_arm(results: Results) -> pd.DataFrame:
    """Return a row an arm: mean changes of average precision, tables helped and harmed, tests, seconds."""
    scores = results.scores(PRIMARY).drop(columns=TUNED, errors="ignore")
    compared = {
        baseline: compare_tables(scores, baseline=baseline, tie=TIE)
        for baseline in (NOTHING, POLICY)
        if baseline in scores
    }
    halves = results.scores(f"balanced_accuracy{AT_HALF}")
    rows = []
    for arm in results.arms:
        row: dict[str, Any] = {"arm": results.labels[arm]}
        if arm != TUNED:
            row |= against(results, arm, NOTHING)
            row["helped / harmed"] = " / ".join(str(len(tables)) for tables in harms(results, arm))
            row |= {f"p, {READ[b]}": number(compared[b]["p"][arm]) for b in compared}
        # A tuned threshold is all that this arm is; the others decide as ``predict`` does.
        decided = results.scores("balanced_accuracy")[TUNED] if arm == TUNED else halves[arm]
        row["balanced accuracy"] = signed((decided - halves[NOTHING]).mean())
        spent = [about["seconds"].get(arm, np.nan) for about in results.about.values()]
        row["seconds"] = f"{np.nanmean(spent):.0f}" if np.isfinite(spent).any() else ""
        own = ("arm", "seconds", f"p, {READ[POLICY]}")
        rows.append({k: "" if arm == NOTHING and k not in own else v for k, v in row.items()})
    found = pd.DataFrame(rows).fillna("")
    return found[[c for c in found.columns if c != "seconds"] + ["seconds"]]


READ = {NOTHING: "against nothing", POLICY: "the policy against it"}


def by_rank(results: Results) -> pd.DataFrame:
    """Return a row an arm: mean ranks, and mean changes of the decision metrics at tuned thresholds."""
    found: dict[str, dict[str, str]] = {}
    for metric, shown in METRICS.items():
        scores = results.scores(metric).drop(columns=TUNED, errors="ignore")
        compared = compare_tables(scores, baseline=NOTHING, tie=TIE)
        for arm in scores.columns:
            row = found.setdefault(arm, {"arm": results.labels[arm]})
            row[f"rank, {shown}"] = f"{compared.loc[arm, 'mean_rank']:.2f}"
            row[shown] = "" if arm == NOTHING else signed(compared["mean_change"][arm])
    frame = pd.DataFrame([found[arm] for arm in results.arms if arm in found]).fillna("")
    ranks = [f"rank, {shown}" for shown in METRICS.values()]
    return frame[["arm", *ranks, *list(METRICS.values())[1:]]]


METRICS = {PRIMARY: "average precision", "balanced_accuracy": "balanced accuracy", "mcc": "MCC", "g_mean": "G-mean"}


def by_table(results: Results, metric: str = PRIMARY) -> pd.DataFrame:
    """Return a row a table: what it holds, nothing's score, every arm's change, what the policy chose.

    Changes of average precision that are significant on the table are marked ``*``.
    """
    marked = {arm: {t for found in harms(results, arm) for t in found} for arm in results.arms if metric == PRIMARY}
    scores = results.scores(metric).drop(columns=TUNED, errors="ignore")
    rows = []
    for table, about in results.about.items():
        row = {"table": table, "rows": about["rows"], "rarer": about["rarer"], "features": about["columns"]}
        row["nothing"] = f"{scores.loc[table, NOTHING]:.3f}".removeprefix("0")
        for arm in scores.columns:
            if arm != NOTHING:
                gain = signed(scores[arm][table] - scores[NOTHING][table]) + "*" * (table in marked.get(arm, ()))
                row[short(results.labels[arm])] = "–" if arm in about["left_out"] else gain
        chosen = Counter(choice["candidate"] for choice in about["choices"])
        row["chosen"] = ", ".join(f"{n} x {name}" for name, n in chosen.most_common())
        rows.append(row)
    return pd.DataFrame(rows)


def sentences(results: Results) -> list[str]:
    """Return where the policy helped and harmed, which arms could not run on which tables, and why."""
    said = []
    if POLICY in results.arms:
        better, worse = (", ".join(tables) or "no table" for tables in harms(results, POLICY))
        said.append(f"The policy helped significantly on {better}; it harmed significantly on {worse}.")
    found: dict[tuple[str, str], list[str]] = {}
    for table, about in results.about.items():
        for arm, why in about["left_out"].items():
            found.setdefault((short(results.labels.get(arm, arm)), why), []).append(table)
    return said + [
        f"{arm} could not run on {', '.join(tables)} and counts as nothing there: {why}."
        for (arm, why), tables in found.items()
    ]


def markdown(results: Results, *, workers: int, threads: int, seconds: float, images: bool = False) -> str:
    """Return the page that the benchmark prints; of ``images`` balanced accuracy is a primary score, too."""
    n = len(results.tables)
    families = {about.get("family", table) for table, about in results.about.items()}
    learners = ", ".join(name.replace("_", " ") for name in dict.fromkeys(results.records["learner"]))
    folds = len(results.records[["table", "fold"]].drop_duplicates()) / n
    head = (
        "Change of average precision (macro over more than two classes) against nothing, mean over "
        f"{many(n, 'table')} of {many(len(families), 'source')}, {folds:g} folds each, and over {learners}; in "
        f"brackets a 95 % interval over tables. Up and down mean by {TIE:g} or more; helped and harmed count the "
        "tables whose own 95 % interval (Nadeau-Bengio, over folds) lies above or below 0, marked * by table. Each p "
        "is Wilcoxon's over tables, adjusted by Holm within its column. Balanced accuracy is the change of it as "
        "`predict` decides. Seconds are one table's, on one core, inner folds included."
    )
    ranks = (
        "Mean ranks over tables (1 is best; of the mean over classifiers), and mean changes against nothing. All but "
        "average precision at thresholds tuned on inner folds, so that nothing is the tuned threshold there; the rank "
        "is among the arms that have one."
    )
    foot = f"{seconds:.0f} s of work over {workers} process(es) of {threads} thread(s)."
    lines = "\n".join(f"- {sentence}" for sentence in sentences(results))
    tables = [to_markdown(by_arm(results)), ranks, to_markdown(by_rank(results)), lines]
    tables += ["By table:", to_markdown(by_table(results))]
    if images:
        for metric, said in ((f"balanced_accuracy{AT_HALF}", "as `predict` decides"), ("balanced_accuracy", "tuned")):
            tables += [f"Balanced accuracy, {said}:", to_markdown(by_table(results, metric))]
    parts = [head, *tables, foot]
    return "\n\n".join(part for part in parts if part) + "\n"
