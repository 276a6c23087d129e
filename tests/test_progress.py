from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from tqdm import tqdm

import ganaug
from ganaug import progress as progress_module
from ganaug.data import read_table
from ganaug.fitting import fit
from ganaug.progress import bar, describe_losses, noting, silent, with_epochs


def test_a_bar_shows_the_note(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(progress_module, "tqdm", lambda **options: tqdm(**options, file=out, mininterval=0))
    with bar() as shown:
        shown("training", 3, 10, "critic 0.5")
        shown("training", 6, 10)
    assert "3/10" in out.getvalue() and "critic 0.5" in out.getvalue()


def test_losses_are_means_over_members() -> None:
    losses = {"critic": torch.tensor([1.0, 2.0]), "generator": torch.tensor([-0.12345])}
    assert describe_losses(losses) == "critic 1.5, generator -0.123"
    assert describe_losses({}) == ""


def test_epochs_count_what_each_stage_draws() -> None:
    told: list[str] = []
    show = with_epochs(lambda work, done, total, note="": told.append(note), [(10, 50), (10, 100)], 100)
    for done in (0, 10, 15, 20):
        show("training", done, 20)
    assert told == [f"epoch {epochs} of 15.0" for epochs in ("0.0", "5.0", "10.0", "15.0")]


def test_a_callable_of_three_arguments_is_still_served() -> None:
    told: list[tuple] = []
    noting(lambda work, done, total: told.append((work, done, total)))("a", 1, 2, note="x")
    noting(lambda *given: told.append(given))("b", 1, 2, "x")
    assert told == [("a", 1, 2), ("b", 1, 2, "x")]
    assert noting(silent) is silent


def test_a_training_tells_its_epochs_and_losses() -> None:
    frame = load_breast_cancer(as_frame=True).frame.iloc[:120, -6:]
    data = read_table(frame, target="target", id_columns=[])
    told: list[tuple[int, int, str]] = []
    variant = ganaug.variants.get("anchored").Config(steps=24)
    fit(
        data.table,
        data.schema,
        variant=variant,
        progress=lambda work, done, total, note="": told.append((done, total, note)),
    )
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told) and told[-1][:2] == (24, 24)
    assert all(note.startswith("epoch ") and "discriminator " in note and "generator " in note for _, _, note in told)
    assert np.isfinite(float(told[-1][2].partition("generator ")[2].partition(",")[0]))
