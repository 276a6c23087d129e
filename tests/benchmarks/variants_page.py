"""What `tests.benchmarks.variants` measured -> Markdown: a table a set, a row a variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tests.benchmarks.variant_pairs import REAL, TRAINED, UNTRAINED
from tests.benchmarks.variant_sets import VariantSet
from tests.benchmarks.words import to_markdown

__all__ = ["markdown", "shortfalls", "table"]

SHOWN = {
    "frechet": ("Fréchet", "low"),
    "kernel": ("kernel", "low"),
    "inception": ("Inception", "high"),
    "precision": ("precision", "high"),
    "recall": ("recall", "high"),
    "density": ("density", "near"),
    "coverage": ("coverage", "high"),
    "label_accuracy": ("labels", "high"),
    "copies": ("copies", "low"),
    "seconds": ("s", "low"),
    "peak_mib": ("MiB", "low"),
}
"""Figure -> its heading, and which is best: the lowest, the highest, or that nearest to the real rows'."""
BESIDE_UNTRAINED = ("coverage", "label_accuracy", "copies")
SHARES = ("precision", "recall", *BESIDE_UNTRAINED)
HEAD = (
    "Every variant at its defaults on one core, judged on real rows that no generator was shown; the last row is of "
    "other real rows, the mark to meet. Fréchet distance (Heusel et al. 2017, arXiv 1706.08500; covariances shrunk) "
    "and kernel distance (KID; Binkowski et al. 2018, arXiv 1801.01401), precision and recall (Kynkäänniemi et al. "
    "2019, arXiv 1904.06991), density and coverage (Naeem et al. 2020, arXiv 2002.09797): of images on the features "
    "of a small convolutional classifier, of tables on normal scores and one-hot categories. The Inception score "
    "(Salimans et al. 2016, arXiv 1606.03498) and `labels`, the share in which the class asked for is seen, are those "
    "of a classifier fitted on the real rows that judge: that same one for images, a gradient boosting for tables. "
    "`copies`: as near to a row shown as the nearest 5 % of these are to each other. `s`: processor time of the "
    "training; `MiB`: peak of the process, Python and torch included. In brackets the same variant before its first "
    "step. Reached: labels and coverage are higher than there, and copies lower, or no more than chance above those of "
    "the real rows; and where somebody who looked at the pictures did not see the class, `pictures` are what is short. "
    "Bold: the best (of density the nearest to the real rows')."
)


def markdown(
    sets: Sequence[VariantSet],
    records: pd.DataFrame,
    about: Mapping[tuple[str, str], Mapping[str, Any]],
    notes: Sequence[str],
) -> str:
    """Return the page: the sets that were measured, and ``notes`` on what was not.

    Args:
        sets: in the order of the page.
        records: set, variant, side and the figures.
        about: (set, variant) -> seconds, peak_mib, failed.
        notes: sentences.
    """
    parts = [HEAD]
    for one in sets:
        own = {variant: found for (name, variant), found in about.items() if name == one.name}
        adding = {variant: found for variant, found in own.items() if "psnr" not in found}
        if own:
            parts.append(f"**{one.name}**: {_told(one)}")
        if adding:
            rows, n = records[records["set"] == one.name], one.draws * one.beside * len(one.shown)
            parts.append(to_markdown(table(rows, adding, n=n, rejected=one.rejected)))
        parts += [_enlarged(variant, found) for variant, found in own.items() if "psnr" in found]
    return "\n\n".join([*parts, *(["\n".join(f"- {note}" for note in notes)] if notes else [])]) + "\n"


def _told(one: VariantSet) -> str:
    shown = ", ".join(f"{n:,} {label}" for label, n in one.shown.items())
    means = f" Means over {one.draws} draws." if one.draws > 1 else " One draw."
    return (
        f"{one.told}. Shown: {shown}. {one.judging:,} real rows of each class judge, {one.beside:,} are beside.{means}"
    )


def _enlarged(variant: str, found: Mapping[str, Any]) -> str:
    gain = found["psnr"] - found["psnr_bicubic"]
    reached = "" if gain > 0 else "; not reached: bicubic interpolation"
    return (
        f"`{variant}` adds no rows. The real rows beside, brought down and enlarged by it again, have a peak "
        f"signal-to-noise ratio of {found['psnr']:.2f} dB, by bicubic interpolation {found['psnr_bicubic']:.2f} dB; "
        f"{found['seconds']:.0f} s, {found['peak_mib']:.0f} MiB{reached}."
    )


def table(
    records: pd.DataFrame, about: Mapping[str, Mapping[str, Any]], *, n: int, rejected: Sequence[str] = ()
) -> pd.DataFrame:
    """Return a row a variant of one set, and one of the ``n`` real rows beside; pictures of some were ``rejected``."""
    sides = {side: own.set_index("variant") for side, own in records.groupby("side")}
    if TRAINED not in sides:
        return pd.DataFrame([{"variant": v, "reached": _failed(found)} for v, found in about.items()])
    seconds = pd.DataFrame(about).T.reindex(columns=["seconds", "peak_mib"])
    figures = sides[TRAINED].join(seconds)
    real = sides[REAL].iloc[0]
    best = {name: _best(figures[name].astype(float), rule, real.get(name)) for name, (_, rule) in SHOWN.items()}
    rows = []
    for variant, found in about.items():
        row = {"variant": f"`{variant}`", **{heading: "" for heading, _ in SHOWN.values()}}
        if found["failed"] is not None:
            rows.append({**row, "reached": _failed(found)})
            continue
        own, start = figures.loc[variant], sides[UNTRAINED].loc[variant]
        for name, (heading, _) in SHOWN.items():
            cell = _cell(name, own[name])
            row[heading] = f"**{cell}**" if cell and own[name] == best[name] else cell
            if name in BESIDE_UNTRAINED:
                row[heading] += f" ({_cell(name, start[name])})"
        short = shortfalls(own, start, real, n=n) + (["pictures"] if variant in rejected else [])
        rows.append({**row, "reached": f"not reached: {', '.join(short)}" if short else "yes"})
    mark = {heading: _cell(name, real[name]) if name in real else "" for name, (heading, _) in SHOWN.items()}
    return pd.DataFrame([*rows, {"variant": "real rows", **mark, "reached": ""}])


def shortfalls(own: Any, start: Any, real: Any, *, n: int) -> list[str]:
    """Return in what a variant does not beat itself before its first step.

    Noise copies nothing, so that nothing has fewer copies: as few as ``n`` real rows have, but for two standard errors
    of theirs, are enough.
    """
    short = [SHOWN[name][0] for name in ("label_accuracy", "coverage") if not own[name] > start[name]]
    fair = real["copies"] + 2 * np.sqrt(real["copies"] * (1 - real["copies"]) / n)
    if not (own["copies"] < start["copies"] or own["copies"] <= fair):
        short.append(SHOWN["copies"][0])
    return short


def _failed(found: Mapping[str, Any]) -> str:
    return f"not reached: {' '.join(found['failed'].split())}"


def _best(values: pd.Series, rule: str, real: float | None) -> float:
    if values.isna().all():
        return np.nan
    if rule == "near":
        return float(values.loc[(values - real).abs().idxmin()])
    return float(values.min() if rule == "low" else values.max())


def _cell(name: str, value: float) -> str:
    if not np.isfinite(value):
        return ""
    if name in SHARES:
        return "1" if value >= 0.995 else f"{value:.2f}".removeprefix("0")
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
