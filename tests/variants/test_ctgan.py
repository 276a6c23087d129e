"""CTGAN: conditions obeyed, packs, the losses by hand, and mixtures that travel with the weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from ganaug import fitting
from ganaug.data import read_table
from ganaug.errors import ConfigError
from ganaug.gan import Draw, Gan
from ganaug.nets.packs import pack
from ganaug.variants import ctgan
from tests.family import CENTRES, data_for, mixture, parts


def untrained(seeds: tuple[int, ...] = (0,), **more: Any) -> tuple[Gan, Any]:
    config = ctgan.Config(**{"width": 16, "batch": 32, **more})
    return parts("ctgan", "tables", seeds=seeds, config=config)


def drawn(gan: Gan, rows: Any, n: int = 32) -> Draw:
    rng = torch.Generator().manual_seed(0)
    real, y = rows.draw(n, rng)
    return Draw(real=real, y=y, inputs=gan.source.draw(y, rng), rng=rng)


def phase(gan: Gan, name: str) -> Any:
    return next(phase for phase in gan.phases if phase.name == name)


@pytest.fixture(scope="module")
def fitted() -> Any:
    """Return a generator of the mixture, of rows that it has not been tuned on."""
    read = read_table(mixture(seed=1), target="label")
    return fitting.fit(read.table, read.schema, variant=ctgan.Config(steps=400, batch=128), seed=0)


def test_a_class_asked_for_is_a_class_that_a_judge_confirms(fitted: Any) -> None:
    real, columns = mixture(seed=2), ["x", "y"]
    judge = RandomForestClassifier(50, random_state=0).fit(real[columns], real["label"])
    rows = fitted.sample(conditions=dict.fromkeys(CENTRES, 500), random_state=0)
    confirmed = pd.Series(judge.predict(rows[columns]) == rows["label"]).groupby(rows["label"]).mean()
    assert (confirmed >= 0.98).all(), confirmed


def test_the_column_that_is_asked_for_has_the_value(fitted: Any) -> None:
    labels, width = torch.tensor([[0, 1, 2] * 300]), 4
    inputs = fitted.source.draw(labels, torch.Generator().manual_seed(0))
    frequency = torch.from_numpy(fitted.source.arrays(0)["frequency"])
    common = frequency[:, 0].argmax(-1)  # of the one column of codes, the colour
    inputs["asked"] = common[labels]
    with torch.no_grad():
        emitted = fitted._emit(fitted._networks, inputs, labels)
    colour = emitted.codes[..., -1]
    assert frequency.shape == (3, 1, width)
    assert (colour == common[labels]).float().mean() > 0.97
    grey = torch.tensor([c for c in range(width) if c not in common.tolist()])[0]
    inputs["asked"] = grey.expand_as(labels).clone()
    with torch.no_grad():
        emitted = fitted._emit(fitted._networks, inputs, labels)
    asked_of_two = labels < 2  # which have enough grey rows to have learnt it
    assert (emitted.codes[..., -1] == grey)[asked_of_two].float().mean() > 0.8


def test_the_mixtures_that_were_trained_with_are_kept_with_the_weights(fitted: Any) -> None:
    modes = {name: value for name, value in fitted.weights.items() if ".modes." in name}
    assert {value.shape for value in modes.values()} == {(1, 2, 10)}
    assert len(modes) == 3
    weights = modes["generator.modes.weights"]
    assert torch.allclose(weights.sum(-1), torch.ones(1, 2))
    # The largest modes of x are those of its two large classes, one on either side.
    assert (modes["generator.modes.means"][0, 0, weights[0, 0] > 0].sign().unique() == torch.tensor([-1.0, 1.0])).all()


def test_the_loss_of_the_column_asked_for_by_hand() -> None:
    scores = torch.tensor([[[0.0, math.log(3.0), 1.0, 1.0, 1.0]] * 4])
    loss = ctgan.disobedience(scores, torch.tensor([[0, 1, 3, 5]]), [(0, 2), (2, 3)])
    assert loss[0].tolist() == pytest.approx([math.log(4), math.log(4 / 3), math.log(3), 0.0])


def test_each_row_has_the_loss_of_its_pack_and_parts_of_a_batch_that_of_the_whole() -> None:
    gan, rows = untrained(pac=4)
    assert gan.group == 4  # so that no pack is split
    draw, critic, generator = drawn(gan, rows), phase(gan, "critic"), phase(gan, "generator")
    state = draw.rng.get_state()

    def found(shard: slice) -> list[torch.Tensor]:
        draw.rng.set_state(state)
        part = draw.part(shard)
        loss = critic.loss(gan.networks, part)
        slope = critic.penalties[0].term(gan.networks, part)
        draw.rng.set_state(state)
        return [loss, slope, generator.loss(gan.networks, draw.part(shard))]

    whole = found(slice(0, 32))
    for value in whole:
        assert value.shape == (1, 32)
    by_pack = whole[0].reshape(8, 4)
    assert torch.equal(by_pack, by_pack[:, :1].expand(8, 4)) and len(by_pack[:, 0].unique()) == 8
    for first, last in ((0, 16), (16, 32), (8, 12)):
        for value, part in zip(whole, found(slice(first, last)), strict=True):
            torch.testing.assert_close(part, value[:, first:last], rtol=1e-3, atol=1e-4)


def test_the_critics_loss_and_slope_by_hand() -> None:
    gan, rows = untrained(pac=2)
    draw, networks = drawn(gan, rows, 8), gan.networks
    critic_phase = phase(gan, "critic")
    critic: Any = networks["critic"]
    for parameter in critic.parameters():  # one linear unit, as residual layers of weight 0 add nothing
        parameter.data.zero_()
    generator: Any = networks["generator"]
    n_row, n_classes = generator.n_shown, 3
    critic.trunk.first.weight.data[0, 0, 0] = 3.0  # the first number of the first row
    critic.trunk.first.weight.data[0, n_row + n_classes, 0] = 4.0  # and that of the second
    critic.trunk.first.bias.data[:] = 1e3  # where the unit is linear
    critic.head.weight.data[0, 0, 0] = 1.0
    loss = critic_phase.loss(networks, draw)
    real, fake = draw.cache["real"], draw.cache["fake"]
    assert real.shape == fake.shape == (1, 4, 2 * n_row)
    by_hand = 3 * (fake - real)[..., 0] + 4 * (fake - real)[..., n_row]
    torch.testing.assert_close(loss[:, ::2], by_hand, rtol=1e-3, atol=1e-3)
    slope = critic_phase.penalties[0].term(networks, draw)
    torch.testing.assert_close(slope, torch.full((1, 8), 16.0), rtol=1e-3, atol=1e-3)  # (|(3, 4)| - 1)^2


def test_what_is_watched_of_the_critic_is_what_it_is_trained_by() -> None:
    gan, rows = untrained()
    draw = drawn(gan, rows)
    state = draw.rng.get_state()
    assert gan.critic is not None and gan.judged is not None
    real, fake = gan.judged(draw, draw.real)
    apart = gan.critic(gan.networks, fake, draw.y) - gan.critic(gan.networks, real, draw.y)
    draw.rng.set_state(state)
    torch.testing.assert_close(apart, phase(gan, "critic").loss(gan.networks, draw))
    assert len(apart[0].unique()) > 1


def test_what_the_critic_sees_of_a_row_is_the_row_its_places_and_its_modes() -> None:
    gan, rows = untrained()
    draw = drawn(gan, rows)
    generator: Any = gan.networks["generator"]
    shown = generator.of_real(draw.real, draw.uniform(2))
    assert shown.shape[-1] == generator.n_shown
    n = draw.real.shape[-1]
    assert torch.equal(shown[..., :n], draw.real)
    places, modes = shown[..., n : n + 2], shown[..., n + 2 :].unflatten(-1, (2, 10))
    assert torch.equal(modes.sum(-1), torch.ones(1, 32, 2))
    torch.testing.assert_close(generator.modes.join(modes, places), draw.real[..., :2], rtol=1e-4, atol=1e-5)
    made = generator(draw.inputs["z"], draw.inputs["v"], torch.zeros(1, 32, generator.n_hot), draw.y)
    assert ((made.mode == 0) | (made.mode == 1)).all() and torch.equal(made.mode.sum(-1), torch.ones(1, 32, 2))
    assert (generator.modes.weights[:, None] * made.mode).sum(-1).min() > 0  # modes that exist
    assert made.scalar.abs().max() <= 1
    assert pack(shown, 4).shape == (1, 8, 4 * generator.n_shown)


def test_members_have_mixtures_of_their_own_rows() -> None:
    kind, config = fitting.tables, ctgan.Config()
    data = data_for("tables")
    encoder = kind.encoders([data.table], data.schema, private=True)[0]
    first = kind.member(encoder, data.table, data.schema)
    second = first.take(np.flatnonzero(first.labels == 0))
    shape = {"n_classes": 3, "seeds": [0, 0]}
    both = ctgan.make_source(config, encoder.layout, [first, second], **shape)
    modes: Any = ctgan.build(config, encoder.layout, both, **shape).networks["generator"].modes
    alone = ctgan.make_source(config, encoder.layout, [second], n_classes=3, seeds=[0])
    own: Any = ctgan.build(config, encoder.layout, alone, n_classes=3, seeds=[0]).networks["generator"].modes
    assert torch.equal(modes.means[1], own.means[0])
    assert not torch.equal(modes.means[0], modes.means[1])


def test_a_batch_must_hold_whole_packs() -> None:
    with pytest.raises(ConfigError, match=r"multiple of pac.*config.batch=32, config.pac=5"):
        untrained(pac=5)
