"""The self-attention GAN (Zhang et al. 2018, arXiv 1805.08318): hinge loss, spectral normalisation, attention in both.

The generator's places look at each other on the map before the last doubling, the critic's on the last map but one;
where there is one doubling only, as of 8 x 8 pixels, on the map that it makes.
NOTE[DIFF]: the critic alone is normalised, without its class embedding; one learning rate for both networks; of large
images the critic attends at a coarser map than the paper's, which costs less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ganaug import losses
from ganaug.gan import About, Gan
from ganaug.nets.attention import SelfAttention
from ganaug.noise_game import NoiseConfig, Rules, compose, make_source, settle, stored_source

__all__ = ["ABOUT", "KEEPS_ROWS", "MODALITIES", "Config", "build", "make_source", "settle", "stored_source"]

ABOUT = About(
    summary="Lets the places of an image look at each other, so that what belongs together fits together.",
    source="Zhang et al. 2018, arXiv 1805.08318",
    when="Images whose parts have to match over a distance.",
)
KEEPS_ROWS = False
"""The artefact holds nothing of a single training row."""
MODALITIES = ("images",)


@dataclass(frozen=True, kw_only=True)
class Config(NoiseConfig):
    """Settings of the self-attention GAN."""


def build(config: Config, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    rules = Rules(objective=losses.HINGE, spectral=True, attention=SelfAttention)
    return compose(config, layout, source, n_classes=n_classes, seeds=seeds, rules=rules)
