"""Is the product's verdict right? Large real sets made scarce, checked, augmented, and judged on other real rows.

    python -m tests.benchmarks.verdicts --adult adult/train.parquet --budget 60 --out runs/verdicts
    python -m tests.benchmarks.verdicts --adult adult/train.parquet --learner hist_gradient_boosting --out runs/boosting
    python -m tests.benchmarks.verdicts --images --cifar cifar10/train.parquet --draws 20 --out runs/verdicts_images

Of each table some draws of training rows are taken, one class scarce, and of each image set the draws of
`tests.benchmarks.image_sets`. On each the check is run as a user would run it (`ganaug.measure_effect`, the policy),
and its verdict is noted; then the policy chooses on the whole draw, and what it makes is added. The change of average
precision on many other real rows, mean over the classifiers (of tables a network too, unless ``--learner`` names one),
is the truth that the verdict is held against.

Every finished draw is a Parquet file in the output folder, so a call that was broken off goes on where it stopped. At
the end ``verdicts.parquet`` holds every (table, draw, arm, learner), and ``verdicts.md`` what is printed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import typer
from joblib import Parallel, delayed, parallel_config

from ganaug import ImageOptions, __version__, measure_effect, variants
from ganaug.data import TableData
from ganaug.evaluate.arms import NOTHING
from ganaug.learners import DEFAULT_IMAGE_LEARNERS, Job, Part, Runner, default_learners, labels_of
from ganaug.learners.scoring import Scoring
from ganaug.plans import draw_rows, fit_rows, plan_by_policy
from ganaug.policy import Policy
from ganaug.seeding import derive, numpy_rng
from ganaug.transforms import DEFAULT_TRANSFORMS
from tests.benchmarks import folder, keel
from tests.benchmarks.image_sets import IMAGE_SETS, ImageSet
from tests.benchmarks.lineup import LEARNERS, POLICY, QUICK_STEPS
from tests.benchmarks.measuring import capped_threads
from tests.benchmarks.scarce import read_adult, read_distinct, read_small, thin
from tests.benchmarks.verdicts_page import markdown

__all__ = ["SIZES", "Settings", "main", "measure"]

SIZES = ((800, 100), (400, 60), (200, 100), (600, 30), (300, 20))
"""Training rows of the common class and of the scarce one, draw by draw, from the start again after the last."""
DIGITS_SIDE = 8
"""Pixels of the digits, their own: enlarged ones take four times as long, 20 generators a check."""
QUICK: dict[str, Any] = {"draws": 2, "test_rows": 150, "sizes": ((80, 15),), "steps": QUICK_STEPS, "folds": 2}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a draw's numbers depend on, but for the number of draws."""

    draws: int
    test_rows: int
    """Real rows that a draw is judged on, at most."""
    sizes: tuple[tuple[int, int], ...]
    policy: str
    """With all its settings."""
    seed: int
    depth: str = "quick"
    """Of the check."""
    images: bool = False
    learner: str = ""
    """The one classifier that the user has, of those that judge; empty: the check's own, and all judge."""
    steps: int | None = None
    """Of the generators, in a smoke run."""
    folds: int | None = None
    """Of the check, in a smoke run."""
    ganaug: str = __version__

    @property
    def variant(self) -> Any:
        """What the policy trains."""
        if self.steps is None:
            return "auto"
        return replace(variants.resolve("auto", "images" if self.images else "tables")[1], steps=self.steps)


@dataclass(frozen=True)
class Size:
    """What `thin` wants to know."""

    common: int
    scarce: int
    test_rows: int


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A user's rows out of a large set, and the others that judge."""

    rows: TableData
    train: np.ndarray
    test: np.ndarray
    transforms: tuple[str, ...] = DEFAULT_TRANSFORMS


def measure(drawn: Drawn, draw: int, settings: Settings) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the truth of one draw (a row an arm and learner), and the check's verdict beside what was chosen."""
    started = time.perf_counter()
    rows, schema = drawn.rows, drawn.rows.schema
    own = replace(rows, table=rows.table.take(pa.array(drawn.train)).combine_chunks())
    learners = default_learners(schema) if settings.images else LEARNERS
    fixed: dict[str, Any] = {"device": "cpu", "n_jobs": 1}
    if settings.learner:
        # As a user gives it: without the learner's own limit on the rows of a tree.
        learners = tuple(replace(one, tree_rows=None) for one in learners if one.name == settings.learner)
        fixed["estimator"] = learners[0].estimator
    seed = derive(settings.seed, "draw", draw)
    checking: dict[str, Any] = {"depth": settings.depth, "cv": settings.folds, "random_state": seed, **fixed}
    if settings.images:
        checking["images"] = ImageOptions(transforms=drawn.transforms)
    effect = measure_effect(own, augmenter=Policy(variant=settings.variant), progress=False, **checking)
    checked = time.perf_counter() - started
    plan = plan_by_policy(own, variant=settings.variant, seed=seed, transforms=drawn.transforms, **fixed)
    synthesizer = fit_rows(own, variant=settings.variant, seed=seed, device="cpu", planned=plan) if plan.total else None
    made = draw_rows(synthesizer, plan, own, seed=derive(seed, "rows"), n_jobs=1)
    part = Part(rows.table, schema, drawn.train, drawn.test)
    rule, records = Scoring.make(None, part.codes, labels_of(schema)), []
    for arm, training in ((NOTHING, part.plain()), (POLICY, part.with_table(made) if len(made) else part.plain())):
        jobs = [Job.of(part, learner, training, derive(seed, "classifier")) for learner in learners]
        for learner, outcome in zip(learners, Runner(1, n_jobs=1).run(jobs), strict=True):
            value = rule.score(part.held_codes, outcome.proba)
            records.append({"draw": draw, "arm": arm, "learner": learner.name, "metric": rule.name, "value": value})
    counts = np.bincount(part.codes)
    ours: dict[str, Any] = next((arm for arm in effect.arms if arm["name"] == effect.ours), {})
    about = {
        "verdict": effect.verdict,
        "low": ours.get("low"),
        "high": ours.get("high"),
        "sentence": effect.sentence,
        "chosen": plan.candidate.name,
        "common": int(counts.max()),
        "scarce": int(counts.min()),
        "tested": len(drawn.test),
        "checked": checked,
        "total": time.perf_counter() - started,
        "labels": {NOTHING: "Nothing", POLICY: "the policy"},
    }
    return pd.DataFrame(records), about


def _measure(
    name: str, read: Callable[[int], Drawn], draw: int, settings: Settings, out: Path, threads: int, until: float
) -> str:
    if time.monotonic() > until:
        return ""
    with capped_threads(threads):
        records, about = measure(read(draw), draw, settings)
    folder.keep(records, about, out, f"{name}.{draw}", replace(settings, draws=0), table=name)
    return f"{name}.{draw}: {about['verdict']}, {about['chosen']}; {about['total']:.0f} s"


def _known(settings: Settings, files: Mapping[str, Path | None], *, quick: bool) -> dict[str, Callable[[int], Drawn]]:
    """Return what draws from each set, by its name; sets whose file was not named are left out."""
    if settings.images:
        sets = [s for s in IMAGE_SETS if s.family == "digits" or (files["cifar"] is not None and not quick)]
        return {s.name: partial(_images, s, files["cifar"], settings) for s in sets}
    readers: dict[str, Callable[[], pd.DataFrame]] = {s.name: partial(keel.read, s) for s in keel.LARGE}
    if files["adult"] is not None:
        readers = {"adult": partial(read_adult, files["adult"]), **readers}
    if quick:
        readers = {"breast_cancer": read_small}
    return {name: partial(_table, read, settings) for name, read in readers.items()}


def _table(read: Callable[[], pd.DataFrame], settings: Settings, draw: int) -> Drawn:
    rows, (common, scarce) = read_distinct(read()), settings.sizes[draw % len(settings.sizes)]
    codes, rng = rows.schema.label_codes(rows.table), numpy_rng(settings.seed, "rows", draw)
    train, test = thin(codes, Size(common, scarce, settings.test_rows), rng)
    return Drawn(rows=rows, train=train, test=test)


def _images(images: ImageSet, cifar: Path | None, settings: Settings, draw: int) -> Drawn:
    rows = images.read(cifar, side=DIGITS_SIDE)
    train, test = images.draws(rows, draw + 1, seed=settings.seed)[draw]
    return Drawn(rows=rows, train=train, test=test, transforms=images.transforms)


def main(
    tables: Annotated[str, typer.Option(help="Names between commas; all if empty.")] = "",
    adult: Annotated[Path | None, typer.Option(help="Parquet file of Adult.", exists=True, dir_okay=False)] = None,
    images: Annotated[bool, typer.Option(help="Image sets instead of tables; slow.")] = False,
    cifar: Annotated[Path | None, typer.Option(help="CIFAR-10 as image Parquet.", exists=True, dir_okay=False)] = None,
    depth: Annotated[Literal["quick", "thorough"], typer.Option(help="Of the check.")] = "quick",
    learner: Annotated[str, typer.Option(help="One classifier, as a user may have; all if empty.")] = "",
    draws: Annotated[int, typer.Option(min=1, help="Draws of training rows a table.")] = 5,
    test_rows: Annotated[int, typer.Option(min=100, help="Other real rows to judge on, at most.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="Of draws, generators and classifiers.")] = 0,
    budget: Annotated[float, typer.Option(help="Minutes after which no further draw is begun.")] = float("inf"),
    workers: Annotated[int, typer.Option(min=1, help="Draws measured side by side, each in a process.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of what was measured.")] = Path("runs/verdicts"),
    quick: Annotated[bool, typer.Option(help="A smoke run: a small table, two draws, hardly trained.")] = False,
) -> None:
    """Hold the check's verdicts against the truth, and print what came out, as Markdown."""
    judges = [judge.name for judge in (DEFAULT_IMAGE_LEARNERS if images else LEARNERS)]
    if learner and learner not in judges:
        raise typer.BadParameter(f"unknown classifier: {learner}; known are: {', '.join(judges)}")
    settings = Settings(
        draws=draws,
        test_rows=test_rows,
        sizes=SIZES,
        policy=repr(Policy()),
        seed=seed,
        depth=depth,
        images=images,
        learner=learner,
    )
    if quick:
        out, settings = out / "quick", replace(settings, **QUICK)
    known = _known(settings, {"adult": adult, "cifar": cifar}, quick=quick)
    names = [name.strip() for name in tables.split(",") if name.strip()] or list(known)
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"unknown tables: {', '.join(unknown)}; known are: {', '.join(known)}")
    key, until = replace(settings, draws=0), time.monotonic() + 60 * budget
    # A draw of every table before the second of any, so that a run that is cut has all kinds.
    every = [(name, draw) for draw in range(settings.draws) for name in names]
    left = [(name, draw) for name, draw in every if folder.finished(out, f"{name}.{draw}", key) is None]
    typer.echo(f"{len(every) - len(left)} of {len(every)} draws were finished before")
    try:
        with parallel_config("loky", inner_max_num_threads=threads):
            pool = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch=workers)
            found: Any = pool(delayed(_measure)(n, known[n], d, settings, out, threads, until) for n, d in left)
            for line in found:
                if line:
                    typer.echo(line)
    except ModuleNotFoundError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error
    results = folder.collect([f"{name}.{draw}" for name, draw in every], key, out, "verdicts.parquet")
    if results is None:
        typer.echo("no draw was finished")
        raise typer.Exit(1)
    page = markdown(results.records, results.about)
    (out / "verdicts.md").write_text(page, "utf-8")
    typer.echo("\n" + page)


if __name__ == "__main__":
    typer.run(main)
