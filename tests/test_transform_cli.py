"""``ganaug transform``."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ganaug import fitting
from ganaug.cli import main
from ganaug.data import read_table
from ganaug.variants import inpaint
from ganaug.variants.super_resolution import Config
from tests.digits import digits, image_data


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = image_data(*digits({0: 8, 1: 5}))
    fitted = fitting.fit(data.table, data.schema, variant=Config(steps=0, channels=4), seed=0, device="cpu")
    return fitted.save(tmp_path_factory.mktemp("cli") / "generator")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    for i, image in enumerate(digits({3: 4})[0][:, ::2, ::2, 0]):
        (tmp_path / "scans" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "scans" / "ab"[i % 2] / f"{i}.png")
    return tmp_path / "scans"


def run(*arguments: object) -> Any:
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code or 0
    return 0


def test_images_are_made_larger_into_parquet_and_folders(
    generator: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("transform", generator, scans, "-o", tmp_path / "rows") == 0
    assert "4 changed rows" in capsys.readouterr().out
    cells = pq.read_table(tmp_path / "rows" / "data").column("image").to_pylist()
    stored = [np.asarray(Image.open(io.BytesIO(cell["bytes"]))) for cell in cells]
    assert [a.shape for a in stored] == [(8, 8)] * 4
    assert run("transform", generator, scans, "-o", tmp_path / "pictures", "--format", "folder") == 0
    written = sorted((tmp_path / "pictures").rglob("*.png"))
    assert [path.parent.name for path in written] == ["a", "a", "b", "b"]
    assert all(np.array_equal(np.asarray(Image.open(path)), a) for path, a in zip(written, stored, strict=True))


def test_one_class_alone_is_made_larger_and_stays_that_class(generator: Path, scans: Path, tmp_path: Path) -> None:
    both, alone = tmp_path / "both", tmp_path / "alone"
    assert run("transform", generator, scans, "-o", both, "--format", "folder") == 0
    shutil.rmtree(scans / "b")
    assert run("transform", generator, scans, "-o", alone, "--format", "folder") == 0
    assert [path.name for path in alone.iterdir()] == ["a"]
    made, among = (sorted((place / "a").iterdir()) for place in (alone, both))
    assert len(made) == len(among) == 2
    assert all(np.array_equal(Image.open(m), Image.open(a)) for m, a in zip(made, among, strict=True))
    assert run("transform", generator, scans, "-o", tmp_path / "rows") == 0
    assert pq.read_table(tmp_path / "rows" / "data").column("label").to_pylist() == [0, 0]


def test_images_keep_their_names_unless_two_of_a_class_would_share_one(
    generator: Path, scans: Path, tmp_path: Path
) -> None:
    def written(name: str) -> list[str]:
        assert run("transform", generator, scans, "-o", tmp_path / name, "--format", "folder") == 0
        return sorted(path.relative_to(tmp_path / name).as_posix() for path in (tmp_path / name).rglob("*.png"))

    (scans / "a" / "2.png").rename(scans / "a" / "late scan.v2.png")
    shutil.copy(scans / "a" / "0.png", scans / "b" / "0.png")
    assert written("named") == ["a/0.png", "a/late scan.v2.png", "b/0.png", "b/1.png", "b/3.png"]
    assert run("transform", generator, scans, "-o", tmp_path / "rows") == 0
    cells = pq.read_table(tmp_path / "rows" / "data").column("image").to_pylist()
    for cell in cells:  # each name is that of its own picture
        made = Image.open(tmp_path / "named" / cell["path"])
        assert np.array_equal(np.asarray(made), np.asarray(Image.open(io.BytesIO(cell["bytes"]))))
    Image.open(scans / "b" / "1.png").save(scans / "b" / "1.bmp")
    assert written("numbered") == [f"{'aabbbb'[i]}/{i:08d}.png" for i in range(6)]


def test_missing_cells_of_a_csv_file_are_filled_in(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = pd.DataFrame({"a": rng.normal(size=60).round(3), "b": rng.choice(["x", "y"], 60), "c": ["m", "n"] * 30})
    read = read_table(whole, target="c")
    fitted = fitting.fit(read.table, read.schema, variant=inpaint.Config(steps=3, width=8), seed=0, device="cpu")
    fitted.save(tmp_path / "run" / "synthesizer")  # as in the folder of a run
    (tmp_path / "run" / "run.json").touch()
    given = whole.where(rng.random((60, 3)) < [0.7, 0.7, 1])
    given.to_csv(tmp_path / "given.csv", index=False)
    assert run("transform", tmp_path / "run", tmp_path / "given.csv", "-o", tmp_path / "rows") == 0
    filled = pd.read_parquet(tmp_path / "rows" / "data")
    assert filled.notna().all(axis=None) and given.isna().any(axis=None)
    assert all((filled[name] == given[name])[given[name].notna()].all() for name in whole)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mask", "{scans}/a/0.png"], "changes whole images; leave mask=None"),
        (["--mask", "{generator}/synthesizer.json"], "cannot be read as a picture"),
        (["--format", "jpg"], "--format must be parquet or folder, however: 'jpg'"),
    ],
)
def test_bad_input_ends_with_status_2_and_one_clear_sentence(
    generator: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    words = [word.format(scans=scans, generator=generator) for word in words]
    assert run("transform", generator, scans, "-o", tmp_path / "out", *words) == 2
    said = capsys.readouterr()
    assert message in said.err and said.err.startswith("error: ") and len(said.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
