"""`ganaug.augment` with every variant that adds rows, and the command line with two that are nobody's default."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ganaug
from ganaug import variants
from ganaug.cli import main
from ganaug.data import read_images
from ganaug.errors import DataWarning
from ganaug.image_files import export_folder
from ganaug.synthesizer import Synthesizer
from tests.digits import digits
from tests.family import adding, tiny

STEPS = 6
QUICK: dict[str, Any] = {"check": False, "random_state": 0, "progress": False}
X, Y = digits({0: 14, 1: 10, 7: 6})
X = X[..., 0]
RARE, REAL, WANTED = 7, 6, 11
"""Of the digits: which is rare, how many there are, and how many are asked for, real and synthetic together."""


@pytest.fixture
def frame() -> pd.DataFrame:
    """A table of two classes with cells missing in a number and in a category, and an index of its own."""
    rng = np.random.default_rng(0)
    ill = np.arange(48) % 6 == 0
    frame = pd.DataFrame(
        {
            "dose": np.round(rng.gamma(2, 2, 48) + 4 * ill, 2),
            "state": np.where(ill, "ill", "well"),
            "age": rng.integers(20, 80, 48),
            "ward": pd.Categorical(rng.choice(["b", "a"], 48), categories=["b", "a", "never"]),
        },
        index=pd.RangeIndex(100, 148, name="patient"),
    )
    frame.loc[frame.index[::5], "dose"] = np.nan
    frame.loc[frame.index[1::7], "ward"] = np.nan
    return frame


def require_named(result: ganaug.Augmentation, name: str, config: Any) -> None:
    """Assert that the result says of which variant it is, and with which settings."""
    assert result.summary["variant"] == result.synthesizer.variant == name
    provenance = result.synthesizer.provenance
    assert (provenance["variant"], provenance["seed"]) == (name, 0)
    asked = {key: value for key, value in asdict(config).items() if value not in (None, "auto")}
    assert provenance["config"]["steps"] == STEPS and asked.items() <= provenance["config"].items()
    assert f"variant={name!r}" in repr(result)


@pytest.mark.parametrize("name", adding("tables"))
def test_a_table_gets_the_rows_asked_for(name: str, frame: pd.DataFrame) -> None:
    given, config = frame.copy(deep=True), tiny(name, steps=STEPS)
    result = ganaug.augment(frame, target="state", variant=config, sampling_strategy={"ill": 15}, **QUICK)
    pd.testing.assert_frame_equal(frame, given)
    pd.testing.assert_frame_equal(result.data.iloc[:48], frame)
    assert result.data.dtypes.to_dict() == frame.dtypes.to_dict()
    assert result.is_synthetic.tolist() == [False] * 48 + [True] * 7
    assert result.data["state"].value_counts().to_dict() == {"well": 40, "ill": 15}
    made = result.data[result.is_synthetic]
    pd.testing.assert_frame_equal(made.reset_index(drop=True), result.synthetic)
    assert made.index.tolist() == list(range(148, 155)) and made["state"].tolist() == ["ill"] * 7
    assert (
        made["age"].between(20, 79).all()
        and made["dose"].dropna().between(frame["dose"].min(), frame["dose"].max()).all()
    )
    assert len(made.drop_duplicates()) > 1
    require_named(result, name, config)


@pytest.mark.parametrize("name", adding("images"))
def test_an_image_set_gets_the_images_asked_for(name: str) -> None:
    given, config = (X.copy(), Y.copy()), tiny(name, steps=STEPS)
    result = ganaug.augment(given, variant=config, sampling_strategy={RARE: WANTED}, **QUICK)
    (images, labels), added = result.data, WANTED - REAL
    assert np.array_equal(given[0], X) and np.array_equal(given[1], Y)
    assert images.dtype == X.dtype and labels.dtype == Y.dtype and images.shape == (len(X) + added, 8, 8)
    assert np.array_equal(images[: len(X)], X) and np.array_equal(labels[: len(Y)], Y)
    assert result.is_synthetic.tolist() == [False] * len(X) + [True] * added
    assert labels[len(Y) :].tolist() == [RARE] * added
    assert np.array_equal(result.synthetic[0], images[len(X) :]) and len(np.unique(result.synthetic[0], axis=0)) > 1
    require_named(result, name, config)


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a variant that is named on the command line train for a moment only."""
    resolve = variants.resolve
    few = {name: tiny(name, steps=STEPS) for name in ("wgan_gp", "dcgan")}
    monkeypatch.setattr(variants, "resolve", lambda variant, kind=None: resolve(few.get(variant, variant), kind))


def augmented(capsys: pytest.CaptureFixture[str], out: Path, *words: object) -> dict[str, Any]:
    """Run ``ganaug augment`` without a check, and return the JSON that it prints."""
    with pytest.raises(SystemExit) as end:
        main([*map(str, ("augment", *words)), "-o", str(out), "--check", "none", "--quiet", "--json"])
    assert not end.value.code
    return json.loads(capsys.readouterr().out)


def require_written(told: dict[str, Any], out: Path, name: str) -> None:
    """Assert that the run in the folder ``out``, its report and its generator are of that variant."""
    assert told["variant"] == name
    assert json.loads((out / "report.json").read_text("utf-8"))["summary"]["variant"] == name
    loaded = Synthesizer.load(out / "synthesizer", device="cpu")
    assert loaded.variant == loaded.provenance["variant"] == name and loaded.config.steps == STEPS


@pytest.mark.usefixtures("few_steps")
def test_the_command_line_augments_a_table_with_a_variant(
    frame: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv, longer = tmp_path / "patients.csv", tmp_path / "longer.csv"
    frame.to_csv(csv, index=False)
    words = (csv, "-t", "state", "--variant", "wgan_gp", "--rows", "ill=15", "--result", longer)
    require_written(augmented(capsys, tmp_path / "out", *words), tmp_path / "out", "wgan_gp")
    rows = pd.read_csv(longer)
    pd.testing.assert_frame_equal(rows.head(48), pd.read_csv(csv))
    assert rows["state"].tolist()[48:] == ["ill"] * 7


@pytest.mark.usefixtures("few_steps")
def test_the_command_line_augments_images_with_a_variant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out, longer = tmp_path / "digits", tmp_path / "out", tmp_path / "longer.parquet"
    named = np.array([f"digit {y}" for y in Y])
    read = read_images((X, named))
    export_folder(read.table, read.schema, folder)
    words = (folder, "--variant", "dcgan", "--rows", f"digit 7={WANTED}", "--result", longer)
    require_written(augmented(capsys, out, *words), out, "dcgan")
    with pytest.warns(DataWarning, match=r"5 of 35 images of .* \(dcgan, seed 0\)"):
        again = read_images(longer)
    assert again.schema.class_names() == ["digit 0", "digit 1", "digit 7"]
    order = np.argsort(named, kind="stable")
    assert np.array_equal(again.schema.pixels(again.table)[: len(X), ..., 0], X[order])
    assert again.schema.label_codes(again.table).tolist() == [0] * 14 + [1] * 10 + [2] * WANTED
