"""Numbers and tables, as the benchmarks' pages write them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ganaug.evaluate.statistics import Interval, corrected_interval

__all__ = ["change", "many", "number", "plain_interval", "short", "signed", "to_markdown"]


def many(n: int, what: str) -> str:
    return f"{n} {what}" + "s" * (n != 1)


def to_markdown(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table; text to the left, all else to the right."""
    rows: Sequence[Sequence[str]] = [[str(value) for value in row] for row in frame.itertuples(index=False)]
    head = "| " + " | ".join(str(c) for c in frame.columns) + " |"
    rule = "|" + "|".join(["---"] + ["---:"] * (frame.shape[1] - 1)) + "|"
    return "\n".join([head, rule, *("| " + " | ".join(row) + " |" for row in rows)])


def signed(value: float) -> str:
    """Return ``+.012``.

    >>> signed(0.0123), signed(-0.0004), signed(float("nan"))
    ('+.012', '.000', '')
    """
    if not np.isfinite(value):
        return ""
    if abs(value) < 0.0005:
        return ".000"
    return f"{value:+.3f}".replace("0.", ".", 1)


def number(value: float) -> str:
    """Return ``.04`` or, below .01, one digit."""
    if not np.isfinite(value):
        return ""
    return (f"{value:.2f}" if value >= 0.01 else f"{value:.1g}").removeprefix("0") if value < 1 else "1"


def change(interval: Interval) -> str:
    """Return ``+.012 [-.003, +.027]``."""
    if not np.isfinite(interval.low):
        return signed(interval.mean)
    return f"{signed(interval.mean)} [{signed(interval.low)}, {signed(interval.high)}]"


def plain_interval(values: np.ndarray) -> Interval:
    """Return Student's interval: tables share no rows, so nothing needs a correction."""
    return corrected_interval(values, 0.0)


def short(label: str) -> str:
    return label.replace("**", "").replace(" (the default)", "")
