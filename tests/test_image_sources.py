"""What image generators start from: anchors are of the class asked for, differ, and are the same again once stored."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ganaug.data.image_rows import ImageMember
from ganaug.image_sources import ImageAnchors, LatentSource

COUNTS = ([5, 1, 2], [3, 4, 0])


def member(counts: list[int], offset: int = 0) -> ImageMember:
    """Return images of 2 x 3 pixels in random order, each of one gray of its own, as many of a class as asked for."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    pixels = np.zeros((len(labels), 2, 3, 1), np.uint8)
    for c in range(len(counts)):
        own = labels == c
        pixels[own] = (offset + 20 * c + np.arange(own.sum()))[:, None, None, None]
    return ImageMember(pixels=pixels, labels=labels)


MEMBERS = [member(COUNTS[0]), member(COUNTS[1], offset=100)]


def source(members: list[ImageMember] = MEMBERS, most: int = 100, seeds: tuple[int, ...] = (0, 1)) -> ImageAnchors:
    return ImageAnchors.pack(members, n_classes=3, noise=4, most=most, seeds=seeds[: len(members)])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbers(images: Tensor) -> Tensor:
    """Return the gray of every image."""
    assert images.shape[2:] == (1, 2, 3)
    flat = (images.flatten(2) + 1) * 127.5
    assert torch.equal(flat.min(2).values, flat.max(2).values)
    return flat[..., 0].round().long()


def test_anchors_are_of_the_class_asked_for_and_each_as_likely() -> None:
    y = torch.tensor([[0, 1, 2, 0] * 500, [0, 1, 1, 0] * 500])
    drawn = source().draw(y, generator())
    for name in ("a", "b", "other"):
        gray = numbers(drawn[name])
        assert torch.equal((gray - torch.tensor([[0], [100]])) // 20, y)
        own = torch.bincount(gray[0][y[0] == 0], minlength=5) / 1000
        assert own.tolist() == pytest.approx([0.2] * 5, abs=0.05)  # four standard errors


def test_anchors_differ_where_the_class_has_two_images() -> None:
    y = torch.tensor([[0, 2] * 500, [0, 1] * 500])
    drawn = source().draw(y, generator())
    a, b, other = (numbers(drawn[name]) for name in ("a", "b", "other"))
    assert (a != b).all()
    assert (a != other).all()
    assert not drawn["alone"].any()
    pairs = {(int(p), int(q)) for p, q in zip(a[0], b[0], strict=True) if p < 20}
    assert len(pairs) == 5 * 4  # every pair, in both orders


def test_of_a_class_of_one_image_all_three_are_that_image() -> None:
    drawn = source().draw(torch.tensor([[1, 0], [0, 1]]), generator())
    assert drawn["alone"].tolist() == [[True, False], [False, False]]
    assert [int(numbers(drawn[name])[0, 0]) for name in ("a", "b", "other")] == [20, 20, 20]


def test_a_class_that_a_member_lacks_can_be_asked_for_beside_others_that_have_it() -> None:
    # The monitor draws one class of all members at once.
    drawn = source().draw(torch.tensor([[2, 2], [2, 2]]), generator())
    assert (numbers(drawn["a"])[0] // 20 == 2).all()


def test_noise_is_normal_and_its_own_for_every_row() -> None:
    z = source().draw(torch.zeros(2, 3000, dtype=torch.int64), generator())["z"]
    assert z.shape == (2, 3000, 4)
    assert [z.mean().item(), z.std().item()] == pytest.approx([0, 1], abs=0.03)
    assert torch.equal(
        LatentSource(4).draw(torch.zeros(1, 2), generator(5))["z"], torch.randn(1, 2, 4, generator=generator(5))
    )


@pytest.mark.parametrize("m", [0, 1])
def test_what_is_stored_draws_the_same(m: int) -> None:
    # One member alone, and its arrays: the same images for the same numbers.
    alone = source([MEMBERS[m]], seeds=(m,))
    stored = ImageAnchors.stored(source().arrays(m), noise=4)
    y = torch.tensor([[0, 1, 0, 1, 0]])
    for name, value in alone.draw(y, generator()).items():
        assert torch.equal(value, stored.draw(y, generator())[name]), name
    assert all(np.array_equal(v, stored.arrays(0)[k]) for k, v in source().arrays(m).items())
    assert len(source().arrays(m)["pixels"]) == sum(COUNTS[m])


def test_of_many_images_some_are_kept_and_the_seed_decides_which() -> None:
    first, again, other = (source([MEMBERS[0]], most=2, seeds=(seed,)).arrays(0) for seed in (0, 0, 3))
    assert first["count"].tolist() == [2, 1, 2]
    assert len(first["pixels"]) == 5
    assert np.array_equal(first["pixels"], again["pixels"])
    assert any(
        not np.array_equal(first["pixels"], source([MEMBERS[0]], most=2, seeds=(seed,)).arrays(0)["pixels"])
        for seed in range(1, 6)
    )
    assert other["count"].tolist() == [2, 1, 2]


def test_the_pixels_are_copied_and_noise_keeps_none() -> None:
    mine = member(COUNTS[0])
    held = source([mine])
    mine.pixels[:] = 255
    assert held.pixels.max() < 255
    assert LatentSource(4).arrays(0) == {}
