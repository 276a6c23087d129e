"""What an arm of the check is: one way to change what a classifier is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ganaug.learners import Learner, Part, Training

__all__ = ["NOTHING", "TUNED", "Arm", "CannotRunError"]

NOTHING = "nothing"
TUNED = "tuned_threshold"


class CannotRunError(Exception):
    """An arm cannot run on these rows; the message says why, and the arm is left out."""


class Arm(Protocol):
    """One way to change what a classifier is fitted on."""

    @property
    def name(self) -> str:
        """What it is called in results."""
        ...

    @property
    def label(self) -> str:
        """What people read."""
        ...

    def training(self, part: Part, learners: Sequence[Learner], seed: int) -> Training:
        """Return the rows to fit on, made from the training rows of ``part`` alone."""
        ...
