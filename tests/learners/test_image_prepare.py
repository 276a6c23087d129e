import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from ganaug.learners import (
    DEFAULT_IMAGE_LEARNERS,
    ImagePreparation,
    Job,
    LeakError,
    Part,
    default_learners,
    fit_predict,
    own_learner,
    own_rows,
    prepare,
)
from ganaug.pixels import table_of
from tests.digits import digits, image_data


@pytest.fixture(scope="module")
def read():
    return image_data(*digits({1: 60, 4: 60, 8: 30}))


@pytest.fixture(scope="module")
def part(read):
    return Part(read.table, read.schema, np.arange(100), np.arange(100, 150))


@pytest.fixture(scope="module")
def prepared(part):
    assert isinstance(part.preparation, ImagePreparation)
    return part.preparation


def test_the_first_columns_are_main_components_of_the_training_pixels(part, prepared):
    flat = part.schema.pixels(part.table).reshape(100, -1) / 255
    slow = PCA(n_components=50, svd_solver="full").fit(flat)
    expected = slow.transform(part.schema.pixels(part.held_table).reshape(50, -1) / 255)
    found = part.held_matrix[:, :50] * np.sqrt(slow.explained_variance_.mean())
    assert np.abs(found) == pytest.approx(np.abs(expected), abs=1e-4)  # a component's sign is nobody's
    assert part.matrix[:, :50].var(axis=0, ddof=1).mean() == pytest.approx(1, abs=1e-6)


def test_the_other_columns_are_the_embedding(part, prepared):
    assert part.matrix.shape == (100, 114) and prepared.width == 114
    images = part.schema.pixels(part.held_table)
    assert np.array_equal(part.held_matrix[:, 50:], prepared.embedding.transform(images))


def test_it_is_fitted_on_the_training_rows_alone(read, part):
    other = Part(read.table, read.schema, np.arange(100), np.arange(100, 110))
    assert np.array_equal(other.matrix, part.matrix)


def test_few_images_leave_the_last_components_empty(read):
    few = read.table.slice(0, 7)
    matrix = prepare(few, read.schema).transform(read.table)
    assert (matrix[:, 7:50] == 0).all() and (matrix[:, :6].std(axis=0) > 0).all()
    one = prepare(read.table.slice(0, 1), read.schema).transform(read.table)
    assert np.isfinite(one).all()


def test_all_columns_are_numbers(part, prepared):
    assert prepared.number_columns.tolist() == list(range(114)) and prepared.nominal(part.matrix).shape == (100, 0)
    assert np.array_equal(prepared.from_parts(part.matrix, np.empty((100, 0))), part.matrix)
    assert prepared.transform(part.table.slice(0, 0)).shape == (0, 114)


def test_no_target_no_labels():
    images, _ = digits({1: 20, 2: 20})
    bare = image_data(images, None)
    assert prepare(bare.table, bare.schema).transform(bare.table).shape == (40, 114)


def test_the_default_learners_see_their_own_columns(part):
    assert [learner.strength for learner in DEFAULT_IMAGE_LEARNERS] == ["weak", "strong", "strong"]
    assert default_learners(part.schema) is DEFAULT_IMAGE_LEARNERS
    for learner in DEFAULT_IMAGE_LEARNERS:
        first = fit_predict(learner, part.matrix, part.codes, None, part.held_matrix, 3, seed=0)
        assert np.mean(first.argmax(axis=1) == part.held_codes) > 0.7, learner.name
        blind = part.held_matrix.copy()
        unseen = slice(50, None) if learner.name.endswith("pixels") else slice(0, 50)
        blind[:, unseen] = np.random.default_rng(0).normal(size=blind[:, unseen].shape)
        assert np.array_equal(first, fit_predict(learner, part.matrix, part.codes, None, blind, 3, seed=0))


def test_weights_and_limits_reach_the_classifier_behind_the_columns(part):
    forest = next(learner for learner in DEFAULT_IMAGE_LEARNERS if learner.tree_rows)
    weight = np.where(part.codes == 0, 50.0, 0.1)
    for learner in DEFAULT_IMAGE_LEARNERS:
        plain, weighed = (
            fit_predict(learner, part.matrix, part.codes, w, part.held_matrix, 3, 0) for w in (None, weight)
        )
        assert weighed[:, 0].mean() > plain[:, 0].mean()
    many = np.tile(part.matrix, (60, 1)), np.tile(part.codes, 60)
    assert len(many[1]) > forest.tree_rows
    assert fit_predict(forest, *many, None, part.held_matrix, 3, 0).shape == (50, 3)


def test_a_pipeline_gets_flat_pixels(read):
    part = Part(read.table, read.schema, np.arange(100), np.arange(100, 150), frames=True)
    assert isinstance(part.real, np.ndarray) and part.real.shape == (100, 64) and part.real.dtype == np.float32
    assert part.real * 255 == pytest.approx(read.schema.pixels(part.table).reshape(100, 64), abs=1e-4)
    learner = own_learner(make_pipeline(LogisticRegression(max_iter=500)), np.array([1, 4, 8]))
    extra = part.table.slice(0, 10)
    found = Job.of(part, learner, part.with_table(extra), 0).run()
    assert np.mean(found.proba.argmax(axis=1) == part.held_codes) > 0.9
    assert "preparation" not in vars(part)  # nothing was fitted that nobody needs
    assert own_rows(extra, read.schema).shape == (10, 64)


def test_one_held_out_image_that_comes_back_is_refused(part):
    made = part.schema.pixels(part.table)[:5].copy()
    made[2] = part.schema.pixels(part.held_table)[7]
    with pytest.raises(LeakError, match="1 rows that equal held-out"):
        part.with_table(table_of(made, np.zeros(5, np.int64), part.schema))
    made[2, 0, 0] ^= 1
    training = part.with_table(table_of(made, np.zeros(5, np.int64), part.schema))
    assert training.extra.shape == (5, 114) and training.codes[-5:].tolist() == [0] * 5


def test_a_training_image_among_the_held_out_ones_is_an_error(read):
    with pytest.raises(LeakError, match="1 held-out rows equal a training row"):
        Part(read.table, read.schema, np.arange(100), np.arange(99, 150))
