"""Networks against the shapes and parameter counts of the papers that they are from, where the two can be compared.

Widths and depths are set to the paper's: the defaults are smaller. Where a whole network differs, the part that does
not is compared, and what it differs by is said. Large networks are laid out without memory (``meta``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganaug import variants
from ganaug.data import read_table
from ganaug.encode import ImageLayout
from ganaug.nets import OneHot
from ganaug.nets.attention import SelfAttention
from ganaug.nets.cells import CellDiscriminator, CellFiller
from ganaug.nets.conv import MemberConv2d
from ganaug.nets.growing import GrowingCritic, GrowingGenerator
from ganaug.nets.images import SLOPE, Resize
from ganaug.nets.packs import PackCritic
from ganaug.nets.pyramid import MultiscaleCritic, MultiscaleGenerator
from ganaug.nets.style import Mapping, Synthesis
from ganaug.nets.upscale import Upscaler
from ganaug.nets.variational import ImagePosterior
from tests.family import mixture, parts

STRIDED: dict[str, Any] = {"n_classes": 1, "kind": "strided"}
NOISE: dict[str, Any] = {"noise": 512, "embedding": 0}


def count(*modules: nn.Module) -> int:
    """Return the number of parameters of one member."""
    return sum(p[0].numel() for module in modules for p in module.parameters())


def built(name: str, side: int, *, n_classes: int = 1, colours: int = 3, **options: Any) -> Any:
    """Return the networks of an untrained variant of square images, with strided convolutions."""
    layout, module = ImageLayout(colours, side, side), variants.get(name)
    config = variants.settle(name, module.Config(preset="strided", **options), layout, torch.device("cpu"))
    return module.build(config, layout, None, n_classes=n_classes, seeds=[0]).networks


def shapes_of(layers: Sequence[nn.Module], run: Any) -> list[tuple[int, ...]]:
    """Return the channels, height and width of what each layer makes, in order."""
    seen: list[tuple[int, ...]] = []
    hooks = [layer.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape[2:]))) for layer in layers]
    run()
    for hook in hooks:
        hook.remove()
    return seen


def blank(*shape: int) -> tuple[Tensor, Tensor]:
    """Return zeros, and classes 0 of one member's row or image."""
    return torch.zeros(1, 1, *shape), torch.zeros(1, 1, dtype=torch.int64)


# ---------------------------------------------------------------- from noise to images


def test_dcgan_goes_from_100_numbers_by_4_x_4_x_1024_to_64_x_64() -> None:
    """Radford et al. 2015 (arXiv 1511.06434), fig. 1; there, the fourth convolution makes the colours themselves."""
    generator = built("dcgan", 64, noise=100, embedding=0, channels=64)["generator"]
    z, y = blank(100)
    assert generator.enter.weight.shape[1:] == (100, 4 * 4 * 1024)
    made = shapes_of([*generator.decoder.up, generator.decoder.out], lambda: generator({"z": z}, y))
    assert made == [(512, 8, 8), (256, 16, 16), (128, 32, 32), (64, 64, 64), (3, 64, 64)]
    assert all(layer.conv.stride == 2 and layer.conv.transposed for layer in generator.decoder.up)


@pytest.mark.parametrize("name", ["cyclegan", "dcgan", "super_resolution"])
def test_discriminators_halve_the_map_and_double_64_channels_to_512(name: str) -> None:
    """Zhu et al. 2017 (arXiv 1703.10593), app.: C64-C128-C256-C512, 4 x 4 kernels of stride 2, leaky units of 0.2.

    SRGAN (Ledig et al. 2016, arXiv 1609.04802, sec. 2.1): from 64 to 512 kernels of 3 x 3, doubled where a stride
    halves the map, then two dense layers; it has convolutions without a stride between. DCGAN (sec. 3 and 4): strides,
    no pooling, slope 0.2. All end in dense layers here.
    """
    critic = built(name, 64, channels=64)["discriminator"].critic
    x, y = blank(3, 64, 64)
    made = shapes_of(list(critic.encoder.down), lambda: critic(x, y))
    assert made == [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4)]
    kernels = [layer.conv.weight.shape[1:] for layer in critic.encoder.down]
    assert kernels == [(64, 3, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4)]
    assert all(layer.conv.stride == 2 for layer in critic.encoder.down)
    assert SLOPE == 0.2
    assert critic.join.weight.shape[1] == 512 * 4 * 4 and critic.head.weight.shape[1:] == (critic.join.bias.numel(), 1)


def test_a_fully_connected_generator_has_four_hidden_layers_of_512_units() -> None:
    """Arjovsky et al. 2017 (arXiv 1701.07875), fig. 3."""
    generator = built("vanilla", 64, noise=100, width=512, depth=4)["generator"]
    trunk, head = generator.network.trunk, generator.network.head
    assert [layer.weight.shape[2] for layer in (trunk.first, *trunk.rest)] == [512] * 4
    assert head.weight.shape[1:] == (512, 3 * 64 * 64)


# ---------------------------------------------------------------- attention


@pytest.mark.parametrize("channels", [64, 256])
def test_attention_compares_places_by_an_eighth_of_the_channels(channels: int) -> None:
    """Zhang et al. 2018 (arXiv 1805.08318), sec. 3: f and g are 1 x 1 convolutions to C / 8, gamma is a scalar from 0.

    h has C / 8 channels in the paper too, and v leads back from them; here C / 2, as in the authors' code.
    """
    layer = SelfAttention(1, channels)
    for compared in (layer.query, layer.key):
        assert compared.weight.shape[1:] == (channels // 8, channels, 1, 1)
        assert count(compared) == channels**2 // 8
    assert layer.gamma.tolist() == [0]
    assert layer.out.weight.shape[1:] == (channels, channels // 2, 1, 1)
    assert count(layer) == 2 * channels**2 // 8 + 2 * channels**2 // 2 + 1


def test_the_attention_of_a_generator_of_128_pixels_is_on_a_map_of_64() -> None:
    """Zhang et al. 2018 (arXiv 1805.08318), table 1: feat64 is among the best; our critic attends on a coarser map."""
    generator = built("sagan", 128, channels=4)["generator"]
    z, y = blank(64)
    made = shapes_of([generator.decoder.attention], lambda: generator({"z": z}, y))
    assert made == [(8, 64, 64)]


# ---------------------------------------------------------------- growing, and several scales


def growing(side: int, channels: int, **more: Any) -> tuple[Any, Any]:
    """Return a growing generator and critic of images of 3 colours."""
    size = (3, side, side)
    with torch.device("meta"):
        generator = GrowingGenerator(1, size, channels=channels, **NOISE, **STRIDED)
        return generator, GrowingCritic(1, size, channels=channels, group=4, **STRIDED, **more)


def rounded(parameters: int) -> str:
    """Return a number as in table 2 of arXiv 1710.10196, with two or three figures."""
    if parameters < 1000:
        return str(parameters)
    return f"{parameters / 1e6:.1f}M" if parameters >= 1e6 else f"{parameters / 1e3:.0f}k"


def test_a_growing_generator_starts_from_512_maps_of_4_x_4() -> None:
    """Karras et al. 2017 (arXiv 1710.10196), table 2: 4.2M parameters from 512 numbers to 512 x 4 x 4."""
    generator, _ = growing(1024, 32)
    assert generator.enter.weight.shape[1:] == (512, 512 * 4 * 4)
    assert rounded(generator.enter.weight.numel()) == "4.2M"
    assert generator.scales.sizes == tuple((n, n) for n in (4, 8, 16, 32, 64, 128, 256, 512, 1024))


def test_a_growing_generator_halves_its_maps_with_every_doubling_once_there_are_512() -> None:
    """Karras et al. 2017 (arXiv 1710.10196), table 2: of 512 maps 512, 256, 128, 64, by 2.4M to 74k parameters.

    There it is at 32 to 256 pixels, here at 16 to 128, and each size has a second convolution from n to n maps.
    """
    generator, _ = growing(128, 64)
    convolutions = [layer.conv for layer in generator.up][1:]
    assert [c.weight.shape[1:] for c in convolutions] == [
        (512, 512, 3, 3), (256, 512, 3, 3), (128, 256, 3, 3), (64, 128, 3, 3)
    ]  # fmt: skip
    assert [rounded(count(c)) for c in convolutions] == ["2.4M", "1.2M", "295k", "74k"]


def test_a_growing_critic_ends_as_the_papers() -> None:
    """Karras et al. 2017 (arXiv 1710.10196), table 2: 513 maps with the deviation, then 2.4M, 4.2M and 513 parameters.

    The deviation is one map more (sec. 3). The class's vector of the projection comes on top of these.
    """
    _, critic = growing(64, 64, features=512)
    assert critic.mix.weight.shape[1:] == (512, 513, 3, 3)
    assert critic.join.weight.shape[1:] == (512 * 4 * 4, 512)
    assert [rounded(count(layer)) for layer in (critic.mix, critic.join, critic.head)] == ["2.4M", "4.2M", "513"]
    assert critic.down[0].conv.weight.shape[1] == 512


def test_a_growing_critic_reads_colours_by_16_units_of_64_parameters() -> None:
    """Karras et al. 2017 (arXiv 1710.10196), table 2: at 1,024 pixels, conv 1 x 1 to 16 maps, 64 parameters."""
    _, critic = growing(1024, 32)
    assert critic.look[-1].weight.shape[1:] == (16, 3, 1, 1) and count(critic.look[-1]) == 64
    assert len(critic.look) == 9


def test_an_image_of_1024_pixels_has_nine_scales_that_the_critic_joins() -> None:
    """Karnewar & Wang 2019 (arXiv 1903.06048), figs. 1 and 2: from 4 x 4 to 1024 x 1024, each to maps of its size."""
    generator = MultiscaleGenerator(1, (3, 1024, 1024), channels=2, noise=8, embedding=0, **STRIDED)
    critic: Any = MultiscaleCritic(1, (3, 1024, 1024), channels=2, **STRIDED)
    z, y = blank(8)
    with torch.no_grad():
        images = generator.images({"z": z}, y, range(9))
    assert [tuple(image.shape[2:]) for image in images] == [(3, 2**k, 2**k) for k in range(2, 11)]
    assert all(layer.weight.shape[2:] == (3, 1, 1) for layer in critic.look)
    made = [layer.conv.weight.shape[1] for layer in critic.down]
    joined = [layer.weight.shape[1] for layer in critic.look[:-1]]
    seen = [critic.mix, *(layer.conv for layer in critic.down[:-1])]
    assert [c.weight.shape[2] for c in seen] == [a + b for a, b in zip(made, joined, strict=True)]


# ---------------------------------------------------------------- styles


def test_the_mapping_network_is_eight_layers_of_512_units() -> None:
    """Karras et al. 2018 (arXiv 1812.04948), sec. 2 and fig. 1: z, w and all between have 512 dimensions."""
    mapping = Mapping(1, **NOISE, n_classes=1, width=512, depth=8, rate=0.01)
    assert count(mapping) == 8 * (512 * 512 + 512)


def test_styles_change_a_constant_of_4_x_4_x_512() -> None:
    """Karras et al. 2018 (arXiv 1812.04948), fig. 1b; 17 layers with a style and noise: 2019 (1912.04958), fig. 2."""
    with torch.device("meta"):
        synthesis: Any = Synthesis(1, (3, 1024, 1024), channels=64, style=512)
    assert synthesis.constant.shape[1:] == (512, 4, 4)
    assert [len(level.layers) for level in synthesis.levels] == [1, *[2] * 8]
    affine = [layer.conv.affine for level in synthesis.levels for layer in level.layers]
    assert len(affine) == 17 and all(layer.weight.shape[1] == 512 for layer in affine)


# ---------------------------------------------------------------- residual blocks of R3GAN


def test_a_stage_is_a_resampling_and_two_blocks_of_grouped_convolutions() -> None:
    """Huang et al. 2024 (arXiv 2501.05441), Configs D and E.

    A 1 x 1 convolution with the resampling, then twice 1 x 1, 3 x 3 in groups of 16 channels, 1 x 1 without a bias that
    starts at 0. There, the middle is twice as wide as the stem, and here as wide.
    """
    stage: Any = Resize(1, 64, 128, kind="residual", up=False)
    assert stage.conv.weight.shape[1:] == (128, 64, 1, 1)
    assert len(stage.blocks) == 2
    for block in stage.blocks:
        layers = [block.enter, block.mix, block.leave]
        assert [layer.weight.shape[1:] for layer in layers] == [(128, 128, 1, 1), (128, 16, 3, 3), (128, 128, 1, 1)]
        assert layers[1].groups == 128 // 16
        assert layers[2].bias is None and layers[2].zero


# ---------------------------------------------------------------- making images larger


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_each_doubling_of_a_size_is_one_sub_pixel_convolution(factor: int) -> None:
    """Ledig et al. 2016 (arXiv 1609.04802), fig. 4: k3n256s1 and a pixel shuffle by 2, twice for 4 times the size."""
    network: Any = Upscaler(1, 3, factor=factor, channels=64, blocks=1)
    assert len(network.grow) == math.log2(factor)
    assert all(layer.weight.shape[1:] == (256, 64, 3, 3) for layer in network.grow)
    assert network(torch.zeros(1, 1, 3, 6, 5)).shape == (1, 1, 3, 6 * factor, 5 * factor)


@pytest.mark.parametrize(("blocks", "channels", "millions"), [(16, 64, "1.5"), (32, 256, "43.1")])
def test_sixteen_blocks_of_64_maps_are_those_of_srgan_and_edsr(blocks: int, channels: int, millions: str) -> None:
    """Ledig et al. 2016 (arXiv 1609.04802), fig. 4 and sec. 3.2: 16 blocks of two 3 x 3 convolutions of 64 maps.

    Lim et al. 2017 (arXiv 1707.02921), table 1: 1.5M parameters without batch normalisation, and 43M with 32 blocks of
    256 maps. Ours has all convolutions of the latter but the one between the blocks and the long way round them.
    """
    with torch.device("meta"):
        network: Any = Upscaler(1, 3, factor=4, channels=channels, blocks=blocks)
        left_out = MemberConv2d(1, channels, channels)
    within = [layer for block in network.blocks for layer in (block.first, block.second)]
    assert [layer.weight.shape[1:] for layer in within] == [(channels, channels, 3, 3)] * (2 * blocks)
    assert f"{count(network, left_out) / 1e6:.1f}" == millions


# ---------------------------------------------------------------- reconstruction, holes and cells


def test_the_encoder_of_the_hybrid_is_that_of_the_paper() -> None:
    """Larsen et al. 2015 (arXiv 1512.09300), table 1: 64, 128 and 256 maps, each of half the size, then 2,048 units.

    Its convolutions are 5 x 5 and end at 8 x 8 of 64 pixels, ours are 4 x 4 and end at 4 x 4, so these are 32 pixels.
    """
    size = (3, 32, 32)
    encoder = ImagePosterior(1, size, noise=128, embedding=0, channels=64, features=2048, **STRIDED)
    made = shapes_of(list(encoder.encoder.down), lambda: encoder(*blank(*size)))
    assert made == [(64, 16, 16), (128, 8, 8), (256, 4, 4)]
    assert encoder.join.weight.shape[2] == 2048
    assert encoder.head.weight.shape[1:] == (2048, 2 * 128)  # a mean and a variance each


def test_a_filler_of_holes_joins_maps_of_one_size() -> None:
    """Isola et al. 2016 (arXiv 1611.07004), sec. 3.2.1: all channels of layer i beside those of layer n - i.

    The network that fills holes is given the mask as one channel more (Pathak et al. 2016, arXiv 1604.07379, give none,
    and no finer maps).
    """
    filler = built("inpaint", 64, channels=64)["generator"]
    encoded, decoded = list(filler.encoder.widths), [layer.conv.weight.shape[2] for layer in filler.decoder.up]
    assert encoded == [64, 128, 256, 512] and decoded == [512, 256, 128, 64]
    assert filler.encoder.down[0].conv.weight.shape[2] == 3 + 1
    read = [layer.conv.weight.shape[1] for layer in filler.decoder.up]
    assert read == [512, 512 + 256, 256 + 128, 128 + 64]


@pytest.mark.parametrize("d", [3, 10])
def test_a_filler_of_cells_is_given_data_and_mask_and_guessed_by_data_and_hint(d: int) -> None:
    """Yoon et al. 2018 (arXiv 1806.02920), sec. 3: G(x, m, noise) has d numbers, D(x, h) a guess for each of d.

    The class stands beside them, in 16 numbers; the noise has its own size, and in the paper that of the data.
    """
    view, shape = OneHot(d, (1,) * d, states=range(d)), {"n_classes": 1, "width": 4, "depth": 1}
    codes: dict[str, Any] = {"temperature": 1.0, "sharpness": 1.0}
    filler = CellFiller(1, view, states=range(d), cells=d, noise=d, **codes, **shape)
    discriminator = CellDiscriminator(1, 2 * d, d, **shape)
    x, known, y = torch.zeros(1, 1, d), torch.zeros(1, 1, d), torch.zeros(1, 1, dtype=torch.int64)
    assert filler.rows.network.trunk.first.weight.shape[1] == 2 * d + d + 16
    assert filler.likely(x, known, y)[0].shape == (1, 1, d)
    assert discriminator.guess(torch.cat([x, known], dim=-1), y).shape == (1, 1, d)


# ---------------------------------------------------------------- tables


def test_ctgan_has_two_hidden_layers_of_256_units_and_packs_of_ten() -> None:
    """Xu et al. 2019 (arXiv 1907.00503), sec. 4.4.

    Critic: 10 |r| + 10 |cond| -> 256 -> 256 -> 1. Generator: from |z| + |cond|, two hidden layers of 256, where the
    paper joins the output of a layer to what went in, and ours adds it. Both of ours are also given the class, and the
    critic what the judge makes of a row.
    """
    config = variants.get("ctgan").Config(width=256, depth=2, pac=10, batch=10, noise=128)
    gan, _ = parts("ctgan", "tables", config=config)
    networks: Any = gan.networks
    generator, critic, n_classes = networks["generator"], networks["critic"], 3
    n_row, n_cond = generator.n_shown + n_classes, generator.n_hot + n_classes
    hidden = [critic.trunk.first, *critic.trunk.rest, critic.head]
    assert [layer.weight.shape[1:] for layer in hidden] == [(10 * n_row + 10 * n_cond, 256), (256, 256), (256, 1)]
    trunk = generator.network.trunk
    assert [layer.weight.shape[2] for layer in (trunk.first, *trunk.rest)] == [256, 256]
    assert trunk.first.weight.shape[1] == 128 + generator.n_hot + 16  # noise, condition, and the class's vector


def test_a_row_of_ctgan_is_a_place_and_a_mode_a_number_and_a_code_a_column() -> None:
    """Xu et al. 2019 (arXiv 1907.00503), sec. 4.2: r = alpha_1 + beta_1 + .. + d_1 + .., of 1 + m_i and |D_i| numbers.

    Ours shows the critic the number itself, too. And cond has a place for each of the |D_i| (sec. 4.3).
    """
    data = read_table(mixture(rows=(60, 60, 60)), target="label")  # of two numbers and one of four colours
    gan, _ = parts("ctgan", "tables", config=variants.get("ctgan").Config(modes=10, batch=8), data=data)
    generator: Any = gan.networks["generator"]
    assert generator.n_shown == 2 * (1 + 10) + 4 + 2
    assert generator.n_hot == 4


@pytest.mark.parametrize("pac", [2, 3, 4])
def test_packs_widen_the_first_layer_alone(pac: int) -> None:
    """Lin et al. 2018 (arXiv 1712.04086), sec. 2: m times the inputs, and the rest of the discriminator as it was."""
    alone, packed = (PackCritic(1, 7, 2, pac=m, width=20, depth=3) for m in (1, pac))
    assert packed.trunk.first.weight.shape[1] == pac * alone.trunk.first.weight.shape[1]
    assert count(packed) - count(alone) == (pac - 1) * (7 + 2) * 20
    assert count(packed.trunk.rest, packed.head) == count(alone.trunk.rest, alone.head)


# ---------------------------------------------------------------- classes


@pytest.mark.parametrize("name", ["hinge", "r3gan"])
def test_a_class_costs_a_projection_as_many_numbers_as_there_are_features(name: str) -> None:
    """Miyato & Koyama 2018 (arXiv 1802.05637), eq. 3: y^T V phi(x), with a vector of V a class."""
    few, many = (built(name, 16, n_classes=n, channels=4)["discriminator"].critic for n in (3, 5))
    features = few.head.weight.shape[1]
    assert few.embedding.weight.shape[1:] == (3, features)
    assert count(many) - count(few) == 2 * features
