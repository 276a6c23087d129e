"""The least-squares GAN (Mao et al. 2017, arXiv 1611.04076, eq. 9).

NOTE[DIFF]: R1 keeps the critic of few rows from growing steep.
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
    summary="Least squares in the place of cross-entropy, so that rows far on the right side still pull.",
    source="Mao et al. 2017, arXiv 1611.04076",
    when="As a baseline whose losses stay smooth.",
)
KEEPS_ROWS = False
"""The artefact holds nothing of a single training row."""
MODALITIES = ("tables", "images")


@dataclass(frozen=True, kw_only=True)
class Config(NoiseConfig):
    """Settings of the least-squares GAN."""

    gamma: float = 0.1
    """Weight of R1 on real rows (Mescheder et al. 2018, arXiv 1801.04406), taken every eighth step; 0: none."""


def build(config: Config, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    rules = Rules(objective=losses.LEAST_SQUARES, r1=config.gamma, betas=(0.5, 0.9))
    return compose(config, layout, source, n_classes=n_classes, seeds=seeds, rules=rules)
