import numpy as np
import pytest

from ganaug.errors import ConfigError
from ganaug.transforms import DEFAULT_TRANSFORMS, check_transforms, transform_images


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def ramp():
    """Images that grow to the right and downwards, in channels of their own, so that where a pixel is from shows."""
    rows, columns = np.mgrid[0:24, 0:16]
    return np.repeat(np.stack([rows * 10, columns * 15], axis=-1)[None].astype(np.uint8), 200, axis=0)


@pytest.mark.parametrize("transforms", [DEFAULT_TRANSFORMS, ("shift",), ("crop",)])
def test_nothing_is_mirrored_unless_asked(ramp, transforms):
    moved = transform_images(ramp, transforms, rng()).astype(int)
    assert (np.diff(moved[..., 0], axis=1) >= 0).all() and (np.diff(moved[..., 1], axis=2) >= 0).all()


def test_a_flip_exchanges_left_and_right_in_half_of_the_images_and_nothing_else(ramp):
    moved = transform_images(ramp, ("flip",), rng())
    mirrored = (moved == ramp[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((moved == ramp).all(axis=(1, 2, 3)) | mirrored).all()
    assert 70 < mirrored.sum() < 130


def test_a_shift_moves_whole_pixels_by_up_to_an_eighth_and_repeats_the_edges(ramp):
    moved = transform_images(ramp, ("shift",), rng())
    found = set()
    for image in moved:
        down, right = ramp[0, 12, 8] // [10, 15] - image[12, 8] // [10, 15]
        found.add((int(down), int(right)))
        rows, columns = (np.arange(24) - down).clip(0, 23), (np.arange(16) - right).clip(0, 15)
        assert np.array_equal(image, ramp[0][rows][:, columns])
    assert {d for d, _ in found} == set(range(-3, 4)) and {r for _, r in found} == set(range(-2, 3))


def test_small_images_can_move_too():
    small = rng().integers(0, 256, (50, 5, 5, 1), np.uint8)
    assert not np.array_equal(transform_images(small, ("shift",), rng()), small)


def test_a_crop_reads_a_window_of_at_least_four_fifths(ramp):
    image = np.zeros((300, 64, 64, 1), np.uint8)
    image[:, :, :, 0] = np.arange(64) * 4
    moved = transform_images(image, ("crop",), rng()).astype(float) / 4
    spans = moved[:, 32, -1, 0] - moved[:, 32, 0, 0]
    assert spans.min() >= 0.8 * 63 - 1 and spans.max() <= 63 and np.ptp(spans) > 10
    # A straight ramp stays straight, so that the reading between pixels is linear.
    inner = moved[:, 32, 8:-8, 0]
    assert np.abs(np.diff(inner, n=2, axis=1)).max() <= 0.5 + 1e-9


def test_images_have_draws_of_their_own_that_one_transform_more_does_not_change(ramp):
    moved = transform_images(ramp, ("shift",), rng())
    assert len(np.unique(moved.reshape(200, -1), axis=0)) > 20
    assert np.array_equal(moved, transform_images(ramp, ("shift",), rng()))
    assert not np.array_equal(moved, transform_images(ramp, ("shift",), rng(1)))
    both = transform_images(ramp, ("flip", "shift"), rng())
    same = (both == moved).all(axis=(1, 2, 3))
    assert ((both == moved[:, :, ::-1]).all(axis=(1, 2, 3)) | same).all() and 70 < same.sum() < 130


def test_blocks_change_nothing(monkeypatch, ramp):
    whole = transform_images(ramp, ("shift", "crop"), rng())
    monkeypatch.setattr("ganaug.transforms.CHUNK", 7)
    assert np.array_equal(whole, transform_images(ramp, ("shift", "crop"), rng()))


def test_unknown_transforms_are_refused():
    assert check_transforms(["crop", "shift", "crop"]) == ("shift", "crop") and check_transforms("flip") == ("flip",)
    for given in ((), ("rotate",), ("shift", "mirror")):
        with pytest.raises(ConfigError, match="some of shift, crop, flip"):
            check_transforms(given)
