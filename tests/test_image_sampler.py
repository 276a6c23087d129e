"""`GANSampler` on images: every layout, flat ones, pipelines, copies, and what it refuses."""

from __future__ import annotations

import pickle
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from imblearn import FunctionSampler
from imblearn.pipeline import make_pipeline
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import FunctionTransformer

import ganaug
from ganaug import GANSampler
from ganaug.errors import ConfigError, DataError
from ganaug.variants import anchored_image
from tests.digits import digits

FEW = anchored_image.Config(steps=8)
X, Y = digits({0: 24, 1: 24, 2: 9})
GRAY = X[..., 0]
FLAT = X.reshape(len(X), 64)


def sampler(**options: Any) -> GANSampler:
    return GANSampler(**{"sampling_strategy": "auto", "variant": FEW, "random_state": 0, **options})


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """The images ``(n, h, w)`` that the sampler draws."""
    return sampler().fit_resample(GRAY, Y)[0][57:]


@pytest.mark.parametrize(
    "given",
    [GRAY, X, X.transpose(0, 3, 1, 2), X.astype(np.float32) / 255, np.repeat(X, 3, axis=3), GRAY.astype(np.int32)],
    ids=["nhw", "nhwc", "nchw", "unit", "rgb", "int32"],
)
def test_arrays_of_images_come_back_in_their_layout(given: np.ndarray) -> None:
    before = given.copy()
    images, labels = sampler().fit_resample(given, Y)
    assert images.shape == (72, *given.shape[1:]) and images.dtype == given.dtype
    np.testing.assert_array_equal(images[:57], before)
    assert labels.tolist() == [*Y.tolist(), *[2] * 15]
    assert given.min() <= images[57:].min() < images[57:].max() <= given.max()


def test_the_synthetic_images_look_like_their_class(drawn: np.ndarray) -> None:
    means = np.stack([GRAY[c == Y].astype(float).mean(axis=0) for c in range(3)])
    nearest = ((drawn[:, None] - means) ** 2).sum(axis=(2, 3)).argmin(axis=1)
    assert (nearest == 2).mean() > 0.7


@pytest.mark.parametrize("shape", [(8, 8), [8, 8, 1], (1, 8, 8)], ids=str)
def test_flat_images_come_back_flat_and_are_learnt_as_images(shape: Any, drawn: np.ndarray) -> None:
    fitted = sampler(image_shape=shape)
    images, _ = fitted.fit_resample(FLAT, Y)
    assert images.shape == (72, 64) and fitted.synthesizer_.schema.shape == (1, 8, 8)
    np.testing.assert_array_equal(images, np.concatenate([FLAT, drawn.reshape(-1, 64)]))


def test_flat_images_in_a_frame_or_lists(drawn: np.ndarray) -> None:
    frame = pd.DataFrame(FLAT.astype(np.int64), columns=[f"pixel{i}" for i in range(64)])
    frame["pixel0"] = frame["pixel0"].astype(float)
    images, labels = sampler(image_shape=(8, 8)).fit_resample(frame, pd.Series(Y, name="digit"))
    assert images.dtypes.to_dict() == frame.dtypes.to_dict() and labels.name == "digit"
    pd.testing.assert_frame_equal(images.iloc[:57], frame)
    np.testing.assert_array_equal(images.iloc[57:].to_numpy().reshape(-1, 8, 8), drawn)
    listed, names = sampler(image_shape=(8, 8)).fit_resample(FLAT.tolist(), Y.tolist())
    assert isinstance(listed, list) and len(listed[0]) == 64 and Counter(names) == {0: 24, 1: 24, 2: 24}


def test_labels_of_text_and_one_hot() -> None:
    _, names = sampler().fit_resample(GRAY, np.array(["zero", "one", "two"])[Y])
    assert Counter(names.tolist()) == {"zero": 24, "one": 24, "two": 24}
    _, coded = sampler().fit_resample(GRAY, np.eye(3, dtype=int)[Y])
    assert coded.shape == (72, 3) and coded.sum(axis=0).tolist() == [24, 24, 24]


def test_in_a_pipeline_under_cross_validation() -> None:
    seen: list[tuple[int, ...]] = []

    def look(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append((*images.shape, int((labels == 2).sum())))
        return images, labels

    flatten = FunctionTransformer(lambda images: images.reshape(len(images), -1) / 255)
    pipeline = make_pipeline(
        sampler(), FunctionSampler(func=look, validate=False), flatten, LogisticRegression(max_iter=300)
    )
    scores = cross_val_score(pipeline, GRAY, Y, cv=3, scoring="balanced_accuracy")
    assert np.isfinite(scores).all() and scores.mean() > 0.9
    assert seen == [(48, 8, 8, 16)] * 3, "balanced inside every training fold, and images still"


def test_flat_in_a_pipeline_needs_no_step_between() -> None:
    pipeline = make_pipeline(sampler(image_shape=(8, 8)), LogisticRegression(max_iter=300))
    assert cross_val_score(pipeline, FLAT / 255, Y, cv=3, scoring="balanced_accuracy").mean() > 0.9


def test_the_policy_chooses_for_images() -> None:
    judge = make_pipeline(LogisticRegression(max_iter=200))
    fitted = sampler(sampling_strategy="policy", estimator=judge)
    images, labels = fitted.fit_resample(GRAY, Y)
    assert fitted.choice_ is not None and len(images) == len(labels) == 57 + sum(fitted.sampling_strategy_.values())
    np.testing.assert_array_equal(images[:57], GRAY)


def test_cloned_and_pickled(drawn: np.ndarray) -> None:
    original = sampler(image_shape=(8, 8))
    original.fit_resample(FLAT, Y)
    copy = clone(original)
    assert copy.get_params() == original.get_params() and not hasattr(copy, "synthesizer_")
    np.testing.assert_array_equal(copy.fit_resample(FLAT, Y)[0][57:].reshape(-1, 8, 8), drawn)
    loaded = pickle.loads(pickle.dumps(original))
    for mine, theirs in zip(loaded.synthesizer_.sample(4), original.synthesizer_.sample(4), strict=True):
        assert mine.shape == theirs.shape
    first, again = (each.synthesizer_.sample(4, random_state=1)[0] for each in (loaded, original))
    np.testing.assert_array_equal(first, again)


def test_fit_trains_nothing_and_knows_the_features() -> None:
    fitted = sampler().fit(X, Y)
    assert not hasattr(fitted, "synthesizer_") and fitted.n_features_in_ == 64
    assert dict(fitted.sampling_strategy_) == {1: 0, 2: 15}


def test_measure_effect_judges_it_on_images_and_refuses_what_it_would_read_as_a_table() -> None:
    options: dict[str, Any] = {"estimator": make_pipeline(LogisticRegression(max_iter=200)), "cv": 2, "arms": []}
    options |= {"random_state": 0, "progress": False, "n_jobs": 1}
    effect = ganaug.measure_effect((GRAY, Y), augmenter=sampler(), **options)
    assert [arm["name"] for arm in effect.arms] == ["nothing", "gan_sampler"] and effect.n_features == 64
    with pytest.raises(ConfigError, match=r"give it the images themselves.*image_shape=\(8, 8\)"):
        ganaug.measure_effect((FLAT, Y), augmenter=sampler(image_shape=(8, 8)), **options)


@pytest.mark.parametrize(
    ("options", "given", "kind", "message"),
    [
        ({"image_shape": (8, 9)}, FLAT, ConfigError, r"as many pixels as X has columns.*\(8, 9\) and 64 columns"),
        ({"image_shape": (64,)}, FLAT, ConfigError, r"image_shape must be \(h, w\)"),
        ({"image_shape": (8, 8)}, sparse.csr_matrix(FLAT), DataError, r"X is sparse; pass X\.toarray\(\)"),
        ({"variant": "ctgan"}, GRAY, ConfigError, "'ctgan' makes tables, and the data are images"),
        ({"variant": "r3gan"}, FLAT, ConfigError, "'r3gan' makes images, and the data are tables"),
        ({"id_columns": ["x0"]}, GRAY, DataError, "images have no identifier columns"),
        ({}, GRAY[:, :4, :4], DataError, "have 4 x 4 pixels, fewer than 8"),
        ({}, np.where(GRAY > 200, np.nan, GRAY), DataError, "pixels must be finite"),
    ],
)
def test_what_cannot_be_is_refused(options: Any, given: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        sampler(**options).fit_resample(given, Y)
    if "image_shape" in options:
        with pytest.raises(kind, match=message):
            sampler(**options).fit(given, Y)
