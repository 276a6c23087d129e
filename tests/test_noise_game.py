"""What the rules of a noise game do to its networks: clipping, normalisation, penalties, the class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils import parametrize

from ganaug import variants
from ganaug.data import read_table
from ganaug.gan import Draw, Gan
from ganaug.nets import ConditionalMLP, ProjectionCritic
from ganaug.nets.attention import SelfAttention
from ganaug.trainer import train
from tests import family
from tests.family import mixture

CPU = torch.device("cpu")


def parts(name: str, modality: str, **options: Any) -> tuple[Gan, Any]:
    config = variants.get(name).Config(**{"batch": 16, "steps": 6, "width": 16, **options})
    data = None if modality == "images" else read_table(mixture(), target="label")
    return family.parts(name, modality, config=config, data=data)


def critic_of(gan: Gan) -> torch.nn.Module:
    return gan.networks["critic"] if "critic" in gan.networks else gan.networks["discriminator"]


@pytest.mark.parametrize("modality", ["tables", "images"])
def test_clipped_weights_stay_within_the_clip(modality: str) -> None:
    gan, rows = parts("wgan", modality, clip=0.02)
    before = max(p.abs().max().item() for p in critic_of(gan).parameters())
    train(gan, rows, seed=0, device=CPU)
    after = torch.tensor([p.abs().max().item() for p in critic_of(gan).parameters()])
    assert before > 0.05
    assert after.max() == pytest.approx(0.02)
    assert max(p.abs().max().item() for p in gan.networks["generator"].parameters()) > 0.05


@pytest.mark.parametrize(
    ("modality", "options", "near"),
    [
        ("tables", {}, 0.15),
        ("images", {}, 0.15),
        ("images", {"preset": "residual", "channels": 8}, 0.5),  # layers that were 0 grow faster than one iteration
    ],
    ids=["tables", "images", "residual blocks"],
)
def test_the_critic_of_the_hinge_game_keeps_a_norm_near_one_while_it_learns(
    modality: str, options: dict[str, Any], near: float
) -> None:
    gan, rows = parts("hinge", modality, steps=30, **options)
    assert any(parametrize.is_parametrized(layer) for layer in critic_of(gan).modules())
    assert not any(parametrize.is_parametrized(layer) for layer in gan.networks["generator"].modules())
    train(gan, rows, seed=0, device=CPU)
    seen = 0
    for layer in critic_of(gan).modules():
        if parametrize.is_parametrized(layer, "weight"):
            chain: Any = layer.get_submodule("parametrizations.weight")
            matrix = layer.weight.detach().movedim(chain[0].axis, 1).flatten(2)[0]
            assert torch.linalg.matrix_norm(matrix, ord=2).item() == pytest.approx(1, abs=near)
            seen += 1
    assert seen >= 3


def test_the_gradient_penalty_of_images_is_near_its_target_on_a_linear_critic() -> None:
    gan, rows = parts("wgan_gp", "images")
    rng = torch.Generator().manual_seed(0)
    real, y = rows.draw(6, rng)
    weight = torch.zeros(real[0, 0].numel())
    weight[:2] = torch.tensor([0.6, 0.8])

    class Linear(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x.flatten(2) @ weight

    gan.networks["discriminator"].critic = Linear()
    draw = Draw(real=real, y=y, inputs={}, rng=rng, cache={"real": real, "fake": -real})
    (penalty,) = gan.phases[0].penalties
    assert penalty.name == "slope"
    assert penalty.weight == 10
    assert torch.allclose(penalty.term(gan.networks, draw), torch.zeros(1, 6), atol=1e-6)
    weight *= 3
    assert torch.allclose(penalty.term(gan.networks, draw), torch.full((1, 6), 4.0), atol=1e-4)


def test_cgan_gives_the_class_beside_the_rows_or_as_a_projection() -> None:
    assert isinstance(critic_of(parts("cgan", "tables", projection=False)[0]), ConditionalMLP)
    for projection in (True, None):
        assert isinstance(critic_of(parts("cgan", "tables", projection=projection)[0]), ProjectionCritic)


def test_cgan_gives_the_class_beside_the_features_of_images_and_with_the_projection_is_dcgan() -> None:
    beside, unsaid, projected, other = (
        parts(name, "images", **options)[0].networks
        for name, options in (
            ("cgan", {"projection": False}),
            ("cgan", {}),
            ("cgan", {"projection": True}),
            ("dcgan", {}),
        )
    )
    shapes, unsaid_shapes, projected_shapes, other_shapes = (
        {name: tuple(value.shape) for name, value in networks.state_dict().items()}
        for networks in (beside, unsaid, projected, other)
    )
    assert shapes == unsaid_shapes != projected_shapes == other_shapes
    assert {name for name, shape in shapes.items() if shape != other_shapes[name]} == {
        "discriminator.critic.join.weight",
        "discriminator.critic.embedding.weight",
    }


@pytest.mark.parametrize("name", ["cgan", "dcgan", "hinge", "lsgan", "sagan", "vanilla", "wgan", "wgan_gp"])
def test_the_class_changes_what_is_drawn_and_what_the_critic_thinks(name: str) -> None:
    gan, rows = parts(name, "images")
    rng = torch.Generator().manual_seed(1)
    real, y = rows.draw(5, rng)
    inputs, other = gan.source.draw(y, rng), (y + 1) % 3
    one, two = (gan.generate(gan.networks, inputs, c) for c in (y, other))
    assert (one - two).abs().mean() > 1e-3
    assert gan.critic is not None
    assert not torch.allclose(gan.critic(gan.networks, real, y), gan.critic(gan.networks, real, other))


def test_both_networks_of_sagan_attend_and_training_lets_them() -> None:
    gan, rows = parts("sagan", "images", steps=8, channels=8)
    found = [m for network in gan.networks.values() for m in network.modules() if isinstance(m, SelfAttention)]
    assert len(found) == 2
    assert all(m.gamma.item() == 0 for m in found)
    train(gan, rows, seed=0, device=CPU)
    assert all(m.gamma.item() != 0 for m in found)


def test_networks_of_the_first_gan_are_fully_connected_and_dcgans_are_not() -> None:
    shapes = {}
    for name in ("vanilla", "dcgan"):
        gan, _ = parts(name, "images")
        shapes[name] = {p.ndim for p in gan.networks["generator"].parameters()}
    assert max(shapes["vanilla"]) == 3
    assert max(shapes["dcgan"]) == 5


@pytest.mark.parametrize(
    ("modality", "steps", "batch"), [("tables", 1500, 256), ("images", 800, 64)], ids=["tables", "images"]
)
def test_steps_and_batch_are_settled_by_the_modality(modality: str, steps: int, batch: int) -> None:
    gan, _ = parts("lsgan", modality, steps=None, batch=None)
    assert (gan.stages[0].steps, gan.stages[0].batch) == (steps, batch)
    assert np.isfinite(gan.half_life)
