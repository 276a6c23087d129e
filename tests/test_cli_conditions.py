"""The command line with a numeric target, and with several label columns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import ganaug
from ganaug.cli import main
from ganaug.variants.anchored import Config


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    price = rng.exponential(size=120) * 100
    frame = pd.DataFrame({"x": price + rng.normal(size=120), "price": price.round(1)})
    frame["ill"], frame["colour"] = np.where(rng.random(120) < 0.3, "yes", "no"), rng.choice(["red", "blue"], 120)
    frame.to_csv(tmp_path / "flats.csv", index=False)
    return tmp_path / "flats.csv"


def test_ranges_are_augmented_and_drawn(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-t", "price", "--task", "regression", "--rows", "200..400=50", "-o", str(tmp_path / "run")]
    main_ends(["augment", str(table), *words, "--check", "none", "-q", "--json"])
    summary = json.loads(capsys.readouterr().out)
    assert {entry["name"]: entry["real"] + entry["synthetic"] for entry in summary["classes"]}["[200, 400)"] == 50
    wanted = ["--rows", "250=2", "--rows", "100..120=3"]
    main_ends(["sample", str(tmp_path / "run"), *wanted, "-o", str(tmp_path / "rows")])
    drawn = pq.read_table(tmp_path / "rows" / "data").column("price").to_pylist()
    assert drawn[:2] == [250.0, 250.0] and all(100 <= value < 120 for value in drawn[2:]) and len(drawn) == 5
    main_ends(["inspect", str(table), "-t", "price", "--task", "regression", "--json"])
    assert all(name.startswith("[") for name in json.loads(capsys.readouterr().out.split("\n", 1)[1])["classes"])


def test_several_targets_are_combined(table: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(table)
    fitted = ganaug.fit(
        frame, target=["ill", "colour"], variant=Config(steps=3), random_state=0, progress=False, out=tmp_path / "g"
    )
    main_ends(["sample", str(tmp_path / "g"), "--rows", "yes & red=4", "-o", str(tmp_path / "rows"), "--seed", "1"])
    drawn = pq.read_table(tmp_path / "rows" / "data").to_pandas()
    assert drawn.equals(fitted.sample(conditions={("yes", "red"): 4}, random_state=1))


def test_rows_of_several_targets_are_asked_for_as_the_help_says(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    for command, asked in (("augment", "'yes & red=60'"), ("sample", "'yes & red=50'")):
        main_ends([command, "-h"])
        assert asked in " ".join(capsys.readouterr().out.replace("│", " ").split())
    words = ["-t", "ill", "-t", "colour", "--rows", "yes & red=60", "--check", "none", "-q", "--json"]
    main_ends(["augment", str(table), *words, "-o", str(tmp_path / "run")])
    summary = json.loads(capsys.readouterr().out)
    assert {entry["name"]: entry["real"] + entry["synthetic"] for entry in summary["classes"]}["yes & red"] == 60
    drawn = pq.read_table(tmp_path / "run" / "synthetic" / "data").to_pandas()
    assert (drawn["ill"] == "yes").all() and (drawn["colour"] == "red").all() and len(drawn) > 0


def test_the_way_out_is_an_option(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_ends(["inspect", str(table), "-t", "price"], status=2) == 2
    assert "pass --task regression" in " ".join(capsys.readouterr().err.split())


def main_ends(words: list[str], *, status: int = 0) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code in (status, None if status == 0 else status), words
    return status
