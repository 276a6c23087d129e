"""The hybrid of a VAE and a GAN: its three losses by hand, reconstructions, and who moves by what."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganaug import trainer
from ganaug.gan import Draw, Gan
from ganaug.nets.variational import ImagePosterior, RowPosterior, normal_divergence, normal_sample
from ganaug.variants import vaegan
from tests.digits import digits, image_data
from tests.family import parts


def small(modality: str, **more: Any) -> tuple[Gan, Any]:
    sizes = {"images": {"channels": 16, "batch": 32, "steps": 100}, "tables": {"width": 64, "depth": 2, "batch": 64}}[
        modality
    ]
    config = vaegan.Config(**{"noise": 8, "steps": 150, **sizes, **more})
    data = image_data(*digits({0: 40, 7: 30})) if modality == "images" else None
    return parts("vaegan", modality, config=config, data=data)


def drawn(gan: Gan, rows: Any, n: int = 24, seed: int = 0) -> Draw:
    rng = torch.Generator().manual_seed(seed)
    real, y = rows.draw(n, rng)
    return Draw(real=real, y=y, inputs=gan.source.draw(y, rng), rng=rng)


def losses(gan: Gan, draw: Draw) -> dict[str, Tensor]:
    state = draw.rng.get_state()
    found = {}
    for phase in gan.phases:
        draw.rng.set_state(state)
        found[phase.name] = phase.loss(gan.networks, draw)
    return found


def test_the_divergence_of_normals_by_hand_and_by_simulation() -> None:
    mean, log_variance = torch.tensor([[[1.0, -2.0]]]), torch.tensor([[[0.0, math.log(4.0)]]])
    # (1 + 1 - 0 - 1) / 2 + (4 + 4 - log 4 - 1) / 2
    by_hand = 0.5 + (7 - math.log(4)) / 2
    assert normal_divergence(mean, log_variance).item() == pytest.approx(by_hand, rel=1e-6)
    assert normal_divergence(torch.zeros(1, 1, 5), torch.zeros(1, 1, 5)).item() == 0
    u = torch.rand(1, 200_000, 2, generator=torch.Generator().manual_seed(0))
    z = normal_sample(mean, log_variance, u)
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    p = torch.distributions.Normal(0.0, 1.0)
    assert (q.log_prob(z) - p.log_prob(z)).sum(-1).mean().item() == pytest.approx(by_hand, rel=0.02)


def test_draws_from_the_posterior_have_its_moments() -> None:
    u = torch.rand(1, 100_000, 1, generator=torch.Generator().manual_seed(0))
    z = normal_sample(torch.full((1, 1, 1), 3.0), torch.full((1, 1, 1), math.log(0.25)), u)
    assert z.mean().item() == pytest.approx(3.0, abs=0.01)
    assert z.std().item() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("modality", ["tables", "images"])
def test_a_posterior_depends_on_the_row_and_on_the_class(modality: str) -> None:
    gan, rows = small(modality)
    draw = drawn(gan, rows)
    encoder = gan.networks["encoder"]
    assert isinstance(encoder, RowPosterior if modality == "tables" else ImagePosterior)
    mean, log_variance = encoder(draw.real, draw.y)
    assert mean.shape == log_variance.shape == (1, 24, 8)
    assert not torch.allclose(mean, encoder(draw.real.flip(1), draw.y)[0])
    assert not torch.allclose(mean, encoder(draw.real, 1 - draw.y.clamp(max=1))[0])
    assert encoder(draw.real * 1e6, draw.y)[1].abs().max() <= 8  # bounded, so that its exponential is finite


@pytest.mark.parametrize("modality", ["tables", "images"])
def test_the_losses_are_those_of_the_paper(modality: str) -> None:
    gan, rows = small(modality, divergence=0.3, likeness=2.0, translation=0.0, hole=0.0)
    networks, draw = gan.networks, drawn(gan, rows)
    state = draw.rng.get_state()
    found = losses(gan, draw)
    assert all(loss.shape == (1, 24) for loss in found.values())

    draw.rng.set_state(state)
    mean, log_variance = networks["encoder"](draw.real, draw.y)
    z = normal_sample(mean, log_variance, draw.uniform(8))
    again = gan.generate(networks, {**draw.inputs, "z": z}, draw.y)
    fresh = gan.generate(networks, draw.inputs, draw.y)
    critic: Any = networks["discriminator"]
    if modality == "images":
        wanted, got = (critic.critic.encoder(x)[-1].flatten(2) for x in (draw.real, again))
    else:
        wanted, got = (critic.trunk(torch.cat([x, networks["judge"](x)], -1)) for x in (draw.real, again))
    like = ((got - wanted) ** 2).sum(-1) / (wanted**2).sum(-1) / 2
    real, rebuilt, made = (torch.sigmoid(gan.critic(networks, x, draw.y)) for x in (draw.real, again, fresh))  # type: ignore[misc]
    judged = -real.log() - ((1 - rebuilt).log() + (1 - made).log()) / 2
    torch.testing.assert_close(found["discriminator"], judged, rtol=1e-4, atol=1e-5)
    prior = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)
    torch.testing.assert_close(found["encoder"], 0.3 * prior + like, rtol=1e-4, atol=1e-5)
    fooled = -(rebuilt.log() + made.log()) / 2
    torch.testing.assert_close(found["decoder"], 2.0 * like + fooled, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("modality", ["tables", "images"])
def test_each_loss_reaches_its_own_network_and_a_part_of_a_batch_is_that_of_the_whole(modality: str) -> None:
    gan, rows = small(modality)
    draw = drawn(gan, rows)
    state = draw.rng.get_state()
    whole = losses(gan, draw)
    for phase in gan.phases:
        gan.networks.zero_grad(set_to_none=True)
        gan.networks.requires_grad_(False)
        gan.networks[phase.moves[0]].requires_grad_(True)
        draw.rng.set_state(state)
        phase.loss(gan.networks, draw).sum().backward()
        touched = {n for n, network in gan.networks.items() if any(p.grad is not None for p in network.parameters())}
        assert touched == set(phase.moves)
        draw.rng.set_state(state)
        part = phase.loss(gan.networks, draw.part(slice(5, 11)))
        torch.testing.assert_close(part, whole[phase.name][:, 5:11], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("modality", ["tables", "images"])
def test_reconstructions_come_closer_and_the_posterior_neither_collapses_nor_leaves_holes(modality: str) -> None:
    gan, rows = small(modality)
    draw = drawn(gan, rows, 200)

    def rebuilt(networks: nn.ModuleDict) -> tuple[float, float]:
        with torch.no_grad():
            mean, _ = networks["encoder"](draw.real, draw.y)
            own = gan.generate(networks, {**draw.inputs, "z": mean}, draw.y)
            # What is decoded from the posterior of another row of the class: as close, had it collapsed.
            other = torch.stack([torch.nonzero(draw.y[0] == c)[-1, 0] for c in draw.y[0]])
            others = gan.generate(networks, {**draw.inputs, "z": mean[:, other]}, draw.y)
            return tuple((x - draw.real).square().mean().item() for x in (own, others))  # type: ignore[return-value]

    before = rebuilt(gan.networks)[0]
    trainer.train(gan, rows, seed=0, device=torch.device("cpu"))
    after, of_others = rebuilt(gan.networks)
    assert after < 0.7 * before
    assert after < 0.8 * of_others
    with torch.no_grad():
        mean, log_variance = gan.networks["encoder"](draw.real, draw.y)
    spread = mean.var(1) + log_variance.exp().mean(1)  # of all posteriors together, 1 if they fill the prior
    assert ((spread > 0.2) & (spread < 3)).all(), spread
    assert normal_divergence(mean, log_variance).mean() > 1  # nats that tell of the row


def test_only_the_decoder_is_kept() -> None:
    gan, _ = small("images")
    assert gan.averaged == ("generator",)
    assert [phase.moves for phase in gan.phases] == [("discriminator",), ("encoder",), ("generator",)]
    assert not vaegan.KEEPS_ROWS and not gan.source.arrays(0)
