"""Unpaired translation: its losses by hand, what moves, the way there and back, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from ganaug import fitting
from ganaug.data import read_table
from ganaug.errors import DataError
from ganaug.gan import Draw, Gan
from ganaug.nets import OneHot
from ganaug.trainer import train
from ganaug.variants import cyclegan
from tests.digits import digits, image_data
from tests.family import mixture, parts

COUNTS = {0: 60, 1: 40, 7: 10}
CPU = torch.device("cpu")


def digit_game(**options: Any) -> tuple[Gan, Any]:
    return parts("cyclegan", "images", config=cyclegan.Config(**options), data=image_data(*digits(COUNTS)))


def row_game(**options: Any) -> tuple[Gan, Any]:
    return parts("cyclegan", "tables", config=cyclegan.Config(**options), data=read_table(mixture(), target="label"))


def drawn(gan: Gan, rows: Any, batch: int = 200) -> Draw:
    rng = torch.Generator().manual_seed(3)
    real, y = rows.draw(batch, rng)
    draw = Draw(real=real, y=y, inputs=gan.source.draw(y, rng), rng=rng)
    with torch.no_grad():
        draw.cache["translated"] = gan.generate(gan.networks, draw.inputs, y)
    return draw


def trained(gan: Gan, rows: Any) -> Gan:
    gan.networks.update(train(gan, rows, seed=0, device=CPU).networks)
    return gan


@pytest.fixture(scope="module")
def digit_gan() -> tuple[Gan, Any]:
    gan, rows = digit_game(steps=160, batch=48)
    return trained(gan, rows), rows


@torch.no_grad()
def kept(gan: Gan, rows: Any, name: str) -> float:
    """Return the mean of the translator's extra loss ``name``."""
    (penalty,) = (p for p in gan.phases[1].penalties if p.name == name)
    return float(penalty.term(gan.networks, drawn(gan, rows)).mean())


class _Shift(nn.Module):
    """Adds 0.1 a class up, and a tenth of what it is given as noise."""

    def forward(self, inputs: dict[str, Tensor], y: Tensor) -> Tensor:
        up = 0.1 * (y - inputs["from"]) + 0.1 * inputs["z"].sum(-1)
        return inputs["x"] + up[..., None, None, None]


def test_losses_of_images_by_hand() -> None:
    networks = nn.ModuleDict({"generator": _Shift()})
    x, real = torch.zeros(1, 2, 1, 2, 2), torch.full((1, 2, 1, 2, 2), 0.5)
    y, came_from = torch.tensor([[2, 0]]), torch.tensor([[0, 1]])
    inputs = {"x": x, "from": came_from, "z": torch.tensor([[[1.0, 2.0], [0.0, 0.0]]])}
    draw = Draw(real=real, y=y, inputs=inputs, rng=torch.Generator())
    draw.cache["translated"] = networks["generator"](inputs, y)
    # There: 0.2 + 0.3 of noise, and -0.1. Back: -0.2, and 0.1, without noise.
    assert draw.cache["translated"][0, :, 0, 0, 0].tolist() == pytest.approx([0.5, -0.1])
    assert cyclegan.image_cycle(networks, draw)[0].tolist() == pytest.approx([0.3, 0.0], abs=1e-6)
    assert cyclegan.image_identity(networks, draw)[0].tolist() == [0.0, 0.0]

    class Halved(_Shift):
        def forward(self, inputs: dict[str, Tensor], y: Tensor) -> Tensor:
            return inputs["x"] / 2

    assert cyclegan.image_identity(nn.ModuleDict({"generator": Halved()}), draw)[0].tolist() == [0.25, 0.25]


def test_the_distance_of_rows_by_hand() -> None:
    view = OneHot(2, (2, 1, 3), states=(0, 1))
    x = view(torch.tensor([[[1.0, -1.0], [5.0, -1.0]]]), torch.tensor([[[0, 0, 2], [1, 0, 0]]]))
    numbers = torch.tensor([[[1.5, -3.0], [9.0, -1.0]]])
    scores = torch.log(torch.tensor([[[3.0, 1.0, 1.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0, 2.0]]]))
    # First row: .5 and 2 of numbers; probabilities 3/4 and 1/2 of the codes. In the second row the first number is a
    # spike (state 1) and does not count; probabilities 1/2 and 1/4.
    expected = [(0.5 + 2 - np.log(3 / 4) - np.log(1 / 2)) / 4, (0 + 0 - np.log(1 / 2) - np.log(1 / 4)) / 4]
    assert cyclegan.row_distance(view, (numbers, scores), x)[0].tolist() == pytest.approx(expected)


def test_the_cycle_loss_falls_and_without_it_rows_do_not_find_back() -> None:
    with_it, without = (trained(*row_game(steps=160, cycle=weight)) for weight in (1.0, 0.0))
    rows = row_game()[1]
    start = kept(row_game()[0], rows, "cycle")
    assert kept(with_it, rows, "cycle") < 0.8 * start
    assert kept(with_it, rows, "cycle") < 0.5 * kept(without, rows, "cycle")


def test_cycle_and_identity_losses_of_images_fall(digit_gan: tuple[Gan, Any]) -> None:
    gan, rows = digit_gan
    start = digit_game()[0]
    for name in ("cycle", "identity"):
        assert kept(gan, rows, name) < 0.8 * kept(start, rows, name), name


def test_an_image_led_back_is_closer_to_itself_than_to_others(digit_gan: tuple[Gan, Any]) -> None:
    gan, rows = digit_gan
    draw = drawn(gan, rows, 60)
    there = {"x": draw.cache["translated"], "from": draw.y, "z": torch.zeros_like(draw.inputs["z"])}
    with torch.no_grad():
        back = gan.networks["generator"](there, draw.inputs["from"])[0].flatten(1)
    start = draw.inputs["x"][0].flatten(1)
    distances = torch.cdist(back, start)
    other = torch.where(torch.cdist(start, start) < 1e-2, torch.inf, distances).amin(1)  # some are drawn twice
    assert (distances.diagonal() < other).float().mean() > 0.8  # by chance: one of sixty


def test_translated_digits_are_of_the_class_asked_for_and_differ_by_the_noise(digit_gan: tuple[Gan, Any]) -> None:
    gan, _ = digit_gan
    pixels, labels = load_digits(return_X_y=True)
    some = np.isin(labels, list(COUNTS))
    judge = LogisticRegression(max_iter=500).fit(pixels[some] / 8 - 1, labels[some])
    y = torch.arange(3).repeat_interleave(60)[None]
    inputs = gan.source.draw(y, torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = gan.networks["generator"](inputs, y)
        again = gan.networks["generator"](inputs | {"z": -inputs["z"]}, y)
    right = judge.predict(found[0].flatten(1).clamp(-1, 1).numpy()) == np.repeat(list(COUNTS), 60)
    assert right.reshape(3, 60).mean(1).min() >= 0.85, right.reshape(3, 60).mean(1)
    assert (found - again).abs().mean() > 0.02
    assert not torch.equal(found, again)


def test_a_translation_depends_on_the_row_that_it_starts_from(digit_gan: tuple[Gan, Any]) -> None:
    gan, _ = digit_gan
    y = torch.full((1, 40), 2)
    inputs = gan.source.draw(y, torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = gan.networks["generator"](inputs | {"z": torch.zeros_like(inputs["z"])}, y)
    assert found[0].flatten(1).std(0).mean() > 0.1


@pytest.mark.parametrize("modality", ["tables", "images"])
def test_data_of_one_class_are_refused(modality: str) -> None:
    data: Any = (
        read_table(pd.DataFrame({"x": np.arange(9.0)})) if modality == "tables" else image_data(digits()[0][:9], None)
    )
    with pytest.raises(DataError, match=r"cyclegan needs at least two classes, .* there are rows of 1; say which"):
        fitting.fit(data.table, data.schema, variant="cyclegan", seed=0, device="cpu")


def test_a_row_of_many_categories_and_gaps_is_translated() -> None:
    rng = np.random.default_rng(0)
    town = rng.choice([f"town {i}" for i in range(300)], 400)
    frame = pd.DataFrame({"town": town, "x": np.where(rng.random(400) < 0.3, np.nan, rng.normal(size=400))})
    frame["label"] = np.where(np.arange(400) % 5 == 0, "rare", "frequent")
    read = read_table(frame, target="label", id_columns=[])
    synthesizer = fitting.fit(read.table, read.schema, variant=cyclegan.Config(steps=60), seed=0, device="cpu")
    rows = synthesizer.sample(conditions={"rare": 300}, random_state=0)
    assert set(rows["town"]) <= set(town)
    assert rows["town"].nunique() > 30
    assert 0.1 < rows["x"].isna().mean() < 0.6
