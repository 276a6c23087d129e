"""Small images for tests: scikit-learn's digits, 8 x 8, as a canonical image set."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sklearn.datasets import load_digits

from ganaug.data.tables import TableData
from ganaug.image_schema import ImageSchema
from ganaug.pixels import table_of


def digits(counts: dict[int, int] | None = None, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return images ``(n, 8, 8, 1)`` and digits ``(n,)`` in random order, so many of each digit, or all there are."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = np.rint(images[order] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1), labels[order]
    if counts is not None:
        rows = np.sort(np.concatenate([np.flatnonzero(labels == d)[:n] for d, n in counts.items()]))
        images, labels = images[rows], labels[rows]
    return images, labels


def image_data(images: np.ndarray, labels: np.ndarray | None) -> TableData:
    """Return images ``(n, h, w, c)`` with labels ``(n,)``, or without, as an image set in canonical form."""
    classes = None if labels is None else pa.array(np.unique(labels))
    schema = ImageSchema(
        height=images.shape[1], width=images.shape[2], channels=images.shape[3],
        target=None if labels is None else "label", classes=classes, container="xy", form={},
    )  # fmt: skip
    codes = None if labels is None else np.searchsorted(np.unique(labels), labels)
    return TableData(table=table_of(images, codes, schema), schema=schema)
