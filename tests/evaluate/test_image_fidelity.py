import json

import numpy as np
import pytest

from ganaug.embedding import Embedding
from ganaug.evaluate.image_fidelity import ImageFidelity, image_fidelity
from ganaug.metrics import frechet_distance, kernel_distance
from ganaug.metrics import precision_recall_density_coverage as prdc
from ganaug.pixels import table_of
from ganaug.seeding import derive
from tests.digits import digits, image_data


@pytest.fixture(scope="module")
def sides():
    """Training, held-out and fresh real images of three digits: 40, 30 and 30 of each."""
    images, labels = digits({0: 100, 3: 100, 8: 100})
    data = image_data(images, labels)
    codes = data.schema.label_codes(data.table)
    rank = np.empty(len(codes), np.int64)
    for c in range(3):
        rank[codes == c] = np.arange((codes == c).sum())
    parts = [data.table.filter(rank < 40), data.table.filter((rank >= 40) & (rank < 70)), data.table.filter(rank >= 70)]
    return *(part.combine_chunks() for part in parts), data.schema


def remade(table, schema, change):
    pixels = schema.pixels(table)
    return table_of(change(pixels.copy()), schema.label_codes(table), schema)


@pytest.fixture(scope="module")
def fresh(sides):
    train, held, real, schema = sides
    return image_fidelity(train, held, real, schema, seed=0)


def pairs(found):
    return {name: getattr(found, name) for name in
            ("frechet", "kernel", "precision", "recall", "density", "coverage", "recognised", "near_copies",
             "near_copies_pixels")}  # fmt: skip


def test_fresh_real_images_have_the_figures_of_held_out_ones(fresh):
    assert fresh.rows == {"train": 120, "holdout": 90, "synthetic": 90}
    assert fresh.overall.n_compared == 90 and [c.label for c in fresh.classes] == ["0", "3", "8"]
    for name, pair in pairs(fresh.overall).items():
        assert pair.holdout is not None, name
        assert pair.synthetic == pytest.approx(pair.holdout, abs=max(0.12, 0.3 * abs(pair.holdout))), name
    assert fresh.overall.recognised.synthetic > 0.9 and fresh.class_score.synthetic > 2
    assert fresh.exact_copies.synthetic == 0 == fresh.exact_copies.holdout
    assert "fitted on the training images" in fresh.embedding and fresh.notes == ()


def test_the_figures_are_those_of_the_metrics(sides, fresh):
    train, held, real, schema = sides
    codes = [schema.label_codes(t) for t in (train, held, real)]
    network = Embedding.fit(schema.pixels(train), codes[0], 3, seed=derive(0, "fidelity"))
    points = [network.transform(schema.pixels(t)) for t in (train, held, real)]
    for c, entry in enumerate(fresh.classes):
        own = [p[k == c] for p, k in zip(points, codes, strict=True)]
        assert entry.frechet.holdout == pytest.approx(frechet_distance(own[0], own[1]))
        assert entry.frechet.synthetic == pytest.approx(frechet_distance(own[0], own[2]))
        assert entry.kernel.synthetic == pytest.approx(kernel_distance(own[0], own[2]))
        expected = prdc(own[0], own[2])
        assert (entry.precision.synthetic, entry.coverage.synthetic) == (expected.precision, expected.coverage)
        seen = network.proba(schema.pixels(real))[codes[2] == c].argmax(axis=1)
        assert entry.recognised.synthetic == pytest.approx(np.mean(seen == c))
        assert (entry.n_train, entry.n_holdout, entry.n_synthetic, entry.n_compared) == (40, 30, 30, 30)


def test_noise_is_far_away_and_not_recognised(sides):
    train, held, real, schema = sides
    noise = remade(real, schema, lambda p: np.random.default_rng(0).integers(0, 256, p.shape, np.uint8))
    found = image_fidelity(train, held, noise, schema).overall
    assert found.frechet.synthetic > 3 * found.frechet.holdout and found.kernel.synthetic > 3 * found.kernel.holdout
    assert found.recognised.synthetic < 0.6 and found.precision.synthetic < found.precision.holdout - 0.3


def test_images_of_the_wrong_class_are_not_recognised(sides):
    train, held, real, schema = sides
    wrong = table_of(schema.pixels(real), (schema.label_codes(real) + 1) % 3, schema)
    found = image_fidelity(train, held, wrong, schema)
    assert found.overall.recognised.synthetic < 0.1 < 0.9 < found.overall.recognised.holdout
    assert all(entry.frechet.synthetic > 2 * entry.frechet.holdout for entry in found.classes)


def test_copies_are_found_exact_and_near(sides):
    train, held, _, schema = sides
    rows = np.random.default_rng(0).permutation(120)[:60]
    found = image_fidelity(train, held, train.take(rows), schema)
    assert found.exact_copies.synthetic == 1 and found.overall.near_copies_pixels.synthetic == 1
    touched = remade(train.take(rows), schema, lambda p: np.where(p < 250, p + 2, p))
    found = image_fidelity(train, held, touched, schema)
    assert found.exact_copies.synthetic == 0 and found.exact_copies.holdout == 0
    assert found.overall.near_copies_pixels.synthetic > 0.95 and found.overall.near_copies.synthetic > 0.8
    assert found.overall.near_copies_pixels.holdout < 0.2 and found.overall.near_copies.holdout < 0.2


def test_collapse_shows_in_recall_and_coverage(sides):
    train, held, real, schema = sides
    codes = schema.label_codes(real)
    rows = np.array([np.flatnonzero(codes == c)[0] for c in codes])
    found = image_fidelity(train, held, real.take(rows), schema).overall
    assert found.recall.synthetic < 0.2 and found.coverage.synthetic < 0.4
    assert found.recall.holdout > 0.6 and found.coverage.holdout > 0.7


def test_an_embedding_of_the_users_own(sides):
    train, held, real, schema = sides
    seen = []

    def corners(images):
        seen.append(images.shape[1:])
        return images[:, 2:6, 2:6, 0].reshape(len(images), -1) / 255.0

    found = image_fidelity(train, held, real, schema, embedding=corners)
    assert found.embedding == "corners" and set(seen) == {(8, 8, 1)}
    codes = [schema.label_codes(t) for t in (train, real)]
    own = [corners(schema.pixels(t))[k == 1] for t, k in zip((train, real), codes, strict=True)]
    assert found.classes[1].frechet.synthetic == pytest.approx(frechet_distance(*own))
    with pytest.raises(ValueError, match="one row of features an image"):
        image_fidelity(train, held, real, schema, embedding=lambda images: images)


def test_without_held_out_images_half_of_the_training_images_stand_for_them(sides):
    train, _, real, schema = sides
    found = image_fidelity(train, None, real, schema)
    assert found.rows == {"train": 60, "holdout": 60, "synthetic": 90}
    assert "half of the training images" in found.notes[0] and found.overall.frechet.holdout is not None
    # Copies are looked for among all training images.
    copied = image_fidelity(train, None, train, schema)
    assert copied.exact_copies.synthetic == 1 and copied.overall.near_copies_pixels.synthetic == 1
    assert copied.exact_copies.holdout is None
    few = image_fidelity(train.slice(0, 9), train.slice(0, 0), real, schema)
    assert few.overall.frechet.holdout is None and "no real figure" in few.notes[0]


def test_one_class_needs_no_labels():
    images, _ = digits({3: 90})
    data = image_data(images, None)
    parts = [data.table.slice(0, 40), data.table.slice(40, 25), data.table.slice(65, 25)]
    found = image_fidelity(*parts, data.schema)
    assert [entry.label for entry in found.classes] == ["all images"]
    assert found.overall.recognised.synthetic is None and found.class_score.synthetic is None
    assert found.overall.frechet.synthetic > 0


def test_it_goes_to_json_and_back(fresh):
    document = json.loads(json.dumps(fresh.to_json(), allow_nan=False))
    assert document["kind"] == "images" and ImageFidelity.from_json(document) == fresh


def test_nothing_to_compare_is_refused(sides):
    train, held, real, schema = sides
    with pytest.raises(ValueError, match="images are needed on both sides"):
        image_fidelity(train, held, real.slice(0, 0), schema)
