"""Who is compared: the check's cheap arms, peers where they are installed, and our augmenters."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from imblearn.over_sampling import BorderlineSMOTE
from sklearn.base import BaseEstimator

from ganaug.evaluate.arms import NOTHING, TUNED, Arm, SamplerArm, make_arm
from ganaug.policy import Candidate, GanAugmenter, Policy
from ganaug.variants import anchored, wgan_gp

__all__ = ["ANCHORED", "POLICY", "UNTRAINED", "WGAN_GP", "Lineup", "ProWSyn", "make_lineup"]

ANCHORED, UNTRAINED, WGAN_GP, POLICY = "anchored", "anchored_untrained", "wgan_gp", "policy"
QUICK_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class Lineup:
    """What runs on every table."""

    cheap: tuple[Arm, ...]
    """Nothing first."""
    augmenters: tuple[GanAugmenter, ...]
    labels: dict[str, str]
    """Arm -> what people read, in the order of the tables printed."""
    absent: dict[str, str]
    """Arm -> why it is not there at all."""
    untuned: tuple[str, ...]
    """Augmenters that are not run on inner folds, which cost three quarters of the generators for a tuned threshold."""


class ProWSyn(BaseEstimator):
    """smote-variants' ProWSyn (Barua, Islam and Murase 2013) as an imbalanced-learn sampler, 1:1."""

    def __init__(self, *, random_state: int | None = None) -> None:
        self.random_state = random_state

    def fit_resample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows given and, after them, those of the smaller class that it made."""
        import smote_variants

        logging.getLogger("smote_variants").setLevel(logging.WARNING)
        return smote_variants.ProWSyn(random_state=self.random_state).sample(X, y)


def make_lineup(*, ratio: float, quick: bool) -> Lineup:
    """Return the arms; ``ratio`` is the amount of every generator with a fixed one, ``quick`` hardly trains them.

    SMOTE is the check's own (SMOTENC for mixed columns); Borderline-SMOTE and ProWSyn know numbers only and get the
    prepared matrix, categories as 0/1 columns.
    """
    cheap: list[Arm] = [
        *(make_arm(name) for name in (NOTHING, TUNED, "class_weights", "random_oversampling", "smote")),
        SamplerArm(sampler=BorderlineSMOTE(), name="borderline_smote", label="Borderline-SMOTE"),
    ]
    absent = {}
    if find_spec("smote_variants") is None:
        absent["prowsyn"] = "smote-variants is not installed: pip install smote-variants"
    else:
        cheap.append(SamplerArm(sampler=ProWSyn(), name="prowsyn", label="ProWSyn"))
    trained = anchored.Config(steps=QUICK_STEPS) if quick else anchored.Config()
    plain = wgan_gp.Config(steps=QUICK_STEPS) if quick else wgan_gp.Config()
    fixed = (Candidate(ratio=ratio),)
    augmenters: tuple[Any, ...] = (
        GanAugmenter(variant=replace(trained, steps=0), candidates=fixed, name=UNTRAINED),
        GanAugmenter(variant=trained, candidates=fixed, name=ANCHORED),
        GanAugmenter(variant=plain, candidates=fixed, name=WGAN_GP),
        Policy(variant=trained, name=POLICY),
    )
    labels = {arm.name: arm.label for arm in cheap} | {
        UNTRAINED: f"anchored, untrained, r={ratio:g}",
        ANCHORED: f"**anchored, r={ratio:g}**",
        WGAN_GP: f"**wgan_gp, r={ratio:g}**",
        POLICY: "**the policy** (the default)",
    }
    return Lineup(cheap=tuple(cheap), augmenters=augmenters, labels=labels, absent=absent, untuned=(WGAN_GP,))
