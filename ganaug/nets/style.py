"""Generators whose layers are modulated by styles (StyleGAN2, Karras et al. 2019, arXiv 1912.04958, sec. 2 to 4).

Noise and class become a point w by a mapping network; every layer of the synthesis network takes a style from w, which
scales the channels that it reads. What lies in front of a place in the list of layers is coarse, what lies behind fine,
so that two images are mixed by giving the fine layers another w.

Shape legend: M members, B images of a batch, K classes, L layers, W dimensions of w, C channels, H and W pixels.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug import distributed
from ganaug.nets.blocks import MemberEmbedding, MemberLinear
from ganaug.nets.conv import MemberConv2d, upsample
from ganaug.nets.images import SLOPE, Precision, autocast, coarse_size, fit_size, levels_of, widths_of
from ganaug.nets.mlp import MAX_DEPTH

__all__ = ["Mapping", "ModulatedConv2d", "SlowLinear", "StyleGenerator", "StyledConv", "map_sizes"]

GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""What keeps the second moment of a signal through a leaky rectifier."""
EPSILON = 1e-8
FLAT = 0.1


def map_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return the size of the map that every styled layer makes, coarse to fine: one layer, then two a doubling.

    >>> map_sizes(8, 8)
    [(4, 4), (8, 8), (8, 8)]
    """
    levels = levels_of(height, width)
    h, w = coarse_size(height, width, levels)
    return [(h * 2**i, w * 2**i) for i in range(levels + 1) for _ in range(2 if i else 1)]


def _unit(x: Tensor) -> Tensor:
    """Scale vectors ``(..., D)`` to a second moment of 1 (Karras et al. 2017, arXiv 1710.10196, sec. 4.2)."""
    return x * (x.square().mean(-1, keepdim=True) + EPSILON).rsqrt()


class SlowLinear(nn.Module):
    """M affine maps that learn at ``rate`` times the pace of other layers (arXiv 1812.04948, app. C).

    What is stored is the weight divided by ``rate``, and an optimiser of the kind of Adam moves all numbers alike.

    **Shape:** ``(M, B, I) -> (M, B, O)``.
    """

    def __init__(self, members: int, n_in: int, n_out: int, *, rate: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(members, n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(members, 1, n_out))
        self.rate = rate

    def initialise(self, member: int, rng: torch.Generator) -> None:
        """Draw weights that keep the second moment of what goes through the layer and a leaky rectifier."""
        with torch.no_grad():
            self.weight[member].normal_(0, GAIN / math.sqrt(self.weight.shape[1]) / self.rate, generator=rng)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight, beta=self.rate, alpha=self.rate)


class Mapping(nn.Module):
    """From noise and class to w, fully connected (arXiv 1812.04948, sec. 2; the class as in arXiv 2006.06676, app. C).

    **Shape:** ``z (M, B, noise), y (M, B) -> (M, B, W)``.
    """

    def __init__(
        self, members: int, *, noise: int, embedding: int, n_classes: int, width: int, depth: int, rate: float
    ) -> None:
        super().__init__()
        if not 1 <= depth <= MAX_DEPTH:
            raise ValueError(f"the mapping needs 1 to {MAX_DEPTH} layers, however: {depth=}")
        self.embedding = MemberEmbedding(members, n_classes, embedding)
        sizes = (noise + embedding, *[width] * depth)
        self.layers = nn.ModuleList(SlowLinear(members, a, b, rate=rate) for a, b in pairwise(sizes))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        h = torch.cat([_unit(z), _unit(self.embedding(y))], dim=-1)
        for layer in self.layers:
            h = F.leaky_relu(layer(h), SLOPE)
        return h


class ModulatedConv2d(nn.Module):
    """A convolution whose kernel a style scales per input channel, and which is then normed per output channel.

    ``k'_oi = s_i k_oi`` (arXiv 1912.04958, eq. 1) with ``s = 1 + A w``, ``k'' = k' / sqrt(sum k'^2 + eps)`` (eq. 3).
    As both are factors of a channel, they are taken on what goes in and what comes out, and the images of a batch share
    one convolution. Without ``demodulate`` there is a bias instead of the norm.

    **Shape:** ``x (M, B, I, H, W), w (M, B, W) -> (M, B, O, H, W)``.
    """

    def __init__(
        self, members: int, n_in: int, n_out: int, *, style: int, kernel: int = 3, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.affine = MemberLinear(members, style, n_in)
        self.conv = MemberConv2d(members, n_in, n_out, kernel=kernel, bias=not demodulate)
        self.demodulate = demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = 1 + self.affine(w)
        out = self.conv(x * style[..., None, None].to(x.dtype))
        if not self.demodulate:
            return out
        energy = self.conv.weight.square().sum((3, 4))
        squared = style.square() @ energy.transpose(1, 2)
        return out * (squared + EPSILON).rsqrt()[..., None, None].to(out.dtype)


class StyledConv(nn.Module):
    """A modulated convolution, the size doubled (``up``), noise of a learnt strength, bias, leaky rectifier (fig. 2c).

    The strength is one number a layer and starts at 0. NOTE[DIFF]: a size is doubled bilinearly after the convolution.

    **Shape:** ``x (M, B, I, h, w), w (M, B, W), noise (M, B, 1, H, W) -> (M, B, O, H, W)``.
    """

    def __init__(self, members: int, n_in: int, n_out: int, *, style: int, up: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(members, n_in, n_out, style=style)
        self.strength = nn.Parameter(torch.zeros(members))
        self.bias = nn.Parameter(torch.zeros(members, n_out))
        self.up = up

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        h = self.conv(x, w)
        h = upsample(h) if self.up else h
        h = h + (self.strength.view(-1, 1, 1, 1, 1) * noise).to(h.dtype) + self.bias[:, None, :, None, None].to(h.dtype)
        return F.leaky_relu(h, SLOPE) * GAIN


class _Level(nn.Module):
    """The layers of one size, and their share of the picture (output skips, arXiv 1912.04958, sec. 4.1)."""

    def __init__(self, members: int, n_in: int, n_out: int, colours: int, *, style: int, first: bool) -> None:
        super().__init__()
        layers = [] if first else [StyledConv(members, n_in, n_out, style=style, up=True)]
        layers.append(StyledConv(members, n_in if first else n_out, n_out, style=style, up=False))
        self.layers = nn.ModuleList(layers)
        self.picture = ModulatedConv2d(members, n_out, colours, style=style, kernel=1, demodulate=False)


def _bounded(x: Tensor) -> Tensor:
    """Return ``x``, flatter by `FLAT` outside [-1, 1], which is clipped for the user.

    So that black and white are easily reached and kept, which a linear layer does not learn in a short training, and
    yet have a gradient, which a hyperbolic tangent does not leave them.
    """
    return torch.lerp(x.clamp(-1, 1), x, FLAT)


class Synthesis(nn.Module):
    """From the styles of all layers to images: a learnt constant, and a level a size.

    **Shape:** ``styles (M, B, L, W), noise (M, B, pixels) -> (M, B, C, H, W)``, hardly beyond [-1, 1]. ``noise`` holds
    the maps of all layers, coarse to fine. NOTE[DIFF]: pictures are not unbounded, see `_bounded`.
    """

    def __init__(
        self, members: int, size: tuple[int, int, int], *, channels: int, style: int, precision: Precision = "float32"
    ) -> None:
        super().__init__()
        colours, *self.size = size
        levels = levels_of(*self.size)
        self.precision: Precision = precision
        self.maps = map_sizes(*self.size)
        widths = widths_of(channels, levels + 1)[::-1]
        self.constant = nn.Parameter(torch.zeros(members, widths[0], *self.maps[0]))
        pairs = enumerate(zip((widths[0], *widths), widths, strict=False))
        self.levels = nn.ModuleList(_Level(members, a, b, colours, style=style, first=not i) for i, (a, b) in pairs)

    def initialise(self, member: int, rng: torch.Generator) -> None:
        """Draw member ``member``'s constant from a standard normal."""
        with torch.no_grad():
            self.constant[member].normal_(generator=rng)

    def forward(self, styles: Tensor, noise: Tensor) -> Tensor:
        maps = noise.split([h * w for h, w in self.maps], dim=-1)
        h = self.constant[:, None].expand(-1, styles.shape[1], -1, -1, -1)
        picture, at = None, 0
        with autocast(self, styles, self.precision):
            for level in self.levels:
                for layer in level.layers:  # pyright: ignore[reportGeneralTypeIssues]
                    h = layer(h, styles[:, :, at], maps[at].unflatten(-1, (1, *self.maps[at])))
                    at += 1
                share = level.picture(h, styles[:, :, at - 1])  # pyright: ignore[reportCallIssue]
                picture = share if picture is None else upsample(picture) + share
        assert picture is not None
        return _bounded(fit_size(picture.to(styles.dtype), *self.size))


class StyleGenerator(nn.Module):
    """Mapping and synthesis, the mean w of every class, and the mean path length.

    **Shape:** ``inputs`` of `ganaug.style_sources.StyleSource`, ``y (M, B) -> (M, B, C, H, W)``, hardly beyond [-1, 1].
    """

    centre: Tensor
    """The running mean of w, class by class ``(M, K, W)``."""
    seen: Tensor
    """Batches that it has seen ``(M, K)``."""
    path: Tensor
    """The running mean of path lengths ``(M,)``; 0 before the first."""

    def __init__(
        self,
        members: int,
        size: tuple[int, int, int],
        *,
        noise: int,
        embedding: int,
        n_classes: int,
        width: int,
        depth: int,
        rate: float,
        channels: int,
        half_life: float,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        mapping: dict[str, Any] = {"noise": noise, "embedding": embedding, "n_classes": n_classes}
        self.mapping = Mapping(members, **mapping, width=width, depth=depth, rate=rate)
        self.synthesis = Synthesis(members, size, channels=channels, style=width, precision=precision)
        self.forgets = 1 - 0.5 ** (1 / half_life)
        self.register_buffer("centre", torch.zeros(members, n_classes, width))
        self.register_buffer("seen", torch.zeros(members, n_classes))
        self.register_buffer("path", torch.zeros(members))

    def styles(self, inputs: dict[str, Tensor], y: Tensor) -> Tensor:
        """Return the styles of all layers ``(M, B, L, W)``.

        All layers have the w of ``z``; where there is a ``cut (M, B)``, the layers from it on have that of ``other``,
        of the class ``donor (M, B)`` (without it: ``y``). With ``psi (M, B)`` every w is drawn towards the mean of its
        class, ``mean + psi (w - mean)`` (arXiv 1812.04948, app. B). NOTE[DIFF]: the mean of the class, not of all.
        """
        own = self._point(inputs["z"], y, inputs.get("psi"))[:, :, None]
        layers = len(self.synthesis.maps)
        cut = inputs.get("cut")
        if cut is None:
            return own.expand(-1, -1, layers, -1)
        other = self._point(inputs["other"], inputs.get("donor", y), inputs.get("psi"))[:, :, None]
        coarse = torch.arange(layers, device=cut.device) < cut[..., None]
        return torch.where(coarse[..., None], own, other)

    def _point(self, z: Tensor, y: Tensor, psi: Tensor | None) -> Tensor:
        w = self.mapping(z, y)
        if psi is None:
            return w
        centre = self.centre.gather(1, y[..., None].expand(-1, -1, w.shape[-1]))
        return torch.lerp(centre, w, psi[..., None].to(w.dtype))

    def forward(self, inputs: dict[str, Tensor], y: Tensor) -> Tensor:
        return self.synthesis(self.styles(inputs, y), inputs["noise"])

    @torch.no_grad()
    def follow(self, z: Tensor, y: Tensor) -> None:
        """Move the mean w of the classes of a whole batch, ``z (M, B, noise), y (M, B)``, towards that of the batch."""
        w, of = self.mapping(z, y), F.one_hot(y, self.centre.shape[1]).to(z.dtype).transpose(1, 2)
        count, total = of.sum(2), of @ w
        distributed.sum_([count, total])
        self.seen.add_(count > 0)
        share = (1 / self.seen.clamp(min=1)).clamp(min=self.forgets)[..., None]
        mean = total / count.clamp(min=1)[..., None]
        self.centre.copy_(torch.where(count[..., None] > 0, torch.lerp(self.centre, mean, share), self.centre))

    @torch.no_grad()
    def follow_path(self, lengths: Tensor, forgets: float = 0.01) -> None:
        """Move the mean path length towards that of a whole batch ``(M, B)`` (arXiv 1912.04958, app. B)."""
        mean = lengths.mean(1)
        distributed.average_([mean])
        self.path.copy_(torch.where(self.path > 0, torch.lerp(self.path, mean, forgets), mean))
