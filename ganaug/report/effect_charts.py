"""Charts of what was measured: every arm against nothing, rows per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ganaug.report.theme import PALETTE, WIDE, axes, short, to_svg
from ganaug.report.words import count, interval

__all__ = ["bare", "class_chart", "forest_chart"]

_INK, _MUTED, _FAINT, _HAIR = PALETTE["ink"], PALETTE["muted"], PALETTE["faint"], PALETTE["hair"]
_REAL, _OURS, _WARM = PALETTE["real"], PALETTE["ours"], PALETTE["warm"]


def forest_chart(effect: Mapping[str, Any]) -> Markup | None:
    """Draw each arm's difference from nothing with its 95 % interval, the best on top; None without any."""
    arms = [arm for arm in effect["arms"] if arm["name"] != "nothing" and arm.get("difference") is not None]
    if not arms:
        return None
    arms.sort(key=lambda arm: arm["difference"])
    figure, ax = axes(WIDE, 0.62 + 0.34 * len(arms))
    floor = effect.get("smallest_detectable")
    if floor:
        ax.axvspan(-floor, floor, color=_HAIR, alpha=0.6, linewidth=0, zorder=0)
    ax.axvline(0, color=_INK, linewidth=1, zorder=1)
    for y, arm in enumerate(arms):
        ours = arm["name"] == effect.get("ours")
        colour, weight = (_OURS, 2.6) if ours else (_REAL, 1.6)
        if arm.get("low") is not None and arm.get("high") is not None:
            ax.plot([arm["low"], arm["high"]], [y, y], color=colour, linewidth=weight, solid_capstyle="round")
        ax.plot([arm["difference"]], [y], marker="D" if ours else "o", color=colour, markersize=7 if ours else 5.5)
        ax.annotate(
            interval(arm), (1.015, y), xycoords=("axes fraction", "data"), va="center",
            color=_OURS if ours else _MUTED, fontweight="bold" if ours else "normal", fontsize=9,
        )  # fmt: skip
    ax.set_yticks(range(len(arms)), [short(arm.get("label") or arm["name"], 36) for arm in arms])
    for text, arm in zip(ax.get_yticklabels(), arms, strict=True):
        text.set_color(_OURS if arm["name"] == effect.get("ours") else _INK)
        text.set_fontweight("bold" if arm["name"] == effect.get("ours") else "normal")
    ax.set_ylim(-0.6, len(arms) - 0.4)
    ax.set_xlabel(
        f"difference from nothing, {str(effect.get('scoring', 'score')).replace('_', ' ')}   (right is better)"
    )
    ax.xaxis.set_major_locator(MaxNLocator(7))
    ax.grid(axis="x", color=_HAIR, linewidth=0.8)
    bare(ax)
    told = "; ".join(f"{arm.get('label') or arm['name']} {interval(arm)}" for arm in reversed(arms))
    return to_svg(figure, "forest", f"Difference from nothing with 95 % intervals, by arm: {told}")


def class_chart(classes: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw how many rows of each class (``label``, ``real``, ``synthetic``) are real and synthetic."""
    shown = list(reversed(classes))
    figure, ax = axes(WIDE, 0.1 + 0.34 * len(shown))
    real, synthetic = [c["real"] for c in shown], [c["synthetic"] for c in shown]
    ax.barh(range(len(shown)), real, height=0.58, color=_REAL)
    ax.barh(range(len(shown)), synthetic, left=real, height=0.58, color=_OURS)
    for y, c in enumerate(shown):
        added = f" + {count(c['synthetic'])}" if c["synthetic"] else ""
        ax.annotate(
            f"{count(c['real'])}{added}", (c["real"] + c["synthetic"], y), (6, 0), textcoords="offset points",
            va="center", color=_MUTED, fontsize=9,
        )  # fmt: skip
    ax.set_yticks(range(len(shown)), [short(c["label"], 36) for c in shown])
    ax.set_xlim(0, 1.14 * max(1, *(c["real"] + c["synthetic"] for c in shown)))
    ax.xaxis.set_visible(False)
    ax.spines["bottom"].set_visible(False)
    bare(ax)
    told = "; ".join(f"{c['label']}: {c['real']} real, {c['synthetic']} synthetic" for c in classes)
    return to_svg(figure, "classes", f"Rows of each class. {told}")


def bare(ax: Axes) -> None:
    """Take the frame away where it says nothing."""
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="both", length=0)
    ax.set_axisbelow(True)
