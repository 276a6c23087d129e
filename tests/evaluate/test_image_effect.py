import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from ganaug.errors import ConfigError, DataError, SchemaError
from ganaug.evaluate import DEFAULT_IMAGE_ARMS, measure_effect
from tests.digits import digits, image_data

QUICK = {"random_state": 0, "progress": False, "n_jobs": 1}


@pytest.fixture(scope="module")
def scarce():
    return image_data(*digits({3: 60, 5: 60, 8: 16}))


@pytest.mark.slow
def test_the_default_check_of_images(scarce):
    effect = measure_effect(scarce, augmenter="random_oversampling", cv=2, images={"transforms": ("shift",)}, **QUICK)
    names = [arm["name"] for arm in effect.arms]
    assert names == ["nothing", *DEFAULT_IMAGE_ARMS, "random_oversampling*"]
    assert [learner["name"] for learner in effect.learners] == [
        "logistic_regression_pixels", "random_forest_pixels", "logistic_regression_embedding"
    ]  # fmt: skip
    labels = {arm["name"]: arm["label"] for arm in effect.arms}
    assert labels["flips_crops_shifts"] == "Oversampling with shifts"
    assert effect.n_features == 64 and effect.class_counts == {"3": 60, "5": 60, "8": 16}
    assert all(0.7 < arm["score"] <= 1 for arm in effect.arms)
    assert effect.verdict in ("helps", "better than nothing", "harms", "no evidence")


def test_an_own_pipeline_judges_on_flat_pixels_and_nothing_else_is_fitted(scarce, monkeypatch):
    monkeypatch.setattr("ganaug.learners.part.prepare", lambda *_: pytest.fail("no embedding is needed"))
    pipeline = make_pipeline(LogisticRegression(max_iter=200))
    effect = measure_effect(scarce, augmenter="flips_crops_shifts", estimator=pipeline, arms=["smote"], cv=2, **QUICK)
    assert [arm["name"] for arm in effect.arms] == ["nothing", "smote", "flips_crops_shifts*"]
    assert all(np.isfinite(arm["score"]) for arm in effect.arms)


def test_who_was_fitted_on_all_images_is_refused(scarce):
    images, labels = digits({3: 60, 5: 60, 8: 16})

    def copier(x, y, random_state):
        return np.concatenate([x, images]), np.concatenate([y, labels])

    with pytest.raises(ValueError, match="equal held-out test rows"):
        measure_effect(scarce, augmenter=copier, estimator=LogisticRegression(), arms=[], cv=2, **QUICK)


def test_arrays_are_read_as_images(scarce):
    images, labels = digits({3: 60, 5: 60, 8: 16})
    options = QUICK | {"estimator": LogisticRegression(max_iter=200), "cv": 2, "arms": []}
    effect = measure_effect((images, labels), augmenter="random_oversampling", **options)
    known = measure_effect(scarce, augmenter="random_oversampling", **options)
    assert effect.folds == known.folds and effect.n_features == 64


def test_test_images_of_their_own_and_groups(scarce):
    images, labels = digits({3: 60, 5: 60, 8: 16}, seed=0)
    others, other_labels = digits({3: 120, 5: 120, 8: 60}, seed=0)
    fresh = ~(others[:, None] == images[None]).all(axis=(2, 3, 4)).any(axis=1)
    options = QUICK | {"estimator": make_pipeline(LogisticRegression(max_iter=200)), "arms": []}
    test = others[fresh], other_labels[fresh]
    effect = measure_effect((images, labels), augmenter="random_oversampling", test_data=test, **options)
    assert effect.n_splits == 1 and effect.arms[0]["score"] > 0.8
    groups = np.arange(len(labels)) % 9
    grouped = measure_effect((images, labels), augmenter="random_oversampling", groups=groups, cv=3, **options)
    assert grouped.n_splits == 3
    with pytest.raises(DataError, match="one value an image"):
        measure_effect((images, labels), augmenter="random_oversampling", groups="who", **options)
    with pytest.raises(SchemaError, match="must be images with labels"):
        measure_effect((images, labels), augmenter="smote", test_data=(images.reshape(-1, 64), labels), **options)


def test_transforms_are_checked(scarce):
    with pytest.raises(ConfigError, match="of shift, crop, flip, however: turn"):
        measure_effect(scarce, augmenter="random_oversampling", images={"transforms": ("turn",)}, **QUICK)
