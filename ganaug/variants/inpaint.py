"""Filling in: missing cells of tables, and parts of images, from what is round them.

Of tables it is GAIN (Yoon et al. 2018, arXiv 1806.02920; see `ganaug.cell_game`). `Synthesizer.transform` fills in what
is missing; `augment` gives real rows of the class asked for with some of their cells drawn anew. Its artefact keeps
the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ganaug import cell_game
from ganaug.encode import Layout
from ganaug.gan import About, Gan
from ganaug.image_game import ImageConfig
from ganaug.masked_sources import MaskedRows

__all__ = [
    "ABOUT",
    "KEEPS_ROWS",
    "MODALITIES",
    "TRANSFORMS",
    "Config",
    "build",
    "make_source",
    "settle",
    "stored_source",
]

ABOUT = About(
    summary="Fills in missing cells of tables or parts of images; new rows are real ones with a part made anew.",
    source="GAIN (Yoon et al. 2018, arXiv 1806.02920); context encoders (Pathak et al. 2016, arXiv 1604.07379)",
    when="Cells are missing or images damaged; or variations close to real rows are wanted.",
)
KEEPS_ROWS = True
"""The artefact holds training rows or images."""
MODALITIES = ("tables",)
TRANSFORMS = True
TABLE_STEPS = 1500


@dataclass(frozen=True, kw_only=True)
class Config(ImageConfig):
    """Settings of filling in; those of `ganaug.image_game.ImageConfig` but the rates are of images alone."""

    steps: int | None = None
    """Training steps, at least 0. None: 1,500 for tables."""
    rows: int = 256
    """Rows of a step of a table, classes balanced."""
    width: int = 128
    """Units of a hidden layer, of tables."""
    depth: int = 2
    """Hidden layers, of tables."""
    noise: int = 16
    """Dimensions of the noise."""
    share: float = 0.6
    """Largest share of the cells of a row that are masked on the mean; each row has its own, from 0 on."""
    hint: float = 0.9
    """Chance that the discriminator is told of a cell whether it was filled in."""
    withheld: float = 0.25
    """Share of the rows whose class is withheld in training, for rows whose class is not known."""
    recovery: float = 10.0
    """Weight of the error of what is held for likely beside the adversarial loss."""
    gamma: float = 0.3
    """Weight of the squared gradient of the discriminator."""
    penalty_interval: int = 8
    """Steps between two such penalties (lazy regularisation, Karras et al. 2019, arXiv 1912.04958)."""
    temperature: float = 0.4
    """Of the relaxed one-hot draws whose gradient codes take (Jang et al. 2016, arXiv 1611.01144)."""
    sharpness: float = 2.0
    """Factor on the scores of codes, so that a sure choice is a few steps of learning away."""
    final_share: float = 0.1
    """Share of the learning rate that is left at the last step; it falls as a half cosine."""
    max_rows: int = 8192
    """Real rows or images that are kept of a class, at most."""


def settle(config: Config, layout: Any, device: torch.device) -> Config:
    """Return ``config`` with the steps that fit the modality."""
    return replace(config, steps=_steps(config, layout))


def _steps(config: Config, layout: Any) -> int:
    return TABLE_STEPS if config.steps is None else config.steps


def _of_rows(config: Config, layout: Layout) -> dict[str, Any]:
    return {"noise": config.noise, "n_uniform": cell_game.n_uniform(layout), "share": config.share}


def make_source(
    config: Config, layout: Any, members: Sequence[Any], *, n_classes: int, seeds: Sequence[int]
) -> MaskedRows:
    """Take the rows of every member."""
    shape: dict[str, Any] = {"n_classes": n_classes, "most": config.max_rows, "seeds": seeds}
    return MaskedRows.pack(members, **shape, **_of_rows(config, layout))


def stored_source(config: Config, layout: Any, arrays: Mapping[str, np.ndarray]) -> MaskedRows:
    """Rebuild the source of one member from what its ``arrays`` returned."""
    return MaskedRows.stored(arrays, **_of_rows(config, layout))


def build(config: Config, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    return cell_game.compose(config, layout, source, steps=_steps(config, layout), n_classes=n_classes, seeds=seeds)
