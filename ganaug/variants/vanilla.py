"""The first GAN: fully connected networks, binary cross-entropy, a generator loss that does not saturate.

Goodfellow et al. 2014 (arXiv 1406.2661). Both networks are given the class; data without one make it unconditional.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ganaug import losses
from ganaug.gan import About, Gan
from ganaug.noise_game import NoiseConfig, Rules, compose, make_source, settle, stored_source

__all__ = ["ABOUT", "KEEPS_ROWS", "MODALITIES", "Config", "build", "make_source", "settle", "stored_source"]

ABOUT = About(
    summary="Fully connected networks with binary cross-entropy, as GANs began.",
    source="Goodfellow et al. 2014, arXiv 1406.2661",
    when="As a baseline: small images or tables on which nothing better is needed.",
)
KEEPS_ROWS = False
"""The artefact holds nothing of a single training row."""
MODALITIES = ("tables", "images")


@dataclass(frozen=True, kw_only=True)
class Config(NoiseConfig):
    """Settings of the first GAN."""

    width: int = 256
    """Units of a hidden layer."""


def build(config: Config, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    rules = Rules(objective=losses.NON_SATURATING, projection=False, flat=True, betas=(0.5, 0.9))
    return compose(config, layout, source, n_classes=n_classes, seeds=seeds, rules=rules)
