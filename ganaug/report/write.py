"""Results to report.html, report.json and report.md."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from sklearn.decomposition import PCA

from ganaug import seeding
from ganaug.files import put
from ganaug.image_files import safe_name
from ganaug.image_schema import ImageSchema
from ganaug.metrics.space import MetricSpace
from ganaug.report import tables
from ganaug.report.data_charts import association_chart, distance_chart, projection_chart
from ganaug.report.effect_charts import class_chart, forest_chart
from ganaug.report.images import image_part, image_subtitle
from ganaug.report.samples import column_panels, thin
from ganaug.report.theme import canvas
from ganaug.report.training_charts import has_scores, noticed, training_chart
from ganaug.report.words import count, duration, interval, markdown, number, percent, verdict_of
from ganaug.schema import Labelled, TableSchema
from ganaug.value_schema import ValueSchema

__all__ = ["write_report"]

SHEETS = "contact-sheets"
"""The folder of the contact sheets of images, a PNG a class."""
MAX_CLASSES = 20
MAX_PROJECTIONS = 6


def write_report(
    folder: str | os.PathLike[str],
    *,
    summary: Mapping[str, Any],
    effect: Mapping[str, Any] | None,
    fidelity: Mapping[str, Any] | None,
    real: pa.Table,
    synthetic: pa.Table | None,
    schema: TableSchema | ImageSchema,
    history: Sequence[Mapping[str, Any]],
    provenance: Mapping[str, Any],
) -> Path:
    """Write what was done and what was measured for a person, a program and a Prefect page.

    Of images the page shows contact sheets and their own fidelity instead of columns.

    Writes ``report.html`` (one file that loads nothing from elsewhere), ``report.json`` (the five documents given)
    and ``report.md`` (short) into ``folder``, which is made if need be, and of images ``contact-sheets/*.png``. Each
    is replaced whole or not at all, and the same input gives the same bytes.

    Parameters
    ----------
    summary
        What was done, in plain JSON values. ``title`` and ``decision`` are shown as text, the rest as a table.
    effect
        `Effect.to_json()`, or None if it was not measured.
    fidelity
        `Fidelity.to_json()`, of images `ImageFidelity.to_json()`, or None if there was nothing to compare.
    real, synthetic
        The rows given and the rows added; at most 20,000 of either are drawn.
    history
        The training: ``step``, losses, ``score`` and other figures, an entry an observation.
    provenance
        What made the rows; the step that was kept is its ``best_step``.

    Returns
    -------
    Path
        report.html.
    """
    folder = Path(folder)
    added = synthetic if synthetic is not None and len(synthetic) else None
    document = _plain(
        {"summary": summary, "effect": effect, "fidelity": fidelity, "history": history, "provenance": provenance}
    )
    context = _context(document, real, added, schema)
    environment = Environment(
        loader=PackageLoader("ganaug"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = markdown
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "report.json", json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n")
    for sheet in [] if context["images"] is None else context["images"]["sheets"]:
        (folder / SHEETS).mkdir(exist_ok=True)
        _write(folder / SHEETS / f"{safe_name(sheet['label'])}.png", sheet["png"])
    _write(folder / "report.md", environment.get_template("report.md.j2").render(context))
    html = folder / "report.html"
    _write(html, environment.get_template("report.html.j2").render(context))
    return html


def _write(path: Path, content: str | bytes) -> None:
    """Put text or bytes at ``path``."""
    put(path, content.encode() if isinstance(content, str) else content)


def _context(
    document: Mapping[str, Any], real: pa.Table, synthetic: pa.Table | None, schema: TableSchema | ImageSchema
) -> dict:
    """Work out all that the templates show."""
    effect, fidelity, summary = document["effect"], document["fidelity"], document["summary"]
    classes, images = _classes(real, synthetic, schema), None
    if isinstance(schema, ImageSchema):
        images, fidelity = image_part(fidelity, real, synthetic, schema), None
    what = "rows" if images is None else "images"
    columns = tables.column_rows(fidelity)
    best_step = document["provenance"].get("best_step")
    with canvas():
        charts: dict[str, Any] = {
            "forest": None if effect is None else forest_chart(effect),
            "classes": class_chart(classes[:MAX_CLASSES]),
            "training": training_chart(document["history"], best_step),
            "associations": None,
            "distances": None,
            "columns": [],
            "projections": [],
        }
        if fidelity is not None:
            charts["distances"] = distance_chart(fidelity["distances"])
            charts["associations"] = fidelity["association"] and association_chart(fidelity["association"])
        if synthetic is not None and isinstance(schema, TableSchema):
            charts["columns"] = column_panels(real, synthetic, schema, columns)
            charts["projections"], charts["explained"] = _projections(real, synthetic, schema)
    return {
        "title": summary.get("title") or f"Synthetic {what}" + (f" for {schema.target}" if schema.target else ""),
        "what": what,
        "class_word": _kind(schema)[0],
        "classes_word": _kind(schema)[1],
        "images": images,
        "subtitle": image_subtitle(real, schema) if isinstance(schema, ImageSchema) else _subtitle(real, schema),
        "verdict": verdict_of(effect),
        "tiles": _tiles(effect, classes, what, _kind(schema)),
        "effect": None if effect is None else {"interval_covers": "", "seed_deviation": None, **effect},
        "judges": "classifier" if effect is None else tables.judges(effect),
        "folds": None if effect is None else _folds(effect),
        "arms": [] if effect is None else tables.arm_rows(effect),
        "metric_tables": [] if effect is None else tables.metric_tables(effect),
        "choices": [] if effect is None else tables.choice_rows(effect),
        "classes": tables.class_rows(classes),
        "decision": summary.get("decision"),
        "columns": columns,
        "fidelity": None if fidelity is None else tables.fidelity_rows(fidelity),
        "charts": charts,
        "added": 0 if synthetic is None else len(synthetic),
        "best_step": best_step,
        "noticed": noticed(document["history"]),
        "has_scores": has_scores(document["history"]),
        "configuration": tables.facts(
            {k: v for k, v in summary.items() if k not in ("title", "decision", "classes", "warnings")}
        ),
        "provenance": tables.facts(document["provenance"]),
        "warnings": [*summary.get("warnings", ()), *(effect or {}).get("warnings", ())],
        "cuts": list((effect or {}).get("cuts", ())),
        "keeps_rows": document["provenance"].get("keeps_training_rows"),
        "count": count,
        "number": number,
        "percent": percent,
        "duration": duration,
    }


def _kind(schema: Labelled) -> tuple[str, str]:
    """Return what rows are counted by, one and several: classes, or the ranges of a number."""
    return ("range", "ranges") if isinstance(schema, ValueSchema) else ("class", "classes")


def _subtitle(real: pa.Table, schema: TableSchema) -> str:
    classes = "no target" if schema.target is None else f"{schema.n_classes} {_kind(schema)[1]} of {schema.target}"
    return f"{count(len(real))} real rows, {count(len(schema.columns))} features, {classes}"


def _classes(real: pa.Table, synthetic: pa.Table | None, schema: Labelled) -> list[dict[str, Any]]:
    """Count the rows of each class, the largest first; ranges of a number from the lowest up."""
    before = np.bincount(schema.label_codes(real), minlength=schema.n_classes)
    made = np.zeros_like(before)
    if synthetic is not None:
        made = np.bincount(schema.label_codes(synthetic), minlength=schema.n_classes)
    entries = [
        {"label": label, "real": int(a), "synthetic": int(b)}
        for label, a, b in zip(schema.class_names(), before, made, strict=True)
    ]
    return entries if isinstance(schema, ValueSchema) else sorted(entries, key=lambda entry: -entry["real"])


def _tiles(
    effect: Mapping[str, Any] | None, classes: Sequence[Mapping[str, Any]], what: str, kind: tuple[str, str]
) -> list[dict[str, str]]:
    """Return the few numbers that stand beside the verdict."""
    added = sum(c["synthetic"] for c in classes)
    tiles = [
        {
            "name": f"Real {what}",
            "value": count(sum(c["real"] for c in classes)),
            "detail": f"{len(classes)} {kind[1]}",
        },
        {
            "name": f"Synthetic {what} added",
            "value": count(added),
            "detail": "" if added else "the data are as they were",
        },
    ]
    if len(classes) == 1:
        tiles[0]["detail"] = f"one {kind[0]}"
    ours = next((arm for arm in (effect or {}).get("arms", ()) if effect and arm["name"] == effect.get("ours")), None)
    if effect is not None and ours is not None and ours.get("difference") is not None:
        value, _, rest = interval(ours).partition(" ")
        detail = f"95 % interval {rest}, " if rest else ""
        scoring = tables.readable(effect["scoring"]).lower()
        tiles.append({"name": "Difference from nothing", "value": value, "detail": f"{detail}{scoring}"})
    if effect is not None and effect.get("smallest_detectable") is not None:
        found = number(effect["smallest_detectable"])
        tiles.append({"name": "Smallest detectable effect", "value": found, "detail": f"with {_folds(effect)}"})
    return tiles


def _folds(effect: Mapping[str, Any]) -> str:
    folds, repeats = effect.get("n_splits"), effect.get("n_repeats") or 1
    return "this split" if not folds else f"{folds} folds" + (f", {repeats} times" if repeats > 1 else "")


def _projections(real: pa.Table, synthetic: pa.Table, schema: TableSchema) -> tuple[list[dict[str, Any]], float | None]:
    """Project both on the two main directions of the real rows, a panel a class with synthetic rows."""
    real, synthetic = thin(real, "real"), thin(synthetic, "synthetic")
    space = MetricSpace.fit(real, schema)
    points = space.points(real)
    if points.shape[1] < 2 or len(points) < 3 or not np.ptp(points, axis=0).any():
        return [], None
    pca = PCA(n_components=2, svd_solver="covariance_eigh" if points.shape[1] <= 512 else "randomized", random_state=0)
    plane = pca.fit_transform(points)
    made = pca.transform(space.points(synthetic))
    both = np.concatenate([plane, made])
    low, high = np.quantile(both, 0.002, axis=0), np.quantile(both, 0.998, axis=0)
    room = 0.06 * np.maximum(high - low, 1e-9)
    bounds = np.stack([low - room, high + room], axis=1)
    codes, made_codes = schema.label_codes(real), schema.label_codes(synthetic)
    rng = seeding.numpy_rng(0, "report", "points")
    order, made_order = rng.permutation(len(codes)), rng.permutation(len(made_codes))
    panels = []
    frequency = np.bincount(made_codes, minlength=schema.n_classes)
    chosen = [int(c) for c in np.argsort(-frequency, kind="stable")[:MAX_PROJECTIONS] if frequency[c]]
    size = {1: (6.4, 3.9), 2: (4.9, 3.4)}.get(len(chosen), (3.3, 2.6))
    for c in chosen:
        label = schema.class_names()[c]
        here, there = order[codes[order] == c], made_order[made_codes[made_order] == c]
        told = f"Projection of class {label}: {len(here)} real rows and {len(there)} synthetic ones"
        chart = projection_chart(
            plane[order[codes[order] != c]], plane[here], made[there], bounds,
            size=size, name=f"class{c}", told=told,
        )  # fmt: skip
        panels.append({"label": label, "chart": chart})
    return panels, float(pca.explained_variance_ratio_.sum())


def _plain(value: Any) -> Any:
    """Return ``value`` as what JSON knows, NaN and infinities as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
