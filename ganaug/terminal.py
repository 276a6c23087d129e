"""What the command line shows: tables and sentences on standard output, progress and trouble on standard error."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from ganaug.errors import DataWarning
from ganaug.runs import new_file

if TYPE_CHECKING:
    from ganaug.augmentation import Augmentation

__all__ = [
    "one_line_warnings",
    "print_json",
    "say",
    "show_augmentation",
    "show_description",
    "show_effect",
    "show_facts",
    "show_rows",
    "showing",
    "verdict_style",
    "write_result",
]

_STYLES = {"helps": "green", "better than nothing": "green", "harms": "red"}
_KINDS = {"error": "red", "warning": "yellow", "info": "dim"}
_OPTIONS = {
    "skip_unreadable=True": "--skip-unreadable",
    "size=(height, width)": "--image-size HxW",
    "pass split=": "pass --split",
    "pass target=": "pass --target",
    "pass task='regression'": "pass --task regression",
    "with task='regression'": "with --task regression",
    "pass groups=": "pass --groups",
    "id_columns=[]": "--id-columns ''",
    "device='auto' or 'cpu'": "--device auto or cpu",
}
"""What messages of the library call an argument -> what the command line calls it."""


def verdict_style(verdict: str) -> str:
    """Return the colour of a verdict.

    >>> verdict_style("helps"), verdict_style("no evidence")
    ('green', 'yellow')
    """
    return _STYLES.get(verdict, "yellow")


def show_augmentation(
    console: Console, summary: Mapping[str, Any], effect: Mapping[str, Any] | None, written: Mapping[str, Any]
) -> None:
    """Print what was measured, what was decided on it, how many rows each class has now, and where things lie."""
    if effect is not None:
        show_effect(console, effect)
    console.print(f"[bold]{escape(summary['decision'])}[/]", highlight=False)
    head = ("class", "real rows", "synthetic rows")
    show_rows(console, "", head, ([c["name"], c["real"], c["synthetic"]] for c in summary["classes"]))
    show_facts(console, "", {name: value for name, value in written.items() if value is not None})


def show_facts(console: Console, title: str, facts: Mapping[str, Any]) -> None:
    """Print names and values in two columns."""
    table = Table(title=title, title_justify="left", show_header=False, box=box.SIMPLE, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(escape(name), escape(_line(value)))
    console.print(table)


def show_rows(console: Console, title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table of rows; what is a number stands to the right."""
    rows = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column, name in enumerate(head):
        numeric = bool(rows) and all(isinstance(row[column], int | float) or row[column] == "" for row in rows)
        # What stands first is what people copy: it stays on one line.
        side: Any = "right" if numeric else "left"
        table.add_column(escape(name), justify=side, overflow="fold", no_wrap=column == 0)
    for row in rows:
        table.add_row(*(escape(_text(value)) for value in row))
    console.print(table)


def show_effect(console: Console, effect: Mapping[str, Any]) -> None:
    """Print an effect's verdict, its sentence, every arm with its interval, and what the check could not see."""
    colour = verdict_style(effect["verdict"])
    console.print(Panel(escape(effect["sentence"]), title=escape(effect["verdict"]), border_style=colour, expand=False))
    if effect["arms"]:
        head = ("arm", effect["scoring"], "against nothing", "95 % interval", "note")
        title = f"{effect['n_splits']} folds x {effect['n_repeats']}, held-out real rows"
        show_rows(console, title, head, (_arm(arm, effect["ours"]) for arm in effect["arms"]))
    if effect.get("smallest_detectable") is not None:
        console.print(f"The smallest difference that this check could have seen: {effect['smallest_detectable']:.3f}.")
    for cut in effect.get("cuts", ()):
        console.print(f"Left out for the time budget: {escape(cut)}")


def _arm(arm: Mapping[str, Any], ours: str) -> list[str]:
    name = f"{arm['label']} (judged)" if arm["name"] == ours else arm["label"]
    low, high = arm.get("low"), arm.get("high")
    interval = "" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    return [name, _number(arm.get("score")), _number(arm.get("difference"), "+"), interval, arm.get("note") or ""]


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.3f}"


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def show_description(console: Console, description: Mapping[str, Any]) -> None:
    """Print what `ganaug.inspection.describe` found."""
    told = {name: value for name, value in description.items() if name not in ("what", "columns", "warnings")}
    facts = {name.replace("_", " "): _line(value) for name, value in told.items() if value not in (None, "", [])}
    show_facts(console, f"A {description['what']}", facts)
    columns = description.get("columns")
    if columns:
        head = list(columns[0])
        show_rows(console, "Columns", head, ([column[name] for name in head] for column in columns))
    for warning in description.get("warnings", ()):
        console.print(f"[yellow]warning:[/] {escape(_as_options(warning))}", highlight=False)


def _line(value: Any) -> str:
    """Return a value as text: what a mapping holds on a line each, less what is None or empty."""
    if isinstance(value, Mapping):
        told = {name: item for name, item in value.items() if item not in (None, "", [])}
        return "\n".join(f"{name}: {_pairs(item)}" for name, item in told.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else _text(value)


def _pairs(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={item}" for name, item in value.items())
    return _line(value)


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Show what `ganaug` warns of as one line each, once, and keep other libraries' warnings to themselves."""
    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, DataWarning) and str(message) not in told:
            told.add(str(message))
            say("warning", str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = show
        yield


class _Lines(logging.Handler):
    """Shows what the library logs as lines on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.levelname.lower(), record.getMessage())


@contextmanager
def showing(quiet: bool) -> Iterator[bool]:
    """Say whether to show bars, and let the library's log lines through meanwhile unless ``quiet``."""
    logger, handler = logging.getLogger("ganaug"), _Lines(logging.WARNING if quiet else logging.INFO)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(handler.level)
    try:
        yield not quiet and sys.stderr.isatty()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def say(kind: str, text: str) -> None:
    """Print one line on standard error; ``kind`` is ``error``, ``warning`` or ``info``."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[{_KINDS.get(kind, 'dim')}]{kind}:[/] {escape(_as_options(' '.join(text.split())))}")


def _as_options(text: str) -> str:
    """Return a message of the library with Python's arguments named as the command line names them."""
    for argument, option in _OPTIONS.items():
        text = text.replace(argument, option)
    return text


def print_json(value: Mapping[str, Any]) -> None:
    """Print JSON for programs."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_result(augmentation: Augmentation, result: Path) -> None:
    """Write real and synthetic rows to a .csv or .parquet file, whole or not at all; images to .parquet only."""
    import pyarrow.parquet as pq

    from ganaug import steps
    from ganaug.image_schema import ImageSchema
    from ganaug.parquet import together

    run, synthesizer = augmentation.run, augmentation.synthesizer
    with new_file(result) as scratch:
        if isinstance(synthesizer.schema, ImageSchema):
            pq.write_table(together(run.rows.table, steps.draw(run), synthesizer), scratch, row_group_size=1024)
        elif result.suffix == ".csv":
            augmentation.data.to_csv(scratch, index=False)
        else:
            augmentation.data.to_parquet(scratch, index=False)
