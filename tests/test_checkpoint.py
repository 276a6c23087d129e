"""Checkpoints: whole or absent, here and in an object store, and told from what somebody else has put there."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from ganaug import checkpoint
from ganaug.errors import ArtefactError, ConfigError, OutputError

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
    unlink = Path.unlink

    def killed(path: Path, **options: Any) -> None:
        if path.name == "c.1":
            raise KeyboardInterrupt
        unlink(path, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", killed)
        checkpoint.remove(tmp_path / "c")
    checkpoint.remove(tmp_path / "c")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    checkpoint.write(tmp_path / "c", {"step": 1})

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OutputError, match="no space is left on the disk while writing"):
        patch.setattr(os, call, full)
        checkpoint.write(tmp_path / "c", {"step": 2})
    assert os.listdir(tmp_path) == ["c"] and checkpoint.load(tmp_path / "c") == {"step": 1}


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write to .*file/c"):
        checkpoint.write(tmp_path / "file" / "c", NEST)
    with pytest.raises(ConfigError, match="'nowhere://c' cannot be opened"):
        checkpoint.write("nowhere://c", NEST)


def test_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    checkpoint.write(tmp_path / "c", NEST)
    monkeypatch.undo()
    with pytest.raises(ArtefactError, match="has checkpoint format 99, and this version reads 2: delete it"):
        checkpoint.load(tmp_path / "c")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04.",
        (2**62).to_bytes(8, "little") + b"{}",
        save({"a": torch.zeros(2)}),
        save({"a": torch.zeros(2)}, metadata={"ganaug": json.dumps({"format": 2, "plan": {}}), "sha256": "0"}),
        save({"a": torch.zeros(2)}, metadata={"ganaug": "[" * 100_000, "sha256": "0"}),
    ],
    ids=["empty", "pickle", "terabytes", "ours-not", "digest", "deep"],
)
def test_what_is_no_checkpoint_is_told_from_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(checkpoint.DamagedError, match="is not a readable checkpoint"):
        checkpoint.load(tmp_path / "c")
