"""Images as numbers and back: every byte comes back, and what cannot be an image is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganaug.data.image_rows import as_floats
from ganaug.encode import ImageEncoder, ImageLayout, encoder_from_state, layout_from_json
from ganaug.errors import ArtefactError
from ganaug.gan import EmittedImages
from tests.digits import image_data


def every_byte(channels: int) -> np.ndarray:
    """Return images of 8 x 12 pixels that hold every byte, in random order."""
    rng = np.random.default_rng(0)
    values = np.tile(np.arange(256, dtype=np.uint8), 9)[: 8 * 8 * 12 * 3]
    return rng.permutation(np.resize(values, 8 * 8 * 12 * channels)).reshape(8, 8, 12, channels)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_byte_comes_back(channels: int) -> None:
    images = every_byte(channels)
    data = image_data(images, np.arange(8) % 2)
    encoder = ImageEncoder(data.schema)
    encoded = encoder.encode(data.table)
    assert encoder.layout == ImageLayout(channels, 8, 12)
    assert np.array_equal(encoded, images)
    floats = as_floats(torch.from_numpy(encoded.copy()))
    assert encoder.decode(floats.numpy(), np.arange(8) % 2).equals(data.table)


def test_values_are_rounded_to_the_nearest_byte_and_clipped() -> None:
    data = image_data(np.zeros((1, 1, 4, 1), np.uint8), None)
    encoder = ImageEncoder(data.schema)
    images = np.array([-7.0, 7.0, 0.4 / 127.5 - 1, 0.6 / 127.5 - 1], np.float32).reshape(1, 1, 1, 4)
    assert encoder.encode(encoder.decode(images, None)).flatten().tolist() == [0, 255, 0, 1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_images_that_are_not_finite_are_refused(bad: float) -> None:
    data = image_data(np.zeros((1, 2, 2, 1), np.uint8), None)
    with pytest.raises(
        ValueError, match="must be finite, however some are NaN or infinite: the generator has diverged"
    ):
        ImageEncoder(data.schema).decode(np.full((1, 1, 2, 2), bad, np.float32), None)


def test_what_is_emitted_is_the_first_images_of_the_first_member() -> None:
    images = torch.randn(2, 5, 3, 2, 2, dtype=torch.bfloat16)
    encoder = ImageEncoder(image_data(np.zeros((1, 2, 2, 3), np.uint8), None).schema)
    found = EmittedImages(images).encoded(encoder, 3)
    assert found.dtype == np.float32
    assert np.array_equal(found, images[0, :3].float().numpy())


def test_layouts_and_encoders_go_to_json_and_back() -> None:
    data = image_data(every_byte(3), np.arange(8) % 2)
    encoder = ImageEncoder(data.schema)
    assert layout_from_json(encoder.layout.to_json()) == encoder.layout
    document, arrays = encoder.state()
    assert not arrays
    again = encoder_from_state(document, arrays, data.schema)
    assert isinstance(again, ImageEncoder)
    assert again.layout == encoder.layout
    with pytest.raises(ArtefactError, match="do not belong together"):
        ImageEncoder.from_state({"kind": "table"}, {}, data.schema)
