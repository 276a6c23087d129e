"""Between the canonical images and the arrays that a user's own code takes and gives.

- A Pipeline given as ``estimator`` takes flat pixels ``(n, h * w * c)``, float32 in [0, 1].
- An imbalanced-learn sampler takes flat pixels ``(n, h * w * c)``, float32 in [0, 255]: differences of uint8 would wrap
  around in it. What it returns is rounded, and clipped to that range.
- A callable, and a sampler that ``takes_tables``, takes the images ``(n, h, w, c)``, uint8, and the labels as an array;
  it returns such images, flat ones, or ``(n, h, w)`` where there is one channel, always whole numbers in [0, 255].
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.errors import SchemaError
from ganaug.image_schema import ImageSchema
from ganaug.learners.exchange import codes_of
from ganaug.pixels import table_of

__all__ = ["flat_of", "images_of", "matrix_of", "rounded"]


def matrix_of(table: pa.Table, schema: ImageSchema) -> np.ndarray:
    """Return flat pixels. **Shape**: float32 (n, h * w * c) in [0, 1]."""
    return flat_of(table, schema) / np.float32(255)


def flat_of(table: pa.Table, schema: ImageSchema) -> np.ndarray:
    """Return flat pixels. **Shape**: float32 (n, h * w * c) in [0, 255]."""
    return schema.pixels(table).reshape(table.num_rows, math.prod(schema.shape)).astype(np.float32)


def rounded(flat: np.ndarray, codes: np.ndarray, schema: ImageSchema) -> pa.Table:
    """Return rows of images for flat pixels that were computed. **Shape**: (m, h * w * c), (m,)."""
    whole = np.rint(np.asarray(flat, np.float64)).clip(0, 255).astype(np.uint8)
    return table_of(whole.reshape(-1, schema.height, schema.width, schema.channels), codes, schema)


def images_of(features: Any, labels: Any, schema: ImageSchema) -> pa.Table:
    """Turn what a user's code returned, images and labels, into rows of the schema.

    Raises:
        SchemaError: when size, channels, range or a label are not those that it was given.
    """
    found, shape = np.asarray(features), (schema.height, schema.width, schema.channels)
    allowed = [shape, (math.prod(shape),), *([shape[:2]] if schema.channels == 1 else [])]
    if found.ndim < 2 or found.shape[1:] not in allowed:
        listed = " or ".join(f"(n, {', '.join(map(str, s))})" for s in allowed)
        raise SchemaError(f"the augmenter returned images of shape {found.shape} instead of {listed}")
    if len(found) != len(labels):
        raise SchemaError(f"the augmenter returned {len(found)} images and {len(labels)} labels")
    whole = found.dtype.kind in "ui"
    if not whole or (found.size and not (int(found.min()) >= 0 and int(found.max()) <= 255)):
        raise SchemaError(
            f"the augmenter returned images of {found.dtype}"
            + (f" from {found.min()} to {found.max()}" if found.size else "")
            + "; it was given uint8 and must return whole numbers from 0 to 255: np.rint(x).astype(np.uint8)"
        )
    return table_of(found.astype(np.uint8).reshape(-1, *shape), codes_of(labels, schema), schema)
