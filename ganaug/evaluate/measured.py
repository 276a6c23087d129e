"""What a check measures, before anything is concluded from it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from ganaug.errors import ArtefactError
from ganaug.policy import Candidate, Choice

__all__ = ["Generators", "Measured"]

CHOICE_NUMBERS = ("expected", "standard_error", "margin")


@dataclass(kw_only=True)
class Measured:
    """Everything that was measured."""

    records: list[dict[str, Any]] = field(default_factory=list)
    """One value each: fold, seed (of the generator), part (of a single test set), arm, learner, metric, value."""
    choices: list[tuple[int, Choice]] = field(default_factory=list)
    """(fold, what the policy chose in it)."""
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """By arm: making the rows and fitting the classifiers, inner folds included."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Arms that could not run -> why."""

    def add(self, other: Measured) -> None:
        """Add what was measured on other folds, later ones; of an arm left out twice the first reason stays."""
        self.records += other.records
        self.choices += other.choices
        for arm, seconds in other.seconds.items():
            self.seconds[arm] += seconds
        for arm, why in other.left_out.items():
            self.left_out.setdefault(arm, why)

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object from which `from_json` makes the same again, to the last bit."""
        return {
            "records": [{**record, "value": _number(record["value"])} for record in self.records],
            "choices": [[fold, _choice_to_json(choice)] for fold, choice in self.choices],
            "seconds": {arm: float(seconds) for arm, seconds in self.seconds.items()},
            "left_out": dict(self.left_out),
        }

    @classmethod
    def from_json(cls, d: Mapping[str, Any]) -> Measured:
        """Undo `to_json`.

        Raises:
            ArtefactError: when something is missing or is no number.
        """
        try:
            return cls(
                records=[{**record, "value": float(record["value"])} for record in d["records"]],
                choices=[(int(fold), _choice_from_json(choice)) for fold, choice in d["choices"]],
                seconds=defaultdict(float, d["seconds"]),
                left_out=dict(d["left_out"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(
                f"a part of a check cannot be read ({error!r}); delete it to measure it again"
            ) from error

    def frame(self) -> pd.DataFrame:
        """Return the records of the arms that ran on every fold."""
        frame = pd.DataFrame(self.records)
        return frame[~frame["arm"].isin(list(self.left_out))].reset_index(drop=True)


@dataclass(frozen=True)
class Generators:
    """Fitted generators of the folds of one repeat, by (fold index, part, generator seed)."""

    by_key: dict[tuple[int, int, int], Any]
    seconds: float


def _number(value: float) -> float | str:
    """Return ``value``, or its name where JSON has no number for it."""
    value = float(value)
    return value if math.isfinite(value) else str(value)


def _choice_to_json(choice: Choice) -> dict[str, Any]:
    numbers = {name: _number(getattr(choice, name)) for name in CHOICE_NUMBERS}
    return {**asdict(choice), **numbers}


def _choice_from_json(d: Mapping[str, Any]) -> Choice:
    numbers = {name: float(d[name]) for name in CHOICE_NUMBERS}
    return Choice(**{**d, **numbers, "candidate": Candidate(**d["candidate"])})
