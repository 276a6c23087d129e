"""Images to look at: of each class real ones, synthetic ones, and the real image nearest to each synthetic one."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw, ImageFont
from sklearn.neighbors import NearestNeighbors

from ganaug import seeding
from ganaug.embedding import shrink
from ganaug.image_schema import ImageSchema
from ganaug.pixels import to_image, zoom_of

__all__ = ["Sheet", "contact_sheet", "contact_sheets"]

WIDTH = 700
"""Pixels that the images of a line take together at most, unless `FEWEST` need more."""
FEWEST, MOST = 4, 10
"""Images of a line."""
MAX_SHEETS = 12
GAP, LABELS, TEXT = 3, 96, 13
INK = (123, 135, 148, 255)
"""A gray that can be read on white and on black paper: the sheet itself is transparent."""
SEARCHED = 5_000
"""Real images of a class that the nearest is looked for among."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One class's PNG."""

    label: str
    png: bytes
    width: int
    height: int
    told: str
    """What the picture shows, in words."""


def contact_sheets(real: pa.Table, synthetic: pa.Table | None, schema: ImageSchema, *, seed: int = 0) -> list[Sheet]:
    """Draw a sheet a class, those with the most synthetic images first; real images alone where none is synthetic."""
    codes = schema.label_codes(real)
    made = np.empty(0, np.int64) if synthetic is None else schema.label_codes(synthetic)
    frequency = np.bincount(made if len(made) else codes, minlength=schema.n_classes)
    chosen = [int(c) for c in np.argsort(-frequency, kind="stable")[:MAX_SHEETS] if frequency[c]]
    zoom = zoom_of(schema.height, schema.width)
    count = int(np.clip(WIDTH // (schema.width * zoom + GAP), FEWEST, MOST))
    sheets = []
    for c in chosen:
        label, rng = schema.class_names()[c], seeding.numpy_rng(seed, "contact sheet", c)
        own = rng.permutation(np.flatnonzero(codes == c))
        pixels = _take(real, own[:SEARCHED], schema)
        lines = [("real", pixels[:count])]
        if synthetic is not None and len(made):
            shown = _take(synthetic, rng.permutation(np.flatnonzero(made == c))[:count], schema)
            lines.append(("synthetic", shown))
            if len(pixels):
                lines.append(("nearest real", pixels[_nearest(pixels, shown)]))
        image = contact_sheet(lines, zoom=zoom, columns=count)
        told = f"Class {label}: " + ", ".join(f"{len(images)} {name}" for name, images in lines) + " images"
        file = io.BytesIO()
        image.save(file, "PNG", optimize=True)
        sheets.append(Sheet(label=label, png=file.getvalue(), width=image.width, height=image.height, told=told))
    return sheets


def contact_sheet(lines: list[tuple[str, np.ndarray]], *, zoom: int, columns: int) -> Image.Image:
    """Put lines of images under each other, each with its name before it and every pixel ``zoom`` pixels wide.

    **Shape**: each line's images uint8 (n, h, w, c), n at most ``columns``.

    >>> line = np.zeros((2, 8, 8, 1), np.uint8)
    >>> contact_sheet([("real", line), ("synthetic", line)], zoom=8, columns=3).size
    (297, 134)
    """
    _, height, width, _ = lines[0][1].shape
    tall, wide = height * zoom + GAP, width * zoom + GAP
    sheet = Image.new("RGBA", (LABELS + columns * wide, len(lines) * tall), (0, 0, 0, 0))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT)
    for row, (name, images) in enumerate(lines):
        draw.text((0, row * tall + (tall - GAP) // 2), name, fill=INK, font=font, anchor="lm")
        for column, pixels in enumerate(images):
            image = to_image(pixels).convert("RGBA").resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
            ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
            sheet.paste(Image.alpha_composite(ground, image), (LABELS + column * wide, row * tall))
    return sheet


def _take(table: pa.Table, rows: np.ndarray, schema: ImageSchema) -> np.ndarray:
    return schema.pixels(table)[rows]


def _nearest(real: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return for each image shown which real one is nearest, pixel by pixel, large ones averaged down.

    **Shape**: uint8 (n, h, w, c), (m, h, w, c) -> (m,).
    """
    flat, others = (shrink(x).reshape(len(x), -1) for x in (real, shown))
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(flat)
    return search.kneighbors(others, return_distance=False)[:, 0]
