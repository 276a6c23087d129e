"""The command line: ``ganaug augment|train|sample|check|inspect|demo``.

Bad input ends with exit status 2 and one sentence on standard error; ``GANAUG_TRACEBACK=1`` shows where it was noticed.
What is slow to import is imported by the command that needs it.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ganaug import __version__
from ganaug.errors import ConfigError, TrainingError
from ganaug.options import (
    Data,
    Device,
    Groups,
    IdColumns,
    ImageSize,
    Json,
    Out,
    Quiet,
    Scoring,
    Seed,
    SkipUnreadable,
    Split,
    Target,
    Transforms,
    Variant,
    augmenter_of,
    depth_of,
    images_of,
    names_of,
    result_of,
    rows_of,
    strategy_of,
)
from ganaug.terminal import (
    one_line_warnings,
    print_json,
    say,
    show_augmentation,
    show_description,
    show_effect,
    show_facts,
    showing,
    write_result,
)

if TYPE_CHECKING:
    from ganaug.augmentation import Augmentation

__all__ = ["app", "main"]

app = typer.Typer(
    name="ganaug",
    help="Augments scarce and imbalanced tables and image sets with conditional GANs, and says whether it helped.",
    epilog="**Where to begin**\n\n"
    "- `ganaug demo` — all of it on a table that scikit-learn ships\n"
    "- `ganaug inspect patients.csv -t diagnosis` — what is read\n"
    "- `ganaug augment patients.csv -t diagnosis -o augmented` — augments, if that helps, and writes a report\n"
    "- `ganaug augment scans/ -o augmented` — the same for images, a sub-folder a class\n",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the console script ``ganaug`` calls this.

    Exits with status 0; 2 for bad input (one sentence on standard error); 1 when interrupted, or when a training came
    to nothing (one sentence, too).
    """
    try:
        with one_line_warnings():
            app(args=None if arguments is None else list(arguments), prog_name="ganaug")
    except (ValueError, TypeError, OSError) as error:
        if os.environ.get("GANAUG_TRACEBACK"):
            raise
        say("error", str(error))
        sys.exit(2)
    except TrainingError as error:
        if os.environ.get("GANAUG_TRACEBACK"):
            raise
        say("error", str(error))
        sys.exit(1)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command(
    epilog="**Examples**\n\n"
    "- `ganaug augment bank.csv -t default -o augmented`\n"
    "- `ganaug augment bank.csv -t default -o augmented --check thorough --result bank-augmented.csv`\n"
    "- `ganaug augment bank.csv -t default -o augmented --rows yes=2000` — this many, whatever the check says\n"
    "- `ganaug augment scans/ -o augmented --image-size 32x32` — images, a sub-folder a class\n"
)
def augment(
    data: Data,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            show_default=False,
            help="Where to write: a new or empty folder, or that of this very run, which then goes on.",
        ),
    ],
    target: Target = None,
    strategy: Annotated[
        str,
        typer.Option(
            metavar="WORD",
            help="How many rows: policy (chosen on your data, perhaps none), auto, minority, not minority, all, or, "
            "of two classes, a ratio up to 1. Without a target: a number of rows.",
        ),
    ] = "policy",
    rows: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS=NUMBER",
            show_default=False,
            help="How many rows a class is to have, real and synthetic together; repeat for more classes.",
        ),
    ] = None,
    variant: Variant = "auto",
    check: Annotated[
        str, typer.Option(metavar="DEPTH", help="How closely to measure the effect: quick, thorough or none.")
    ] = "quick",
    id_columns: IdColumns = None,
    groups: Groups = None,
    scoring: Scoring = None,
    image_size: ImageSize = None,
    split: Split = None,
    transforms: Transforms = "shift,crop",
    skip_unreadable: SkipUnreadable = False,
    result: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write real and synthetic rows together to this .csv or, images too, .parquet file.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Augment a table or images, measure whether that helps, and leave the data alone where it does not.

    Writes the synthetic rows (synthetic/, Parquet), the generator (synthesizer/), and report.html with report.json and
    report.md. Killed and called again with the same words, it goes on where it stopped.
    """
    from ganaug.api import augment as call

    file = result_of(result, data)
    with showing(quiet) as bars:
        augmentation = call(
            data,
            target=target,
            sampling_strategy=strategy_of(strategy, rows),
            variant=variant,
            check=depth_of(check),
            id_columns=names_of(id_columns),
            groups=groups,
            scoring=scoring,
            out=out,
            random_state=seed,
            device=device,
            images=images_of(image_size, split, transforms, skip_unreadable),
            progress=bars,
        )
    if file is not None:
        write_result(augmentation, file)
    _show_augmentation(augmentation, file, as_json=as_json)


@app.command(epilog="**Example**\n\n- `ganaug train bank.csv -t default -o generator`\n")
def train(
    data: Data,
    out: Out,
    target: Target = None,
    variant: Variant = "auto",
    id_columns: IdColumns = None,
    image_size: ImageSize = None,
    split: Split = None,
    skip_unreadable: SkipUnreadable = False,
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

    place = distributed.start(device)
    first = distributed.is_first()
    if not first:
        warnings.simplefilter("ignore")  # the first process says it
    with showing(quiet or not first) as bars:
        synthesizer = fit(
            data,
            target=target,
            variant=variant,
            id_columns=names_of(id_columns),
            random_state=seed,
            device=place,
            images=images_of(image_size, split, "shift,crop", skip_unreadable),
            progress=bars,
            out=out,
        )
    distributed.leave()
    if not first:
        return
    if as_json:
        print_json({"out": str(out), "provenance": synthesizer.provenance})
    else:
        show_facts(Console(), "Fitted", {"saved to": str(out), **synthesizer.provenance})


@app.command(
    epilog="**Examples**\n\n"
    "- `ganaug sample generator -n 1000 -o rows` — classes as frequent as in the data\n"
    "- `ganaug sample generator --rows yes=500 --rows no=100 -o rows`\n"
    "- `ganaug sample generator -n 100 -o pictures --format folder` — images as PNG files\n"
)
def sample(
    generator: Annotated[
        Path,
        typer.Argument(metavar="GENERATOR", show_default=False, help="What `ganaug train` or `ganaug augment` saved."),
    ],
    out: Out,
    n: Annotated[
        int | None,
        typer.Option("--number", "-n", min=0, metavar="NUMBER", help="How many rows.", show_default="as in training"),
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option(metavar="CLASS=NUMBER", show_default=False, help="Rows of one class; repeat for more classes."),
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
    from ganaug.synthesizer import Synthesizer

    if rows and n is not None:
        raise ConfigError(f"give --number or --rows, not both, however: --number {n} --rows {rows[0]}")
    check_new_folder(out)
    synthesizer = Synthesizer.load(generator / "synthesizer" if (generator / "run.json").is_file() else generator)
    chunks = synthesizer.sample_chunks(n, conditions=rows_of(rows) if rows else None, random_state=seed)
    provenance = {**synthesizer.provenance, "sample_seed": seed}
    if form == "folder":
        counts = export_images(chunks, synthesizer, out, provenance)
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


@app.command(
    epilog="**Examples**\n\n"
    "- `ganaug check bank.csv -t default`\n"
    "- `ganaug check bank.csv -t default --augmenter SMOTE` — any sampler of imbalanced-learn\n"
)
def check(
    data: Data,
    target: Target = None,
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
            target=target,
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


@app.command(
    epilog="**Examples**\n\n- `ganaug inspect bank.csv -t default`\n- `ganaug inspect augmented/synthesizer`\n"
)
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
    description = describe(path, target=target, id_columns=names_of(id_columns), images=images)
    if as_json:
        print_json(description)
    else:
        show_description(Console(), description)


@app.command(epilog="**Example**\n\n- `ganaug demo -o ganaug-demo`, then open ganaug-demo/report.html in a browser\n")
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
