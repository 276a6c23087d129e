"""Does training gain over its own untrained start? Large real tables made scarce, so that the test adds little noise.

    python -m tests.benchmarks.scarce --adult adult/train.parquet --out runs/scarce

Of each table a few draws of training rows, the rarer class scarce among them, are augmented and judged on other real
rows of the table, of which there are thousands. Every arm of a draw has the same seeds, so that the trained generator
differs from its start by its training alone. ``--adult`` names a Parquet file of Adult (Becker and Kohavi 1996, UCI
Machine Learning Repository) with the columns that `tests.benchmarks.tables_speed` lists; it is left out if not given.

Every finished table is a Parquet file in the output folder, so a call that was broken off goes on where it stopped. At
the end ``scarce.parquet`` holds every (table, draw, arm, learner), and ``scarce.md`` what is printed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import typer
from sklearn.datasets import load_breast_cancer

from ganaug import __version__
from ganaug.data import TableData, read_table, row_hashes
from ganaug.evaluate.arms import NOTHING, make_arm
from ganaug.learners import DEFAULT_LEARNERS, Job, Part, Runner, Training, assemble, labels_of
from ganaug.learners.scoring import Scoring, rarer
from ganaug.policy import Candidate, GanAugmenter, candidate_trainings
from ganaug.seeding import derive, numpy_rng
from ganaug.variants import anchored
from tests.benchmarks import folder, keel
from tests.benchmarks.lineup import ANCHORED, QUICK_STEPS, UNTRAINED
from tests.benchmarks.measuring import capped_threads
from tests.benchmarks.scarce_page import SMOTE, arm_name, labels, markdown

__all__ = ["AMOUNTS", "Settings", "main", "measure", "thin"]

AMOUNTS = (Candidate(ratio=0.1), Candidate(ratio=0.5), Candidate(ratio=0.5, keep=0.5))
"""Every generator's, each time from the same fit."""
QUICK: dict[str, Any] = {
    "draws": 2,
    "common": 60,
    "scarce": 12,
    "test_rows": 200,
    "config": anchored.Config(steps=QUICK_STEPS),
}


class Sizes(Protocol):
    """How many rows are drawn; see `Settings`."""

    @property
    def common(self) -> int: ...
    @property
    def scarce(self) -> int: ...
    @property
    def test_rows(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a table's numbers depend on; those of a finished table must be the same for it to be taken over."""

    draws: int
    common: int
    """Training rows of the common class in each draw."""
    scarce: int
    test_rows: int
    """Real rows that a draw is judged on, at most."""
    config: anchored.Config
    """Of the trained generator."""
    seed: int
    ganaug: str = __version__

    @property
    def sentence(self) -> str:
        """What was drawn, for people."""
        return (
            f"Of each table {self.draws} draws of {self.common} rows of the common class and {self.scarce} of the "
            f"scarce one, judged on up to {self.test_rows:,} other real rows."
        )

    @property
    def augmenters(self) -> tuple[GanAugmenter, ...]:
        """The variant without and with its training."""
        return (
            GanAugmenter(variant=replace(self.config, steps=0), name=UNTRAINED),
            GanAugmenter(variant=self.config, name=ANCHORED),
        )


@dataclass(frozen=True)
class Smote:
    """The check's SMOTE (SMOTENC for mixed columns) as a generator, so that its amounts and its filter are ours."""

    part: Part

    def sample_table(self, codes: np.ndarray, *, seed: int) -> pa.Table:
        """Return so many rows of the scarce class, which all ``codes (n,)`` must be."""
        counts = np.bincount(self.part.codes)
        assert np.all(codes == counts.argmin())
        # A lot makes the classes equal.
        seeds = [derive(seed, lot) for lot in range(-(-len(codes) // int(counts.max() - counts.min())))]
        lots = [make_arm("smote").training(self.part, DEFAULT_LEARNERS, one).extra for one in seeds]
        rows = np.concatenate([np.asarray(lot) for lot in lots])[: len(codes)]
        return assemble(self.part.preparation.inverse(rows), codes, self.part.schema)


def thin(codes: np.ndarray, settings: Sizes, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw training rows, the rarer of two classes the scarce one, and test rows among all others.

    The test rows have the class shares of the whole table, not those of the training rows.
    """
    code = rarer(codes, 2)
    own, others = np.flatnonzero(codes == code), np.flatnonzero(codes != code)
    if len(own) <= settings.scarce or len(others) <= settings.common:
        raise ValueError(
            f"more than {settings.scarce} and {settings.common} rows are needed, however: {len(own)}, {len(others)}"
        )
    train = np.concatenate(
        [rng.choice(others, settings.common, replace=False), rng.choice(own, settings.scarce, replace=False)]
    )
    rest = np.setdiff1d(np.arange(len(codes)), train)
    return train, rng.choice(rest, min(settings.test_rows, len(rest)), replace=False)


def read_distinct(frame: pd.DataFrame) -> TableData:
    """Read the rows of a frame without those whose features an earlier row has."""
    rows = read_table(frame, target=keel.CLASS, id_columns=[])
    first = np.unique(row_hashes(rows.table, rows.schema.feature_names), return_index=True)[1]
    return replace(rows, table=rows.table.take(pa.array(np.sort(first))))


def measure(rows: TableData, settings: Settings) -> pd.DataFrame:
    """Return the average precision of every draw, arm and learner on one table of two classes.

    The generators of all draws are trained as one batch.
    """
    codes = rows.schema.label_codes(rows.table)
    parts = [
        Part(rows.table, rows.schema, *thin(codes, settings, numpy_rng(settings.seed, "rows", draw)))
        for draw in range(settings.draws)
    ]
    seeds = [derive(settings.seed, "draw", draw) for draw in range(settings.draws)]
    tables = [part.table for part in parts]
    fitted: dict[str, list[Any]] = {SMOTE: [Smote(part) for part in parts]}
    for augmenter in settings.augmenters:
        fitted[augmenter.name] = augmenter.fit_many(tables, rows.schema, seeds, device="cpu")
    runner, records = Runner(1, n_jobs=1), []
    for draw, (part, seed) in enumerate(zip(parts, seeds, strict=True)):
        rule = Scoring.make(None, part.codes, labels_of(rows.schema))
        for arm, training in trainings(part, {name: made[draw] for name, made in fitted.items()}, seed):
            jobs = [Job.of(part, learner, training, derive(seed, "classifier")) for learner in DEFAULT_LEARNERS]
            for learner, outcome in zip(DEFAULT_LEARNERS, runner.run(jobs), strict=True):
                value = rule.score(part.held_codes, outcome.proba)
                where = {"draw": draw, "arm": arm, "learner": learner.name}
                records.append(where | {"metric": rule.name, "value": value})
    return pd.DataFrame(records)


def trainings(part: Part, generators: Mapping[str, Any], seed: int) -> Iterator[tuple[str, Training]]:
    """Yield every arm and the rows that classifiers are fitted on."""
    yield NOTHING, part.plain()
    for name, generator in generators.items():
        made = candidate_trainings(GanAugmenter(), generator, part, seed, candidates=AMOUNTS)
        yield from zip((arm_name(name, amount) for amount in AMOUNTS), made, strict=True)


def run(sources: Mapping[str, Callable[[], pd.DataFrame]], settings: Settings, out: Path) -> None:
    """Measure the tables that are not in ``out`` yet, in one thread."""
    for name, read in sources.items():
        if folder.finished(out, name, settings) is not None:
            typer.echo(f"{name}: finished before")
            continue
        started = time.perf_counter()
        rows = read_distinct(read())
        with capped_threads(1):
            records = measure(rows, settings)
        seconds = time.perf_counter() - started
        kinds = Counter(str(column.kind) for column in rows.schema.columns)
        about = {"rows": len(rows.table), "kinds": kinds, "labels": labels(AMOUNTS), "total": seconds}
        folder.keep(records, about, out, name, settings)
        typer.echo(f"{name}: {seconds:.0f} s")


def read_adult(path: Path) -> pd.DataFrame:
    """Read Adult with its class under the name that all tables' classes have."""
    return pd.read_parquet(path).rename(columns={"income": keel.CLASS})


def read_small() -> pd.DataFrame:
    """Return five columns of a table that scikit-learn ships."""
    bunch: Any = load_breast_cancer(as_frame=True)
    return bunch.data.iloc[:, :5].assign(**{keel.CLASS: bunch.target.map({0: "positive", 1: "negative"})})


def main(
    tables: Annotated[str, typer.Option(help="Names between commas; all if empty.")] = "",
    adult: Annotated[Path | None, typer.Option(help="Parquet file of Adult.", exists=True, dir_okay=False)] = None,
    draws: Annotated[int, typer.Option(min=1, help="Draws of training rows a table.")] = 6,
    common: Annotated[int, typer.Option(min=2, help="Training rows of the common class.")] = 600,
    scarce: Annotated[int, typer.Option(min=2, help="Training rows of the scarce class.")] = 30,
    test_rows: Annotated[int, typer.Option(min=100, help="Other real rows to judge on, at most.")] = 3000,
    steps: Annotated[int, typer.Option(min=0, help="Training steps.")] = anchored.Config().steps,
    seed: Annotated[int, typer.Option(min=0, help="Of draws, generators and classifiers.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder of what was measured; taken over if there.")] = Path("runs/scarce"),
    quick: Annotated[bool, typer.Option(help="A smoke run: a small table, two draws, hardly trained.")] = False,
) -> None:
    """Make large real tables scarce, augment them, and print what came out, as Markdown."""
    config = anchored.Config(steps=steps)
    settings = Settings(draws=draws, common=common, scarce=scarce, test_rows=test_rows, config=config, seed=seed)
    known: dict[str, Callable[[], pd.DataFrame]] = {s.name: partial(keel.read, s) for s in keel.LARGE}
    if adult is not None:
        known = {"adult": partial(read_adult, adult), **known}
    if quick:
        known, out, settings = {"breast_cancer": read_small}, out / "quick", replace(settings, **QUICK)
    names = [name.strip() for name in tables.split(",") if name.strip()] or list(known)
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"unknown tables: {', '.join(unknown)}; known are: {', '.join(known)}")
    try:
        run({name: known[name] for name in names}, settings, out)
    except ModuleNotFoundError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error
    results = folder.collect(names, settings, out, "scarce.parquet")
    assert results is not None, "a table was finished"
    page = markdown(results, AMOUNTS, settings.sentence)
    (out / "scarce.md").write_text(page, "utf-8")
    typer.echo("\n" + page)


if __name__ == "__main__":
    typer.run(main)
