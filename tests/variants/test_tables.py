"""Every table variant: the condition obeyed in the features, its own part; what holds for all: test_family."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import ganaug
from ganaug import fitting, variants
from ganaug.data import read_table
from ganaug.errors import ConfigError
from ganaug.gan import Draw
from ganaug.noise_game import NoiseConfig
from ganaug.trainer import train
from ganaug.variants import anchored, wgan_gp
from tests.family import CENTRES, adding, mixture, parts

NAMES = adding("tables")


def quicker(name: str, **small: int) -> Any:
    """Return a variant's defaults, or, of those that differ by their objective alone, a training of a few seconds."""
    config = variants.get(name).Config()
    return replace(config, **small) if isinstance(config, NoiseConfig) else config


@pytest.mark.parametrize("name", NAMES)
def test_the_right_component_is_hit(name: str) -> None:
    read = read_table(mixture(), target="label")
    # A Wasserstein critic needs all its steps and rows until the generator's spread is that of the data.
    config = name if name in ("wgan", "wgan_gp") else quicker(name, steps=800, batch=96)
    rows = fitting.fit(read.table, read.schema, variant=config, seed=0).sample(
        conditions=dict.fromkeys(CENTRES, 1000), random_state=0
    )
    points = rows[["x", "y"]].to_numpy()
    nearest = np.linalg.norm(points[:, None] - np.array(list(CENTRES.values())), axis=2).argmin(1)
    hit = pd.Series(nearest == rows["label"].map({"a": 0, "b": 1, "c": 2})).groupby(rows["label"]).mean()
    assert (hit >= 0.99).all(), hit
    spread = rows.groupby("label")[["x", "y"]].std()
    assert ((spread > 0.3) & (spread < 1.2)).all(axis=None), spread  # 0.6 in the data; a collapsed class has none
    own = rows["colour"] == rows["label"].map({"a": "red", "b": "green", "c": "blue"})
    assert own.groupby(rows["label"]).mean().between(0.75, 1).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"c": list("xyzx") * 20, "d": [True, False] * 40, "t": [0, 0, 0, 1] * 20}),
        pd.DataFrame({"x": np.arange(80) / 7, "t": [0, 0, 0, 1] * 20}),
    ],
    ids=["categories only", "one number"],
)
def test_tables_of_one_kind_of_column_train(name: str, frame: pd.DataFrame) -> None:
    read = read_table(frame, target="t", id_columns=[])
    config = variants.get(name).Config(steps=20)
    rows = fitting.fit(read.table, read.schema, variant=config, seed=0).sample(conditions={1: 30}, random_state=0)
    assert len(rows) == 30
    assert rows.notna().all(axis=None)


def test_untrained_anchored_rows_lie_between_their_anchors() -> None:
    gan, _ = parts("anchored", "tables", config=anchored.Config())
    y = torch.tensor([[0, 1, 2] * 200])
    inputs = gan.source.draw(y, torch.Generator().manual_seed(0))
    emitted = gan.emit(gan.networks, inputs, y)
    expected = torch.lerp(inputs["a_continuous"], inputs["b_continuous"], inputs["u"][..., None])
    assert torch.allclose(emitted.continuous, expected, atol=1e-6)
    assert ((emitted.codes == inputs["a_codes"]) | (emitted.codes == inputs["b_codes"])).all()
    from_b = (emitted.codes == inputs["b_codes"])[inputs["a_codes"] != inputs["b_codes"]].float().mean()
    assert 0.35 < from_b < 0.65


def test_the_residual_never_exceeds_its_reach() -> None:
    config = anchored.Config(reach=0.25)
    gan, _ = parts("anchored", "tables", config=config, data=read_table(mixture(), target="label"))
    with torch.no_grad():
        for parameter in gan.networks["generator"].parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(0))
    y = torch.tensor([[0, 1, 2] * 200])
    inputs = gan.source.draw(y, torch.Generator().manual_seed(0))
    between = torch.lerp(inputs["a_continuous"], inputs["b_continuous"], inputs["u"][..., None])
    residual = (gan.emit(gan.networks, inputs, y).continuous - between).abs()
    assert residual.max() <= 0.25 + 1e-6
    assert residual.max() > 0.2


def test_a_spike_or_missing_value_is_kept_whole_and_never_averaged() -> None:
    rng = np.random.default_rng(0)
    value = np.where(rng.random(200) < 0.5, 100.0, rng.normal(size=200))
    frame = pd.DataFrame({"x": value, "y": rng.normal(size=200), "label": ["a", "b"] * 100})
    frame.loc[::7, "x"] = np.nan
    read = read_table(frame, target="label")
    for config in (anchored.Config(steps=40), wgan_gp.Config(steps=300)):
        rows = fitting.fit(read.table, read.schema, variant=config, seed=0).sample(2000, random_state=0)
        x = rows["x"].dropna()
        assert (x == 100).mean() > 0.1
        assert not ((x > 5) & (x < 95)).any()
        assert rows["x"].isna().any()


@pytest.mark.parametrize("name", NAMES)
def test_rows_keep_the_dependence_between_columns_that_training_teaches(name: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    frame = pd.DataFrame({"x": x, "y": -x + rng.normal(size=600) * 0.2, "label": np.where(x > 0.8, "a", "b")})
    read = read_table(frame, target="label")
    config = quicker(name, steps=300, batch=96)
    rows = fitting.fit(read.table, read.schema, variant=config, seed=0).sample(2000, random_state=0)
    assert rows["x"].corr(rows["y"]) < -0.9


def test_the_gradient_penalty_of_wgan_gp_pulls_the_critics_slope_to_one() -> None:
    data = read_table(mixture(), target="label")
    gan, rows = parts("wgan_gp", "tables", config=wgan_gp.Config(steps=150), data=data)
    (penalty,) = next(phase for phase in gan.phases if phase.name == "critic").penalties

    def slope() -> float:
        rng = torch.Generator().manual_seed(0)
        real, y = rows.draw(400, rng)
        fake = gan.generate(gan.networks, gan.source.draw(y, rng), y)
        draw = Draw(real=real, y=y, inputs={}, rng=rng, cache={"fake": fake})
        return penalty.term(gan.networks, draw).mean().item()

    before = slope()
    train(gan, rows, seed=0, device=torch.device("cpu"))
    assert before > 0.5
    assert slope() < 0.2


def test_unknown_variants_and_options_list_the_known_ones() -> None:
    known = ", ".join(variants.names())
    with pytest.raises(ConfigError, match=f"unknown variant 'gan2'; known are: {known}; did you mean"):
        variants.get("gan2")
    with pytest.raises(ConfigError, match=r"variant 'anchored' has no option speed; it has: .*batch.*reach"):
        variants.config_from_json("anchored", {"speed": 1})
    with pytest.raises(ConfigError, match=f"variant must be 'auto', one of {known}"):
        variants.resolve(3)


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("wgan_gp", {"steps": -3}, "a whole number of at least 0 or None"),
        ("wgan_gp", {"steps": "x"}, "a whole number of at least 0 or None"),
        ("anchored", {"steps": None}, "a whole number of at least 0"),
        ("anchored", {"steps": True}, "a whole number of at least 0"),
        ("ctgan", {"batch": 0}, "a whole number of at least 1"),
        ("wgan_gp", {"batch": 2.5}, "a whole number of at least 1 or None"),
        ("wgan_gp", {"learning_rate": 0.0}, "a finite number above 0"),
        ("wgan_gp", {"learning_rate": float("nan")}, "a finite number above 0"),
        ("wgan_gp", {"gradient_weight": -1}, "a finite number of at least 0"),
        ("wgan_gp", {"gradient_weight": True}, "a finite number of at least 0"),
        ("cgan", {"projection": 1}, "True or False or None"),
        ("r3gan", {"preset": "large"}, "'auto' or 'strided' or 'residual'"),
    ],
    ids=str,
)
def test_an_option_of_the_wrong_type_or_out_of_bounds_is_told(name: str, wrong: dict[str, Any], allowed: str) -> None:
    ((option, value),) = wrong.items()
    message = f"{option} of variant {name!r} must be {allowed}, however: {option}={value!r}"
    with pytest.raises(ConfigError) as told:
        variants.resolve(variants.get(name).Config(**wrong))
    assert str(told.value) == message


def test_options_within_bounds_are_taken() -> None:
    for config in (
        wgan_gp.Config(steps=0, batch=1, learning_rate=1, gradient_weight=0, embedding=0),
        anchored.Config(steps=np.int64(3), learning_rate=np.float32(0.1), scarce=0),  # type: ignore[arg-type]
        *(variants.get(name).Config() for name in variants.names()),
    ):
        assert variants.resolve(config)[1] is config


def test_every_call_refuses_such_options_before_it_reads_the_data() -> None:
    config = wgan_gp.Config(batch=0)
    for call in (ganaug.fit, ganaug.augment):
        with pytest.raises(ConfigError, match="batch=0"):
            call("no such file", target="label", variant=config)
    with pytest.raises(ConfigError, match="batch=0"):
        ganaug.GANSampler(variant=config).fit_resample(np.zeros((6, 2)), [0, 0, 0, 0, 1, 1])


@pytest.mark.parametrize("name", variants.names("tables"))
def test_configs_go_to_json_and_back(name: str) -> None:
    config = variants.get(name).Config(steps=7)
    assert variants.config_from_json(name, variants.config_to_json(config)) == config
