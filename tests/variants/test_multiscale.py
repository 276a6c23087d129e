"""The GAN of several scales: what each side is shown, and what is handed out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganaug.data.image_rows import ImageMember, ImageRows
from ganaug.encode import ImageEncoder
from ganaug.gan import Draw, Gan
from ganaug.nets.pyramid import Scales
from ganaug.variants import multiscale
from tests.digits import image_data


def parts(height: int, width: int, channels: int = 3) -> tuple[Gan, Draw]:
    rng = np.random.default_rng(0)
    data = image_data(rng.integers(0, 256, (12, height, width, channels), dtype=np.uint8), np.repeat([0, 1], 6))
    encoder = ImageEncoder(data.schema)
    member = ImageMember(pixels=encoder.encode(data.table), labels=data.schema.label_codes(data.table))
    config = multiscale.Config(channels=8, noise=8, batch=8)
    shape: dict[str, Any] = {"n_classes": 2, "seeds": [0]}
    source = multiscale.make_source(config, encoder.layout, [member], **shape)
    gan = multiscale.build(config, encoder.layout, source, **shape)
    noise = torch.Generator().manual_seed(0)
    real, y = ImageRows.pack([member], n_classes=2).draw(6, noise)
    return gan, Draw(real=real, y=y, inputs=gan.source.draw(y, noise), rng=noise)


def shown(gan: Gan, draw: Draw) -> tuple[Tensor, Tensor]:
    """Return what the discriminator is shown when nothing is augmented."""
    gan.networks["discriminator"].strength.p.zero_()  # type: ignore[union-attr,operator]
    gan.phases[0].loss(gan.networks, draw)
    return draw.cache["real"], draw.cache["fake"]


@pytest.mark.parametrize(("height", "width"), [(16, 16), (9, 13)])
def test_real_images_are_shown_with_their_means_and_generated_ones_as_they_were_made(height: int, width: int) -> None:
    gan, draw = parts(height, width)
    real, fake = shown(gan, draw)
    scales = Scales.of(height, width)
    for found, mean in zip(scales.unstack(real), scales.pyramid(draw.real), strict=True):
        assert torch.allclose(found, mean, atol=1e-6)
    generator: Any = gan.networks["generator"]
    with torch.no_grad():
        made = generator.images(draw.inputs, draw.y, range(scales.levels + 1))
    assert torch.allclose(fake, scales.stack(made), atol=1e-6)
    small = scales.unstack(fake)
    assert not torch.allclose(small[0], scales.pyramid(fake[:, :, -3:])[0], atol=0.01)  # made, and not averaged down


def test_the_largest_image_is_handed_out() -> None:
    gan, draw = parts(9, 13)
    with torch.no_grad():
        everything = gan.networks["generator"](draw.inputs, draw.y)
        handed = gan.generate(gan.networks, draw.inputs, draw.y)
        emitted = gan.emit(gan.networks, draw.inputs, draw.y).images
    assert handed.shape == (1, 6, 3, 9, 13)
    assert torch.equal(handed, everything[:, :, -3:])
    assert torch.equal(emitted, handed)


def test_each_layer_that_paints_a_scale_is_taught_by_the_generator_s_loss() -> None:
    gan, draw = parts(16, 16)
    gan.networks["generator"].requires_grad_(True)
    gan.phases[1].loss(gan.networks, draw).mean().backward()
    generator: Any = gan.networks["generator"]
    assert all(layer.weight.grad.abs().sum() > 0 for layer in generator.paint)
    assert len(generator.paint) == 3


def test_the_monitor_s_critic_judges_images_with_their_means() -> None:
    gan, draw = parts(16, 16)
    real, _ = shown(gan, draw)
    assert gan.critic is not None
    with torch.no_grad():
        found = gan.critic(gan.networks, draw.real, draw.y)
        assert torch.allclose(found, gan.networks["discriminator"](real, draw.y), atol=1e-6)
