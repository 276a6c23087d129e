"""What the fitting has to know of image sets: how they are held for training, and watched."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import torch
from torch import nn

from ganaug import seeding
from ganaug.data.image_rows import ImageMember, ImageRows, as_bytes
from ganaug.encode import ImageEncoder, ImageLayout
from ganaug.gan import Gan
from ganaug.image_monitor import ImageMonitor
from ganaug.image_schema import ImageSchema
from ganaug.pixels import enlarged, grid, to_png, zoom_of

__all__ = ["MODALITY", "encoders", "join", "member", "monitor", "painter", "rows", "shape_of"]

MODALITY = "images"
PAINTED = 8
"""Images of a class in a picture of the training."""
PAINTED_CLASSES = 12
"""Classes in it, at most."""
SMALLEST = 32
"""Smaller images are shown enlarged, to at most so many pixels a side."""


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
    thorough: bool,
) -> ImageMonitor:
    """Return what scores the networks on held-out images and sees when a class collapses."""
    names = schema.class_names()
    return ImageMonitor(shown, held_out, class_names=names, seed=seed, device=device, thorough=thorough)


def painter(
    layout: ImageLayout, n_classes: int, *, seed: int, device: torch.device
) -> Callable[[Gan, nn.ModuleDict], bytes]:
    """Return what draws a few images of every class from noise that is always the same, as PNG."""

    @torch.no_grad()
    def paint(gan: Gan, networks: nn.ModuleDict) -> bytes:
        y = torch.arange(min(n_classes, PAINTED_CLASSES), device=device).repeat_interleave(PAINTED)[None]
        rng = seeding.torch_rng(seed, "samples", device=device)
        images = gan.emit(networks, gan.source.draw(y, rng), y).images[0]
        pixels = enlarged(as_bytes(images), zoom_of(*images.shape[-2:], side=SMALLEST))
        return to_png(grid(pixels, columns=PAINTED), text=json.dumps({"synthetic": True}))

    return paint
