"""What the report shows of images instead of columns: contact sheets, and the fidelity of images as tables."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from ganaug.image_schema import ImageSchema
from ganaug.report.contact_sheet import contact_sheets
from ganaug.report.words import count, number, percent

__all__ = ["image_part", "image_subtitle"]

FIGURES: tuple[tuple[str, str, Callable[[float | None], str], str], ...] = (
    ("frechet", "Frechet distance", number, "0 is best; few images raise it"),
    ("kernel", "Kernel distance", number, "0 is best; chance may put it just below"),
    ("precision", "Precision", number, "1 is best: are synthetic images where real ones are?"),
    ("recall", "Recall", number, "1 is best: are all kinds of real images made?"),
    ("density", "Density", number, "about 1 for real images; above, they crowd where real ones are dense"),
    ("coverage", "Coverage", number, "1 is best: like recall, and harder to fool by outliers"),
    (
        "recognised",
        "Class recognised",
        percent,
        "share in which a classifier of the real images sees the class asked for",
    ),
)
IN_CLASSES = ("frechet", "precision", "recall", "coverage", "recognised")
"""Figures that are shown class by class: as many as a page is wide."""
CHANNELS = {1: "gray", 3: "RGB", 4: "RGBA"}


def image_part(
    fidelity: Mapping[str, Any] | None, real: pa.Table, synthetic: pa.Table | None, schema: ImageSchema
) -> dict[str, Any]:
    """Return what the template of images takes: ``sheets``, and ``fidelity`` as tables or None."""
    sheets = [
        {
            "label": sheet.label,
            "png": sheet.png,
            "source": "data:image/png;base64," + base64.b64encode(sheet.png).decode("ascii"),
            "width": sheet.width,
            "height": sheet.height,
            "told": sheet.told,
        }
        for sheet in contact_sheets(real, synthetic, schema)
    ]
    return {"sheets": sheets, "fidelity": None if fidelity is None else _tables(fidelity)}


def image_subtitle(real: pa.Table, schema: ImageSchema) -> str:
    """Return the line under the title."""
    classes = "no target" if schema.target is None else f"{schema.n_classes} classes of {schema.target}"
    channels = CHANNELS[schema.channels]
    return f"{count(len(real))} real images of {schema.width} × {schema.height} pixels, {channels}, {classes}"


def _tables(fidelity: Mapping[str, Any]) -> dict[str, Any]:
    overall, quantile = fidelity["overall"], 100 * fidelity["near_quantile"]
    near = f"as near as the nearest {quantile:.0f} % of training images are to each other"
    rows = [_row(name, overall[key], shown, best) for key, name, shown, best in FIGURES]
    score = _row("Class score", fidelity["class_score"], number, "higher: clear classes, all of them made")
    return {
        "overall": [row for row in (*rows, score) if row["synthetic"] != "–" or row["holdout"] != "–"],
        "copies": [
            _row("Exact copies", fidelity["exact_copies"], percent, "every pixel equal to a training image's"),
            _row("Near copies, features", overall["near_copies"], percent, near),
            _row("Near copies, pixels", overall["near_copies_pixels"], percent, near),
        ],
        "figures": [name for key, name, _, _ in FIGURES if key in IN_CLASSES] + ["Near copies"],
        "classes": [_class_row(entry) for entry in fidelity["classes"]],
        "held_out": bool(fidelity["rows"].get("holdout")),
        "rows": {side: count(n) for side, n in fidelity["rows"].items()},
        "embedding": fidelity["embedding"],
        "notes": list(fidelity["notes"]),
    }


def _row(name: str, pair: Mapping[str, float | None], shown: Callable[..., str], best: str) -> dict[str, str]:
    return {"name": name, "synthetic": shown(pair["synthetic"]), "holdout": shown(pair["holdout"]), "best": best}


def _class_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    cells = [(entry[key], _short(shown)) for key, _, shown, _ in FIGURES if key in IN_CLASSES]
    cells.append((entry["near_copies"], _short(percent)))
    return {
        "label": entry["label"],
        "rows": " / ".join(count(entry[side]) for side in ("n_train", "n_holdout", "n_synthetic")),
        "cells": [(shown(pair["synthetic"]), shown(pair["holdout"])) for pair, shown in cells],
    }


def _short(shown: Callable[..., str]) -> Callable[[float | None], str]:
    digits = 0 if shown is percent else 2
    return lambda value: shown(value, digits)
