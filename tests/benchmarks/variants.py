"""How good is every variant, by the figures of the literature, on images and tables?

    python -m tests.benchmarks.variants --adult adult/train.parquet --cifar cifar10/train.parquet --out runs/variants

Each variant is fitted on some draws of each set of `tests.benchmarks.variant_sets` of its modality, each in a process
of its own, and judged on real rows held out; a figure stands beside that of the same variant before its first step. A
set whose file is not named, or whose package is not installed, is left out, and the page says so.

Every finished pair is a Parquet file in the output folder, so a call that was broken off, or whose ``--budget`` of
minutes was over, goes on where it stopped; what was measured with other settings is refused. After a change of the
code take a new folder. At the end ``variants.parquet`` holds every (set, variant, draw, side) and ``variants.md`` what
is printed; ``pictures/SET.VARIANT.DRAW.png`` shows images of each class, to look at beside
``pictures/SET.real.DRAW.png``.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from ganaug import Synthesizer, __version__, variants
from tests.benchmarks import folder
from tests.benchmarks.variant_pairs import Pair, Settings, adds_rows, draw_sheet, measure_in_a_child
from tests.benchmarks.variant_sets import QUICK, SETS, VariantSet
from tests.benchmarks.variants_page import markdown

__all__ = ["main", "pairs_of"]

QUICK_STEPS = 5
QUICK_VARIANTS = tuple(variants.DEFAULTS.values())


def pairs_of(sets: Sequence[VariantSet], names: Sequence[str], out: Path, *, seed: int, quick: bool) -> list[Pair]:
    """Return every draw of every set with every variant of its modality that can be compared on it."""
    pairs = []
    for one, draw in itertools.chain.from_iterable(zip([s] * s.draws, range(s.draws), strict=True) for s in sets):
        for name in (name for name in names if one.modality in variants.get(name).MODALITIES and compared(name, one)):
            config = variants.get(name).Config()
            settings = Settings(
                set={key: value for key, value in asdict(one).items() if key not in ("told", "draws", "rejected")},
                config=variants.config_to_json(replace(config, steps=QUICK_STEPS) if quick else config),
                made=one.made,
                seed=seed + draw,
                ganaug=__version__,
            )
            about = {"set": one.name, "modality": one.modality, "variant": name, "draw": draw}
            pairs.append(Pair(**about, out=str(out), settings=settings))
    return pairs


def compared(name: str, one: VariantSet) -> bool:
    """Return whether a variant draws rows of the set, or enlarges its images."""
    return adds_rows(name) or (one.modality == "images" and hasattr(Synthesizer, "transform"))


def prepare(sets: Sequence[VariantSet], out: Path, *, seed: int, files: Mapping[str, Path | None]) -> dict[str, str]:
    """Write the rows of every set to the folder; return set -> why it is absent."""
    absent = {}
    for one in sets:
        if one.file is not None and files[one.file] is None:
            absent[one.name] = f"its file is given with --{one.file}"
            continue
        try:
            rows = one.read(files)
        except ModuleNotFoundError as error:
            absent[one.name] = str(error)
            continue
        for draw in range(one.draws):
            split = one.split(rows, seed=seed + draw)
            split.save(out / "sets" / f"{one.name}.{draw}")
            if one.modality == "images":
                draw_sheet(split.beside, split.schema, out / "pictures" / f"{one.name}.real.{draw}.png")
    return absent


def run(pairs: Sequence[Pair], *, workers: int, threads: int, limit: float, until: float) -> dict[str, str]:
    """Measure what is not finished; nothing is begun after ``until`` (of `time.monotonic`).

    Returns pair -> what went wrong.
    """
    left = [pair for pair in pairs if pair.finished is None]
    if len(left) < len(pairs):
        typer.echo(f"{len(pairs) - len(left)} of {len(pairs)} pairs were finished before")

    def one(pair: Pair) -> tuple[str, str | None]:
        if time.monotonic() > until:
            return pair.name, "the time was over"
        wrong = measure_in_a_child(pair, threads=threads, limit=limit)
        done = pair.finished
        typer.echo(f"{pair.name}: {wrong}" if done is None else f"{pair.name}: {done['total']:.0f} s", err=True)
        return pair.name, wrong

    with ThreadPoolExecutor(workers) as pool:
        return {name: wrong for name, wrong in pool.map(one, left) if wrong is not None}


def collect(pairs: Sequence[Pair], out: Path) -> tuple[pd.DataFrame, dict[tuple[str, str], Any]]:
    """Write what is finished to one file; return the means over draws where all of a variant's are finished."""
    found = {pair.name: done for pair in pairs if (done := pair.finished) is not None}
    done = [pair for pair in pairs if pair.name in found]
    frames, told = [], []
    for pair in done:
        frames.append(folder.read(out, pair.name).to_pandas().assign(draw=pair.draw))
        spent = {name: found[pair.name].get(name) for name in ("seconds", "peak_mib")}
        told.append({"set": pair.set, "variant": pair.variant, "draw": pair.draw, **spent})
    # Trainings that came to nothing have no figures, nor have variants that add no rows.
    records = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
    records = records.rename(columns={"table": "set"})
    records.merge(pd.DataFrame(told), on=["set", "variant", "draw"]).to_parquet(out / "variants.parquet", index=False)
    lots: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        lots.setdefault((pair.set, pair.variant), []).append(pair)
    whole = {key: [found[p.name] for p in lot] for key, lot in lots.items() if all(p.name in found for p in lot)}
    means = records.groupby(["set", "variant", "side"], sort=False).mean().drop(columns="draw").reset_index()
    return means, {key: merged(done) for key, done in whole.items()}


def merged(draws: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what there is to say about a variant on all draws of a set: means, and one reason if any draw failed.

    >>> merged([{"failed": None, "seconds": 2.0}, {"failed": "collapsed"}])
    {'failed': 'draw 1: collapsed', 'seconds': 2.0}
    """
    failed = [f"draw {i}: {one['failed']}" for i, one in enumerate(draws) if one["failed"] is not None]
    names = [name for name in ("seconds", "peak_mib", "psnr", "psnr_bicubic") if any(name in one for one in draws)]
    return {"failed": "; ".join(failed) or None} | {
        name: statistics.fmean(one[name] for one in draws if name in one) for name in names
    }


def main(
    names: Annotated[str, typer.Option("--variants", help="Names between commas; all if empty.")] = "",
    sets: Annotated[str, typer.Option(help="Names between commas; all if empty.")] = "",
    adult: Annotated[Path | None, typer.Option(help="Parquet file of Adult.", exists=True, dir_okay=False)] = None,
    cifar: Annotated[Path | None, typer.Option(help="CIFAR-10 as image Parquet.", exists=True, dir_okay=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of rows, generators and judges; of the first draw.")] = 0,
    draws: Annotated[int | None, typer.Option(min=1, help="Of each set; its own number if not given.")] = None,
    budget: Annotated[float, typer.Option(help="Minutes after which nothing new is begun.")] = float("inf"),
    limit: Annotated[float, typer.Option(help="Minutes that one pair may take.")] = 30,
    workers: Annotated[int, typer.Option(min=1, help="Pairs measured side by side, each in a process.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of what was measured; taken over if there.")] = Path(
        "runs/variants"
    ),
    quick: Annotated[bool, typer.Option(help="A smoke run: the two defaults, few rows, hardly trained.")] = False,
) -> None:
    """Measure all variants on all sets, and print what came out, as Markdown."""
    known = {one.name: one for one in (QUICK if quick else SETS)}
    chosen = [known[name] for name in _listed(sets, known, "sets") or known]
    wanted = _listed(names, variants.names(), "variants") or (QUICK_VARIANTS if quick else variants.names())
    out = out / "quick" if quick else out
    if draws is not None:
        chosen = [replace(one, draws=draws) for one in chosen]
    pairs = pairs_of(chosen, wanted, out, seed=seed, quick=quick)
    waiting = {pair.set for pair in pairs if pair.finished is None}
    absent = prepare(
        [one for one in chosen if one.name in waiting], out, seed=seed, files={"adult": adult, "cifar": cifar}
    )
    there = [pair for pair in pairs if pair.set not in absent]
    absent |= run(there, workers=workers, threads=threads, limit=limit, until=time.monotonic() + 60 * budget)
    if not any(pair.finished for pair in pairs):
        typer.echo(f"no pair was finished: {absent}", err=True)
        raise typer.Exit(1)
    records, about = collect(pairs, out)
    notes = [f"{name} is absent: {why}." for name, why in absent.items()]
    left = [name for name in wanted if not any(compared(name, one) for one in chosen)]
    notes += [f"`{name}` is absent: it adds no rows, and there is nothing to hold it against." for name in left]
    page = markdown(chosen, records, about, notes)
    (out / "variants.md").write_text(page, "utf-8")
    typer.echo("\n" + page)


def _listed(given: str, known: Any, what: str) -> list[str]:
    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise typer.BadParameter(f"unknown {what}: {', '.join(unknown)}; known are: {', '.join(known)}")
    return names


if __name__ == "__main__":
    typer.run(main)
