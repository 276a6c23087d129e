"""The folder of a run on images: what is in it, how it goes on, and what its report shows; and the streaming writer."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import ganaug
from ganaug import fitting, plans
from ganaug.data import read_images
from ganaug.errors import ArtefactError, OutputError
from ganaug.parquet import read_manifest, write_parquet
from ganaug.variants import anchored, anchored_image
from tests.digits import digits
from tests.run_files import EVENTS, files_of
from tests.test_report import Page

FEW = anchored_image.Config(steps=10)
X, Y = digits({0: 16, 1: 16, 2: 6})
X = X[..., 0]
NOTED = {"synthetic": True, "generator": "ganaug", "variant": "anchored_image", "seed": 0}


def augment(out: Path | None, data: Any = (X, Y), **options: Any) -> Any:
    quick = {"sampling_strategy": {2: 10}, "variant": FEW, "check": False, "random_state": 0, "progress": False}
    return ganaug.augment(data, out=out, **{**quick, **options})


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file but TensorBoard's: without a check, nothing in them tells the time."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files_of(folder)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    augment(folder)
    return folder


# ------------------------------------------------------------------------------------------------------ what is in it
def test_a_run_folder_holds_everything(finished: Path) -> None:
    assert set(digests(finished)) == {
        "contact-sheets/2.png",
        "effect.json",
        "fidelity.json",
        "plan.json",
        "report.html",
        "report.json",
        "report.md",
        "run.json",
        "synthesizer/synthesizer.json",
        "synthesizer/weights.safetensors",
        "synthetic/data/part-00000.parquet",
        "synthetic/manifest.json",
        "training/history.jsonl",
        *(f"training/samples/{step:06d}.png" for step in range(FEW.steps + 1)),
    }
    (events,) = (finished / EVENTS).iterdir()
    assert events.name.startswith("events.out.tfevents."), "tensorboard is installed with the tests"
    record = json.loads((finished / "run.json").read_text("utf-8"))
    assert record["state"] == "finished" and record["request"]["sampling_strategy"] == {"2": 4}
    assert record["request"]["images"]["transforms"] == ["shift", "crop"]
    manifest = read_manifest(finished / "synthetic")
    assert manifest.rows == 4
    assert manifest.files[0]["sha256"] == digests(finished)["synthetic/data/part-00000.parquet"]


def test_the_synthetic_images_are_png_that_say_what_they_are(finished: Path) -> None:
    result = augment(finished)
    table = pq.read_table(finished / "synthetic" / "data")
    assert table["label"].to_pylist() == [2] * 4
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"} and features["label"]["names"] == ["0", "1", "2"]
    whole = json.loads(table.schema.metadata[b"ganaug"])
    assert NOTED.items() <= whole.items() and len(whole["data_fingerprint"]) == 64
    for row, cell in enumerate(table["image"].to_pylist()):
        picture = Image.open(io.BytesIO(cell["bytes"]))
        told = json.loads(picture.text["ganaug"])
        assert NOTED.items() <= told.items() and told["row"] == row
        np.testing.assert_array_equal(np.asarray(picture), result.synthetic[0][row])


def test_hugging_face_datasets_shows_the_synthetic_images(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    files = str(finished / "synthetic" / "data" / "*.parquet")
    loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert len(loaded) == 4 and loaded.features["label"].names == ["0", "1", "2"]
    np.testing.assert_array_equal(np.asarray(loaded[3]["image"]), augment(finished).synthetic[0][3])


def test_the_report_shows_sheets_and_no_columns(finished: Path) -> None:
    text = (finished / "report.html").read_text("utf-8")
    page = Page(text)
    sections = [value for tag, name, value in page.attributes if tag == "section" and name == "id"]
    assert "images" in sections and not {"columns", "associations", "projections"} & set(sections)
    alternatives = [value for tag, name, value in page.attributes if tag == "img" and name == "alt"]
    assert len(alternatives) == 1 and "4 synthetic" in alternatives[0]
    assert "38 real images of 8 × 8 pixels, gray, 3 classes of label" in page.words
    with Image.open(finished / "contact-sheets" / "2.png") as sheet:
        assert sheet.format == "PNG" and sheet.width > 4 * 64
        assert np.ptp(np.asarray(sheet)[..., 0]) == 255
    assert "4 synthetic rows were added (4 of 2)" in (finished / "report.md").read_text("utf-8")


def test_an_unlabelled_set_has_a_sheet_and_no_label_column(tmp_path: Path) -> None:
    augment(tmp_path / "run", data=(X, None), sampling_strategy=3)
    assert [p.name for p in (tmp_path / "run" / "contact-sheets").iterdir()] == ["all images.png"]
    assert pq.read_table(tmp_path / "run" / "synthetic" / "data").column_names == ["image"]


# --------------------------------------------------------------------------------------------------- how it goes on
def test_a_finished_run_is_returned_and_nothing_is_computed(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    fresh = augment(None)
    monkeypatch.setattr(fitting, "fit", lambda *_, **__: pytest.fail("computed again"))
    monkeypatch.setattr(plans, "draw_candidate", lambda *_, **__: pytest.fail("drawn again"))
    again = augment(finished)
    for stored, made in zip(again.data, fresh.data, strict=True):
        np.testing.assert_array_equal(stored, made)
    assert again.report == finished / "report.html"
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before


@pytest.mark.parametrize(
    "lost",
    [
        ["synthesizer", "synthetic", "fidelity.json", "report.html", "report.json", "report.md", "contact-sheets"],
        ["synthetic", "report.html"],
        ["report.html", "contact-sheets"],
    ],
    ids=["trained", "drawn", "reported"],
)
def test_a_run_that_was_killed_between_steps_ends_with_the_same_bits(
    finished: Path, tmp_path: Path, lost: list[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    for name in lost:
        (shutil.rmtree if (folder / name).is_dir() else os.unlink)(folder / name)
    record = json.loads((folder / "run.json").read_text("utf-8"))
    (folder / "run.json").write_text(json.dumps({**record, "state": "unfinished"}), "utf-8")
    result = augment(folder)
    assert len(result.synthetic[0]) == 4 and digests(folder) == digests(finished)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"images": {"transforms": ("flip",)}}, "images"),
        ({"images": {"size": (8, 8)}}, "images"),
        ({"random_state": 1}, "random_state"),
        ({"sampling_strategy": {2: 11}}, "sampling_strategy"),
        ({"variant": replace(FEW, steps=11)}, "variant"),
        ({"variant": "r3gan"}, "variant"),
        ({"groups": np.arange(38) // 2}, "groups"),
        ({"data": (255 - X, Y)}, "data"),
        ({"data": (X, np.array(list("abc"))[Y]), "sampling_strategy": {"c": 10}}, "data"),
    ],
    ids=str,
)
def test_a_folder_of_another_run_is_refused(finished: Path, change: dict[str, Any], named: str) -> None:
    with pytest.raises(OutputError, match=f"holds another run, which differs in .*{named}"):
        augment(finished, **change)


def test_damaged_images_are_told(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    part = next((tmp_path / "run" / "synthetic").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(ArtefactError, match="is not the file that its manifest tells of"):
        augment(tmp_path / "run")


def test_save_writes_the_run_that_augment_returns(finished: Path, tmp_path: Path) -> None:
    result = augment(None)
    assert result.save(tmp_path / "saved") == tmp_path / "saved"
    assert digests(tmp_path / "saved") == digests(finished)
    assert not (tmp_path / "saved" / EVENTS).exists(), "what was not sent while it trained is not sent later"
    with pytest.raises(OutputError, match="is not empty"):
        result.save(tmp_path / "saved")


# ------------------------------------------------------------------------------------------------ the streaming writer
def test_a_synthesizer_s_schema_is_all_that_the_writer_needs(tmp_path: Path) -> None:
    images = ganaug.fit((X, Y), variant=FEW, random_state=0, progress=False)
    chunks = images.sample_chunks(conditions={2: 30, 0: 5}, random_state=1, chunk_rows=8)
    written = write_parquet(
        chunks, tmp_path / "i", schema=images.schema, provenance=images.provenance, rows_per_file=20
    )
    assert [file["rows"] for file in written.files] == [20, 15]
    shown, labels = images.sample(conditions={2: 30, 0: 5}, random_state=1)
    again = read_images(tmp_path / "i" / "data", channels=1)
    np.testing.assert_array_equal(again.schema.pixels(again.table)[..., 0], shown)
    assert again.table["label"].to_pylist() == labels.tolist() == [2] * 30 + [0] * 5
    rows = [
        json.loads(Image.open(io.BytesIO(cell["bytes"])).text["ganaug"])["row"]
        for cell in pq.read_table(tmp_path / "i" / "data")["image"].to_pylist()
    ]
    assert rows == list(range(35)), "the rows' numbers go on from chunk to chunk"

    frame = pd.DataFrame({"a": np.arange(40) / 4, "b": pd.Categorical(["x", "y"] * 20), "t": [0, 1] * 20})
    tables = ganaug.fit(frame, target="t", variant=anchored.Config(steps=5), random_state=0, progress=False)
    drawn = tables.sample_chunks(9, random_state=1)
    write_parquet(drawn, tmp_path / "t", schema=tables.schema, provenance=tables.provenance)
    stored = pd.read_parquet(tmp_path / "t" / "data")
    pd.testing.assert_frame_equal(stored, tables.sample(9, random_state=1), check_categorical=False)


def test_images_are_handed_on_a_few_at_a_time(tmp_path: Path) -> None:
    images = ganaug.fit((X, Y), variant=FEW, random_state=0, progress=False)
    largest = [len(chunk) for chunk in images.sample_chunks(2500, random_state=0)]
    assert largest == [1024, 1024, 452], "128 x 128 pixels of RGB are 50 MB then, and not 3 GB"
    schema = replace(images.schema, height=64, width=64)
    one = np.random.default_rng(0).integers(0, 256, (1024, 64 * 64), np.uint8)
    block = pa.FixedSizeBinaryArray.from_buffers(pa.binary(64 * 64), 1024, [None, pa.py_buffer(one.tobytes())])
    chunk = pa.table([block, pa.array(np.zeros(1024, np.int64))], schema=schema.arrow)
    held: list[int] = []

    def watched() -> Iterator[pa.Table]:
        for _ in range(6):
            held.append(pa.total_allocated_bytes())
            yield chunk

    tracemalloc.start()
    write_parquet(watched(), tmp_path / "many", schema=schema, provenance={})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = sum(path.stat().st_size for path in (tmp_path / "many" / "data").iterdir())
    assert size > 6 * one.nbytes, "noise does not compress"
    assert peak < 4 * one.nbytes and max(held) < held[0] + 5 * one.nbytes
