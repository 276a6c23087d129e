"""What ``ganaug augment|train|sample|check|inspect|demo`` do; `ganaug.cli` makes a command of each.

What is slow to import is imported by the command that needs it.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ganaug.errors import ConfigError
from ganaug.options import (
    Checkpoint,
    Data,
    Depth,
    Device,
    Generator,
    Groups,
    IdColumns,
    ImageSize,
    Json,
    Out,
    Quiet,
    Result,
    RunFolder,
    Scoring,
    Seed,
    SkipUnreadable,
    Split,
    Strategy,
    Target,
    Task,
    Totals,
    Transforms,
    Variant,
    Watch,
    WatchEvery,
    augmenter_of,
    depth_of,
    generator_of,
    images_of,
    names_of,
    ranges_of,
    result_of,
    rows_of,
    strategy_of,
    target_of,
)
from ganaug.terminal import (
    print_json,
    show_augmentation,
    show_description,
    show_effect,
    show_facts,
    showing,
    write_result,
)

if TYPE_CHECKING:
    from ganaug.augmentation import Augmentation

__all__ = ["augment", "check", "demo", "inspect", "sample", "train"]


def augment(
    data: Data,
    out: RunFolder,
    target: Target = None,
    task: Task = "classification",
    strategy: Strategy = "policy",
    rows: Totals = None,
    variant: Variant = "auto",
    check: Depth = "quick",
    id_columns: IdColumns = None,
    groups: Groups = None,
    scoring: Scoring = None,
    image_size: ImageSize = None,
    split: Split = None,
    transforms: Transforms = "shift,crop",
    skip_unreadable: SkipUnreadable = False,
    result: Result = None,
    watch_every: WatchEvery = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Augment a table or images, measure whether that helps, and leave the data alone where it does not.

    Writes the synthetic rows (synthetic/data/, Parquet), the generator (synthesizer/), and report.html with report.json
    and report.md. Killed and called again with the same words, it goes on where it stopped.
    """
    from ganaug.api import augment as call

    file = result_of(result, data)
    with showing(quiet) as bars:
        augmentation = call(
            data,
            target=target_of(target),
            task=task,
            sampling_strategy=strategy_of(strategy, rows, task),
            variant=variant,
            check=depth_of(check),
            id_columns=names_of(id_columns),
            groups=groups,
            scoring=scoring,
            out=out,
            random_state=seed,
            device=device,
            images=images_of(image_size, split, transforms, skip_unreadable),
            watch_every=watch_every,
            progress=bars,
        )
    if file is not None:
        write_result(augmentation, file)
    _show_augmentation(augmentation, file, as_json=as_json)


def train(
    data: Data,
    out: Out,
    target: Target = None,
    task: Task = "classification",
    variant: Variant = "auto",
    id_columns: IdColumns = None,
    image_size: ImageSize = None,
    split: Split = None,
    skip_unreadable: SkipUnreadable = False,
    checkpoint: Checkpoint = None,
    watch: Watch = None,
    watch_every: WatchEvery = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit a generator to a table or images and save it, as safetensors and JSON: loading it runs no code.

    On several graphics cards: `torchrun --nproc-per-node 2 -m ganaug train ...`; the cards share every batch.
    """
    from ganaug import distributed
    from ganaug.api import fit
    from ganaug.orphans import MASTER, end_with

    if MASTER in os.environ:
        end_with(int(os.environ[MASTER]))

    place = distributed.start(device)
    first = distributed.is_first()
    if not first:
        warnings.simplefilter("ignore")  # the first process says it
    with showing(quiet or not first) as bars:
        synthesizer = fit(
            data,
            target=target_of(target),
            task=task,
            variant=variant,
            id_columns=names_of(id_columns),
            random_state=seed,
            device=place,
            images=images_of(image_size, split, "shift,crop", skip_unreadable),
            progress=bars,
            out=out,
            checkpoint=checkpoint,
            watch=watch,
            watch_every=watch_every,
        )
    distributed.leave()
    if not first:
        return
    if as_json:
        print_json({"out": str(out), "provenance": synthesizer.provenance})
    else:
        show_facts(Console(), "Fitted", {"saved to": str(out), **synthesizer.provenance})


def sample(
    generator: Generator,
    out: Out,
    n: Annotated[
        int | None,
        typer.Option("--number", "-n", min=0, metavar="NUMBER", help="How many rows.", show_default="as in training"),
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS=NUMBER",
            show_default=False,
            help="Rows of one class; repeat for more classes. Of a number: 120=50, or a range, 100..120=50. Of several "
            "targets: their labels, 'yes & red=50'.",
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option("--format", metavar="WORD", help="parquet, or, for images, folder: a PNG each in class folders."),
    ] = "parquet",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Draw synthetic rows or images from a saved generator into Parquet or PNG files.

    Memory does not grow with the rows.
    """
    from ganaug.parquet import export_images, write_parquet
    from ganaug.runs import check_new_folder
    from ganaug.value_schema import ValueSchema

    if rows and n is not None:
        raise ConfigError(f"give --number or --rows, not both, however: --number {n} --rows {rows[0]}")
    check_new_folder(out)
    synthesizer = generator_of(generator)
    conditions = None if not rows else rows_of(rows)
    if conditions is not None and isinstance(synthesizer.schema, ValueSchema):
        conditions = ranges_of(conditions)
    chunks = synthesizer.sample_chunks(n, conditions=conditions, random_state=seed)
    provenance = {**synthesizer.provenance, "sample_seed": seed}
    if form == "folder":
        counts = export_images(chunks, synthesizer.schema, out, provenance)
        written, count = {"out": str(out), "images": counts}, sum(counts.values())
    elif form == "parquet":
        manifest = write_parquet(chunks, out, schema=synthesizer.schema, provenance=provenance)
        written, count = {"out": str(out), "rows": manifest.rows, "files": manifest.files}, manifest.rows
    else:
        raise ConfigError(f"--format must be parquet or folder, however: {form!r}")
    if as_json:
        print_json(written)
    else:
        typer.echo(f"{count:,} synthetic rows in {out}")


def check(
    data: Data,
    target: Target = None,
    task: Task = "classification",
    augmenter: Annotated[
        str, typer.Option(metavar="NAME", help="What to judge: policy, a variant, or an imbalanced-learn sampler.")
    ] = "policy",
    depth: Annotated[str, typer.Option(metavar="DEPTH", help="quick or thorough.")] = "quick",
    id_columns: IdColumns = None,
    groups: Groups = None,
    scoring: Scoring = None,
    image_size: ImageSize = None,
    split: Split = None,
    transforms: Transforms = "shift,crop",
    skip_unreadable: SkipUnreadable = False,
    time_budget: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="What the check may take.", show_default="no limit")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure what an augmentation does to classifiers, on real rows that nothing was fitted on."""
    from ganaug.api import measure_effect

    with showing(quiet) as bars:
        effect = measure_effect(
            data,
            target=target_of(target),
            task=task,
            augmenter=augmenter_of(augmenter),
            depth=depth,  # type: ignore[arg-type]
            id_columns=names_of(id_columns),
            groups=groups,
            scoring=scoring,
            time_budget=time_budget,
            random_state=seed,
            device=device,
            images=images_of(image_size, split, transforms, skip_unreadable),
            progress=bars,
        ).to_json()
    if as_json:
        print_json(effect)
    else:
        show_effect(Console(), effect)


def inspect(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            show_default=False,
            help="A data file, a folder of images, a generator, a run's folder, or its rows.",
        ),
    ],
    target: Target = None,
    task: Task = "classification",
    id_columns: IdColumns = None,
    image_size: ImageSize = None,
    split: Split = None,
    skip_unreadable: SkipUnreadable = False,
    as_json: Json = False,
) -> None:
    """Say what a file or a folder holds.

    Columns and classes of a table, size and classes of images, what made a generator or synthetic rows.
    """
    from ganaug.inspection import describe

    images = images_of(image_size, split, "shift,crop", skip_unreadable)
    asked = {"target": target_of(target), "task": task, "id_columns": names_of(id_columns)}
    description = describe(path, **asked, images=images)
    if as_json:
        print_json(description)
    else:
        show_description(Console(), description)


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where to write: a new or empty folder.")
    ] = Path("ganaug-demo"),
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """See it work: scikit-learn's breast cancer table with few malignant cases left, augmented, checked, reported."""
    from ganaug.api import augment as call
    from ganaug.demo import STRATEGY, thinned_breast_cancer

    frame = thinned_breast_cancer()
    counts = frame["diagnosis"].value_counts()
    typer.echo(f"{len(frame)} rows, {frame.shape[1] - 1} features: " + ", ".join(f"{n} {c}" for c, n in counts.items()))
    with showing(quiet) as bars:
        augmentation = call(
            frame, target="diagnosis", sampling_strategy=STRATEGY, out=out, random_state=seed, progress=bars
        )
    _show_augmentation(augmentation, None, as_json=False)


def _show_augmentation(augmentation: Augmentation, result: Path | None, *, as_json: bool) -> None:
    written = {"report": str(augmentation.report), "result": None if result is None else str(result)}
    effect = None if augmentation.effect is None else augmentation.effect.to_json()
    if as_json:
        print_json({**augmentation.summary, **written, "effect": effect})
    else:
        show_augmentation(Console(), augmentation.summary, effect, written)
