from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from PIL import Image
from prefect.client.orchestration import get_client
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import flows.augment as module
from flows import tasks
from flows.augment import augment, run
from flows.parameters import AugmentRequest
from ganaug import steps, variants
from ganaug.data import read_images
from ganaug.image_files import export_folder
from tests.digits import digits

X, Y = digits({0: 14, 1: 14, 2: 6})


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``auto`` train for a moment only."""
    resolve, few = variants.resolve, variants.get("anchored_image").Config(steps=8)
    monkeypatch.setattr(variants, "resolve", lambda v, kind=None: resolve(few if v == "auto" else v, kind))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with a sub-folder a class, and return its path."""
    read = read_images((X, np.array(["zero", "one", "two"])[Y]))
    export_folder(read.table, read.schema, tmp_path / "digits")
    return tmp_path / "digits"


def ask(images: Path, **options: Any) -> AugmentRequest:
    words: dict[str, Any] = {"sampling_strategy": {"two": 10}, "check": "none", **options}
    return AugmentRequest.model_validate({"data": str(images), "out": str(images.parent / "out"), **words})


def verdict() -> str:
    """Return the newest Markdown that the page shows."""
    with get_client(sync_client=True) as client:
        shown = [artifact for artifact in client.read_artifacts() if artifact.key == "verdict"]
    return str(max(shown, key=lambda artifact: str(artifact.created)).data)


@pytest.mark.usefixtures("server")
def test_images_go_in_and_parquet_a_report_and_a_verdict_come_out(images: Path) -> None:
    state = augment(ask(images), return_state=True)
    assert state.is_completed() and state.name == "Augmented"
    assert state.message == "4 synthetic rows were added (4 of two), as asked."
    result = state.result()
    assert result["data"]["rows"] == 34 and result["data"]["classes"] == {"one": 14, "two": 6, "zero": 14}
    assert result["plan"] == {"rows": {"two": 4}, "reason": "as asked"} and result["effect"] is None
    assert result["synthesizer"]["variant"] == "anchored_image"
    table = pq.read_table(result["synthetic"]["path"])
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert table["label"].to_pylist() == [features["label"]["names"].index("two")] * 4
    picture = Image.open(io.BytesIO(table["image"][3].as_py()["bytes"]))
    assert picture.size == (8, 8) and json.loads(picture.text["ganaug"])["synthetic"] is True
    page = Path(result["report"]["path"])
    assert "Class two" in page.read_text("utf-8") and (page.parent / "contact-sheets" / "two.png").is_file()
    assert state.message in verdict() and "out`" in verdict()
    with get_client(sync_client=True) as client:
        assert "augment-digits-auto" in {each.name for each in client.read_flow_runs()}
    again = augment(ask(images))
    assert (result["data"].pop("made"), again["data"].pop("made")) == ([], list(tasks.MADE.values()))
    assert again == result, "the same words return what is there"


@pytest.mark.usefixtures("server")
def test_a_check_of_images_names_the_state_and_fills_the_table(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, judge = steps.measure_effect, make_pipeline(LogisticRegression(max_iter=200))
    quickly = {"cv": 2, "estimator": judge, "arms": ["flips_crops_shifts"]}
    monkeypatch.setattr(steps, "measure_effect", lambda rows, **options: measure(rows, **{**options, **quickly}))
    state = augment(ask(images, check="quick", transforms=["shift"]), return_state=True)
    stored = json.loads((images.parent / "out" / "effect.json").read_text("utf-8"))
    assert state.name == stored["verdict"].capitalize() and state.message == stored["sentence"]
    assert "Oversampling with shifts" in {arm["label"] for arm in stored["arms"]}
    assert verdict().startswith(f"## {state.name}: Synthetic images for label")
    with get_client(sync_client=True) as client:
        tables = [str(artifact.data) for artifact in client.read_artifacts() if artifact.key == "arms"]
    assert any("Oversampling with shifts" in table for table in tables)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("options", "name", "message"),
    [
        ({"variant": "ctgan"}, "Bad option", "'ctgan' makes tables, and the data are images"),
        ({"split": "test"}, "Bad data", "has no folders of splits"),
        ({"groups": "patient"}, "Bad data", "one value an image"),
        ({}, "Bad data", "'two/broken.png' (it is no image"),
    ],
    ids=["variant", "split", "groups", "broken"],
)
def test_bad_input_ends_in_a_named_state(
    images: Path, capsys: pytest.CaptureFixture[str], options: dict[str, Any], name: str, message: str
) -> None:
    if not options:
        (images / "two" / "broken.png").write_bytes(b"no image")
    state = augment(ask(images, **options), return_state=True)
    assert state.is_failed() and state.name == name and message in state.message
    assert run(ask(images, **options)) == 2
    assert capsys.readouterr().err.endswith(f"error: {state.message}\n")
    assert not (images.parent / "out").exists()


def test_the_words_of_images_reach_the_library(images: Path) -> None:
    request = ask(images, image_size=[9, 10], transforms=["flip"], skip_unreadable=True, split="val")
    asked = request.to_library().images
    assert (asked.size, asked.transforms, asked.split, asked.skip_unreadable) == ((9, 10), ("flip",), "val", True)
    assert ask(images).to_library().images.transforms == ("shift", "crop")


def test_reading_answers_with_counts_and_logs_size_and_what_was_left_out(
    images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (images / "two" / "broken.png").write_bytes(b"no image")
    with caplog.at_level(logging.INFO, logger="ganaug.flows"):
        manifest = tasks.read.fn(ask(images, image_size=[9, 10], skip_unreadable=True))
    assert manifest["rows"] == 34 and len(manifest["fingerprint"]) == 64
    assert "read 34 images of 9 x 10 x 1" in caplog.text and "two/broken.png" in caplog.text
    assert json.loads((images.parent / "out" / "run.json").read_text())["request"]["images"]["size"] == [9, 10]


@pytest.mark.usefixtures("server")
def test_images_that_change_while_a_run_goes_on_are_refused(images: Path) -> None:
    data = tasks.read.fn(ask(images))
    Image.fromarray(255 - X[0, ..., 0]).save(next(iter(sorted((images / "two").iterdir()))))
    with pytest.raises(ValueError, match="differs in data"):
        tasks.choose.fn(ask(images), data)


def test_the_shell_asks_for_images_in_the_words_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[AugmentRequest] = []
    monkeypatch.setattr(module, "run", lambda request: asked.append(request) or 0)
    with pytest.raises(typer.Exit) as done:
        module.main("scans", "out", image_size="16x24", split="val", transforms="flip", skip_unreadable=True)
    images = asked[0].to_library().images
    assert done.value.exit_code == 0
    assert (images.size, images.split, images.transforms, images.skip_unreadable) == ((16, 24), "val", ("flip",), True)


def test_a_wrong_size_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as done:
        module.main("scans", "out", image_size="16")
    assert done.value.exit_code == 2
    assert "--image-size wants HEIGHTxWIDTH, such as 32x32, however: '16'" in capsys.readouterr().err
