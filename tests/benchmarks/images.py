"""Image generators against class weights, oversampling, and oversampling with shifts and crops, on scarce real images.

    python -m tests.benchmarks.images --cifar cifar10/train.parquet --out runs/images

Two sets: scikit-learn's digits (Alpaydin and Kaynak 1998) brought to 28 x 28 pixels, five classes of 80 images and
five of 10; and, with ``--cifar``, CIFAR-10 (Krizhevsky 2009) as Hugging Face's image Parquet, three classes of 500
images and two of 30. Every draw is judged on real images that nothing was fitted on. Arms fill the small classes up to
the largest (x1), or add twice as much (x2). Written: ``images.parquet`` with every (set, draw, arm, classifier), and
``images.md``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
import typer
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from ganaug import variants
from ganaug.data import TableData, read_images
from ganaug.embedding import Embedding
from ganaug.evaluate.image_fidelity import image_fidelity
from ganaug.fitting import fit
from ganaug.image_schema import ImageSchema
from ganaug.learners import thread_cap
from ganaug.learners.scores import average_precision
from ganaug.pixels import table_of
from ganaug.seeding import derive, numpy_rng
from ganaug.transforms import transform_images

__all__ = ["DIGITS", "Scarce", "digits", "main", "measure"]

DIGITS = {"rich": 80, "poor": 10}
"""Images of a class; half of the ten classes are poor, others at every draw."""
CIFAR = {"airplane": 500, "automobile": 500, "ship": 500, "cat": 30, "horse": 30}
TESTED = 400
"""CIFAR images of a class that are judged on."""
QUICK_STEPS = 5


@dataclass(frozen=True)
class Scarce:
    """One draw: images to learn from, and others of the same schema to be judged on."""

    train: pa.Table
    test: pa.Table
    schema: ImageSchema

    @property
    def codes(self) -> np.ndarray:
        """Class codes of the images to learn from."""
        return self.schema.label_codes(self.train)


def split(data: TableData, wanted: Mapping[int, int], tested: int | None, rng: np.random.Generator) -> Scarce:
    """Draw ``wanted`` images of each class code to learn from, and of the others ``tested`` (None: all) of each."""
    schema: Any = data.schema
    codes = schema.label_codes(data.table)
    learnt, judged = [], []
    for code, n in wanted.items():
        own = rng.permutation(np.flatnonzero(codes == code))
        learnt.append(own[:n])
        judged.append(own[n:] if tested is None else own[n : n + tested])
    train, test = (data.table.take(pa.array(np.sort(np.concatenate(rows)))) for rows in (learnt, judged))
    return Scarce(train.combine_chunks(), test.combine_chunks(), schema)


def digits(draw: int, *, side: int) -> Scarce:
    """Draw scarce digits of ``side`` pixels, enlarged bilinearly."""
    rng = numpy_rng(draw, "digits")
    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    data = read_images((pixels, labels), size=(side, side))
    poor = set(rng.permutation(10)[:5].tolist())
    wanted = {c: DIGITS["poor" if c in poor else "rich"] for c in range(10)}
    return split(data, wanted, None, rng)


def cifar(path: Path, draw: int) -> Scarce:
    """Draw scarce CIFAR-10 images."""
    data = read_images(str(path))
    names = data.schema.class_names()
    wanted = {names.index(name): n for name, n in CIFAR.items()}
    rows = np.flatnonzero(np.isin(data.schema.label_codes(data.table), list(wanted)))
    table = data.table.take(pa.array(rows)).combine_chunks()
    return split(TableData(table=table, schema=data.schema), wanted, TESTED, numpy_rng(draw, "cifar"))


# ------------------------------------------------------------------------------------------------- arms
Extra = tuple[pa.Table | None, np.ndarray | None]
"""Images added, and weights of the real ones."""


def arms(scarce: Scarce, configs: Mapping[str, Any], seed: int) -> Iterator[tuple[str, Extra, float]]:
    """Give every arm's name, what it adds, and the seconds that it took."""
    codes, schema, train = scarce.codes, scarce.schema, scarce.train
    counts = np.bincount(codes, minlength=schema.n_classes)
    lacking = np.where(counts > 0, counts.max() - counts, 0)
    yield "nothing", (None, None), 0.0
    yield "class weights", (None, (len(codes) / np.maximum(counts, 1))[codes]), 0.0
    rng = numpy_rng(seed, "oversampling")
    rows = np.concatenate([rng.choice(np.flatnonzero(codes == c), n) for c, n in enumerate(lacking) if n])
    again = schema.pixels(train.take(pa.array(rows)).combine_chunks())
    yield "random oversampling", (table_of(again, codes[rows], schema), None), 0.0
    moved = transform_images(again, ("shift", "crop"), numpy_rng(seed, "moved"))
    yield "oversampling, shifts and crops", (table_of(moved, codes[rows], schema), None), 0.0
    for name, config in configs.items():
        began = time.perf_counter()
        generator = fit(train, schema, variant=config, seed=seed)
        seconds = time.perf_counter() - began
        for times in (1, 2):
            labels = np.repeat(np.arange(schema.n_classes), lacking * times)
            made = generator.sample_table(labels, seed=derive(seed, "rows", times))
            yield f"{name} x{times}", (made, None), seconds


def classifiers() -> dict[str, Any]:
    """Return what is fitted: two on pixels, one on the embedding of the real training images."""
    return {
        "logistic regression, pixels": LogisticRegression(max_iter=300, C=0.1),
        "random forest, pixels": RandomForestClassifier(200, n_jobs=1),
        "logistic regression, embedding": LogisticRegression(max_iter=300, C=0.1),
    }


def measure(scarce: Scarce, configs: Mapping[str, Any], *, seed: int) -> Iterator[dict[str, Any]]:
    """Give one record for every arm and classifier; ``fidelity`` figures stand with every arm that adds images."""
    schema, codes = scarce.schema, scarce.codes
    truth = schema.label_codes(scarce.test)
    embedding = Embedding.fit(schema.pixels(scarce.train), codes, schema.n_classes, seed=seed)

    def features(table: pa.Table, name: str) -> np.ndarray:
        pixels = schema.pixels(table)
        if name.endswith("embedding"):
            return embedding.transform(pixels)
        return pixels.reshape(len(pixels), -1) / np.float32(255)

    for arm, (extra, weight), seconds in arms(scarce, configs, seed):
        told = {"arm": arm, "seconds": seconds, **_looks(scarce, extra, seed)}
        labels = codes if extra is None else np.concatenate([codes, schema.label_codes(extra)])
        for name, model in classifiers().items():
            x = features(scarce.train, name)
            x = x if extra is None else np.concatenate([x, features(extra, name)])
            model = model.set_params(random_state=seed % 2**31)
            with thread_cap():
                proba = model.fit(x, labels, sample_weight=weight).predict_proba(features(scarce.test, name))
            scores = {"balanced_accuracy": balanced_accuracy_score(truth, model.classes_[proba.argmax(1)])}
            yield {**told, "classifier": name, **scores, "average_precision": average_precision(truth, proba)}


def _looks(scarce: Scarce, extra: pa.Table | None, seed: int) -> dict[str, float]:
    """Return the share of images recognised as the class asked for, and of near copies, beside held-out real ones."""
    if extra is None:
        return {}
    found = image_fidelity(scarce.train, scarce.test, extra, scarce.schema, seed=seed).to_json()["overall"]
    figures = {"recognised": found["recognised"], "near_copies": found["near_copies"]}
    return {
        name if side == "synthetic" else f"{name} real": pair[side]
        for name, pair in figures.items()
        for side in ("synthetic", "holdout")
        if pair[side] is not None
    }


# ------------------------------------------------------------------------------------------------- pages
def markdown(records: pd.DataFrame) -> str:
    """Return a table a set: means over the draws."""
    parts = []
    for name, own in records.groupby("set", sort=False):
        scores = own.pivot_table(
            index="arm", columns="classifier", values=["balanced_accuracy", "average_precision"], sort=False
        )
        looks = own.groupby("arm", sort=False).mean(numeric_only=True)
        kinds = list(classifiers())
        head = ["arm", *(f"{k}: balanced accuracy / average precision" for k in kinds), "recognised", "near copies"]
        lines = ["| " + " | ".join([*head, "fit, s"]) + " |", "|---" + "|---:" * (len(kinds) + 3) + "|"]
        for arm in dict.fromkeys(own["arm"]):
            cells = [
                f"{_cell(scores['balanced_accuracy'].loc[arm, k])} / {_cell(scores['average_precision'].loc[arm, k])}"
                for k in kinds
            ]
            row = looks.loc[arm]
            more = [f"{row.get('recognised', np.nan):.2f}", f"{row.get('near_copies', np.nan):.2f}"]
            seconds = f"{row['seconds']:.0f}" if row["seconds"] else ""
            lines.append("| " + " | ".join([arm, *cells, *(m.replace("nan", "") for m in more), seconds]) + " |")
        real = looks[["recognised real", "near_copies real"]].mean()
        lines.append(f"\nHeld-out real images: {real.iloc[0]:.2f} recognised, {real.iloc[1]:.2f} near copies.")
        parts.append(f"**{name}**, mean of {own['draw'].nunique()} draws\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _cell(value: float) -> str:
    return f"{value:.3f}".lstrip("0")


def main(
    cifar_path: Annotated[
        Path | None, typer.Option("--cifar", help="CIFAR-10 as image Parquet; left out if not given.", exists=True)
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Draws of training images a set.")] = 3,
    variant: Annotated[str, typer.Option(help="Variants between commas; all if empty.")] = "",
    out: Annotated[Path, typer.Option(help="Folder of results.")] = Path("runs/images"),
    threads: Annotated[int, typer.Option(min=0, help="Threads of torch; 0: as many as it takes.")] = 1,
    quick: Annotated[bool, typer.Option(help="A smoke run: 8 pixels, one draw, hardly trained.")] = False,
) -> None:
    """Measure image generators and cheap alternatives, and print what came out, as Markdown."""
    if threads:
        torch.set_num_threads(threads)
    names = [v.strip() for v in variant.split(",")] if variant else variants.names("images", adding=True)
    configs = {name: variants.resolve(name, "images")[1] for name in names}
    if quick:
        configs, draws = {name: replace(config, steps=QUICK_STEPS) for name, config in configs.items()}, 1
    sets: dict[str, Any] = {"digits": lambda draw: digits(draw, side=8 if quick else 28)}
    if cifar_path is not None:
        sets["CIFAR-10"] = lambda draw: cifar(cifar_path, draw)
    out.mkdir(parents=True, exist_ok=True)
    records: list[dict[str, Any]] = []
    for name, make in sets.items():
        for draw in range(draws):
            for record in measure(make(draw), configs, seed=derive(draw, name)):
                records.append({"set": name, "draw": draw, **record})
            frame = pd.DataFrame(records)
            frame.to_parquet(out / "images.parquet", index=False)
            typer.echo(f"{name}, draw {draw}: done", err=True)
    page = markdown(pd.DataFrame(records))
    (out / "images.md").write_text(page + "\n", "utf-8")
    typer.echo("\n" + page)


if __name__ == "__main__":
    typer.run(main)
