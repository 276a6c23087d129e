"""Filling holes in images: a context encoder (Pathak et al. 2016, arXiv 1604.07379).

An encoder sees an image with a rectangle cut out, and where; a decoder fills it so that it is near what was there and
the whole passes for a real image of the class. What is known stays as it is. NOTE[DIFF]: the encoder's finer maps reach
the decoder (U-Net), noise and class join at the coarsest map, and the discriminator sees the whole image, filled, as a
hole that fits its surroundings is what is wanted. Partial convolutions (Liu et al. 2018, arXiv 1804.07723) are for
holes of any form in large images; here the mask is a channel.

Shape legend: M members, B images of a batch, C channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.encode import ImageLayout
from ganaug.gan import Adam, Change, Draw, EmittedImages, Gan, Penalty, Tensors
from ganaug.image_game import adversarial_phases, blocks_of, conv_critic, lazy_gradients, play
from ganaug.masked_sources import HoledImages, known_pixels, normal
from ganaug.nets import MemberEmbedding, MemberLinear
from ganaug.nets.conv import MemberConv2d
from ganaug.nets.images import SLOPE, Decoder, Encoder, levels_of, widths_of

__all__ = ["compose"]

EMBEDDING = 32


class _Filler(nn.Module):
    """Images, ``known (M, B, 1, H, W)``, noise ``z (M, B, noise)`` and classes -> images with the rest filled in."""

    def __init__(self, config: Any, layout: ImageLayout, *, members: int, n_classes: int) -> None:
        super().__init__()
        levels = levels_of(layout.height, layout.width)
        shape: dict[str, Any] = {"height": layout.height, "width": layout.width, "channels": config.channels}
        shape |= {"levels": levels, **blocks_of(config, layout)}
        widths = widths_of(config.channels, levels)
        deep = widths[-1]
        self.encoder = Encoder(members, layout.channels + 1, **shape)
        self.embedding = MemberEmbedding(members, n_classes + 1, EMBEDDING)
        self.shift = MemberLinear(members, config.noise + EMBEDDING, deep)
        self.mix = MemberConv2d(members, deep, deep)
        self.decoder = Decoder(members, deep, layout.channels, beside=widths, **shape)

    def forward(self, images: Tensor, known: Tensor, z: Tensor, y: Tensor) -> Tensor:
        shown = torch.cat([images * known, known.float()], dim=2)
        maps = self.encoder(shown)
        h = maps[-1] + self.shift(torch.cat([z, self.embedding(y)], dim=-1))[..., None, None]
        h = h + F.leaky_relu(self.mix(h), SLOPE)
        return torch.where(known, images, self.decoder(h, maps).tanh())


@dataclass(frozen=True)
class _Game:
    """What is filled in, and how far it is from what was there."""

    config: Any
    n_classes: int
    size: tuple[int, int]

    def _known(self, u: Tensor) -> Tensor:
        return known_pixels(u, self.size, least=self.config.least, most=self.config.most)

    def made(self, networks: nn.ModuleDict, draw: Draw) -> Tensor:
        """Cut a hole into each image of the draw, withhold some classes, and fill in."""
        u = draw.uniform(5 + self.config.noise)
        known = self._known(u[..., :4])
        y = torch.where(u[..., 4] < self.config.withheld, self.n_classes, draw.y)
        filled = networks["generator"](draw.real, known, normal(u[..., 5:]), y)
        draw.cache.update(known=known, filled=filled)
        return filled

    def restored(self, networks: nn.ModuleDict, draw: Draw) -> Tensor:
        """Return the mean absolute error of the pixels of the hole ``(M, B)``.

        NOTE[DIFF]: the paper's is the squared error (eq. 1), which blurs more.
        """
        return _in_hole((draw.cache["filled"] - draw.real).abs(), draw.cache["known"])

    def error(self, networks: nn.ModuleDict, real: Tensor, y: Tensor, rng: torch.Generator) -> Tensor:
        """Return the mean squared error of the pixels of random holes ``(M, B)``, by which the best step is chosen."""
        u = torch.rand(*y.shape, 4 + self.config.noise, generator=rng, device=y.device)
        known = self._known(u[..., :4])
        filled = networks["generator"](real, known, normal(u[..., 4:]), y)
        return _in_hole((filled - real).square(), known)

    def change(self, networks: nn.ModuleDict, given: Tensors, y: Tensor, rng: torch.Generator) -> EmittedImages:
        """Fill in what is not known of given images."""
        z = torch.randn(*y.shape, self.config.noise, generator=rng, device=y.device)
        y = torch.where(y < 0, self.n_classes, y)
        return EmittedImages(networks["generator"](given["images"], given["known"], z, y))


def _in_hole(difference: Tensor, known: Tensor) -> Tensor:
    """Return the mean over the pixels that are not known, ``(M, B, C, H, W) -> (M, B)``."""
    hole = (~known).float()
    return (difference * hole).flatten(2).sum(2) / (hole.flatten(2).sum(2) * difference.shape[2]).clamp(min=1)


def _generate(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> Tensor:
    return networks["generator"](inputs["images"], inputs["known"], inputs["z"], y)


def _emit(networks: nn.ModuleDict, inputs: Tensors, y: Tensor) -> EmittedImages:
    return EmittedImages(_generate(networks, inputs, y))


def compose(
    config: Any, layout: ImageLayout, source: HoledImages, *, steps: int, n_classes: int, seeds: Sequence[int]
) -> Gan:
    """Set a generator that fills holes against a discriminator of whole images.

    ``config`` is that of `ganaug.variants.inpaint`.
    """
    members, game = len(seeds), _Game(config, n_classes, (layout.height, layout.width))
    filler = _Filler(config, layout, members=members, n_classes=n_classes)
    critic = conv_critic(config, layout, members=members, n_classes=n_classes)
    discriminate, generate = adversarial_phases(
        adam=Adam(learning_rate=config.learning_rate, betas=(0.0, 0.9), final_share=config.final_share),
        penalties=lazy_gradients(weight=config.gamma, interval=config.penalty_interval),
        made=game.made,
    )
    restoring = Penalty(name="restoring", term=game.restored, weight=config.restoring)
    phases = (discriminate, replace(generate, penalties=(restoring,)))
    gan = play(config, filler, critic, source, phases, steps=steps, seeds=seeds)
    gan.generate, gan.emit, gan.error = _generate, _emit, game.error
    gan.transform = Change(apply=game.change, masked=True)
    return gan
