"""Training images: of the class drawn, classes as frequent as the root of their number, empty ones never."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ganaug.data.image_rows import ImageMember, ImageRows, as_floats
from tests.test_image_sources import member, numbers


def rows(*counts: list[int], power: float = 0.5) -> ImageRows:
    return ImageRows.pack([member(c, offset=100 * m) for m, c in enumerate(counts)], n_classes=3, power=power)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(("power", "expected"), [(0.5, [4, 2, 1]), (0.0, [1, 1, 1]), (1.0, [16, 4, 1])])
def test_classes_are_as_frequent_as_a_power_of_their_number(power: float, expected: list[int]) -> None:
    y = rows([16, 4, 1], [1, 4, 16], power=power).classes(20_000, generator())
    share = np.array(expected) / sum(expected)
    assert (torch.bincount(y[0], minlength=3) / 20_000).tolist() == pytest.approx(share, abs=0.015)
    assert (torch.bincount(y[1], minlength=3) / 20_000).tolist() == pytest.approx(share[::-1], abs=0.015)


@pytest.mark.parametrize("counts", [[0, 4, 1], [4, 0, 1], [4, 1, 0], [0, 0, 2], [2, 0, 0]], ids=str)
def test_an_empty_class_is_never_drawn(counts: list[int]) -> None:
    y = rows(counts).classes(5000, generator())
    assert set(y.unique().tolist()) == {c for c in range(3) if counts[c]}


def constant(value: float) -> Any:
    """Return what gives ``value`` in place of random numbers; for 1, the largest number below it."""

    def rand(*shape: Any, generator: Any = None, device: Any = None, dtype: Any = torch.float32) -> torch.Tensor:
        shape = shape[0] if isinstance(shape[0], tuple) else shape
        return torch.full(shape, value, dtype=dtype).nextafter(torch.zeros((), dtype=dtype))

    return rand


def test_the_smallest_number_draws_the_first_class_that_has_images(monkeypatch: pytest.MonkeyPatch) -> None:
    held = rows([0, 4, 2])
    monkeypatch.setattr(torch, "rand", constant(0.0))
    x, y = held.draw(5, generator())
    assert y.tolist() == [[1] * 5]
    assert numbers(x).tolist() == [[20] * 5]


def test_the_largest_number_draws_the_last_class_that_has_images(monkeypatch: pytest.MonkeyPatch) -> None:
    held = rows([3, 4, 0])
    monkeypatch.setattr(torch, "rand", constant(1.0))
    x, y = held.draw(5, generator())
    assert y.tolist() == [[1] * 5]
    assert numbers(x).tolist() == [[23] * 5]  # and of it the last image


def test_images_are_of_the_class_and_the_member_and_each_as_likely() -> None:
    x, y = rows([5, 1, 2], [3, 4, 0]).draw(4000, generator())
    gray = numbers(x)
    assert torch.equal((gray - torch.tensor([[0], [100]])) // 20, y)
    own = torch.bincount(gray[0][y[0] == 0], minlength=5).double()
    assert (own / own.sum()).tolist() == pytest.approx([0.2] * 5, abs=0.05)


def test_bytes_become_floats_with_channels_first() -> None:
    pixels = torch.arange(24, dtype=torch.uint8).reshape(1, 2, 4, 3) * 10
    x = as_floats(pixels)
    assert x.shape == (1, 3, 2, 4)
    assert torch.allclose(x[0, 1], pixels[0, :, :, 1] / 127.5 - 1)
    assert as_floats(torch.tensor([[[[0], [255]]]], dtype=torch.uint8)).flatten().tolist() == [-1, 1]


def test_memory_mapped_pixels_that_cannot_be_written_are_taken() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 2, 3, 1)
    pixels.flags.writeable = False
    one = ImageMember(pixels=pixels, labels=np.array([1, 0, 1, 0]))
    held = ImageRows.pack([one], n_classes=2)
    assert held.pixels[held.order][:, 0, 0, 0].tolist() == [6, 18, 0, 12]
    assert held.pixels.data_ptr() == pixels.ctypes.data  # they stay where they are
    kept = one.take(np.array([2, 0])).take(np.array([1]))
    assert kept.labels.tolist() == [1] and kept.read(np.array([0]))[0, 0, 0, 0] == 0
