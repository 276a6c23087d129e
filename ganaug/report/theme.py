"""The report's colours, and matplotlib figures as inline SVG that follows them in light, dark and print.

A figure is drawn in the light palette; in the SVG every colour of the palette becomes ``var(--name, #hex)``, so the
page's style sheet can change it. Text stays text in the page's own fonts. The same input gives the same bytes.
"""

from __future__ import annotations

import io
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

__all__ = ["PALETTE", "WIDE", "axes", "canvas", "short", "to_svg"]

PALETTE = {
    "ink": "#1c2127",
    "muted": "#5f6b76",
    "faint": "#c9ced4",
    "hair": "#e6e8eb",
    "real": "#8793a0",
    "ours": "#4a4fc4",
    "warm": "#c2571a",
}

WIDE = 10.2
"""Inches of a figure as wide as the page."""

# rcParams are the process's: drawing borrows them one thread at a time and gives them back.
_LOCK = threading.Lock()
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.edgecolor": PALETTE["faint"],
    "axes.labelcolor": PALETTE["muted"],
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "xtick.color": PALETTE["faint"],
    "ytick.color": PALETTE["faint"],
    "xtick.labelcolor": PALETTE["muted"],
    "ytick.labelcolor": PALETTE["muted"],
    "text.color": PALETTE["ink"],
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "path.simplify": True,
}
_FONT = re.compile(r"(?<=font-family: )[^;\"]*|(?<=px )(?:'DejaVu Sans'|sans-serif)[^;\"]*")
_MARKS = re.compile(
    r'<g( clip-path="[^"]*")>((?:\s*<use [^>]* style="([^"]*)"/>)(?:\s*<use [^>]* style="\3"/>)+)\s*</g>'
)
_IDS = re.compile(r'(?P<before> id="|url\(#|href="#)')
_GROUP = re.compile(r'<g id="[^"]*">')


@contextmanager
def canvas() -> Iterator[None]:
    """Lend matplotlib's settings to this thread, in the report's style, for as long as it draws."""
    with _LOCK, mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        # The browser has the glyphs that the font used for measuring may lack.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        yield


def axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes; an inch is at most 94 CSS pixels wide on the page."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)  # type: ignore[union-attr]
    return figure, figure.add_subplot()


def to_svg(figure: Figure, name: str, description: str) -> Markup:
    """Draw ``figure`` as an SVG element with a text alternative; ``name`` keeps its ids apart from others'."""
    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(["Date", "Creator", "Format", "Type"]))
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    opening, text = text.split(">", 1)
    view = re.search(r'viewBox="([^"]*)"', opening)
    width = re.search(r'width="([\d.]+)pt"', opening)
    if view is None or width is None:
        raise AssertionError(f"matplotlib wrote an SVG without its size: {opening}")
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.S)
    text = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", text)
    text = _GROUP.sub("<g>", text)
    text = _IDS.sub(rf"\g<before>{name}-", text)
    text = _FONT.sub("var(--font)", text)
    text = _MARKS.sub(_share_style, text)
    for colour, code in PALETTE.items():
        text = text.replace(code, f"var(--{colour}, {code})")
    text = re.sub(r"\n\s*", "\n", text).strip()
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'viewBox="{view[1]}" style="max-width:{1.3 * float(width[1]):.0f}px" aria-label="'
    )
    return Markup(head) + description + Markup('">' + text)


def _share_style(marks: re.Match[str]) -> str:
    """Say the style of many equal markers once."""
    clip, uses, style = marks.groups()
    without = uses.replace(f' style="{style}"', "")
    return f'<g{clip} style="{style}">{without}</g>'


def short(text: object, length: int = 24) -> str:
    """Return ``text`` on one line, cut in its middle to ``length`` characters.

    >>> short("a_rather_long_column_name_0001", 16)
    'a_rather…me_0001'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    if len(line) <= length:
        return line
    tail = (length - 1) // 2
    return f"{line[: length - 1 - tail]}…{line[-tail:]}"


logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
