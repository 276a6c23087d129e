"""Reading images from wherever they are: the pixels, labels and paths that come out, and the way back."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from sklearn.datasets import load_digits

from ganaug import pixels
from ganaug.data import image_pixels, is_images, read_images, read_table
from ganaug.data.read import read
from ganaug.errors import DataError, DataWarning

DIGITS = np.rint(load_digits().images[:12] * (255 / 16)).astype(np.uint8)
WORDS = ["nought", "one", "two"] * 4
COLORS = np.random.default_rng(0).integers(0, 256, (6, 9, 11, 3), np.uint8)
LABELS = ["cat", "dog", "cat", "dog", "cat", "dog"]


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        yield


def png(array: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", **options)
    return file.getvalue()


def fill(folder: Path, images: np.ndarray, labels: list[str] | None) -> Path:
    """Write image i to ``folder/<label>/<i>.png``."""
    for i, image in enumerate(images):
        file = folder / ("" if labels is None else labels[i]) / f"{i:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(image))
    return folder


def told(data: Any, **options: Any) -> tuple[np.ndarray, list[Any]]:
    """Return the pixels and the labels that are read."""
    found = read_images(data, **options)
    assert found.table.schema == found.schema.arrow
    assert all(column.num_chunks == 1 for column in found.table.columns)
    target = found.schema.target
    return found.schema.pixels(found.table), [] if target is None else found.table[target].to_pylist()


def hugging_face(images: list[bytes], labels: list[int], names: list[str], **more: Any) -> pa.Table:
    features = {"img": {"_type": "Image"}, "y": {"names": names, "_type": "ClassLabel"}}
    cells = [{"bytes": b, "path": f"{i}.png"} for i, b in enumerate(images)]
    schema = pa.schema(
        [("img", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("y", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    return pa.table({"img": cells, "y": labels}, schema=schema, **more)


# ------------------------------------------------------------------------------------------- folders
def test_a_folder_gives_its_classes_pixels_and_paths_in_order(tmp_path: Path) -> None:
    fill(tmp_path, COLORS, LABELS)
    found = read_images(tmp_path)
    assert found.schema.class_names() == ["cat", "dog"] and found.schema.target == "label"
    assert found.schema.shape == (3, 9, 11)
    assert found.table["path"].to_pylist() == [f"cat/0{i}.png" for i in (0, 2, 4)] + [
        f"dog/0{i}.png" for i in (1, 3, 5)
    ]
    assert found.table["label"].to_pylist() == ["cat"] * 3 + ["dog"] * 3
    np.testing.assert_array_equal(found.schema.pixels(found.table), COLORS[[0, 2, 4, 1, 3, 5]])
    assert read_images(tmp_path).table.equals(found.table)
    assert read_images(str(tmp_path) + "/", target="animal").table.column_names == ["image", "path", "animal"]


def test_files_deeper_down_belong_to_the_class_above(tmp_path: Path) -> None:
    fill(tmp_path, COLORS[:4], ["ill/p1", "ill/p2", "well/p1", "well/p3/left"])
    images, labels = told(tmp_path)
    assert labels == ["ill", "ill", "well", "well"]
    np.testing.assert_array_equal(images, COLORS[:4])


def test_a_folder_without_sub_folders_is_one_class(tmp_path: Path) -> None:
    found = read_images(fill(tmp_path, DIGITS, None))
    assert found.schema.classes is None and found.schema.n_classes == 1
    assert found.table.column_names == ["image", "path"] and found.schema.shape == (1, 8, 8)
    assert (found.schema.label_codes(found.table) == 0).all()
    with pytest.raises(DataError, match=r"without class folders, so there is no 'kind'; leave target=None"):
        read_images(tmp_path, target="kind")


def test_splits_are_no_classes(tmp_path: Path) -> None:
    fill(tmp_path / "Train", DIGITS[:6], WORDS[:6])
    fill(tmp_path / "valid", DIGITS[:3], ["one"] * 2 + ["two"] * 1)
    fill(tmp_path / "test", DIGITS[8:], ["one", "one", "two", "two"])
    with pytest.warns(
        DataWarning, match=r"has the splits \['test', 'train', 'val'\]: 'train' is read, \['test', 'val'\]"
    ):
        images, labels = told(tmp_path)
    np.testing.assert_array_equal(images[..., 0], DIGITS[[0, 3, 1, 4, 2, 5]])
    assert labels == sorted(WORDS[:6])
    assert told(tmp_path, split="test")[1] == ["one", "one", "two", "two"]
    with pytest.warns(DataWarning, match=r"has 1 class of one image only \('two'\)"):
        np.testing.assert_array_equal(told(tmp_path, split="validation")[0][..., 0], DIGITS[[0, 1, 2]])
    assert read_images(tmp_path, split="test").table["path"][0].as_py() == "test/one/00.png"
    with pytest.raises(DataError, match=r"no split 'dev'; pass split= one of \['test', 'train', 'val'\]"):
        read_images(tmp_path, split="dev")


def test_train_alone_is_read_and_test_alone_is_not(tmp_path: Path) -> None:
    fill(tmp_path / "a" / "train", DIGITS[:4], ["x", "x", "y", "y"])
    assert told(tmp_path / "a")[1] == ["x", "x", "y", "y"]
    fill(tmp_path / "b" / "test", DIGITS[:4], ["x", "x", "y", "y"])
    with pytest.raises(DataError, match=r"no split 'train'; pass split= one of \['test'\]"):
        read_images(tmp_path / "b")
    fill(tmp_path / "c", DIGITS[:4], ["x", "x", "y", "y"])
    with pytest.raises(DataError, match="no folders of splits"):
        read_images(tmp_path / "c", split="test")


def test_what_lies_beside_splits_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "train", DIGITS[:4], ["x", "x", "y", "y"])
    fill(tmp_path / "spare", DIGITS[4:6], None)
    with pytest.warns(DataWarning, match=r"2 files of .* left out, as beside the splits: spare/00.png, spare/01.png"):
        assert len(told(tmp_path)[0]) == 4


def test_a_folder_comes_back_as_a_frame_of_png(tmp_path: Path) -> None:
    found = read_images(fill(tmp_path, COLORS, LABELS), target="animal")
    frame = found.schema.restore(found.table)
    assert list(frame.columns) == ["image", "animal"] and frame["animal"].tolist() == ["cat"] * 3 + ["dog"] * 3
    assert frame["image"][3]["path"] == "dog/01.png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(frame["image"][3]["bytes"]))), COLORS[1])


# ------------------------------------------------------------------------------------- image columns
def test_hugging_face_parquet_gives_names_labels_and_pixels(tmp_path: Path) -> None:
    parquet.write_table(
        hugging_face([png(i) for i in DIGITS], [2, 0, 1] * 4, ["b", "a", "c", "d"]), tmp_path / "t.parquet"
    )
    found = read_images(tmp_path / "t.parquet")
    assert found.schema.target == "y" and found.table["y"].to_pylist() == [2, 0, 1] * 4
    assert found.schema.class_names() == ["b", "a", "c"], "by code; no row is a 'd'"
    assert found.schema.code_of("a") == 1 == found.schema.code_of(1) == found.schema.code_of("1")
    assert found.table["path"].to_pylist() == [f"{i}.png" for i in range(12)]
    np.testing.assert_array_equal(found.schema.pixels(found.table)[..., 0], DIGITS)
    frame = found.schema.restore(found.table)
    assert list(frame.columns) == ["img", "y"] and frame["y"].dtype == np.int64
    assert set(frame["img"][0]) == {"bytes", "path"}


def test_parquet_is_read_batch_by_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet.write_table(hugging_face([png(i) for i in DIGITS], [2, 0, 1] * 4, ["a", "b", "c"]), tmp_path / "t.parquet")
    asked = []
    original = parquet.ParquetFile.iter_batches

    def iter_batches(self: Any, batch_size: int, **options: Any) -> Any:
        asked.append((batch_size, options["columns"]))
        return original(self, batch_size=5, **options)

    monkeypatch.setattr(parquet.ParquetFile, "iter_batches", iter_batches)
    np.testing.assert_array_equal(told(tmp_path / "t.parquet")[0][..., 0], DIGITS)
    assert asked and all(size <= 256 and columns == ["img"] for size, columns in asked)


def test_a_folder_of_parquet_is_read_in_order_and_by_split(tmp_path: Path) -> None:
    table = hugging_face([png(i) for i in DIGITS], [2, 0, 1] * 4, ["a", "b", "c"])
    (tmp_path / "data").mkdir()
    parquet.write_table(table.slice(0, 3), tmp_path / "data" / "train-00000-of-00002.parquet")
    parquet.write_table(table.slice(3, 3), tmp_path / "data" / "train-00001-of-00002.parquet")
    parquet.write_table(table.slice(6), tmp_path / "data" / "test-00000-of-00001.parquet")
    with pytest.warns(DataWarning, match=r"splits \['test', 'train'\]: 'train' is read"):
        images, labels = told(tmp_path)
    np.testing.assert_array_equal(images[..., 0], DIGITS[:6])
    assert labels == [2, 0, 1, 2, 0, 1]
    np.testing.assert_array_equal(told(tmp_path, split="test")[0][..., 0], DIGITS[6:])
    np.testing.assert_array_equal(told(f"{tmp_path}/data/train-*.parquet")[0][..., 0], DIGITS[:6])


def test_parquet_of_plain_binary_and_partitions(tmp_path: Path) -> None:
    for kind, rows in (("x", slice(0, 6)), ("y", slice(6, 12))):
        (tmp_path / f"kind={kind}").mkdir()
        parquet.write_table(pa.table({"scan": [png(i) for i in DIGITS[rows]]}), tmp_path / f"kind={kind}" / "0.parquet")
    images, labels = told(tmp_path, target="kind")
    np.testing.assert_array_equal(images[..., 0], DIGITS)
    assert labels == ["x"] * 6 + ["y"] * 6


def test_remote_files(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    table = hugging_face([png(i) for i in DIGITS], [2, 0, 1] * 4, ["a", "b", "c"])
    for i in range(2):
        with memory.open(f"/images/parquet/{i}.parquet", "wb") as file:
            parquet.write_table(table.slice(6 * i, 6), file)
    np.testing.assert_array_equal(told("memory://images/parquet")[0][..., 0], DIGITS)
    np.testing.assert_array_equal(told("memory://images/parquet/1.parquet")[0][..., 0], DIGITS[6:])
    for i, image in enumerate(DIGITS):
        memory.pipe(f"/images/folder/{WORDS[i]}/{i:02}.png", png(image))
    images, labels = told("memory://images/folder")
    np.testing.assert_array_equal(images[..., 0], DIGITS[[*range(0, 12, 3), *range(1, 12, 3), *range(2, 12, 3)]])
    assert labels == sorted(WORDS)
    rows = "".join(f"{WORDS[i]}/{i:02}.png,{'ab'[i % 2]}\n" for i in range(4))
    memory.pipe("/images/folder/list.csv", f"file,kind\n{rows}".encode())
    np.testing.assert_array_equal(told("memory://images/folder/list.csv", target="kind")[0][..., 0], DIGITS[:4])
    file = io.BytesIO()
    np.savez(file, images=DIGITS, labels=WORDS)
    memory.pipe("/images/digits.npz", file.getvalue())
    assert told("memory://images/digits.npz")[1] == WORDS


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_of_paths_is_relative_to_its_file(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "set" / "files", COLORS, None)
    frame = pd.DataFrame({"grade": LABELS, "file": [f"files/{i:02}.png" for i in range(6)]})
    frame.loc[2, "file"] = str(tmp_path / "set" / "files" / "02.png")
    getattr(frame, f"to_{kind}")(tmp_path / "set" / f"list.{kind}", index=False)
    monkeypatch.chdir(tmp_path)
    for source in (f"set/list.{kind}", tmp_path / "set" / f"list.{kind}"):
        images, labels = told(source, target="grade")
        np.testing.assert_array_equal(images, COLORS)
        assert labels == LABELS
    found = read_images(tmp_path / "set" / f"list.{kind}", target="grade")
    back = found.schema.restore(found.table)
    assert list(back.columns) == ["grade", "file"] and back["grade"].tolist() == LABELS, "the input's own order"


def test_columns_that_are_neither_images_nor_target_are_named(tmp_path: Path) -> None:
    fill(tmp_path, COLORS, None)
    frame = pd.DataFrame({"file": [f"{i:02}.png" for i in range(6)], "age": range(6), "sex": LABELS})
    frame.to_csv(tmp_path / "list.csv", index=False)
    with pytest.warns(DataWarning, match=r"the columns \['age', 'sex'\] of .* are not used, .*; pass target= if one"):
        assert told(tmp_path / "list.csv")[1] == []


def test_a_frame_comes_back_with_the_cells_that_it_had(tmp_path: Path) -> None:
    files = [str(p) for p in sorted(fill(tmp_path, COLORS, None).iterdir())]
    columns: dict[str, list[Any]] = {
        "image": [Image.fromarray(i) for i in COLORS],
        "bytes": [png(i) for i in COLORS],
        "struct": [{"bytes": png(i), "path": None} for i in COLORS],
        "text": files,
        "path": [Path(f) for f in files],
    }
    for kind, cells in columns.items():
        frame = pd.DataFrame({"y": pd.Categorical(LABELS, ["dog", "cat", "cow"]), 7: pd.Series(cells, dtype=object)})
        found = read_images(frame, target="y")
        np.testing.assert_array_equal(found.schema.pixels(found.table), COLORS)
        back = found.schema.restore(found.table)
        pd.testing.assert_series_equal(back["y"], frame["y"])
        assert list(back.columns) == ["y", 7]
        cell = back[7][1]
        if kind == "image":
            decoded = cell
        else:
            decoded = Image.open(io.BytesIO(cell if kind == "bytes" else cell["bytes"]))
            assert kind == "bytes" or cell["path"] == (None if kind == "struct" else files[1])
        np.testing.assert_array_equal(np.asarray(decoded), COLORS[1])


def test_an_arrow_table_comes_back_with_its_types_and_names() -> None:
    table = hugging_face([png(i) for i in DIGITS], [2, 0, 1] * 4, ["a", "b", "c"])
    found = read_images(table)
    back = found.schema.restore(found.table)
    assert back.schema == table.schema and json.loads(back.schema.metadata[b"huggingface"]) == json.loads(
        table.schema.metadata[b"huggingface"]
    )
    assert pa.concat_tables([table, back]).num_rows == 24
    assert back["y"].equals(table["y"]) and back["img"].combine_chunks().field("path")[3].as_py() == "3.png"
    plain = pa.table(
        {"kind": pa.array(WORDS).dictionary_encode(), "scan": pa.array([png(i) for i in DIGITS], pa.large_binary())}
    )
    found = read_images(plain, target="kind")
    assert found.schema.restore(found.table).schema == plain.schema


def test_a_struct_without_bytes_is_read_from_its_path(tmp_path: Path) -> None:
    fill(tmp_path, DIGITS, None)
    cells = [{"bytes": None if i % 2 else png(DIGITS[i]), "path": f"{i:02}.png"} for i in range(12)]
    parquet.write_table(pa.table({"image": cells}), tmp_path / "t.parquet")
    np.testing.assert_array_equal(told(tmp_path / "t.parquet")[0][..., 0], DIGITS)


# ----------------------------------------------------------------------------------------------- npz
def test_npz_with_images_and_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=DIGITS, labels=np.arange(12) % 3)
    found = read_images(tmp_path / "a.npz")
    assert found.schema.classes.to_pylist() == [0, 1, 2] and found.schema.container == "pandas"
    np.testing.assert_array_equal(found.schema.pixels(found.table)[..., 0], DIGITS)
    assert found.schema.restore(found.table)["label"].tolist() == [0, 1, 2] * 4
    np.savez(tmp_path / "b.npz", images=DIGITS)
    assert read_images(tmp_path / "b.npz").schema.classes is None


def test_npz_of_medmnist_has_splits(tmp_path: Path) -> None:
    parts = {"train": slice(0, 6), "val": slice(0, 3), "test": slice(6, 12)}
    arrays = {f"{s}_images": DIGITS[rows] for s, rows in parts.items()}
    arrays |= {f"{s}_labels": np.repeat([0, 1, 2], 4).astype(np.uint8)[rows, None] for s, rows in parts.items()}
    np.savez_compressed(tmp_path / "m.npz", **arrays)
    with pytest.warns(DataWarning, match=r"'train' is read, \['test', 'val'\] left out; pass split="):
        images, labels = told(tmp_path / "m.npz")
    assert labels == [0, 0, 0, 0, 1, 1]
    np.testing.assert_array_equal(images[..., 0], DIGITS[:6])
    images, labels = told(tmp_path / "m.npz", split="test")
    assert labels == [1, 1, 2, 2, 2, 2]
    np.testing.assert_array_equal(images[..., 0], DIGITS[6:])


# -------------------------------------------------------------------------------------------- arrays
@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("layout", "dtype", "scale"),
    [
        ("nhwc", "uint8", "levels"),
        ("nchw", "uint8", "levels"),
        ("nhwc", "int64", "levels"),
        ("nhwc", "float32", "levels"),
        ("nchw", "float32", "unit"),
        ("nhwc", "float64", "unit"),
        ("nchw", "float64", "symmetric"),
        ("nhwc", "float16", "symmetric"),
    ],
)
def test_arrays_come_back_in_layout_dtype_and_range(library: str, layout: str, dtype: str, scale: str) -> None:
    levels = COLORS.copy()
    levels[0, 0, 0], levels[0, 0, 1] = 0, 255
    wide = levels.astype(np.float64)
    array = wide / 255 if scale == "unit" else wide / 127.5 - 1 if scale == "symmetric" else wide
    X: Any = (array if layout == "nhwc" else array.transpose(0, 3, 1, 2)).astype(dtype)
    y: Any = np.array([0, 1, 0, 1, 0, 1], np.int32)
    X, y = (torch.from_numpy(np.ascontiguousarray(X)), torch.from_numpy(y)) if library == "torch" else (X, y)
    found = read_images((X, y))
    np.testing.assert_array_equal(found.schema.pixels(found.table), levels)
    assert found.table["label"].to_pylist() == [0, 1] * 3 and found.table.column_names == ["image", "label"]
    back, labels = found.schema.restore(found.table)
    assert type(back) is type(X) and back.dtype == X.dtype and tuple(back.shape) == tuple(X.shape)
    np.testing.assert_allclose(
        np.asarray(back, np.float64), np.asarray(X, np.float64), atol=1e-3 if dtype == "float16" else 1e-6
    )
    assert type(labels) is type(y) and labels.dtype == y.dtype and labels.tolist() == y.tolist()


def test_gray_and_black_and_white_arrays() -> None:
    found = read_images((DIGITS, pd.Series(WORDS, name="digit")))
    assert found.schema.shape == (1, 8, 8) and found.schema.target == "digit"
    X, y = found.schema.restore(found.table)
    np.testing.assert_array_equal(X, DIGITS)
    pd.testing.assert_series_equal(y, pd.Series(WORDS, name="digit"))
    masks = DIGITS > 100
    found = read_images((masks[:, None], None))
    assert np.unique(found.schema.pixels(found.table)).tolist() == [0, 255]
    X, y = found.schema.restore(found.table)
    assert X.dtype == bool and X.shape == (12, 1, 8, 8) and y is None
    np.testing.assert_array_equal(X[:, 0], masks)


def test_numbers_between_levels_are_rounded_to_the_nearest() -> None:
    X = np.zeros((2, 8, 8))
    X[0, 0] = [0, 0.4 / 255, 0.6 / 255, 1.4 / 255, 254.4 / 255, 254.6 / 255, 1, 0.5]
    assert told((X, None))[0][0, 0, :, 0].tolist() == [0, 0, 1, 1, 254, 255, 255, 128]


def test_floats_on_an_unlikely_scale_are_pointed_out() -> None:
    with pytest.warns(DataWarning, match=r"levels from 0 to 255, however the brightest is 16; divide them"):
        images, _ = told((load_digits().images, load_digits().target))
    assert images.max() == 16


def test_an_array_is_copied() -> None:
    X = COLORS.copy()
    found = read_images((X, LABELS))
    X[:] = 0
    np.testing.assert_array_equal(found.schema.pixels(found.table), COLORS)


# --------------------------------------------------------------------------------------- large ones
@pytest.mark.parametrize("limit", [0, 2**40])
def test_pixels_beyond_the_limit_lie_in_a_file(tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "IN_MEMORY", limit)
    monkeypatch.setattr(image_pixels, "_BATCH", 5)
    opened: list[Any] = []
    original = pixels.tempfile.TemporaryFile
    monkeypatch.setattr(pixels.tempfile, "TemporaryFile", lambda **kw: opened.append(original(**kw)) or opened[-1])
    fill(tmp_path, DIGITS, None)
    (tmp_path / "03.png").write_bytes(b"broken")
    with pytest.warns(DataWarning, match="left out"):
        images, _ = told(tmp_path, skip_unreadable=True)
    np.testing.assert_array_equal(images[..., 0], np.delete(DIGITS, 3, axis=0))
    np.testing.assert_array_equal(told((DIGITS, WORDS))[0][..., 0], DIGITS)
    assert len(opened) == (2 if limit == 0 else 0) and all(file.closed for file in opened)
    assert not images.flags.writeable


# ------------------------------------------------------------------------------------ tables or images
def test_images_are_told_from_tables(tmp_path: Path) -> None:
    fill(tmp_path / "folder", DIGITS, WORDS)
    parquet.write_table(hugging_face([png(i) for i in DIGITS], [0, 1] * 6, ["a", "b"]), tmp_path / "images.parquet")
    frame = pd.DataFrame({"a": [0.5, 1.5, 2.5, 3.5], "b": [b"BMW", b"Audi", b"BMW", b"Fiat"], "c": list("xyxy")})
    frame.to_parquet(tmp_path / "table.parquet")
    np.savez(tmp_path / "a.npz", images=DIGITS)
    named = pd.DataFrame({"photo": ["a.jpg", "b.jpg"], "price": [1.0, 2.0], "sold": ["y", "n"]})
    named.to_csv(tmp_path / "catalogue.csv", index=False)
    (tmp_path / "mixed").mkdir()
    frame.to_csv(tmp_path / "mixed" / "t.csv", index=False)
    (tmp_path / "mixed" / "chart.png").write_bytes(png(DIGITS[0]))
    for images in ("folder", "images.parquet", "a.npz"):
        assert is_images(tmp_path / images), images
    for table in ("table.parquet", "catalogue.csv", "mixed", "nowhere.csv"):
        assert not is_images(tmp_path / table), table
    assert is_images((DIGITS, WORDS)) and is_images((torch.zeros(2, 3, 8, 8), None))
    assert not is_images((DIGITS.reshape(12, 64), WORDS)) and not is_images(frame) and not is_images(named)
    assert read(tmp_path / "folder").schema.shape == (1, 8, 8)
    assert read(frame, target="c", id_columns=[]).table.equals(read_table(frame, target="c", id_columns=[]).table)


def test_options_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"size, split is for images, and these data are a table"):
        read(pd.DataFrame({"a": [1, 2]}), size=(8, 8), split="test")
    with pytest.raises(DataError, match=r"images have no identifier columns; leave id_columns=None"):
        read((DIGITS, WORDS), id_columns=["path"])


def test_the_classes_of_another_set_can_be_given() -> None:
    found = read_images((DIGITS[:4], ["b", "b", "c", "c"]), classes=["a", "b", "c"])
    assert found.schema.class_names() == ["a", "b", "c"] and found.schema.label_codes(found.table).tolist() == [
        1,
        1,
        2,
        2,
    ]
    with pytest.raises(DataError, match=r"not among the classes \['a', 'b'\]: \['c'\]"):
        read_images((DIGITS[:4], ["b", "b", "c", "c"]), classes=["a", "b"])
