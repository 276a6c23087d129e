"""The training loop, on a made-up variant with two generators and three phases: no real variant is named here."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganaug import checkpoint as checkpoints
from ganaug.errors import ArtefactError
from ganaug.gan import Adam, Draw, Gan, Phase, Stage
from ganaug.nets import MemberLinear, initialise
from ganaug.trainer import Trained, TrainingError, train

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


class Killed(Exception):
    pass


def dying(gan: Gan, at: int) -> Gan:
    """Let the loss of the second phase die when it is computed for the ``at``-th time."""
    take, count = gan.phases[1].loss, [0]

    def loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        count[0] += 1
        if count[0] == at:
            raise Killed
        return take(networks, draw)

    gan.phases = (gan.phases[0], Phase(**{**vars(gan.phases[1]), "loss": loss}), gan.phases[2])
    return gan


def require_same(one: Trained, other: Trained) -> None:
    assert one.best_step == other.best_step
    assert one.history == other.history
    for name, value in one.networks.state_dict().items():
        assert torch.equal(value, other.networks.state_dict()[name])


@pytest.mark.parametrize("place", ["{}/checkpoint", "memory://trainer{}/checkpoint"])
@pytest.mark.parametrize("killed_at", [7, 30, 44])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path: Path, killed_at: int, place: str) -> None:
    options: Any = {"seed": 5, "device": CPU, "monitor": distance, "observe_every": 10}
    whole = train(fake_gan(), Points(), **options)
    kept: Any = {"checkpoint": place.format(tmp_path), "checkpoint_seconds": 0}
    with pytest.raises(Killed):
        train(dying(fake_gan(), killed_at), Points(), **options, **kept)
    assert checkpoints.load(kept["checkpoint"])["state"]["step"] == killed_at - 1
    entered: list[int] = []
    require_same(train(fake_gan(entered=entered), Points(), **options, **kept), whole)
    assert entered == [1]


def test_a_training_outlives_checkpoints_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    options: Any = {"seed": 5, "device": CPU}
    whole, write, calls = train(fake_gan(), Points(), **options), checkpoints.storage.atomic_write, itertools.count()

    def flaky(*arguments: Any, **named: Any) -> None:
        if next(calls) % 3:
            with checkpoints.storage.storage_errors("s3://bucket/c"):
                raise ConnectionResetError("reset by peer")
        write(*arguments, **named)

    monkeypatch.setattr(checkpoints.storage, "atomic_write", flaky)
    kept: Any = {"checkpoint": tmp_path / "c", "checkpoint_seconds": 0}
    with pytest.raises(Killed):
        train(dying(fake_gan(), 30), Points(), **options, **kept)
    assert checkpoints.load(tmp_path / "c")["state"]["step"] == 27, "that of step 28 and 29 failed"
    require_same(train(fake_gan(), Points(), **options, **kept), whole)
    assert "goes on without having saved its state" in caplog.text


@pytest.mark.parametrize("patience", [None, 2])
def test_a_training_that_had_ended_is_not_repeated(tmp_path: Path, patience: int | None) -> None:
    options: Any = {"seed": 5, "device": CPU, "observe_every": 10, "checkpoint": tmp_path / "checkpoint"}
    scores = iter([3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0])
    options |= {"monitor": lambda gan, networks: torch.full((2,), next(scores)), "patience": patience}
    whole = train(fake_gan(), Points(), **options)
    assert len(whole.history) == (7 if patience is None else 4)
    scores = iter([])
    require_same(train(dying(fake_gan(), 1), Points(), **options), whole)


def test_a_checkpoint_is_written_when_its_time_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, written, write = [0.0], [], checkpoints.write

    def tick(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        now[0] += 1
        return _fit("first")(networks, draw)

    def watched(place: Any, nest: Any) -> None:
        written.append(nest["state"]["step"])
        write(place, nest)

    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoints, "write", watched)
    gan = fake_gan(steps=40)
    gan.phases = (Phase(**{**vars(gan.phases[1]), "loss": tick}),)
    train(gan, Points(), seed=0, device=CPU, checkpoint=tmp_path / "c", checkpoint_seconds=15)
    assert written == [15, 30, 40]


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path, options = tmp_path / "checkpoint", {"device": CPU, "checkpoint": tmp_path / "checkpoint"}
    train(fake_gan(), Points(), seed=1, identity={"data": "a"}, **options)
    content = path.read_bytes()
    with pytest.raises(ArtefactError, match=r"another training \(seed 1, not 2\); delete it to start over, or name"):
        train(fake_gan(), Points(), seed=2, identity={"data": "a"}, **options)
    with pytest.raises(ArtefactError, match=r'another training \(data "a", not "b"\)'):
        train(fake_gan(), Points(), seed=1, identity={"data": "b"}, **options)
    gan = fake_gan()
    gan.networks["second"] = MemberLinear(2, 2, 7)
    with pytest.raises(ArtefactError, match="belongs to another training"):
        train(gan, Points(), seed=1, identity={"data": "a"}, **options)
    assert path.read_bytes() == content, "it is not ours to overwrite"


def cut(content: bytes) -> bytes:
    return content[:-7]


def flipped(content: bytes) -> bytes:
    return content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]


@pytest.mark.parametrize("damage", [cut, flipped, lambda content: b"", lambda content: b"\xff" * 4096])
def test_a_damaged_checkpoint_is_passed_over_and_the_training_comes_to_the_same_bits(
    tmp_path: Path, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path, options = tmp_path / "checkpoint", {"seed": 1, "device": CPU, "checkpoint": tmp_path / "checkpoint"}
    whole = train(fake_gan(), Points(), **options)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(checkpoints.DamagedError, match=r"is not a readable checkpoint .* delete it to start over"):
        checkpoints.load(path)
    require_same(train(fake_gan(), Points(), **options), whole)
    assert "is not a readable checkpoint" in caplog.text and "starts over" in caplog.text
    assert checkpoints.load(path)["state"]["ended"]


def small_memory(gan: Gan, rows: int) -> Gan:
    """Let every loss run out of memory on more than ``rows`` rows, after it has drawn numbers."""

    def limited(phase: Phase) -> Phase:
        def loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
            noise = draw.uniform(1)
            if draw.y.shape[1] > rows:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB. And a lot more")
            return phase.loss(networks, draw) * (1 + noise[..., 0])

        return Phase(**{**vars(phase), "loss": loss})

    gan.phases = tuple(limited(phase) for phase in gan.phases)
    return gan


@pytest.mark.parametrize("rows", [5, 1])
def test_a_batch_that_the_memory_does_not_hold_is_split_and_comes_to_the_same(
    rows: int, caplog: pytest.LogCaptureFixture
) -> None:
    options: Any = {"seed": 3, "device": CPU, "monitor": distance, "observe_every": 10}
    whole = train(small_memory(fake_gan(steps=20), 99), Points(), **options)
    assert not caplog.records
    split = train(small_memory(fake_gan(steps=20), rows), Points(), **options)
    for name, value in whole.networks.state_dict().items():
        assert torch.allclose(value, split.networks.state_dict()[name], atol=1e-5)
    for one, other in zip(whole.history, split.history, strict=True):
        assert [one[name] for name in one if name != "step"] == [
            pytest.approx(other[name], abs=1e-5) for name in one if name != "step"
        ]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2 and "does not hold a batch of 8 rows; from step 0 on" in told[0], "once a batch size"


def test_a_later_stage_of_smaller_batches_is_not_split_into_nothing() -> None:
    gan = small_memory(fake_gan(steps=8), 1)
    gan.stages = gan.stages[::-1]
    assert all(torch.isfinite(v).all() for v in weights(train(gan, Points(), seed=0, device=CPU).networks).values())


def test_a_row_that_the_memory_does_not_hold_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(TrainingError, match=r"single row .* 'critic' \(CUDA out of memory\); take smaller images"):
        train(small_memory(fake_gan(), 0), Points(), seed=0, device=CPU)


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
    with pytest.raises(TrainingError, match="the loss of phase 'bad' is not finite at step 50"):
        train(gan, Points(), seed=0, device=CPU)


def test_learning_rate_falls_as_a_half_cosine() -> None:
    from ganaug.trainer import _learning_rate

    adam = Adam(learning_rate=1.0, final_share=0.1)
    assert [_learning_rate(adam, step, 100) for step in (0, 50, 100)] == pytest.approx([1.0, 0.55, 0.1])
