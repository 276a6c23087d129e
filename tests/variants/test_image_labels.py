"""Every image variant draws the class asked for: judged by pixels, on a toy whose classes anybody can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import ganaug
from ganaug.synthesizer import Synthesizer
from tests.family import adding, tiny

NAMES = adding("images")
COUNTS = {"right": 60, "top": 30, "left": 20}
"""Images of each class, named after its bright half; neither in the order of the alphabet, nor in that of `ASKED`."""
ASKED = ("top", "left", "right")
DRAWN = 150
"""Images asked for of each class."""
STEPS = 140
"""Of three seeds each, 80 steps were too few for multiscale and vanilla, 120 for none of those that have no `OWN`."""
OWN: dict[str, dict[str, Any]] = {
    # Beside the 64 dimensions of z, the class has decided only 94 % of some images by then.
    "stylegan2": {"noise": 16},
    # A clipped critic learns slowly, and a narrow one takes two classes for one with 1 to 3 of 16 seeds.
    "wgan": {"steps": 280, "channels": 32},
}
"""Settings of single variants."""
RATE = 3e-3
"""Least learning rate: with the defaults' 0.001 some need 400 steps."""
FROM_THEIR_CLASS = ("anchored_image", "inpaint")
"""They start from real images of the class asked for, and so obey it before they have learnt."""


def halves(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images ``(n, 8, 8) uint8`` of any brightness and contrast, one half brighter, and which ``(n,)``."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(list(COUNTS), list(COUNTS.values()))
    bright = np.zeros((len(labels), 8, 8))
    bright[labels == "left", :, :4] = bright[labels == "right", :, 4:] = bright[labels == "top", :4] = 1
    level, contrast = (rng.uniform(low, high, (len(labels), 1, 1)) for low, high in ((20, 80), (60, 140)))
    images = level + contrast * bright + rng.normal(scale=15, size=bright.shape)
    return np.rint(images).clip(0, 255).astype(np.uint8), labels


def judged(images: np.ndarray) -> np.ndarray:
    """Return which half of each image ``(n, 8, 8)`` stands out the most, ``(n,)``."""
    rightwards = images[:, :, 4:].mean((1, 2)) - images[:, :, :4].mean((1, 2))
    upwards = images[:, :4].mean((1, 2)) - images[:, 4:].mean((1, 2))
    return np.array(["left", "right", "top"])[np.argmax([-rightwards, rightwards, upwards], axis=0)]


def fit(name: str, *, seed: int = 0, **more: Any) -> Synthesizer:
    small = {"steps": STEPS, "batch": 16, "channels": 16, "width": 64, "half_life": 10.0}
    config = tiny(name, **small | OWN.get(name, {}) | more)
    config = replace(config, learning_rate=max(config.learning_rate, RATE))
    return ganaug.fit(halves(), variant=config, random_state=seed, device="cpu", progress=False)


def drawn(synthesizer: Synthesizer) -> np.ndarray:
    """Return images of each class of `ASKED` ``(3, DRAWN, 8, 8)``."""
    images, labels = synthesizer.sample(conditions=dict.fromkeys(ASKED, DRAWN), random_state=0)
    assert labels.tolist() == np.repeat(ASKED, DRAWN).tolist()
    return images.reshape(3, DRAWN, 8, 8)


def obeyed(images: np.ndarray) -> dict[str, float]:
    """Return the share of the images of each class asked for that are of it."""
    return {label: float((judged(own) == label).mean()) for label, own in zip(ASKED, images, strict=True)}


def test_the_judge_is_right_about_real_images() -> None:
    images, labels = halves()
    assert (judged(images) == labels).all()
    across = {"left": "right", "right": "left", "top": "top"}
    assert judged(images[:, :, ::-1]).tolist() == [across[label] for label in labels]


@pytest.mark.parametrize("name", NAMES)
def test_images_are_of_the_class_asked_for(name: str) -> None:
    images = drawn(fit(name))
    shares = obeyed(images)
    assert min(shares.values()) >= 0.9, shares
    real = {image.tobytes() for image in halves()[0]}
    assert np.mean([image.tobytes() in real for image in images.reshape(-1, 8, 8)]) < 0.1, "real ones are repeated"


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FROM_THEIR_CLASS])
def test_untrained_they_are_not(name: str) -> None:
    shares = obeyed(drawn(fit(name, steps=0)))
    assert min(shares.values()) < 0.6, shares
