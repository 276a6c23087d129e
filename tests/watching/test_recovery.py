"""A training that goes wrong goes back, and ends finite or in an error that says what to do; kills change nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganaug import checkpoint as checkpoints
from ganaug.gan import Draw, Gan
from ganaug.trainer import RETRIES, Trained, TrainingError, Watch, train
from ganaug.watching import Seen
from tests.test_trainer import CPU, Killed, Points, distance, dying, fake_gan, require_same, weights

OPTIONS: dict[str, Any] = {"seed": 5, "device": CPU, "monitor": distance, "observe_every": 10}


def spoilt(gan: Gan, *, at: int, times: int = 1, what: float = float("nan"), phase: int = 1) -> Gan:
    """Let a loss be ``what`` when it is computed for the ``at``-th time, and the next ``times - 1`` times."""
    take, count = gan.phases[phase].loss, itertools.count(1)

    def loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        found, n = take(networks, draw), next(count)
        return found * what if at <= n < at + times else found

    phases = list(gan.phases)
    phases[phase] = replace(phases[phase], loss=loss)
    gan.phases = tuple(phases)
    return gan


def always(gan: Gan, step: int, what: float = float("nan")) -> Gan:
    """Spoil the first generator's loss at ``step``, by the state that the step leaves in the network."""
    take = gan.phases[1].loss
    gan.networks.register_buffer("taken", torch.zeros(2, dtype=torch.int64))

    def loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        networks.get_buffer("taken").add_(1)
        found = take(networks, draw)
        return found * what if int(networks.get_buffer("taken")[0]) == step else found

    gan.phases = (gan.phases[0], replace(gan.phases[1], loss=loss), gan.phases[2])
    return gan


def all_finite(trained: Trained) -> bool:
    return all(bool(torch.isfinite(value).all()) for value in weights(trained.networks).values())


def test_a_nan_is_recovered_from_and_the_training_learns_what_it_was_to_learn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trained = train(spoilt(fake_gan(), at=34), Points(), **OPTIONS)
    assert all_finite(trained)
    assert trained.networks["first"].bias[:, 0, 0].tolist() == pytest.approx([3, -3], abs=0.3)
    assert [e["step"] for e in trained.history] == [0, 10, 20, 30, 40, 30, 40, 50, 60]
    assert [e.get("retry") for e in trained.history] == [None] * 5 + [1] * 4
    noticed = trained.history[4]["noticed"]
    assert [found["kind"] for found in noticed[0]] == ["nan"] and len(noticed) == 2
    assert "lower learning rate" in noticed[0][0]["text"]
    assert "the training goes back to step 30, with 0.5 of the learning rate (1 of 3 times)" in caplog.text
    assert "is not finite at step 40" in caplog.text


def test_a_training_goes_back_to_the_state_of_its_last_sound_observation() -> None:
    seen: dict[int, list[dict[str, Tensor]]] = {}

    def monitor(gan: Gan, networks: nn.ModuleDict) -> Tensor:
        seen.setdefault(int(gan.networks.get_buffer("count")), []).append(weights(gan.networks))
        return torch.zeros(2)

    def counted(gan: Gan) -> Gan:
        gan.networks.register_buffer("count", torch.zeros((), dtype=torch.int64))
        after = lambda networks, parts: networks.get_buffer("count").add_(1)  # noqa: E731
        gan.phases = (*gan.phases[:2], replace(gan.phases[2], after=after))
        return gan

    train(spoilt(counted(fake_gan()), at=34), Points(), **{**OPTIONS, "monitor": monitor})
    assert sorted(seen) == [0, 10, 20, 30, 40, 50, 60]
    first, again = seen[30]
    assert all(torch.equal(first[name], again[name]) for name in first)
    spoilt_weights, sound = seen[40]
    assert not torch.isfinite(spoilt_weights["first.weight"]).all() and torch.isfinite(sound["first.weight"]).all()


def test_half_the_learning_rate_and_other_draws_are_taken_after_going_back() -> None:
    rates: list[float] = []
    batches: dict[int, list[Tensor]] = {}
    gan = spoilt(fake_gan(), at=34)
    take, steps = gan.phases[2].loss, itertools.count()

    def loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        batches.setdefault(next(steps), []).append(draw.real)
        return take(networks, draw)

    gan.phases = (*gan.phases[:2], replace(gan.phases[2], loss=loss))
    adam = torch.optim.Adam.step

    def stepped(self: torch.optim.Adam, *arguments: Any) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return adam(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", stepped)
        train(gan, Points(), **OPTIONS)
    assert set(rates[: 40 * 3]) == {0.2} and set(rates[40 * 3 :]) == {0.1}
    assert not torch.equal(batches[30][0], batches[40][0]), "step 30, again"


def test_three_times_and_then_an_error_that_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(TrainingError) as caught:
        train(always(fake_gan(), 34), Points(), **OPTIONS)
    assert "the loss of phase 'first' is not finite" in str(caught.value) or "weights" in str(caught.value)
    assert f"went back {RETRIES} times, each time with half the learning rate" in str(caught.value)
    assert "take a lower learning rate, or another seed" in str(caught.value)
    assert caplog.text.count("the training goes back to step 30") == 3
    assert "with 0.125 of the learning rate (3 of 3 times)" in caplog.text
    assert caplog.text.count("not finite at step 40") == 2, "once a member, not at every attempt"


def test_a_loss_that_grows_without_bound_is_recovered_from() -> None:
    trained = train(spoilt(fake_gan(), at=40, what=1e9), Points(), **OPTIONS)
    kinds = [found["kind"] for entry in trained.history for found in entry.get("noticed", [[]])[0]]
    assert kinds == ["divergence"]
    assert all_finite(trained) and trained.history[-1]["retry"] == 1


def collapsing(at: list[int], attempts: int) -> Any:
    """A monitor that sees class 1 of both members collapsed at the steps ``at``, in the first ``attempts``."""
    attempt, last = [0], [-1]

    def monitor(gan: Gan, networks: nn.ModuleDict) -> Seen:
        step = int(gan.networks.get_buffer("taken")[0])
        attempt[0] += step <= last[0]
        last[0] = step
        share = 0.05 if step in at and attempt[0] < attempts else 0.8
        return Seen(score=torch.full((2,), 1.0), classes={"variety": torch.tensor([[0.9, share]] * 2)})

    return monitor


def test_a_class_that_collapses_is_named_and_recovered_from(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(class_names=["cat", "dog"])
    options: Any = {**OPTIONS, "monitor": collapsing([30, 40], 1), "watch": watch}
    trained = train(always(fake_gan(), 0), Points(), **options)
    assert [e["step"] for e in trained.history] == [0, 10, 20, 30, 40, 20, 30, 40, 50, 60]
    assert (
        "mode collapse: the generated rows of class 'dog' differ by 5 % of what real ones do at step 30" in caplog.text
    )
    assert "fewer steps" in caplog.text and "goes back to step 20" in caplog.text
    with pytest.raises(TrainingError, match=r"mode collapse: the generated rows of class 'dog' .* went back 3 times"):
        train(always(fake_gan(), 0), Points(), **{**options, "monitor": collapsing([30, 40], 9)})


def test_a_collapse_that_does_not_last_changes_nothing() -> None:
    whole = train(fake_gan(), Points(), **OPTIONS)
    seen = train(always(fake_gan(), 0), Points(), **{**OPTIONS, "monitor": collapsing([30], 9)})
    assert [e["step"] for e in seen.history] == list(range(0, 61, 10))
    assert [found["kind"] for found in seen.history[3]["noticed"][0]] == ["collapse"]
    assert [e["first"] for e in seen.history[1:]] == [e["first"] for e in whole.history[1:]]


@pytest.mark.parametrize(("at", "best"), [([60], 50), ([50], 60), ([], 60)])
def test_a_state_that_has_just_lost_a_class_is_not_kept_as_the_best(at: list[int], best: int) -> None:
    trained = train(always(fake_gan(), 0), Points(), **{**OPTIONS, "monitor": collapsing(at, 9)})
    assert trained.best_step == [best, best] and trained.best_score.tolist() == [1.0, 1.0]


def winning(wins: Any) -> Gan:
    """A training whose critic tells every row apart in the observations ``wins`` says, counted from 0, and else none.

    It is asked about real rows, and then about generated ones.
    """
    asked = itertools.count()

    def critic(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
        observation, generated = divmod(next(asked), 2)
        return torch.full(x.shape[:2], 1.0 - 2 * generated if wins(observation) else 0.0)

    return replace(fake_gan(), critic=critic)


def constant(gan: Gan, networks: nn.ModuleDict) -> Tensor:
    return torch.ones(2)


def test_a_discriminator_that_has_won_is_recovered_from_behind_where_it_began_to_win(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trained = train(winning(lambda n: 2 <= n < 5), Points(), **{**OPTIONS, "monitor": constant})
    assert [e["step"] for e in trained.history] == [0, 10, 20, 30, 40, 10, 20, 30, 40, 50, 60]
    assert "goes back to step 10, with 0.5 of the learning rate" in caplog.text
    assert "the discriminator has won" in caplog.text and "a heavier gradient penalty" in caplog.text


def test_a_discriminator_that_wins_at_every_rate_is_named_and_the_best_state_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trained = train(winning(lambda n: n >= 2), Points(), **{**OPTIONS, "monitor": constant})
    attempts = [0, 10, 20, 30, 40], [10, 20, 30], [10, 20, 30, 40, 50, 60]
    assert [e["step"] for e in trained.history] == [step for attempt in attempts for step in attempt]
    assert caplog.text.count("the training goes back") == RETRIES - 1 and all_finite(trained)
    assert trained.history[-1]["noticed"][0][0]["kind"] == "won"


def test_after_victories_a_nan_is_recovered_from_all_the_same() -> None:
    gan = winning(lambda n: n >= 2)  # back at step 40, at 30 again, and NaN in the 95th step, on the way to 50
    trained = train(spoilt(gan, at=95), Points(), **{**OPTIONS, "monitor": constant})
    kinds = [found["kind"] for entry in trained.history for found in entry.get("noticed", [[]])[0]]
    assert "nan" in kinds and all_finite(trained) and trained.history[-1]["retry"] == RETRIES


def breaking(gan: Gan, value: float) -> Gan:
    """Let the first generator's loss be NaN for the batch that begins with ``value``: other draws do not have it."""
    take = gan.phases[1].loss

    def loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        return take(networks, draw) * torch.where(draw.real[:1, :1, 0] == value, torch.nan, 1.0)

    gan.phases = (gan.phases[0], replace(gan.phases[1], loss=loss), gan.phases[2])
    return gan


def first_value(step: int) -> float:
    """Return with what the first generator's batch of ``step`` begins."""
    found: list[float] = []
    gan = fake_gan()
    take = gan.phases[1].loss
    loss = lambda networks, draw: (found.append(draw.real[0, 0, 0].item()), take(networks, draw))[1]  # noqa: E731
    gan.phases = (gan.phases[0], replace(gan.phases[1], loss=loss), gan.phases[2])
    train(gan, Points(), **OPTIONS)
    return found[step]


@pytest.mark.parametrize("killed_at", [20, 37, 46, 55])
def test_a_killed_training_that_went_back_comes_to_the_same_bits(tmp_path: Path, killed_at: int) -> None:
    value = first_value(34)  # goes wrong at step 34, seen at 40, back at 30: killed before, between and after
    whole = train(breaking(fake_gan(), value), Points(), **OPTIONS)
    assert [e["step"] for e in whole.history] == [0, 10, 20, 30, 40, 30, 40, 50, 60] and all_finite(whole)
    kept: Any = {"checkpoint": tmp_path / "c", "checkpoint_seconds": 0}
    with pytest.raises(Killed):
        train(dying(breaking(fake_gan(), value), killed_at), Points(), **OPTIONS, **kept)
    nest = checkpoints.load(tmp_path / "c")["state"]
    assert nest["retries"] == (0 if killed_at <= 40 else 1) and nest["good"]["step"] == nest["step"] // 10 * 10
    require_same(train(breaking(fake_gan(), value), Points(), **OPTIONS, **kept), whole)


def test_observing_more_often_changes_no_bit_and_leaves_no_trace_in_the_networks() -> None:
    def spectral(gan: Gan) -> Gan:
        """Let the critic change a buffer whenever it is asked, as spectral normalisation does."""
        gan.networks["critic"].register_buffer("u", torch.zeros(2, 1, 1))

        def critic(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
            networks["critic"].get_buffer("u").add_(1)
            return x[..., 0] + networks["critic"].get_buffer("u")[..., 0]

        take = gan.phases[0].loss
        gan.phases = (
            replace(gan.phases[0], loss=lambda n, d: take(n, d) * (1 + n["critic"].get_buffer("u")[..., 0])),
            *gan.phases[1:],
        )
        gan.critic = critic
        return gan

    once = train(spectral(fake_gan()), Points(), **OPTIONS)
    gan = spectral(fake_gan())
    often = train(gan, Points(), **OPTIONS, watch=Watch(every=4))
    assert torch.equal(gan.networks["critic"].get_buffer("u"), torch.zeros(2, 1, 1))
    assert all(torch.equal(v, often.networks.state_dict()[k]) for k, v in once.networks.state_dict().items())
    assert once.best_step == often.best_step
    steps = [entry["step"] for entry in often.history]
    assert steps == sorted({*range(0, 61, 10), *range(0, 61, 4)})
    assert [e for e in often.history if e["step"] % 10 == 0][1:] == once.history[1:]
    # The rows lie at 3 and -3, the untrained generators' at about 0: a critic that rates by height is right, or wrong.
    assert once.history[0]["accuracy real"] == [1.0, 0.0]
    assert set(once.history[-1]) == {
        *("step", "critic", "first", "second", "gradient critic", "gradient first", "gradient second"),
        *("score", "accuracy real", "accuracy fake"),
    }


def test_the_gradient_of_a_phase_that_is_taken_now_and_then_is_its_last_one() -> None:
    whole = train(fake_gan(interval=7), Points(), **OPTIONS)
    assert all(entry["gradient second"][0] > 0 for entry in whole.history[1:])
    norms: dict[int, float] = {}
    gan, step = fake_gan(interval=7), itertools.count(step=7)
    gan.phases = (*gan.phases[:2], replace(gan.phases[2], after=lambda n, p: norms.setdefault(next(step), norm(n))))

    def norm(networks: nn.ModuleDict) -> float:
        return (
            sum(p.grad[0].square().sum().item() for p in networks["second"].parameters() if p.grad is not None) ** 0.5
        )

    train(gan, Points(), **OPTIONS)
    last = {10: 7, 20: 14, 30: 28, 40: 35, 50: 49, 60: 56}
    for entry in whole.history[1:]:
        assert entry["gradient second"][0] == pytest.approx(norms[last[entry["step"]]])


def test_the_discriminator_is_asked_about_whole_groups() -> None:
    asked: list[int] = []

    def critic(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
        asked.append(x.shape[1])
        return x[..., 0]

    gan = replace(fake_gan(steps=10), critic=critic, group=3)
    gan.stages = tuple(replace(stage, batch=9) for stage in gan.stages)
    train(gan, Points(), **OPTIONS)
    gan = replace(fake_gan(steps=10), critic=critic, group=3)
    train(gan, Points(), **OPTIONS)
    assert asked == [9] * 4 + [6] * 2 + [15] * 2
