"""What classifiers do differently for tables and for images."""

from __future__ import annotations

import pyarrow as pa

from ganaug.image_schema import ImageSchema
from ganaug.learners.exchange import frame_of
from ganaug.learners.image_exchange import matrix_of
from ganaug.learners.image_prepare import DEFAULT_IMAGE_LEARNERS, ImagePreparation
from ganaug.learners.models import DEFAULT_LEARNERS, Learner, Rows
from ganaug.learners.prepare import Preparation
from ganaug.schema import TableSchema

__all__ = ["default_learners", "filter_learner", "own_rows", "prepare"]


def prepare(table: pa.Table, schema: TableSchema | ImageSchema) -> Preparation | ImagePreparation:
    """Fit the preparation of features on the training rows ``table``."""
    if isinstance(schema, ImageSchema):
        return ImagePreparation.fit(table, schema)
    return Preparation.fit(table, schema)


def default_learners(schema: TableSchema | ImageSchema) -> tuple[Learner, ...]:
    """Return the classifiers that judge where the user brings none: a weak one and two strong ones."""
    return DEFAULT_IMAGE_LEARNERS if isinstance(schema, ImageSchema) else DEFAULT_LEARNERS


def filter_learner(schema: TableSchema | ImageSchema) -> Learner:
    """Return the classifier that says which synthetic rows to keep.

    Of tables a forest, whose votes are spread finely enough to rank rows by; of images the one that sees the embedding.
    """
    return DEFAULT_IMAGE_LEARNERS[2] if isinstance(schema, ImageSchema) else DEFAULT_LEARNERS[1]


def own_rows(table: pa.Table, schema: TableSchema | ImageSchema) -> Rows:
    """Return rows as a user's own Pipeline takes them: a DataFrame, or the flat pixels of images in [0, 1]."""
    return matrix_of(table, schema) if isinstance(schema, ImageSchema) else frame_of(table, schema)
