from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import pytest

from ganaug.errors import OutputError
from ganaug.runs import RunFolder, check_new_folder, new_folder, told
from ganaug.storage import SCRATCH

REQUEST = {"target": "y", "variant": "auto"}
VERSIONS = {"ganaug": "0.1.0"}


def open_run(path, request=REQUEST, seed=3, versions=VERSIONS):
    return RunFolder.open(path, request=request, seed=seed, versions=versions)


def test_a_new_run_is_recorded_unfinished_and_keeps_its_seed(tmp_path):
    run = open_run(tmp_path / "a" / "run")
    assert not run.finished and run.seed == 3
    again = open_run(tmp_path / "a" / "run", seed=99)
    assert again.seed == 3, "a run that goes on draws with the seed it began with"
    again.finish()
    assert open_run(tmp_path / "a" / "run").finished


def test_another_request_is_refused_and_the_message_names_what_differs(tmp_path):
    open_run(tmp_path / "run")
    with pytest.raises(OutputError, match="not empty: it holds another run, which differs in variant"):
        open_run(tmp_path / "run", request={**REQUEST, "variant": "wgan_gp"})


def test_an_unfinished_run_of_another_version_is_refused_and_a_finished_one_is_not(tmp_path):
    run = open_run(tmp_path / "run")
    with pytest.raises(OutputError, match=r"unfinished, but of ganaug 0\.1\.0, and this is 9\.0"):
        open_run(tmp_path / "run", versions={"ganaug": "9.0"})
    run.finish()
    assert open_run(tmp_path / "run", versions={"ganaug": "9.0"}).finished


def test_a_newer_record_is_refused(tmp_path):
    run = open_run(tmp_path / "run")
    run.write_json("run.json", {**run.record, "format": 99})
    with pytest.raises(OutputError, match=r"format 99.*update ganaug"):
        open_run(tmp_path / "run")


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}'])
def test_a_damaged_record_is_refused(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(OutputError, match=r"run\.json' is (damaged|not the record of a run)"):
        open_run(tmp_path)


def test_a_folder_that_is_not_empty_is_refused_and_named(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"is not empty \(it holds notes\.txt\)"):
        open_run(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_empty_folder_and_what_a_killed_write_left_are_accepted(tmp_path):
    (tmp_path / f"{SCRATCH}1").write_text("half")
    (tmp_path / f"{SCRATCH}2").mkdir()
    (tmp_path / ".synthetic.part").mkdir()
    (tmp_path / ".report.html.12.tmp").write_text("half")
    run = open_run(tmp_path)
    assert sorted(os.listdir(run.path)) == ["run.json"]


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        open_run(tmp_path / "file")
    with pytest.raises(OutputError, match=r"cannot write to .*Not a directory.*Choose a folder"):
        open_run(tmp_path / "file" / "below")
    with pytest.raises(OutputError, match="must be a local path, however: 's3://bucket/run'"):
        check_new_folder("s3://bucket/run")


def test_a_json_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    run = open_run(tmp_path / "run")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="no space is left on the disk"):
        run.write_json("effect.json", {"a": 1})
    assert sorted(os.listdir(run.path)) == ["run.json"]
    assert json.loads((run.path / "run.json").read_text())["state"] == "unfinished"


def test_a_new_folder_appears_when_its_block_ends(tmp_path):
    with new_folder(tmp_path / "x" / "saved") as scratch:
        (scratch / "data").write_text("whole")
        assert not (tmp_path / "x" / "saved").exists()
    assert (tmp_path / "x" / "saved" / "data").read_text() == "whole"
    assert os.listdir(tmp_path / "x") == ["saved"]


def test_a_new_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(OutputError, match="no space is left"), new_folder(tmp_path / "saved") as scratch:
        (scratch / "data").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_told_leaves_other_errors_alone():
    with pytest.raises(KeyError), told("anywhere"):
        raise KeyError("a bug")


def test_one_process_at_a_time_works_in_a_folder_and_a_kill_gives_it_back(tmp_path):
    code = (
        "import sys, time\n"
        "from ganaug.runs import RunFolder\n"
        "run = RunFolder.open(sys.argv[1], request={}, seed=0, versions={'ganaug': '0'})\n"
        "print('open', flush=True); time.sleep(60)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "open\n"
    with pytest.raises(OutputError, match="another process is at work in"):
        open_run(tmp_path / "run", request={}, versions={"ganaug": "0"})
    other.kill()
    other.wait()
    run = open_run(tmp_path / "run", request={}, versions={"ganaug": "0"})
    again = open_run(tmp_path / "run", request={}, versions={"ganaug": "0"})
    assert run.seed == again.seed == 0, "the same process may open it twice"
    assert sorted(os.listdir(tmp_path / "run")) == ["run.json"]
