"""Images written for others to read: the Hugging Face form of Parquet, and class folders."""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from ganaug.data import read_images
from ganaug.errors import OutputError, SchemaError
from ganaug.image_files import export_folder, publish, published_schema, unpublish
from ganaug.parquet import write_parquet

IMAGES = np.random.default_rng(4).integers(0, 256, (6, 8, 10, 3), np.uint8)
KINDS = ["well", "ill", "ill", "well", "odd", "odd"]
NOTE = {"generator": "abc", "word": "Käse"}


@pytest.fixture(params=[1, 3, 4], ids=["gray", "rgb", "rgba"])
def found(request: pytest.FixtureRequest) -> Any:
    pixels = np.dstack([IMAGES.reshape(-1, 10, 3), IMAGES.reshape(-1, 10, 3)])[..., : request.param]
    return read_images((pixels.reshape(6, 8, 10, request.param), pd.Series(KINDS, name="kind")))


def opened(cell: dict[str, Any]) -> Any:
    return Image.open(io.BytesIO(cell["bytes"]))


def test_published_rows_are_png_with_a_note_and_their_number(found: Any) -> None:
    table = publish(found.table, found.schema, note=NOTE, first_row=100)
    assert table.schema.equals(published_schema(found.schema), check_metadata=True)
    for i, cell in enumerate(table["image"].to_pylist()):
        image = opened(cell)
        assert image.format == "PNG" and cell["path"] is None
        assert json.loads(image.text["ganaug"]) == {**NOTE, "row": 100 + i}
        np.testing.assert_array_equal(
            np.asarray(image).reshape(found.schema.pixels(found.table)[i].shape), found.schema.pixels(found.table)[i]
        )
    assert table["kind"].to_pylist() == [2, 0, 0, 2, 1, 1]
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features == {"image": {"_type": "Image"}, "kind": {"names": ["ill", "odd", "well"], "_type": "ClassLabel"}}


def test_what_is_published_can_be_taken_back(found: Any) -> None:
    table = publish(found.table, found.schema, note=NOTE)
    assert unpublish(table, found.schema).equals(found.table)
    assert unpublish(table.slice(0, 0), found.schema).equals(found.table.slice(0, 0))
    with pytest.raises(SchemaError, match=r"row 0 is none of these: it has 8 x 10 pixels instead of 9 x 10"):
        unpublish(table, replace(found.schema, height=9))
    with pytest.raises(SchemaError, match=r"'kind' holds labels that are not among \[0, 1, 2\]: \[3\]"):
        unpublish(table.set_column(1, "kind", pa.array([0, 1, 2, 3, 0, 0])), found.schema)


def test_written_and_read_again(tmp_path: Path, found: Any) -> None:
    halves = [publish(found.table.slice(3 * i, 3), found.schema, note=NOTE, first_row=3 * i) for i in range(2)]
    write_parquet(
        iter(halves), tmp_path / "out", schema=published_schema(found.schema), provenance={"a": 1}, rows_per_file=4
    )
    again = read_images(tmp_path / "out" / "data", channels=found.schema.channels)
    np.testing.assert_array_equal(again.schema.pixels(again.table), found.schema.pixels(found.table))
    assert again.schema.target == "kind" and again.schema.class_names() == ["ill", "odd", "well"]
    assert [again.schema.class_names()[c] for c in again.schema.label_codes(again.table)] == KINDS


def test_labels_of_a_class_label_keep_their_integers(tmp_path: Path) -> None:
    schema = pa.schema(
        [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())],
        metadata={
            "huggingface": json.dumps({"info": {"features": {"label": {"names": list("abcd"), "_type": "ClassLabel"}}}})
        },
    )
    file = io.BytesIO()
    Image.fromarray(IMAGES[0]).save(file, "PNG")
    cells = [{"bytes": file.getvalue(), "path": f"{i}.png"} for i in range(4)]
    with pytest.warns(UserWarning, match="more than one label"):
        read = read_images(pa.table({"image": cells, "label": [3, 1, 3, 1]}, schema=schema))
    table = publish(read.table, read.schema, note={})
    assert read.schema.class_names() == ["b", "d"] and table["label"].to_pylist() == [3, 1, 3, 1]
    assert json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]["label"]["names"] == list("abcd")
    assert table["image"].to_pylist()[2]["path"] == "2.png"
    assert unpublish(table, read.schema).equals(read.table)
    with pytest.raises(SchemaError, match=r"not among \[1, 3\]: \[0\]"):
        unpublish(table.set_column(1, "label", pa.array([0, 1, 1, 3])), read.schema)


def test_images_without_a_target() -> None:
    read = read_images((IMAGES, None))
    table = publish(read.table, read.schema, note={})
    assert table.column_names == ["image"] and unpublish(table, read.schema).equals(read.table)


def test_hugging_face_datasets_reads_what_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Any
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    table = publish(found.table, found.schema, note=NOTE)
    write_parquet(iter([table]), tmp_path / "out", schema=table.schema, provenance={})
    loaded = datasets.load_dataset(
        "parquet",
        data_files=str(tmp_path / "out" / "data" / "*.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert loaded.features["kind"].names == ["ill", "odd", "well"] and len(loaded) == 6
    for i, row in enumerate(loaded):
        assert isinstance(row["image"], Image.Image)
        np.testing.assert_array_equal(np.asarray(row["image"]).reshape(8, 10, -1), found.schema.pixels(found.table)[i])
        assert loaded.features["kind"].int2str(row["kind"]) == KINDS[i]
    back = read_images(loaded.data.table, channels=found.schema.channels)
    np.testing.assert_array_equal(back.schema.pixels(back.table), found.schema.pixels(found.table))


# -------------------------------------------------------------------------------------------- folders
def test_class_folders_can_be_read_again(tmp_path: Path, found: Any) -> None:
    chunks = [found.table.slice(0, 4), found.table.slice(4)]
    counts = export_folder(iter(chunks), found.schema, tmp_path / "out", note=NOTE, first_row=10)
    assert counts == {"ill": 2, "odd": 2, "well": 2}
    files = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png"))
    assert files == [
        f"{k}/000000{n}.png"
        for k, n in (("ill", 11), ("ill", 12), ("odd", 14), ("odd", 15), ("well", 10), ("well", 13))
    ]
    assert json.loads(Image.open(tmp_path / "out" / "ill" / "00000012.png").text["ganaug"])["row"] == 12
    again = read_images(tmp_path / "out", channels=found.schema.channels, target="kind")
    order = [1, 2, 4, 5, 0, 3]
    np.testing.assert_array_equal(again.schema.pixels(again.table), found.schema.pixels(found.table)[order])
    assert again.table["kind"].to_pylist() == sorted(KINDS)
    assert list(tmp_path.iterdir()) == [tmp_path / "out"], "nothing else is left"


def test_folders_without_classes_and_without_rows(tmp_path: Path) -> None:
    read = read_images((IMAGES, None))
    assert export_folder(read.table, read.schema, tmp_path / "a") == {"all images": 6}
    assert len(list((tmp_path / "a").glob("*.png"))) == 6
    labelled = read_images((IMAGES, KINDS))
    assert export_folder([], labelled.schema, tmp_path / "b") == {"ill": 0, "odd": 0, "well": 0}
    assert list((tmp_path / "b").iterdir()) == [], "a reader would complain of empty class folders"
    some = [kind != "odd" for kind in KINDS]
    assert export_folder(labelled.table.filter(pa.array(some)), labelled.schema, tmp_path / "c")["odd"] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_images(tmp_path / "c").schema.class_names() == ["ill", "well"]


def test_names_of_classes_that_no_folder_can_have(tmp_path: Path) -> None:
    kinds = ["../x", "a/b", ".c", "", "é|ü", "é|ü"]
    read = read_images((np.concatenate([IMAGES, 255 - IMAGES]), kinds + kinds))
    export_folder(read.table, read.schema, tmp_path / "deep" / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["deep"]
    assert sorted(p.name for p in (tmp_path / "deep" / "out").iterdir()) == ["%", "%2E.%2Fx", "%2Ec", "a%2Fb", "é%7Cü"]
    assert len(list((tmp_path / "deep" / "out").glob("*/*.png"))) == 12
    assert read_images(tmp_path / "deep" / "out").schema.n_classes == 5


def test_classes_that_differ_in_case_alone_get_folders_of_their_own(tmp_path: Path) -> None:
    read = read_images((IMAGES, ["a", "A", "a", "A", "b", "b"]))
    export_folder(read.table, read.schema, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["A%0", "a%1", "b%2"]


def test_a_class_called_like_a_split_is_read_again_as_a_class(tmp_path: Path) -> None:
    read = read_images((IMAGES, ["test", "test", "train", "train", "val", "val"]))
    export_folder(read.table, read.schema, tmp_path / "out")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = read_images(tmp_path / "out")
    assert again.schema.class_names() == ["test", "train", "val"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    read = read_images((IMAGES, KINDS))
    (tmp_path / "out").mkdir()
    export_folder(read.table, read.schema, tmp_path / "out")
    with pytest.raises(OutputError, match="out exists and is not empty; choose a new folder"):
        export_folder(read.table, read.schema, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file exists and is not empty"):
        export_folder(read.table, read.schema, tmp_path / "file")


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    read = read_images((IMAGES, KINDS))

    def chunks() -> Any:
        yield read.table.slice(0, 3)
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"cannot be written to .*No space left on device; nothing was left there"):
        export_folder(chunks(), read.schema, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
