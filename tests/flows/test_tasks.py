from __future__ import annotations

import errno
import json
import logging
from pathlib import Path

import pandas as pd
import pytest
import torch

from flows import tasks
from flows.parameters import AugmentRequest
from flows.patience import is_passing
from ganaug.errors import DataError, OutputError
from ganaug.synthesizer import Synthesizer

pytestmark = pytest.mark.usefixtures("server")


def test_only_what_may_pass_is_tried_again() -> None:
    assert is_passing(TimeoutError("slow storage"))
    assert is_passing(OSError(errno.ENOSPC, "full"))
    assert not is_passing(FileNotFoundError("data.csv"))
    assert not is_passing(DataError("no column 'y'"))
    full = OutputError("no space is left")
    full.__cause__ = OSError(errno.ENOSPC, "full")
    assert is_passing(full)
    readonly = OutputError("cannot write")
    readonly.__cause__ = PermissionError("read-only")
    assert not is_passing(readonly)
    assert not is_passing(None)


def test_reading_answers_with_counts_and_a_fingerprint_and_opens_the_folder(request_: AugmentRequest) -> None:
    manifest = tasks.read.fn(request_)
    assert (manifest["rows"], manifest["columns"]) == (75, 3)
    assert manifest["classes"] == {"common": 60, "rare": 15}
    assert len(manifest["fingerprint"]) == 64
    assert (Path(request_.out) / "run.json").is_file()
    json.dumps(manifest)


def test_a_machine_without_a_card_trains_on_the_cpu_and_says_so(
    request_: AugmentRequest, caplog: pytest.LogCaptureFixture
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    with caplog.at_level(logging.INFO, logger="ganaug.flows"):
        tasks.read.fn(request_)
    assert "there is no CUDA device here: training on the CPU" in caplog.text


def test_what_deserves_a_look_is_logged(
    table: Path, request_: AugmentRequest, caplog: pytest.LogCaptureFixture
) -> None:
    frame = pd.read_csv(table)
    frame.insert(0, "customer_id", [f"c-{i:04d}-{i * 7919 % 1000}" for i in range(len(frame))])
    frame.to_csv(table, index=False)
    with caplog.at_level(logging.WARNING, logger="ganaug.flows"):
        tasks.read.fn(request_)
    assert "customer_id" in caplog.text


def test_data_that_change_while_a_run_goes_on_are_refused(table: Path, request_: AugmentRequest) -> None:
    data = tasks.read.fn(request_)
    frame = pd.read_csv(table)
    frame.loc[0, "count"] += 1
    frame.to_csv(table, index=False)
    with pytest.raises(OutputError, match="differs in data"):
        tasks.choose.fn(request_, data)
    beside = request_.model_copy(update={"out": None, "publish_to": f"{request_.out}-store"})
    data = tasks.read.fn(beside)
    frame.to_csv(table, index=False)
    assert tasks.choose.fn(beside, data)["rows"] == {"rare": 10}
    frame.loc[0, "count"] += 1
    frame.to_csv(table, index=False)
    with pytest.raises(OutputError, match="changed while the run was under way"):
        tasks.choose.fn(beside, data)


def test_choosing_answers_with_the_rows_to_add(request_: AugmentRequest) -> None:
    assert tasks.choose.fn(request_, tasks.read.fn(request_)) == {"rows": {"rare": 10}, "reason": "as asked"}


def test_a_training_is_watched_at_the_interval_asked_for_and_makes_no_other_run(
    request_: AugmentRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganaug.recovery.recognise", lambda *_, **__: [])  # nothing in between is noticed
    data = tasks.read.fn(request_)
    closely = request_.model_copy(update={"watch_every": 70})
    assert tasks.read.fn(closely) == data
    synthesizer = Synthesizer.load(tasks.train.fn(closely, data)["path"])
    lines = (Path(data["run"]) / "training" / "history.jsonl").read_text("utf-8").splitlines()
    steps = synthesizer.config.steps
    assert [json.loads(line)["step"] for line in lines] == [*range(0, steps, 70), steps]


def test_no_check_is_none(request_: AugmentRequest) -> None:
    assert tasks.check.fn(request_, tasks.read.fn(request_)) is None
