"""`augment` and `fit` of images: what comes back, whether it obeys, and what is refused."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import ganaug
from ganaug import plans
from ganaug.data import read_images
from ganaug.errors import ConfigError, DataError, DataWarning
from ganaug.image_files import export_folder, publish
from ganaug.policy import Candidate, Choice
from ganaug.variants import anchored, anchored_image
from tests.digits import digits

FEW = anchored_image.Config(steps=10)
X, Y = digits({0: 16, 1: 16, 2: 6})
"""38 images of 8 x 8, six of them scarce."""
NAMED = np.array(["zero", "one", "two"])[Y]
SCARCE = {2: 10}


def augment(data: Any, **options: Any) -> Any:
    quick = {"sampling_strategy": SCARCE, "variant": FEW, "check": False, "random_state": 0, "progress": False}
    return ganaug.augment(data, **{**quick, **options})


def pixels(cells: Any) -> np.ndarray:
    """Return the pixels ``(n, h, w)`` of a column of encoded gray images."""
    return np.stack([np.asarray(Image.open(io.BytesIO(cell["bytes"]))) for cell in cells])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits as a folder with a sub-folder a class."""
    read = read_images((X, NAMED))
    export_folder(read.table, read.schema, tmp_path_factory.mktemp("images") / "digits")
    return tmp_path_factory.getbasetemp() / "images0" / "digits"


@pytest.mark.parametrize(
    "make",
    [
        lambda: X[..., 0],
        lambda: X,
        lambda: X.transpose(0, 3, 1, 2).astype(np.float32) / 255,
        lambda: np.repeat(X, 3, axis=3).astype(np.int64),
        lambda: torch.from_numpy(X[..., 0]),
        lambda: torch.from_numpy(X).permute(0, 3, 1, 2).float() / 127.5 - 1,
    ],
    ids=["nhw", "nhwc", "nchw-unit", "rgb-int64", "tensor-nhw", "tensor-nchw-symmetric"],
)
def test_arrays_come_back_as_they_came_with_the_rows_asked_for_below(make: Any) -> None:
    given = make()
    before = given.clone() if torch.is_tensor(given) else given.copy()
    labels = torch.from_numpy(Y) if torch.is_tensor(given) else Y
    result = augment((given, labels))
    images, classes = result.data
    assert type(images) is type(given) and images.dtype == given.dtype and images.shape == (42, *given.shape[1:])
    assert type(classes) is type(labels) and classes.dtype == labels.dtype
    assert bool((images[:38] == before).all()) and bool((given == before).all())
    assert classes.tolist() == [*Y.tolist(), 2, 2, 2, 2]
    assert result.is_synthetic.dtype == bool and result.is_synthetic.tolist() == [False] * 38 + [True] * 4
    made, made_classes = result.synthetic
    assert bool((made == images[38:]).all()) and made_classes.tolist() == [2] * 4
    assert made.min() >= before.min() and made.max() <= before.max() and made.max() > made.min()
    assert result.effect is None and result.report is None
    assert result.summary["decision"] == "4 synthetic rows were added (4 of 2), as asked."


def test_what_is_drawn_is_of_the_class_asked_for() -> None:
    made, _ = augment((X[..., 0], Y), sampling_strategy={0: 46, 1: 16, 2: 36}).synthetic
    means = np.stack([X[c == Y, ..., 0].astype(float).mean(axis=0) for c in range(3)])
    nearest = ((made[:, None] - means) ** 2).sum(axis=(2, 3)).argmin(axis=1)
    assert (nearest[:30] == 0).mean() > 0.8 and (nearest[30:] == 2).mean() > 0.8


@pytest.mark.parametrize("labels", [pd.Series(NAMED, name="digit", index=range(5, 43)), NAMED.tolist()], ids=type)
def test_labels_keep_their_kind(labels: Any) -> None:
    _, classes = augment((X, labels), sampling_strategy={"two": 8}).data
    assert type(classes) is type(labels) and list(classes)[38:] == ["two", "two"]
    assert getattr(classes, "name", None) == getattr(labels, "name", None)


def test_a_class_folder_gives_a_frame_of_encoded_images_and_labels(folder: Path) -> None:
    result = augment(folder, sampling_strategy={"two": 10})
    assert list(result.data.columns) == ["image", "label"] and len(result.data) == 42
    order = np.argsort(NAMED, kind="stable")
    np.testing.assert_array_equal(pixels(result.data["image"][:38]), X[order, ..., 0])
    assert result.data["label"].tolist() == [*NAMED[order], *["two"] * 4]
    assert result.data["image"][0]["path"].startswith("one/") and result.data["image"][40]["path"] is None
    np.testing.assert_array_equal(pixels(result.synthetic["image"]), pixels(result.data["image"][38:]))


def test_a_frame_of_pictures_gives_pictures(folder: Path) -> None:
    frame = pd.DataFrame({"kind": NAMED, "scan": [Image.fromarray(image[..., 0]) for image in X]})
    result = augment(frame, target="kind", sampling_strategy={"two": 10})
    assert list(result.data.columns) == ["kind", "scan"] and result.data["kind"].tolist()[38:] == ["two"] * 4
    assert all(isinstance(picture, Image.Image) for picture in result.data["scan"])
    np.testing.assert_array_equal(np.stack([np.asarray(p) for p in result.data["scan"]])[:38], X[..., 0])


def test_a_frame_of_paths_is_read_where_the_paths_lead(folder: Path) -> None:
    files = sorted(map(str, folder.rglob("*.png")))
    frame = pd.DataFrame({"file": files, "label": [Path(file).parent.name for file in files]})
    result = augment(frame, sampling_strategy={"two": 10})
    assert list(result.data.columns) == ["file", "label"] and result.data["file"][3]["path"] == files[3]


def test_image_parquet_and_arrow_tables(tmp_path: Path) -> None:
    names = ["zero", "one", "two"]
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    read = read_images((X, Y))
    cells = publish(read.table, read.schema, note=None)["image"].to_pylist()
    schema = pa.schema(
        [("label", pa.int64()), ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    table = pa.table({"label": Y, "image": cells}, schema=schema)
    held = augment(table, sampling_strategy={2: 10})
    assert held.data.schema.equals(schema, check_metadata=True) and held.data["label"].to_pylist()[38:] == [2] * 4
    assert [c["name"] for c in held.summary["classes"]] == names and held.summary["classes"][2]["synthetic"] == 4
    np.testing.assert_array_equal(pixels(held.data["image"].to_pylist())[:38], X[..., 0])
    pq.write_table(table, tmp_path / "digits.parquet")
    stored = augment(tmp_path / "digits.parquet", sampling_strategy={2: 10})
    assert isinstance(stored.data, pd.DataFrame) and stored.data["label"].tolist() == held.data["label"].to_pylist()
    np.testing.assert_array_equal(pixels(stored.synthetic["image"]), pixels(held.synthetic["image"].to_pylist()))


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", train_images=X[..., 0], train_labels=Y[:, None], test_images=X[:9], test_labels=Y[:9])
    with pytest.warns(DataWarning, match=r"splits \['test', 'train'\]: 'train' is read"):
        result = augment(str(tmp_path / "d.npz"))
    assert len(result.data) == 42 and result.data["label"].tolist() == [*Y.tolist(), 2, 2, 2, 2]
    np.testing.assert_array_equal(pixels(result.data["image"])[:38], X[..., 0])
    tested = augment(tmp_path / "d.npz", sampling_strategy={0: 9}, images={"split": "test"})
    assert tested.summary["rows"] == 9 and (tested.data["label"] == 0).sum() == 9


def test_images_without_labels_are_augmented_as_one_class(folder: Path) -> None:
    result = augment((X, None), sampling_strategy="policy", check=True)
    images, labels = result.data
    assert labels is None and images.shape == (76, 8, 8, 1) and result.is_synthetic.sum() == 38
    assert result.effect.verdict == "not measurable"
    assert len(augment(folder / "zero", sampling_strategy=5).synthetic) == 5


def test_a_class_of_one_image_is_augmented_and_told() -> None:
    rows = np.r_[np.flatnonzero(Y < 2), np.flatnonzero(Y == 2)[:1]]
    with pytest.warns(DataWarning, match=r"1 class of one image only \('2'\)"):
        result = augment((X[rows], Y[rows]), sampling_strategy={2: 6})
    images, labels = result.data
    assert labels.tolist()[33:] == [2] * 5 and "one image" in result.summary["warnings"][0]
    start = images[32].astype(int)
    assert np.abs(images[33:].astype(int) - start).mean() < np.abs(X[Y == 0].astype(int) - start).mean()


def test_mixed_sizes_are_brought_to_the_size_asked_for(tmp_path: Path) -> None:
    for number, image in enumerate(X[:24]):
        at = tmp_path / "mixed" / NAMED[number]
        at.mkdir(parents=True, exist_ok=True)
        side = 8 + number % 3
        Image.fromarray(image[..., 0]).resize((side, side + 1)).save(at / f"{number}.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        result = augment(tmp_path / "mixed", sampling_strategy="auto", images={"size": [12, 10]})
    assert pixels(result.data["image"]).shape == (len(result.data), 12, 10)
    assert result.synthesizer.schema.shape == (1, 12, 10)
    with pytest.warns(DataWarning, match="3 sizes, 9-11 x 8-10"):
        assert augment(tmp_path / "mixed", sampling_strategy="auto").synthesizer.schema.shape == (1, 10, 9)


@pytest.mark.parametrize("images", [{"size": (10, 12)}, ganaug.ImageOptions(size=(10, 12))], ids=["dict", "options"])
def test_arrays_of_another_size_come_back_in_it(images: Any) -> None:
    shown, labels = augment((X[..., 0], Y), images=images).data
    assert shown.shape == (42, 10, 12) and shown.dtype == np.uint8 and len(labels) == 42


def test_gray_arrays_made_rgb_come_back_with_all_three_channels() -> None:
    shown, _ = augment((X[..., 0], Y), images={"channels": 3}).data
    assert shown.shape == (42, 8, 8, 3)
    np.testing.assert_array_equal(shown[:38], np.repeat(X, 3, axis=3))


def test_the_same_seed_gives_the_same_bits_and_the_generator_of_fit() -> None:
    first, again, other = (augment((X, Y), random_state=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.data[0], again.data[0])
    assert not np.array_equal(first.synthetic[0], other.synthetic[0])
    fitted = ganaug.fit((X, Y), variant=FEW, random_state=3, progress=False)
    for mine, theirs in zip(fitted.sample(5, random_state=1), first.synthesizer.sample(5, random_state=1), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_generator_that_is_shown_is_a_few_lines() -> None:
    assert len(repr(ganaug.fit((X, Y), variant=FEW, random_state=0, progress=False))) < 300


@pytest.mark.parametrize(("index", "added"), [(0, 0), (1, 1)])
def test_the_policy_s_amount_is_added_and_none_leaves_the_data_equal(
    policy_chooses: Callable[..., Choice], index: int, added: int
) -> None:
    policy_chooses(index)
    images, labels = augment((X, Y), sampling_strategy="policy").data
    assert len(images) == len(labels) == 38 + added, "a tenth of the 10 images that 1:1 would need"
    np.testing.assert_array_equal(images[:38], X)
    np.testing.assert_array_equal(labels[:38], Y)


@pytest.mark.slow
def test_a_check_measures_on_pixels_and_compares_with_the_transforms_asked_for(tmp_path: Path) -> None:
    judge = make_pipeline(LogisticRegression(max_iter=200))
    options = {"check": True, "estimator": judge, "images": {"transforms": ("flip",)}, "out": tmp_path / "run"}
    result = augment((X, Y), **options)
    arms = {arm["name"]: arm["label"] for arm in result.effect.arms}
    assert result.effect.ours in arms and arms["flips_crops_shifts"] == "Oversampling with flips"
    assert result.effect.n_features == 64 and result.effect.n_splits >= 2
    assert len(result.synthetic[0]) == 4, "counts asked for are obeyed whatever the verdict"
    stored = json.loads((tmp_path / "run" / "report.json").read_text("utf-8"))
    assert stored["effect"]["verdict"] == result.effect.verdict
    assert stored["fidelity"]["overall"]["frechet"]["synthetic"] >= 0
    again = augment((X, Y), **options)
    np.testing.assert_equal(again.effect.to_json(), result.effect.to_json())


def test_groups_an_image_reach_policy_and_check(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    none = Choice(index=0, candidate=Candidate(), expected=0.0, standard_error=0.0, margin=0.0, reason="")
    monkeypatch.setattr(plans, "select", lambda *_, **options: asked.update(options) or none)
    augment((X, Y), sampling_strategy="policy", groups=np.arange(38) // 2)
    np.testing.assert_array_equal(asked["groups"], np.arange(38) // 2)


TABLE = X.reshape(38, 64), Y


@pytest.mark.parametrize(
    ("data", "options", "kind", "message"),
    [
        ((X, Y), {"images": {"sise": 8}}, ConfigError, r"no option 'sise'; it has: size, .*; did you mean 'size'\?"),
        ((X, Y), {"images": "flip"}, ConfigError, "images must be ImageOptions or a dict .*, however: 'flip'"),
        ((X, Y), {"images": {"transforms": ("turn",)}}, ConfigError, "of shift, crop, flip, however: turn"),
        ((X, Y), {"images": {"transforms": "flip"}}, ConfigError, r"must be a tuple such as .*, however: 'flip'"),
        ((X, Y), {"images": {"size": 32}}, DataError, r"size must be \(height, width\).*however: size=32"),
        ((X, Y), {"images": {"channels": 2}}, DataError, r"channels must be 1 \(gray\).*however: channels=2"),
        ((X, Y), {"images": {"split": "train"}}, DataError, "only files and folders have splits"),
        ((X, Y), {"variant": "anchored"}, ConfigError, "'anchored' makes tables, and the data are images; .* r3gan"),
        ((X, Y), {"variant": anchored.Config()}, ConfigError, "'anchored' makes tables, and the data are images"),
        (TABLE, {"variant": "r3gan"}, ConfigError, "'r3gan' makes images, and the data are tables; .* wgan_gp"),
        (TABLE, {"variant": FEW}, ConfigError, "'anchored_image' makes images, and the data are tables"),
        ((X, Y), {"id_columns": ["a"]}, DataError, r"images have no identifier columns.*however: id_columns=\['a'\]"),
        ((X, Y), {"groups": "patient"}, DataError, "groups of images must be one value an image, however: 'patient'"),
        ((X, Y), {"groups": [1, 2]}, DataError, r"one group a row, however: \(2,\) for 38 rows"),
        ((X, Y), {"target": "label"}, DataError, "brings its labels in y"),
        (TABLE, {"images": {"size": (8, 8)}, "variant": "auto"}, DataError, "size is for images, and these .* a table"),
        (TABLE, {"images": {"transforms": ("flip",)}, "variant": "auto"}, DataError, "transforms is for images, and"),
        ((X, Y), {"sampling_strategy": {7: 9}}, DataError, "7 is not a class of 'label'"),
        ((X, Y), {"sampling_strategy": {2: 3}}, ValueError, "wants 3 rows of class 2, which has 6"),
        ((X[:, :4, :4, 0], Y), {}, DataError, "have 4 x 4 pixels, fewer than 8 pixels a side; pass size="),
    ],
)
def test_bad_options_are_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Any, options: Any, kind: type[Exception], message: str
) -> None:
    monkeypatch.setattr(plans.fitting, "fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(kind, match=message):
        augment(data, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()
    if not {"groups", "sampling_strategy"} & set(options):
        with pytest.raises(kind, match=message):
            ganaug.fit(data, progress=False, **options)


def test_measure_effect_refuses_what_augment_refuses(folder: Path) -> None:
    for data, options, message in (
        (TABLE, {"images": {"transforms": ("flip",)}}, "transforms is for images"),
        (TABLE, {"augmenter": "r3gan"}, "'r3gan' makes images"),
        ((X, Y), {"augmenter": "ctgan"}, "'ctgan' makes tables"),
        (str(folder), {"groups": "patient"}, "one value an image"),
    ):
        with pytest.raises(ValueError, match=message):
            ganaug.measure_effect(data, progress=False, **options)


def test_results_say_in_a_line_what_they_are() -> None:
    result = ganaug.augment((X, Y), sampling_strategy="auto", variant=FEW, check=False, random_state=0, progress=False)
    counts = np.bincount(Y)
    added = {str(c): int(counts.max() - n) for c, n in enumerate(counts) if n < counts.max()}
    assert repr(result) == (
        f"Augmentation(rows={len(Y)}, synthetic={added}, verdict=not checked, variant='anchored_image', report=None)"
    )
    trained = {str(c): int(n) for c, n in enumerate(counts)}
    assert repr(result.synthesizer) == f"Synthesizer(variant='anchored_image', trained_on={trained}, device='cpu')"
