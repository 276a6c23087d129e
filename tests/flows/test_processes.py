from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
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
    manifest = tasks.train.fn(request_.model_copy(update={"watch_every": 70}), data)
    assert Synthesizer.load(manifest["path"]).provenance["processes"] == 2
    lines = (Path(data["run"]) / "training" / "history.jsonl").read_text("utf-8").splitlines()
    assert {0, 70, 140} <= {json.loads(line)["step"] for line in lines}
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


# A shell's background job, which these tests may be a part of, ignores interrupts, and so do its children.
SCRIPT = """
import signal, sys
from flows import tasks
from flows.parameters import AugmentRequest
from flows.processes import train_together

signal.signal(signal.SIGINT, signal.default_int_handler)
request = AugmentRequest.model_validate_json(sys.argv[1])
train_together(tasks._begin(request), request, 2)
"""


def trainers(out: str) -> list[int]:
    """Return the processes, launcher and all, that train for the run in ``out``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"--quiet" in words and out.encode() in words:
            found.append(int(entry.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nobody_trains_on_when_the_run_is_gone(request_: AugmentRequest, how: signal.Signals) -> None:
    if not Path("/proc/self/cmdline").is_file():
        pytest.skip("processes are found by /proc")
    asked = request_.model_copy(update={"variant": "wgan_gp"})
    run = subprocess.Popen([sys.executable, "-c", SCRIPT, asked.model_dump_json()], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while len(trainers(str(asked.out))) < 3 and time.monotonic() < until:  # a launcher and two processes
        assert run.poll() is None
        time.sleep(0.1)
    assert len(trainers(str(asked.out))) >= 3
    run.send_signal(how)
    run.wait(40)
    while trainers(str(asked.out)) and time.monotonic() < until + 60:
        time.sleep(0.2)
    assert trainers(str(asked.out)) == []
    assert not (Path(str(asked.out)) / "synthesizer").exists()


@pytest.mark.parametrize("text", ["0", "two", "-1", ""])
def test_the_number_of_processes_must_be_one(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANAUG_PROCESSES", text)
    with pytest.raises(ConfigError, match="GANAUG_PROCESSES must be a number of processes"):
        processes()
