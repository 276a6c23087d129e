"""A numeric target through `augment`, `fit` and the synthesizer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits

import ganaug
from ganaug import seeding
from ganaug.data import read_table
from ganaug.errors import ConfigError, DataError
from ganaug.fitting import tables
from ganaug.gan import Draw
from ganaug.image_schema import schema_from_json
from ganaug.variants import anchored
from ganaug.variants.anchored import Config

SHORT: dict[str, Any] = {"random_state": 0, "progress": False}


@pytest.fixture(scope="module")
def diabetes() -> pd.DataFrame:
    frame: Any = load_diabetes(as_frame=True)
    return frame.frame.assign(target=lambda f: f["target"].astype(int), sex=lambda f: np.where(f["sex"] > 0, "m", "f"))


@pytest.fixture(scope="module")
def fitted(diabetes: pd.DataFrame) -> ganaug.Synthesizer:
    return ganaug.fit(diabetes, target="target", task="regression", variant=Config(steps=30), **SHORT)


def test_rare_ranges_are_raised_to_half_the_fullest(diabetes: pd.DataFrame) -> None:
    found = ganaug.augment(diabetes, target="target", task="regression", check=False, variant=Config(steps=20), **SHORT)
    classes = {entry["name"]: entry for entry in found.summary["classes"]}
    real = [entry["real"] for entry in classes.values()]
    assert all(e["synthetic"] == max(0, round(max(real) / 2) - e["real"]) for e in classes.values())
    assert sum(e["synthetic"] for e in classes.values()) == len(found.synthetic) > 0
    rare = found.synthetic["target"]
    assert rare.dtype == diabetes["target"].dtype and rare.between(294, 346).all()
    assert found.data.iloc[: len(diabetes)].equals(diabetes) and (found.data.dtypes == diabetes.dtypes).all()
    assert "nothing has chosen by cross-validation" in found.summary["decision"]


def test_the_share_and_the_ranges_asked_for_are_obeyed(diabetes: pd.DataFrame) -> None:
    asked: dict[str, Any] = {"target": "target", "task": "regression", "check": False, "variant": Config(steps=0)}
    ranged = ganaug.augment(diabetes, sampling_strategy={(250, 300): 100, (300, 400): 60}, **asked, **SHORT)
    counts = pd.cut(ranged.data["target"], [0, 250, 300, 400], right=False).value_counts(sort=False)
    assert counts.tolist() == [int((diabetes["target"] < 250).sum()), 100, 60]
    raised = ganaug.augment(diabetes, sampling_strategy=1.0, **asked, **SHORT)
    after = [entry["real"] + entry["synthetic"] for entry in raised.summary["classes"]]
    assert len(set(after)) == 1


def test_rows_have_the_values_asked_for(fitted: ganaug.Synthesizer) -> None:
    rows = fitted.sample(conditions={300: 5, (100, 120): 40, 120: 1}, random_state=0)
    assert rows["target"].tolist()[:5] == [300] * 5 and rows["target"].iloc[5:45].between(100, 119).all()
    assert rows["target"].nunique() > 8 and rows["target"].iloc[45] == 120


def test_the_features_follow_the_value_and_the_interpolated_target_is_the_one_asked_for() -> None:
    rng = np.random.default_rng(0)
    y = rng.exponential(size=400)
    frame = pd.DataFrame({"a": 3 * y + 0.1 * rng.normal(size=400), "b": rng.normal(size=400), "y": y})
    drawn = ganaug.fit(frame, target="y", task="regression", variant=Config(steps=0), **SHORT).sample(
        conditions={0.5: 200, 2.0: 200}, random_state=0
    )
    means = drawn.groupby("y")["a"].agg(["mean", "std"])
    assert means["mean"].to_numpy() == pytest.approx([1.5, 6.0], abs=0.1)
    assert (means["std"] < 0.25).all() and drawn["b"].std() > 0.5


def test_it_is_saved_loaded_and_drawn_in_parts_to_the_same_bits(fitted: ganaug.Synthesizer, tmp_path: Any) -> None:
    fitted.save(tmp_path / "generator")
    loaded = ganaug.Synthesizer.load(tmp_path / "generator")
    asked = {"conditions": {(150, 250): 5000, 77: 10}, "random_state": 3}
    whole = fitted.sample(**asked)
    assert loaded.sample(**asked).equals(whole)
    parts = [
        pa.concat_tables(fitted.sample_chunks(**asked, span=span)).to_pandas() for span in ((0, 4096), (4096, 5010))
    ]
    assert pd.concat(parts, ignore_index=True)["target"].tolist() == whole["target"].tolist()
    assert schema_from_json(fitted.schema.to_json()) == fitted.schema


def test_without_conditions_values_are_spread_as_in_training(
    fitted: ganaug.Synthesizer, diabetes: pd.DataFrame
) -> None:
    drawn = fitted.sample(4000, random_state=0)["target"]
    at = np.linspace(0.1, 0.9, 9)
    assert np.quantile(drawn, at) == pytest.approx(np.quantile(diabetes["target"], at), abs=8)


def test_each_phase_moves_its_own_network_and_a_resumed_batch_is_the_same(diabetes: pd.DataFrame) -> None:
    read = read_table(diabetes, target="target", task="regression")
    encoder = tables.encoders([read.table], read.schema, private=False)[0]
    member, config = tables.member(encoder, read.table, read.schema), Config()
    shape: dict[str, Any] = {"n_classes": read.schema.n_classes, "seeds": [0]}
    source = anchored.make_source(config, encoder.layout, [member], **shape)
    gan, rows = (
        anchored.build(config, encoder.layout, source, **shape),
        tables.rows([member], encoder.layout, read.schema.n_classes),
    )
    rng = seeding.torch_rng(0, "test")
    real, y = rows.draw(16, rng)
    draw = Draw(real=real, y=y, inputs=gan.source.draw(y, rng), rng=rng)
    assert y.dtype == torch.float32 and [p.name for p in gan.phases[0].penalties] == ["r1", "r2"]
    for phase in gan.phases:
        gan.networks.zero_grad()
        gan.networks.requires_grad_(False)
        gan.networks[phase.moves[0]].requires_grad_(True)
        phase.loss(gan.networks, draw).mean().backward()
        assert all(p.grad is not None for p in gan.networks[phase.moves[0]].parameters())
    stored = anchored.stored_source(config, encoder.layout, source.arrays(0))
    first, again = (s.draw(y, torch.Generator().manual_seed(1)) for s in (source, stored))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_what_cannot_be_done_is_refused(diabetes: pd.DataFrame) -> None:
    asked: dict[str, Any] = {"target": "target", "task": "regression"}
    with pytest.raises(ConfigError, match=r"'wgan_gp' draws rows by class only.*use: auto, anchored"):
        ganaug.fit(diabetes, variant="wgan_gp", **asked, **SHORT)
    with pytest.raises(DataError, match="needs a target of integers or floats, however 'sex'"):
        ganaug.fit(diabetes, target="sex", task="regression", **SHORT)
    with pytest.raises(DataError, match="1 of 442 are missing"):
        ganaug.fit(diabetes.assign(target=diabetes["target"].where(diabetes.index > 0)), **asked, **SHORT)
    with pytest.raises(ConfigError, match="task must be one of classification, regression"):
        ganaug.fit(diabetes, target="target", task="numeric", **SHORT)
    with pytest.raises(ConfigError, match="needs one target"):
        ganaug.fit(diabetes, task="regression", **SHORT)
    digits = load_digits()
    with pytest.raises(ConfigError, match="images are asked for by class only"):
        ganaug.fit((digits.images, digits.target), task="regression", **SHORT)
    with pytest.raises(DataError, match="pass task='regression'"):
        ganaug.fit(diabetes.assign(target=diabetes["target"] + 0.5), target="target", **SHORT)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ({(100, 200): 500, (150, 250): 500}, "overlap"),
        ({(500, 600): 50}, "holds no row"),
        ({(0, 1000): 900}, "holds every row"),
        ({300: 50}, r"ranges \(low, high\) -> rows"),
        ({(200, 346): 5}, "no real row is ever taken away"),
        (1.5, r"in \(0, 1\]"),
    ],
)
def test_strategies_that_make_no_sense_are_refused(diabetes: pd.DataFrame, strategy: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ganaug.augment(diabetes, target="target", task="regression", sampling_strategy=strategy, check=False, **SHORT)


def test_a_folder_of_a_run_is_found_again(diabetes: pd.DataFrame, tmp_path: Any) -> None:
    asked: dict[str, Any] = {"target": "target", "task": "regression", "check": False, "variant": Config(steps=5)}
    first = ganaug.augment(diabetes, out=tmp_path / "run", **asked, **SHORT)
    again = ganaug.augment(diabetes, out=tmp_path / "run", **asked, **SHORT)
    assert again.data.equals(first.data) and (tmp_path / "run" / "report.html").is_file()
