"""Does augmenting help? The check's own protocol over real tables, beside the cheap ways and the peers.

    python -m tests.benchmarks.effect --workers 2 --adult adult/train.parquet --out runs/effect
    python -m tests.benchmarks.effect --images --cifar cifar10/train.parquet --out runs/effect_images

Every finished fold (or ``--chunk`` of folds) of a table is a Parquet file in the output folder, so a call that was
broken off, or whose ``--budget`` of minutes was over, goes on where it stopped; what was measured with other settings
is refused. After a change of the code take a new folder. What is measured does not depend on ``--workers``.
At the end ``effect.parquet`` holds every (table, fold, arm, learner, metric) of the tables that are whole, and
``effect.md`` what is printed.

``--beside FOLDER`` takes arms from an earlier run of the same tables, folds and seed, so that peers are run once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from joblib import Parallel, delayed, parallel_config

from ganaug import __version__
from tests.benchmarks import folder
from tests.benchmarks.beside import taken_over
from tests.benchmarks.image_sets import IMAGE_SETS
from tests.benchmarks.lineup import ARMS, CTGAN, IMAGE_ARMS, TUNED
from tests.benchmarks.summary import markdown
from tests.benchmarks.tables import ADULT, TABLES
from tests.benchmarks.units import Unit, lineup_of, measure_unit, units_of

__all__ = ["Settings", "main", "run"]

QUICK_TABLES = ("haberman", "flare-F")
QUICK_FOLDS = 2
DRAWS = 5


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a table's numbers depend on; those of a finished part must be the same for it to be taken over."""

    folds: int
    """Of a table; draws of an image set."""
    repeats: int
    chunk: int
    """Folds whose generators are trained as one batch."""
    ratio: float
    seed: int
    quick: bool
    images: bool
    arms: str
    """Between commas."""
    ctgan_epochs: int | None
    augmenters: str
    """Ours, with all their settings."""
    ganaug: str = __version__


def run(
    units: Sequence[Unit],
    settings: Settings,
    out: Path,
    *,
    files: Mapping[str, Path | None],
    workers: int,
    threads: int,
    until: float,
) -> None:
    """Measure what is not in ``out`` yet; nothing is begun after ``until`` (of `time.monotonic`)."""
    out.mkdir(parents=True, exist_ok=True)
    left = [unit for unit in units if folder.finished(out, unit.name, settings) is None]
    if len(left) < len(units):
        typer.echo(f"{len(units) - len(left)} of {len(units)} parts were finished before")
    # The largest first, so that no worker ends alone.
    left.sort(key=lambda unit: -unit.source.rows)
    with parallel_config("loky", inner_max_num_threads=threads):
        pool = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch=workers)
        found: Any = pool(delayed(_measure)(unit, settings, out, files, threads, until) for unit in left)
        for line in found:
            if line:
                typer.echo(line)


def _measure(
    unit: Unit, settings: Settings, out: Path, files: Mapping[str, Path | None], threads: int, until: float
) -> str:
    """Measure one part, write its file, and return what there is to say."""
    if time.monotonic() > until:
        return ""
    records, about = measure_unit(unit, settings, files=files, threads=threads)
    folder.keep(records, about, out, unit.name, settings, table=unit.source.name)
    return f"{unit.name}: {about['total']:.0f} s"


def main(
    tables: Annotated[str, typer.Option(help="Names between commas; all if empty.")] = "",
    arms: Annotated[str, typer.Option(help="Names between commas, 'tuned' among them; all if empty.")] = "",
    images: Annotated[bool, typer.Option(help="Image sets instead of tables; slow.")] = False,
    adult: Annotated[Path | None, typer.Option(help="Parquet file of Adult.", exists=True, dir_okay=False)] = None,
    cifar: Annotated[Path | None, typer.Option(help="CIFAR-10 as image Parquet.", exists=True, dir_okay=False)] = None,
    ctgan: Annotated[bool, typer.Option(help="CTGAN too, where it is installed; slow.")] = False,
    epochs: Annotated[int, typer.Option(min=1, help="Of CTGAN; the default is its own.")] = 300,
    folds: Annotated[int, typer.Option(min=2, help="Outer folds a table, or draws of an image set.")] = DRAWS,
    repeats: Annotated[int, typer.Option(min=1, help="Of the folds of a table.")] = 1,
    chunk: Annotated[int, typer.Option(min=1, help="Folds measured together, their generators one batch.")] = 1,
    ratio: Annotated[float, typer.Option(help="Rows of the generators with a fixed amount; 1 is 1:1.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of folds, generators and classifiers.")] = 0,
    budget: Annotated[float, typer.Option(help="Minutes after which nothing new is begun.")] = float("inf"),
    workers: Annotated[int, typer.Option(min=1, help="Parts measured side by side, each in a process.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each.")] = 1,
    beside: Annotated[Path | None, typer.Option(help="Folder of an earlier run whose other arms count too.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of what was measured; taken over if there.")] = Path("runs/effect"),
    quick: Annotated[bool, typer.Option(help="A smoke run: two tables, two folds, hardly trained.")] = False,
) -> None:
    """Run the effect check's protocol over real tables, or images, and print what came out, as Markdown."""
    known: dict[str, Any] = {source.name: source for source in (IMAGE_SETS if images else TABLES)}
    few = QUICK_TABLES if not images else ("digits",)
    names = _listed(tables, known, "tables") or list(few if quick else known)
    if quick:
        folds, out = QUICK_FOLDS, out / "quick"
    every = IMAGE_ARMS if images else tuple(arm for arm in ARMS if ctgan or arm != CTGAN)
    aliases = {"tuned": TUNED}
    wanted = _listed(arms, {*every, *aliases}, "arms") or every
    settings = Settings(
        folds=folds,
        repeats=1 if images else repeats,
        chunk=chunk,
        ratio=ratio,
        seed=seed,
        quick=quick,
        images=images,
        arms=",".join(arm for arm in every if arm in {aliases.get(name, name) for name in wanted}),
        ctgan_epochs=epochs if ctgan else None,
        augmenters="",
    )
    settings, absent = lineup_of(settings)
    files = {"adult": adult, "cifar": cifar}
    missing = {name: "--adult" for name in names if name == ADULT.name and adult is None}
    missing |= {name: "--cifar" for name in names if images and name.startswith("cifar") and cifar is None}
    units = {name: units_of(known[name], settings) for name in names if name not in missing}
    try:
        limit = time.monotonic() + 60 * budget
        every_unit = [unit for own in units.values() for unit in own]
        run(every_unit, settings, out, files=files, workers=workers, threads=threads, until=limit)
    except ModuleNotFoundError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error
    parts = {name: [unit.name for unit in own] for name, own in units.items()}
    results = folder.gather(parts, settings, out, "effect.parquet")
    if results is None:
        typer.echo("no table was finished")
        raise typer.Exit(1)
    if beside is not None:
        results = taken_over(results, beside)
    work = sum(about["total"] for about in results.about.values())
    page = markdown(results, workers=workers, threads=threads, seconds=work, images=images)
    unfinished = [name for name in units if name not in results.about]
    notes = [f"{name} is absent: its file is given with {option}." for name, option in missing.items()]
    notes += [f"{arm} is absent: {why}." for arm, why in absent.items() if arm not in results.arms]
    notes += [f"Not finished, and not counted: {', '.join(unfinished)}."] * bool(unfinished)
    page += "".join(f"\n- {note}" for note in notes) + "\n" * bool(notes)
    (out / "effect.md").write_text(page, "utf-8")
    typer.echo("\n" + page)


def _listed(given: str, known: Any, what: str) -> list[str]:
    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"unknown {what}: {', '.join(unknown)}; known are: {', '.join(sorted(known))}")
    return names


if __name__ == "__main__":
    typer.run(main)
