"""The monitor of a numeric target: what its score is of, and that a range which collapses is seen."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from torch import Tensor, nn

import ganaug
from ganaug import fitting
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

    monitor = ValueMonitor(
        [[ROWS[:10], NONE[:, None]]], [[SCORES[:10], NONE]], seed=0, shown=([[ROWS, ROWS]], [[SCORES, SCORES]])
    )
    seen = monitor.look(gan(make), nn.ModuleDict())
    assert asked[0].shape == (1, 256) and asked[0].unique().tolist() == SCORES[:10].tolist()
    assert asked[1].shape == (1, 64) and asked[1].unique().tolist() == SCORES.tolist(), "all of the range"
    assert seen.score[0] == pytest.approx(energy_distance(ROWS[:10], (2 * asked[0] - 1)[0][:, None]).item())
    # Rows of all 40 values vary as real ones do, but for the pairs of equal ones; of the ten lowest ones less.
    assert seen.classes["variety"][0].tolist() == pytest.approx([0.25, 1.0], abs=0.05)
    plain = ValueMonitor([[ROWS[:10], NONE[:, None]]], [[SCORES[:10], NONE]], seed=0).look(gan(make), nn.ModuleDict())
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
