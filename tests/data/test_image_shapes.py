"""What becomes of sizes, modes, depths, orientation and transparency."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import ExifTags, Image, ImageOps

from ganaug.data import read_images
from ganaug.errors import DataError, DataWarning

RNG = np.random.default_rng(1)
GRAY = RNG.integers(0, 256, (10, 12), np.uint8)
COLOR = RNG.integers(0, 256, (10, 12, 3), np.uint8)
CLEAR = np.dstack([COLOR, np.where(GRAY < 128, 0, 255).astype(np.uint8)])


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        yield


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def frame_of(*cells: Any) -> pd.DataFrame:
    return pd.DataFrame({"image": pd.Series(cells, dtype=object)})


def told(*cells: Any, **options: Any) -> np.ndarray:
    found = read_images(frame_of(*cells), **options)
    return found.schema.pixels(found.table)


def smooth(height: int, width: int, shift: int = 0) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.dstack([x * 255 // width, y * 255 // height, np.full_like(x, shift)]).astype(np.uint8))


# --------------------------------------------------------------------------------------------- colour
def test_gray_stays_gray_unless_one_is_coloured() -> None:
    gray, color = Image.fromarray(GRAY), Image.fromarray(COLOR)
    assert told(gray, gray).shape == (2, 10, 12, 1)
    mixed = told(gray, color)
    assert mixed.shape == (2, 10, 12, 3)
    np.testing.assert_array_equal(mixed[0], np.dstack([GRAY] * 3))
    np.testing.assert_array_equal(mixed[1], COLOR)


def test_channels_can_be_asked_for() -> None:
    gray, color = Image.fromarray(GRAY), Image.fromarray(COLOR)
    np.testing.assert_array_equal(told(gray, color, channels=1)[1, ..., 0], np.asarray(color.convert("L")))
    assert (told(gray, color, channels=4)[..., 3] == 255).all()
    found = read_images((np.stack([COLOR, COLOR]), None), channels=1)
    np.testing.assert_array_equal(found.schema.pixels(found.table)[0, ..., 0], np.asarray(color.convert("L")))
    with pytest.raises(
        DataError, match=r"channels must be 1 \(gray\), 3 \(RGB\), 4 \(RGBA\) or None, however: channels=2"
    ):
        told(gray, gray, channels=2)


def test_transparency_of_most_is_kept() -> None:
    clear, color = Image.fromarray(CLEAR), Image.fromarray(COLOR)
    images = told(clear, encoded(clear), color)
    assert images.shape == (3, 10, 12, 4)
    np.testing.assert_array_equal(images[1], CLEAR)
    np.testing.assert_array_equal(images[2], np.dstack([COLOR, np.full_like(GRAY, 255)]))


def test_transparency_of_few_is_laid_on_white_and_counted() -> None:
    clear, color = Image.fromarray(CLEAR), Image.fromarray(COLOR)
    with pytest.warns(
        DataWarning, match=r"laid on white, as partly transparent: 2 of 4 images of .*; channels=4 keeps"
    ):
        images = told(clear, clear, color, color)
    expected = np.where(CLEAR[..., 3:] == 0, 255, COLOR)
    np.testing.assert_array_equal(images[0], expected)
    palette = Image.fromarray(COLOR).quantize(8)
    file = encoded(palette, transparency=palette.getpixel((0, 0)))
    with pytest.warns(DataWarning, match="1 of 2 images"):
        assert told(file, color)[0, 0, 0].tolist() == [255, 255, 255]


def test_an_alpha_channel_that_hides_nothing_is_none() -> None:
    opaque = Image.fromarray(np.dstack([COLOR, np.full_like(GRAY, 255)]))
    np.testing.assert_array_equal(told(opaque, opaque)[0], COLOR)
    gray = Image.fromarray(GRAY).convert("LA")
    np.testing.assert_array_equal(told(gray, gray)[0, ..., 0], GRAY)


def test_palettes() -> None:
    color = Image.fromarray(COLOR).quantize(16)
    np.testing.assert_array_equal(told(encoded(color), encoded(color))[0], np.asarray(color.convert("RGB")))
    gray = Image.fromarray(GRAY).convert("P")
    assert told(encoded(gray), encoded(gray)).shape[-1] == 1
    np.testing.assert_array_equal(told(encoded(gray), encoded(gray))[0, ..., 0], GRAY)


def test_sixteen_bits_are_scaled_to_eight() -> None:
    deep = np.zeros((8, 8), np.uint16)
    deep[0] = [0, 128, 129, 257, 65535, 32768, 65406, 65407]
    file = encoded(Image.fromarray(deep))
    assert Image.open(io.BytesIO(file)).mode.startswith("I")
    assert told(file, file)[0, 0, :, 0].tolist() == [0, 0, 1, 1, 255, 128, 254, 255]
    turned = encoded(Image.fromarray(deep), exif=lying(3))
    assert told(turned, file)[0, 7, ::-1, 0].tolist() == [0, 0, 1, 1, 255, 128, 254, 255]


def test_other_modes() -> None:
    black = Image.fromarray(GRAY > 100)
    assert black.mode == "1"
    np.testing.assert_array_equal(told(encoded(black), black)[0, ..., 0], np.where(GRAY > 100, 255, 0))
    ink = smooth(16, 16).convert("CMYK")
    file = encoded(ink, "JPEG", quality=95)
    opened = Image.open(io.BytesIO(file))
    assert opened.mode == "CMYK"
    np.testing.assert_array_equal(told(file, file)[0], np.asarray(opened.convert("RGB")))
    assert np.abs(told(file, file)[0].astype(int) - np.asarray(smooth(16, 16))).mean() < 4, "not inverted"


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(format: str, orientation: int) -> None:
    photo = smooth(20, 30)
    file = encoded(photo, format, exif=lying(orientation), **({"lossless": True} if format == "WEBP" else {}))
    images = told(file, file)
    array = np.asarray(photo)
    turned = [array, array[:, ::-1], array[::-1, ::-1], array[::-1]]  # what the EXIF standard says of 1 to 4
    turned += [np.swapaxes(a, 0, 1) for a in (array, array[::-1], array[::-1, ::-1], array[:, ::-1])]  # and of 5 to 8
    np.testing.assert_array_equal(images[0], turned[orientation - 1])


def lying(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def test_the_first_frame_of_an_animation_is_taken() -> None:
    first, second = Image.fromarray(GRAY), Image.fromarray(255 - GRAY)
    file = encoded(first, "WEBP", save_all=True, append_images=[second], lossless=True)
    with pytest.warns(DataWarning, match=r"1 image of .* with several frames or pages; the first"):
        np.testing.assert_array_equal(told(file, Image.fromarray(COLOR))[0], np.dstack([GRAY] * 3))


def test_pictures_of_users_are_left_as_they_are() -> None:
    image = Image.fromarray(COLOR)
    told(image, image, size=(8, 8))
    assert image.size == (12, 10) and image.mode == "RGB"


# ----------------------------------------------------------------------------------------------- size
def test_one_size_is_kept_also_if_not_square() -> None:
    assert told(smooth(8, 128), smooth(8, 128, 1)).shape == (2, 8, 128, 3)


def test_large_images_are_scaled_down_in_proportion() -> None:
    photos = smooth(192, 256), smooth(192, 256, 1)
    with pytest.warns(DataWarning, match=r"have 192 x 256 pixels \(height x width\) and are scaled down to 96 x 128"):
        images = told(*photos)
    assert images.shape == (2, 96, 128, 3)
    np.testing.assert_array_equal(images[0], np.asarray(photos[0].resize((128, 96), Image.Resampling.LANCZOS)))
    with pytest.warns(DataWarning, match="scaled down to 96 x 128"):
        found = read_images((np.stack([np.asarray(p) for p in photos]), [0, 0]), classes=[0])
    np.testing.assert_array_equal(found.schema.pixels(found.table), images)


def test_scaling_down_is_antialiased() -> None:
    stripes = Image.fromarray(np.tile(np.array([[0, 255]], np.uint8), (160, 80)))
    assert stripes.size == (160, 160)
    images = told(stripes, stripes, size=(16, 16))
    assert np.ptp(images.astype(int)) < 40, "every other column dropped would leave black or white"


def test_of_several_sizes_the_median_counts_and_the_middle_is_kept() -> None:
    wide, tall, square = smooth(20, 60), smooth(40, 20), smooth(24, 24)
    with pytest.warns(
        DataWarning, match=r"3 sizes, 20-40 x 20-60 pixels .*: all are scaled to cover 24 x 24, the median, "
    ):
        images = told(wide, tall, square)
    assert images.shape == (3, 24, 24, 3)
    np.testing.assert_array_equal(images[2], np.asarray(square))
    np.testing.assert_array_equal(images[0], np.asarray(ImageOps.fit(wide, (24, 24), Image.Resampling.LANCZOS)))
    left, right = images[0, 12, 0, 0], images[0, 12, -1, 0]  # red goes from 0 to 255 over the whole width
    assert left == pytest.approx(255 * 1 / 3, abs=6) and right == pytest.approx(255 * 2 / 3, abs=6)
    assert images[1, :, 12, 1].tolist() == sorted(images[1, :, 12, 1].tolist()) and np.ptp(images[1, ..., 0]) > 220


def test_a_median_beyond_the_limit_is_scaled_down_too() -> None:
    with pytest.warns(DataWarning, match="cover 64 x 128, the median scaled down, and cropped"):
        assert told(smooth(100, 200), smooth(150, 300), smooth(200, 400)).shape == (3, 64, 128, 3)


def test_a_size_can_be_asked_for() -> None:
    small = smooth(5, 5)
    assert told(smooth(20, 60), small, size=(12, 18)).shape == (2, 12, 18, 3)
    assert told(smooth(20, 60), small, size=[12, np.int64(18)]).shape == (2, 12, 18, 3)
    for size in ((7, 8), (8, 129), (8,), 8, "16", (8.0, 9)):
        with pytest.raises(
            DataError, match=r"size must be \(height, width\), whole numbers from 8 to 128, however: size="
        ):
            told(small, small, size=size)


def test_images_that_are_too_small_are_named(tmp_path: Path) -> None:
    for i, side in enumerate([20, 7, 20, 4]):
        smooth(20, side).save(tmp_path / f"{i}.png")
    with pytest.raises(
        DataError, match=r"2 images of .* with fewer than 8 pixels a side: '1.png', '3.png'; leave them out, or"
    ):
        read_images(tmp_path)
    with pytest.raises(DataError, match=r"at least 8 pixels|fewer than 8 pixels a side"):
        read_images((np.zeros((3, 7, 9), np.uint8), None))
    with pytest.raises(DataError, match=r"too narrow: 3 x 128 is left of 20 x 1000 when no side has more than 128"):
        told(smooth(20, 1000), smooth(20, 1000))


@pytest.mark.parametrize(
    "format", ["BMP", "DIB", "GIF", "PPM", "TGA", "TIFF", "ICO", "WEBP", "JPEG", "JPEG2000", "AVIF"]
)
def test_every_format_that_is_promised_is_read(tmp_path: Path, format: str) -> None:
    Image.init()
    if format not in Image.SAVE:
        pytest.skip(f"this Pillow was built without {format}")
    image = smooth(16, 16)
    end = {"JPEG2000": "jp2", "TIFF": "tif"}.get(format, format.lower())
    for i in range(2):
        image.save(tmp_path / f"{i}.{end}", format)
    found = read_images(tmp_path)
    expected = np.asarray(Image.open(tmp_path / f"0.{end}").convert("RGB"))
    np.testing.assert_array_equal(found.schema.pixels(found.table)[0], expected)
