"""The pixels of an image set: one fixed-width binary column, its array view, and PNG.

Shape legend: n images, h rows and w columns of pixels, c channels (1 gray, 3 RGB, 4 RGBA).
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

import numpy as np
import pyarrow as pa
from PIL import Image, PngImagePlugin

from ganaug.errors import OutputError

if TYPE_CHECKING:
    from ganaug.image_schema import ImageSchema

__all__ = ["IMAGE", "PATH", "PixelWriter", "enlarged", "grid", "pixels", "table_of", "to_image", "to_png", "zoom_of"]

IMAGE, PATH = "image", "path"
"""The canonical names of the columns of pixels and of where an image came from."""

CELL = 64
"""Pixels of a side that small images are enlarged to, by whole factors."""

IN_MEMORY = 512 * 2**20
"""Bytes of pixels up to which they are held in memory; more are held in a memory-mapped temporary file."""


def pixels(table: pa.Table, schema: ImageSchema) -> np.ndarray:
    """Return the pixels of a canonical table.

    **Shape:** uint8 ``(n, h, w, c)``. A read-only view of the column where it is of one chunk, else a copy.
    """
    column = table.column(IMAGE)
    assert not column.null_count, "a canonical table has pixels in every row"
    views = [_view(chunk) for chunk in column.chunks]
    flat = views[0] if len(views) == 1 else np.concatenate([np.empty(0, np.uint8), *views])
    return flat.reshape(table.num_rows, schema.height, schema.width, schema.channels)


def _view(chunk: pa.Array) -> np.ndarray:
    width = chunk.type.byte_width
    buffer = chunk.buffers()[1]
    if buffer is None or not len(chunk):
        return np.empty(0, np.uint8)
    return np.frombuffer(buffer, np.uint8, count=len(chunk) * width, offset=chunk.offset * width)


def table_of(
    pixels: np.ndarray, label_codes: np.ndarray | None, schema: ImageSchema, paths: Sequence[str | None] | None = None
) -> pa.Table:
    """Return images and their class codes as a canonical table.

    **Shape:** ``pixels`` uint8 ``(n, h, w, c)``; ``label_codes`` integer ``(n,)``, not looked at without a target;
    ``paths`` None for rows that came from nowhere. The pixels are not copied where they are in C order.
    """
    expected = (len(pixels), schema.height, schema.width, schema.channels)
    if pixels.shape != expected or pixels.dtype != np.uint8:
        raise ValueError(f"pixels must be uint8 {expected}, however: {pixels.dtype} {pixels.shape}")
    arrays: list[pa.Array] = [_column(pa.py_buffer(np.ascontiguousarray(pixels)), len(pixels), expected[1:])]
    if PATH in schema.arrow.names:
        arrays.append(pa.nulls(len(pixels), pa.string()) if paths is None else pa.array(paths, pa.string()))
    if schema.target is not None:
        assert label_codes is not None, "a target needs labels"
        arrays.append(schema.labels_of(label_codes))
    return pa.Table.from_arrays(arrays, schema=schema.arrow)


def _column(buffer: pa.Buffer, n: int, shape: tuple[int, ...]) -> pa.FixedSizeBinaryArray:
    array = pa.Array.from_buffers(pa.binary(int(np.prod(shape))), n, [None, buffer])
    assert isinstance(array, pa.FixedSizeBinaryArray)
    return array


class PixelWriter:
    """Collects images batch by batch, in memory or, if ``expected`` of them are too many, in a temporary file.

    The file has no name and goes when the last array over it does. ``shape`` is ``(h, w, c)``.
    """

    def __init__(self, expected: int, shape: tuple[int, int, int]) -> None:
        self.shape, self.count = shape, 0
        self._file: IO[bytes] | None = None
        if expected * int(np.prod(shape)) > IN_MEMORY:
            self._file = tempfile.TemporaryFile(prefix="ganaug-")  # noqa: SIM115  # its memory map outlives it
        else:
            self._held = np.empty((expected, *shape), np.uint8)

    def append(self, batch: np.ndarray) -> None:
        """Add images.

        **Shape:** uint8 ``(b, h, w, c)``.

        Raises
        ------
        OutputError
            if the disk of the temporary folder is full.
        """
        assert batch.shape[1:] == self.shape and batch.dtype == np.uint8
        if self._file is None:
            self._held[self.count : self.count + len(batch)] = batch
        else:
            try:
                self._file.write(np.ascontiguousarray(batch).data)
            except OSError as error:
                raise OutputError(
                    f"the pixels cannot be written to the temporary folder {tempfile.gettempdir()!r}: {error}; "
                    "make room, or let TMPDIR name another folder"
                ) from error
        self.count += len(batch)

    def finish(self) -> pa.FixedSizeBinaryArray:
        """Return what was collected, without copying it."""
        if self._file is None:
            held = self._held[: self.count]
            held.flags.writeable = False
            return _column(pa.py_buffer(held), self.count, self.shape)
        self._file.flush()
        size = self.count * int(np.prod(self.shape))
        mapped = np.memmap(self._file, np.uint8, mode="r", shape=(size,)) if size else np.empty(0, np.uint8)
        self._file.close()
        return _column(pa.py_buffer(mapped), self.count, self.shape)


def to_image(array: np.ndarray) -> Image.Image:
    """Return one image; its mode is L, RGB or RGBA by the number of channels.

    **Shape:** uint8 ``(h, w, c)``.
    """
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def to_png(array: np.ndarray, *, text: str | None = None) -> bytes:
    """Return one image as PNG, with ``text`` (ASCII) in a tEXt chunk named "ganaug".

    **Shape:** uint8 ``(h, w, c)``.
    """
    info = None
    if text is not None:
        info = PngImagePlugin.PngInfo()
        info.add_text("ganaug", text)
    file = io.BytesIO()
    to_image(array).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def zoom_of(height: int, width: int, side: int = CELL) -> int:
    """Return by which whole factor images are enlarged to be looked at, so that they are about ``side`` pixels large.

    >>> zoom_of(8, 8), zoom_of(28, 28), zoom_of(48, 32), zoom_of(200, 10)
    (8, 2, 1, 1)
    """
    return max(1, side // max(height, width))


def enlarged(images: np.ndarray, zoom: int) -> np.ndarray:
    """Make every pixel ``zoom`` pixels high and wide.

    **Shape:** uint8 ``(n, h, w, c)`` -> ``(n, h zoom, w zoom, c)``.
    """
    return images.repeat(zoom, axis=1).repeat(zoom, axis=2)


def grid(images: np.ndarray, *, columns: int) -> np.ndarray:
    """Put images beside and below each other, with a white line of a pixel between.

    **Shape:** uint8 ``(n, h, w, c)`` -> ``(rows (h + 1) - 1, columns (w + 1) - 1, c)``; n a multiple of ``columns``.

    >>> grid(np.zeros((6, 8, 8, 1), np.uint8), columns=3).shape
    (17, 26, 1)
    """
    framed = np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=255)
    _, height, width, channels = framed.shape
    lines = framed.reshape(-1, columns, height, width, channels).swapaxes(1, 2)
    return np.ascontiguousarray(lines.reshape(-1, columns * width, channels)[:-1, :-1])
