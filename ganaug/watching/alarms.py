"""What goes wrong in a GAN's training, recognised by its history and named, with what to do.

A history is a list of entries, an observation each: ``step``; for every phase its mean loss and the norm of its
gradient (``gradient <phase>``), lists of M floats; with a monitor ``score`` and figures a class, such as ``variety``,
lists of M lists of K; with a critic ``accuracy real`` and ``accuracy fake``; ``retry`` once the training went back; and
``noticed``, M lists of alarms. None stands for NaN. Everything is decided by the history alone, so that a training that
goes on from a checkpoint decides the same.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["COLLAPSED", "RETRIES", "SHORT", "Alarm", "current", "recognise", "winning"]

RETRIES = 3
"""How often a training goes back to its last good state, at most; the last time is not for a discriminator that won."""

COLLAPSED = 0.1
"""A class whose generated rows differ by less than this share of what real ones differ by has collapsed."""
VARIED = 0.3
"""A class must have reached this share before, for its collapse to be a fall and no slow start."""
SHORT = 50
"""Steps of a training below which no fall is told from a start: the first rows of a generator are noise, which varies,
and the next ones may not yet, while a discriminator wins at first."""
PERSISTENT = 2
"""Observations in a row in which a class must have collapsed before the training goes back."""
DIVERGED = 1000.0
"""A loss or a gradient this many times as large as it usually was (or as 1, where that was less) has diverged."""
USUAL = 3
"""Observations that tell what is usual."""
WON = 0.99
"""Accuracy on real and on generated rows from which on the discriminator wins, while the score does not fall..."""
WON_FOR = 3
WON_SHARE = 1 / 8
"""... and has won, where that lasts for so many observations with one rate, and for this share of the training."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Something that deserves a look, or a step back."""

    kind: str
    """``"nan"``, ``"divergence"``, ``"collapse"`` or ``"won"``."""
    member: int
    text: str
    """What happened, where."""
    advice: str
    """What to do about it."""
    recover: bool = False
    """Whether the training goes back."""
    doubtful: bool = False
    """Whether the state is none to go back to later."""
    key: str = ""
    """What tells it from others of its kind: the phase or the class."""


def current(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries that the training has not gone back behind.

    >>> [entry["step"] for entry in current([{"step": 0}, {"step": 5}, {"step": 10}, {"step": 5}])]
    [0, 5]
    """
    line: list[dict[str, Any]] = []
    for entry in history:
        while line and line[-1]["step"] >= entry["step"]:
            line.pop()
        line.append(entry)
    return line


def recognise(
    history: Sequence[dict[str, Any]], *, phases: Sequence[str], class_names: Sequence[str], steps: int
) -> list[Alarm]:
    """Return what is wrong at the last observation of ``history`` in a training of so many ``steps``."""
    line = current(history)
    members = range(_members(line[-1]))
    return [
        alarm
        for m in members
        for found in (
            _not_finite(line, phases, m),
            _diverged(line, phases, m),
            _collapsed(line, class_names, steps, m),
            _won(line, steps, m),
        )
        for alarm in found
    ]


def _members(entry: dict[str, Any]) -> int:
    return max((len(value) for value in entry.values() if isinstance(value, list)), default=0)


def _not_finite(line: list[dict[str, Any]], phases: Sequence[str], m: int) -> Iterator[Alarm]:
    entry = line[-1]
    advice = "take a lower learning rate, or another seed"
    for phase in phases:
        for name, what in ((phase, "loss"), (f"gradient {phase}", "gradient")):
            if name in entry and not _finite(entry[name][m]):
                text = f"the {what} of phase {phase!r} is not finite at step {entry['step']}: {entry[name]}"
                yield Alarm(kind="nan", member=m, text=text, advice=advice, recover=True, key=phase)
                return
    if not entry.get("finite", [True] * (m + 1))[m] or ("score" in entry and entry["score"][m] is None):
        text = f"weights, or rows that they generate, are not finite at step {entry['step']}"
        yield Alarm(kind="nan", member=m, text=text, advice=advice, recover=True)


def _diverged(line: list[dict[str, Any]], phases: Sequence[str], m: int) -> Iterator[Alarm]:
    entry = line[-1]
    for phase in phases:
        for name, what in ((phase, "loss"), (f"gradient {phase}", "gradient")):
            earlier = [abs(e[name][m]) for e in line[:-1] if name in e and _finite(e[name][m])]
            if name not in entry or not _finite(entry[name][m]) or len(earlier) < USUAL:
                continue
            value, usual = abs(entry[name][m]), statistics.median(earlier)
            if value > DIVERGED * max(1.0, usual):
                text = (
                    f"the training diverges: the {what} of phase {phase!r} is {value:.3g} at step {entry['step']}, and "
                    f"was {usual:.3g} before"
                )
                advice = "take a lower learning rate, or a heavier gradient penalty"
                yield Alarm(kind="divergence", member=m, text=text, advice=advice, recover=True, key=phase)
                return


def _collapsed(line: list[dict[str, Any]], class_names: Sequence[str], steps: int, m: int) -> Iterator[Alarm]:
    """Name the classes that have fallen, and, in the second half, those that never had any variety."""
    entry = line[-1]
    for c, share in enumerate(entry["variety"][m] if "variety" in entry else ()):
        if share is None or share >= COLLAPSED:
            continue
        before = [e["variety"][m][c] for e in line if "variety" in e]
        fell = steps >= SHORT and max(v for v in before if v is not None) >= VARIED
        lasts = len(before) >= PERSISTENT and all(v is not None and v < COLLAPSED for v in before[-PERSISTENT:])
        name = class_names[c] if c < len(class_names) else str(c)
        if fell or 2 * entry["step"] >= steps:
            text = (
                f"mode collapse: the generated rows of class {name!r} differ by {100 * share:.0f} % of what real ones "
                f"do at step {entry['step']}"
            )
            advice = "take a lower learning rate, fewer steps, a heavier gradient penalty, or another seed"
            back = fell and lasts
            yield Alarm(kind="collapse", member=m, text=text, advice=advice, recover=back, doubtful=fell, key=name)


def winning(history: Sequence[dict[str, Any]], *, steps: int) -> bool:
    """Return whether any member's discriminator is winning at the last observation."""
    line = current(history)
    return any(_tells_all(line[-1], m) and not _falls(line, 1, steps, m) for m in range(_members(line[-1])))


def _won(line: list[dict[str, Any]], steps: int, m: int) -> Iterator[Alarm]:
    retries, last = line[-1].get("retry", 0), line[-1]["step"]
    told = itertools.takewhile(lambda e: e.get("retry", 0) == retries and _tells_all(e, m), reversed(line))
    since = [e["step"] for e in told]
    n = next((n for n in range(WON_FOR, len(since) + 1) if last - since[n - 1] >= WON_SHARE * steps), None)
    if n is None or _falls(line, n, steps, m):
        return
    text = (
        f"the discriminator has won: it tells {100 * line[-1]['accuracy real'][m]:.0f} % of the real and "
        f"{100 * line[-1]['accuracy fake'][m]:.0f} % of the generated rows for {n} observations, up to step "
        f"{line[-1]['step']}, "
        + ("while the distance does not fall" if any(_scores(line[-n:], m)) else "late in the training")
    )
    advice = (
        "give it less to learn from: a heavier gradient penalty, augmentation of what it sees, a lower learning rate "
        "of its own, or fewer steps"
    )
    yield Alarm(kind="won", member=m, text=text, advice=advice, recover=steps >= SHORT and retries < RETRIES - 1)


def _tells_all(entry: dict[str, Any], m: int) -> bool:
    return all(name in entry and (entry[name][m] or 0) >= WON for name in ("accuracy real", "accuracy fake"))


def _falls(line: list[dict[str, Any]], n: int, steps: int, m: int) -> bool:
    """Whether any of the last ``n`` scores is the lowest so far.

    Without held-out rows, so that all scores are 0, only the second half tells: at first a discriminator always wins.
    """
    scores, before = _scores(line[-n:], m), _scores(line[:-n], m)
    if not any(scores):
        return 2 * line[-n]["step"] < steps
    return min(scores) < min(before or scores[:1])


def _scores(entries: list[dict[str, Any]], m: int) -> list[float]:
    return [e["score"][m] for e in entries if "score" in e and _finite(e["score"][m])]


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)
