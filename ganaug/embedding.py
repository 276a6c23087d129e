"""A small convolutional classifier, fitted on real images: where images are compared, judged and looked at.

Shape legend: N images, B images of a batch, C channels, H and W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn
from torch.nn.utils import skip_init

from ganaug import seeding

__all__ = ["EMBEDDING_WIDTH", "Embedding", "shrink"]

EMBEDDING_WIDTH = 64
MAX_SIDE = 32
"""Larger images are averaged down to at most this side before anything is learnt from them."""
STEPS = 160
BATCH = 64
RATE = 4e-3
"""The peak of a one-cycle schedule (Smith and Topin, 2018, arXiv 1708.07120)."""
SHIFT = 1 / 8
"""Largest move of a training image, as a share of its side."""
STATISTICS = 4096
"""Images, evenly spaced, that the mean and the scale of the channels are taken from."""
CHUNK = 1024
"""Images that are embedded at a time."""


def shrink(pixels: np.ndarray) -> np.ndarray:
    """Return images in [0, 1], averaged over whole blocks so that no side is longer than `MAX_SIDE`.

    **Shape**: uint8 (n, h, w, c) -> float32 (n, h', w', c); blocks at the lower and right edge may be cut off ones.

    >>> shrink(np.full((1, 40, 20, 3), 255, np.uint8)).shape
    (1, 20, 10, 3)
    """
    n, height, width, channels = pixels.shape
    block = -(-max(height, width) // MAX_SIDE)
    if block == 1:
        return pixels.astype(np.float32) / 255
    out = np.empty((n, -(-height // block), -(-width // block), channels), np.float32)
    for start in range(0, n, CHUNK):
        part = torch.from_numpy(pixels[start : start + CHUNK].astype(np.float32)).permute(0, 3, 1, 2)
        pooled = F.avg_pool2d(part, block, ceil_mode=True, count_include_pad=False)
        out[start : start + CHUNK] = pooled.permute(0, 2, 3, 1).numpy() / 255
    return out


class Embedding:
    """A classifier of images of one size, and the 64 numbers that it decides by.

    Three convolutions and a hidden layer, trained with batches in which every class is as frequent as any other, on
    images that are moved by up to an eighth of their side. With a single class there is nothing to classify: it then
    learns to tell by how many quarter turns an image was turned (Gidaris et al., 2018, arXiv 1803.07728), on the
    middle square of images that are not square. A fit on 1,000 images of 28 x 28 takes about 2 s in one thread.

    Everything runs in one thread, whatever the process has set, so that the bits do not depend on it.

    Examples:
        >>> images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
        >>> embedding = Embedding.fit(images, np.arange(20) % 2, 2, seed=0)
        >>> embedding.transform(images).shape, embedding.proba(images).shape
        ((20, 64), (20, 2))
    """

    def __init__(self, network: nn.Module, shape: tuple[int, ...], n_classes: int, mean: Tensor, scale: Tensor) -> None:
        self._network = network
        self._mean, self._scale = mean, scale
        self.shape = shape
        """(h, w, c) of the images."""
        self.n_classes = n_classes

    @classmethod
    def fit(cls, pixels: np.ndarray, codes: np.ndarray, n_classes: int, *, seed: int = 0) -> Embedding:
        """Fit on images and their class codes; the same images in the same order and the same seed give the same bits.

        **Shape**: pixels uint8 (n, h, w, c), codes (n,) in [0, n_classes); classes without images are allowed.

        Raises:
            ValueError: there is no image, or not one code an image.
        """
        if pixels.ndim != 4 or len(pixels) == 0 or pixels.dtype != np.uint8:
            raise ValueError(f"uint8 images (n, h, w, c) are needed, however: {pixels.shape=}, {pixels.dtype=}")
        if codes.shape != (len(pixels),):
            raise ValueError(f"one code an image is needed, however: {codes.shape=} for {len(pixels)} images")
        with _one_thread():
            some = _tensor(pixels[:: -(-len(pixels) // STATISTICS)])
            mean = some.mean(dim=(0, 2, 3), keepdim=True)
            scale = some.std(dim=(0, 2, 3), keepdim=True, unbiased=False).clamp_min(1 / 255)
            rng, turning = seeding.torch_rng(seed, "embedding"), len(np.unique(codes)) == 1
            network = _Network(some.shape[1], 4 if turning else n_classes, max(some.shape[2:]), rng)
            batches = _turned(pixels, rng) if turning else _balanced(pixels, codes, rng)
            _train(network, (((x - mean) / scale, y) for x, y in batches))
        return cls(network, pixels.shape[1:], n_classes, mean, scale)

    def transform(self, pixels: np.ndarray) -> np.ndarray:
        """Return the hidden layer's values. **Shape**: uint8 (n, h, w, c) -> float64 (n, 64), none below 0."""
        return self._run(pixels)[0]

    def proba(self, pixels: np.ndarray) -> np.ndarray:
        """Return class probabilities as if all classes were as frequent. **Shape**: uint8 (n, h, w, c) -> (n, K).

        All ones where there is one class.
        """
        return self._run(pixels)[1]

    def _run(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if pixels.shape[1:] != self.shape:
            raise ValueError(f"images (n, {', '.join(map(str, self.shape))}) are needed, however: {pixels.shape=}")
        hidden, proba = np.empty((len(pixels), EMBEDDING_WIDTH)), np.ones((len(pixels), self.n_classes))
        with _one_thread(), torch.inference_mode():
            for start in range(0, len(pixels), CHUNK):
                part = slice(start, start + CHUNK)
                values, logits = self._network((_tensor(pixels[part]) - self._mean) / self._scale)
                hidden[part] = values.double().numpy()
                if logits.shape[1] == self.n_classes:
                    proba[part] = logits.double().softmax(dim=1).numpy()
        return hidden, proba


class _Network(nn.Module):
    """Convolutions that halve the image, 2 x 2 means of it, a hidden layer, logits.

    **Shape:** ``(B, C, H, W) -> (B, 64), (B, K)``.
    """

    def __init__(self, channels: int, n_classes: int, side: int, rng: torch.Generator) -> None:
        super().__init__()
        widths = (channels, 16, 32, EMBEDDING_WIDTH)
        strides = (2 if side > 16 else 1, 2, 1)
        self.convolutions = nn.ModuleList(
            skip_init(nn.Conv2d, i, o, 3, stride=s, padding=1, bias=False)
            for i, o, s in zip(widths, widths[1:], strides, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for o in widths[1:])
        self.hidden = skip_init(nn.Linear, 4 * EMBEDDING_WIDTH, EMBEDDING_WIDTH, bias=False)
        self.norm = nn.BatchNorm1d(EMBEDDING_WIDTH)
        self.out = skip_init(nn.Linear, EMBEDDING_WIDTH, n_classes)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=rng)
        nn.init.zeros_(self.out.get_parameter("bias"))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x)))
        hidden = F.relu(self.norm(self.hidden(F.adaptive_avg_pool2d(x, 2).flatten(1))))
        return hidden, self.out(hidden)


def _train(network: nn.Module, batches: Iterator[tuple[Tensor, Tensor]]) -> None:
    """Take `STEPS` steps, then leave the network as it is to be used."""
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS + 1, pct_start=0.25)
    for _ in range(STEPS):
        x, y = next(batches)
        loss = F.cross_entropy(network(x)[1], y, label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval().requires_grad_(False)


def _balanced(pixels: np.ndarray, codes: np.ndarray, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw classes alike, one image of each class drawn, and move it."""
    order = np.argsort(codes, kind="stable")
    found = np.unique(codes[order], return_index=True, return_counts=True)
    present, start, count = (torch.from_numpy(a).long() for a in found)
    while True:
        drawn = torch.randint(len(present), (BATCH,), generator=rng)
        u = torch.rand(BATCH, generator=rng, dtype=torch.float64)
        rows = order[(start[drawn] + (u * count[drawn]).long()).numpy()]
        yield _moved(_tensor(pixels[rows]), rng), present[drawn]


def _turned(pixels: np.ndarray, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw images, cut to their middle square, and turn each by 0 to 3 quarters."""
    side = min(pixels.shape[1:3])
    top, left = (pixels.shape[1] - side) // 2, (pixels.shape[2] - side) // 2
    while True:
        rows = torch.randint(len(pixels), (BATCH // 4,), generator=rng).numpy()
        moved = _moved(_tensor(pixels[rows, top : top + side, left : left + side]), rng)
        turned = torch.cat([torch.rot90(moved, k, (2, 3)) for k in range(4)])
        yield turned, torch.arange(4).repeat_interleave(len(rows))


def _moved(x: Tensor, rng: torch.Generator) -> Tensor:
    """Move every image by its own whole pixels, edges repeated. **Shape**: (B, C, H, W)."""
    n, _, height, width = x.shape
    index = []
    for side in (height, width):
        most = max(1, int(side * SHIFT))
        by = torch.randint(-most, most + 1, (n, 1), generator=rng)
        index.append((torch.arange(side) + by).clamp(0, side - 1))
    rows, columns = index
    return x[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _tensor(pixels: np.ndarray) -> Tensor:
    """**Shape**: uint8 (n, h, w, c) -> float32 (n, c, h', w')."""
    return torch.from_numpy(shrink(pixels)).permute(0, 3, 1, 2).contiguous()


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def _one_thread() -> Iterator[Any]:
    """Use one thread here; nothing is left changed."""
    with _controller().limit(limits=1):
        yield
