"""The hinge loss with a spectrally normalised critic (Miyato et al. 2018, arXiv 1802.05957).

The class reaches the critic by a projection (Miyato & Koyama 2018, arXiv 1802.05637). NOTE[DIFF]: its embedding is not
normalised.
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
    summary="Hinge loss with a spectrally normalised critic.",
    source="Miyato et al. 2018, arXiv 1802.05957",
    when="When a training has to be stable without a penalty to tune.",
)
KEEPS_ROWS = False
"""The artefact holds nothing of a single training row."""
MODALITIES = ("tables", "images")


@dataclass(frozen=True, kw_only=True)
class Config(NoiseConfig):
    """Settings of the hinge GAN."""

    n_critic: int = 1
    """Critic steps a generator step."""


def build(config: Config, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    rules = Rules(objective=losses.HINGE, spectral=True, repeats=config.n_critic)
    return compose(config, layout, source, n_classes=n_classes, seeds=seeds, rules=rules)
