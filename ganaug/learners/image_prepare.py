"""Images -> the matrix that scikit-learn's classifiers take: main components of the pixels, then an embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from ganaug.image_schema import ImageSchema
from ganaug.learners.models import Learner, thread_cap
from ganaug.seeding import derive, numpy_rng

if TYPE_CHECKING:
    from ganaug.embedding import Embedding

__all__ = ["DEFAULT_IMAGE_LEARNERS", "Columns", "ImagePreparation"]

COMPONENTS = 50
EMBEDDED = 64
MOST_FOR_COMPONENTS = 10_000
"""Images that the main components are taken from at most."""
CHUNK = 4096
"""Images that are projected at a time."""


@dataclass(frozen=True, kw_only=True)
class ImagePreparation:
    """Fitted on the real images of ONE training fold; turns any images of the same schema into a float64 matrix.

    The first 50 columns are the main components of the pixels (images above 32 pixels averaged down, see
    `ganaug.embedding.shrink`), in one common scale; where the fold has fewer images than that, the last of them are 0.
    The next 64 are the hidden layer of a small convolutional classifier that was trained on the fold's images and
    labels (`ganaug.embedding.Embedding`).

    There is no way back to images: whoever makes new images makes pixels, not rows of this matrix.
    """

    schema: ImageSchema
    components: PCA
    scale: float
    embedding: Embedding
    width: int = COMPONENTS + EMBEDDED

    @classmethod
    def fit(cls, table: pa.Table, schema: ImageSchema) -> ImagePreparation:
        """Fit on the training images; without a target the embedding learns to tell turned images."""
        from ganaug.embedding import Embedding  # here, so that tables do not wait for torch

        images = schema.pixels(table)
        rows = np.arange(len(images))
        if len(rows) > MOST_FOR_COMPONENTS:
            rows = np.sort(numpy_rng(0, "components").choice(rows, MOST_FOR_COMPONENTS, replace=False))
        flat = _flat(images[rows if len(rows) > 1 else [0, 0]])
        n = min(COMPONENTS, *flat.shape)
        solver = "covariance_eigh" if flat.shape[1] <= 1024 else "randomized"
        with thread_cap(), np.errstate(invalid="ignore"):  # images that are all alike have no variance to share out
            components = PCA(n_components=n, svd_solver=solver, random_state=0).fit(flat)
        spread = float(np.sqrt(components.explained_variance_.mean())) if len(flat) > 1 else 0.0
        seed = derive(0, "prepare")
        return cls(
            schema=schema,
            components=components,
            scale=spread if spread > 0 else 1.0,
            embedding=Embedding.fit(images, schema.label_codes(table), schema.n_classes, seed=seed),
        )

    def transform(self, table: pa.Table) -> np.ndarray:
        """Return the matrix of the images. **Shape**: n images -> (n, 114) float64."""
        images = self.schema.pixels(table)
        out = np.zeros((len(images), self.width))
        if len(images) == 0:
            return out
        with thread_cap():
            for start in range(0, len(images), CHUNK):
                part = slice(start, start + CHUNK)
                found = self.components.transform(_flat(images[part])) / self.scale
                out[part, : found.shape[1]] = found
        out[:, COMPONENTS:] = self.embedding.transform(images)
        return out

    @property
    def number_columns(self) -> np.ndarray:
        """All columns: each holds a number."""
        return np.arange(self.width)

    def nominal(self, matrix: np.ndarray) -> np.ndarray:
        """Return no column: none holds a category. **Shape**: (n, width) -> (n, 0)."""
        return np.empty((len(matrix), 0))

    def from_parts(self, numbers: np.ndarray, nominal: np.ndarray) -> np.ndarray:
        """Undo the cut into `number_columns` and `nominal`. **Shape**: (n, width), (n, 0) -> (n, width)."""
        return numbers


class Columns(TransformerMixin, BaseEstimator):
    """The first step of an image learner: takes the columns [start, stop) of the prepared matrix."""

    def __init__(self, start: int = 0, stop: int = COMPONENTS) -> None:
        self.start = start
        self.stop = stop

    def fit(self, x: np.ndarray, y: Any = None) -> Columns:
        """Do nothing: there is nothing to fit."""
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Return the columns. **Shape**: (n, width) -> (n, stop - start)."""
        return x[:, self.start : self.stop]

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _of_pixels(classifier: Any) -> Pipeline:
    return Pipeline([("pixels", Columns(0, COMPONENTS)), ("classifier", classifier)])


DEFAULT_IMAGE_LEARNERS: tuple[Learner, ...] = (
    Learner(
        name="logistic_regression_pixels",
        strength="weak",
        estimator=_of_pixels(LogisticRegression(max_iter=500)),
    ),
    Learner(
        name="random_forest_pixels",
        strength="strong",
        estimator=_of_pixels(RandomForestClassifier(n_estimators=100, n_jobs=1)),
        tree_rows=5000,
    ),
    Learner(
        name="logistic_regression_embedding",
        strength="strong",
        estimator=Pipeline(
            [
                ("embedding", Columns(COMPONENTS, COMPONENTS + EMBEDDED)),
                ("classifier", LogisticRegression(max_iter=500)),
            ]
        ),
    ),
)
"""One weak, two strong. Those of pixels see main components, the other one what a network learnt to see."""


def _flat(images: np.ndarray) -> np.ndarray:
    """**Shape**: uint8 (n, h, w, c) -> float64 (n, d)."""
    from ganaug.embedding import shrink

    return shrink(images).reshape(len(images), -1).astype(np.float64)
