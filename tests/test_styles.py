"""Styles of two classes mixed: which layers come from whom, what is refused, and that the class stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import ganaug
from ganaug import seeding, styles
from ganaug.errors import ConfigError, DataError
from ganaug.synthesizer import Synthesizer
from ganaug.variants import dcgan, stylegan2
from tests.digits import digits


def fit(counts: dict[int, int], config: Any) -> Synthesizer:
    images, labels = digits(counts)
    return ganaug.fit((images, labels), variant=config, random_state=0, device="cpu", progress=False)


@pytest.fixture(scope="module")
def fitted() -> Synthesizer:
    return fit({0: 40, 1: 30, 4: 20}, stylegan2.Config(steps=150, batch=32, channels=16, path_interval=8))


def test_coarse_layers_are_of_the_class_and_fine_ones_of_the_donor(fitted: Synthesizer) -> None:
    assert styles.maps(fitted) == [(4, 4), (8, 8), (8, 8)]
    images, labels = styles.mix(fitted, 4, 0, 5, crossover=1, random_state=7)
    assert list(labels) == [4] * 5 and images.shape == (5, 8, 8, 1)
    generator: Any = fitted._networks["generator"]
    y = torch.full((1, fitted.encoder.block), 2)
    inputs = fitted.source.draw(y, seeding.torch_rng(7, "sample", 0))
    coarse, fine = generator.mapping(inputs["z"], y), generator.mapping(inputs["other"], 0 * y)
    drawn = generator.synthesis(torch.stack([coarse, fine, fine], dim=2), inputs["noise"])[0, :5]
    expected = np.rint((drawn.clamp(-1, 1).numpy() + 1) * 127.5).transpose(0, 2, 3, 1)
    assert np.abs(images - expected).max() <= 1


def test_the_same_seed_mixes_the_same_images_and_the_donor_matters(fitted: Synthesizer) -> None:
    def mixed(donor: int, **more: Any) -> np.ndarray:
        return styles.mix(fitted, 4, donor, 6, **{"random_state": 0} | more)[0]

    assert np.array_equal(mixed(0), mixed(0)) and np.array_equal(mixed(0), mixed(0, crossover=2))
    own = fitted.sample(conditions={4: 6}, random_state=0)[0]
    for other in (mixed(1), mixed(0, random_state=1), mixed(0, crossover=1), own):
        assert not np.array_equal(mixed(0), other)


def test_mixed_images_stay_of_their_class(fitted: Synthesizer) -> None:
    images, labels = digits()
    judge = LogisticRegression(max_iter=300).fit(images.reshape(len(images), -1) / 255, labels)
    for donor in (0, 1):
        found = styles.mix(fitted, 4, donor, 100, random_state=0)[0].reshape(100, -1) / 255
        said = judge.predict(found)
        assert (said == 4).mean() >= 0.8 and (said == donor).mean() <= 0.1


def test_a_sweep_of_truncations_draws_the_same_images_farther_and_farther_apart(fitted: Synthesizer) -> None:
    swept = {psi: styles.truncate(fitted, psi).sample(conditions={0: 40}, random_state=0)[0] for psi in (0.2, 0.6, 1.0)}
    spread = [images.astype(float).std(0).mean() for images in swept.values()]
    assert spread[0] < spread[1] < spread[2]
    assert np.array_equal(swept[1.0], fitted.sample(conditions={0: 40}, random_state=0)[0])


def test_what_cannot_be_mixed_is_told(fitted: Synthesizer) -> None:
    for crossover in (0, 3):
        with pytest.raises(ConfigError, match=f"from 1 to 2.*however: {crossover}"):
            styles.mix(fitted, 4, 0, 3, crossover=crossover)
    with pytest.raises(DataError, match="9 is not a class"):
        styles.mix(fitted, 4, 9, 3)
    with pytest.raises(ConfigError, match="truncation=-1"):
        styles.truncate(fitted, -1)
    plain = fit({0: 10, 1: 10}, dcgan.Config(steps=1, batch=4, channels=4))
    for call in (lambda: styles.mix(plain, 0, 1, 3), lambda: styles.truncate(plain, 0.5)):
        with pytest.raises(ConfigError, match=r"dcgan.*no styles.*stylegan2"):
            call()
