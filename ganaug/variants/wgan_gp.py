"""A conditional Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv 1704.00028).

Both networks are given the class, the critic of rows beside its input and that of images by a projection. Its artefact
keeps no training row: noise in, rows or images out, and of tables a private encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ganaug import losses
from ganaug.encode import ImageLayout
from ganaug.gan import About, Gan
from ganaug.noise_game import NoiseConfig, Rules, compose, make_source, settle, stored_source

__all__ = ["ABOUT", "KEEPS_ROWS", "MODALITIES", "Config", "build", "make_source", "settle", "stored_source"]

ABOUT = About(
    summary="A Wasserstein critic held to a slope of 1 by a gradient penalty.",
    source="Gulrajani et al. 2017, arXiv 1704.00028",
    when="No training row may be kept, or thousands of rows to learn from.",
)
KEEPS_ROWS = False
"""The artefact holds nothing of a single training row."""
MODALITIES = ("tables", "images")


@dataclass(frozen=True, kw_only=True)
class Config(NoiseConfig):
    """Settings of the Wasserstein GAN with gradient penalty."""

    n_critic: int = 1
    """Critic steps a generator step; 5 in the paper."""
    learning_rate: float = 2e-3
    """Of both networks at the first step."""
    gradient_weight: float = 10.0
    """Weight of the gradient penalty (lambda in the paper)."""


def build(config: Config, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    rules = Rules(
        objective=losses.WASSERSTEIN,
        projection=isinstance(layout, ImageLayout),
        slope=config.gradient_weight,
        repeats=config.n_critic,
    )
    return compose(config, layout, source, n_classes=n_classes, seeds=seeds, rules=rules)
