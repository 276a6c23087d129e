"""The command line: ``ganaug augment|train|sample|check|inspect|demo``.

Bad input ends with exit status 2 and one sentence on standard error. Set ``GANAUG_TRACEBACK=1`` to see where it was
noticed. What can be slow to import is imported by the command that needs it.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ganaug import __version__

if TYPE_CHECKING:
    from ganaug.augmentation import Augmentation
    from ganaug.schema import TableSchema

__all__ = ["app", "main"]

EXAMPLES = """
**Examples**

`ganaug demo` — see what it does, on a table that scikit-learn ships

`ganaug augment patients.csv --target diagnosis --out augmented` — augment a table, if that helps, and report

`ganaug check patients.csv --target diagnosis --augmenter SMOTE` — does SMOTE help on this table?

`ganaug train patients.csv --target diagnosis --out generator`, then
`ganaug sample generator --rows ill=500 --out rows` — draw 500 rows of one class
"""

app = typer.Typer(
    name="ganaug",
    help="Augments scarce and imbalanced tables with conditional GANs, and says whether it helped.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="CSV or Parquet: a file, a folder, a glob in quotes, or a URL such as s3://bucket/table."
    ),
]
Target = Annotated[str, typer.Option("--target", "-t", help="The column that holds the classes.")]
MaybeTarget = Annotated[
    str | None, typer.Option("--target", "-t", help="The column that holds the classes; without it all rows are alike.")
]
Variant = Annotated[str, typer.Option(help="The generator: auto, anchored, or wgan_gp (keeps no training row).")]
IdColumns = Annotated[
    str | None,
    typer.Option(
        help="Columns that only name a row and are not learnt, separated by commas; '' for none. "
        "Found by their looks when not given."
    ),
]
Groups = Annotated[str | None, typer.Option(help="A column whose equal values must not be split between folds.")]
Scoring = Annotated[str | None, typer.Option(help="Any scikit-learn scorer; average precision when not given.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same rows.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs in place of tables for people.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress bars.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the console script ``ganaug`` calls this.

    Exits with status 0, or 2 for bad input (one sentence on standard error), or 130 when interrupted.
    """
    try:
        with _one_line_warnings():
            app(args=None if arguments is None else list(arguments), prog_name="ganaug")
    except (ValueError, TypeError, OSError) as error:
        if os.environ.get("GANAUG_TRACEBACK"):
            raise
        _say("error", str(error))
        sys.exit(2)


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Show what `ganaug` warns of as one line each, once, and keep other libraries' warnings to themselves."""
    from ganaug.errors import DataWarning

    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, DataWarning) and str(message) not in told:
            told.add(str(message))
            _say("warning", str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = show
        yield


def _say(kind: str, text: str) -> None:
    colour = {"error": "red", "warning": "yellow"}[kind]
    line = " ".join(text.split())
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"[{colour}]{kind}:[/] ", line, sep="", markup=True)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command(
    epilog="**Examples**\n\n`ganaug augment bank.csv -t default --out augmented`\n\n"
    "`ganaug augment bank.csv -t default --out augmented --check thorough --result bank-augmented.csv`\n\n"
    "`ganaug augment bank.csv -t default --out augmented --rows yes=2000` — this many, whatever the check says"
)
def augment(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="A new or empty folder, or that of this very run.")],
    target: MaybeTarget = None,
    strategy: Annotated[
        str,
        typer.Option(
            help="How many rows: policy (chosen on your data, perhaps none), auto, minority, not minority, all, "
            "or a ratio between 0 and 1."
        ),
    ] = "policy",
    rows: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS=TOTAL", help="Rows of a class, real and synthetic together; repeat for more classes."
        ),
    ] = None,
    variant: Variant = "auto",
    check: Annotated[str, typer.Option(help="How closely to measure the effect: quick, thorough or none.")] = "quick",
    id_columns: IdColumns = None,
    groups: Groups = None,
    scoring: Scoring = None,
    result: Annotated[
        Path | None, typer.Option(help="Also write real and synthetic rows together to this .csv or .parquet file.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Augment a table, measure whether it helps, and leave the data alone where it does not.

    Writes to OUT: the synthetic rows (synthetic/, Parquet), the generator (synthesizer/), and report.html with
    report.json and report.md. Killed and called again with the same words, it goes on where it stopped.
    """
    from ganaug.api import augment as call

    _require_result_name(result)
    augmentation = call(
        data,
        target=target,
        sampling_strategy=_strategy(strategy, rows),
        variant=variant,
        check=_depth(check),
        id_columns=_names(id_columns),
        groups=groups,
        scoring=scoring,
        out=out,
        random_state=seed,
        device=device,
        progress=not quiet,
    )
    if result is not None:
        _write_result(augmentation.data, result)
    _show_augmentation(augmentation, out, result, as_json=as_json)


@app.command(epilog="**Example**\n\n`ganaug train bank.csv -t default --out generator`")
def train(
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="A new or empty folder for the generator.")],
    target: MaybeTarget = None,
    variant: Variant = "auto",
    id_columns: IdColumns = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit a generator to a table and save it (safetensors and JSON; loading it runs no code)."""
    from ganaug.api import fit
    from ganaug.terminal import show_facts

    synthesizer = fit(
        data,
        target=target,
        variant=variant,
        id_columns=_names(id_columns),
        random_state=seed,
        device=device,
        progress=not quiet,
        out=out,
    )
    if as_json:
        _print_json({"out": str(out), "provenance": synthesizer.provenance})
    else:
        show_facts(Console(), "Fitted", {"saved to": out, **_plain(synthesizer.provenance)})


@app.command(
    epilog="**Examples**\n\n`ganaug sample generator -n 1000 --out rows` — classes as frequent as in the data\n\n"
    "`ganaug sample generator --rows yes=500 --rows no=100 --out rows`"
)
def sample(
    synthesizer: Annotated[Path, typer.Argument(help="What `ganaug train` or `ganaug augment` saved.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new or empty folder for the Parquet files.")],
    n: Annotated[
        int | None, typer.Option("--number", "-n", min=0, help="Rows; as many as in training if left out.")
    ] = None,
    rows: Annotated[
        list[str] | None, typer.Option(metavar="CLASS=ROWS", help="Rows of one class; repeat for more classes.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Draw synthetic rows from a saved generator into Parquet files, in memory that does not grow with the rows."""
    from ganaug.parquet import write_parquet
    from ganaug.synthesizer import Synthesizer

    generator = Synthesizer.load(_generator_folder(synthesizer))
    conditions = None if not rows else dict(_pair(text) for text in rows)
    if conditions is not None:
        conditions = _labels(conditions, generator.schema)
    chunks = generator.sample_chunks(n, conditions=conditions, random_state=seed)
    provenance = {**generator.provenance, "sample_seed": seed}
    manifest = write_parquet(chunks, out, schema=generator.schema.arrow, provenance=provenance)
    if as_json:
        _print_json({"out": str(out), "rows": manifest.rows, "files": manifest.files})
    else:
        typer.echo(f"{manifest.rows:,} synthetic rows in {out}")


@app.command(
    epilog="**Examples**\n\n`ganaug check bank.csv -t default`\n\n`ganaug check bank.csv -t default --augmenter SMOTE` — "
    "any sampler of imbalanced-learn by its name"
)
def check(
    data: Data,
    target: Target,
    augmenter: Annotated[
        str, typer.Option(help="What to judge: policy, a variant's name, or an imbalanced-learn sampler such as SMOTE.")
    ] = "policy",
    depth: Annotated[str, typer.Option(help="quick or thorough.")] = "quick",
    id_columns: IdColumns = None,
    groups: Groups = None,
    scoring: Scoring = None,
    time_budget: Annotated[float | None, typer.Option(min=1, help="Seconds that the check may take.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure on held-out real rows what an augmentation does to classifiers, against the cheap alternatives."""
    from ganaug.api import measure
    from ganaug.terminal import show_effect

    effect = measure(
        data,
        target=target,
        augmenter=_augmenter(augmenter),
        depth=depth,
        id_columns=_names(id_columns),
        groups=groups,
        scoring=scoring,
        time_budget=time_budget,
        random_state=seed,
        device=device,
        progress=not quiet,
    ).to_json()
    if as_json:
        _print_json(effect)
    else:
        show_effect(Console(), effect)


@app.command(epilog="**Examples**\n\n`ganaug inspect bank.csv -t default`\n\n`ganaug inspect augmented/synthesizer`")
def inspect(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A data file, a saved generator, a run, or its rows.")],
    target: MaybeTarget = None,
    id_columns: IdColumns = None,
    as_json: Json = False,
) -> None:
    """Say what a file or folder holds: columns and classes of a table, or what made a generator or a set of rows."""
    from ganaug.inspection import describe
    from ganaug.terminal import show_description

    description = describe(path, target=target, id_columns=_names(id_columns))
    if as_json:
        _print_json(description)
    else:
        show_description(Console(), description)


@app.command(epilog="**Example**\n\n`ganaug demo --out ganaug-demo`, then open ganaug-demo/report.html in a browser")
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="A new or empty folder.")] = Path("ganaug-demo"),
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """See it work: scikit-learn's breast cancer table with few malignant cases left, augmented, checked, reported."""
    from ganaug.api import augment as call
    from ganaug.demo import thinned_breast_cancer

    frame = thinned_breast_cancer()
    counts = frame["diagnosis"].value_counts()
    typer.echo(f"{len(frame)} rows, {frame.shape[1] - 1} columns, " + ", ".join(f"{n} {c}" for c, n in counts.items()))
    augmentation = call(frame, target="diagnosis", out=out, random_state=seed, progress=not quiet)
    _show_augmentation(augmentation, out, None, as_json=False)


def _show_augmentation(augmentation: Augmentation, out: Path, result: Path | None, *, as_json: bool) -> None:
    from ganaug.terminal import show_effect, show_facts

    summary = {**augmentation.summary, "out": str(out), "report": str(augmentation.report)}
    if result is not None:
        summary["result"] = str(result)
    effect = None if augmentation.effect is None else augmentation.effect.to_json()
    if as_json:
        _print_json({**summary, "effect": effect})
        return
    console = Console()
    if effect is not None:
        show_effect(console, effect)
    show_facts(console, "Written", _plain(summary))


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``facts`` with nested values as short JSON and names in words."""
    return {
        name.replace("_", " "): json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        for name, value in facts.items()
    }


def _strategy(strategy: str, rows: list[str] | None) -> Any:
    from ganaug.errors import ConfigError

    if rows:
        if strategy != "policy":
            raise ConfigError(f"give --strategy or --rows, not both, however: --strategy {strategy} --rows {rows[0]}")
        return dict(_pair(text) for text in rows)
    try:
        number = float(strategy)
    except ValueError:
        return strategy
    return int(number) if number > 1 and number.is_integer() else number


def _pair(text: str) -> tuple[str, int]:
    from ganaug.errors import ConfigError

    label, equals, number = text.rpartition("=")
    if not equals or not number.strip().isdigit():
        raise ConfigError(f"--rows wants CLASS=NUMBER, such as yes=500, however: {text!r}")
    return label.strip(), int(number)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _depth(text: str) -> bool | str:
    return False if text in ("none", "no", "off", "false") else text


def _labels(conditions: Mapping[str, int], schema: TableSchema) -> dict[Any, int]:
    from ganaug.steps import labels_of_text

    return labels_of_text(conditions, schema)


def _augmenter(name: str) -> Any:
    """Return the imbalanced-learn sampler called ``name``, or ``name`` itself where none is called so."""
    from imblearn import over_sampling

    known = {sampler.lower(): sampler for sampler in over_sampling.__all__}
    return getattr(over_sampling, known[name.lower()])() if name.lower() in known else name


def _generator_folder(path: Path) -> Path:
    """Return the generator of a run where ``path`` is the run."""
    return path / "synthesizer" if (path / "run.json").is_file() else path


def _require_result_name(result: Path | None) -> None:
    from ganaug.errors import OutputError

    if result is not None and result.suffix not in (".csv", ".parquet"):
        raise OutputError(f"--result wants a file that ends in .csv or .parquet, however: {str(result)!r}")


def _write_result(frame: Any, result: Path) -> None:
    from ganaug.runs import new_file

    with new_file(result) as scratch:
        if result.suffix == ".csv":
            frame.to_csv(scratch, index=False)
        else:
            frame.to_parquet(scratch, index=False)
