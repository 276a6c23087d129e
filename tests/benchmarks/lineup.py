"""Who is compared: the check's cheap arms, peers where they are installed, and our augmenters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from imblearn.over_sampling import BorderlineSMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.neural_network import MLPClassifier

from ganaug import variants
from ganaug.evaluate.arms import NOTHING, TUNED, Arm, SamplerArm, make_arm
from ganaug.evaluate.image_arms import FLIPS_CROPS_SHIFTS
from ganaug.learners import DEFAULT_LEARNERS, Learner
from ganaug.policy import CANDIDATES, Candidate, GanAugmenter, Policy
from ganaug.variants import anchored, wgan_gp
from tests.benchmarks.peers import CtganRows, GaussianNoise, SmoteVariant

__all__ = [
    "ANCHORED",
    "ARMS",
    "CTGAN",
    "IMAGE_ARMS",
    "LEARNERS",
    "POLICY",
    "RELABELLED",
    "RELABELLED_TRAINED",
    "TUNED",
    "UNTRAINED",
    "WGAN_GP",
    "Lineup",
    "make_image_lineup",
    "make_lineup",
]

ANCHORED, UNTRAINED, WGAN_GP, POLICY = "anchored", "anchored_untrained", "wgan_gp", "policy"
CTGAN = "ctgan"
RELABELLED, RELABELLED_TRAINED = "relabelled", "relabelled_trained"
QUICK_STEPS = 20

LEARNERS: tuple[Learner, ...] = (
    *DEFAULT_LEARNERS,
    Learner(name="mlp", strength="weak", estimator=MLPClassifier(learning_rate_init=3e-3, max_iter=60)),
)
"""Who judges tables: the check's own three and a network."""

ARMS: tuple[str, ...] = (
    NOTHING,
    TUNED,
    "class_weights",
    "random_oversampling",
    "random_undersampling",
    "smote",
    "borderline_smote",
    "prowsyn",
    "polynom_fit_smote",
    "gaussian_noise",
    CTGAN,
    UNTRAINED,
    ANCHORED,
    WGAN_GP,
    RELABELLED,
    POLICY,
    RELABELLED_TRAINED,
)
"""On tables, in the order of what is printed."""
IMAGE_ARMS: tuple[str, ...] = (
    NOTHING,
    TUNED,
    "class_weights",
    "random_oversampling",
    FLIPS_CROPS_SHIFTS,
    "smote",
    *variants.names("images", adding=True),
    POLICY,
)


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
    untuned: tuple[str, ...] = ()
    """Augmenters that are not run on inner folds, which cost three quarters of the generators for a tuned threshold."""
    transforms: tuple[str, ...] = ()
    """What may be done to images."""


def make_lineup(*, ratio: float, quick: bool, arms: Sequence[str] = ARMS, ctgan_epochs: int | None = None) -> Lineup:
    """Return the arms for tables, nothing among them even where it is not named.

    SMOTE is the check's own (SMOTENC for mixed columns); Borderline-SMOTE, those of smote-variants and the noise know
    numbers only and get the prepared matrix, categories as 0/1 columns.

    Args:
        ratio: the amount of every generator with a fixed one.
        quick: hardly train the generators.
        arms: names out of `ARMS`.
        ctgan_epochs: of CTGAN, which is absent without them.
    """
    trained = anchored.Config(steps=QUICK_STEPS) if quick else anchored.Config()
    plain = wgan_gp.Config(steps=QUICK_STEPS) if quick else wgan_gp.Config()
    fixed = (Candidate(ratio=ratio),)
    every: dict[str, Any] = {
        **{name: make_arm(name) for name in (NOTHING, TUNED, "class_weights", "random_oversampling", "smote")},
        "random_undersampling": _sampler("random_undersampling", "Random undersampling", RandomUnderSampler()),
        "borderline_smote": _sampler("borderline_smote", "Borderline-SMOTE", BorderlineSMOTE()),
        "gaussian_noise": _sampler("gaussian_noise", "Gaussian noise", GaussianNoise()),
        UNTRAINED: GanAugmenter(variant=replace(trained, steps=0), candidates=fixed, name=UNTRAINED),
        ANCHORED: GanAugmenter(variant=trained, candidates=fixed, name=ANCHORED),
        WGAN_GP: GanAugmenter(variant=plain, candidates=fixed, name=WGAN_GP),
        RELABELLED: GanAugmenter(variant=trained, candidates=CANDIDATES[1:], name=RELABELLED),
        RELABELLED_TRAINED: GanAugmenter(
            variant=trained, candidates=(replace(CANDIDATES[1], trained=True),), name=RELABELLED_TRAINED
        ),
        POLICY: Policy(variant=trained if quick else "auto", name=POLICY),
    }
    absent = {}
    if find_spec("smote_variants") is not None:
        every["prowsyn"] = _sampler("prowsyn", "ProWSyn", SmoteVariant("ProWSyn"))
        star = SmoteVariant("polynom_fit_SMOTE_star")
        every["polynom_fit_smote"] = _sampler("polynom_fit_smote", "polynom-fit-SMOTE, star", star)
    else:
        why = "smote-variants is not installed: pip install smote-variants"
        absent |= {"prowsyn": why, "polynom_fit_smote": why}
    if ctgan_epochs is None:
        absent[CTGAN] = "it is slow, and was not asked for: --ctgan"
    elif find_spec("ctgan") is not None:
        every[CTGAN] = _sampler(CTGAN, f"CTGAN, {ctgan_epochs} epochs", CtganRows(epochs=ctgan_epochs))
    else:
        absent[CTGAN] = "ctgan is not installed: pip install ctgan"
    labels = {UNTRAINED: f"anchored, untrained, r={ratio:g}", ANCHORED: f"**anchored, r={ratio:g}**"}
    labels |= {WGAN_GP: f"**wgan_gp, r={ratio:g}**", POLICY: "**the policy** (the default)"}
    way = CANDIDATES[1].name
    labels |= {RELABELLED: f"**{way}**, always", RELABELLED_TRAINED: f"{way}, by anchored, trained"}
    return _lined_up(every, ARMS, arms, labels, absent=absent, untuned=(WGAN_GP, RELABELLED_TRAINED))


def make_image_lineup(*, quick: bool, arms: Sequence[str] = IMAGE_ARMS, transforms: tuple[str, ...]) -> Lineup:
    """Return the arms for images: every variant fills the classes up, and the policy chooses."""
    every: dict[str, Any] = {
        name: make_arm(name, transforms=transforms)
        for name in IMAGE_ARMS
        if name not in (*variants.names("images", adding=True), POLICY)
    }
    labels = {}
    for name in variants.names("images", adding=True):
        config = variants.resolve(name, "images")[1]
        config = replace(config, steps=QUICK_STEPS) if quick else config
        every[name] = GanAugmenter(variant=config, candidates=(Candidate(ratio=1.0),), name=name)
        labels[name] = f"**{name}, r=1**"
    chosen = variants.resolve("auto", "images")[1]
    every[POLICY] = Policy(variant=replace(chosen, steps=QUICK_STEPS) if quick else chosen, name=POLICY)
    labels[POLICY] = "**the policy** (the default)"
    return _lined_up(every, IMAGE_ARMS, arms, labels, absent={}, transforms=transforms)


def _lined_up(
    every: dict[str, Any], order: Sequence[str], arms: Sequence[str], labels: dict[str, str], **rest: Any
) -> Lineup:
    """Keep what is named and there."""
    names = [name for name in order if name in every and (name in arms or name == NOTHING)]
    rest["absent"] = {name: why for name, why in rest["absent"].items() if name in arms}
    return Lineup(
        cheap=tuple(every[name] for name in names if not isinstance(every[name], GanAugmenter)),
        augmenters=tuple(every[name] for name in names if isinstance(every[name], GanAugmenter)),
        labels={name: labels[name] if name in labels else every[name].label for name in names},
        **rest,
    )


def _sampler(name: str, label: str, sampler: Any) -> SamplerArm:
    return SamplerArm(sampler=sampler, name=name, label=label)
