"""What a fitted StyleGAN2 offers beside samples: the styles of two classes mixed, and truncation chosen afterwards.

>>> import numpy as np, ganaug
>>> from ganaug import styles
>>> from ganaug.variants.stylegan2 import Config
>>> X, y = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8), ["many"] * 8 + ["rare"] * 4
>>> fitted = ganaug.fit((X, y), variant=Config(steps=2, batch=4, channels=4), random_state=0, progress=False)
>>> styles.maps(fitted)
[(4, 4), (8, 8), (8, 8)]
>>> images, labels = styles.mix(fitted, "rare", "many", 3, random_state=0)
>>> images.shape, list(labels)
((3, 8, 8), ['rare', 'rare', 'rare'])
>>> dull = styles.truncate(fitted, 0.5).sample(conditions={"rare": 3}, random_state=0)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ganaug.encode import ImageLayout
from ganaug.errors import ConfigError
from ganaug.nets.style import map_sizes
from ganaug.style_sources import Crossed, StyleSource, halfway
from ganaug.synthesizer import Synthesizer

__all__ = ["maps", "mix", "truncate"]


def maps(synthesizer: Synthesizer) -> list[tuple[int, int]]:
    """Return the size ``(h, w)`` of what every styled layer makes, coarse to fine; `mix` changes styles between two.

    Raises
    ------
    ConfigError
        The synthesizer has no styles.
    """
    layout = synthesizer.layout
    if not (isinstance(layout, ImageLayout) and isinstance(synthesizer.source, StyleSource)):
        raise ConfigError(
            f"the synthesizer is of the variant {synthesizer.variant!r}, which has no styles; fit variant='stylegan2'"
        )
    return map_sizes(layout.height, layout.width)


def mix(
    synthesizer: Synthesizer, label: Any, donor: Any, n: int, *, crossover: int | None = None, random_state: Any = None
) -> Any:
    """Draw ``n`` images of a class in the fine styles of another (style mixing, arXiv 1812.04948, sec. 3.1).

    What is coarse, and with it what an image is of, comes from ``label``, and what is fine from ``donor``. With the
    same ``random_state``, ``Synthesizer.sample(conditions={label: n})`` gives the same images in their own styles.

    Parameters
    ----------
    label, donor
        The class of the images, and the class whose styles they take on; both had training images.
    crossover
        How many layers, counted from the coarsest, keep the style of ``label``, from 1 to one less than there are (see
        `maps`). None: the coarser half. The fewer, the more of the donor, and the less sure the class.

    Returns
    -------
    (X, y) or what else was fitted on
        As from `Synthesizer.sample`, all of the class ``label``.

    Raises
    ------
    ConfigError
        The synthesizer has no styles, the crossover is out of range, or a class had no training image.
    DataError
        There is no such class.
    """
    layers = len(maps(synthesizer))
    cut = halfway(layers) if crossover is None else crossover
    if not 1 <= cut < layers:
        raise ConfigError(
            f"crossover must be from 1 to {layers - 1}, as there are {layers} layers with a style; however: {crossover}"
        )
    code = synthesizer.schema.code_of(donor)
    if not synthesizer.class_counts[code]:
        raise ConfigError(f"class {donor!r} had no training image, so there is no style of it")
    crossed = replace(synthesizer, source=Crossed(source=synthesizer.source, donor=code, cut=cut))
    return crossed.sample(conditions={label: n}, random_state=random_state)


def truncate(synthesizer: Synthesizer, psi: float) -> Synthesizer:
    """Return the synthesizer with another truncation, ``psi`` of the way from a class's mean style to each image's.

    The same ``random_state`` gives the same images; `ganaug.latent.truncation_sweep` makes a picture of several psi.

    Raises
    ------
    ConfigError
        The synthesizer has no styles, or ``psi`` is not a number of at least 0.
    """
    maps(synthesizer)
    return replace(synthesizer, config=replace(synthesizer.config, truncation=psi))
