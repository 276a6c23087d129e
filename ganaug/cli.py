"""The command line: ``ganaug augment|train|sample|transform|check|inspect|demo|variants|releases``.

Bad input ends with exit status 2 and one sentence on standard error; ``GANAUG_TRACEBACK=1`` shows where it was noticed.
What each command does is in `ganaug.commands`, of ``transform`` in `ganaug.transform_command`, of ``variants`` in
`ganaug.variant_commands`, and of ``releases`` in `ganaug.release_commands`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ganaug import __version__, commands, release_commands, transform_command, variant_commands
from ganaug.errors import TrainingError
from ganaug.terminal import one_line_warnings, say

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
    except (ValueError, TypeError, OSError, TrainingError) as error:
        if os.environ.get("GANAUG_TRACEBACK"):
            raise
        say("error", str(error))
        sys.exit(1 if isinstance(error, TrainingError) else 2)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


app.command(
    epilog="**Examples**\n\n"
    "- `ganaug augment bank.csv -t default -o augmented`\n"
    "- `ganaug augment bank.csv -t default -o augmented --check thorough --result bank-augmented.csv`\n"
    "- `ganaug augment bank.csv -t default -o augmented --rows yes=2000` — this many, whatever the check says\n"
    "- `ganaug augment scans/ -o augmented --image-size 32x32` — images, a sub-folder a class\n"
    "- `ganaug augment flats.csv -t price --task regression -o augmented` — rows where the price is rare\n"
)(commands.augment)
_OF_TRAIN = "**Example**\n\n- `ganaug train bank.csv -t default -o generator`\n"
app.command(epilog=_OF_TRAIN)(commands.train)
app.command("fit", hidden=True, epilog=_OF_TRAIN)(commands.train)  # as it is called in Python
app.command(
    epilog="**Examples**\n\n"
    "- `ganaug sample generator -n 1000 -o rows` — classes as frequent as in the data\n"
    "- `ganaug sample generator --rows yes=500 --rows no=100 -o rows`\n"
    "- `ganaug sample generator -n 100 -o pictures --format folder` — images as PNG files\n"
)(commands.sample)
app.command(
    epilog="**Examples**\n\n"
    "- `ganaug train bank.csv -t default --variant inpaint -o generator`, then "
    "`ganaug transform generator bank.csv -o filled` — fills in missing cells\n"
    "- `ganaug transform generator small-scans/ -o scans --format folder` — with a generator of super_resolution\n"
)(transform_command.transform)
app.command(
    epilog="**Examples**\n\n"
    "- `ganaug check bank.csv -t default`\n"
    "- `ganaug check bank.csv -t default --augmenter SMOTE` — any sampler of imbalanced-learn\n"
)(commands.check)
app.command(
    epilog="**Examples**\n\n- `ganaug inspect bank.csv -t default`\n- `ganaug inspect augmented/synthesizer`\n"
)(commands.inspect)
app.command(epilog="**Example**\n\n- `ganaug demo -o ganaug-demo`, then open ganaug-demo/report.html in a browser\n")(
    commands.demo
)
app.command(
    epilog="**Examples**\n\n- `ganaug variants --for images`\n- `ganaug variants hinge` — all that can be set\n"
)(variant_commands.variants)
app.add_typer(release_commands.app)
