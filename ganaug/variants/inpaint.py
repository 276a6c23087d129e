"""Filling in: missing cells of tables, and parts of images, from what is round them.

Of tables it is GAIN (Yoon et al. 2018, arXiv 1806.02920; see `ganaug.cell_game`), of images a context encoder (Pathak
et al. 2016, arXiv 1604.07379; see `ganaug.hole_game`). `Synthesizer.transform` fills in what is missing; `augment`
gives real rows or images of the class asked for with a part made anew. Its artefact keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ganaug import cell_game, hole_game, image_game
from ganaug.encode import ImageLayout, Layout
from ganaug.gan import About, Gan
from ganaug.image_game import GameConfig
from ganaug.image_sources import ImageAnchors
from ganaug.masked_sources import HoledImages, MaskedRows

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
MODALITIES = ("tables", "images")
TRANSFORMS = True
TABLE_STEPS, SMALL_STEPS, LARGE_STEPS = 1200, 500, 300
SMALL = 16
"""Pixels of the longer side up to which images are small."""


@dataclass(frozen=True, kw_only=True)
class Config(GameConfig):
    """Settings of filling in."""

    steps: int | None = None
    """Training steps, at least 0. None: 1,200 for tables; 500 for images of up to 16 pixels a side, 300 for others."""
    rows: int = 256
    """Rows of a step of a table, classes balanced."""
    width: int = 128
    """Units of a hidden layer, of tables."""
    depth: int = 2
    """Hidden layers, of tables."""
    noise: int = 16
    """Dimensions of the noise."""
    share: float = 0.5
    """Largest share of the cells of a row that are masked on the mean; each row has its own, from 0 on."""
    hint: float = 0.9
    """Chance that the discriminator is told of a cell whether it was filled in."""
    restoring: float = 20.0
    """Weight of the mean absolute error of filled pixels beside the adversarial loss, of images."""
    least: float = 0.25
    """Sides of the smallest hole, as a share of the image's."""
    most: float = 0.6
    """Sides of the largest hole, as a share of the image's."""
    withheld: float = 0.25
    """Share of the rows whose class is withheld in training, for rows whose class is not known."""
    recovery: float = 1.0
    """Weight of the error of what is held for likely beside the adversarial loss, of tables."""
    guessing: float = 0.1
    """Weight of the guesses about cells beside the judgement of rows."""
    temperature: float = 0.4
    """Of the relaxed one-hot draws whose gradient codes take (Jang et al. 2016, arXiv 1611.01144)."""
    sharpness: float = 2.0
    """Factor on the scores of codes, so that a sure choice is a few steps of learning away."""
    final_share: float = 0.1
    """Share of the learning rate that is left at the last step; it falls as a half cosine."""
    max_rows: int = 8192
    """Real rows or images that are kept of a class, at most."""


def settle(config: Config, layout: Any, device: torch.device) -> Config:
    """Return ``config`` with what it leaves open decided by the modality, the size and the device."""
    config = replace(config, steps=_steps(config, layout))
    return image_game.settle(config, layout, device) if isinstance(layout, ImageLayout) else config


def _steps(config: Config, layout: Any) -> int:
    if config.steps is not None:
        return config.steps
    if not isinstance(layout, ImageLayout):
        return TABLE_STEPS
    return SMALL_STEPS if max(layout.height, layout.width) <= SMALL else LARGE_STEPS


def _of_rows(config: Config, layout: Layout) -> dict[str, Any]:
    return {"noise": config.noise, "n_uniform": cell_game.n_uniform(layout), "share": config.share}


def make_source(
    config: Config, layout: Any, members: Sequence[Any], *, n_classes: int, seeds: Sequence[int]
) -> MaskedRows | HoledImages:
    """Take the rows or images of every member."""
    shape: dict[str, Any] = {"n_classes": n_classes, "most": config.max_rows, "seeds": seeds}
    if isinstance(layout, ImageLayout):
        images = ImageAnchors.pack(members, noise=config.noise, **shape)
        return HoledImages(images, config.least, config.most)
    return MaskedRows.pack(members, **shape, **_of_rows(config, layout))


def stored_source(config: Config, layout: Any, arrays: Mapping[str, np.ndarray]) -> MaskedRows | HoledImages:
    """Rebuild the source of one member from what its ``arrays`` returned."""
    if isinstance(layout, ImageLayout):
        return HoledImages(ImageAnchors.stored(arrays, noise=config.noise), config.least, config.most)
    return MaskedRows.stored(arrays, **_of_rows(config, layout))


def build(config: Config, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    shape: dict[str, Any] = {"steps": _steps(config, layout), "n_classes": n_classes, "seeds": seeds}
    game: Any = hole_game if isinstance(layout, ImageLayout) else cell_game
    return game.compose(config, layout, source, **shape)
