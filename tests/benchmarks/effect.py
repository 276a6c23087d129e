"""Does augmenting help? The check's own protocol over ten real tables, beside the cheap ways and the peers.

    python -m tests.benchmarks.effect --workers 2 --out runs/effect

Every finished table is a Parquet file in the output folder, so a call that was broken off goes on where it stopped; a
table measured with other settings is refused. After a change of the code take a new folder.
At the end ``effect.parquet`` holds every (table, fold, arm, learner, metric), and ``effect.md`` what is printed.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from joblib import Parallel, delayed, parallel_config

from ganaug import __version__
from tests.benchmarks import folder, keel
from tests.benchmarks.lineup import make_lineup
from tests.benchmarks.measuring import measure
from tests.benchmarks.summary import markdown

__all__ = ["Settings", "main", "run"]

QUICK_TABLES = ("haberman", "flare-F")
QUICK_FOLDS = 2


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a table's numbers depend on; those of a finished table must be the same for it to be taken over."""

    folds: int
    ratio: float
    seed: int
    quick: bool
    augmenters: str
    """Ours, with all their settings."""
    ganaug: str = __version__


def run(sources: list[keel.Source], settings: Settings, out: Path, *, workers: int, threads: int, until: float) -> None:
    """Measure the tables that are not in ``out`` yet; none is begun after ``until`` (of `time.monotonic`)."""
    out.mkdir(parents=True, exist_ok=True)
    left = [source for source in sources if folder.finished(out, source.name, settings) is None]
    for source in sources:
        if source not in left:
            typer.echo(f"{source.name}: finished before")
    # The largest first, so that no worker ends alone.
    left.sort(key=lambda source: -source.rows)
    with parallel_config("loky", inner_max_num_threads=threads):
        pool = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch=workers)
        found: Any = pool(delayed(_table)(source, settings, out, threads, until) for source in left)
        for line in found:
            typer.echo(line)


def _table(source: keel.Source, settings: Settings, out: Path, threads: int, until: float) -> str:
    """Measure one table, write its file, and return what there is to say."""
    if time.monotonic() > until:
        return f"{source.name}: left for another call, the time is over"
    lineup = make_lineup(ratio=settings.ratio, quick=settings.quick)
    frame = keel.read(source)
    found = measure(frame, keel.CLASS, lineup, folds=settings.folds, seed=settings.seed, threads=threads)
    about = asdict(source) | {
        "labels": lineup.labels,
        "absent": lineup.absent,
        "seconds": found.seconds,
        "left_out": found.left_out,
        "choices": found.choices,
        "notes": found.notes,
        "total": found.total,
    }
    folder.keep(found.records, about, out, source.name, settings)
    return f"{source.name}: {found.total:.0f} s"


def main(
    tables: Annotated[str, typer.Option(help="Names between commas; all ten if empty.")] = "",
    folds: Annotated[int, typer.Option(min=2, help="Outer folds a table.")] = 5,
    ratio: Annotated[float, typer.Option(help="Rows of the generators with a fixed amount; 1 is 1:1.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of folds, generators and classifiers.")] = 0,
    budget: Annotated[float, typer.Option(help="Minutes after which no further table is begun.")] = float("inf"),
    workers: Annotated[int, typer.Option(min=1, help="Tables measured side by side, each in a process.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of what was measured; taken over if there.")] = Path("runs/effect"),
    quick: Annotated[bool, typer.Option(help="A smoke run: two tables, two folds, hardly trained.")] = False,
) -> None:
    """Run the effect check's protocol over real tables and print what came out, as Markdown."""
    known = {source.name: source for source in keel.TABLES}
    names = [name.strip() for name in tables.split(",") if name.strip()] or list(QUICK_TABLES if quick else known)
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"unknown tables: {', '.join(unknown)}; known are: {', '.join(known)}")
    if quick:
        folds, out = QUICK_FOLDS, out / "quick"
    sources = [known[name] for name in names]
    ours = repr(make_lineup(ratio=ratio, quick=quick).augmenters)
    settings = Settings(folds=folds, ratio=ratio, seed=seed, quick=quick, augmenters=ours)
    try:
        run(sources, settings, out, workers=workers, threads=threads, until=time.monotonic() + 60 * budget)
    except ModuleNotFoundError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from error
    results = folder.collect(names, settings, out, "effect.parquet")
    if results is None:
        typer.echo("no table was finished")
        raise typer.Exit(1)
    work = sum(about["total"] for about in results.about.values())
    page = markdown(results, folds=folds, workers=workers, threads=threads, seconds=work)
    (out / "effect.md").write_text(page, "utf-8")
    typer.echo("\n" + page)
    for arm, why in {arm: why for about in results.about.values() for arm, why in about["absent"].items()}.items():
        typer.echo(f"{arm} is absent: {why}")


if __name__ == "__main__":
    typer.run(main)
