"""The report's JSON as the rows of its tables: what the templates show, worked out beforehand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ganaug.report.words import count, duration, interval, number, percent, signed

__all__ = ["arm_rows", "choice_rows", "class_rows", "column_rows", "facts", "fidelity_rows", "metric_tables"]

METRIC_NAMES = {
    "average_precision": "Average precision",
    "balanced_accuracy": "Balanced accuracy",
    "matthews_corrcoef": "MCC",
    "mcc": "MCC",
    "geometric_mean": "G-mean",
    "g_mean": "G-mean",
    "f1": "F1",
    "roc_auc": "ROC-AUC",
    "brier": "Brier score",
    "brier_score": "Brier score",
    "log_loss": "Log loss",
}
HALF = "@0.5"


def readable(name: object) -> str:
    """Return an identifier as words.

    >>> readable("roc_auc"), readable("hist_gradient_boosting")
    ('ROC-AUC', 'Hist gradient boosting')
    """
    text = str(name)
    return METRIC_NAMES.get(text) or (text[:1].upper() + text[1:].replace("_", " "))


def judges(effect: Mapping[str, Any]) -> str:
    """Return what the learners of a check are: those that are scored by squared errors predict a number."""
    return "regressor" if any(entry["metric"] == "r2" for entry in effect.get("metrics", ())) else "classifier"


def arm_rows(effect: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row an arm: its score, its difference from nothing, and ours minus it."""
    against = {entry["name"]: entry for entry in effect.get("against", ())}
    rows = []
    for arm in effect["arms"]:
        rows.append(
            {
                "label": arm.get("label") or readable(arm["name"]),
                "ours": arm["name"] == effect.get("ours"),
                "score": number(arm.get("score")),
                "difference": interval(arm) if _has(arm) and arm["name"] != "nothing" else "–",
                "against": interval(against[arm["name"]]) if _has(against.get(arm["name"])) else "–",
                "seconds": duration(arm.get("seconds")),
                "note": arm.get("note") or "",
            }
        )
    return rows


def _has(entry: Mapping[str, Any] | None) -> bool:
    return entry is not None and entry.get("difference") is not None


def metric_tables(effect: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one table a learner: an arm a row, a metric a column; ``metric@0.5`` goes into the metric's cell."""
    entries = effect.get("metrics", ())
    labels = {arm["name"]: arm.get("label") or readable(arm["name"]) for arm in effect["arms"]}
    strengths = {entry["name"]: entry.get("strength") for entry in effect.get("learners", ())}
    lower = set(effect.get("lower_is_better", ()))
    found = []
    for learner in _distinct(entry["learner"] for entry in entries):
        cells = {(e["arm"], e["metric"]): e for e in entries if e["learner"] == learner}
        metrics = _distinct(metric for _, metric in cells if not metric.endswith(HALF))
        rows = [
            {
                "label": labels.get(arm, readable(arm)),
                "ours": arm == effect.get("ours"),
                "cells": [_cell(cells.get((arm, m)), cells.get((arm, m + HALF)), arm) for m in metrics],
            }
            for arm in _distinct(arm for arm, _ in cells)
        ]
        name = f"Mean over the {judges(effect)}s" if learner == "mean" else readable(learner)
        strength = strengths.get(learner)
        found.append(
            {
                "learner": f"{name}, a {strength} learner" if strength else name,
                "metrics": [readable(metric) + (" ↓" if metric in lower else "") for metric in metrics],
                "rows": rows,
                "halves": any(metric.endswith(HALF) for _, metric in cells),
            }
        )
    return found


def _cell(entry: Mapping[str, Any] | None, half: Mapping[str, Any] | None, arm: str) -> dict[str, Any]:
    at_half = "" if half is None or half.get("score") is None else number(half["score"])
    if entry is None:
        return {"score": "–", "difference": "", "sure": False, "title": "", "half": at_half}
    known = entry.get("low") is not None and entry.get("high") is not None and arm != "nothing"
    return {
        "score": number(entry.get("score")),
        "difference": "" if arm == "nothing" else signed(entry.get("difference")).replace("–", ""),
        "sure": known and (entry["low"] > 0 or entry["high"] < 0),
        "title": f"difference from nothing {interval(entry)}" if known else "",
        "half": at_half,
    }


def class_rows(classes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a class: real, synthetic, both, and the share before and after."""
    before = max(1, sum(c["real"] for c in classes))
    after = max(1, sum(c["real"] + c["synthetic"] for c in classes))
    return [
        {
            "label": c["label"],
            "real": count(c["real"]),
            "synthetic": count(c["synthetic"]),
            "total": count(c["real"] + c["synthetic"]),
            "before": percent(c["real"] / before),
            "after": percent((c["real"] + c["synthetic"]) / after),
        }
        for c in classes
    ]


def column_rows(fidelity: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return one row a column, the most different first."""
    if fidelity is None:
        return []
    marginals = sorted(fidelity["marginals"], key=lambda m: -(_worst(m)))
    return [
        {
            "name": m["column"],
            "kind": m["kind"],
            "measure": {"ks": "KS", "tv": "TV"}.get(m["measure"], m["measure"]),
            "synthetic": number(m["distance"]["synthetic"]),
            "holdout": number(m["distance"]["holdout"]),
            "missing": any([m["missing_train"], m["missing"]["synthetic"], m["missing"]["holdout"]]),
            "missing_train": percent(m["missing_train"]),
            "missing_synthetic": percent(m["missing"]["synthetic"]),
            "gap": f"{100 * m['missing_train']:.1f} → {percent(m['missing']['synthetic'])}",
        }
        for m in marginals
    ]


def _worst(marginal: Mapping[str, Any]) -> float:
    gap = abs((marginal["missing"]["synthetic"] or 0.0) - marginal["missing_train"])
    return max(marginal["distance"]["synthetic"] or 0.0, gap)


def fidelity_rows(fidelity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures over all rows, and one row a class."""
    difference = (fidelity["association"] or {"difference": {"synthetic": None, "holdout": None}})["difference"]
    quantile = fidelity["near_quantile"]
    overall = [
        (
            "Classifier two-sample test, ROC-AUC",
            fidelity["two_sample"],
            number,
            "0.5: cannot be told from training rows",
        ),
        ("Energy distance", fidelity["energy"], number, "0 is best, 1 worst; chance may put it just below 0"),
        ("Associations, mean absolute difference", difference, number, "0 is best"),
    ]
    copies = [
        ("Exact copies of a training row", fidelity["exact_copies"], percent, "every feature equal"),
        (
            "Near copies of a training row",
            fidelity["near_copies"],
            percent,
            f"as near as the nearest {100 * quantile:.0f} % of training rows are to each other",
        ),
    ]
    figures = ("precision", "recall", "density", "coverage")
    return {
        "overall": [_beside(*row) for row in overall],
        "copies": [_beside(*row) for row in copies],
        "classes": [
            {
                "label": c["label"],
                "rows": f"{count(c['n_train'])} / {count(c['n_holdout'])} / {count(c['n_synthetic'])}",
                "compared": count(c["n_compared"]),
                "cells": [(number(c[f]["synthetic"], 2), number(c[f]["holdout"], 2)) for f in figures],
            }
            for c in fidelity["classes"]
        ],
        "figures": [figure.capitalize() for figure in figures],
        "notes": list(fidelity["notes"]),
        "held_out": bool(fidelity["rows"].get("holdout")),
        "rows": fidelity["rows"],
    }


def _beside(name: str, pair: Mapping[str, float | None], shown: Any, best: str) -> dict[str, str]:
    return {"name": name, "synthetic": shown(pair["synthetic"]), "holdout": shown(pair["holdout"]), "best": best}


def choice_rows(effect: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the policy chose in each fold, on the training rows of that fold."""
    return [
        {
            "fold": c["fold"] + 1,
            "candidate": c["candidate"],
            "expected": signed(c.get("expected")),
            "reason": c.get("reason") or "",
        }
        for c in effect.get("choices", ())
    ]


def facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Flatten a JSON object into (dotted name, text); lists of plain values stay on one line.

    >>> facts({"a": {"b": 1, "c": [1, 2]}, "d": None})
    [('a.b', '1'), ('a.c', '1, 2'), ('d', 'none')]
    """
    return list(_flat(document, "")) if document else []


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        yield path, json.dumps(value, ensure_ascii=False, default=str)
    elif isinstance(value, list | tuple):
        yield path, ", ".join(_text(item) for item in value) or "none"
    else:
        yield path, _text(value)


def _text(value: Any) -> str:
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _distinct(values: Any) -> list[Any]:
    return list(dict.fromkeys(values))
