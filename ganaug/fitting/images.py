"""What the fitting has to know of image sets: how they are held for training, and watched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import torch

from ganaug.data.image_rows import ImageMember, ImageRows
from ganaug.encode import ImageEncoder, ImageLayout
from ganaug.image_monitor import ImageMonitor
from ganaug.image_schema import ImageSchema

__all__ = ["MODALITY", "encoders", "join", "member", "monitor", "rows", "shape_of"]

MODALITY = "images"


def encoders(members: Sequence[pa.Table], schema: ImageSchema, *, private: bool) -> list[ImageEncoder]:
    """Return an encoder for each table: an image's is the same everywhere."""
    return [ImageEncoder(schema.without_rows() if private else schema) for _ in members]


def shape_of(encoder: ImageEncoder) -> Any:
    """Return what members that train in one batch have in common."""
    return encoder.layout


def join(layouts: Sequence[ImageLayout]) -> ImageLayout:
    """Return the layout that all members have."""
    return layouts[0]


def member(encoder: ImageEncoder, table: pa.Table, schema: ImageSchema) -> ImageMember:
    """Return the images of a table."""
    return ImageMember(pixels=encoder.encode(table), labels=schema.label_codes(table))


def rows(members: Sequence[ImageMember], layout: ImageLayout, n_classes: int) -> ImageRows:
    """Put the images of all members together for training."""
    return ImageRows.pack(members, n_classes=n_classes)


def monitor(
    shown: Sequence[ImageMember],
    held_out: Sequence[ImageMember],
    layout: ImageLayout,
    schema: ImageSchema,
    *,
    seed: int,
    device: torch.device,
) -> ImageMonitor:
    """Return what scores the networks on held-out images and sees when a class collapses."""
    return ImageMonitor(shown, held_out, class_names=schema.class_names(), seed=seed, device=device)
