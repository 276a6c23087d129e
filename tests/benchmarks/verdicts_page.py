"""What the benchmark of verdicts prints: each verdict beside what came true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from scipy import stats

from ganaug.evaluate.arms import NOTHING
from tests.benchmarks.lineup import POLICY
from tests.benchmarks.words import change, plain_interval, signed, to_markdown

__all__ = ["markdown", "truths"]

ORDER = ("helps", "better than nothing", "no evidence", "left alone", "harms", "not measurable")
GOOD = ("helps", "better than nothing")
SAID = ("verdict", "chosen", "common", "scarce", "checked", "low", "high")
"""What is told of a draw beside its truth; the last two are the ends of the check's interval."""


def truths(records: pd.DataFrame, about: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row a draw: table, draw, what the check said, and the true change, mean over learners and of each."""
    scores = records.pivot_table(index=["table", "draw", "learner"], columns="arm", values="value", sort=False)
    changes = (scores[POLICY] - scores[NOTHING]).unstack("learner")
    said = pd.DataFrame(
        {key: about[f"{table}.{draw}"][key] for key in SAID} for table, draw in changes.index
    ).set_index(changes.index)
    return pd.concat([said, changes.mean(axis=1).rename("change"), changes], axis=1).reset_index()


def markdown(records: pd.DataFrame, about: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page."""
    found = truths(records, about)
    rows = []
    for verdict in ORDER:
        own = found[found["verdict"] == verdict]
        if len(own):
            rows.append(
                {
                    "verdict": verdict,
                    "draws": len(own),
                    "truly better": int((own["change"] > 0).sum()),
                    "the same": int((own["change"] == 0).sum()),
                    "truly worse": int((own["change"] < 0).sum()),
                    "true change, mean": change(plain_interval(own["change"].to_numpy())),
                    "smallest": signed(own["change"].min()),
                    "seconds": f"{own['checked'].mean():.0f}",
                }
            )
    head = (
        f"{len(found)} draws of {found['table'].nunique()} large real sets: the check's verdict on the draw, and the "
        "change of average precision (mean over the classifiers) that the policy truly made on other real rows. The "
        "same is where the policy, on the whole draw, chose to add nothing. In brackets a 95 % interval over draws; "
        "seconds are those of the check."
    )
    lines = [
        f"- {_right(found, GOOD, 'helps or better than nothing', above=True)}",
        f"- {_right(found, ('helps',), 'helps', above=True)}",
        f"- {_right(found, ('harms',), 'harms', above=False)}",
        f"- All draws, whatever the verdict: {change(plain_interval(found['change'].to_numpy()))}; truly worse on "
        f"{int((found['change'] < 0).sum())} of {len(found)}.",
        f"- {_covered(found)}",
    ]
    true = list(found.columns[found.columns.get_loc("change") :])
    each = found.assign(**{c: found[c].map(signed) for c in true}, size=found["common"].astype(str))
    each["size"] += " / " + found["scarce"].astype(str)
    shown = each[["table", "draw", "size", "verdict", "chosen", *true]]
    shown = shown.rename(columns=lambda c: str(c).replace("_", " "))
    return "\n\n".join([head, to_markdown(pd.DataFrame(rows)), "\n".join(lines), to_markdown(shown)]) + "\n"


def _covered(found: pd.DataFrame) -> str:
    """Say how often the check's interval held the true change; a wrong *helps* needs its lower end above it."""
    own = found[["low", "high", "change"]].astype(float).dropna()
    if not len(own):
        return "No draw has an interval."
    above, below = int((own["low"] > own["change"]).sum()), int((own["high"] < own["change"]).sum())
    return (
        f"Of the check's {len(own)} intervals (95 %, against nothing), {len(own) - above - below} held the truth, "
        f"{above} lay above it, and {below} below."
    )


def _right(found: pd.DataFrame, verdicts: tuple[str, ...], name: str, *, above: bool) -> str:
    """Say how often these verdicts were followed by a true gain, or loss, with Clopper and Pearson's interval."""
    own = found[found["verdict"].isin(verdicts)]["change"]
    if not len(own):
        return f"No verdict was {name}."
    right = int((own > 0).sum() if above else (own < 0).sum())
    interval = stats.binomtest(right, len(own)).proportion_ci(0.95, method="exact")
    what = "gain" if above else "loss"
    return (
        f"The verdict {name} was followed by a true {what} {right} times in {len(own)} "
        f"({right / len(own):.0%}; 95 % interval {interval.low:.0%} to {interval.high:.0%})."
    )
