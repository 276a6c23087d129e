"""Translators: a row, or an image, of one class in, one of another class out.

Both are told the class that they start from and the class asked for, and noise, so that one row can give several.
Shape legend: M members, B rows of a batch, C continuous dimensions (or channels), D dimensions of a row, H of its 0/1
blocks.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug.nets.blocks import MemberEmbedding, MemberLinear
from ganaug.nets.conditioning import ConditionalMLP
from ganaug.nets.conv import MemberConv2d
from ganaug.nets.images import SLOPE, Decoder, Encoder, Kind, Precision, levels_of, widths_of
from ganaug.nets.onehot import OneHot
from ganaug.nets.rows import best_codes, gumbel, relax

__all__ = ["ImageTranslator", "RowTranslator"]


class _Modulated(nn.Module):
    """A convolution beside the identity, whose output is scaled and shifted by a condition.

    **Shape:** ``h (M, B, C, h, w), condition (M, B, I) -> (M, B, C, h, w)``.
    """

    def __init__(self, members: int, channels: int, n_condition: int) -> None:
        super().__init__()
        self.conv = MemberConv2d(members, channels, channels)
        self.scale = MemberLinear(members, n_condition, channels)
        self.shift = MemberLinear(members, n_condition, channels)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        scale, shift = (layer(condition)[..., None, None] for layer in (self.scale, self.shift))
        return h + F.leaky_relu(self.conv(h) * (1 + scale) + shift, SLOPE)


class ImageTranslator(nn.Module):
    """Encode, modulate the coarsest map ``depth`` times by classes and noise, decode, and add that to the image.

    ``x + 2 tanh(R(x, from, to, z))``, where black to white is 2. What leaves [-1, 1] is seen by the discriminator and
    clipped only in what is drawn: a clipped pixel has no gradient. A painting with a learnt opacity in its place
    (Pumarola et al. 2018, arXiv 1807.09251) stayed at opacity 0 where the cycle loss first brought it.

    **Shape:** ``inputs["x"] (M, B, C, H, W)``, ``inputs["from"], y (M, B)``, ``inputs["z"] (M, B, noise)`` ->
    ``(M, B, C, H, W)`` in [-3, 3].
    """

    def __init__(
        self,
        members: int,
        size: tuple[int, int, int],
        *,
        noise: int,
        embedding: int,
        n_classes: int,
        channels: int,
        depth: int,
        kind: Kind,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        n_out, height, width = size
        levels = levels_of(height, width)
        shape: dict[str, Any] = {"height": height, "width": width, "channels": channels, "levels": levels}
        shape |= {"kind": kind, "precision": precision}
        widths = widths_of(channels, levels)
        self.encoder = Encoder(members, n_out, **shape)
        self.sources, self.targets = (MemberEmbedding(members, n_classes, embedding) for _ in range(2))
        condition = noise + 2 * embedding
        self.middle = nn.ModuleList(_Modulated(members, widths[-1], condition) for _ in range(depth))
        self.decoder = Decoder(members, widths[-1], n_out, beside=widths, **shape)

    def forward(self, inputs: dict[str, Tensor], y: Tensor) -> Tensor:
        x = inputs["x"]
        condition = torch.cat([inputs["z"], self.sources(inputs["from"]), self.targets(y)], dim=-1)
        maps = self.encoder(x)
        h = maps[-1]
        for block in self.middle:
            h = block(h, condition)
        out = self.decoder(h, maps)
        return x + 2 * out.tanh()


class RowTranslator(nn.Module):
    """Numbers and, for every code, a score, each added to what the row has; codes are drawn by a Gumbel maximum.

    ``temperature`` and ``sharpness`` are those of `ganaug.nets.rows.RowGenerator`; ``hold`` is how much the score of
    the code that the row has is ahead of the others before anything is learnt.
    """

    def __init__(
        self,
        members: int,
        view: OneHot,
        *,
        n_codes: int,
        noise: int,
        n_classes: int,
        width: int,
        depth: int,
        temperature: float,
        sharpness: float,
        hold: float,
    ) -> None:
        super().__init__()
        self.view, self.n_codes = view, n_codes
        self.temperature, self.sharpness, self.hold = temperature, sharpness, hold
        self.n_hot = view.n_hot
        self.sources = MemberEmbedding(members, n_classes, 16)
        n_in = view.n_dims + noise + 16
        self.network = ConditionalMLP(members, n_in, view.n_dims, n_classes=n_classes, width=width, depth=depth)

    def forward(self, x: Tensor, z: Tensor, source: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return numbers ``(M, B, C)`` and scores ``(M, B, H)`` of rows ``x (M, B, D)`` brought to classes ``y``."""
        out = self.network(torch.cat([x, z, self.sources(source)], dim=-1), y)
        n = self.view.n_continuous
        return x[..., :n] + out[..., :n], self.hold * x[..., n:] + self.sharpness * out[..., n:]

    def drawn(self, inputs: dict[str, Tensor], y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same for the rows of a source, with the noise of a Gumbel draw on the scores."""
        x = self.view(inputs["continuous"], inputs["buckets"])
        continuous, scores = self(x, inputs["z"], inputs["from"], y)
        return continuous, scores + gumbel(inputs["v"][..., : self.n_hot])

    def relaxed(self, inputs: dict[str, Tensor], y: Tensor) -> Tensor:
        """Return translated rows in the discriminator's view ``(M, B, D)``; see `ganaug.nets.rows.relax`."""
        continuous, scores = self.drawn(inputs, y)
        return relax(self.view, continuous, scores, n_codes=self.n_codes, temperature=self.temperature)

    def codes(self, scores: Tensor) -> Tensor:
        """Return the best-scored code of every column ``(M, B, K)``."""
        return best_codes(self.view, scores, self.n_codes)
