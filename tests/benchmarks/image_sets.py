"""Image sets made scarce, as folds: in each some images of a class are learnt from, and all others judge.

scikit-learn's digits (Alpaydin and Kaynak 1998) and, given as Hugging Face's image Parquet, CIFAR-10 (Krizhevsky 2009)
in two profiles. Unlike the folds of a table, the draws leave thousands of images to judge by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.datasets import load_digits

from ganaug.data import TableData, read_images
from ganaug.seeding import numpy_rng

__all__ = ["IMAGE_SETS", "ImageSet"]

TESTED = 200
"""Images of a class that judge, at most."""


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """A set of images, and how many of them are learnt from."""

    name: str
    rows: int
    """Images to learn from, in each draw."""
    rarer: int
    columns: str
    wanted: Callable[[list[str], np.random.Generator], Mapping[int, int]]
    """(class names, a draw's generator) -> class code -> images to learn from."""
    transforms: tuple[str, ...]
    """What leaves their labels as they are."""

    @property
    def family(self) -> str:
        """``"digits"`` or ``"cifar"``."""
        return self.name.partition("-")[0]

    def read(self, cifar: Path | None, *, side: int) -> TableData:
        """Read the images; digits are enlarged to ``side`` pixels.

        Raises:
            ValueError: CIFAR-10 is wanted and no file was named.
        """
        if self.name == "digits":
            images, labels = load_digits(return_X_y=True)
            pixels = np.rint(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
            return read_images((pixels, labels), size=(side, side))
        if cifar is None:
            raise ValueError("CIFAR-10 comes from a Parquet file; give its path with --cifar")
        data = read_images(str(cifar))
        codes, names = data.schema.label_codes(data.table), np.array(data.schema.class_names())
        rng = numpy_rng(0, "images")
        wanted = self.wanted(names.tolist(), rng)
        cap = 2 * (max(wanted.values()) + TESTED)
        kept = np.concatenate([rng.permutation(np.flatnonzero(codes == code))[:cap] for code in sorted(wanted)])
        pixels = data.schema.pixels(data.table.take(pa.array(kept)).combine_chunks())
        return read_images((pixels, names[codes[kept]]))

    def draws(self, data: TableData, n: int, *, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return ``n`` draws, (images to learn from, images that judge)."""
        codes, found = data.schema.label_codes(data.table), []
        for draw in range(n):
            rng = numpy_rng(seed, self.name, draw)
            train, test = [], []
            for code, count in self.wanted(data.schema.class_names(), rng).items():
                own = rng.permutation(np.flatnonzero(codes == code))
                train.append(own[:count])
                test.append(own[count : count + TESTED])
            found.append((np.sort(np.concatenate(train)), np.sort(np.concatenate(test))))
        return found


def _digits(names: list[str], rng: np.random.Generator) -> dict[int, int]:
    poor = set(rng.permutation(len(names))[:5].tolist())
    return {code: 10 if code in poor else 80 for code in range(len(names))}


def _five(names: list[str], rng: np.random.Generator) -> dict[int, int]:
    counts = {"airplane": 200, "automobile": 200, "ship": 200, "cat": 30, "horse": 30}
    return {names.index(name): n for name, n in counts.items()}


def _ten(names: list[str], rng: np.random.Generator) -> dict[int, int]:
    rare = ("bird", "deer", "truck")
    return {code: 15 if name in rare else 100 for code, name in enumerate(names)}


CROPS, FLIPS = ("shift", "crop"), ("shift", "crop", "flip")
IMAGE_SETS: tuple[ImageSet, ...] = (
    ImageSet(name="digits", rows=450, rarer=10, columns="5 x 80, 5 x 10", wanted=_digits, transforms=CROPS),
    ImageSet(name="cifar-5", rows=660, rarer=30, columns="3 x 200, 2 x 30", wanted=_five, transforms=FLIPS),
    ImageSet(name="cifar-10", rows=745, rarer=15, columns="7 x 100, 3 x 15", wanted=_ten, transforms=FLIPS),
)
