"""What the benchmark of tables made scarce prints: arms against nothing, and training against its own start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ganaug.evaluate.arms import NOTHING
from ganaug.policy import Candidate
from tests.benchmarks.lineup import ANCHORED, UNTRAINED
from tests.benchmarks.summary import PRIMARY, Results, against
from tests.benchmarks.words import change, plain_interval, signed, to_markdown

__all__ = ["SMOTE", "arm_name", "gains", "labels", "markdown"]

SMOTE = "smote"
READ = {SMOTE: "SMOTE", UNTRAINED: "anchored, untrained", ANCHORED: "**anchored**"}
"""Generator -> what people read, in the order of the tables printed."""

PLURAL = {"category": "categories", "integer": "integers", "number": "numbers"}


def arm_name(generator: str, amount: Candidate) -> str:
    """Return what the rows of a generator in one amount are called in the records."""
    return f"{generator} {amount.name}"


def labels(amounts: Sequence[Candidate]) -> dict[str, str]:
    """Return arm -> what people read, nothing first."""
    return {NOTHING: "Nothing"} | {arm_name(g, a): f"{read}, {a.name}" for g, read in READ.items() for a in amounts}


def pooled(results: Results) -> Results:
    """Return the results with an arm a generator: its amounts count as repetitions."""
    records = results.records.assign(arm=results.records["arm"].str.split(" ").str[0])
    return replace(results, records=records, labels={NOTHING: "Nothing", **READ})


def by_arm(results: Results, amounts: Sequence[Candidate]) -> pd.DataFrame:
    """Return a row an arm, its change against nothing; then what training changes against its own start."""
    whole, every = pooled(results), "mean of the amounts"
    rows = [{"arm": results.labels[arm], **against(results, arm, NOTHING)} for arm in results.arms]
    rows[0] = {key: value if key == "arm" else "" for key, value in rows[0].items()}
    rows += [{"arm": f"{read}, {every}", **against(whole, g, NOTHING)} for g, read in READ.items()]
    for a in amounts:
        found = against(results, arm_name(ANCHORED, a), arm_name(UNTRAINED, a))
        rows.append({"arm": f"trained minus its start, {a.name}", **found})
    rows.append({"arm": f"**trained minus its start, {every}**", **against(whole, ANCHORED, UNTRAINED)})
    rows.append({"arm": f"trained minus SMOTE, {every}", **against(whole, ANCHORED, SMOTE)})
    return pd.DataFrame(rows)


def gains(results: Results) -> pd.DataFrame:
    """Return the mean gain of training over its start, a row a draw and a column a table."""
    records = pooled(results).records
    scores = records.pivot_table(index="draw", columns=["table", "arm"], values="value", aggfunc="mean", sort=False)
    return pd.DataFrame({t: scores[t, ANCHORED] - scores[t, UNTRAINED] for t in results.tables})


def by_table(results: Results) -> pd.DataFrame:
    """Return a row a table: nothing's score, every generator's change, and what training gained over the draws."""
    whole = pooled(results)
    scores, gained = whole.scores(PRIMARY), gains(results)
    changes = scores.sub(scores[NOTHING], axis=0)
    rows = []
    for table, about in results.about.items():
        features = ", ".join(f"{n} {PLURAL.get(kind, kind)}" for kind, n in about["kinds"].items())
        row: dict[str, Any] = {"table": table, "rows": about["rows"], "features": features}
        row["nothing"] = f"{scores[NOTHING][table]:.3f}".removeprefix("0")
        row |= {read: signed(float(changes[g][table])) for g, read in READ.items()}
        rows.append(row | {"trained minus its start": change(plain_interval(gained[table].to_numpy()))})
    return pd.DataFrame(rows)


def markdown(results: Results, amounts: Sequence[Candidate], sizes: str) -> str:
    """Return the page that the benchmark prints; ``sizes`` says how many rows were drawn."""
    n, gained = len(results.tables), gains(results)
    head = (
        f"Change of average precision against nothing, mean over {n} table{'s' * (n > 1)} and three classifiers; in "
        f"brackets a 95 % interval over tables. {sizes}"
    )
    lines = [head, to_markdown(by_arm(results, amounts))]
    if len(gained) > 1:
        error = float(np.sqrt((gained.var() / len(gained)).mean() / n))
        lines.append(f"Of the gain of training on these very tables, the draws make a standard error of {error:.4f}.")
    lines += ["By table, mean of the amounts; in brackets a 95 % interval over draws:", to_markdown(by_table(results))]
    seconds = sum(about["total"] for about in results.about.values())
    return "\n\n".join([*lines, f"{seconds:.0f} s of work in one thread."]) + "\n"
