"""The command line on images."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ganaug import variants
from ganaug.cli import main
from ganaug.data import read_images
from ganaug.image_files import export_folder
from tests.digits import digits

X, Y = digits({0: 14, 1: 14, 2: 6})
X, NAMED = X[..., 0], np.array(["zero", "one", "two"])[Y]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``auto`` train for a moment only."""
    resolve = variants.resolve
    few = {kind: variants.get(name).Config(steps=8) for kind, name in variants.DEFAULTS.items()}
    auto = lambda variant, kind: few[kind or "tables"] if variant == "auto" else variant  # noqa: E731
    monkeypatch.setattr(variants, "resolve", lambda variant, kind=None: resolve(auto(variant, kind), kind))
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cli") / "digits"
    read = read_images((X, NAMED))
    export_folder(read.table, read.schema, place)
    return place


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A folder of images, for the test to spoil."""
    return shutil.copytree(made, tmp_path / "digits")


def run(*arguments: object) -> Any:
    """Return the exit status of the command line."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code or 0
    return 0


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """Return the JSON that a command prints."""
    assert run(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_augment_writes_a_run_and_says_so(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, result = tmp_path / "out", tmp_path / "all.parquet"
    words = ("augment", folder, "-o", out, "--rows", "two=10", "--check", "none", "--result", result, "-q")
    assert run(*words) == 0
    text = capsys.readouterr().out
    assert "4 synthetic rows were added (4 of two), as asked." in text and "report.html" in text
    assert (out / "contact-sheets" / "two.png").is_file()
    assert told(capsys, *words)["synthetic_rows"] == 4, "the same words return the same run"
    described = told(capsys, "inspect", out)
    assert (described["what"], described["state"], described["synthetic_rows"]) == ("run", "finished", 4)


def test_the_result_is_image_parquet_in_which_synthetic_ones_say_so(folder: Path, tmp_path: Path) -> None:
    out, result = tmp_path / "out", tmp_path / "all.parquet"
    assert run("augment", folder, "-o", out, "--rows", "two=10", "--check", "none", "--result", result, "-q") == 0
    table = pq.read_table(result)
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["label"]["names"] == ["one", "two", "zero"] and features["image"] == {"_type": "Image"}
    pictures = [Image.open(io.BytesIO(cell["bytes"])) for cell in table["image"].to_pylist()]
    assert ["ganaug" in picture.text for picture in pictures] == [False] * 34 + [True] * 4
    synthetic = pq.read_table(out / "synthetic" / "data")
    assert table.slice(34).to_pylist() == synthetic.to_pylist()
    np.testing.assert_array_equal(np.stack([np.asarray(p) for p in pictures[:34]]), X[np.argsort(NAMED, kind="stable")])
    again = read_images(result)
    assert len(again.table) == 38 and again.schema.class_names() == ["one", "two", "zero"]


def test_train_sample_and_inspect(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator, pictures, rows = tmp_path / "generator", tmp_path / "pictures", tmp_path / "rows"
    trained = told(capsys, "train", folder, "-o", generator, "--image-size", "10x12", "--seed", "3", "-q")
    assert trained["provenance"]["variant"] == "anchored_image" and trained["provenance"]["seed"] == 3
    described = told(capsys, "inspect", generator)
    assert [described[name] for name in ("what", "height", "width", "channels")] == ["generator", 10, 12, 1]
    assert described["classes"] == {"one": 14, "two": 6, "zero": 14}

    words = ("sample", generator, "--rows", "two=5", "--rows", "one=2", "--seed", "1")
    assert told(capsys, *words, "-o", pictures, "--format", "folder")["images"] == {"one": 2, "two": 5, "zero": 0}
    files = {path.relative_to(pictures).as_posix(): Image.open(path) for path in sorted(pictures.rglob("*.png"))}
    assert list(files) == [f"{n}/0000000{i}.png" for n, i in [("one", 5), ("one", 6), *(("two", i) for i in range(5))]]
    noted = json.loads(files["one/00000005.png"].text["ganaug"])
    assert (noted["synthetic"], noted["seed"], noted["sample_seed"], noted["row"]) == (True, 3, 1, 5)
    assert {picture.size for picture in files.values()} == {(12, 10)}

    assert run(*words, "-o", rows) == 0
    assert capsys.readouterr().out.strip() == f"7 synthetic rows in {rows}"
    cells = pq.read_table(rows / "data")["image"].to_pylist()
    for row, cell in enumerate(cells[:5]):
        assert cell["bytes"] == (pictures / "two" / f"{row:08d}.png").read_bytes(), "the same images either way"
    written = told(capsys, "inspect", rows)
    assert written["what"] == "set of synthetic rows" and written["rows"] == 7
    part = told(capsys, "inspect", rows / "data" / "part-00000.parquet")
    assert part["what"] == "set of images" and part["provenance"]["sample_seed"] == 1


def test_inspect_describes_a_set_of_images(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    described = told(capsys, "inspect", folder)
    assert {name: described[name] for name in ("what", "images", "height", "width", "channels", "target")} == {
        "what": "set of images", "images": 34, "height": 8, "width": 8, "channels": 1, "target": "label",
    }  # fmt: skip
    assert described["classes"] == {"one": 14, "two": 6, "zero": 14} and described["warnings"] == []
    assert told(capsys, "inspect", folder, "--image-size", "9x10")["width"] == 10
    assert run("inspect", folder) == 0
    assert "A set of images" in capsys.readouterr().out


def test_a_split_is_chosen_and_the_others_are_told(made: Path, tmp_path: Path, capsys: Any) -> None:
    whole = tmp_path / "both"
    shutil.copytree(made, whole / "train")
    shutil.copytree(made, whole / "test", ignore=shutil.ignore_patterns("*[0-4].png"))
    assert "'train' is read" in told(capsys, "inspect", whole)["warnings"][0]
    assert told(capsys, "inspect", whole, "--split", "test")["images"] < 34
    trained = told(capsys, "train", whole, "-o", tmp_path / "g", "--split", "test", "-q")
    assert trained["provenance"]["data_rows"] == told(capsys, "inspect", whole, "--split", "test")["images"]


def test_what_cannot_be_decoded_is_left_out_when_asked(folder: Path, tmp_path: Path, capsys: Any) -> None:
    (folder / "one" / "broken.png").write_bytes(b"no image")
    assert run("train", folder, "-o", tmp_path / "g", "--skip-unreadable", "-q", "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["provenance"]["data_rows"] == 34
    assert said.err.count("\n") == 1 and said.err.startswith("warning: 1 of 35 images") and "broken.png" in said.err
    assert "broken.png" in told(capsys, "inspect", folder, "--skip-unreadable")["warnings"][0]


def test_a_text_file_among_images_is_one_warning(folder: Path, tmp_path: Path, capsys: Any) -> None:
    (folder / "one" / "notes.txt").write_text("notes")
    words = ("--rows", "two=8", "--check", "none", "-q")
    assert run("augment", folder, "-o", tmp_path / "out", *words) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("warning: 1 file of") and "one/notes.txt" in lines[0]


def test_check_is_asked_what_was_typed(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    asked: dict[str, Any] = {}

    class Told(Exception):
        pass

    def measure(data: Any, **options: Any) -> None:
        asked.update(options, data=data)
        raise Told

    monkeypatch.setattr("ganaug.api.measure_effect", measure)
    words = ("--image-size", "16x20", "--transforms", "flip, shift", "--split", "val", "--skip-unreadable")
    with pytest.raises(Told):
        run("check", folder, "--augmenter", "r3gan", *words)
    images = asked["images"]
    assert (images.size, images.split, images.transforms) == ((16, 20), "val", ("flip", "shift"))
    assert images.skip_unreadable and asked["augmenter"] == "r3gan" and asked["data"] == str(folder)


@pytest.mark.slow
def test_check_for_real(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--augmenter", "random_oversampling", "--transforms", "shift", "-q")
    effect = told(capsys, "check", folder, *words)
    labels = {arm["name"]: arm["label"] for arm in effect["arms"]}
    assert effect["n_features"] == 64 and labels["flips_crops_shifts"] == "Oversampling with shifts"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("inspect {broken}", "repair or remove them, or pass --skip-unreadable to leave them out"),
        ("augment {broken} -o {out}", "1 of 35 images of '{broken}' cannot be read: 'one/broken.png' (it is no image"),
        ("train {broken} -o {out}", "'one/broken.png'"),
        ("check {broken}", "'one/broken.png'"),
        ("inspect {broken}", "'one/broken.png'"),
        ("augment {texts} -o {out}", "'{texts}'"),
        (
            "augment {loose} -o {out}",
            "1 image of '{loose}' without a label, as beside the class folders: 00000000",
        ),
        ("augment {images} -o {out} --image-size 32", "--image-size wants HEIGHTxWIDTH, such as 32x32, however: '32'"),
        ("check {images} --image-size 32x", "--image-size wants HEIGHTxWIDTH"),
        ("train {images} -o {out} --image-size 4x4", "size must be (height, width), whole numbers from 8 to 128"),
        ("inspect {images} --image-size 8x300", "size must be (height, width), whole numbers from 8 to 128"),
        ("augment {images} -o {out} --split test", "'{images}' has no folders of splits such as 'train' and 'test'"),
        ("inspect {images} --split test", "has no folders of splits"),
        ("augment {images} -o {out} --transforms turn", "transforms must be of shift, crop, flip, however: turn"),
        ("augment {images} -o {out} --variant ctgan", "'ctgan' makes tables, and the data are images"),
        ("augment {csv} -t b -o {out} --variant r3gan", "'r3gan' makes images, and the data are tables"),
        ("augment {csv} -t b -o {out} --image-size 8x8", "size is for images, and these data are a table"),
        ("augment {csv} -t b -o {out} --transforms flip", "transforms is for images, and these data are a table"),
        ("inspect {csv} --split test", "split is for images, and these data are a table"),
        ("augment {images} -o {out} --id-columns a", "images have no identifier columns"),
        ("augment {images} -o {out} --groups patient", "groups of images must be one value an image"),
        ("augment {images} -o {out} --rows three=9", "'three' is not a class of 'label'"),
        ("augment {images} -o {out} --result {out}.csv", "--result of images wants a file that ends in .parquet"),
        ("augment {images}/one/00000000.png -o {out}", "does not exist"),
    ],
)
def test_bad_input_ends_with_status_2_and_one_clear_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    places = {name: tmp_path / name for name in ("broken", "texts", "loose", "out")} | {"images": folder}
    places["csv"] = tmp_path / "table.csv"
    pd.DataFrame({"a": np.arange(20) / 4, "b": [0, 1] * 10}).to_csv(places["csv"], index=False)
    for name in ("broken", "loose"):
        shutil.copytree(folder, places[name])
    (places["broken"] / "one" / "broken.png").write_bytes(b"no image")
    Image.fromarray(X[0]).save(places["loose"] / "00000000.png")
    (places["texts"] / "one").mkdir(parents=True)
    (places["texts"] / "one" / "notes.txt").write_text("notes")
    assert run(*(word.format(**places) for word in words.split())) == 2
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and "Traceback" not in said.err
    assert message.format(**places) in lines[0]
    assert said.out == "" and not places["out"].exists()


def test_folders_of_files_are_for_images_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame({"a": np.arange(30) / 4, "b": [0, 1] * 15})
    table.to_csv(tmp_path / "t.csv", index=False)
    assert run("train", tmp_path / "t.csv", "-t", "b", "-o", tmp_path / "g", "-q") == 0
    capsys.readouterr()
    assert run("sample", tmp_path / "g", "-n", 3, "-o", tmp_path / "out", "--format", "folder") == 2
    assert "only images can be written as a folder of files" in capsys.readouterr().err
    assert run("sample", tmp_path / "g", "-n", 3, "-o", tmp_path / "out", "--format", "zip") == 2
    assert "--format must be parquet or folder, however: 'zip'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_sampling_into_a_folder_that_holds_something_is_refused(folder: Path, tmp_path: Path, capsys: Any) -> None:
    assert run("train", folder, "-o", tmp_path / "g", "-q") == 0
    before = sorted(folder.rglob("*"))
    capsys.readouterr()
    assert run("sample", tmp_path / "g", "-n", 3, "-o", folder, "--format", "folder") == 2
    assert "is not empty (it holds one, two, zero)" in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("augment", ("--image-size", "--split", "--transforms", "--skip-unreadable")),
        ("train", ("--image-size", "--split", "--skip-unreadable")),
        ("check", ("--image-size", "--split", "--transforms", "--skip-unreadable")),
        ("inspect", ("--image-size", "--split", "--skip-unreadable")),
        ("sample", ("--format",)),
    ],
)
def test_help_tells_of_images(capsys: pytest.CaptureFixture[str], command: str, options: tuple[str, ...]) -> None:
    assert run(command, "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    for option in options:
        (line,) = [line for line in lines if line.lstrip("│ *").startswith(f"{option} ")]
        assert "mages" in line, f"{line} does not say that it is for images"
    assert command == "sample" or "folder" in " ".join(lines)
