"""Numbers and verdicts as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["VERDICTS", "count", "duration", "interval", "markdown", "number", "percent", "signed", "verdict_of"]

VERDICTS: dict[str, tuple[str, str]] = {
    "helps": ("Helps", "good"),
    "better than nothing": ("Better than nothing", "fair"),
    "no evidence": ("No evidence", "open"),
    "left alone": ("Left alone", "open"),
    "not measurable": ("Not measurable", "open"),
    "harms": ("Harms", "bad"),
}
"""Verdict -> the words on its badge, and its tone. Only a win over every alternative is green."""

NOT_CHECKED = ("Not checked", "open")
NOT_CHECKED_SENTENCE = (
    "Whether the synthetic rows help was not measured, as no check was asked for, so nothing is claimed about it."
)


def verdict_of(effect: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the badge, the tone and the sentence that open the report."""
    if effect is None:
        badge, tone = NOT_CHECKED
        return {"badge": badge, "tone": tone, "sentence": NOT_CHECKED_SENTENCE}
    badge, tone = VERDICTS.get(effect["verdict"], (str(effect["verdict"]).capitalize(), "open"))
    return {"badge": badge, "tone": tone, "sentence": str(effect["sentence"])}


def number(value: float | None, digits: int = 3) -> str:
    """Return ``value`` with ``digits`` decimals, or with as many significant ones where it is large.

    >>> number(0.12345), number(1234.5), number(None), number(-0.0001)
    ('0.123', '1,234', '–', '0.000')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def signed(value: float | None, digits: int = 3) -> str:
    """Return ``value`` with its sign.

    >>> signed(0.0123), signed(-0.5), signed(0.0)
    ('+0.012', '−0.500', '0.000')
    """
    text = number(value, digits)
    return f"+{text}" if value is not None and value > 0 and any(c in "123456789" for c in text) else text


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share in percent.

    >>> percent(0.0512), percent(None)
    ('5.1 %', '–')
    """
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f} %"


def interval(arm: Mapping[str, Any]) -> str:
    """Return an arm's difference with its interval, where it has one.

    >>> interval({"difference": 0.01, "low": -0.002, "high": 0.022})
    '+0.010 [−0.002, +0.022]'
    """
    text = signed(arm["difference"])
    if arm.get("low") is None or arm.get("high") is None:
        return text
    return f"{text} [{signed(arm['low'])}, {signed(arm['high'])}]"


def count(rows: int) -> str:
    """Return a whole number with its thousands apart.

    >>> count(12345)
    '12,345'
    """
    return f"{rows:,}"


def duration(seconds: float | None) -> str:
    """Return a time in the unit that suits it.

    >>> duration(0.25), duration(75), duration(7260)
    ('0.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds) // 60
    if minutes < 60:
        return f"{minutes} min {round(seconds) % 60} s"
    return f"{minutes // 60} h {minutes % 60} min"


def markdown(text: object) -> str:
    r"""Return ``text`` on one line, so that Markdown shows it as it is.

    >>> markdown("a|b <i>")
    'a\\|b &lt;i&gt;'
    """
    line = " ".join(str(text).split())
    for mark in "\\`*_[]|#":
        line = line.replace(mark, f"\\{mark}")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
