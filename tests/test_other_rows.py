"""Rows of other classes: none of the class asked for, every other one as often, members apart, on disk and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ganaug.data.image_rows import ImageMember
from ganaug.data.rows import TableMember
from ganaug.other_rows import OtherRows, image_arrays, row_arrays


def member(labels: list[int], offset: float = 0.0) -> TableMember:
    """Rows whose number tells which they are, and of which class: ``offset + 10 label + place``."""
    number = offset + 10.0 * np.array(labels) + np.arange(len(labels))
    codes = np.array(labels, np.int32)[:, None]
    return TableMember(continuous=number[:, None], codes=codes, buckets=codes, labels=np.array(labels))


def source(*members: TableMember, n_classes: int = 3, most: int = 100) -> OtherRows:
    arrays = [row_arrays(m, n_classes=n_classes, most=most, seed=s) for s, m in enumerate(members)]
    return OtherRows.pack(arrays, noise=2, uniforms=3)


def draw(rows: OtherRows, y: Any, seed: int = 0) -> dict[str, torch.Tensor]:
    return rows.draw(torch.as_tensor(y), torch.Generator().manual_seed(seed))


def test_every_row_of_the_other_classes_is_drawn_as_often_and_none_of_the_class_asked_for() -> None:
    labels = [2, 0, 0, 1, 0, 1]  # the rows are 20, 1, 2, 13, 4, 15
    rows = source(member(labels))
    for asked, expected in ((0, [13, 15, 20]), (1, [1, 2, 4, 20]), (2, [1, 2, 4, 13, 15])):
        inputs = draw(rows, [[asked] * 6000])
        found, times = np.unique(inputs["continuous"], return_counts=True)
        assert found.tolist() == expected
        assert np.abs(times / 6000 - 1 / len(expected)).max() < 0.02
        assert torch.equal(inputs["from"], inputs["continuous"][..., 0].long() // 10)
        assert torch.equal(inputs["from"], inputs["buckets"][..., 0])
        assert (inputs["from"] != asked).all()


def test_members_start_from_their_own_rows() -> None:
    rows = source(member([0, 0, 1]), member([1, 2, 2, 2], offset=100), n_classes=3)
    inputs = draw(rows, [[0, 1] * 200, [1, 2] * 200])
    assert set(inputs["continuous"][0, ::2].flatten().tolist()) == {12.0}
    assert set(inputs["continuous"][0, 1::2].flatten().tolist()) == {0.0, 1.0}
    assert set(inputs["continuous"][1, ::2].flatten().tolist()) == {121.0, 122.0, 123.0}
    assert set(inputs["continuous"][1, 1::2].flatten().tolist()) == {110.0}
    assert inputs["z"].shape == (2, 400, 2) and inputs["v"].shape == (2, 400, 3)
    again = OtherRows.pack([rows.arrays(1)], noise=2, uniforms=3)
    assert set(draw(again, [[2] * 50])["continuous"].flatten().tolist()) == {110.0}


def test_a_class_keeps_a_random_part_of_its_rows_where_there_are_too_many() -> None:
    rows = source(member([0] * 50 + [1] * 5), n_classes=2, most=8)
    found = np.unique(draw(rows, [[1] * 500])["continuous"])
    assert len(found) == 8
    assert found.max() - found.min() > 20  # not the first eight
    assert len(np.unique(draw(rows, [[0] * 500])["continuous"])) == 5


def test_images_are_shown_as_floats_and_kept_as_bytes() -> None:
    pixels = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1) * 85
    images = ImageMember(pixels=pixels, labels=np.array([1, 0, 1, 0]))
    rows = OtherRows.pack([image_arrays(images, n_classes=2, most=9, seed=0)], noise=2, uniforms=0)
    shown = np.unique(draw(rows, [[0] * 50])["x"])
    assert shown == pytest.approx([-1, 2 * 170 / 255 - 1])
    assert rows.arrays(0)["pixels"].dtype == np.uint8
    assert rows.arrays(0)["pixels"].ravel().tolist() == [85, 255, 0, 170]
