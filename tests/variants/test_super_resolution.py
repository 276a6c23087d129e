"""Super-resolution: untrained it is bicubic, trained it beats it, and it adds no rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import ganaug
from ganaug import GANSampler, fitting, variants
from ganaug.errors import ConfigError, DataError
from ganaug.nets.upscale import Upscaler, bicubic, shrink
from ganaug.synthesizer import Synthesizer
from ganaug.variants.super_resolution import Config
from tests.digits import digits, image_data


def fit(images: np.ndarray, labels: np.ndarray | None, **options: Any) -> Synthesizer:
    data = image_data(images, labels)
    return fitting.fit(data.table, data.schema, variant=Config(**options), seed=0, device="cpu")


def small(images: np.ndarray, factor: int = 2) -> np.ndarray:
    n, h, w, c = images.shape
    means = images.reshape(n, h // factor, factor, w // factor, factor, c).mean((2, 4))
    return np.floor(means + 0.5).astype(np.uint8)


def by_pillow(images: np.ndarray, factor: int = 2) -> np.ndarray:
    sized = [
        Image.fromarray(a[..., 0]).resize((a.shape[1] * factor, a.shape[0] * factor), Image.BICUBIC) for a in images
    ]
    return np.stack([np.asarray(image)[..., None] for image in sized])


def psnr(found: np.ndarray, real: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(found.astype(float) - real).mean()))


def outlines(n: int, *, seed: int, size: int = 16) -> np.ndarray:
    """Return discs and squares of any place, size and two shades, whose edges are sharp at full size only."""
    rng = np.random.default_rng(seed)
    x, y = (rng.uniform(0.25 * size, 0.75 * size, (n, 1, 1)) - at for at in np.mgrid[:size, :size] + 0.5)
    away = np.where(np.arange(n)[:, None, None] % 2, np.hypot(x, y), np.maximum(abs(x), abs(y)))
    inside = np.clip(rng.uniform(0.15 * size, 0.4 * size, (n, 1, 1)) - away + 0.5, 0, 1)
    shades = np.stack([rng.uniform(0, 90, n), rng.uniform(160, 255, n)])
    ground, figure = np.where(rng.random(n) < 0.5, shades, shades[::-1])[..., None, None]
    return np.rint(ground + (figure - ground) * inside).astype(np.uint8)[..., None]


@pytest.fixture(scope="module")
def untrained() -> Synthesizer:
    return fit(*digits({0: 8, 1: 5}), steps=0, channels=4, blocks=1)


@pytest.mark.parametrize("factor", [2, 4])
def test_untrained_it_is_the_bicubic_interpolation_of_pillow(factor: int) -> None:
    images = digits({3: 6})[0] // 2 + 64  # Pillow also clips between its two passes, which black and white would show
    network = Upscaler(1, 1, factor=factor, channels=4, blocks=1)
    given = torch.from_numpy(images).movedim(-1, 1)[None] / 127.5 - 1
    found = np.rint((network(given)[0].detach().numpy() + 1) * 127.5)
    assert np.abs(found - by_pillow(images, factor).transpose(0, 3, 1, 2)).max() <= 1  # Pillow rounds twice


def test_small_images_are_the_rounded_means_of_squares() -> None:
    images, _ = digits({3: 6})
    found = shrink(torch.from_numpy(images).movedim(-1, 1)[None] / 127.5 - 1, 2)
    assert np.array_equal(np.rint((found[0].numpy() + 1) * 127.5), small(images).transpose(0, 3, 1, 2))


def test_bicubic_interpolation_keeps_what_is_linear_and_stays_in_range() -> None:
    x = torch.linspace(-0.5, 0.5, 8).expand(1, 1, 1, 8, 8)
    inner = bicubic(x, 2)[0, 0, 0, 4:-4, 4:-4]
    assert torch.allclose(inner.diff(dim=1), torch.full((8, 7), 1 / 14), atol=1e-5)
    assert bicubic(torch.tensor([-1.0, 1.0]).repeat(4).expand(1, 1, 1, 8, 8), 4).abs().max() <= 1


def test_four_by_four_digits_are_raised_better_than_bicubic() -> None:
    images, labels = digits()
    fitted = fit(images[:300], labels[:300], steps=100)
    real = images[1000:]
    found = fitted.transform(small(real), random_state=0)
    assert found.shape == real.shape
    assert psnr(found, real) > psnr(by_pillow(small(real)), real) + 1


def test_four_times_as_large_outlines_are_sharper_than_bicubic() -> None:
    fitted = fit(outlines(300, seed=0), None, steps=100, factor=4)
    real = outlines(200, seed=1)  # others than those trained on
    found = fitted.transform(small(real, 4), random_state=0)
    assert found.shape == real.shape == (200, 16, 16, 1)
    assert psnr(found, real) > psnr(by_pillow(small(real, 4), 4), real) + 1


def test_it_is_saved_and_keeps_no_image(untrained: Synthesizer, tmp_path: Path) -> None:
    fitted = fit(*digits({0: 8, 1: 5}), steps=6, batch=4, channels=4)
    fitted.save(tmp_path / "s")
    given = small(digits({7: 5})[0])
    loaded = Synthesizer.load(tmp_path / "s", device="cpu")
    assert np.array_equal(loaded.transform(given), fitted.transform(given))
    assert not np.array_equal(fitted.transform(given), untrained.transform(given))
    held = b"".join(path.read_bytes() for path in (tmp_path / "s").iterdir())
    assert not any(image.tobytes() in held for image in digits({0: 8, 1: 5})[0])


def test_any_container_and_number_of_images_comes_back_as_it_came(untrained: Synthesizer, tmp_path: Path) -> None:
    given, labels = small(digits({0: 3, 5: 2})[0]), np.array(["old", "old", "new", "new", "new"])
    whole = untrained.transform(given)
    images, same = untrained.transform((given, labels))
    assert np.array_equal(images, whole) and np.array_equal(same, labels)
    assert np.array_equal(untrained.transform(given[1:2]), whole[1:2])
    scaled = untrained.transform((torch.from_numpy(given).movedim(-1, 1) / 255, None))[0]
    assert torch.equal((scaled * 255).round().to(torch.uint8).movedim(1, -1), torch.from_numpy(whole))
    frame = pd.DataFrame({"image": [Image.fromarray(a[..., 0]) for a in given], "label": labels}, index=list("vwxyz"))
    made = untrained.transform(frame)
    assert made.index.tolist() == list("vwxyz")
    assert np.array_equal(np.stack([np.asarray(i) for i in made["image"]])[..., None], whole)
    for i, (array, label) in enumerate(zip(given, labels, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        Image.fromarray(array[..., 0]).save(tmp_path / label / f"{i}.png")
    assert untrained.transform(tmp_path)["label"].tolist() == ["new"] * 3 + ["old"] * 2


def test_images_of_another_size_are_refused(untrained: Synthesizer) -> None:
    with pytest.raises(DataError, match=r"images of 4 x 4 pixels .* are needed, however X has 8 x 8"):
        untrained.transform(digits({0: 3})[0])
    with pytest.raises(ConfigError, match=r"images of 9 x 8 pixels are no 2 times as large as .*'size': \(8, 8\)"):
        fit(np.zeros((3, 9, 8, 1), np.uint8), None)
    with pytest.raises(ConfigError, match="factor must be 2 or 4, however: 3"):
        Config(factor=3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="changes whole images; leave mask=None"):
        untrained.transform(small(digits({0: 3})[0]), mask=np.ones((4, 4)))


def test_all_that_adds_rows_refuses_it_and_says_what_to_call(untrained: Synthesizer) -> None:
    X, y = digits({0: 20, 1: 10})
    says = r"variant 'super_resolution' adds no rows.*`ganaug train` and `ganaug transform`.*Synthesizer\.transform"
    for call in (
        lambda: ganaug.augment((X, y), variant="super_resolution", progress=False),
        lambda: ganaug.measure_effect((X, y), augmenter="super_resolution", progress=False),
        lambda: GANSampler(variant=Config()).fit_resample(X, y),
        lambda: GANSampler(variant="super_resolution").fit(X, y),
        lambda: untrained.sample(3),
        lambda: untrained.sample_table(np.array([0]), seed=0),
    ):
        with pytest.raises(ConfigError, match=says):
            call()


def test_variants_that_only_make_rows_name_those_that_change_given_ones() -> None:
    data = image_data(*digits({0: 8, 1: 5}))
    fitted = fitting.fit(data.table, data.schema, variant=variants.get("r3gan").Config(steps=0), seed=0, device="cpu")
    says = r"'r3gan' only makes new rows \(`ganaug sample`.*changed by: .*super_resolution"
    with pytest.raises(ConfigError, match=says):
        fitted.transform(digits({0: 3})[0])
