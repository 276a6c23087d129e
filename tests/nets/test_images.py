"""Trunks of image networks: every size comes out right, members stay apart, and what precision changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ganaug.nets import initialise
from ganaug.nets.images import Decoder, Encoder, ImageCritic, _Residual, coarse_size, fit_size, levels_of, widths_of

SIZES = [(8, 8), (9, 13), (28, 28), (64, 48), (3, 5)]
KINDS = ["strided", "residual"]


def shape_of(height: int, width: int, kind: str, **more: Any) -> dict[str, Any]:
    levels = levels_of(height, width)
    return {"height": height, "width": width, "channels": 16, "levels": levels, "kind": kind, **more}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_size_comes_out_right(height: int, width: int, kind: str) -> None:
    shape = shape_of(height, width, kind)
    levels, coarse = shape["levels"], coarse_size(height, width, shape["levels"])
    maps = Encoder(2, 3, **shape)(torch.randn(2, 1, 3, height, width))
    sides = [tuple(m.shape[2:]) for m in maps]
    widths = widths_of(16, levels)
    assert sides == [(w, *(c * 2 ** (levels - 1 - i) for c in coarse)) for i, w in enumerate(widths)]
    decoder = Decoder(2, widths[-1], 3, beside=widths, **shape)
    assert decoder(maps[-1], maps).shape == (2, 1, 3, height, width)
    critic = ImageCritic(2, 3, n_classes=2, **shape)
    assert critic(torch.randn(2, 1, 3, height, width), torch.zeros(2, 1, dtype=torch.int64)).shape == (2, 1)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_coarsest_map_has_about_four_pixels_and_covers_the_image(height: int, width: int) -> None:
    levels = levels_of(height, width)
    coarse = coarse_size(height, width, levels)
    assert levels == 1 or min(coarse) in range(4, 9)
    for side, full in zip(coarse, (height, width), strict=True):
        assert (side - 1) * 2**levels < full <= side * 2**levels


def test_what_is_missing_in_size_is_repeated_and_what_is_too_much_cut() -> None:
    x = torch.arange(6.0).reshape(1, 1, 1, 2, 3)
    assert fit_size(x, 3, 4)[0, 0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5]]
    assert fit_size(x, 1, 4)[0, 0, 0].tolist() == [[0, 1, 2, 2]]
    assert fit_size(x, 2, 3) is x or torch.equal(fit_size(x, 2, 3), x)


@pytest.mark.parametrize("channels", [8, 16, 32, 40, 56])
def test_a_residual_block_starts_as_identity_and_can_learn(channels: int) -> None:
    block = _Residual(1, channels)
    initialise(block, [0], "block")
    x = torch.randn(1, 2, channels, 4, 4)
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    assert block.leave.weight.grad is not None and block.leave.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_members_and_rows_of_a_critic_do_not_see_each_other(kind: str) -> None:
    critic = ImageCritic(2, 1, n_classes=2, **shape_of(8, 8, kind))
    initialise(critic, [0, 1], "critic")
    x = torch.randn(2, 3, 1, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(critic(x, torch.zeros(2, 3, dtype=torch.int64))[1, 2], x)
    seen = gradient.abs().sum((2, 3, 4)) > 0
    assert seen.tolist() == [[False] * 3, [False, False, True]]


def test_the_projection_is_scaled_by_the_root_of_the_features() -> None:
    critic = ImageCritic(1, 1, n_classes=2, features=16, **shape_of(8, 8, "strided"))
    initialise(critic, [0], "critic")
    x = torch.randn(1, 4, 1, 8, 8)
    phi = torch.nn.functional.leaky_relu(critic.join(critic.encoder(x)[-1].flatten(2)), 0.2)
    difference = critic(x, torch.ones(1, 4, dtype=torch.int64)) - critic(x, torch.zeros(1, 4, dtype=torch.int64))
    e = critic.embedding.weight[0]
    assert torch.allclose(difference[0], phi[0] @ (e[1] - e[0]) / 4, atol=1e-5)


def test_without_the_projection_the_class_joins_the_features_before_a_hidden_layer() -> None:
    critic = ImageCritic(2, 1, n_classes=3, features=16, projection=False, **shape_of(8, 8, "strided"))
    initialise(critic, [0, 1], "critic")
    x, y = torch.randn(2, 4, 1, 8, 8), torch.tensor([[0, 1, 2, 1], [2, 2, 0, 1]])
    found, seen = critic(x, y), critic.encoder(x)[-1].flatten(2)
    for m, b in ((0, 2), (1, 0)):
        both = torch.cat([seen[m, b], critic.embedding.weight[m, y[m, b]]])
        hidden = torch.nn.functional.leaky_relu(both @ critic.join.weight[m] + critic.join.bias[m, 0], 0.2)
        assert torch.allclose(found[m, b], hidden @ critic.head.weight[m, :, 0] + critic.head.bias[m, 0, 0], atol=1e-5)
    assert not torch.allclose(found, critic(x, (y + 1) % 3), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_beside_reaches_the_image(kind: str) -> None:
    shape = shape_of(16, 16, kind)
    widths = widths_of(16, shape["levels"])
    decoder = Decoder(1, widths[-1], 1, beside=widths, **shape)
    initialise(decoder, [0], "decoder")
    maps = [torch.randn(1, 1, w, 8 >> i, 8 >> i, requires_grad=True) for i, w in enumerate(widths)]
    gradients = torch.autograd.grad(decoder(maps[-1].detach(), maps).sum(), maps[:-1])
    assert all(g.abs().sum() > 0 for g in gradients)


def _critic(precision: str, kind: str) -> tuple[ImageCritic, Tensor, Tensor]:
    critic = ImageCritic(2, 3, n_classes=2, precision=precision, **shape_of(9, 13, kind))  # type: ignore[arg-type]
    initialise(critic, [0, 1], "critic")
    x = torch.randn(2, 6, 3, 9, 13, generator=torch.Generator().manual_seed(0))
    return critic, x, torch.arange(6).remainder(2).expand(2, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_is_close_to_float32_and_comes_out_as_float32(kind: str) -> None:
    single, x, y = _critic("float32", kind)
    half, _, _ = _critic("bfloat16", kind)
    expected, found = single(x, y), half(x, y)
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected)  # it is in force
    assert torch.linalg.norm(found - expected) < 0.02 * torch.linalg.norm(expected)  # 2^-9 = 0.002 a rounding
    assert all(p.dtype == torch.float32 for p in half.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_sampling_is_float32_whatever_training_was(kind: str) -> None:
    single, x, y = _critic("float32", kind)
    half, _, _ = _critic("bfloat16", kind)
    assert torch.equal(half.eval()(x, y), single.eval()(x, y))
