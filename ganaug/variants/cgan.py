"""The conditional GAN: the class is given to both networks (Mirza & Osindero 2014, arXiv 1411.1784).

With ``projection``, the critic takes it as an inner product with its features (Miyato & Koyama 2018, arXiv 1802.05637).
NOTE[DIFF]: networks of images are convolutional, and the class joins the features of the image before the last hidden
layer, where the paper joins the two as well (sec. 4.1); R1 keeps the critic of few rows from growing steep.
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
    summary="Gives the class to both networks, to the critic beside what it sees or as a projection on it.",
    source="Mirza & Osindero 2014, arXiv 1411.1784; Miyato & Koyama 2018, arXiv 1802.05637",
    when="As a baseline of conditioning.",
)
KEEPS_ROWS = False
"""The artefact holds nothing of a single training row."""
MODALITIES = ("tables", "images")


@dataclass(frozen=True, kw_only=True)
class Config(NoiseConfig):
    """Settings of the conditional GAN."""

    projection: bool | None = None
    """Whether the class reaches the critic by a projection; False: beside its input or, of images, its features, as
    Mirza & Osindero have it. None: as a projection for tables, where ``vanilla`` has the other, and not for images,
    where ``dcgan`` has it."""
    gamma: float = 0.1
    """Weight of R1 on real rows (Mescheder et al. 2018, arXiv 1801.04406), taken every eighth step; 0: none."""


def build(config: Config, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    rules = Rules(
        objective=losses.NON_SATURATING,
        projection=not isinstance(layout, ImageLayout) if config.projection is None else config.projection,
        r1=config.gamma,
        betas=(0.5, 0.9),
    )
    return compose(config, layout, source, n_classes=n_classes, seeds=seeds, rules=rules)
