"""A verdict against the verdict of the last run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ganaug.evaluate.statistics import corrected_interval

__all__ = ["compare_verdicts"]


def compare_verdicts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Say what changed between two verdicts, `Effect.to_json` each; nothing where chance explains it.

    The verdict itself; what the augmentation does against nothing, where the two means are further apart than the
    intervals allow (``|d1 - d2| > sqrt(h1^2 + h2^2)``, with h the half widths); and the same for the score of the data
    as they are, with an interval over its folds.
    """
    changes = []
    if before["verdict"] != after["verdict"]:
        changes.append(f"the verdict changed from {before['verdict']!r} to {after['verdict']!r}")
    if before["scoring"] != after["scoring"]:
        return [*changes, f"scores are not compared: {before['scoring']} then, {after['scoring']} now"]
    scoring = str(after["scoring"]).replace("_", " ")
    then, now = _arm(before, before["ours"]), _arm(after, after["ours"])
    moved = _moved(then, now)
    if moved:
        changes.append(f"what the augmentation changes in {scoring} moved {moved}, beyond both intervals")
    moved = _moved(_baseline(before), _baseline(after))
    if moved:
        changes.append(f"{scoring} of the data as they are moved {moved}, beyond both intervals")
    return changes


def _arm(effect: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Return an arm's difference from nothing and half its interval's width."""
    arm = next((arm for arm in effect["arms"] if arm["name"] == name), None)
    if arm is None or any(arm.get(key) is None for key in ("difference", "low", "high")):
        return None
    return float(arm["difference"]), (float(arm["high"]) - float(arm["low"])) / 2


def _baseline(effect: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the score of doing nothing and half the width of its interval over folds."""
    folds: dict[Any, list[float]] = {}
    for entry in effect["folds"]:
        if entry["arm"] == "nothing" and entry["value"] is not None:
            folds.setdefault(entry["fold"], []).append(float(entry["value"]))
    if len(folds) < 2 or effect["n_splits"] < 2:
        return None
    found = corrected_interval([float(np.mean(values)) for values in folds.values()], 1 / (effect["n_splits"] - 1))
    return found.mean, (found.high - found.low) / 2


def _moved(then: tuple[float, float] | None, now: tuple[float, float] | None) -> str:
    if then is None or now is None or abs(now[0] - then[0]) <= math.hypot(then[1], now[1]):
        return ""
    return f"from {then[0]:.3f} (± {then[1]:.3f}) to {now[0]:.3f} (± {now[1]:.3f})"
