"""How good is every variant, by the figures of the literature, on images and tables?

    python -m tests.benchmarks.variants --adult adult/train.parquet --cifar cifar10/train.parquet --out runs/variants

Each variant is fitted on each set of `tests.benchmarks.variant_sets` of its modality, in a process of its own, and
judged on real rows held out; a figure stands beside that of the same variant before its first step. A set whose file is
not named, or whose package is not installed, is left out, and the page says so.

Every finished pair is a Parquet file in the output folder, so a call that was broken off, or whose ``--budget`` of
minutes was over, goes on where it stopped; what was measured with other settings is refused. After a change of the code
take a new folder. At the end ``variants.parquet`` holds every (set, variant, side) and ``variants.md`` what is printed;
``pictures/SET.VARIANT.png`` shows images of each class, to look at beside ``pictures/SET.real.png``.
"""

from __future__ import annotations

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
    """Return every set with every variant of its modality that can be compared on it."""
    pairs = []
    for one in sets:
        for name in (name for name in names if one.modality in variants.get(name).MODALITIES and compared(name, one)):
            config = variants.get(name).Config()
            settings = Settings(
                set={key: value for key, value in asdict(one).items() if key != "told"},
                config=variants.config_to_json(replace(config, steps=QUICK_STEPS) if quick else config),
                made=one.made,
                seed=seed,
                ganaug=__version__,
            )
            pairs.append(Pair(set=one.name, modality=one.modality, variant=name, out=str(out), settings=settings))
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
            split = one.split(one.read(files), seed=seed)
        except ModuleNotFoundError as error:
            absent[one.name] = str(error)
            continue
        split.save(out / "sets" / one.name)
        if one.modality == "images":
            draw_sheet(split.beside, split.schema, out / "pictures" / f"{one.name}.real.png")
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
    """Read what is finished, and write it to one file."""
    about = {(pair.set, pair.variant): found for pair in pairs if (found := pair.finished) is not None}
    tables = [folder.read(out, pair.name) for pair in pairs if (pair.set, pair.variant) in about]
    # Trainings that came to nothing have no figures, nor have variants that add no rows.
    frames = [table.to_pandas() for table in tables if len(table)] or [tables[0].to_pandas()]
    records = pd.concat(frames, ignore_index=True).rename(columns={"table": "set"})
    told = pd.DataFrame([{k: one.get(k) for k in ("set", "variant", "seconds", "peak_mib")} for one in about.values()])
    records.merge(told, on=["set", "variant"]).to_parquet(out / "variants.parquet", index=False)
    return records, about


def main(
    names: Annotated[str, typer.Option("--variants", help="Names between commas; all if empty.")] = "",
    sets: Annotated[str, typer.Option(help="Names between commas; all if empty.")] = "",
    adult: Annotated[Path | None, typer.Option(help="Parquet file of Adult.", exists=True, dir_okay=False)] = None,
    cifar: Annotated[Path | None, typer.Option(help="CIFAR-10 as image Parquet.", exists=True, dir_okay=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of rows, generators and judges.")] = 0,
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
