"""The arms that make images: moved, cropped and mirrored ones, and what samplers and callables make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE

from ganaug.errors import ConfigError
from ganaug.evaluate.arm import CannotRunError
from ganaug.image_schema import ImageSchema
from ganaug.learners import Learner, Part, Training, flat_of, images_of, rounded, thread_cap
from ganaug.pixels import table_of
from ganaug.seeding import numpy_rng
from ganaug.transforms import DEFAULT_TRANSFORMS, check_transforms, transform_images

__all__ = ["FLIPS_CROPS_SHIFTS", "FlipsCropsShifts", "from_flat", "from_images", "smote_of_pixels"]

FLIPS_CROPS_SHIFTS = "flips_crops_shifts"


@dataclass(frozen=True)
class FlipsCropsShifts:
    """Images of the smaller classes repeated at random until all classes are as large as the largest, each changed.

    Every repetition is moved, cropped or mirrored by a draw of its own. What is allowed is the user's to say, as a
    mirrored image need not have the label of the image: flips are off unless they are asked for.
    """

    transforms: Sequence[str] = DEFAULT_TRANSFORMS
    name: str = FLIPS_CROPS_SHIFTS

    def __post_init__(self) -> None:
        object.__setattr__(self, "transforms", check_transforms(self.transforms))

    @property
    def label(self) -> str:
        """``"Oversampling with shifts and crops"``."""
        return "Oversampling with " + " and ".join(f"{t}s" for t in self.transforms)

    def training(self, part: Part, learners: Sequence[Learner], seed: int) -> Training:
        """Return the real images and changed repetitions of some."""
        schema = part.schema
        if not isinstance(schema, ImageSchema):
            raise CannotRunError(f"{self.name} works on images, and these rows are those of a table")
        counts = np.bincount(part.codes, minlength=schema.n_classes)
        rng = numpy_rng(seed, "oversampling")
        more = [
            rng.choice(np.flatnonzero(part.codes == code), counts.max() - counts[code])
            for code in np.flatnonzero(counts)
        ]
        chosen = np.concatenate(more)
        changed = transform_images(schema.pixels(part.table)[chosen], self.transforms, rng)
        return part.with_table(table_of(changed, part.codes[chosen], schema), trusted=True)


def smote_of_pixels(part: Part, k: int, seed: int) -> Training:
    """Return the real images and ones that lie between two of a class, pixel by pixel.

    SMOTE (Chawla et al., 2002) on flat pixels: a neighbour is near in pixels, and halfway is a double exposure.
    """
    assert isinstance(part.schema, ImageSchema)
    flat = flat_of(part.table, part.schema)
    sampler = SMOTE(k_neighbors=k, random_state=int(numpy_rng(seed, "smote").integers(2**31)))
    with thread_cap():
        found, codes = sampler.fit_resample(flat, part.codes)
    made = rounded(np.asarray(found)[len(flat) :], np.asarray(codes)[len(flat) :], part.schema)
    return part.with_table(made, trusted=True)


def from_flat(part: Part, features: Any, codes: Any, label: str) -> Training:
    """Train on what a sampler made of flat pixels; the real images are kept as such where they stand in front.

    Raises:
        ConfigError: when it returned rows of another width.
    """
    assert isinstance(part.schema, ImageSchema)
    flat, found, codes = flat_of(part.table, part.schema), np.asarray(features), np.asarray(codes)
    if found.ndim != 2 or found.shape[1] != flat.shape[1]:
        raise ConfigError(f"{label} returned {found.shape} instead of {flat.shape[1]} pixel values an image")
    n = len(flat)
    if len(found) >= n and np.array_equal(found[:n], flat) and np.array_equal(codes[:n], part.codes):
        return part.with_table(rounded(found[n:], codes[n:], part.schema))
    return part.with_table(rounded(found, codes, part.schema), kept=np.arange(0))


def from_images(part: Part, features: Any, labels: Any) -> Training:
    """Train on what a callable made of the images; the real ones are kept as such where they stand in front."""
    schema = part.schema
    assert isinstance(schema, ImageSchema)
    table, n = images_of(features, labels, schema), len(part.codes)
    front = table.slice(0, n)
    same = len(table) >= n and np.array_equal(schema.pixels(front), schema.pixels(part.table))
    if same and np.array_equal(schema.label_codes(front), part.codes):
        return part.with_table(table.slice(n))
    return part.with_table(table, kept=np.arange(0))
