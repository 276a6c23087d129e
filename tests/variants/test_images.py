"""Every image variant: conditions obeyed, any size, and what artefacts hold; what holds for all is in test_family."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression

from ganaug import fitting, variants
from ganaug.data import read_images
from ganaug.encode import ImageLayout
from ganaug.synthesizer import Synthesizer
from ganaug.variants import anchored_image
from tests import family
from tests.digits import digits, image_data
from tests.family import COUNTS, adding, digests, fit

NAMES = adding("images")
FEATURED = ("anchored_image", "r3gan", "hinge")
"""The presets and the precision are those of networks that all share: of one variant a composition."""
SHAPES = [(9, 13, 3), (12, 8, 4), (6, 6, 1)]


def pixels(synthesizer: Synthesizer, labels: Any, seed: int = 0) -> np.ndarray:
    codes = np.asarray(labels)
    table = synthesizer.sample_table(codes, seed=seed)
    assert np.array_equal(synthesizer.schema.label_codes(table), codes)
    return synthesizer.schema.pixels(table)  # type: ignore[union-attr]


@pytest.fixture(params=NAMES)
def fitted(request: pytest.FixtureRequest) -> Synthesizer:
    return family.fitted(request.param, "images")


def test_conditions_give_exact_counts_class_by_class(fitted: Synthesizer) -> None:
    data = read_images(digits(COUNTS))
    synthesizer = fitting.fit(data.table, data.schema, variant=fitted.config, seed=1, device="cpu")
    images, labels = synthesizer.sample(conditions={7: 4, 0: 3}, random_state=0)
    assert labels.tolist() == [7] * 4 + [0] * 3
    assert images.shape == (7, 8, 8, 1)
    assert len(np.unique(images.reshape(7, -1), axis=0)) == 7


def test_chunks_hold_the_same_images_whatever_their_size(fitted: Synthesizer) -> None:
    whole = np.concatenate([fitted.schema.pixels(t) for t in fitted.sample_chunks(600, random_state=3)])  # type: ignore[union-attr]
    for chunk_rows in (100, 256, 1000):
        chunks = list(fitted.sample_chunks(600, random_state=3, chunk_rows=chunk_rows))
        assert [len(chunk) for chunk in chunks[:-1]] == [chunk_rows] * (len(chunks) - 1)
        assert np.array_equal(np.concatenate([fitted.schema.pixels(c) for c in chunks]), whole)  # type: ignore[union-attr]
    assert np.array_equal(next(iter(fitted.sample_chunks(70, random_state=3)))["image"].to_numpy(), _rows(whole[:70]))


def _rows(images: np.ndarray) -> np.ndarray:
    return np.array([image.tobytes() for image in images], dtype=object)


def test_configs_are_settled_and_go_to_json_and_back(fitted: Synthesizer) -> None:
    settled = variants.config_to_json(fitted.config)
    assert "auto" not in settled.values()
    assert settled.get("preset", "strided") == "strided" and settled.get("precision", "float32") == "float32"
    assert variants.config_from_json(fitted.variant, settled) == fitted.config


@pytest.mark.parametrize("name", NAMES)
def test_on_a_graphics_card_large_images_take_residual_blocks_and_bfloat16(name: str) -> None:
    module, cuda = variants.get(name), torch.device("cuda")
    for side, preset in ((28, "strided"), (32, "residual")):
        settled = variants.settle(name, module.Config(), ImageLayout(3, side, 64), cuda)
        assert (settled.preset, settled.precision) == (preset, "bfloat16")
    given = module.Config(preset="strided", precision="float32", steps=7)
    settled = variants.config_to_json(variants.settle(name, given, ImageLayout(3, 64, 64), cuda))
    told = {key: value for key, value in variants.config_to_json(given).items() if value is not None}
    assert settled | told == settled


@pytest.mark.parametrize(("height", "width", "steps"), [(8, 8, 500), (16, 12, 500), (16, 17, 200), (28, 28, 200)])
def test_small_images_are_trained_for_longer(height: int, width: int, steps: int) -> None:
    config = variants.settle(
        "anchored_image", anchored_image.Config(), ImageLayout(1, height, width), torch.device("cpu")
    )
    assert config.steps == steps


def test_artefacts_hold_training_images_only_where_the_variant_says_so(fitted: Synthesizer, tmp_path: Path) -> None:
    fitted.save(tmp_path / "s")
    keeps = variants.get(fitted.variant).KEEPS_ROWS
    assert fitted.provenance["keeps_training_rows"] is keeps
    everything = b"".join(digests(tmp_path / "s").values())
    found = [image.tobytes() in everything for image in digits(COUNTS)[0]]
    assert all(found) if keeps else not any(found)  # the same search finds them in those that keep them
    if not keeps:
        arrays = load_file(tmp_path / "s" / "weights.safetensors")
        assert all(name.startswith("weights/") for name in arrays)
        assert all(array.dtype == np.float32 for array in arrays.values() if array.dtype.kind == "f")


@pytest.mark.parametrize("preset", ["strided", "residual"])
def test_untrained_anchored_images_are_real_ones_of_the_class(preset: str) -> None:
    images, labels = digits(COUNTS)
    drawn = pixels(fit("anchored_image", "images", steps=0, preset=preset), np.repeat([0, 1, 2], 40))
    for i, label in enumerate(COUNTS):
        real = {image.tobytes() for image in images[labels == label]}
        found = {image.tobytes() for image in drawn[40 * i : 40 * (i + 1)]}
        assert found <= real
        assert len(found) >= min(len(real), 20) * 0.7


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("name", "preset"), [*((name, "strided") for name in NAMES), *((name, "residual") for name in FEATURED)]
)
def test_colours_and_sizes(name: str, preset: str, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (7, *shape), dtype=np.uint8)
    data = image_data(images, np.repeat(["big", "small"], [4, 3]))
    synthesizer = fit(name, "images", data=data, seed=0, steps=3, preset=preset)
    found = pixels(synthesizer, [0, 1, 1])
    assert found.shape == (3, *shape)
    assert found.std() > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_class_of_one_image_is_drawn(name: str) -> None:
    data = image_data(*digits({0: 20, 1: 12, 7: 1}))
    synthesizer = fit(name, "images", data=data, seed=0, steps=4, penalty_interval=1)
    assert len(pixels(synthesizer, [2] * 10)) == 10


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cyclegan"])  # which needs two classes, and says so
def test_images_without_labels_are_one_class(name: str) -> None:
    synthesizer = fit(name, "images", data=image_data(digits(COUNTS)[0], None), seed=0, steps=4)
    assert len(pixels(synthesizer, [0] * 5)) == 5


@pytest.mark.parametrize("name", FEATURED)
def test_training_in_bfloat16_stays_finite_and_samples_in_float32(name: str) -> None:
    half = fit(name, "images", precision="bfloat16", penalty_interval=1)
    assert all(
        w.dtype == torch.float32 and torch.isfinite(w).all() for w in half.weights.values() if w.is_floating_point()
    )
    found = pixels(half, [0, 1, 2])
    half.config = replace(half.config, precision="float32")
    half.__post_init__()
    assert np.array_equal(pixels(half, [0, 1, 2]), found)


@pytest.mark.slow
def test_anchored_digits_are_recognised_as_the_class_asked_for() -> None:
    counts = {0: 100, 1: 60, 3: 40, 4: 20, 7: 8}
    images, labels = digits()
    shown = np.concatenate([np.flatnonzero(labels == d)[:n] for d, n in counts.items()])
    unseen = np.setdiff1d(np.flatnonzero(np.isin(labels, list(counts))), shown)
    data = image_data(images[shown], labels[shown])
    config = anchored_image.Config()
    synthesizer = fitting.fit(data.table, data.schema, variant=config, seed=0, device="cpu")
    asked = np.repeat(np.arange(5), 100)
    found = pixels(synthesizer, asked).reshape(500, -1) / 255
    for rows in (shown, unseen):
        judge = LogisticRegression(max_iter=1000).fit(images[rows].reshape(len(rows), -1) / 255, labels[rows])
        right = (judge.predict(found) == np.array(list(counts))[asked]).reshape(5, 100).mean(1)
        assert right.mean() >= 0.8, right
        assert right.min() >= 0.6, right
    real = {image.tobytes() for image in images[shown]}
    assert sum(image.tobytes() in real for image in pixels(synthesizer, asked)) < 50  # and not by repeating real ones
