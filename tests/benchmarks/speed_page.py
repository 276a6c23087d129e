"""What `tables_speed` measured -> Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tests.benchmarks.peer_ctgan import FULL
from tests.benchmarks.words import to_markdown

__all__ = ["markdown"]


def markdown(found: Mapping[str, Any]) -> str:
    """Return the page."""
    head = (
        f"{found['rows']:,} complete training rows, {found['columns']} columns, {found['held_out']:,} held-out rows; "
        f"{found['threads']} thread(s). ROC-AUC is that of a gradient boosting on held-out real rows, fitted on as "
        "many generated rows as there are training rows."
    )
    return "\n\n".join([head, to_markdown(_speed(found)), *_notes(found), *_conditions(found), *_written(found)]) + "\n"


def _speed(found: Mapping[str, Any]) -> pd.DataFrame:
    ctgan, small = found["ctgan"], found["small"]
    fewer = f"fit {small['rows']:,} x {small['features']}, s"
    rows: list[dict[str, str]] = [
        {"": "real rows", "fit, s": "", fewer: "", "rows/s to Parquet": "", "ROC-AUC": _share(found["roc_auc_real"])}
    ]
    for name, one in found["variants"].items():
        last = one["written"][0] if one["written"] else None
        rows.append(
            {
                "": f"**{name}**",
                "fit, s": f"{one['fit']:.1f}",
                fewer: f"{one['small']:.1f}",
                "rows/s to Parquet": "" if last is None else f"{last['rows'] / last['seconds']:,.0f}",
                "ROC-AUC": _share(one["roc_auc"]),
            }
        )
        if ctgan is not None:
            rows[-1]["times faster"] = f"{ctgan['full_seconds'] / one['fit']:.0f}"
    if ctgan is not None:
        rows[0]["times faster"] = ""
        rows.append(
            {
                "": f"CTGAN {ctgan['version']}, {ctgan['epochs']} epochs",
                "fit, s": f"{ctgan['prepare'] + ctgan['epochs'] * ctgan['epoch']:.0f}",
                fewer: "",
                "rows/s to Parquet": f"{ctgan['rows_per_second']:,.0f} (not written)",
                "ROC-AUC": _share(ctgan["roc_auc"]),
                "times faster": "1" if ctgan["epochs"] == FULL else "",
            }
        )
    return pd.DataFrame(rows).fillna("")


def _notes(found: Mapping[str, Any]) -> list[str]:
    ctgan = found["ctgan"]
    if ctgan is None:
        return []
    lines = [
        f"CTGAN prepared for {ctgan['prepare']:.0f} s and took {ctgan['epoch']:.2f} s an epoch. Asked for a class, it "
        "gave " + ", ".join(f"{share:.0%} rows labelled {label}" for label, share in ctgan["labelled"].items()) + "."
    ]
    if ctgan["epochs"] < FULL:
        lines.append(
            f"**Extrapolated**: times faster is against {FULL} epochs, {ctgan['full_seconds']:.0f} s, of which "
            f"{ctgan['epochs']} were run; its ROC-AUC is that of {ctgan['epochs']} epochs."
        )
    return ["\n".join(f"- {line}" for line in lines)]


def _conditions(found: Mapping[str, Any]) -> list[str]:
    rows = []
    sides = dict(found["variants"]) | ({} if found["ctgan"] is None else {"CTGAN": found["ctgan"]})
    for name, one in sides.items():
        for c in one["conditions"]:
            rows.append(
                {
                    "asked of": name,
                    "class": c["label"],
                    "called so": _share(c["called"]),
                    "real rows called so": _share(c["called_real"]),
                    "coverage": _share(c["coverage"]),
                    "coverage of real rows": _share(c["coverage_real"]),
                }
            )
    said = (
        "Rows asked for by class, and what a boosting fitted on real rows calls them, beside held-out real rows of "
        "that class; coverage of the class's training rows, by as many rows of either kind."
    )
    return [said, to_markdown(pd.DataFrame(rows))] if rows else []


def _written(found: Mapping[str, Any]) -> list[str]:
    rows = [
        {
            "written by": name,
            "rows": f"{w['rows']:,}",
            "seconds": f"{w['seconds']:.1f}",
            "rows/s": f"{w['rows'] / w['seconds']:,.0f}",
            "peak memory, MiB": f"{w['peak_mib']:.0f}",
        }
        for name, one in found["variants"].items()
        for w in one["written"]
    ]
    said = "Rows written to Parquet by a process that loads the artefact; its peak holds Python and torch too."
    return [said, to_markdown(pd.DataFrame(rows))] if rows else []


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".removeprefix("0")
