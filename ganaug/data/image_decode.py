"""One encoded image at a time: what it is without its pixels, and its pixels at the size and channels asked for."""

from __future__ import annotations

import functools
import io
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ganaug.data.synthetic import KEY, note_of
from ganaug.errors import OutputError

__all__ = ["EXTENSIONS", "Cell", "Look", "Unreadable", "decode", "fitted", "guarded", "is_encoded", "look"]

# What Pillow may decode: formats that others hold pictures in. Left out are those whose decoders start other programs
# (EPS) or that only stubs exist for.
_FORMATS = ("PNG", "JPEG", "MPO", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "TGA", "AVIF", "ICO")
_ENDS = "png apng jpg jpeg jpe jfif bmp dib gif webp tif tiff ppm pgm pbm pnm jp2 j2k tga avif ico"
EXTENSIONS = frozenset(f".{end}" for end in _ENDS.split())
"""The ends of names that promise an image."""

# How the formats begin; those that begin with plain letters, such as BMP, with some of what must follow.
_MAGIC = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|\0\0\0\x0cjP|RIFF....WEBP|....ftypavi[fs]|P[1-6]\s|BM.{4}\0{4}",
    re.DOTALL,
)
_MAX_REASON = 100  # characters of what Pillow says

Cell = bytes | os.PathLike[str] | Image.Image | None | Callable[[], "bytes | os.PathLike[str]"]
"""One image as it comes: encoded, in a file, as a PIL image, missing, or encoded but to be fetched first."""


class Unreadable(Exception):
    """An image cannot be decoded; the text says why in a few words."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is to know about an image before its pixels are used."""

    height: int
    width: int
    color: bool
    alpha: bool
    """Whether some of it is not opaque."""
    frames: bool
    """Whether it is an animation, or has pages."""
    maker: str | None = None
    """What of ganaug made it, where it says so; None for others."""


@contextmanager
def guarded() -> Iterator[None]:
    """Take Pillow's warning of a decompression bomb as an error, as it takes larger bombs anyway."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def is_encoded(value: Any) -> bool:
    """Return whether bytes begin like an encoded image."""
    if not isinstance(value, bytes | bytearray | memoryview):
        return False
    return _MAGIC.match(bytes(value[:12])) is not None


def look(cell: Cell) -> Look:
    """Look at an image; its pixels are decoded only where it has an alpha channel.

    Raises
    ------
    Unreadable
        if it is missing, broken, of an unknown format, or too large to be safe.
    """
    with _opened(cell) as image:
        frames = bool(getattr(image, "is_animated", False)) and image.format != "MPO"  # cameras' JPEGs hold previews
        width, height = image.size
        # On its side? Pillow turns TIFF upright by itself, and knows the size before.
        if image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8):
            width, height = height, width
        return Look(
            height=height,
            width=width,
            color=_has_color(image),
            alpha=_uses_alpha(image),
            frames=frames,
            maker=note_of(image.info.get(KEY)) if image.format == "PNG" else None,
        )


def decode(cell: Cell, *, height: int, width: int, channels: int) -> np.ndarray:
    """Return the pixels of an image, upright, scaled to cover ``height`` x ``width`` and cropped to the middle.

    Where ``channels`` is not 4, what is not opaque is laid on white. 16 bits are scaled to 8.

    **Shape:** uint8 ``(height, width, channels)``.

    Raises
    ------
    Unreadable
        see `look`.
    """
    with _opened(cell) as image:
        upright = ImageOps.exif_transpose(_eight_bits(image))
        fit = fitted(_with_channels(upright, channels), height=height, width=width)
        return np.asarray(fit).reshape(height, width, channels)


def fitted(image: Image.Image, *, height: int, width: int) -> Image.Image:
    """Return ``image`` scaled (Lanczos, antialiased) to cover the size, and cropped to its middle."""
    if image.size == (width, height):
        return image
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)


@contextmanager
def _opened(cell: Cell) -> Iterator[Image.Image]:
    try:
        if cell is None:
            raise Unreadable("there is no image")
        if isinstance(cell, Image.Image):
            yield cell
            return
        held = cell() if callable(cell) else cell
        source: Any = io.BytesIO(held) if isinstance(held, bytes) else Path(held)
        size = len(held) if isinstance(held, bytes) else source.stat().st_size
        if not size:
            raise Unreadable("it is empty (0 bytes)")
        with Image.open(source, formats=_formats()) as image:
            yield image
    except (Unreadable, OutputError):  # the latter: of the storage, not of the image
        raise
    except FileNotFoundError as error:
        raise Unreadable("the file does not exist") from error
    except UnidentifiedImageError as error:
        raise Unreadable("it is no image of a known format") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(f"it has more than {Image.MAX_IMAGE_PIXELS} pixels, Pillow's limit") from error
    except Exception as error:  # Pillow's decoders raise whatever comes
        raise Unreadable(_short(error)) from error


@functools.cache
def _formats() -> tuple[str, ...]:
    """Return those of the formats that this build of Pillow decodes."""
    Image.init()  # else those that Pillow registers late are unknown
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _short(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 3] + "..."


def _has_color(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        palette = np.array(image.getpalette() or [0, 0, 0]).reshape(-1, 3)
        return bool((palette != palette[:, :1]).any())
    return image.mode not in ("1", "L", "LA", "La", "I", "F") and not image.mode.startswith("I;")


def _uses_alpha(image: Image.Image) -> bool:
    if not image.has_transparency_data or image.mode.startswith("I"):
        return False
    lowest: Any = image.convert("RGBA").getchannel("A").getextrema()[0]
    return lowest < 255


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return ``image`` itself, or that of 16 bits a pixel with 8; its orientation is kept."""
    wide = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG")
    if not wide:
        if image.mode in ("I", "F"):
            raise Unreadable("it has 32 bits a pixel; save it with 8 or 16")
        return image
    levels = np.asarray(image).astype(np.uint32)
    narrow = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    narrow.getexif().update(image.getexif())
    return narrow


def _with_channels(image: Image.Image, channels: int) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if channels != 4:
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
