"""Whether a collapsed class is seen and named, and which of two generators scores better."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganaug import fitting, image_monitor
from ganaug.data.image_rows import ImageMember
from ganaug.errors import TrainingError
from ganaug.image_monitor import ImageMonitor
from ganaug.image_sources import ImageAnchors
from ganaug.variants import r3gan
from tests.digits import digits, image_data

CPU = torch.device("cpu")
NAMES = ["zero", "one", "two"]


def members(*counts: dict[int, int]) -> list[ImageMember]:
    pairs = [digits(c, seed=s) for s, c in enumerate(counts)]
    return [ImageMember(pixels=images, labels=labels) for images, labels in pairs]


def monitor(shown: list[ImageMember], held_out: list[ImageMember] | None = None) -> ImageMonitor:
    nothing = [m.take(np.zeros(0, np.int64)) for m in shown]
    return ImageMonitor(shown, nothing if held_out is None else held_out, class_names=NAMES, seed=0, device=CPU)


def gan(shown: list[ImageMember], change: Any) -> Any:
    """Return what the monitor asks of a GAN: real images, which ``change(images, y)`` alters."""
    source = ImageAnchors.pack(shown, n_classes=3, noise=1, most=100, seeds=[0] * len(shown))
    return SimpleNamespace(source=source, generate=lambda networks, inputs, y: change(inputs["a"].clone(), y))


def real(x: Tensor, y: Tensor) -> Tensor:
    return x


def constant(*classes: int, member: int = 0) -> Any:
    def change(x: Tensor, y: Tensor) -> Tensor:
        for c in classes:
            x[member] = torch.where((y[member] == c)[:, None, None, None], x[member, :1], x[member])
        return x

    return change


COUNTS = {0: 20, 1: 12, 2: 6}


def test_one_image_a_class_is_infinite_and_the_class_is_named() -> None:
    shown = members(COUNTS)
    watch = monitor(shown)
    score = watch(gan(shown, constant(1)), nn.ModuleDict())
    assert score.tolist() == [float("inf")]
    with pytest.raises(TrainingError, match="has collapsed: its images of class 'one' differ by 0 % of what real ones"):
        watch.require_sound(gan(shown, constant(1)), nn.ModuleDict(), score)


def test_images_that_differ_too_little_have_collapsed_and_those_that_differ_enough_have_not() -> None:
    shown = members(COUNTS)
    centre = float(np.mean(shown[0].pixels)) / 127.5 - 1
    for share, sound in ((image_monitor.COLLAPSED * 0.8, False), (0.5, True)):
        score = monitor(shown)(gan(shown, lambda x, y, share=share: centre + share * (x - centre)), nn.ModuleDict())
        assert torch.isfinite(score).tolist() == [sound]


def test_a_healthy_generator_is_sound() -> None:
    shown = members(COUNTS)
    watch = monitor(shown)
    score = watch(gan(shown, real), nn.ModuleDict())
    assert score.tolist() == [0]
    watch.require_sound(gan(shown, real), nn.ModuleDict(), score)
    variety = watch.look(gan(shown, real), nn.ModuleDict()).classes["variety"]
    assert variety[0].tolist() == pytest.approx([1, 1, 0.9], abs=0.3)


def test_images_farther_from_real_ones_than_their_mean_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    shown, held = members(COUNTS, COUNTS), members({0: 10, 1: 5, 2: 1}, {0: 10, 1: 5, 2: 1})
    watch = monitor(shown, held)

    def negative(x: Tensor, y: Tensor) -> Tensor:
        x[1] = -x[1]
        return x

    score = watch(gan(shown, negative), nn.ModuleDict())
    watch.require_sound(gan(shown, negative), nn.ModuleDict(), score)
    said = [r.getMessage() for r in caplog.records if "learnt next to nothing" in r.getMessage()]
    assert len(said) == 1 and f"energy distance {float(score[1]):.3g}" in said[0]
    caplog.clear()
    monitor(shown).require_sound(gan(shown, negative), nn.ModuleDict(), torch.zeros(2))
    watch.require_sound(gan(shown, real), nn.ModuleDict(), watch(gan(shown, real), nn.ModuleDict()))
    assert not caplog.records


def test_the_score_of_means_by_hand() -> None:
    held = [torch.tensor([[0.0], [4.0]]), torch.tensor([[1.0]]), torch.zeros(0, 1)]
    shown = [torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0]]), torch.tensor([[9.0]])]
    # To the mean 1 of the first: 2 (1 + 3) / 2 - 4 = 0; of the second: 2 * 3 - 0 = 6, of a third of the rows.
    assert image_monitor._score_of_means(held, shown) == pytest.approx(2)
    assert image_monitor._score_of_means(held[2:], shown[2:]) == float("inf")


def test_only_the_member_that_has_collapsed_is_infinite() -> None:
    shown = members(COUNTS, COUNTS)
    score = monitor(shown)(gan(shown, constant(0, member=1)), nn.ModuleDict())
    assert torch.isinf(score).tolist() == [False, True]


@pytest.mark.parametrize("few", [1, 4])
def test_a_class_of_too_few_images_is_not_judged(few: int) -> None:
    shown = members({0: 20, 1: few, 2: 6})
    assert torch.isfinite(monitor(shown)(gan(shown, constant(1)), nn.ModuleDict())).all()


def test_real_images_that_are_all_alike_are_no_collapse() -> None:
    shown = members(COUNTS)
    shown[0].pixels[shown[0].labels == 2] = 7
    assert torch.isfinite(monitor(shown)(gan(shown, constant(2)), nn.ModuleDict())).all()


def test_a_class_that_is_mostly_alike_is_no_collapse_and_is_scored_all_the_same() -> None:
    shown, held = members(COUNTS), members({0: 10, 1: 5, 2: 5})
    shown[0].pixels[np.flatnonzero(shown[0].labels == 2)[1:]] = 7  # one of six is odd
    watch = monitor(shown, held)
    alike, far = gan(shown, constant(2)), gan(shown, lambda x, y: torch.where((y == 2)[..., None, None, None], 1.0, x))
    near, away = (watch(one, nn.ModuleDict()) for one in (alike, far))
    assert torch.isfinite(near).all() and torch.isfinite(away).all() and away > near
    assert watch.look(alike, nn.ModuleDict()).classes["variety"][0].isnan().tolist() == [False, False, True]


def test_a_class_that_a_fold_lacks_does_not_stop_the_others() -> None:
    shown = members(COUNTS, {0: 20, 1: 12})
    assert torch.isfinite(monitor(shown)(gan(shown, real), nn.ModuleDict())).all()


def test_images_like_those_held_out_score_lower_and_two_calls_the_same() -> None:
    shown, held = members({0: 30, 1: 30, 2: 30}), members({0: 60, 1: 60, 2: 60})
    watch = monitor(shown, held)
    good, again = (watch(gan(shown, real), nn.ModuleDict()) for _ in range(2))
    bad = watch(gan(shown, lambda x, y: x.flip(-1)), nn.ModuleDict())
    assert torch.equal(good, again)
    assert good.item() < 0.5 * bad.item()


def test_classes_weigh_as_many_held_out_images_as_they_have() -> None:
    shown = members(COUNTS)

    def score(**held: int) -> float:
        watch = monitor(shown, members({NAMES.index(name): n for name, n in held.items()}))
        return watch(gan(shown, lambda x, y: -x), nn.ModuleDict()).item()

    apart = {"zero": score(zero=40), "one": score(one=10)}
    assert apart["zero"] != pytest.approx(apart["one"], rel=0.05)
    expected = (40 * apart["zero"] + 10 * apart["one"]) / 50
    assert score(zero=40, one=10) == pytest.approx(expected, rel=1e-5)


def test_classes_without_held_out_images_do_not_count() -> None:
    # All held-out images of class 1; the others do not count however bad they are.
    shown, held = members(COUNTS), members({1: 40})
    spoilt = monitor(shown, held)(
        gan(shown, lambda x, y: torch.where((y == 1)[..., None, None, None], x, -x)), nn.ModuleDict()
    )
    assert torch.allclose(spoilt, monitor(shown, held)(gan(shown, real), nn.ModuleDict()))


def test_training_that_collapses_ends_in_an_error_and_not_in_an_artefact(monkeypatch: pytest.MonkeyPatch) -> None:
    data = image_data(*digits(COUNTS))
    broken = r3gan.Config(steps=6, batch=4, channels=4, noise=1)
    build = r3gan.build

    def dull(*arguments: Any, **named: Any) -> Any:
        built = build(*arguments, **named)
        generate = built.generate
        built.generate = lambda networks, inputs, y: (
            generate(networks, inputs, y).mean(1, keepdim=True).expand(-1, y.shape[1], -1, -1, -1)
        )
        return built

    monkeypatch.setattr(r3gan, "build", dull)
    with pytest.raises(TrainingError, match="has collapsed"):
        fitting.fit(data.table, data.schema, variant=broken, seed=0)


def test_every_observation_is_in_the_history() -> None:
    data = image_data(*digits(COUNTS))
    config = r3gan.Config(steps=24, batch=8, channels=8)
    history = fitting.fit(data.table, data.schema, variant=config, seed=0).history
    assert [entry["step"] for entry in history] == list(range(0, 25, 2))
    assert all({"score", "step"} <= set(entry) for entry in history)
    assert {"discriminator", "generator"} <= set(history[-1])
