"""Charts of the rows themselves: columns, associations, a projection, distances to the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from ganaug.metrics.columns import is_number, joint_codes, numbers
from ganaug.report.theme import PALETTE, WIDE, axes, short, to_svg
from ganaug.schema import Column

__all__ = ["association_chart", "column_chart", "distance_chart", "projection_chart"]

_INK, _MUTED, _FAINT, _HAIR = PALETTE["ink"], PALETTE["muted"], PALETTE["faint"], PALETTE["hair"]
_REAL, _OURS, _WARM = PALETTE["real"], PALETTE["ours"], PALETTE["warm"]

BINS = 24
_SPANS = (("d", 86_400), ("h", 3600), ("min", 60))
MAX_BARS = 6
MAX_MAP = 24
MAX_POINTS = 400


def column_chart(
    column: Column, real: pa.ChunkedArray, synthetic: pa.ChunkedArray, weights: np.ndarray, name: str
) -> Markup:
    """Draw one column's distribution: real rows (weighed by ``weights (n,)``) filled, synthetic ones as a line."""
    figure, ax = axes(2.55, 1.5)
    if is_number(column):
        kind = "histogram"
        _histogram(ax, column, numbers(real), numbers(synthetic), weights)
    else:
        kind = "shares of the categories"
        _bars(ax, real, synthetic, weights)
    ax.tick_params(length=0, labelsize=8)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_axisbelow(True)
    return to_svg(figure, name, f"{column.name}: {kind}, real and synthetic rows")


def _histogram(ax: Axes, column: Column, real: np.ndarray, synthetic: np.ndarray, weights: np.ndarray) -> None:
    there = ~np.isnan(real)
    real, weights, synthetic = real[there], weights[there], synthetic[~np.isnan(synthetic)]
    if not len(real) and not len(synthetic):
        ax.annotate("no value is present", (0.5, 0.5), xycoords="axes fraction", ha="center", color=_MUTED, fontsize=8)
        ax.set_xticks([])
        ax.set_yticks([])
        return
    low, high, bins = _range(real, synthetic, whole=column.kind == "integer")
    edges = np.linspace(0, 1, bins + 1)
    # Drawn from 0 to 1, as matplotlib has no room for numbers near the ends of the floats; what lies beyond the
    # range is counted in the outermost bins.
    ours, theirs = (np.clip((v / 2 - low / 2) / (high / 2 - low / 2), 0, 1) for v in (synthetic, real))
    for values, weight, style in (
        (theirs, weights, {"fill": True, "color": _REAL, "alpha": 0.45, "linewidth": 0}),
        (ours, np.ones(len(ours)), {"color": _OURS, "linewidth": 1.6}),
    ):
        if weight.sum() > 0:
            ax.stairs(np.histogram(values, edges, weights=weight)[0] / weight.sum(), edges, **style)
    ax.axhline(0, color=_HAIR, linewidth=0.8)
    ax.set_yticks([])
    inset = 0.5 / bins if column.kind == "integer" else 0
    at = (inset, 0.5, 1 - inset)
    ax.set_xticks(at, [_tick(low * (1 - t) + high * t, column, low, high) for t in at])
    for text, side in zip(ax.get_xticklabels(), ("left", "center", "right"), strict=True):
        text.set_horizontalalignment(side)
    ax.set_xlim(0, 1)


def _range(real: np.ndarray, synthetic: np.ndarray, *, whole: bool) -> tuple[float, float, int]:
    """Return a range that holds the middle 99 % of both, and a number of bins; integers get whole ones."""
    both = [values for values in (real, synthetic) if len(values)]
    low = min(float(np.quantile(values, 0.005, method="lower")) for values in both)
    high = max(float(np.quantile(values, 0.995, method="higher")) for values in both)
    if whole:
        step = np.ceil((high - low + 1) / BINS)
        bins = int(np.ceil((high - low + 1) / step))
        return low - 0.5, low - 0.5 + step * bins, bins
    if high > low:
        return low, high, BINS
    room = max(abs(low), 1.0) * 0.5
    return low - room, high + room, BINS


def _bars(ax: Axes, real: pa.ChunkedArray, synthetic: pa.ChunkedArray, weights: np.ndarray) -> None:
    (real_codes, synthetic_codes), labels = joint_codes([real, synthetic])
    labels = [*labels, "missing"]
    real_codes, synthetic_codes = real_codes % len(labels), synthetic_codes % len(labels)  # -1 becomes the last
    shares = np.stack([
        np.bincount(real_codes, weights=weights, minlength=len(labels)) / max(weights.sum(), 1e-300),
        np.bincount(synthetic_codes, minlength=len(labels)) / max(1, len(synthetic_codes)),
    ])  # fmt: skip
    order = [i for i in np.argsort(-shares.sum(axis=0), kind="stable") if shares[:, i].sum() > 0]
    top, rest = order[:MAX_BARS], order[MAX_BARS:]
    shown, names = shares[:, top], [short(labels[i], 15) for i in top]
    if rest:
        shown = np.concatenate([shown, shares[:, rest].sum(axis=1, keepdims=True)], axis=1)
        names.append(f"{len(rest):,} more")
    y = np.arange(len(names))[::-1]
    thick = 0.36
    ax.barh(y + thick / 2, shown[0], height=thick, color=_REAL, alpha=0.6, linewidth=0)
    ax.barh(y - thick / 2, shown[1], height=thick, color=_OURS, linewidth=0)
    ax.set_yticks(y, names)
    ax.set_ylim(-0.6, max(len(names), 3) - 0.4)
    ax.set_xlim(0, max(1e-9, float(shown.max())) * 1.02)
    ax.set_xticks([0, float(shown.max())], ["0 %", f"{100 * shown.max():.0f} %"])
    for text, side in zip(ax.get_xticklabels(), ("left", "right"), strict=True):
        text.set_horizontalalignment(side)


def _tick(value: float, column: Column, low: float, high: float) -> str:
    """Return a tick's label: a date, a time, or a number with as many digits as the axis needs."""
    kind = column.type
    if column.kind in ("datetime", "duration") and pa.types.is_temporal(kind):
        date = pa.types.is_date32(kind)
        unit = "D" if date else "ms" if pa.types.is_date64(kind) else kind.unit
        seconds = value * {"D": 86_400, "s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[unit]
        if column.kind == "duration":
            longest = max(abs(low), abs(high)) * seconds / value if value else 0.0
            name, length = next(((n, s) for n, s in _SPANS if abs(longest) >= 2 * s), ("s", 1))
            return f"{seconds / length:.3g} {name}".replace("-", "−")
        if abs(seconds) < 6e10:
            return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    if column.kind == "integer":
        value = float(np.rint(value))
    largest, width = max(abs(low), abs(high)), high / 2 - low / 2
    if abs(value) < largest * 1e-9:
        return "0"
    if largest >= 1e6 or largest < 1e-3:
        return f"{value:.2g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e").replace("-", "−")
    digits = int(np.clip(2 - np.floor(np.log10(width)), 0, 6)) if width > 0 else 2
    text = f"{value:,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def association_chart(association: Mapping[str, Any]) -> Markup | None:
    """Draw the associations of real and of synthetic rows and their difference, of the most different columns."""
    if association.get("synthetic") is None:
        return None
    real, synthetic = (np.array(association[side], dtype=np.float64) for side in ("train", "synthetic"))
    difference = synthetic - real
    worst = np.argsort(-np.nanmax(np.abs(np.nan_to_num(difference)), axis=1), kind="stable")[:MAX_MAP]
    chosen = np.sort(worst)
    names = [short(association["columns"][i], 22) for i in chosen]
    grid = np.ix_(chosen, chosen)
    figure, first = axes(WIDE, 0.35 + (WIDE - 1.5) / 3)
    figure.get_layout_engine().set(wspace=0.04)  # type: ignore[union-attr]
    figure.delaxes(first)
    for index, (title, matrix) in enumerate(
        [("real", real[grid]), ("synthetic", synthetic[grid]), ("synthetic − real", difference[grid])]
    ):
        ax = figure.add_subplot(1, 3, index + 1)
        ax.imshow(_tint(matrix), interpolation="nearest", aspect="equal")
        ax.set_title(title, fontsize=9.5, color=_MUTED, loc="left")
        ax.set_yticks(range(len(names)) if index == 0 else [], names if index == 0 else [])
        ax.set_xticks([])
        ax.tick_params(length=0, labelsize=7 if len(names) > 12 else 9)
        for spine in ax.spines.values():
            spine.set_visible(True)
            spine.set_color(_HAIR)
    found = association["difference"]["synthetic"]
    return to_svg(
        figure,
        "associations",
        f"Three maps of the associations between {len(names)} columns: in real rows, in synthetic rows, and their "
        f"difference" + ("" if found is None else f", {found:.3f} on the mean"),
    )


def _tint(matrix: np.ndarray) -> np.ndarray:
    """Return RGBA (d, d, 4): the sign as the colour, the strength as the opacity, so that any paper shows it."""
    strength = np.clip(np.abs(np.nan_to_num(matrix)), 0, 1)
    colours = np.where((np.nan_to_num(matrix) >= 0)[..., None], to_rgb(_OURS), to_rgb(_WARM))
    return np.concatenate([colours, strength[..., None]], axis=-1)


def projection_chart(
    others: np.ndarray,
    real: np.ndarray,
    synthetic: np.ndarray,
    bounds: np.ndarray,
    *,
    size: tuple[float, float],
    name: str,
    told: str,
) -> Markup:
    """Draw points in the plane: real rows of other classes, of this one, and on top the synthetic ones.

    **Shape**: points (n, 2) each; ``bounds`` ((x0, x1), (y0, y1)).
    """
    figure, ax = axes(*size)
    layers = [
        (others, _FAINT, {"marker": "o", "markersize": 3.0, "alpha": 0.55, "markeredgewidth": 0}),
        (real, _REAL, {"marker": "o", "markersize": 4.2, "markeredgewidth": 0}),
        (synthetic, _OURS, {"marker": "x", "markersize": 3.4, "alpha": 0.75, "markeredgewidth": 0.8}),
    ]
    for points, colour, style in layers:
        ax.plot(*points[:MAX_POINTS].T, linestyle="", color=colour, **style)
    ax.set_xlim(*bounds[0])
    ax.set_ylim(*bounds[1])
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color(_HAIR)
    return to_svg(figure, name, told)


def distance_chart(distances: Mapping[str, Sequence[float]]) -> Markup | None:
    """Draw which share of rows lies within which distance of a training row; None without synthetic rows."""
    if not distances.get("synthetic"):
        return None
    figure, ax = axes(5.0, 2.7)
    names = {"train": "training rows", "holdout": "held-out real", "synthetic": "synthetic"}
    style = {"train": (_REAL, (1, 1.5)), "holdout": (_INK, (4, 2)), "synthetic": (_OURS, (None, None))}
    for name, label in names.items():
        if distances.get(name):
            quantiles = np.asarray(distances[name])
            colour, dashes = style[name]
            line = ax.plot(quantiles, np.linspace(0, 100, len(quantiles)), color=colour, linewidth=1.6, label=label)[0]
            if dashes[0] is not None:
                line.set_dashes(dashes)
    farthest = max(float(np.asarray(d)[int(0.95 * (len(d) - 1))]) for d in distances.values() if len(d))
    ax.set_xlim(0, max(farthest, 1e-9) * 1.05)
    ax.set_ylim(0, 100)
    ax.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"])
    ax.set_xlabel("distance to the nearest training row   (1: typical of training rows)")
    ax.grid(color=_HAIR, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(length=0)
    ax.spines["left"].set_visible(False)
    ax.legend(fontsize=8.5, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, labelcolor=_MUTED, borderaxespad=0.2)
    return to_svg(figure, "distances", "Share of rows within a distance of the nearest training row")
