"""One variant on one draw of a set of `tests.benchmarks.variants`, in a process of its own: so its peak is known.

    python -m tests.benchmarks.variant_pairs JSON

is what the benchmark calls; the JSON is a `Pair`. Written: the pair's figures, and of images a sheet, a class a row.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from PIL import Image
from torch import nn

from ganaug import Synthesizer, variants
from ganaug.embedding import Embedding
from ganaug.errors import TrainingError
from ganaug.evaluate.sides import MIN_ROWS, Beside, Sides, copies, manifold
from ganaug.fitting import fit
from ganaug.metrics import class_score, frechet_distance, kernel_distance
from ganaug.metrics.space import MetricSpace
from ganaug.pixels import table_of, to_image
from ganaug.report.contact_sheet import contact_sheet
from ganaug.seeding import derive
from tests.benchmarks import folder, quality
from tests.benchmarks.variant_sets import Split
from tests.benchmarks.writing import peak_mib

__all__ = [
    "FIGURES",
    "Judge",
    "Pair",
    "Settings",
    "adds_rows",
    "draw_sheet",
    "measure",
    "measure_in_a_child",
    "psnr",
    "untrained",
]

FIGURES = (
    "frechet",
    "kernel",
    "inception",
    "precision",
    "recall",
    "density",
    "coverage",
    "label_accuracy",
    "copies",
)
TRAINED, UNTRAINED, REAL = "trained", "untrained", "real"
CELL, COLUMNS = 64, 10
"""Of a sheet: pixels of an image's side, and images of a class."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a pair's figures depend on; those of a finished pair must be the same for it to be taken over."""

    set: dict[str, Any]
    config: dict[str, Any]
    made: int
    """Rows generated of each class."""
    seed: int
    ganaug: str


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One variant on one draw of a set, in plain JSON values."""

    set: str
    modality: str
    variant: str
    draw: int
    out: str
    """The benchmark's folder, which holds the set's rows."""
    settings: Settings

    @property
    def name(self) -> str:
        """``"digits.hinge.0"``."""
        return f"{self.set}.{self.variant}.{self.draw}"

    @property
    def split(self) -> Path:
        """Where the rows of this draw are."""
        return Path(self.out) / "sets" / f"{self.set}.{self.draw}"

    @property
    def finished(self) -> dict[str, Any] | None:
        """What its file says about it, or None where there is none."""
        return folder.finished(Path(self.out), self.name, self.settings)


@dataclass(frozen=True)
class Judge:
    """What rows are looked at with; it knows real rows that no generator was shown, and nothing else."""

    split: Split
    points: Callable[[pa.Table], np.ndarray]
    """Rows -> points, between which distances mean something."""
    proba: Callable[[pa.Table], np.ndarray]
    """Rows -> probabilities of the classes."""
    seed: int

    @classmethod
    def fit(cls, split: Split, modality: str, *, seed: int) -> Judge:
        """Fit on the judging rows: of images our small convolutional classifier, of tables a gradient boosting."""
        schema, rows = split.schema, split.judging
        if modality == "images":
            codes = schema.label_codes(rows)
            seen = Embedding.fit(schema.pixels(rows), codes, schema.n_classes, seed=derive(seed, "judge"))
            return cls(split, lambda t: seen.transform(schema.pixels(t)), lambda t: seen.proba(schema.pixels(t)), seed)
        model = quality.boosting(rows.to_pandas(), schema.target, seed=derive(seed, "judge") % 2**31)
        order = np.argsort([schema.code_of(label) for label in model.classes_])
        space = MetricSpace.fit(rows, schema)

        def proba(table: pa.Table) -> np.ndarray:
            return model.predict_proba(table.to_pandas().drop(columns=schema.target))[:, order]

        return cls(split, space.points, proba, seed)

    def figures(self, made: pa.Table) -> dict[str, Beside]:
        """Return all figures of generated rows, each beside that of as many other real ones."""
        split, schema = self.split, self.split.schema
        rows = {"holdout": split.beside, "synthetic": made}
        sides = Sides.of({"train": split.judging, **rows}, schema, seed=self.seed, points=self.points)
        near = Sides.of({"train": split.shown, **rows}, schema, seed=self.seed, points=self.points)
        proba = {name: self.proba(sides.tables[name]) for name in rows}
        codes = {name: schema.label_codes(sides.tables[name]) for name in rows}
        real = sides.points["train"][sides.matched.train]

        def distance(measure: Callable[[np.ndarray, np.ndarray], float]) -> Beside:
            return sides.beside(lambda side, i: measure(real, sides.points[side][i]) if len(i) >= MIN_ROWS else None)

        return {
            "frechet": distance(frechet_distance),
            "kernel": distance(kernel_distance),
            "inception": sides.beside(lambda side, i: class_score(proba[side][i])),
            **manifold(sides, sides.matched.train),
            "label_accuracy": sides.beside(lambda side, i: float((proba[side][i].argmax(1) == codes[side][i]).mean())),
            "copies": copies(near)[0],
        }


def untrained(generator: Synthesizer, *, seed: int) -> Synthesizer:
    """Return the generator as it was before its first step."""
    gan = variants.get(generator.variant).build(
        generator.config, generator.layout, generator.source, n_classes=generator.schema.n_classes, seeds=[seed]
    )
    fresh = nn.ModuleDict({name: gan.networks[name] for name in gan.averaged}).state_dict()
    return replace(generator, weights=fresh)


def measure(pair: Pair) -> None:
    """Fit, draw, judge, and write the pair's file; a training that came to nothing is written, too, with its reason."""
    split, seed = Split.load(pair.split), pair.settings.seed
    config = variants.config_from_json(pair.variant, pair.settings.config)
    asked = np.repeat(np.arange(split.schema.n_classes), pair.settings.made)
    began, about = time.process_time(), {"set": pair.set, "variant": pair.variant, "failed": None}
    records: list[dict[str, Any]] = []
    try:
        generator = fit(split.shown, split.schema, variant=config, seed=seed, device="cpu")
    except TrainingError as error:
        about["failed"] = str(error)
    else:
        about["seconds"] = time.process_time() - began
        picture = Path(pair.out) / "pictures" / f"{pair.name}.png"
        if adds_rows(pair.variant):
            made = generator.sample_table(asked, seed=derive(seed, "rows"))
            about["peak_mib"] = peak_mib()
            if pair.modality == "images":
                draw_sheet(made, split.schema, picture)
            start = untrained(generator, seed=seed).sample_table(asked, seed=derive(seed, "rows"))
            records = _records(Judge.fit(split, pair.modality, seed=seed), {TRAINED: made, UNTRAINED: start})
        else:
            about |= _enlarged(generator, split, picture)
    about["total"] = time.process_time() - began
    frame = pd.DataFrame(records, columns=["variant", "side", *FIGURES]).assign(variant=pair.variant)
    folder.keep(frame, about, Path(pair.out), pair.name, pair.settings, table=pair.set)


def adds_rows(name: str) -> bool:
    """Return whether a variant draws rows, rather than changing given ones."""
    return getattr(variants.get(name), "ADDS_ROWS", True)


def _enlarged(generator: Any, split: Split, picture: Path) -> dict[str, float]:
    """Return the peak signal-to-noise ratio, in dB, of real rows beside brought down and enlarged again.

    ``psnr`` is that of the variant, ``psnr_bicubic`` that of bicubic interpolation.
    """
    schema, real = split.schema, split.schema.pixels(split.beside)
    small = _resized(real, generator.change.size, Image.Resampling.BOX)
    made = generator.transform(small, random_state=0)
    table = table_of(made, schema.label_codes(split.beside), schema)
    draw_sheet(table, schema, picture)
    bicubic = _resized(small, (schema.height, schema.width), Image.Resampling.BICUBIC)
    return {"peak_mib": peak_mib(), "psnr": psnr(real, made), "psnr_bicubic": psnr(real, bicubic)}


def _resized(images: np.ndarray, size: tuple[int, int], how: Image.Resampling) -> np.ndarray:
    """Return images ``(n, h, w, c)`` in another size."""
    found = [np.asarray(to_image(image).resize(size[::-1], how)) for image in images]
    return np.stack(found).reshape(len(images), *size, images.shape[3])


def psnr(real: np.ndarray, made: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of 8-bit images in dB, ``10 log10(255^2 / MSE)``, MSE over all pixels."""
    return float(10 * np.log10(255**2 / np.square(real.astype(np.float64) - made).mean()))


def _records(judge: Judge, made: Mapping[str, pa.Table]) -> list[dict[str, Any]]:
    """Return a record each of what was made, and one of the real rows beside."""
    found = {side: judge.figures(table) for side, table in made.items()}
    records = [{"side": side} | {name: f.synthetic for name, f in own.items()} for side, own in found.items()]
    return [*records, {"side": REAL} | {name: f.holdout for name, f in found[TRAINED].items()}]


def draw_sheet(table: pa.Table, schema: Any, path: Path) -> None:
    """Write a sheet of images, a class a row."""
    pixels, codes = schema.pixels(table), schema.label_codes(table)
    lines = [(name, pixels[codes == c][:COLUMNS]) for c, name in enumerate(schema.class_names())]
    zoom = max(1, CELL // max(schema.height, schema.width))
    path.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(lines, zoom=zoom, columns=COLUMNS).save(path, "PNG", optimize=True)


def measure_in_a_child(pair: Pair, *, threads: int, limit: float) -> str | None:
    """Run `measure` in a fresh process; return what went wrong, or None."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "tests.benchmarks.variant_pairs", json.dumps(asdict(pair))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60 * limit, env=environment)
    except subprocess.TimeoutExpired:
        return f"took more than {limit:g} minutes"
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    given = json.loads(sys.argv[1])
    measure(Pair(**{**given, "settings": Settings(**given["settings"])}))
