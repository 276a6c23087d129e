"""What the command line shows: tables and sentences for people, on a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

__all__ = ["show_description", "show_effect", "show_facts", "show_rows", "verdict_style"]

_STYLES = {"helps": "green", "better than nothing": "green", "harms": "red"}


def verdict_style(verdict: str) -> str:
    """Return the colour of a verdict.

    >>> verdict_style("helps"), verdict_style("no evidence")
    ('green', 'yellow')
    """
    return _STYLES.get(verdict, "yellow")


def show_facts(console: Console, title: str, facts: Mapping[str, Any]) -> None:
    """Print names and values in two columns."""
    table = Table(title=title, title_justify="left", show_header=False, box=box.SIMPLE, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(escape(name), escape(str(value)))
    console.print(table)


def show_rows(console: Console, title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table of rows; what is a number stands to the right."""
    rows = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column, name in enumerate(head):
        numeric = bool(rows) and all(isinstance(row[column], int | float) or row[column] == "" for row in rows)
        table.add_column(escape(name), justify="right" if numeric else "left", overflow="fold")
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
    name = f"{arm['label']} (ours)" if arm["name"] == ours else arm["label"]
    low, high = arm.get("low"), arm.get("high")
    interval = "" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    return [name, _number(arm.get("score")), _number(arm.get("difference"), "+"), interval, arm.get("note") or ""]


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.3f}"


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def show_description(console: Console, description: Mapping[str, Any]) -> None:
    """Print what `ganaug.inspection.describe` found."""
    what, lists = description["what"], ("columns", "warnings")
    facts = {
        k.replace("_", " "): _line(v) for k, v in description.items() if k not in lists and v not in (None, "what")
    }
    show_facts(console, f"A {what}", {name: value for name, value in facts.items() if name != "what"})
    if description.get("columns"):
        head = list(description["columns"][0])
        show_rows(console, "Columns", head, ([column[name] for name in head] for column in description["columns"]))
    for warning in description.get("warnings", ()):
        console.print(f"[yellow]warning:[/] {escape(warning)}")


def _line(value: Any) -> str:
    """Return a nested value on few lines: ``name: value`` pairs, one a line."""
    if isinstance(value, Mapping):
        return "\n".join(
            f"{name}: {_line(item) if not isinstance(item, Mapping) else dict(item)}" for name, item in value.items()
        )
    return ", ".join(map(str, value)) if isinstance(value, list) else _text(value)
