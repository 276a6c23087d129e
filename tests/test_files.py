"""Files are whole or absent, and names that a stranger has written do not lead out of their folder."""

from __future__ import annotations

import errno
import functools
import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ganaug.errors import ArtefactError
from ganaug.files import digest, filling, inside, put
from ganaug.parquet import read_manifest, write_parquet

SCHEMA = pa.schema([("a", pa.int64())])


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../secret",
        "data/../../secret",
        "data\\..\\secret",
        "C:/secret",
        "",
        ".",
        "a//b",
        "a\0b",
        3,
        None,
    ],
)
def test_a_name_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: Any) -> None:
    with pytest.raises(ArtefactError, match="is not a path inside it; do not trust it"):
        inside(tmp_path, name)


def test_a_link_that_leads_out_of_its_folder_is_refused_and_a_folder_that_is_a_link_is_not(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "file").symlink_to(tmp_path / "secret")
    (tmp_path / "rows" / "data").symlink_to(tmp_path, target_is_directory=True)
    for name in ("file", "data/secret"):
        with pytest.raises(ArtefactError, match="is a link that leads out of its folder"):
            inside(tmp_path / "rows", name)
    (tmp_path / "rows" / "own").write_text("y")
    (tmp_path / "alias").symlink_to(tmp_path / "rows", target_is_directory=True)
    assert inside(tmp_path / "alias", "own").read_text() == "y"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    chunks = iter([pa.table({"a": [1, 2]}, schema=SCHEMA)])
    write_parquet(chunks, tmp_path / "rows", schema=SCHEMA, provenance={"seed": 1})
    return tmp_path / "rows"


def test_a_manifest_cannot_name_files_elsewhere(written: Path) -> None:
    document = json.loads((written / "manifest.json").read_text())
    document["files"][0]["name"] = "../../etc/passwd"
    (written / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(ArtefactError, match=r"names the file '\.\./\.\./etc/passwd', which is not a path inside it"):
        read_manifest(written)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"files": []}', "[" * 100_000, '{"rows": 1, "files": 3, "provenance": 0}']
)
def test_what_is_no_manifest_is_an_artefact_error(written: Path, text: str) -> None:
    (written / "manifest.json").write_text(text)
    with pytest.raises(ArtefactError, match="is not the manifest of synthetic rows"):
        read_manifest(written)


def test_what_a_kill_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".a.part").write_text("half")
    put(tmp_path / "a", b"whole")
    (tmp_path / ".b.part").mkdir()
    (tmp_path / ".b.part" / "half").write_text("half")
    with filling(tmp_path / "b") as scratch:
        (scratch / "whole").write_text("whole")
        assert not (tmp_path / "b").exists()
    assert sorted(os.listdir(tmp_path)) == ["a", "b"] and os.listdir(tmp_path / "b") == ["whole"]


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").write_text("old")
    with pytest.raises(KeyError), filling(tmp_path / "b", replace=True):
        raise KeyError
    assert os.listdir(tmp_path) == ["b"] and os.listdir(tmp_path / "b") == ["old"]
    with pytest.raises(OSError, match="not empty"), filling(tmp_path / "b"):
        pass
    assert os.listdir(tmp_path) == ["b"]


def replaced(path: Path) -> None:
    with filling(path, replace=True) as scratch:
        (scratch / "new").write_text("new")


CALLS: list[tuple[Any, str]] = [(os, "replace"), (shutil, "rmtree"), (os, "fsync")]


def killed(path: Path, at: int) -> bool:
    """Replace the folder in a process that dies at its ``at``-th step; say whether it did."""
    pid = os.fork()
    if not pid:
        count = itertools.count(1)

        def dying(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
            return os._exit(9) if next(count) == at else call(*arguments, **options)

        for owner, name in CALLS:
            setattr(owner, name, functools.partial(dying, getattr(owner, name)))
        replaced(path)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


def test_a_replacement_that_is_killed_anywhere_loses_neither_the_old_nor_the_new(tmp_path: Path) -> None:
    seen = set()
    for at in itertools.count(1):
        path = tmp_path / str(at) / "b"
        path.mkdir(parents=True)
        (path / "old").write_text("old")
        if not killed(path, at):
            break
        aside = path.with_name(".b.old")
        (name,) = os.listdir(path if path.exists() else aside)
        seen.add((path.exists() and name, aside.exists()))
        # The next one fails: it has put back what was there, or kept what came.
        with pytest.raises(KeyError), filling(path, replace=True):
            raise KeyError
        assert os.listdir(path) == [name] and os.listdir(path.parent) == ["b"]
        replaced(path)
        assert os.listdir(path) == ["new"] and os.listdir(path.parent) == ["b"]
    assert seen == {("old", False), (False, True), ("new", True), ("new", False)}


def test_a_replacement_whose_last_step_fails_puts_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "old").write_text("old")
    replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if source.name == ".b.part":
            raise OSError(errno.EIO, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="Input/output"):
        replaced(tmp_path / "b")
    assert os.listdir(tmp_path) == ["b"] and os.listdir(tmp_path / "b") == ["old"]


def test_a_digest_is_the_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digest(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
