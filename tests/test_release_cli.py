from __future__ import annotations

import json

import pytest

from ganaug import storage
from ganaug.cli import main
from ganaug.releases import Releases
from tests.releases.sets import data_set

COMMANDS = ("list", "show", "path", "rollback", "expire")


def run(*arguments):
    """Return the exit status of ``ganaug releases``."""
    try:
        main(["releases", *map(str, arguments)])
    except SystemExit as end:
        return end.code or 0
    return 0


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    for seed, (version, verdict) in enumerate([("monday", "helps"), ("tuesday", "harms")]):
        folder = data_set(tmp_path / version, seed)
        Releases(tmp_path / "p").publish(folder, version=version, verdict=verdict, sentence="It [does].")
    return tmp_path / "p"


def told(capsys, *arguments):
    assert run(*arguments) == 0
    return capsys.readouterr().out


def test_help_names_what_there_is(capsys):
    text = told(capsys, "-h")
    assert all(f" {command} " in text for command in COMMANDS)
    with pytest.raises(SystemExit) as main_help:
        main(["-h"])
    assert main_help.value.code in (0, None) and " releases " in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_an_example(capsys, command):
    assert f"ganaug releases {command} " in told(capsys, command, "-h").split("Example")[1]


def test_list(capsys, place, tmp_path):
    lines = [line.split() for line in told(capsys, "list", place).splitlines() if "day" in line]
    assert [line[0] for line in lines] == ["tuesday", "monday"] and lines[0][1] == "latest" != lines[1][1]
    assert lines[1][-4:] == ["20", "helps", "0", "print0"]
    value = json.loads(told(capsys, "list", place, "--json"))
    assert value["latest"] == "tuesday" and [v["version"] for v in value["versions"]] == ["tuesday", "monday"]
    assert value["versions"][1]["rows"] == 20 and value["versions"][1]["latest"] is False
    assert "nothing is published" in told(capsys, "list", tmp_path / "none")


def test_show(capsys, place):
    text = told(capsys, "show", place)
    assert "Version tuesday" in text and "harms" in text and "It [does]." in text and "data/part-00000.parquet" in text
    value = json.loads(told(capsys, "show", place, "monday", "--json"))
    assert value["verdict"] == "helps" and value["latest"] is False and value["path"].endswith("monday/data")
    assert value["files"][0]["sha256"] == Releases(place).get("monday").files[0]["sha256"]


def test_path_is_printed_alone(capsys, place):
    assert told(capsys, "path", place) == f"{place}/versions/tuesday/data\n"
    assert told(capsys, "path", place, "monday") == f"{place}/versions/monday/data\n"


def test_rollback(capsys, place):
    assert f"the latest version at {place} is monday" in told(capsys, "rollback", place)
    assert json.loads(told(capsys, "rollback", place, "--to", "tuesday", "--json"))["latest"] == "tuesday"
    assert Releases(place).latest().version == "tuesday"


def test_expire(capsys, place, tmp_path):
    Releases(place).publish(data_set(tmp_path / "wednesday", 2), version="wednesday")
    assert "nothing to remove" in told(capsys, "expire", place, "--keep", 1), "all were published within an hour"
    assert "removed monday" in told(capsys, "expire", place, "--keep", 1, "--grace-hours", 0)
    assert json.loads(told(capsys, "expire", place, "--json"))["removed"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "{place}", "nope"), "no version 'nope' is published"),
        (("path", "{place}/none"), "nothing is published"),
        (("rollback", "{place}", "--to", "../x"), "a version is named with"),
        (("expire", "{place}", "--keep", "0"), "at least one version must be kept"),
        (("list", "s3://KEY:SECRET@bucket/x"), "carries credentials"),
        (("list", "nope://bucket/x"), "Protocol not known"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_status_2(capsys, place, arguments, message):
    assert run(*(argument.format(place=place) for argument in arguments)) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and "SECRET" not in error.replace("AWS_SECRET", "")


def test_a_damaged_pointer_is_told_of_and_mended(capsys, place):
    storage.atomic_write(place / "latest.json", b"{")
    assert run("show", place) == 2
    assert "latest.json' is damaged" in capsys.readouterr().err
    assert run("list", place) == 0
    out, err = capsys.readouterr()
    assert "monday" in out and "warning: " in err
    assert run("rollback", place) == 2
    assert run("rollback", place, "--to", "monday") == 0
    capsys.readouterr()
    assert "monday" in told(capsys, "path", place)


def test_on_s3(capsys, s3_bucket, tmp_path):
    Releases(s3_bucket).publish(data_set(tmp_path / "a", 0), version="a")
    assert json.loads(told(capsys, "list", s3_bucket, "--json"))["latest"] == "a"
    assert told(capsys, "path", s3_bucket) == f"{s3_bucket}/versions/a/data\n"
    assert run("list", f"{s3_bucket}-absent") == 2
    assert "does not exist; create it" in capsys.readouterr().err


def test_nothing_waits_for_torch(place):
    import subprocess
    import sys

    code = (
        f"import sys, ganaug.cli\ntry: ganaug.cli.main(['releases', 'list', {str(place)!r}])\n"
        "finally: assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "monday" in done.stdout
