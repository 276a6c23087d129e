"""What makes StyleGAN2: path length regularisation, mixed styles, truncation, and means that follow training."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganaug import fitting, latent, styles
from ganaug.encode import ImageLayout
from ganaug.errors import ConfigError
from ganaug.gan import Draw, Gan
from ganaug.style_sources import StyleSource
from ganaug.synthesizer import Synthesizer
from ganaug.variants import stylegan2
from tests.digits import digits, image_data

LAYOUT = ImageLayout(1, 8, 8)


def tiny(**more: Any) -> stylegan2.Config:
    options: dict[str, Any] = {"steps": 12, "batch": 8, "channels": 8, "width": 16}
    return stylegan2.Config(**options | more)


def composed(**more: Any) -> tuple[Gan, Any]:
    """Return an untrained GAN of two members and its generator."""
    config, shape = tiny(**more), {"n_classes": 3, "seeds": (0, 1)}
    gan = stylegan2.build(config, LAYOUT, stylegan2.make_source(config, LAYOUT, [], **shape), **shape)
    return gan, gan.networks["generator"]


def drawn(gan: Gan, n: int = 6, *, seed: int = 3) -> Draw:
    rng = torch.Generator().manual_seed(seed)
    y = torch.randint(3, (2, n), generator=rng)
    return Draw(real=torch.zeros(2, n, 1, 8, 8), y=y, inputs=gan.source.draw(y, rng), rng=rng)


def source(**more: float) -> StyleSource:
    return StyleSource(size=2, pixels=4, layers=5, **{"mixing": 0.9, "crossing": 0.5} | more)


def draws(of: StyleSource, y: Tensor, seed: int = 0) -> dict[str, Tensor]:
    return of.draw(y, torch.Generator().manual_seed(seed))


def test_styles_are_mixed_as_often_as_is_said_and_from_every_layer_on() -> None:
    y = torch.zeros(1, 8000, dtype=torch.int64)
    cut = draws(source(), y)["cut"]
    assert (cut < 5).float().mean().item() == pytest.approx(0.9, abs=0.015)
    assert [(cut == place).float().mean().item() for place in range(1, 5)] == pytest.approx([0.225] * 4, abs=0.02)
    assert (draws(source(mixing=0), y)["cut"] == 5).all() and (draws(source(mixing=1), y)["cut"] < 5).all()


def test_styles_are_crossed_with_the_class_before_where_the_coarser_half_is_kept() -> None:
    y = torch.arange(8000)[None] % 3
    inputs = draws(source(), y)
    crossed = inputs["donor"] != y
    assert torch.equal(inputs["donor"][crossed], y.roll(1, dims=1)[crossed])
    assert not crossed[inputs["cut"] < 3].any()
    assert crossed[inputs["cut"] >= 3].float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(draws(source(crossing=0), y)["donor"], y)


def test_mixing_depends_on_the_draws_alone() -> None:
    y = torch.arange(40)[None] % 3
    once, again, other = draws(source(), y), draws(source(), y), draws(source(), y, seed=1)
    assert all(torch.equal(once[name], again[name]) for name in once)
    assert not torch.equal(once["cut"], other["cut"])
    gan, generator = composed()
    draw = drawn(gan)
    mixed = draw.inputs["cut"] < 3
    own = generator({name: value for name, value in draw.inputs.items() if name != "cut"}, draw.y)
    changed = (generator(draw.inputs, draw.y) != own).flatten(2).any(2)
    assert torch.equal(changed, mixed)


def test_what_is_drawn_for_the_user_and_for_monitors_has_styles_of_its_own() -> None:
    gan, generator = composed()
    draw = drawn(gan)
    own = generator({"z": draw.inputs["z"], "noise": draw.inputs["noise"]}, draw.y)
    assert torch.equal(gan.emit(gan.networks, draw.inputs, draw.y).images, own)
    assert torch.equal(gan.generate(gan.networks, draw.inputs, draw.y), own)


def test_the_path_length_penalty_is_the_squared_distance_from_the_mean_length() -> None:
    gan, generator = composed(path_weight=3.0, path_interval=2)
    (penalty,) = gan.phases[1].penalties
    assert (penalty.weight, penalty.interval) == (3, 2)
    draw = drawn(gan)
    state = draw.rng.get_state()
    generator.requires_grad_(True)
    assert not penalty.term(gan.networks, draw).any()  # there is no mean yet
    lengths = draw.cache["lengths"]
    along = 2**0.5 * torch.erfinv(2 * torch.rand(2, 6, 1, 8, 8, generator=draw.rng.set_state(state)) - 1) / 8

    def image(w: Tensor) -> Tensor:
        ws = torch.stack([w] * 3).expand(2, 6, -1, -1)
        return generator.synthesis(ws, draw.inputs["noise"])[1, 4]

    w = generator.mapping(draw.inputs["z"], draw.y)[1, 4].detach()
    jacobian = torch.autograd.functional.jacobian(image, w).reshape(64, -1)
    assert lengths[1, 4].item() == pytest.approx((along[1, 4].flatten() @ jacobian).norm().item(), rel=1e-4)
    generator.path.copy_(torch.tensor([0.5, 2.0]))
    draw.rng.set_state(state)
    found = penalty.term(gan.networks, draw)
    assert torch.allclose(found, (lengths - generator.path[:, None]).square(), rtol=1e-4)
    found.sum().backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for n, p in generator.named_parameters() if "affine.weight" in n
    )


def test_a_split_batch_has_the_same_path_lengths_and_leaves_the_same_means() -> None:
    gan, generator = composed()
    generator.requires_grad_(True)
    (penalty,), follow = gan.phases[1].penalties, gan.phases[1].after
    assert follow is not None
    found = []
    for cuts in ([0, 6], [0, 2, 6]):
        draw = drawn(gan)
        state, parts = draw.rng.get_state(), []
        for first, last in itertools.pairwise(cuts):
            draw.rng.set_state(state)
            part = draw.part(slice(first, last))
            penalty.term(gan.networks, part)
            parts.append(part)
        for buffer in generator.buffers():
            buffer.zero_()
        follow(gan.networks, parts)
        found.append({name: buffer.clone() for name, buffer in generator.named_buffers()})
    assert found[0]["path"].min() > 0 and found[0]["centre"].abs().sum() > 0
    assert all(torch.allclose(found[0][name], found[1][name], atol=1e-5) for name in found[0])


def test_r1_and_path_lengths_can_be_left_out() -> None:
    gan, _ = composed(gamma=0.0, path_weight=0.0)
    assert [phase.penalties for phase in gan.phases] == [(), ()]
    gan, _ = composed(gamma=0.25, penalty_interval=16)
    assert [(p.name, p.weight, p.interval) for p in gan.phases[0].penalties] == [("r1", 0.25, 16)]


@pytest.mark.parametrize(
    "wrong", [{"mixing": 1.1}, {"crossing": -0.1}, {"truncation": -1.0}, {"truncation": float("nan")}], ids=str
)
def test_settings_out_of_range_are_told(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"{name}="):
        stylegan2.Config(**wrong)


@pytest.fixture(scope="module")
def fitted() -> Synthesizer:
    data = image_data(*digits({0: 40, 1: 20}))
    return fitting.fit(data.table, data.schema, variant=tiny(steps=60, batch=16), seed=0, device="cpu")


def pixels(synthesizer: Synthesizer, psi: float, label: int = 1) -> np.ndarray:
    table = styles.truncate(synthesizer, psi).sample_table(np.full(60, label), seed=0)
    return synthesizer.schema.pixels(table).astype(float)  # type: ignore[union-attr]


def test_training_leaves_the_mean_style_of_every_class_and_a_path_length(fitted: Synthesizer) -> None:
    weights = fitted.weights
    assert weights["generator.seen"].min() > 30 and weights["generator.path"].item() > 0
    y = torch.tensor([[0, 1]]).repeat(1, 500)
    z = torch.randn(1, 1000, 64, generator=torch.Generator().manual_seed(0))
    w = fitted._networks["generator"].mapping(z, y)  # type: ignore[union-attr]
    for c in range(2):
        mean, centre = w[0, c::2].mean(0), weights["generator.centre"][0, c]
        assert torch.linalg.norm(mean - centre) < 0.2 * torch.linalg.norm(mean)
        assert torch.linalg.norm(mean - weights["generator.centre"][0, 1 - c]) > 0.5 * torch.linalg.norm(mean)


def test_truncation_narrows_the_variety_of_a_class_down_to_one_image(fitted: Synthesizer) -> None:
    spread = [pixels(fitted, psi).std(0).mean() for psi in (0, 0.3, 1.0)]
    assert spread[0] < 1 < 2 * spread[1] < spread[2]  # of 255; what is left at 0 is the noise
    silent = replace(fitted, weights={k: v * 0 if "strength" in k else v for k, v in fitted.weights.items()})
    assert len(np.unique(pixels(silent, 0).reshape(60, -1), axis=0)) == 1
    assert not np.array_equal(pixels(silent, 0), pixels(silent, 0, label=0))
    assert np.array_equal(pixels(replace(fitted, config=replace(fitted.config, truncation=0.3)), 1), pixels(fitted, 1))


def test_psi_among_the_inputs_scales_that_of_the_settings() -> None:
    gan, generator = composed(truncation=0.5)
    generator.centre.normal_(generator=torch.Generator().manual_seed(0))
    draw = drawn(gan)
    plain = {"z": draw.inputs["z"], "noise": draw.inputs["noise"]}
    for given, psi in (({}, 0.5), ({"psi": torch.full((2, 6), 1.5)}, 0.75)):
        expected = generator(plain | {"psi": torch.full((2, 6), psi)}, draw.y)
        assert torch.equal(gan.emit(gan.networks, draw.inputs | given, draw.y).images, expected)
    assert not torch.allclose(generator(plain, draw.y), expected, atol=1e-3)


def test_a_sweep_through_the_latent_space_truncates(fitted: Synthesizer) -> None:
    swept = latent.truncation_sweep(fitted, 1, (0.0, 0.5, 1.0), 0, n=30).astype(float)
    spread = swept.std(1).mean((1, 2, 3))
    assert spread[0] < 1 < 1.5 * spread[1] < spread[2]
