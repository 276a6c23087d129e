from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from flows import tasks
from flows.parameters import AugmentRequest
from flows.processes import processes, train_together
from ganaug.errors import ConfigError, TrainingError
from ganaug.synthesizer import Synthesizer


def weights(manifest: dict[str, str]) -> str:
    return hashlib.sha256((Path(manifest["path"]) / "weights.safetensors").read_bytes()).hexdigest()


@pytest.mark.slow
def test_two_processes_train_the_run_s_generator(request_: AugmentRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tasks.read.fn(request_)
    monkeypatch.setenv("GANAUG_PROCESSES", "2")
    manifest = tasks.train.fn(request_, data)
    assert Synthesizer.load(manifest["path"]).provenance["processes"] == 2
    left = [path.name for path in Path(data["run"]).iterdir() if "checkpoint" in path.name or path.name.startswith(".")]
    assert left == []
    made = weights(manifest)
    assert weights(tasks.train.fn(request_, data)) == made, "it is not trained again"


@pytest.mark.slow
def test_what_the_processes_say_stands_in_the_error(request_: AugmentRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tasks.read.fn(request_)
    run = tasks._begin(request_)
    Path(request_.data).unlink()
    with pytest.raises(TrainingError, match=r"the 2 processes that trained together failed: .*small\.csv"):
        train_together(run, request_, 2)
    assert not [path for path in Path(data["run"]).iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("text", ["0", "two", "-1", ""])
def test_the_number_of_processes_must_be_one(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANAUG_PROCESSES", text)
    with pytest.raises(ConfigError, match="GANAUG_PROCESSES must be a number of processes"):
        processes()
