"""Every variant with everything that it makes, small enough to be fitted in a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ganaug import fitting, variants
from ganaug.data import read_table
from ganaug.data.tables import TableData
from ganaug.gan import Gan
from ganaug.synthesizer import Synthesizer
from tests.digits import digits, image_data

__all__ = [
    "ADDING",
    "CENTRES",
    "COUNTS",
    "PAIRS",
    "adding",
    "data_for",
    "digests",
    "fit",
    "fitted",
    "mixture",
    "parts",
    "tiny",
]


def adding(modality: str) -> tuple[str, ...]:
    """Return the names of those that make new rows, and do not only change given ones."""
    return variants.names(modality, adding=True)


PAIRS = [(name, modality) for modality in ("tables", "images") for name in variants.names(modality)]
"""Each variant with each modality that it has."""
ADDING = [(name, modality) for name, modality in PAIRS if name in adding(modality)]
COUNTS = {0: 30, 1: 12, 7: 5}
"""Digits of each class."""
CENTRES = {"a": (-4.0, 0.0), "b": (4.0, 0.0), "c": (0.0, 6.0)}
"""Of the classes of `mixture`."""


def mixture(seed: int = 0, rows: tuple[int, ...] = (300, 150, 40)) -> pd.DataFrame:
    """Return three clouds of two numbers and a colour, far apart, a class each."""
    rng = np.random.default_rng(seed)
    parts = []
    for (label, centre), n in zip(CENTRES.items(), rows, strict=True):
        x = rng.normal(size=(n, 2)) * 0.6 + centre
        colour = np.where(rng.random(n) < 0.9, {"a": "red", "b": "green", "c": "blue"}[label], "grey")
        parts.append(pd.DataFrame({"x": x[:, 0], "y": x[:, 1], "colour": colour, "label": label}))
    return pd.concat(parts, ignore_index=True)


@lru_cache
def data_for(modality: str) -> TableData:
    """Return three classes of few rows."""
    if modality == "images":
        return image_data(*digits(COUNTS))
    return read_table(mixture(rows=(40, 20, 10)), target="label")


def tiny(name: str, **more: Any) -> Any:
    """Return a variant's config with a few small steps; of ``more`` it takes what it has."""
    config = variants.get(name).Config
    known = {field.name for field in fields(config)}
    wanted = {"steps": 12, "batch": 8, "channels": 8, "width": 16, "penalty_interval": 2, **more}
    return config(**{key: value for key, value in wanted.items() if key in known})


def fit(
    name: str,
    modality: str,
    *,
    seed: int = 1,
    data: TableData | None = None,
    checkpoint: Path | None = None,
    **more: Any,
) -> Synthesizer:
    """Fit a tiny one; ``more`` are options of its config."""
    data, config = data_for(modality) if data is None else data, tiny(name, **more)
    return fitting.fit(data.table, data.schema, variant=config, seed=seed, device="cpu", checkpoint=checkpoint)


@lru_cache
def fitted(name: str, modality: str) -> Synthesizer:
    """Return one fit that tests share, of seed 1."""
    return fit(name, modality)


def digests(folder: Path) -> dict[str, bytes]:
    """Return the files of a saved synthesizer."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def parts(
    name: str, modality: str, *, seeds: Sequence[int] = (0,), config: Any = None, data: Any = None
) -> tuple[Gan, Any]:
    """Return the untrained GAN of some members of the same rows, and what they are trained on."""
    kind: Any = {"tables": fitting.tables, "images": fitting.images}[modality]
    data, module = data_for(modality) if data is None else data, variants.get(name)
    encoders = kind.encoders([data.table] * len(seeds), data.schema, private=not module.KEEPS_ROWS)
    members = [kind.member(encoder, data.table, data.schema) for encoder in encoders]
    layout, shape = encoders[0].layout, {"n_classes": data.schema.n_classes, "seeds": list(seeds)}
    config = variants.settle(name, tiny(name) if config is None else config, layout, torch.device("cpu"))
    gan = module.build(config, layout, module.make_source(config, layout, members, **shape), **shape)
    return gan, kind.rows(members, layout, data.schema.n_classes)
