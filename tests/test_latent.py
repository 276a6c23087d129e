"""Walks through the noise of images: where they begin and end, what stays the same, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_iris

from ganaug import fitting
from ganaug.data import read_table
from ganaug.errors import ConfigError
from ganaug.latent import interpolation_strip, save_picture, slerp, truncation_sweep
from ganaug.synthesizer import Synthesizer
from ganaug.variants import anchored, anchored_image, get, names, r3gan
from tests.digits import digits, image_data


@pytest.fixture(scope="module", params=["r3gan", "anchored_image"])
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    data = image_data(*digits({0: 30, 1: 12}))
    config: Any = {"r3gan": r3gan.Config, "anchored_image": anchored_image.Config}[request.param]
    config = config(steps=12, batch=8, channels=8)
    return fitting.fit(data.table, data.schema, variant=config, seed=0, device="cpu")


def test_a_great_circle_keeps_the_length_and_a_line_is_taken_where_there_is_none() -> None:
    a, b, share = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0]), torch.linspace(0, 1, 5)
    walk = slerp(a, b, share)
    assert walk.norm(dim=1).tolist() == pytest.approx([3.0] * 5)
    thirds = slerp(a, b, torch.tensor([1 / 3]))[0].tolist()
    assert thirds == pytest.approx([3 * np.cos(np.pi / 6), 3 * np.sin(np.pi / 6)])
    assert slerp(a, 2 * a, torch.tensor([0.5])).tolist() == [[4.5, 0.0]]


def test_a_strip_goes_from_one_image_to_another(synthesizer: Synthesizer) -> None:
    strip = interpolation_strip(synthesizer, 1, 5, random_state=3)
    assert strip.shape == (5, 8, 8, 1) and strip.dtype == np.uint8
    np.testing.assert_array_equal(strip, interpolation_strip(synthesizer, 1, 5, random_state=3))
    ends = interpolation_strip(synthesizer, 1, 2, random_state=3)
    assert np.abs(strip[[0, 4]].astype(int) - ends).max() <= 1, "the ends do not depend on what lies between"
    assert (strip[0] != strip[4]).any() and not np.array_equal(strip, interpolation_strip(synthesizer, 0, 5, 3))
    steps = np.abs(np.diff(strip.astype(float), axis=0)).sum((1, 2, 3))
    assert steps.max() < np.abs(strip[0].astype(float) - strip[4]).sum() + 1, "no step is larger than the whole way"


def test_less_noise_gives_images_that_are_more_alike(synthesizer: Synthesizer) -> None:
    sweep = truncation_sweep(synthesizer, 0, [0.0, 0.5, 1.0], random_state=1, n=12).astype(float)
    assert sweep.shape == (3, 12, 8, 8, 1)
    spread = sweep.std(axis=1).mean((1, 2, 3))
    if synthesizer.variant == "r3gan":
        assert spread[0] == 0 and spread[0] < spread[1] < spread[2]
    else:
        assert spread[0] > 0, "the real images that they start from differ all the same"
    assert not np.array_equal(sweep[1], sweep[2])


@pytest.mark.parametrize("variant", [name for name in names("images", adding=True) if name != "anchored_image"])
def test_every_variant_that_starts_from_noise_is_swept_through(variant: str) -> None:
    data = image_data(*digits({0: 24, 1: 12}))
    fitted = fitting.fit(
        data.table, data.schema, variant=get(variant).Config(steps=2, batch=8, channels=8), seed=0, device="cpu"
    )
    if "z" not in fitted.source.draw(torch.zeros(1, 2, dtype=torch.int64), torch.Generator()):
        with pytest.raises(ConfigError, match="no noise to walk through"):
            truncation_sweep(fitted, 0, [1.0])
        return
    sweep = truncation_sweep(fitted, 0, [0.0, 0.5, 1.0], random_state=1, n=6).astype(float)
    assert not np.array_equal(sweep[0], sweep[1]) and not np.array_equal(sweep[1], sweep[2])


def test_pictures_are_saved_in_lines(synthesizer: Synthesizer, tmp_path: Path) -> None:
    save_picture(tmp_path / "strip.png", interpolation_strip(synthesizer, 1, 5, random_state=3))
    sweep = truncation_sweep(synthesizer, 0, [0.5, 1.0], random_state=1, n=3)
    save_picture(tmp_path / "sweep.png", sweep)
    assert Image.open(tmp_path / "strip.png").size == (5 * 65 - 1, 64), "each pixel eight wide"
    picture = np.asarray(Image.open(tmp_path / "sweep.png"))
    assert picture.shape == (2 * 65 - 1, 3 * 65 - 1)
    last = picture[65:, 130:].reshape(8, 8, 8, 8)  # rows, pixels of a row, columns, pixels of a column
    np.testing.assert_array_equal(last, np.broadcast_to(sweep[1, 2, ..., 0][:, None, :, None], last.shape))
    large = np.arange(2 * 40 * 80 * 3).astype(np.uint8).reshape(2, 40, 80, 3)
    save_picture(tmp_path / "large.png", large)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "large.png"))[:, :80], large[0])


def test_what_cannot_be_walked_through_is_refused(synthesizer: Synthesizer, monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_table(load_iris(as_frame=True).frame, target="target")
    rows = fitting.fit(table.table, table.schema, variant=anchored.Config(steps=0), seed=0, device="cpu")
    with pytest.raises(ConfigError, match="is shown in images, and 'anchored' makes rows"):
        interpolation_strip(rows, 1)
    with pytest.raises(ConfigError, match="at least 2 images"):
        interpolation_strip(synthesizer, 1, 1)
    with pytest.raises(ConfigError, match=r"at least 0, however: \[-1\]"):
        truncation_sweep(synthesizer, 1, [-1])
    draw = type(synthesizer.source).draw
    monkeypatch.setattr(
        type(synthesizer.source), "draw", lambda *a: {k: v for k, v in draw(*a).items() if k != "z"} | {"mask": None}
    )
    with pytest.raises(ConfigError, match="not of noise 'z', so there is no noise to walk through"):
        truncation_sweep(synthesizer, 1, [1.0])
