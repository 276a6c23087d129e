"""The parts of image variants: bounds, penalties against slow references, precision, members apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganaug import fitting
from ganaug.data.image_rows import ImageRows
from ganaug.gan import Draw, Gan
from tests import family
from tests.digits import digits, image_data
from tests.family import parts, tiny

NAMES = family.adding("images")
RELATIVISTIC = ("anchored_image", "r3gan")
FEATURED = (*RELATIVISTIC, "dcgan")
"""Penalties, presets and precision are those of networks that all share: with R1 and R2, and, from noise, R1 alone."""


def drawn(gan: Gan, rows: ImageRows, batch: int = 6) -> Draw:
    rng = torch.Generator().manual_seed(3)
    real, y = rows.draw(batch, rng)
    return Draw(real=real, y=y, inputs=gan.source.draw(y, rng), rng=rng)


def doubled(draw: Draw) -> Draw:
    """Return the draw in double precision."""
    inputs = {k: v.double() if v.is_floating_point() else v for k, v in draw.inputs.items()}
    return Draw(real=draw.real.double(), y=draw.y, inputs=inputs, rng=draw.rng)


def test_changes_of_anchored_images_stay_within_their_bounds() -> None:
    config = tiny("anchored_image", residual=0.3)
    gan, _ = parts("anchored_image", "images", config=config)
    generator: Any = gan.networks["generator"]
    rng = torch.Generator().manual_seed(0)
    for parameter in generator.parameters():
        parameter.data.normal_(generator=rng)
    y = torch.tensor([[0, 1, 2] * 30])
    inputs = gan.source.draw(y, rng)
    with torch.no_grad():
        painted = generator(inputs, y)
        generator.config = replace(config, residual=0.0)
        moved = generator(inputs, y)
    assert 0.25 < (painted - moved).abs().max() <= 0.3 + 1e-5
    assert moved.min() >= -1 and moved.max() <= 1
    assert not torch.allclose(moved, inputs["a"], atol=0.1)


def test_a_smoothed_painter_leaves_less_of_a_grid() -> None:
    grids = {}
    for smoothed in (False, True):
        config = tiny("anchored_image", smoothed=smoothed)
        gan, _ = parts("anchored_image", "images", config=config)
        generator: Any = gan.networks["generator"]
        generator.paint.out.weight.data.normal_(generator=torch.Generator().manual_seed(0))
        y = torch.tensor([[0, 1, 2] * 10])
        inputs = gan.source.draw(y, torch.Generator().manual_seed(0))
        with torch.no_grad():
            change = generator(inputs, y) - inputs["a"]
        # How much pixels differ from the ones beside them, as a share of how much they differ at all.
        grids[smoothed] = float((change.diff(dim=-1).var() + change.diff(dim=-2).var()) / change.var())
    assert grids[True] < 0.7 * grids[False], grids


@pytest.mark.parametrize("name", FEATURED)
@pytest.mark.parametrize("preset", ["strided", "residual"])
def test_the_gradient_of_the_penalties_is_that_of_finite_differences(name: str, preset: str) -> None:
    # Padding at the border of 9 x 13 pixels included. A slope of the leaky units may change within the step.
    rng = np.random.default_rng(0)
    data = image_data(rng.integers(0, 256, (12, 9, 13, 3), dtype=np.uint8), np.repeat([0, 1], 6))
    gan, rows = parts(name, "images", config=tiny(name, preset=preset), data=data)
    gan.networks.double()
    noise = torch.Generator().manual_seed(0)
    for parameter in gan.networks.parameters():
        parameter.data.add_(torch.randn(parameter.shape, generator=noise) * 0.02)
    draw, phase = doubled(drawn(gan, rows)), gan.phases[0]
    with torch.no_grad():
        phase.loss(gan.networks, draw)
    discriminator = gan.networks["discriminator"]

    def penalty() -> Tensor:
        return sum((p.term(gan.networks, draw).sum() for p in phase.penalties), torch.zeros(()))

    gan.networks.zero_grad()
    penalty().backward()
    for parameter in (p for p in discriminator.parameters() if p.grad is not None and p.grad.abs().max() > 1e-8):
        assert parameter.grad is not None
        at = int(parameter.grad.abs().argmax())
        flat, step, value = parameter.data.view(-1), 1e-6, parameter.data.view(-1)[at].item()
        flat[at] = value + step
        above = penalty().item()
        flat[at] = value - step
        below = penalty().item()
        flat[at] = value
        assert (above - below) / (2 * step) == pytest.approx(parameter.grad.view(-1)[at].item(), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "judged"), [*((name, ("real", "fake")) for name in RELATIVISTIC), ("dcgan", ("real",))]
)
def test_the_penalties_are_half_the_squared_gradient_of_each_image(name: str, judged: tuple[str, ...]) -> None:
    gan, rows = parts(name, "images", seeds=(0, 1))
    draw, phase = drawn(gan, rows), gan.phases[0]
    with torch.no_grad():
        phase.loss(gan.networks, draw)
    for penalty, of in zip(phase.penalties, judged, strict=True):
        found = penalty.term(gan.networks, draw)
        x = draw.cache[of].clone().requires_grad_()
        logits = gan.networks["discriminator"](x, draw.y)
        for m, b in ((0, 0), (1, 3)):
            (gradient,) = torch.autograd.grad(logits[m, b], x, retain_graph=True)
            assert found[m, b].item() == pytest.approx(gradient.square().sum().item() / 2, rel=1e-4)


@pytest.mark.parametrize("name", FEATURED)
@pytest.mark.parametrize("preset", ["strided", "residual"])
def test_bfloat16_is_close_to_float32_and_its_penalties_have_finite_gradients(name: str, preset: str) -> None:
    results: dict[str, dict[str, Tensor]] = {}
    for precision in ("float32", "bfloat16"):
        gan, rows = parts(name, "images", config=tiny(name, preset=preset, precision=precision, channels=16))
        draw, phase = drawn(gan, rows), gan.phases[0]
        loss = phase.loss(gan.networks, draw)
        penalty = phase.penalties[0].term(gan.networks, draw)
        penalty.mean().backward()
        gradients = [p.grad.flatten() for p in gan.networks["discriminator"].parameters() if p.grad is not None]
        images = gan.generate(gan.networks, draw.inputs, draw.y).detach()
        results[precision] = {"loss": loss.detach(), "penalty": penalty.detach(), "images": images}
        results[precision]["gradient"] = torch.cat(gradients)
    for key, tolerance in (("images", 0.02), ("loss", 0.01), ("penalty", 0.15), ("gradient", 0.15)):
        single, half = results["float32"][key], results["bfloat16"][key]
        assert half.dtype == torch.float32
        assert torch.isfinite(half).all()
        assert torch.linalg.norm(half - single) <= tolerance * torch.linalg.norm(single), key
    assert not torch.equal(results["float32"]["loss"], results["bfloat16"]["loss"])


def test_an_anchored_pair_of_a_class_of_one_image_teaches_nothing() -> None:
    data = image_data(*digits({0: 20, 1: 1}))
    gan, rows = parts("anchored_image", "images", data=data)
    draw = drawn(gan, rows, batch=40)
    loss = gan.phases[0].loss(gan.networks, draw)
    assert (draw.y == 1).any()
    assert torch.equal(loss == 0, draw.y == 1)


@pytest.mark.parametrize("name", NAMES)
def test_members_trained_side_by_side_do_not_see_each_other(name: str) -> None:
    gan, rows = parts(name, "images", seeds=(0, 1))
    for phase in gan.phases:
        moved = [p for network in phase.moves for p in gan.networks[network].parameters()]
        loss = phase.loss(gan.networks, drawn(gan, rows))[0].sum()
        gradients = [g for g in torch.autograd.grad(loss, moved, allow_unused=True) if g is not None]
        assert all(len(g) == 2 for g in gradients), "the member axis comes first"
        assert sum(float(g[0].abs().sum()) for g in gradients) > 0, phase.name
        assert all(float(g[1].abs().sum()) == 0 for g in gradients), phase.name


@pytest.mark.parametrize("name", family.adding("images"))
def test_members_of_the_same_images_draw_others(name: str) -> None:
    data, config = family.data_for("images"), tiny(name)
    pair = fitting.fit_many([data.table] * 2, data.schema, variant=config, seeds=[0, 1], device="cpu")
    first, second = (s.sample_table(np.array([0, 1, 2]), seed=0) for s in pair)
    assert not first.equals(second)
