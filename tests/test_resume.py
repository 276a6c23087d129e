"""Real variants that are stopped at some step, or run out of memory, come to what they come to undisturbed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from sklearn.datasets import load_iris

import ganaug
from ganaug import checkpoint, diffaugment, fitting, trainer
from ganaug.data import TableData, read_table
from ganaug.errors import ArtefactError, ConfigError, OutputError
from ganaug.plans import plan_by_policy
from ganaug.policy import GanAugmenter
from ganaug.synthesizer import Synthesizer
from ganaug.variants import anchored, anchored_image, r3gan, wgan_gp
from tests.digits import digits, image_data
from tests.run_files import files_of

IMAGE = {"steps": 24, "batch": 8, "channels": 8, "penalty_interval": 2}
CONFIGS: dict[str, Any] = {
    "anchored": anchored.Config(steps=24, penalty_interval=2),
    "wgan_gp": wgan_gp.Config(steps=16),
    "anchored_image": anchored_image.Config(**IMAGE),
    "r3gan": r3gan.Config(**IMAGE),
}
TAKE = trainer._take


def data_of(name: str) -> TableData:
    if "image" in name or name == "r3gan":
        return image_data(*digits({0: 30, 1: 12, 7: 5}))
    frame = load_iris(as_frame=True).frame[:115]
    return read_table(frame.assign(colour=["red", "green", "blue", "red", "red"] * 23), target="target")


def fit(name: str, **more: Any) -> Synthesizer:
    data = data_of(name)
    return fitting.fit(data.table, data.schema, variant=CONFIGS[name], seed=1, device="cpu", **more)


def stop(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Let the ``at``-th step of a phase from now on be interrupted."""
    count = [0]

    def taken(*arguments: Any) -> torch.Tensor:
        count[0] += 1
        if count[0] == at:
            raise KeyboardInterrupt
        return TAKE(*arguments)

    monkeypatch.setattr(trainer, "_take", taken)


def content(synthesizer: Synthesizer, folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in synthesizer.save(folder).iterdir()}


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trainer.train.__kwdefaults__, "checkpoint_seconds", 0)


@pytest.mark.parametrize("name", CONFIGS)
def test_stopped_at_random_steps_a_variant_ends_with_the_same_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, place = content(fit(name), tmp_path / "whole"), tmp_path / "checkpoint"
    rng = np.random.default_rng(7)
    for _ in range(3):
        stop(monkeypatch, int(rng.integers(2, 20)))
        with pytest.raises(KeyboardInterrupt):
            fit(name, checkpoint=place)
    monkeypatch.setattr(trainer, "_take", TAKE)
    steps = checkpoint.load(place)["state"]["step"]
    assert 0 < steps < CONFIGS[name].steps
    assert content(fit(name, checkpoint=place), tmp_path / "resumed") == whole


@pytest.mark.parametrize("at", [5, 40, 90])
def test_several_tables_keep_a_checkpoint_each_shape(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, schema = data_of("anchored").table, data_of("anchored").schema
    one_colour = table.filter(pa.compute.equal(table["colour"], "red"))  # a column less to learn, so a batch of its own
    tables, options = [table, one_colour, table.slice(5)], {"variant": CONFIGS["anchored"], "seeds": [1, 2, 3]}
    whole = fitting.fit_many(tables, schema, **options)
    place = tmp_path / "folds"
    stop(monkeypatch, at)
    with pytest.raises(KeyboardInterrupt):
        GanAugmenter(variant=CONFIGS["anchored"]).fit_many(tables, schema, [1, 2, 3], checkpoint=place)
    monkeypatch.setattr(trainer, "_take", TAKE)
    assert sorted(os.listdir(tmp_path)) == (["folds"] if at < 48 else ["folds", "folds.1"])
    resumed = fitting.fit_many(tables, schema, **options, checkpoint=place)
    for number, (one, other) in enumerate(zip(whole, resumed, strict=True)):
        assert content(one, tmp_path / f"a{number}") == content(other, tmp_path / f"b{number}")
    stop(monkeypatch, 1)
    fitting.fit_many(tables, schema, **options, checkpoint=place)  # both had ended: no step is taken
    checkpoint.remove(place)
    assert not [name for name in os.listdir(tmp_path) if name.startswith("folds")]


def test_other_data_or_options_are_another_training(tmp_path: Path) -> None:
    fit("anchored", checkpoint=tmp_path / "c")
    data, longer = data_of("anchored"), anchored.Config(steps=25, penalty_interval=2)
    with pytest.raises(ArtefactError, match=r"another training \(config.steps 24, not 25\)"):
        fitting.fit(data.table, data.schema, variant=longer, seed=1, checkpoint=tmp_path / "c")
    with pytest.raises(ArtefactError, match=r"another training \(data "):
        fitting.fit(data.table.slice(1), data.schema, variant=CONFIGS["anchored"], seed=1, checkpoint=tmp_path / "c")


def test_the_policy_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A variant that starts from real rows would not be trained for the policy's rows.
    rows, options = data_of("wgan_gp"), {"variant": CONFIGS["wgan_gp"], "seed": 0, "device": "cpu"}
    whole = plan_by_policy(rows, **options)
    stop(monkeypatch, 20)
    with pytest.raises(KeyboardInterrupt):
        plan_by_policy(rows, **options, checkpoint=tmp_path / "c")
    monkeypatch.setattr(trainer, "_take", TAKE)
    assert checkpoint.load(tmp_path / "c")["state"]["step"] == 6  # of three phases each
    assert plan_by_policy(rows, **options, checkpoint=tmp_path / "c").to_json() == whole.to_json()


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("rows", [5, 1])
def test_a_batch_that_the_memory_does_not_hold_is_taken_in_parts(
    name: str, rows: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(CONFIGS, name, type(CONFIGS[name])(**{**vars(CONFIGS[name]), "steps": 3, "batch": 16}))
    # Nothing decides the offset of wgan_gp's critic, so that Adam moves it, and what follows from it, by rounding.
    share, tolerance = (0.95, 1e-4) if name == "wgan_gp" else (1, 1e-5)
    before, accumulate = fit(name), trainer._accumulate

    def limited(state: Any, phase: Any, draw: Any, step: int, own: slice, rng_state: Any) -> Any:
        if (own.stop - own.start) > rows * state.parts:
            # As on a card: some parts may have been computed, and numbers drawn, before the memory is full.
            accumulate(state, phase, draw, step, slice(own.start, own.start + state.parts), rng_state)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return accumulate(state, phase, draw, step, own, rng_state)

    seen, update = [], diffaugment.Strength.update
    monkeypatch.setattr(diffaugment.Strength, "update", lambda s, *x: (seen.append(x[0].shape[1]), update(s, *x)))
    monkeypatch.setattr(trainer, "_accumulate", limited)
    after = fit(name)
    assert set(seen) <= {16}, "the strength of the augmentation follows from whole batches"
    assert caplog.text.count("does not hold a batch of 16 rows") == 1
    for key, value in before.weights.items():
        assert (value - after.weights[key]).abs().le(tolerance).float().mean() >= share, key
    for one, other in zip(before.history, after.history, strict=True):
        for phase in ("discriminator", "critic", "generator"):
            assert one.get(phase) == pytest.approx(other.get(phase), abs=10 * tolerance), "losses"


def test_fit_goes_on_from_a_checkpoint_and_removes_it_when_the_result_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = load_iris(as_frame=True).frame
    options: dict[str, Any] = {"target": "target", "variant": CONFIGS["anchored"], "progress": False, "device": "cpu"}
    ganaug.fit(frame, **options, random_state=4, out=tmp_path / "whole")
    stop(monkeypatch, 30)
    kept = {"random_state": 4, "out": tmp_path / "out", "checkpoint": tmp_path / "c"}
    with pytest.raises(KeyboardInterrupt):
        ganaug.fit(frame, **options, **kept)
    monkeypatch.setattr(trainer, "_take", TAKE)
    assert (tmp_path / "c").exists() and not (tmp_path / "out").exists()
    ganaug.fit(frame, **options, **kept)
    assert sorted(os.listdir(tmp_path)) == ["out", "whole"]
    for name in os.listdir(tmp_path / "out"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    with pytest.raises(ConfigError, match="needs a random_state"):
        ganaug.fit(frame, **options, checkpoint=tmp_path / "c")


def augment(out: Path) -> Any:
    frame: pd.DataFrame = load_iris(as_frame=True).frame[:115]
    options: dict[str, Any] = {"sampling_strategy": {2: 50}, "variant": CONFIGS["anchored"], "check": False}
    return ganaug.augment(frame, target="target", **options, out=out, random_state=0, progress=False)


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in files_of(out)}


@pytest.mark.parametrize("full_at", [1, 2, 3, 6, 11, 17])
def test_a_disk_that_is_full_at_any_write_says_so_and_the_next_call_finishes(
    full_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The folder's record, checkpoints, the generator, the Parquet files, the report: all are made durable.
    augment(tmp_path / "whole")
    count, sync = [0], os.fsync

    def full(descriptor: int) -> None:
        count[0] += 1
        if count[0] >= full_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patch, pytest.raises(OutputError, match=r"no space is left on the disk .*Free some"):
        patch.setattr(os, "fsync", full)
        augment(tmp_path / "run")
    if (tmp_path / "run").exists():
        assert not [p for p in (tmp_path / "run").rglob("*") if p.name.startswith(".")]
    augment(tmp_path / "run")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_a_checkpoint_that_does_not_fit_does_not_stop_a_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    augment(tmp_path / "whole")
    (tmp_path / "run").mkdir()
    whole = augment(tmp_path / "run")
    assert whole.run.folder is not None
    for name in ("synthesizer", "synthetic"):
        for path in sorted((tmp_path / "run" / name).rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        (tmp_path / "run" / name).rmdir()
    fit("anchored", checkpoint=tmp_path / "run" / "checkpoint.safetensors")  # of other data
    augment(tmp_path / "run")
    assert "another training" in caplog.text and "starts over" in caplog.text
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")
