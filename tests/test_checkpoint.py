"""Checkpoints: whole or absent, here and in an object store, and told from what somebody else has put there."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch
from safetensors.torch import save

from ganaug import checkpoint
from ganaug.errors import ArtefactError, OutputError

NEST = {"a": torch.arange(6.0).reshape(2, 3), 4: [1, None, "x", {"b": torch.tensor(True)}], "none": torch.zeros(0)}


@pytest.fixture(params=["file", "url", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {"file": f"{tmp_path}/deep/c", "url": f"file://{tmp_path}/deep/c", "memory": f"memory:/{tmp_path}/c"}[
        request.param
    ]


def test_what_is_written_comes_back(place: str) -> None:
    checkpoint.write(place, {"old": 1})
    checkpoint.write(place, NEST)
    nest = checkpoint.load(place)
    assert torch.equal(nest["a"], NEST["a"]) and nest["a"].dtype == torch.float32
    assert nest[4][:3] == [1, None, "x"] and nest[4][3]["b"].item() is True and nest["none"].shape == (0,)


def test_numbered_ones_are_removed_with_the_first(place: str) -> None:
    for number in range(3):
        checkpoint.write(checkpoint.nth(place, number), NEST)
    checkpoint.remove(place)
    assert not any(checkpoint.exists(checkpoint.nth(place, number)) for number in range(3))
    checkpoint.remove(place)
    with pytest.raises(FileNotFoundError):
        checkpoint.load(place)


def test_a_removal_that_was_killed_is_ended_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        checkpoint.write(checkpoint.nth(tmp_path / "c", number), NEST)
    (tmp_path / ".c.part").write_text("left by a kill")
    remove = os.remove

    def killed(path: str) -> None:
        if path.endswith("c.1"):
            raise KeyboardInterrupt
        remove(path)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "remove", killed)
        checkpoint.remove(tmp_path / "c")
    checkpoint.remove(tmp_path / "c")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    checkpoint.write(tmp_path / "c", {"step": 1})

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OutputError, match="no space is left at"):
        patch.setattr(os, call, full)
        checkpoint.write(tmp_path / "c", {"step": 2})
    assert os.listdir(tmp_path) == ["c"] and checkpoint.load(tmp_path / "c") == {"step": 1}


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/c' cannot be used"):
        checkpoint.write(tmp_path / "file" / "c", NEST)
    with pytest.raises(OutputError, match="'nowhere://c' cannot be used: Protocol not known"):
        checkpoint.write("nowhere://c", NEST)


def saves(place: str | Path) -> checkpoint.Saves:
    return checkpoint.Saves(place, seconds=0, identity={"seed": 1})


def test_a_storage_that_is_away_is_told_when_read_and_only_logged_when_written(
    s3_bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = f"{s3_bucket}/c"
    saves(place).write({"step": 1})
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        fsspec.filesystem("s3").clear_instance_cache()
        uses: list[Callable[[], Any]] = [
            lambda: checkpoint.load(place),
            lambda: checkpoint.exists(place),
            lambda: checkpoint.write(place, NEST),
            lambda: checkpoint.remove(place),
            saves(place).read,
        ]
        for use in uses:
            with pytest.raises(OutputError, match="cannot be reached") as caught:
                use()
            assert isinstance(caught.value.__cause__, ConnectionError), "waiting may mend it"
        saves(place).write({"step": 2})
        assert "the training goes on without having saved its state" in caplog.text
    fsspec.filesystem("s3").clear_instance_cache()
    assert saves(place).read() == {"step": 1}
    saves(place).write({"step": 3})
    assert saves(place).read() == {"step": 3}
    checkpoint.remove(place)
    assert saves(place).read() is None


def test_a_training_goes_on_while_the_disk_is_full_but_not_where_it_may_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    saves(tmp_path / "c").write({"step": 1})

    def failing(number: int, text: str) -> None:
        def fail(*_: Any) -> None:
            raise OSError(number, text)

        monkeypatch.setattr(os, "replace", fail)

    failing(errno.ENOSPC, "No space left on device")
    saves(tmp_path / "c").write({"step": 2})
    assert "no space is left at" in caplog.text and saves(tmp_path / "c").read() == {"step": 1}
    for number, text in [(errno.EACCES, "Permission denied"), (errno.EROFS, "Read-only file system")]:
        failing(number, text)
        with pytest.raises(OutputError):
            saves(tmp_path / "c").write({"step": 3})


def test_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    checkpoint.write(tmp_path / "c", NEST)
    monkeypatch.undo()
    with pytest.raises(ArtefactError, match="has checkpoint format 99, and this version reads 3: delete it"):
        checkpoint.load(tmp_path / "c")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04.",
        (2**62).to_bytes(8, "little") + b"{}",
        save({"a": torch.zeros(2)}),
        save({"a": torch.zeros(2)}, metadata={"ganaug": json.dumps({"format": 3, "plan": {}}), "sha256": "0"}),
        save({"a": torch.zeros(2)}, metadata={"ganaug": "[" * 100_000, "sha256": "0"}),
    ],
    ids=["empty", "pickle", "terabytes", "ours-not", "digest", "deep"],
)
def test_what_is_no_checkpoint_is_told_from_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(checkpoint.DamagedError, match="is not a readable checkpoint"):
        checkpoint.load(tmp_path / "c")
