"""The Wasserstein GAN with clipped weights (Arjovsky et al. 2017, arXiv 1701.07875, alg. 1).

The clip bounds the critic's slope; it also wastes its capacity, which is why ``wgan_gp`` came after it.
NOTE[DIFF]: Adam without momentum for RMSProp. Convolutional critics are clipped the same.
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
    summary="A Wasserstein critic whose weights are clipped.",
    source="Arjovsky et al. 2017, arXiv 1701.07875",
    when="To compare with; wgan_gp is the better one.",
)
KEEPS_ROWS = False
"""The artefact holds nothing of a single training row."""
MODALITIES = ("tables", "images")


@dataclass(frozen=True, kw_only=True)
class Config(NoiseConfig):
    """Settings of the Wasserstein GAN with clipping."""

    clip: float = 0.05
    """Largest weight of the critic; 0.01 in the paper."""
    n_critic: int = 2
    """Critic steps a generator step; 5 in the paper."""


def build(config: Config, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    rules = Rules(objective=losses.WASSERSTEIN, clip=config.clip, repeats=config.n_critic)
    return compose(config, layout, source, n_classes=n_classes, seeds=seeds, rules=rules)
