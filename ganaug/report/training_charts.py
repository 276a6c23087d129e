"""How a training went: its losses, distance, the discriminator's accuracy, and the variety of what it generates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from ganaug.report.effect_charts import bare
from ganaug.report.samples import Picture, alone
from ganaug.report.theme import PALETTE, WIDE, axes, canvas, short, to_svg
from ganaug.watching import COLLAPSED, current

__all__ = ["has_scores", "noticed", "training_chart", "training_picture"]

_INK, _MUTED, _HAIR = PALETTE["ink"], PALETTE["muted"], PALETTE["hair"]
_COLOURS = [PALETTE["ours"], PALETTE["warm"], PALETTE["real"], _INK]

Lines = dict[str, tuple[list[float], list[float]]]
"""Name -> steps and values."""
WORST = ", worst class"
TITLES = {
    "losses": "losses",
    "gradients": "norms of the gradients",
    "score": "held-out score and distance, lower is better",
    "accuracy": "what the discriminator tells apart; 50 % is guessing",
    "variety": "variety of a class, 1 as real rows have it",
    "duplicates": "duplicates; real rows have 0.05",
}
"""The panels, in their order."""
PANELS = {
    "score": "score",
    "kernel": "score",
    "variety": "variety",
    "recall": "variety",
    "coverage": "variety",
    "duplicates": "duplicates",
}
"""In which panel a figure is drawn; what is not named is a loss."""


def training_chart(history: Sequence[Mapping[str, Any]], kept: int | None) -> Markup | None:
    """Draw what was seen of a training, with the step that was kept, and where it went back, marked.

    Of the figures of classes the mean and the worst are shown. A score of 0 throughout says nothing.

    Args:
        history: entries of one member; see `ganaug.watching.alarms`.
        kept: the step whose weights were kept.
    """
    line = current([dict(entry) for entry in history])
    panels = _panels(line)
    if not any(len(steps) > 1 for lines in panels.values() for steps, _ in lines.values()):
        return None
    rows, columns = -(-len(panels) // 2), min(2, len(panels))
    figure, first = axes(WIDE, 2.3 * rows)
    figure.delaxes(first)
    # The legends lie below their panels, which the titles of the next row must not touch.
    figure.get_layout_engine().set(hspace=0.08, wspace=0.03)  # type: ignore[union-attr]
    back = sorted({b["step"] for a, b in itertools.pairwise(history) if b["step"] <= a["step"]})
    for index, (title, lines) in enumerate(panels.items(), 1):
        _draw(figure.add_subplot(rows, columns, index), title, lines, kept, back)
    last = max(steps[-1] for lines in panels.values() for steps, _ in lines.values())
    where = "" if kept is None else f"; the weights of step {kept} were kept"
    where += "".join(f"; the training went back to step {step}" for step in back)
    names = ", ".join(name for lines in panels.values() for name in lines)
    return to_svg(figure, "training", f"Training curves over {last:g} steps: {names}{where}")


def training_picture(history: Sequence[Mapping[str, Any]], kept: int | None) -> Picture | None:
    """Return `training_chart` as a picture that stands alone; None where there is nothing to draw."""
    with canvas():
        chart = training_chart(history, kept)
    if chart is None:
        return None
    title = "How the training went"
    return Picture(title=title, told=title, media_type="image/svg+xml", content=alone(chart, title))


def has_scores(history: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a step could be chosen by held-out rows: without any, all scores are 0."""
    return any(_is_number(entry.get("score")) and entry["score"] for entry in history)


def noticed(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what was noticed in the training, each thing once, in order."""
    first: dict[tuple[str, str], str] = {}
    for entry in history:
        for found in entry.get("noticed", ()):
            first.setdefault((found["kind"], found["of"]), found["text"])
    return list(first.values())


def _panels(line: Sequence[Mapping[str, Any]]) -> dict[str, Lines]:
    """Return panel -> lines of what is finite in the entries."""
    panels: dict[str, Lines] = {name: {} for name in TITLES}
    for entry in line:
        for panel, name, value in _values(entry):
            steps, values = panels[panel].setdefault(name, ([], []))
            steps.append(entry["step"])
            values.append(value)
    if not has_scores(line):
        del panels["score"]
    return {name: lines for name, lines in panels.items() if lines}


def _values(entry: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Give panel, name and value of the finite numbers of an entry; of a list the mean, of classes the worst too."""
    for name, value in entry.items():
        told = [float(v) for v in (value if isinstance(value, list | tuple) else [value]) if _is_number(v)]
        if name in ("step", "retry") or not told:
            continue
        kind, _, of = name.partition(" ")
        if kind in ("gradient", "accuracy") and of:
            panel, label = ("gradients", of) if kind == "gradient" else ("accuracy", f"{of} rows")
        else:
            panel, label = PANELS.get(name, "losses"), name
        yield panel, label, sum(told) / len(told)
        if len(told) > 1 and name in ("variety", "duplicates"):
            yield panel, name + WORST, (min if name == "variety" else max)(told)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _within_a_decade(lines: Lines) -> bool:
    values = [value for _, values in lines.values() for value in values if value > 0]
    return not values or max(values) < 10 * min(values)


def _draw(ax: Axes, title: str, lines: Lines, kept: int | None, back: Sequence[int]) -> None:
    colours: dict[str, str] = {}
    for name, (steps, values) in lines.items():
        colour = colours.setdefault(name.removesuffix(WORST), _COLOURS[len(colours) % len(_COLOURS)])
        style = (0, (1, 1.2)) if name.endswith(WORST) else "solid"
        ax.plot(steps, values, color=colour, linestyle=style, linewidth=1.5, label=short(name, 24))
    reference = {"accuracy": 0.5, "variety": COLLAPSED, "duplicates": 0.05}.get(title)
    if reference is not None:
        ax.axhline(reference, color=_HAIR, linewidth=1.2, zorder=0, label="_")
    for step in back:
        ax.axvline(step, color=PALETTE["warm"], linewidth=1, dashes=(1, 2), label=f"back to step {step:,}")
    if kept is not None:
        ax.axvline(kept, color=_INK, linewidth=1, dashes=(3, 2), label=f"kept: step {kept:,}")
    if title == "gradients":
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_locator(NullLocator())
    if title != "gradients" or _within_a_decade(lines):  # powers of ten would be one mark, or none
        ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set_title(TITLES[title], loc="left", fontsize=9.5, color=_MUTED)
    ax.margins(y=0.12)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.grid(axis="y", color=_HAIR, linewidth=0.8)
    bare(ax)
    shown = [h for h in ax.get_lines() if h.get_label() != "_" and (len(lines) > 1 or h.get_label() != title)]
    if shown:
        ax.legend(
            handles=shown, fontsize=8.5, loc="upper left", bbox_to_anchor=(-0.02, -0.16), borderaxespad=0,
            ncols=3, columnspacing=1.2, labelcolor=_MUTED, handlelength=1.4,
        )  # fmt: skip
