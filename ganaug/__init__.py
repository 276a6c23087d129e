"""A data-augmentation component that says whether it helped.

The public names are here: `augment`, `fit`, `measure_effect`, `write_parquet`, `Synthesizer`, `Augmentation`, `Effect`
and `GANSampler`. The modules, in the order in which data take their way through them:

- `seeding`, `errors`, `progress`, `device`, `distributed`: named random streams; what can be wrong; what a wait looks
  like; where networks run, and on how many processes
- `files`: written whole or not at all, and found inside their folder only
- `arrays`, `frames`, `containers`, `stacking`: from what users hold to one Arrow table, and back
- `schema`: what one row is; JSON and back
- `data`: tables from pandas, Arrow, CSV and Parquet; splits; balanced batches; fingerprints
- `encode`: columns -> numbers and back
- `nets`, `losses`, `penalties`: the parts of a network and what it is trained for
- `gan`, `sources`, `variants`: a GAN as a bundle, what it starts from, and the variants, one file each
- `ema`, `checkpoint`, `monitor`, `watching`, `training_state`, `recovery`, `trainer`: the one training loop,
  what it is watched by, and how it goes back where it goes wrong
- `synthesizer`, `latent`, `styles`: the fitted artefact; save, load, sample; walks through its noise; styles mixed
- `transforming`: given rows changed by it: missing cells and parts filled in, small images made large
- `sampling`: how many rows of which class, and which of them to keep
- `fitting`, `parquet`: schema + encoder + variant + trainer -> synthesizer; the streaming writer
- `embedding`, `imagenet`, `transforms`: images as features, of a small or a large network; moved, cropped, mirrored
- `metrics`, `learners`: arrays -> numbers; the classifiers that the check asks
- `policy`: which rows, labelled how, or none: chosen on training rows alone
- `evaluate`: the effect check and the fidelity of the rows
- `report`: results -> JSON, Markdown, HTML
- `request`, `plans`, `runs`, `steps`, `augmentation`, `api`: what is asked, how many rows that makes, a run's folder,
  its steps, its result, and the calls of one line
- `sampler`: `GANSampler`, an imbalanced-learn sampler
- `storage`, `releases`: files by path or URL; published sets, their versions and the pointer to the latest
- `options`, `terminal`, `inspection`, `demo`, `commands`, `transform_command`, `release_commands`, `cli`: the command
  line
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganaug.api import augment, fit
    from ganaug.augmentation import Augmentation
    from ganaug.evaluate.effect import Effect, measure_effect
    from ganaug.image_files import export_folder
    from ganaug.image_options import ImageOptions
    from ganaug.parquet import write_parquet
    from ganaug.releases import Releases
    from ganaug.sampler import GANSampler
    from ganaug.synthesizer import Synthesizer

__all__ = [
    "Augmentation",
    "Effect",
    "GANSampler",
    "ImageOptions",
    "Releases",
    "Synthesizer",
    "__version__",
    "augment",
    "export_folder",
    "fit",
    "measure_effect",
    "write_parquet",
]

__version__ = "0.1.0"

_HOMES = {
    "Augmentation": "ganaug.augmentation",
    "Effect": "ganaug.evaluate.effect",
    "GANSampler": "ganaug.sampler",
    "ImageOptions": "ganaug.image_options",
    "Releases": "ganaug.releases",
    "Synthesizer": "ganaug.synthesizer",
    "augment": "ganaug.api",
    "export_folder": "ganaug.image_files",
    "fit": "ganaug.api",
    "measure_effect": "ganaug.evaluate.effect",
    "write_parquet": "ganaug.parquet",
}
_MODULES = frozenset({"data", "demo", "evaluate", "latent", "policy", "styles", "variants", "watching"})
"""Modules whose names a user writes behind ``ganaug.``."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that ``import ganaug`` does not wait for torch."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
