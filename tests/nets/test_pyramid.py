"""Images of several sizes against slow means, and networks that make and see all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganaug.nets import initialise
from ganaug.nets.images import Kind
from ganaug.nets.pyramid import MultiscaleCritic, MultiscaleGenerator, Scales, enlarge, pixel_norm

SIZES = [(8, 8), (16, 16), (9, 13), (20, 33)]


def images(height: int, width: int, *, members: int = 2, n: int = 3, channels: int = 3) -> Tensor:
    return torch.rand(members, n, channels, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def networks(size: tuple[int, int, int], kind: Kind = "strided") -> tuple[MultiscaleGenerator, MultiscaleCritic]:
    shape: dict[str, Any] = {"n_classes": 2, "channels": 8, "kind": kind}
    generator = MultiscaleGenerator(2, size, noise=6, embedding=4, **shape)
    critic = MultiscaleCritic(2, size, **shape)
    initialise(generator, [0, 1], "generator")
    initialise(critic, [0, 1], "critic")
    return generator, critic


def drawn(n: int = 5) -> tuple[dict[str, Tensor], Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {"z": torch.randn(2, n, 6, generator=rng)}, torch.randint(2, (2, n), generator=rng)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_pyramid_is_repeated_means_of_two_by_two_pixels(height: int, width: int) -> None:
    x, scales = images(height, width), Scales.of(height, width)
    found = scales.pyramid(x)
    assert tuple(tuple(image.shape[3:]) for image in found) == scales.sizes
    h, w = scales.sizes[-1]
    slow = np.pad(x.numpy(), [(0, 0)] * 3 + [(0, h - height), (0, w - width)], mode="edge").astype(np.float64)
    assert np.array_equal(found[-1].numpy(), slow.astype(np.float32))
    for image in found[-2::-1]:
        slow = np.mean([slow[..., i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=0)
        assert np.allclose(image.numpy(), slow, atol=1e-6)


def test_enlarging_repeats_pixels() -> None:
    x = torch.tensor([[1.0, 2.0]])[None, None, None]
    assert enlarge(x)[0, 0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
    assert torch.equal(enlarge(enlarge(x)), enlarge(x, 2))
    assert enlarge(x, 0) is x


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_images_of_all_sizes_are_found_again_in_one_tensor(height: int, width: int) -> None:
    x, scales = images(height, width), Scales.of(height, width)
    pyramid = scales.pyramid(x)
    stacked = scales.stack(pyramid)
    assert stacked.shape == (2, 3, 3 * (scales.levels + 1), height, width)
    assert torch.equal(stacked[:, :, -3:], x)
    assert torch.allclose(stacked[:, :, :3], scales.full(pyramid[0], 0))
    for image, again in zip(pyramid, scales.unstack(stacked), strict=True):
        assert torch.allclose(image, again, atol=1e-6)


def test_pixel_norm_divides_by_the_root_mean_square_of_the_channels() -> None:
    x = torch.tensor([3.0, 4.0])[None, None, :, None, None].expand(1, 2, 2, 3, 3)
    assert pixel_norm(x)[0, 0, :, 1, 1].tolist() == pytest.approx([3 / 12.5**0.5, 4 / 12.5**0.5])
    assert torch.isfinite(pixel_norm(torch.zeros(1, 1, 4))).all()


@pytest.mark.parametrize("kind", ["strided", "residual"])
@pytest.mark.parametrize("size", [(3, 16, 16), (1, 9, 13)])
def test_every_scale_has_its_size_and_takes_a_gradient(kind: Kind, size: tuple[int, int, int]) -> None:
    generator, critic = networks(size, kind)
    inputs, y = drawn()
    scales = generator.scales
    found = generator.images(inputs, y, range(scales.levels + 1))
    assert [tuple(image.shape) for image in found] == [(2, 5, size[0], *one) for one in scales.sizes]
    stacked = generator(inputs, y)
    gradients = torch.autograd.grad(critic(stacked, y).sum(), [stacked, *(layer.weight for layer in generator.paint)])
    for level, of_scale in enumerate(gradients[0].split(size[0], dim=2)):
        assert of_scale.abs().sum() > 0, level
    for level, of_layer in enumerate(gradients[1:]):
        assert (of_layer.flatten(1).abs().sum(1) > 0).all(), level


def test_the_critic_sees_each_scale_by_itself() -> None:
    _, critic = networks((3, 16, 16))
    _, y = drawn(3)
    x = critic.scales.stack(critic.scales.pyramid(images(16, 16)))
    with torch.no_grad():
        whole = critic(x, y)
        for level in range(3):
            changed = x.clone()
            changed[:, :, 3 * level : 3 * level + 3] *= -1
            assert (critic(changed, y) - whole).abs().min() > 1e-6, level
        changed = x.clone()
        changed[1, 2] *= -1
        same = critic(changed, y) == whole
    assert not same[1, 2] and same.sum() == same.numel() - 1  # images do not see each other


def test_generated_places_are_normalised_before_they_are_painted() -> None:
    generator, _ = networks((3, 16, 16))
    seen: list[Tensor] = []
    for layer in generator.paint:
        layer.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    generator(*drawn())
    assert len(seen) == 3
    for h in seen:
        assert torch.allclose(h.square().mean(2), torch.ones(()), atol=1e-4)
