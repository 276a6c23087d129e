from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pytest

import ganaug
from ganaug import plans, steps, storage
from ganaug.augmentation import finish
from ganaug.errors import ArtefactError, OutputError
from ganaug.mirror import INDEX, Mirror, read_index
from ganaug.request import Request, keys_of
from ganaug.variants.anchored import Config
from tests.run_files import EVENTS, files_of


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Local copies lie here."""
    monkeypatch.setenv("GANAUG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    label = np.repeat(["common", "rare"], [60, 15])
    return pd.DataFrame({"amount": np.round(rng.normal(0, 1, 75) + 2 * (label == "rare"), 2), "label": label})


def augment(frame: pd.DataFrame, out: str) -> Any:
    options: dict[str, Any] = {"sampling_strategy": {"rare": 25}, "variant": Config(steps=20), "check": False}
    return ganaug.augment(frame, target="label", out=out, random_state=0, progress=False, **options)


def sums(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files_of(folder)}


def test_a_run_at_a_url_leaves_the_files_of_a_local_one(
    frame: pd.DataFrame, s3_bucket: str, tmp_path: Path, cache: Path
) -> None:
    result = augment(frame, f"{s3_bucket}/run")
    augment(frame, str(tmp_path / "local"))
    assert result.report == f"{s3_bucket}/run/report.html"
    there = storage.download(f"{s3_bucket}/run", tmp_path / "there")
    index = read_index(f"{s3_bucket}/run")
    found = sums(there)
    del found[INDEX]
    assert found == index == sums(tmp_path / "local")
    assert (tmp_path / "local" / EVENTS).is_dir() and not (there / EVENTS).exists(), "events go to local folders"
    assert not list(cache.rglob("*.*")), "the local copy is gone"
    assert pd.read_parquet(f"{s3_bucket}/run/synthetic/data")["label"].tolist() == ["rare"] * 10


def test_a_run_goes_on_on_another_machine(
    frame: pd.DataFrame, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("ganaug.steps.draw_rows", interrupted)
        augment(frame, f"{s3_bucket}/run")
    assert "synthesizer/weights.safetensors" in (read_index(f"{s3_bucket}/run") or {})

    monkeypatch.setenv("GANAUG_CACHE", str(tmp_path / "another"))
    monkeypatch.setattr(plans.fitting, "fit", interrupted)
    result = augment(frame, f"{s3_bucket}/run")
    assert len(result.synthetic) == 10, "the generator was not trained again"


def test_a_training_at_a_url_goes_on_from_its_checkpoint_on_another_machine(
    frame: pd.DataFrame, s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("ganaug.synthesizer.Synthesizer.save", interrupted)
        augment(frame, f"{s3_bucket}/run")
    assert storage.exists(f"{s3_bucket}/run/checkpoint.safetensors")

    monkeypatch.setenv("GANAUG_CACHE", str(tmp_path / "another"))
    with monkeypatch.context() as patch:
        patch.setattr("ganaug.trainer._take", lambda *_: pytest.fail("a step was taken again"))
        augment(frame, f"{s3_bucket}/run")
    augment(frame, str(tmp_path / "local"))
    assert read_index(f"{s3_bucket}/run") == sums(tmp_path / "local")
    assert not storage.exists(f"{s3_bucket}/run/checkpoint.safetensors")


def test_what_the_index_does_not_list_does_not_exist(s3_bucket: str, tmp_path: Path) -> None:
    mirror = Mirror(f"{s3_bucket}/run")
    folder = mirror.pull()
    (folder / "plan.json").write_text("{}")
    mirror.keep("plan.json")
    storage.atomic_write(f"{s3_bucket}/run/effect.json", b"half of it")
    (folder / "report.md").write_text("never stored")
    again = Mirror(f"{s3_bucket}/run").pull()
    assert sorted(path.name for path in again.iterdir()) == ["plan.json"]


def test_a_result_that_was_changed_is_refused_and_a_foreign_folder_too(s3_bucket: str) -> None:
    mirror = Mirror(f"{s3_bucket}/run")
    (mirror.pull() / "plan.json").write_text("{}")
    mirror.keep("plan.json")
    mirror.forget()
    storage.atomic_write(f"{s3_bucket}/run/plan.json", b"[]")
    with pytest.raises(ArtefactError, match=r"plan\.json is not the file that was stored there; delete"):
        Mirror(f"{s3_bucket}/run").pull()
    storage.atomic_write(f"{s3_bucket}/other/notes.txt", b"mine")
    with pytest.raises(OutputError, match=r"is not empty \(it holds 'notes.txt'\)"):
        Mirror(f"{s3_bucket}/other").pull()


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "a/../../outside", "a\\b"])
def test_an_index_cannot_name_what_lies_elsewhere(name: str) -> None:
    index = {"format": 1, "files": {name: "0" * 64}}
    fsspec.filesystem("memory").pipe_file("/run/files.json", json.dumps(index).encode())
    with pytest.raises(ArtefactError, match="outside of the run"):
        read_index("memory://run")


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"files": []}', b'{"format": 99, "files": {}}'])
def test_a_damaged_or_newer_index_is_refused(content: bytes) -> None:
    fsspec.filesystem("memory").pipe_file("/run/files.json", content)
    with pytest.raises(ArtefactError, match=r"damaged|reads up to 1"):
        read_index("memory://run")


def test_the_same_words_on_the_command_line_take_a_url(frame: pd.DataFrame, s3_bucket: str, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "rows.csv", index=False)
    storage.upload(tmp_path, f"{s3_bucket}/in", files=["rows.csv"])
    words = ["augment", f"{s3_bucket}/in/rows.csv", "-t", "label", "-o", f"{s3_bucket}/out", "--check", "none"]
    command = [sys.executable, "-m", "ganaug", *words, "--rows", "rare=25", "-q"]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(pd.read_parquet(f"{s3_bucket}/out/synthetic/data")) == 10


def test_a_kill_between_the_record_and_the_index_does_no_harm(s3_bucket: str) -> None:
    mirror = Mirror(f"{s3_bucket}/run")
    record = mirror.pull() / "run.json"
    record.write_text("unfinished")
    mirror.keep("run.json")
    storage.atomic_write(f"{s3_bucket}/run/run.json", b"finished")
    assert (Mirror(f"{s3_bucket}/run").pull() / "run.json").read_text() == "finished"


def test_a_kill_between_a_picture_that_was_drawn_anew_and_the_index_does_no_harm(s3_bucket: str) -> None:
    mirror = Mirror(f"{s3_bucket}/run")
    picture = mirror.pull() / "training" / "samples" / "000600.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"of one machine")
    mirror.keep("training")
    storage.atomic_write(f"{s3_bucket}/run/training/samples/000600.png", b"of another")
    again = Mirror(f"{s3_bucket}/run").pull()
    assert (again / "training" / "samples" / "000600.png").read_bytes() == b"of another"


def test_a_result_that_was_not_stored_any_more_leaves_no_empty_folder(s3_bucket: str) -> None:
    mirror = Mirror(f"{s3_bucket}/run")
    folder = mirror.pull()
    (folder / "run.json").write_text("{}")
    mirror.keep("run.json")
    (folder / "synthesizer" / "inner").mkdir(parents=True)
    (folder / "synthesizer" / "inner" / "weights").write_text("half")
    assert sorted(path.name for path in Mirror(f"{s3_bucket}/run").pull().iterdir()) == ["run.json"]


@pytest.mark.parametrize("where", ["local", "s3"])
def test_a_run_that_is_being_removed_gives_nothing(
    frame: pd.DataFrame, s3_bucket: str, tmp_path: Path, where: str
) -> None:
    place = f"{s3_bucket}/runs" if where == "s3" else str(tmp_path / "runs")
    options: dict[str, Any] = {"target": "label", "variant": Config(steps=20), "check": False, "random_state": 0}

    def run(count: int) -> Any:
        run = steps.begin(frame, Request(**options, sampling_strategy={"rare": count}), below=place)
        finish(run)
        return run

    first = run(25)
    storage.delete(f"{place}/{first.name}/synthesizer", files=["weights.safetensors"])
    second = run(30)
    assert len(steps.draw(second)) == 15 and second.name != first.name


def test_other_class_names_are_another_generator(tmp_path: Path) -> None:
    codes = np.repeat([0, 1], [30, 10])
    values = np.random.default_rng(0).normal(size=40).round(2)
    names = [["cat", "dog"], ["dog", "cat"]]
    keys = []
    for some in names:
        label = pd.Categorical.from_codes(codes, some)
        request = Request(target="label", random_state=0)
        described = request.describe(request.read(pd.DataFrame({"x": values, "label": label})))
        keys.append(keys_of(described, 0)["synthesizer"])
    assert keys[0] != keys[1]
