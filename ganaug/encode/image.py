"""Images as numbers that a network can work on, and back: bytes in 0..255 to floats in [-1, 1]."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug import pixels
from ganaug.errors import ArtefactError
from ganaug.image_schema import ImageSchema

__all__ = ["ImageEncoder", "ImageLayout"]

MAX_SIDE = 4096
"""Pixels of a side that an artefact may ask for."""


@dataclass(frozen=True)
class ImageLayout:
    """What a network needs to know about images."""

    channels: int
    height: int
    width: int

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object; `from_json` undoes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, d: dict[str, Any]) -> ImageLayout:
        """Undo `to_json`; raise ValueError where no image can be so large."""
        layout = cls(int(d["channels"]), int(d["height"]), int(d["width"]))
        if not (1 <= layout.channels <= 4 and min(layout.height, layout.width) >= 1):
            raise ValueError(f"images of {layout} are described")
        if max(layout.height, layout.width) > MAX_SIDE:
            raise ValueError(f"images of {layout} are described, however {MAX_SIDE} pixels a side are the most")
        return layout


class ImageEncoder:
    """The encoding of an image set; there is nothing to fit but the size.

    Rows stay bytes until a batch is drawn, ``encode``: uint8 ``(n, h, w, c)``; what a generator gives,
    float32 ``(n, c, h, w)`` in [-1, 1], is rounded to bytes by `decode`.
    """

    block = 256
    """Images that the networks always run on at once, so that no bit depends on how many are asked for at a time."""
    chunk = 1024
    """Images that are handed on together, where nobody says how many."""

    def __init__(self, schema: ImageSchema) -> None:
        self.schema = schema
        self.layout = ImageLayout(*schema.shape)

    def encode(self, table: pa.Table) -> np.ndarray:
        """Return the pixels of canonical rows, without a copy where there need not be one."""
        return self.schema.pixels(table)

    def decode(self, encoded: np.ndarray, labels: np.ndarray | None, *, first_row: int = 0) -> pa.Table:
        """Return canonical rows; ``labels`` are class codes ``(n,)``, None only without a target."""
        if not np.isfinite(encoded).all():
            raise ValueError("the images must be finite, however some are NaN or infinite: the generator has diverged")
        bytes_ = np.rint((np.clip(encoded, -1, 1) + 1) * 127.5).astype(np.uint8)
        return pixels.table_of(bytes_.transpose(0, 2, 3, 1), labels, self.schema)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return everything but the schema as JSON and arrays; `from_state` undoes it."""
        return {"kind": "images"}, {}

    @classmethod
    def from_state(cls, d: dict[str, Any], arrays: dict[str, np.ndarray], schema: ImageSchema) -> ImageEncoder:
        """Undo `state`; raises `ArtefactError` if it is the state of something else."""
        if d.get("kind") != "images":
            raise ArtefactError("the encoder and the schema do not belong together; fit and save again")
        return cls(schema)
