import numpy as np
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

from ganaug.errors import ConfigError, SchemaError
from ganaug.evaluate import DEFAULT_IMAGE_ARMS
from ganaug.evaluate.arms import CannotRunError, make_arm, make_arms
from ganaug.learners import DEFAULT_IMAGE_LEARNERS, LeakError, Part
from tests.digits import digits, image_data


@pytest.fixture(scope="module")
def read():
    return image_data(*digits({3: 50, 5: 20, 7: 10}))


def part_of(read, **options) -> Part:
    return Part(read.table, read.schema, np.arange(60), np.arange(60, 80), **({"frames": True} | options))


@pytest.fixture(scope="module")
def part(read):
    """Flat pixels, so that what an arm made can be looked at."""
    return part_of(read)


def made_by(arm, part, seed=0):
    """Return the images an arm added ``(m, 8, 8)``, and their codes."""
    training = arm.training(part, DEFAULT_IMAGE_LEARNERS, seed)
    n = len(training.kept)
    return np.rint(np.asarray(training.extra) * 255).reshape(-1, 8, 8), training.codes[n:], training


def test_the_default_arms_of_images():
    assert DEFAULT_IMAGE_ARMS == ("tuned_threshold", "class_weights", "random_oversampling", "flips_crops_shifts")
    assert [arm.name for arm in make_arms(None, images=True)] == ["nothing", *DEFAULT_IMAGE_ARMS]
    arm = make_arms(None, images=True)[-1]
    assert arm.label == "Oversampling with shifts and crops"
    flipping = make_arms(None, images=True, transforms=("flip", "shift"))[-1]
    assert flipping.label == "Oversampling with shifts and flips"
    with pytest.raises(ConfigError, match="some of shift, crop, flip"):
        make_arms(None, images=True, transforms=("turn",))


def test_changed_images_balance_the_classes(part):
    images, codes, training = made_by(make_arm("flips_crops_shifts"), part)
    counts = np.bincount(part.codes)
    assert np.bincount(training.codes).tolist() == [counts.max()] * 3 and training.kept.tolist() == list(range(60))
    real = part.schema.pixels(part.table)[..., 0]
    same = [(real[part.codes == c] == image).all(axis=(1, 2)).any() for image, c in zip(images, codes, strict=True)]
    assert np.mean(same) < 0.2
    again, other = (made_by(make_arm("flips_crops_shifts"), part, seed)[0] for seed in (0, 1))
    assert np.array_equal(images, again) and not np.array_equal(images, other)


def test_no_image_is_mirrored_unless_asked(part):
    """Only mirrored images are nearer to the mirrored original than to any shift of it."""
    flips = make_arm("flips_crops_shifts", transforms=("flip",))
    images, codes, _ = made_by(flips, part)
    real = part.schema.pixels(part.table)[..., 0]
    mirrored = [
        (real[part.codes == c, :, ::-1] == i).all(axis=(1, 2)).any() for i, c in zip(images, codes, strict=True)
    ]
    assert 0.3 < np.mean(mirrored) < 0.7
    images, codes, _ = made_by(make_arm("flips_crops_shifts"), part)
    mirrored = [
        (real[part.codes == c, :, ::-1] == i).all(axis=(1, 2)).any() for i, c in zip(images, codes, strict=True)
    ]
    assert not any(mirrored)


def test_smote_goes_between_the_pixels_of_two_images_of_a_class(part):
    images, codes, training = made_by(make_arm("smote"), part)
    assert len(set(np.bincount(training.codes))) == 1
    real = part.schema.pixels(part.table)[..., 0].astype(float)
    for image, code in list(zip(images, codes, strict=True))[:10]:
        own = real[part.codes == code]
        low, high = np.minimum(own[:, None], own[None]), np.maximum(own[:, None], own[None])
        inside = ((image >= low - 1) & (image <= high + 1)).all(axis=(2, 3))
        assert inside.any()


def test_samplers_get_flat_floats_that_do_not_wrap_around(part):
    given = {}

    class Looking(SMOTE):
        def fit_resample(self, X, y):
            given.update(x=X, y=y)
            return super().fit_resample(X, y)

    images, _, _ = made_by(make_arm(Looking(k_neighbors=2)), part)
    assert given["x"].dtype == np.float32 and given["x"].shape == (60, 64) and given["x"].max() == 255
    assert np.array_equal(given["y"], part.codes)
    named, _, _ = made_by(make_arm("smote"), part)
    # Wrapped differences would fill the corners, which no digit touches.
    assert images[:, 0, 0].max() == 0 and abs(images.mean() - named.mean()) < 10
    noisy, _, _ = made_by(make_arm(RandomOverSampler(shrinkage=1.0)), part)
    assert noisy.min() == 0 and noisy.max() <= 255


def test_undersamplers_take_images_away(part):
    _, _, training = made_by(make_arm(RandomUnderSampler()), part)
    assert len(training.kept) == 0 and len(set(np.bincount(training.codes))) == 1
    assert len(training.rows(part.real)) == len(training.codes)


def test_callables_get_images_and_labels(part):
    given = {}

    def mirror(x, y, random_state):
        given.update(x=x, y=y, seed=random_state)
        return np.concatenate([x, x[:5, :, ::-1]]), np.concatenate([y, y[:5]])

    images, codes, training = made_by(make_arm(mirror), part)
    assert given["x"].shape == (60, 8, 8, 1) and given["x"].dtype == np.uint8 and isinstance(given["seed"], int)
    assert given["y"].tolist() == np.array([3, 5, 7])[part.codes].tolist()
    assert np.array_equal(images, given["x"][:5, :, ::-1, 0]) and codes.tolist() == part.codes[:5].tolist()
    assert len(training.kept) == 60
    given["x"][:] = 0  # it is theirs
    assert part.schema.pixels(part.table).max() == 255
    for shape in ((60, 64), (60, 8, 8), (60, 8, 8, 1)):
        assert make_arm(lambda x, y, s, shape=shape: (x.reshape(shape), y)).training(part, (), 0).is_plain(60)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:, :4], r"images of shape \(60, 4, 8, 1\) instead of \(n, 8, 8, 1\) or \(n, 64\) or \(n, 8, 8\)"),
        (lambda x: x / 255, "images of float64 from 0.0 to 1.0; it was given uint8"),
        (lambda x: x.astype(int) - 300, "from -300 to -45"),
        (lambda x: x[:9], "9 images and 60 labels"),
    ],
)
def test_callables_that_return_no_such_images_are_refused(part, change, message):
    with pytest.raises(SchemaError, match=message):
        make_arm(lambda x, y, s: (change(x), y)).training(part, (), 0)


def test_unknown_labels_are_refused(part):
    for label in (9, "three"):
        with pytest.raises(SchemaError, match="label"):
            make_arm(lambda x, y, s, label=label: (x, np.full(len(y), label))).training(part, (), 0)


def test_who_returns_a_held_out_image_is_refused(part):
    held = part.schema.pixels(part.held_table)[:1]
    with pytest.raises(LeakError, match="equal held-out"):
        make_arm(lambda x, y, s: (np.concatenate([x, held]), np.append(y, 3))).training(part, (), 0)


def test_samplers_that_take_tables_get_images(part):
    class Doubling:
        takes_tables = True

        def fit_resample(self, x, y):
            assert x.shape == (60, 8, 8, 1) and set(y) == {3, 5, 7}
            return np.concatenate([x, 255 - x]), np.concatenate([y, y])

    images, codes, _ = made_by(make_arm(Doubling()), part)
    assert len(images) == 60 and np.array_equal(codes, part.codes)


def test_arms_work_on_prepared_matrices_too(read):
    part = part_of(read, frames=False)
    for name in ("class_weights", "random_oversampling", "smote", "flips_crops_shifts"):
        training = make_arm(name).training(part, DEFAULT_IMAGE_LEARNERS, 0)
        assert training.rows(part.real).shape == (len(training.codes), 114)


def test_images_of_one_class_less_than_two_leave_smote_out():
    read = image_data(*digits({3: 30, 7: 1}))
    seven = int(np.flatnonzero(read.schema.label_codes(read.table) == 1)[0])
    held = np.setdiff1d(np.arange(31), [seven])[:5]
    part = Part(read.table, read.schema, np.setdiff1d(np.arange(31), held), held, frames=True)
    with pytest.raises(CannotRunError, match="7 has one in a fold"):
        make_arm("smote").training(part, (), 0)
    images, codes, _ = made_by(make_arm("flips_crops_shifts"), part)
    assert len(images) == 24 and (codes == 1).all()
