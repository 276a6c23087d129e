"""Images moved, cropped and mirrored, each by its own draw: the cheap way to have more of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganaug.errors import ConfigError

__all__ = ["DEFAULT_TRANSFORMS", "TRANSFORMS", "check_transforms", "transform_images"]

TRANSFORMS: tuple[str, ...] = ("shift", "crop", "flip")
"""``"shift"``: moved by up to an eighth of each side, edges repeated; ``"crop"``: a window of 80 to 100 % of both
sides, brought back to size; ``"flip"``: left and right exchanged, in half of the cases."""
DEFAULT_TRANSFORMS: tuple[str, ...] = ("shift", "crop")
"""Those that leave almost any label as it was. A flip does not: it turns a left hand into a right one, and a 2 into
nothing; only who knows the images can allow it."""

SHIFT = 1 / 8
SMALLEST_CROP = 0.8
CHUNK = 1024
"""Images that are worked on at a time."""


def check_transforms(transforms: Sequence[str]) -> tuple[str, ...]:
    """Return the transforms, in the order of `TRANSFORMS`.

    Raises:
        ConfigError: one is unknown, or there is none.
    """
    given = [transforms] if isinstance(transforms, str) else list(transforms)
    unknown = [t for t in given if t not in TRANSFORMS]
    if unknown or not given:
        raise ConfigError(f"transforms must be some of {', '.join(TRANSFORMS)}, however: {transforms!r}")
    return tuple(t for t in TRANSFORMS if t in given)


def transform_images(pixels: np.ndarray, transforms: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Apply the transforms to every image, by amounts of its own.

    All of them together are one map of either axis, so that an image is read once, bilinearly; a shift alone moves
    whole pixels and changes no value.

    **Shape**: uint8 (n, h, w, c) -> uint8 (n, h, w, c).

    >>> image = np.arange(9, dtype=np.uint8).reshape(1, 1, 9, 1)
    >>> flipped = [transform_images(image, ("flip",), np.random.default_rng(s))[0, 0, :, 0].tolist() for s in range(4)]
    >>> sorted(set(map(tuple, flipped)))
    [(0, 1, 2, 3, 4, 5, 6, 7, 8), (8, 7, 6, 5, 4, 3, 2, 1, 0)]
    """
    chosen = check_transforms(transforms)
    n, height, width, _ = pixels.shape
    # Drawn whether they are used or not, so that allowing one more leaves the others' draws as they were.
    shift, place = rng.uniform(-1, 1, (n, 2)), rng.uniform(0, 1, (n, 2))
    window, flip = rng.uniform(SMALLEST_CROP, 1, n), rng.random(n) < 0.5
    zoom = window if "crop" in chosen else np.ones(n)
    axes = []
    for axis, side in enumerate((height, width)):
        start = place[:, axis] * (1 - zoom) * side
        if "shift" in chosen:
            start = start + np.rint(shift[:, axis] * max(1.0, side * SHIFT))
        axes.append(start[:, None] + (np.arange(side) + 0.5) * zoom[:, None] - 0.5)
    rows, columns = axes
    if "flip" in chosen:
        columns = np.where(flip[:, None], columns[:, ::-1], columns)
    out = np.empty_like(pixels)
    for begin in range(0, n, CHUNK):
        part = slice(begin, begin + CHUNK)
        moved = _read(pixels[part].astype(np.float32), rows[part], axis=1)
        out[part] = np.rint(_read(moved, columns[part], axis=2)).clip(0, 255)
    return out


def _read(images: np.ndarray, at: np.ndarray, *, axis: int) -> np.ndarray:
    """Read every image along one axis at places (n, s) of its own, linearly between pixels, edges repeated."""
    last = images.shape[axis] - 1
    at = at.clip(0, last)
    low = np.floor(at).astype(np.int64)
    spread = (slice(None), slice(None), None, None) if axis == 1 else (slice(None), None, slice(None), None)
    share = (at - low).astype(np.float32)[spread]
    below = np.take_along_axis(images, low[spread], axis=axis)
    above = np.take_along_axis(images, np.minimum(low + 1, last)[spread], axis=axis)
    return below + share * (above - below)
