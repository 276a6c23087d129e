"""Convolutions of many members against torch's own, one member at a time."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganaug.nets import initialise
from ganaug.nets.conv import MemberConv2d, downsample, smooth, upsample

KINDS = [
    {},
    {"kernel": 1, "bias": False},
    {"kernel": 4, "stride": 2},
    {"groups": 2},
    {"kernel": 4, "stride": 2, "transposed": True},
]


def drawn(members: int, seeds: list[int] | None = None, **options) -> MemberConv2d:
    layer = MemberConv2d(members, 4, 6, **options)
    initialise(layer, list(range(members)) if seeds is None else seeds, "layer")
    if layer.bias is not None:
        nn.init.normal_(layer.bias)
    return layer


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_each_member_is_torchs_own_convolution(options: dict) -> None:
    layer, x = drawn(3, **options), torch.randn(3, 5, 4, 8, 10)
    bias = options.get("bias", True)
    for m in range(3):
        kernel, stride = options.get("kernel", 3), options.get("stride", 1)
        shape = {"kernel_size": kernel, "stride": stride, "padding": (kernel - 1) // 2, "bias": bias}
        shape |= {"groups": options.get("groups", 1)}
        own = (nn.ConvTranspose2d if options.get("transposed") else nn.Conv2d)(4, 6, **shape)
        with torch.no_grad():
            own.weight.copy_(layer.weight[m])
            if own.bias is not None:
                own.bias.copy_(layer.bias[m])
        assert torch.allclose(layer(x)[m], own(x[m]), atol=1e-6)


@pytest.mark.parametrize(("options", "size"), [({}, 1), ({"kernel": 4, "stride": 2}, 0.5), (KINDS[-1], 2)], ids=str)
def test_the_size_is_kept_halved_or_doubled(options: dict, size: float) -> None:
    assert drawn(1, **options)(torch.zeros(1, 2, 4, 8, 12)).shape == (1, 2, 6, int(8 * size), int(12 * size))


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_members_do_not_see_each_other(options: dict) -> None:
    x = torch.randn(2, 3, 4, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(drawn(2, **options)(x)[0].sum(), x)
    assert gradient[0].abs().sum() > 0
    assert gradient[1].abs().sum() == 0


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_member_starts_from_its_own_seed_alone(options: dict) -> None:
    both, second = drawn(2, [4, 9], **options), drawn(1, [9], **options)
    assert torch.equal(both.weight[1], second.weight[0])
    assert not torch.equal(both.weight[0], both.weight[1])


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_the_start_keeps_the_size_of_what_passes(options: dict) -> None:
    # Uniform in +-sqrt(3 / taps) has variance 1 / taps, so that a sum over the taps of unit inputs has variance 1.
    layer = MemberConv2d(1, 64, 64, gain=3**0.5, **options)
    initialise(layer, [0], "layer")
    out = layer(torch.randn(1, 4, 64, 16, 16, generator=torch.Generator().manual_seed(0)))
    assert out[..., 2:-2, 2:-2].var().item() == pytest.approx(1, rel=0.1)


def test_zero_stays_zero() -> None:
    layer = MemberConv2d(1, 4, 6, zero=True)
    initialise(layer, [0], "layer")
    assert not layer.weight.any()
    assert not layer(torch.randn(1, 2, 4, 8, 8)).any()


def test_channels_last_gives_the_same_numbers() -> None:
    # What CUDA is given; here on the processor.
    layer, x = drawn(1), torch.randn(1, 5, 4, 8, 8)
    last = [t[0].contiguous(memory_format=torch.channels_last) for t in (x, layer.weight)]
    assert torch.allclose(layer._one(*last, layer.bias[0]), layer(x)[0], atol=1e-6)


def test_halving_averages_and_doubling_is_bilinear() -> None:
    x = torch.randn(2, 3, 4, 6, 8)
    blocks = x.unflatten(3, (3, 2)).unflatten(5, (4, 2)).mean((4, 6))
    assert torch.allclose(downsample(x), blocks, atol=1e-6)
    expected = F.interpolate(x[1], scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(upsample(x)[1], expected)


def test_smoothing_takes_a_grid_away_and_leaves_what_is_even() -> None:
    rows, columns = torch.meshgrid(torch.arange(6), torch.arange(8), indexing="ij")
    grid = ((rows + columns) % 2).float().expand(2, 3, 4, 6, 8)
    inner = smooth(grid)[..., 1:-1, 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5))
    even = torch.full((2, 3, 4, 5, 5), 0.7)
    torch.testing.assert_close(smooth(even), even)
    dot = torch.zeros(1, 1, 2, 5, 5)
    dot[0, 0, 1, 2, 2] = 16.0
    expected = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])
    torch.testing.assert_close(smooth(dot)[0, 0, 1, 1:4, 1:4], expected)
    assert not smooth(dot)[0, 0, 0].any()
