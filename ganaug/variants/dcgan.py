"""Strided convolutions up and down, binary cross-entropy (Radford et al. 2015, arXiv 1511.06434).

NOTE[DIFF]: no batch normalisation, which ties the images of a batch to each other; the class reaches the generator
beside the noise and the critic by a projection; R1 keeps the critic of few images from growing steep. Adam has a higher
rate than the paper's 0.0002, which falls, and a shorter memory (0.9).
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
    summary="Strided convolutions with binary cross-entropy.",
    source="Radford et al. 2015, arXiv 1511.06434",
    when="As a baseline of convolutional GANs.",
)
KEEPS_ROWS = False
"""The artefact holds nothing of a single training row."""
MODALITIES = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(NoiseConfig):
    """Settings of the convolutional GAN."""

    gamma: float = 0.1
    """Weight of R1 on real rows (Mescheder et al. 2018, arXiv 1801.04406), taken every eighth step; 0: none."""


def build(config: Config, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    rules = Rules(objective=losses.NON_SATURATING, r1=config.gamma, betas=(0.5, 0.9))
    return compose(config, layout, source, n_classes=n_classes, seeds=seeds, rules=rules)
