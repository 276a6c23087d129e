"""The pixels of a source: one size and number of channels settled by a first look, then decoded batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.data.image_decode import Look, Unreadable, decode, guarded, look
from ganaug.data.image_source import Source, counted, listed, warn
from ganaug.data.synthetic import warn_if_synthetic
from ganaug.errors import DataError
from ganaug.image_containers import ArrayImages, looks_dim
from ganaug.pixels import PixelWriter, to_image

__all__ = ["MAX_SIDE", "MIN_SIDE", "Shaped", "shaped"]

MIN_SIDE, MAX_SIDE = 8, 128
_BATCH = 256  # images that are decoded before they are written


@dataclass(frozen=True, kw_only=True)
class Shaped:
    """Images of one size."""

    array: pa.FixedSizeBinaryArray
    height: int
    width: int
    channels: int
    kept: np.ndarray | None
    """The source's rows that these are; None if all of them."""


def shaped(source: Source, *, size: Any, channels: int | None, skip_unreadable: bool, exact: bool = False) -> Shaped:
    """Return the pixels of ``source``; what the parameters mean says `read_images`.

    With ``exact`` all images must have the ``size``, which may be any, and are not brought to it.

    Raises
    ------
    DataError
        if images are too small, or cannot be read and are not to be skipped, or have another size.
    """
    size = tuple(size) if exact else _checked_size(size)
    if channels not in (None, 1, 3, 4):
        raise DataError(f"channels must be 1 (gray), 3 (RGB), 4 (RGBA) or None, however: {channels=}")
    if source.array is not None:
        if exact and source.array.shape[:2] != size:
            _refuse_size([source.where], size, source.array.shape[:2])
        return _from_array(source.array, source.where, size, channels)
    failures: dict[int, str] = {}
    with guarded():
        looks = _looks(source, failures)
        if len(failures) == source.count:
            _refuse(source, failures, skip_unreadable=False)
        seen = {row: found for row, found in enumerate(looks) if found is not None}
        heights, widths = (np.array([getattr(f, side) for f in seen.values()]) for side in ("height", "width"))
        if exact:
            other = [row for row, f in seen.items() if (f.height, f.width) != size]
            if other:
                first = seen[other[0]]
                _refuse_size([source.name_of(row) for row in other], size, (first.height, first.width))
        if size is None:
            _refuse_small(
                [source.name_of(r) for r, f in seen.items() if min(f.height, f.width) < MIN_SIDE], source.where
            )
        height, width = _size(heights, widths, source.where) if size is None else size
        makers = Counter(found.maker for found in seen.values() if found.maker is not None)
        warn_if_synthetic(makers, len(seen), what="images", where=source.where)
        channels = _channels(list(seen.values()), channels, source.where)
        writer = PixelWriter(len(seen), (height, width, channels))
        for batch in _batches(source, failures, (height, width, channels)):
            writer.append(batch)
    if failures:
        _refuse(source, failures, skip_unreadable=skip_unreadable)
    kept = np.array([row for row in range(source.count) if row not in failures]) if failures else None
    return Shaped(array=writer.finish(), height=height, width=width, channels=channels, kept=kept)


def _looks(source: Source, failures: dict[int, str]) -> list[Look | None]:
    assert source.cells is not None, "what is no array has cells"
    looks: list[Look | None] = []
    for row, cell in enumerate(source.cells()):
        try:
            looks.append(look(cell))
        except Unreadable as error:
            looks.append(None)
            failures[row] = str(error)
    return looks


def _batches(source: Source, failures: dict[int, str], shape: tuple[int, int, int]) -> Iterator[np.ndarray]:
    """Give the pixels of all images that can be decoded, and write down those that cannot."""
    assert source.cells is not None
    height, width, channels = shape
    batch: list[np.ndarray] = []
    for row, cell in enumerate(source.cells()):
        if row in failures:
            continue
        try:
            batch.append(decode(cell, height=height, width=width, channels=channels))
        except Unreadable as error:
            failures[row] = str(error)
        if len(batch) == _BATCH:
            yield np.stack(batch)
            batch.clear()
    if batch:
        yield np.stack(batch)


def _refuse(source: Source, failures: dict[int, str], *, skip_unreadable: bool) -> None:
    examples = listed([f"{source.name_of(row)} ({failures[row]})" for row in sorted(failures)])
    what = f"{len(failures)} of {source.count} images of {source.where} cannot be read"
    if not skip_unreadable:
        skip = "" if len(failures) == source.count else ", or pass skip_unreadable=True to leave them out"
        raise DataError(f"{what}: {examples}; repair or remove them{skip}")
    warn(f"{what} and are left out: {examples}")


# ---------------------------------------------------------------------------------------------- shape
def _checked_size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = tuple(size) if isinstance(size, Sequence | np.ndarray) and len(size) == 2 else ()
    whole = [int(s) for s in sides if isinstance(s, int | np.integer) and MIN_SIDE <= s <= MAX_SIDE]
    if len(whole) != 2:
        raise DataError(f"size must be (height, width), whole numbers from {MIN_SIDE} to {MAX_SIDE}, however: {size=}")
    return whole[0], whole[1]


def _refuse_size(names: list[str], size: tuple[int, int], found: tuple[int, int]) -> None:
    more = f", and {len(names) - 1} more have another size" if len(names) > 1 else ""
    raise DataError(
        f"images of {size[0]} x {size[1]} pixels (height x width) are needed, however {names[0]} has {found[0]} x "
        f"{found[1]}{more}; scale or cut them first"
    )


def _refuse_small(names: list[str], where: str) -> None:
    if names:
        raise DataError(
            f"{counted(len(names), 'image')} of {where} with fewer than {MIN_SIDE} pixels a side: {listed(names)}; "
            "leave them out, or pass size=(height, width) to have all images scaled to it"
        )


def _size(heights: np.ndarray, widths: np.ndarray, where: str) -> tuple[int, int]:
    """Return the size that images of these sizes get, and warn where it is not their own."""
    middle = [float(np.median(sides)) for sides in (heights, widths)]
    factor = min(1.0, MAX_SIDE / max(middle))
    height, width = (int(np.floor(side * factor + 0.5)) for side in middle)
    if min(height, width) < MIN_SIDE:
        raise DataError(
            f"the images of {where} are too narrow: {height} x {width} is left of {middle[0]:g} x {middle[1]:g} when "
            f"no side has more than {MAX_SIDE} pixels; cut them to parts, or pass size=(height, width)"
        )
    sizes = np.unique(np.stack([heights, widths]), axis=1)
    if sizes.shape[1] > 1:
        spans = " x ".join(f"{s.min()}-{s.max()}" for s in sizes)
        warn(
            f"the images of {where} have {sizes.shape[1]} sizes, {spans} pixels (height x width): all are scaled to "
            f"cover {height} x {width}, the median{' scaled down' if factor < 1 else ''}, and cropped to the middle; "
            "size=(height, width) sets another size"
        )
    elif factor < 1:
        warn(
            f"the images of {where} have {heights[0]} x {widths[0]} pixels (height x width) and are scaled down to "
            f"{height} x {width}, as a side has at most {MAX_SIDE}"
        )
    return height, width


def _channels(looks: list[Look], asked: int | None, where: str) -> int:
    n_alpha = sum(found.alpha for found in looks)
    channels = 4 if 2 * n_alpha > len(looks) else 3 if any(found.color for found in looks) else 1
    channels = channels if asked is None else asked
    if n_alpha and channels != 4:
        warn(
            f"laid on white, as partly transparent: {n_alpha} of {len(looks)} images of {where}; channels=4 keeps "
            "the transparency"
        )
    n_frames = sum(found.frames for found in looks)
    if n_frames:
        warn(f"{counted(n_frames, 'image')} of {where} with several frames or pages; the first of each is taken")
    return channels


# --------------------------------------------------------------------------------------------- arrays
def _from_array(images: ArrayImages, where: str, size: tuple[int, int] | None, channels: int | None) -> Shaped:
    height, width, own = images.shape
    if size is None:
        if min(height, width) < MIN_SIDE:
            raise DataError(
                f"the images of {where} have {height} x {width} pixels, fewer than {MIN_SIDE} pixels a side; pass "
                "size=(height, width) to have them scaled to it"
            )
        size = _size(np.array([height]), np.array([width]), where)
    channels = own if channels is None else channels
    brightest = looks_dim(images)
    if brightest is not None:
        warn(
            f"the floats of {where} are taken for levels from 0 to 255, however the brightest is {brightest:g}; "
            "divide them by the largest that can be if they are on another scale"
        )
    writer = PixelWriter(len(images), (*size, channels))
    for start in range(0, len(images), _BATCH):
        levels = images.levels(start, start + _BATCH)
        writer.append(levels if levels.shape[1:] == writer.shape else _refitted(levels, writer.shape))
    return Shaped(array=writer.finish(), height=size[0], width=size[1], channels=channels, kept=None)


def _refitted(levels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    height, width, channels = shape
    return np.stack([decode(to_image(a), height=height, width=width, channels=channels) for a in levels])
