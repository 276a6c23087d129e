import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ganaug.embedding import EMBEDDING_WIDTH, Embedding, shrink


@pytest.fixture(scope="module")
def digits():
    images, codes = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    return np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)[order], codes[order]


@pytest.fixture(scope="module")
def fitted(digits):
    images, codes = digits
    return Embedding.fit(images[:800], codes[:800], 10, seed=0)


def test_it_tells_digits_apart_that_it_has_not_seen(digits, fitted):
    images, codes = digits
    proba = fitted.proba(images[800:])
    assert proba.shape == (997, 10) and proba.sum(axis=1) == pytest.approx(np.ones(997))
    assert np.mean(proba.argmax(axis=1) == codes[800:]) > 0.94  # .97 is usual


def test_its_hidden_layer_brings_images_of_a_class_together(digits, fitted):
    images, codes = digits
    real, real_codes, other, other_codes = images[:800], codes[:800], images[800:], codes[800:]
    points, others = fitted.transform(real), fitted.transform(other)
    assert points.shape == (800, EMBEDDING_WIDTH) and points.dtype == np.float64
    nearest = np.linalg.norm(others[:, None] - points[None], axis=2).argmin(axis=1)
    assert np.mean(real_codes[nearest] == other_codes) > 0.93
    shuffled = np.random.default_rng(0).permutation(real_codes)
    assert np.mean(shuffled[nearest] == other_codes) < 0.2


def test_scarce_classes_are_seen_as_often_as_large_ones(digits):
    images, codes = digits
    rare = np.flatnonzero(codes[:800] == 8)[:6]
    rows = np.concatenate([np.flatnonzero(codes[:800] != 8), rare])
    proba = Embedding.fit(images[rows], codes[rows], 10, seed=0).proba(images[800:])
    recall = np.mean(proba.argmax(axis=1)[codes[800:] == 8] == 8)
    assert recall > 0.5  # 6 of about 720: without balance it is near 0


def test_the_same_images_and_seed_give_the_same_bits_and_leave_the_global_seed_alone(digits):
    images, codes = digits
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again, other = (Embedding.fit(images[:60], codes[:60], 10, seed=s).transform(images[:60]) for s in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.slow
def test_the_bits_do_not_depend_on_the_threads_of_the_process(digits, tmp_path):
    images, codes = digits
    np.savez(tmp_path / "given.npz", images=np.repeat(np.repeat(images[:100], 4, 1), 4, 2), codes=codes[:100])
    script = (
        "import numpy as np, torch; from ganaug.embedding import Embedding; d = np.load('given.npz');"
        "before = torch.get_num_threads(); e = Embedding.fit(d['images'], d['codes'], 10);"
        "assert torch.get_num_threads() == before; print(e.transform(d['images']).tobytes().hex()[:4000], before)"
    )
    found = []
    for threads in ("1", "2"):
        environment = os.environ | {"OMP_NUM_THREADS": threads, "PYTHONPATH": os.getcwd()}
        run = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        found.append(run.stdout.split()[0])
    assert found[0] == found[1]


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 21, 3), (40, 33, 4), (128, 128, 3)])
def test_any_size_and_number_of_channels(shape):
    images = np.random.default_rng(0).integers(0, 256, (12, *shape), np.uint8)
    embedding = Embedding.fit(images, np.array([0] * 6 + [2] * 5 + [3]), 4, seed=0)
    assert embedding.transform(images).shape == (12, EMBEDDING_WIDTH)
    proba = embedding.proba(images)
    assert np.isfinite(proba).all() and proba[:, 1].max() < 0.5  # class 1 has no image
    assert embedding.transform(images[:0]).shape == (0, EMBEDDING_WIDTH)


def test_with_one_class_it_learns_to_tell_turned_images(digits):
    images, codes = digits
    fours = images[codes == 4]
    embedding = Embedding.fit(fours[:100], np.zeros(100, np.int64), 1, seed=0)
    assert (embedding.proba(fours) == 1).all() and embedding.proba(fours).shape == (len(fours), 1)
    upright, turned = embedding.transform(fours[100:]), embedding.transform(np.rot90(fours[100:], 1, (1, 2)).copy())
    gap = np.linalg.norm(upright.mean(axis=0) - turned.mean(axis=0))
    assert gap > 1.5 * np.sqrt(upright.var(axis=0).sum())
    wide = np.random.default_rng(0).integers(0, 256, (5, 8, 20, 1), np.uint8)
    assert Embedding.fit(wide, np.zeros(5, np.int64), 1).transform(wide).shape == (5, EMBEDDING_WIDTH)


def test_one_image_a_class_is_enough(digits):
    images, codes = digits
    rows = np.array([np.flatnonzero(codes == c)[0] for c in range(10)])
    embedding = Embedding.fit(images[rows], codes[rows], 10, seed=0)
    assert (embedding.proba(images[rows]).argmax(axis=1) == codes[rows]).all()


def test_constant_images_do_not_divide_by_zero():
    images = np.full((6, 8, 8, 3), 255, np.uint8)
    assert np.isfinite(Embedding.fit(images, np.arange(6) % 2, 2).transform(images)).all()


def test_shrinking_averages_whole_blocks():
    images = np.random.default_rng(0).integers(0, 256, (3, 66, 40, 2), np.uint8)
    small = shrink(images)
    assert small.shape == (3, 22, 14, 2)
    assert small[1, 4, 5] == pytest.approx(images[1, 12:15, 15:18].mean(axis=(0, 1)) / 255, abs=1e-6)
    assert small[2, 0, 13, 1] == pytest.approx(images[2, :3, 39:40, 1].mean() / 255, abs=1e-6)  # what is left over
    assert np.array_equal(shrink(images[:, :32, :32]), images[:, :32, :32].astype(np.float32) / 255)


def test_what_are_no_images_is_refused(digits, fitted):
    images, codes = digits
    with pytest.raises(ValueError, match="uint8 images"):
        Embedding.fit(images.astype(float), codes, 10)
    with pytest.raises(ValueError, match="one code an image"):
        Embedding.fit(images, codes[:5], 10)
    with pytest.raises(ValueError, match=r"images \(n, 8, 8, 1\) are needed"):
        fitted.transform(images[:, :4])
