"""The monitors of tables: what the score of a numeric target is of, and that a collapse is seen."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_wine
from torch import Tensor, nn

import ganaug
from ganaug import fitting, variants
from ganaug.errors import TrainingError
from ganaug.monitor import energy_distance
from ganaug.value_monitor import ValueMonitor
from ganaug.variants.anchored import Config

NONE = torch.empty(0)
ROWS = torch.linspace(-1, 1, 40)[:, None]
SCORES = torch.linspace(0, 1, 40)


def gan(make: Any) -> Any:
    """Return what the monitor asks of a GAN, whose rows are ``make(y)``."""
    return SimpleNamespace(
        source=SimpleNamespace(draw=lambda y, rng: {}), generate=lambda networks, inputs, y: make(y)[..., None]
    )


def test_rows_are_asked_for_by_held_out_values_and_else_by_those_that_are_trained_on() -> None:
    asked: list[Tensor] = []

    def make(y: Tensor) -> Tensor:
        asked.append(y)
        return 2 * y - 1

    held_out: Any = {"held_out": [[ROWS[:10], NONE[:, None]]], "scores": [[SCORES[:10], NONE]]}
    options: Any = {**held_out, "seed": 0, "range_names": ["low", "high"]}
    monitor = ValueMonitor(**options, shown=([[ROWS, ROWS]], [[SCORES, SCORES]]))
    seen = monitor.look(gan(make), nn.ModuleDict())
    assert asked[0].shape == (1, 256) and asked[0].unique().tolist() == SCORES[:10].tolist()
    assert asked[1].shape == (1, 64) and asked[1].unique().tolist() == SCORES.tolist(), "all of the range"
    assert seen.score[0] == pytest.approx(energy_distance(ROWS[:10], (2 * asked[0] - 1)[0][:, None]).item())
    # Rows of all 40 values vary as real ones do, but for the pairs of equal ones; of the ten lowest ones less.
    assert seen.classes["variety"][0].tolist() == pytest.approx([0.25, 1.0], abs=0.05)
    plain = ValueMonitor(**options).look(gan(make), nn.ModuleDict())
    assert torch.equal(plain.score, seen.score) and not plain.classes


def test_a_range_that_collapses_is_named_and_its_training_goes_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look, looked = ValueMonitor.look, [0]

    def collapsing(self: Any, gan: Any, networks: Any) -> Any:
        looked[0] += 1
        y_of_first = float(np.median(self._shown[0][0]))

        def generate(networks: Any, inputs: Any, y: Tensor) -> Tensor:
            made = gan.generate(networks, inputs, y)
            alike = looked[0] in (7, 8) and bool((y <= y_of_first).any())  # the lowest range, twice
            return made[:, :1].expand_as(made) if alike else made

        return look(self, replace(gan, generate=generate), networks)

    monkeypatch.setattr(fitting.tables.ValueMonitor, "look", collapsing)
    frame: Any = load_diabetes(as_frame=True)
    options: Any = {"variant": Config(steps=60), "random_state": 0, "progress": False}
    fitted = ganaug.fit(frame.frame, target="target", task="regression", **options)
    assert "mode collapse: the generated rows of class '[25, 60)' differ by 0 % of what real ones do at" in caplog.text
    assert "the training goes back to step 25" in caplog.text
    assert [e["step"] for e in fitted.history] == [*range(0, 40, 5), *range(25, 65, 5)]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_table_whose_rows_hardly_differ_ends_in_an_error_and_not_in_an_artefact(
    monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    variant = variants.get("vanilla" if task == "classification" else "anchored")
    build, spoilt = variant.build, [2 if task == "classification" else -torch.inf]

    def dull(*arguments: Any, **named: Any) -> Any:
        """Let the rows of a class, or those above a value, be all alike."""
        built = build(*arguments, **named)
        generate = built.generate

        def alike(networks: Any, inputs: Any, y: Tensor) -> Tensor:
            made = generate(networks, inputs, y)
            return torch.where((y >= spoilt[0])[..., None], made[:, :1], made)

        built.generate = alike
        return built

    monkeypatch.setattr(variant, "build", dull)
    frame = (load_wine if task == "classification" else load_diabetes)(as_frame=True).frame  # type: ignore[attr-defined]
    options: Any = {"target": "target", "task": task, "random_state": 0, "progress": False, "device": "cpu"}
    name = "'2'" if task == "classification" else r"'\[.*\)'"
    with pytest.raises(TrainingError, match=rf"has collapsed: its rows of class {name} differ by \d % of what real"):
        ganaug.fit(frame, variant=variant.Config(steps=50), **options)
    if task == "classification":
        ganaug.fit(frame, variant=variant.Config(steps=49), **options)  # few steps are not judged
        spoilt[0] = 3
        ganaug.fit(frame, variant=variant.Config(steps=50), **options)
