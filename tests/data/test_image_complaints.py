"""Bad images: each gets one sentence that names the place, the finding and the way out."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from ganaug.data import image_arrays, read_images
from ganaug.errors import DataError, DataWarning

IMAGES = np.random.default_rng(2).integers(0, 256, (8, 16, 16, 3), np.uint8)


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        yield


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, image in enumerate(IMAGES):
        file = tmp_path / ("cat", "dog")[i % 2] / f"{i}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(png(image))
    return tmp_path


def refuses(data: Any, message: str, **options: Any) -> None:
    with pytest.raises(DataError, match=message):
        read_images(data, **options)


# ----------------------------------------------------------------------------------- unreadable images
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"it is empty \(0 bytes\)"),
        (b"not an image", "it is no image of a known format"),
        (png(IMAGES[0])[:200], "truncated"),
        (png(IMAGES[0])[:60] + b"\0" * 40 + png(IMAGES[0])[100:], "broken|checksum|truncated|bad"),
    ],
    ids=["empty", "text", "truncated", "corrupt"],
)
def test_a_file_that_cannot_be_read(folder: Path, content: bytes, reason: str) -> None:
    (folder / "dog" / "3.png").write_bytes(content)
    refuses(
        folder,
        rf"1 of 8 images of .* cannot be read: 'dog/3.png' \(.*({reason}).*\); repair or remove them, or pass skip",
    )
    with pytest.warns(DataWarning, match=r"1 of 8 images of .* cannot be read and are left out: 'dog/3.png' \("):
        found = read_images(folder, skip_unreadable=True)
    assert found.table["path"].to_pylist() == [f"cat/{i}.png" for i in (0, 2, 4, 6)] + [
        f"dog/{i}.png" for i in (1, 5, 7)
    ]
    assert found.table["label"].to_pylist() == ["cat"] * 4 + ["dog"] * 3
    np.testing.assert_array_equal(found.schema.pixels(found.table), IMAGES[[0, 2, 4, 6, 1, 5, 7]])


def test_many_unreadable_files_are_counted_and_some_named(folder: Path) -> None:
    for i in range(1, 8):
        (folder / ("cat", "dog")[i % 2] / f"{i}.png").write_bytes(b"?")
    refuses(folder, r"7 of 8 images .*'cat/2.png' \(.*'dog/3.png' \([^)]*\) and 2 more; repair")
    (folder / "cat" / "0.png").write_bytes(b"?")
    with pytest.raises(DataError, match="8 of 8 images") as caught:
        read_images(folder, skip_unreadable=True)
    assert "skip_unreadable" not in str(caught.value), "nothing would be left"


def test_rows_are_named_where_there_are_no_paths() -> None:
    frame = pd.DataFrame({"x": pd.Series([png(IMAGES[0]), None, b"\x89PNG", 3, png(IMAGES[1])], dtype=object)})
    refuses(
        frame,
        r"3 of 5 images of the DataFrame cannot be read: row 1 \(there is no image\), row 2 \(.*row 3 \(it is of type",
    )
    with pytest.warns(DataWarning, match="3 of 5"):
        assert len(read_images(frame, skip_unreadable=True).table) == 2


def test_a_decompression_bomb(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = np.zeros((24, 24, 3), np.uint8)
    (folder / "dog" / "3.png").write_bytes(png(large))
    for limit in (400, 200):  # Pillow warns above the limit, and refuses above twice the limit
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit + 57)
        refuses(folder, rf"'dog/3.png' \(it has more than {limit + 57} pixels, Pillow's limit\)")


def test_formats_that_start_other_programs_are_not_decoded(tmp_path: Path) -> None:
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png", "EPS")
    Image.fromarray(IMAGES[1]).save(tmp_path / "b.png")
    refuses(tmp_path, r"1 of 2 images of .*'a.png' \(it is no image of a known format\)")


def test_pixels_of_thirty_two_bits(tmp_path: Path) -> None:
    for i in range(2):
        Image.fromarray(np.ones((9, 9), np.float32)).save(tmp_path / f"{i}.tif")
    refuses(tmp_path, r"2 of 2 images .*\(it has 32 bits a pixel; save it with 8 or 16\)")


# ----------------------------------------------------------------------------------------- what is there
def test_files_that_are_no_images_are_left_out_and_named(folder: Path) -> None:
    for name in ("notes.txt", "cat/list.csv", "dog/Thumbs.db", ".DS_Store", "cat/._0.png", "dog/README"):
        (folder / name).write_bytes(b"text")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "x.png").write_bytes(b"fork")
    message = r"7 files of .* left out, .* not that of an image: .DS_Store, __MACOSX/x.png, cat/._0.png, .* and 2 more"
    with pytest.warns(DataWarning, match=message) as caught:
        found = read_images(folder)
    assert len(found.table) == 8 and found.schema.class_names() == ["cat", "dog"]
    assert caught[0].filename == __file__, "where the user reads, not where the library does"


def test_an_empty_class_folder(folder: Path) -> None:
    (folder / "emu").mkdir()
    (folder / "ant").mkdir()
    with pytest.warns(DataWarning, match=r"2 class folders of .* left out, as no image is in it: ant, emu$"):
        assert read_images(folder).schema.class_names() == ["cat", "dog"]


def test_a_class_with_one_image(folder: Path) -> None:
    (folder / "emu").mkdir()
    (folder / "emu" / "0.png").write_bytes(png(255 - IMAGES[0]))
    with pytest.warns(DataWarning, match=r"has 1 class of one image only \('emu'\); give more"):
        assert read_images(folder).schema.class_names() == ["cat", "dog", "emu"]


def test_the_same_image_under_two_labels(folder: Path) -> None:
    Image.fromarray(IMAGES[0]).save(folder / "dog" / "again.bmp")
    message = (
        r"2 images of .* are found under more than one label: 'cat/0.png' \(cat\) and 'dog/again.bmp' \(dog\); correct"
    )
    with pytest.warns(DataWarning, match=message):
        assert len(read_images(folder).table) == 9
    rows = np.concatenate([IMAGES, IMAGES[:3], IMAGES[:1]])
    with pytest.warns(DataWarning, match=r"3 images of X are .*: row 8 \(a\) and row 11 \(b\); correct"):
        read_images((rows, [*"abababab", *"aba", "b"]))


def test_the_same_image_under_one_label_is_no_matter(folder: Path) -> None:
    (folder / "cat" / "again.png").write_bytes(png(IMAGES[0]))
    assert len(read_images(folder).table) == 9


def test_images_beside_class_folders_have_no_label(folder: Path) -> None:
    (folder / "new.png").write_bytes(png(IMAGES[0]))
    refuses(
        folder, r"1 image of .* without a label, as beside the class folders: new.png; move them into one, or remove"
    )


def test_one_class_folder_only(folder: Path) -> None:
    for file in (folder / "dog").iterdir():
        file.unlink()
    (folder / "dog").rmdir()
    refuses(
        folder,
        r"has one class folder only, 'cat', at least two are needed; give the path of the folder with the images",
    )


def test_places_without_images(tmp_path: Path) -> None:
    refuses(tmp_path, r"holds no image; its files must end with one of .*.png")
    refuses(tmp_path / "imgaes", r"imgaes' does not exist; check the path")
    (tmp_path / "a.png").write_bytes(png(IMAGES[0]))
    refuses(tmp_path / "a.png", r"a.png' is one image; give the folder that holds all of them")
    refuses(tmp_path, r"has 1 readable image, at least 2 are needed")
    refuses((IMAGES[:0], []), r"X holds no image; give at least 2")
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_csv(tmp_path / "t.csv", index=False)
    refuses(tmp_path / "t.csv", r"has no column of images among \['a', 'b'\]: none holds encoded images")
    with pytest.raises(TypeError, match=r"images must be a folder, .* however: builtins.dict"):
        read_images({"a": 1})
    with pytest.raises(TypeError, match=r"X must be a NumPy array or a torch tensor of images, however: list"):
        read_images(([1, 2], [0, 1]))
    refuses((IMAGES, [0] * 8, 1), r"a tuple must be \(X, y\), however it has 3 items")
    refuses((IMAGES, [0, 1] * 4), "brings its labels in y; leave target=None", target="label")
    refuses((IMAGES, [0, 1] * 4), "only files and folders have splits", split="test")


# --------------------------------------------------------------------------------------------- columns
def test_files_that_a_table_names_and_that_are_not_there(folder: Path) -> None:
    frame = pd.DataFrame({"file": [f"cat/{i}.png" for i in (0, 1, 2, 3, 4)], "kind": list("ababa")})
    frame.to_csv(folder / "list.csv", index=False)
    refuses(
        folder / "list.csv",
        r"2 of 5 images of .*list.csv' cannot be read: 'cat/1.png' \(the file does not exist\), 'cat/3.png'",
        target="kind",
    )
    with pytest.warns(DataWarning, match="2 of 5 images"):
        found = read_images(folder / "list.csv", target="kind", skip_unreadable=True, classes=["a", "b"])
    assert found.table["kind"].to_pylist() == ["a", "a", "a"]


def test_missing_labels(folder: Path) -> None:
    pd.DataFrame({"file": [f"cat/{i}.png" for i in (0, 2, 4)], "kind": ["a", None, "b"]}).to_csv(
        folder / "l.csv", index=False
    )
    refuses(
        folder / "l.csv", r"the target 'kind' must have a label in every row, however 1 of 3 are missing", target="kind"
    )
    refuses((IMAGES[:3], ["a", None, "b"]), r"must have a label in every row, however 1 of 3 are missing")
    refuses((IMAGES[:3], [0, 1]), "as many rows as each other, however: 3 and 2")
    refuses((IMAGES[:3], ["a", "a", "a"]), r"has one class only, 'a', at least two")


def test_labels_of_hugging_face_that_are_missing_or_unknown(tmp_path: Path) -> None:
    features = {"image": {"_type": "Image"}, "label": {"names": ["a", "b"], "_type": "ClassLabel"}}
    for value, message in (
        (-1, "however 1 of 4 are missing"),
        (2, "declares 2 classes, however 1 labels are 2 or more"),
    ):
        table = pa.table({"image": [{"bytes": png(i), "path": None} for i in IMAGES[:4]], "label": [0, 1, 0, value]})
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        parquet.write_table(table.replace_schema_metadata(metadata), tmp_path / "t.parquet")
        refuses(tmp_path / "t.parquet", message)


def test_columns_that_cannot_be_told() -> None:
    frame = pd.DataFrame(
        {"left": [png(i) for i in IMAGES], "right": [png(i) for i in IMAGES], "kind": list("abababab")}
    )
    refuses(frame, r"has several columns of images, \['left', 'right'\]; drop all but one")
    one = frame.drop(columns="right")
    refuses(one, r"the target 'kin' is not among the columns \['left', 'kind'\]; did you mean 'kind'", target="kin")
    refuses(one, r"the target 'left' is the column of images", target="left")
    refuses(
        one.rename(columns={"kind": "path"}), r"the target must not be called 'path'; rename the column", target="path"
    )
    refuses(pa.table({"x": [1, 2]}), r"the Arrow table has no column of images among \['x'\]")


def test_broken_parquet_and_npz(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and then nothing")
    refuses(tmp_path / "t.parquet", r"t.parquet' cannot be read as Parquet: ")
    (tmp_path / "t.npz").write_bytes(b"PK nothing")
    refuses(tmp_path / "t.npz", r"t.npz' cannot be read as npz: ")
    np.savez(tmp_path / "t.npz", pictures=IMAGES)
    refuses(tmp_path / "t.npz", r"must hold images and labels, or train_images, .* however it holds \['pictures'\]")
    np.savez(tmp_path / "t.npz", images=IMAGES, labels=np.array(["a", {}] * 4, dtype=object))
    refuses(tmp_path / "t.npz", r"cannot be read as npz: .*pickle.*; write it again, with plain arrays")
    np.savez(tmp_path / "t.npz", images=IMAGES, labels=np.zeros((8, 3)))
    refuses(tmp_path / "t.npz", r"y must have one label a row, however: values.shape=\(8, 3\)")
    np.savez(tmp_path / "t.npz", images=IMAGES)
    refuses(tmp_path / "t.npz", r"holds no array 'labels', so there is no 'kind'", target="kind")
    refuses(tmp_path / "t.npz", r"has no splits; leave split=None", split="test")


# ---------------------------------------------------------------------------------------------- arrays
@pytest.mark.parametrize("shape", [(8, 64), (8, 16, 16, 2), (8, 3, 16, 3), (8, 1, 16, 16, 1)])
def test_shapes_of_arrays(shape: tuple[int, ...]) -> None:
    refuses((np.zeros(shape, np.uint8), None), r"images must be \(n, h, w\), .* however: X.shape=\(8, ")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite(value: float) -> None:
    X = np.zeros((2000, 8, 8), np.float32)
    X[[3, 1500], 2, 2] = value
    refuses((X, None), r"however 2 of 2000 images hold NaN or infinities \(rows 3, 1500\); leave these images out")


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [(-0.5, 1.5, "float32"), (0, 256, "float64"), (-3, 3, "float32"), (0, 4095, "uint16"), (-1, 1, "int8")],
)
def test_numbers_that_are_no_pixels(low: float, high: float, dtype: str) -> None:
    X = np.zeros((2, 8, 8), dtype)
    X[0, 0, 0], X[1, 7, 7] = low, high
    refuses(
        (X, None),
        rf"pixels must be levels from 0 to 255.*, however X \({dtype}\) goes from {low:g} to {high:g}; scale it",
    )
    refuses((X.astype(str), None), "pixels must be numbers")


def npy(shape: tuple[int, ...], content: bytes, dtype: str = "|u1") -> bytes:
    """Return an array file whose header says what it likes."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + content


@pytest.mark.parametrize("shape", [(2**40, 8, 8), (3, 8, 8), (5, 8, 8), (-1, 8, 8)])
def test_an_npz_whose_header_promises_other_than_it_holds(shape: tuple[int, ...], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("images.npy", npy(shape, bytes(4 * 64)))
    refuses(tmp_path / "t.npz", r"promises 'images' as \(.*\) of uint8, however it holds 256 bytes")


def test_an_npz_that_unpacks_to_far_more_than_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_arrays, "FREE", 2**16)
    np.savez_compressed(tmp_path / "t.npz", images=np.zeros((2000, 8, 8), np.uint8))
    refuses(tmp_path / "t.npz", r"would unpack 'images' from [\d,]+ to 128,128 bytes, which no images do")
    monkeypatch.setattr(image_arrays, "FREE", 2**20)
    assert len(read_images(tmp_path / "t.npz").table) == 2000


def test_an_npz_that_is_one_array(tmp_path: Path) -> None:
    (tmp_path / "t.npz").write_bytes(npy((2**40, 8, 8), b""))
    refuses(tmp_path / "t.npz", r"cannot be read as npz: it is no archive; save images and labels with numpy.savez")
