"""The training loop, on a made-up variant with two generators and three phases: no real variant is named here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganaug import checkpoint as checkpoints
from ganaug.errors import ArtefactError
from ganaug.gan import Adam, Draw, Gan, Phase, Stage
from ganaug.nets import MemberLinear, initialise
from ganaug.trainer import TrainingError, train

CPU = torch.device("cpu")


class Points:
    """Two members; their rows are 3 and -3, with noise."""

    members = 2

    def draw(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        centre = torch.tensor([3.0, -3.0])[:, None, None]
        return centre + torch.randn(2, n, 1, generator=rng) * 0.1, torch.zeros(2, n, dtype=torch.int64)


class Noise:
    def draw(self, y: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        return {"z": torch.randn(*y.shape, 2, generator=rng)}

    def arrays(self, member: int) -> dict[str, Any]:
        return {}

    def to(self, device: torch.device) -> Noise:
        return self


def _critic(networks: nn.ModuleDict, x: Tensor) -> Tensor:
    return torch.tanh(networks["critic"](x))[..., 0]


def _fit(name: str) -> Any:
    """A loss under which the named generator regresses on the real rows."""

    def loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        return (networks[name](draw.inputs["z"]) - draw.real).square().sum(-1)

    return loss


def fake_gan(*, steps: int = 60, repeats: int = 1, interval: int = 1, entered: list[int] | None = None) -> Gan:
    networks = nn.ModuleDict(
        {"first": MemberLinear(2, 2, 1), "second": MemberLinear(2, 2, 1), "critic": MemberLinear(2, 1, 1)}
    )
    for name, network in networks.items():
        initialise(network, [0, 1], name)
    adam = Adam(learning_rate=0.2, betas=(0.5, 0.9))
    phases = (
        Phase(name="critic", moves=("critic",), loss=lambda n, d: -_critic(n, d.real), optimiser=adam, repeats=repeats),
        Phase(name="first", moves=("first",), loss=_fit("first"), optimiser=adam),
        Phase(name="second", moves=("second",), loss=_fit("second"), optimiser=adam, interval=interval),
    )
    enter = None if entered is None else lambda networks: entered.append(1)
    return Gan(
        networks=networks,
        source=Noise(),
        phases=phases,
        stages=(Stage(steps=steps // 2, batch=8), Stage(steps=steps - steps // 2, batch=16, enter=enter)),
        averaged=("first", "second"),
        generate=lambda networks, inputs, y: networks["first"](inputs["z"]),
        emit=lambda networks, inputs, y: None,
        half_life=5,
    )


def distance(gan: Gan, networks: nn.ModuleDict) -> Tensor:
    """Score: how far the first generator's offset is from where the rows are."""
    return (networks["first"].bias[:, 0, 0] - torch.tensor([3.0, -3.0])).abs()


def weights(networks: nn.ModuleDict) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in networks.state_dict().items()}


def test_every_member_learns_its_own_rows() -> None:
    trained = train(fake_gan(), Points(), seed=0, device=CPU)
    assert trained.networks["first"].bias[:, 0, 0].tolist() == pytest.approx([3, -3], abs=0.3)
    assert trained.networks["second"].bias[:, 0, 0].tolist() == pytest.approx([3, -3], abs=0.3)
    assert set(trained.networks) == {"first", "second"}


@pytest.mark.parametrize("phase", [0, 1, 2])
def test_a_phase_moves_its_own_networks_and_no_other(phase: int) -> None:
    gan = fake_gan(steps=2)
    gan.phases = (gan.phases[phase],)
    before = weights(gan.networks)
    train(gan, Points(), seed=0, device=CPU)
    moved = {
        name.split(".")[0] for name, value in gan.networks.state_dict().items() if not torch.equal(value, before[name])
    }
    assert moved == set(gan.phases[0].moves)


def test_repeats_and_intervals_are_counted() -> None:
    calls = {"critic": 0, "second": 0}
    gan = fake_gan(steps=10, repeats=3, interval=4)

    def counted(phase: Phase) -> Phase:
        def loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
            if phase.name in calls:
                calls[phase.name] += 1
            return phase.loss(networks, draw)

        return Phase(**{**vars(phase), "loss": loss})

    gan.phases = tuple(counted(phase) for phase in gan.phases)
    train(gan, Points(), seed=0, device=CPU)
    assert calls == {"critic": 30, "second": 3}  # steps 0, 4 and 8


def test_same_seed_same_bits_and_another_seed_others() -> None:
    runs = [weights(train(fake_gan(), Points(), seed=seed, device=CPU).networks) for seed in (3, 3, 4)]
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])
    assert any(not torch.equal(runs[0][name], runs[2][name]) for name in runs[0])


def test_the_global_seed_is_neither_used_nor_touched() -> None:
    torch.manual_seed(1)
    first = weights(train(fake_gan(steps=4), Points(), seed=0, device=CPU).networks)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))
    torch.manual_seed(2)
    second = weights(train(fake_gan(steps=4), Points(), seed=0, device=CPU).networks)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_best_observation_of_each_member_is_restored_as_a_deep_copy() -> None:
    # A monitor that likes member 0 at step 20 and member 1 at step 40 best, whatever the weights are.
    seen: dict[int, dict[str, Tensor]] = {}
    liked = {0: [9.0, 9.0], 20: [1.0, 5.0], 40: [2.0, 1.0], 60: [3.0, 2.0]}

    def monitor(gan: Gan, networks: nn.ModuleDict) -> Tensor:
        step = 20 * len(seen)
        seen[step] = weights(networks)
        return torch.tensor(liked[step])

    trained = train(fake_gan(), Points(), seed=0, device=CPU, monitor=monitor, observe_every=20)
    assert trained.best_step == [20, 40]
    for name, value in trained.networks.state_dict().items():
        assert torch.equal(value[0], seen[20][name][0])
        assert torch.equal(value[1], seen[40][name][1])
        assert not torch.equal(seen[20][name][0], seen[40][name][0])


def test_the_burn_in_is_seen_but_is_no_candidate() -> None:
    scores = iter([0.0, 1.0, 3.0, 2.0])  # at steps 0, 20, 40 and 60
    trained = train(
        fake_gan(),
        Points(),
        seed=0,
        device=CPU,
        monitor=lambda gan, networks: torch.full((2,), next(scores)),
        observe_every=20,
        burn_in=30,
    )
    assert trained.best_step == [60, 60]
    assert [entry["score"][0] for entry in trained.history] == [0.0, 1.0, 3.0, 2.0]


def test_patience_stops_the_training() -> None:
    steps: list[int] = []
    gan = fake_gan(steps=60)
    trained = train(
        gan, Points(), seed=0, device=CPU, monitor=lambda g, n: torch.tensor([1.0, 1.0]), observe_every=5, patience=3
    )
    steps = [entry["step"] for entry in trained.history]
    assert steps == [0, 5, 10, 15]
    assert trained.best_step == [15, 15]  # of equal ones the later


@pytest.mark.parametrize("killed_at", [7, 30, 44])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path: Path, killed_at: int) -> None:
    options = {"seed": 5, "device": CPU, "monitor": distance, "observe_every": 10}
    whole = train(fake_gan(), Points(), **options)

    class Killed(Exception):
        pass

    path, entered = tmp_path / "checkpoint", []
    killed = fake_gan()
    take, count = killed.phases[1].loss, [0]

    def dying(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        count[0] += 1
        if count[0] == killed_at:
            raise Killed
        return take(networks, draw)

    killed.phases = (killed.phases[0], Phase(**{**vars(killed.phases[1]), "loss": dying}), killed.phases[2])
    with pytest.raises(Killed):
        train(killed, Points(), **options, checkpoint=path, checkpoint_every=6)
    resumed = train(fake_gan(entered=entered), Points(), **options, checkpoint=path, checkpoint_every=6)
    assert entered == [1]
    assert resumed.best_step == whole.best_step
    assert resumed.history == whole.history
    for name, value in whole.networks.state_dict().items():
        assert torch.equal(value, resumed.networks.state_dict()[name])


def test_a_checkpoint_of_another_seed_or_a_corrupt_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    train(fake_gan(), Points(), seed=1, device=CPU, checkpoint=path, checkpoint_every=10)
    with pytest.raises(ArtefactError, match="was written with seed 1, not 2"):
        train(fake_gan(), Points(), seed=2, device=CPU, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ArtefactError, match="is not a readable checkpoint"):
        train(fake_gan(), Points(), seed=1, device=CPU, checkpoint=path)


def test_a_checkpoint_of_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "FORMAT", 2)
    checkpoints.write(tmp_path / "c", {"a": torch.zeros(2), "b": [1, None, "x"]})
    monkeypatch.undo()
    with pytest.raises(ArtefactError, match="checkpoint format 2, this version reads up to 1"):
        checkpoints.load(tmp_path / "c")


def test_a_loss_that_is_not_finite_fails_loudly() -> None:
    gan = fake_gan()
    gan.phases = (
        Phase(
            name="bad",
            moves=("first",),
            loss=lambda n, d: n["first"](d.inputs["z"])[..., 0] / 0,
            optimiser=Adam(learning_rate=0.1),
        ),
    )
    with pytest.raises(TrainingError, match="the loss of phase 'bad' is not finite at step 0"):
        train(gan, Points(), seed=0, device=CPU)


def test_learning_rate_falls_as_a_half_cosine() -> None:
    from ganaug.trainer import _learning_rate

    adam = Adam(learning_rate=1.0, final_share=0.1)
    assert [_learning_rate(adam, step, 100) for step in (0, 50, 100)] == pytest.approx([1.0, 0.55, 0.1])
