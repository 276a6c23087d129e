"""Modulated layers against kernels made one image at a time, and the styles that go into them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ganaug.nets import initialise
from ganaug.nets.style import Mapping, ModulatedConv2d, SlowLinear, StyledConv, StyleGenerator, map_sizes


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def styled(members: int = 2, **more: Any) -> StyleGenerator:
    shape: dict[str, Any] = {"noise": 5, "embedding": 3, "n_classes": 3, "width": 6, "depth": 2, "rate": 0.1}
    generator = StyleGenerator(members, (1, 8, 8), channels=4, half_life=10, **shape | more)
    initialise(generator, range(members), "generator")
    return generator


def inputs(y: Tensor, *, seed: int = 0) -> dict[str, Tensor]:
    z, other = noise(*y.shape, 5, seed=seed), noise(*y.shape, 5, seed=seed + 1)
    return {"z": z, "other": other, "noise": noise(*y.shape, 144)}


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_modulated_convolution_is_one_with_a_kernel_an_image(demodulate: bool, kernel: int) -> None:
    layer = ModulatedConv2d(2, 3, 4, style=5, kernel=kernel, demodulate=demodulate)
    initialise(layer, [0, 1], "layer")
    x, w = noise(2, 6, 3, 7, 9), noise(2, 6, 5)
    found = layer(x, w)
    for m in range(2):
        for b in range(6):
            scale = 1 + w[m, b] @ layer.affine.weight[m] + layer.affine.bias[m, 0]
            own = layer.conv.weight[m] * scale[None, :, None, None]
            if demodulate:
                own = own / own.flatten(1).norm(dim=1)[:, None, None, None]
            expected = F.conv2d(x[m, b][None], own, padding=kernel // 2)[0]
            assert torch.allclose(found[m, b], expected, atol=1e-5)


def test_modulation_by_hand() -> None:
    # Style 1 + 2 (0.5, -1) = (2, -1); kernel (2, 3) becomes (4, -3), whose norm is 5; both inputs are 1.
    for demodulate, expected in ((False, 1.0), (True, 0.2)):
        layer = ModulatedConv2d(1, 2, 1, style=1, kernel=1, demodulate=demodulate)
        with torch.no_grad():
            layer.affine.weight.copy_(torch.tensor([[[0.5, -1.0]]]))
            layer.conv.weight.copy_(torch.tensor([2.0, 3.0]).reshape(1, 1, 2, 1, 1))
        assert layer(torch.ones(1, 1, 2, 1, 1), torch.full((1, 1, 1), 2.0)).item() == pytest.approx(expected)


def test_demodulated_kernels_have_norm_one_whatever_the_style() -> None:
    layer = ModulatedConv2d(1, 3, 4, style=5)
    initialise(layer, [0], "layer")
    impulse = torch.zeros(1, 3, 3, 3, 3)  # image i is 1 in the middle of channel i: what comes out is the kernel
    impulse[0, range(3), range(3), 1, 1] = 1
    for seed in range(3):
        w = 10 * noise(1, 1, 5, seed=seed)
        kernels = layer(impulse, w.expand(-1, 3, -1))
        assert torch.allclose(kernels.square().sum((1, 3, 4)), torch.ones(1, 4), atol=1e-5)
        plain = layer.conv(impulse).square().sum((1, 3, 4))
        assert (plain - 1).abs().min() > 0.05


def test_noise_has_no_strength_at_first_and_then_its_own_in_each_member() -> None:
    layer = StyledConv(2, 3, 4, style=5, up=True)
    initialise(layer, [0, 1], "layer")
    x, w, grain = noise(2, 3, 3, 4, 4), noise(2, 3, 5), noise(2, 3, 1, 8, 8)
    silent = layer(x, w, grain)
    assert silent.shape == (2, 3, 4, 8, 8)
    assert torch.equal(silent, layer(x, w, 0 * grain))
    with torch.no_grad():
        layer.strength[1] = 0.5
    loud = layer(x, w, grain)
    assert torch.equal(loud[0], silent[0]) and not torch.allclose(loud[1], silent[1], atol=0.1)
    names = [name for name, _ in styled().named_parameters() if name.endswith("strength")]
    assert len(names) == 3
    assert all(bool((dict(styled().named_parameters())[name] == 0).all()) for name in names)


def test_a_slow_layer_starts_as_another_and_moves_by_its_share_of_the_learning_rate() -> None:
    x = noise(1, 4, 3)
    fast, slow = (SlowLinear(1, 3, 2, rate=rate) for rate in (1.0, 0.1))
    for layer in (fast, slow):
        initialise(layer, [0], "layer")
    before = fast(x).detach()
    assert torch.allclose(before, slow(x), atol=1e-5)
    moved = []
    for layer in (fast, slow):
        for parameter in layer.parameters():  # as a step of Adam does, whatever the gradient's size
            parameter.data.add_(0.01)
        moved.append(layer(x) - before)
    assert torch.allclose(moved[0][..., 0], 0.01 * (x.sum(-1) + 1), atol=1e-5)
    assert torch.allclose(moved[1], 0.1 * moved[0], atol=1e-5)


def test_the_mapping_does_not_see_the_length_of_its_noise_and_keeps_a_second_moment_of_one() -> None:
    mapping = Mapping(1, noise=64, embedding=32, n_classes=3, width=256, depth=3, rate=0.01)
    initialise(mapping, [0], "mapping")
    z, y = noise(1, 300, 64), torch.arange(300)[None] % 3
    w = mapping(z, y)
    assert torch.allclose(w, mapping(5 * z, y), atol=1e-4)
    assert w.square().mean().item() == pytest.approx(1, abs=0.15)
    assert not torch.allclose(w, mapping(z, (y + 1) % 3), atol=0.1)
    with pytest.raises(ValueError, match="depth=0"):
        Mapping(1, noise=2, embedding=2, n_classes=1, width=2, depth=0, rate=1)


def test_sizes_are_those_of_the_paper() -> None:
    # 1,024 pixels: 17 convolutions with noise (arXiv 1912.04958, fig. 2), from 4 x 4 on, two a size but the first.
    assert len(map_sizes(1024, 1024)) == 17
    assert map_sizes(28, 28) == [(7, 7), (14, 14), (14, 14), (28, 28), (28, 28)]
    layer = StyledConv(1, 512, 256, style=512, up=True)  # kernels, an affine map, a strength, biases
    assert sum(p.numel() for p in layer.parameters()) == 512 * 256 * 9 + 512 * 512 + 512 + 1 + 256


def test_the_layers_from_the_cut_on_have_the_style_of_the_donor() -> None:
    generator, y = styled(), torch.tensor([[0, 1, 2, 0]] * 2)
    given = inputs(y)
    own, donor = generator.mapping(given["z"], y), torch.tensor([[2, 2, 1, 0]] * 2)
    other = generator.mapping(given["other"], donor)
    mixed = generator.styles(given | {"cut": torch.tensor([[1, 2, 3, 2]] * 2), "donor": donor}, y)
    assert mixed.shape == (2, 4, 3, 6)
    for b, cut in enumerate((1, 2, 3, 2)):
        for layer in range(3):
            assert torch.equal(mixed[:, b, layer], (own if layer < cut else other)[:, b])
    assert torch.equal(generator.styles(given, y), own[:, :, None].expand(-1, -1, 3, -1))


def test_psi_draws_styles_towards_the_mean_of_the_class() -> None:
    generator, y = styled(), torch.tensor([[0, 1, 2, 1]] * 2)
    generator.centre.copy_(noise(2, 3, 6, seed=9))
    given = inputs(y)
    w, mean = generator.mapping(given["z"], y), generator.centre[:, [0, 1, 2, 1]]
    for psi in (0.0, 0.3, 1.0):
        found = generator.styles(given | {"psi": torch.full((2, 4), psi)}, y)[:, :, 0]
        assert torch.allclose(found, mean + psi * (w - mean), atol=1e-6)
    assert torch.equal(found, w)  # psi = 1, to the last bit


def test_the_mean_style_follows_the_classes_that_are_drawn() -> None:
    generator, y = styled(), torch.tensor([[0, 0, 1, 0], [1, 1, 1, 1]])
    z = noise(2, 4, 5)
    w = generator.mapping(z, y)
    generator.follow(z, y)
    assert torch.allclose(generator.centre[0, 0], w[0, [0, 1, 3]].mean(0), atol=1e-6)  # the first batch is the mean
    assert torch.allclose(generator.centre[1, 1], w[1].mean(0), atol=1e-6)
    assert not generator.centre[:, 2].any() and not generator.centre[1, 0].any()
    for _ in range(29):
        generator.follow(z, y)
    held = generator.centre.clone()
    later = noise(2, 4, 5, seed=4)
    generator.follow(later, y)  # from now on it forgets with the half-life of 10 batches
    expected = torch.lerp(held[1, 1], generator.mapping(later, y)[1].mean(0), 1 - 0.5**0.1)
    assert torch.allclose(generator.centre[1, 1], expected, atol=1e-6)


def test_the_mean_path_length_starts_at_the_first_and_forgets_slowly() -> None:
    generator = styled()
    generator.follow_path(torch.tensor([[1.0, 3.0], [4.0, 6.0]]))
    assert generator.path.tolist() == [2, 5]
    generator.follow_path(torch.tensor([[12.0, 12.0], [5.0, 5.0]]))
    assert generator.path.tolist() == pytest.approx([2.1, 5])


def test_members_do_not_see_each_other_and_start_from_their_own_seed() -> None:
    generator, y = styled(), torch.tensor([[0, 1, 2]] * 2)
    image = generator(inputs(y), y)
    assert image.shape == (2, 3, 1, 8, 8)
    names = [name for name, p in generator.named_parameters()]
    parameters = [dict(generator.named_parameters())[name] for name in names]
    for gradient in torch.autograd.grad(image[0].sum(), parameters, allow_unused=True):
        assert gradient is not None and gradient[0].abs().sum() > 0 and not gradient[1].any()
    alone = StyleGenerator(
        1, (1, 8, 8), noise=5, embedding=3, n_classes=3, width=6, depth=2, rate=0.1, channels=4, half_life=10
    )
    initialise(alone, [1], "generator")
    second = {name: value[1:] for name, value in inputs(y).items()}
    assert torch.allclose(alone(second, y[1:]), image[1:], atol=1e-6)
