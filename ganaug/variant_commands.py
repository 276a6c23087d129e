"""The command line's ``ganaug variants``: which generators there are, when to choose which, and what can be set."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from dataclasses import fields
from typing import Annotated, Any

import typer
from rich.console import Console

from ganaug.errors import ConfigError
from ganaug.options import Json
from ganaug.terminal import print_json, show_facts, show_rows

__all__ = ["describe", "options_of", "variants"]

MODALITIES = ("tables", "images")


def variants(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", show_default=False, help="One variant, to see all that can be set."),
    ] = None,
    modality: Annotated[
        str | None, typer.Option("--for", metavar="WORD", show_default=False, help="Only those for tables, or images.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the generators: what each is, its source, what it makes, and when to choose it; or the options of one.

    Options are given from Python, as in `ganaug.fit(..., variant=Config(...))`.
    """
    if modality is not None and modality not in MODALITIES:
        raise ConfigError(f"--for must be tables or images, however: {modality!r}")
    if name is not None and modality is not None:
        raise ConfigError(f"give NAME or --for, not both, however: {name} --for {modality}")
    if name is not None:
        _show_one(name, as_json=as_json)
        return
    from ganaug.variants import names

    described = [describe(one) for one in names(modality)]
    if as_json:
        print_json({"variants": described})
        return
    head = ("variant", "makes", "what it is, when to choose it, and its source")
    show_rows(Console(), "", head, ([one["name"], _makes(one), _told(one)] for one in described))


def _show_one(name: str, *, as_json: bool) -> None:
    from ganaug.variants import get

    described, options = describe(name), options_of(get(name).Config)
    if as_json:
        print_json({**described, "options": options})
        return
    facts = {
        "what": described["summary"],
        "source": described["source"],
        "when": described["when"],
        "makes": _makes(described),
        "adds rows": "yes" if described["adds_rows"] else "no, it changes given ones",
        "keeps training rows": "yes, in its artefact" if described["keeps_training_rows"] else "no",
        "options from Python": f"ganaug.variants.{name}.Config",
    }
    show_facts(Console(), name, facts)
    rows = ([o["name"], repr(o["default"]), o["about"]] for o in options)
    show_rows(Console(), "Options", ("option", "default", "what it is"), rows)


def describe(name: str) -> dict[str, Any]:
    """Return what a person wants to know of a variant, in plain JSON values.

    >>> described = describe("anchored")
    >>> described["modalities"], described["default_for"], described["keeps_training_rows"]
    (['tables'], ['tables'], True)
    """
    from ganaug.variants import DEFAULTS, get

    module = get(name)
    return {
        "name": name,
        "summary": module.ABOUT.summary,
        "source": module.ABOUT.source,
        "when": module.ABOUT.when,
        "modalities": list(module.MODALITIES),
        "default_for": [modality for modality, default in DEFAULTS.items() if default == name],
        "adds_rows": getattr(module, "ADDS_ROWS", True),
        "keeps_training_rows": module.KEEPS_ROWS,
    }


def options_of(config: type) -> list[dict[str, Any]]:
    """Return name, type, default and meaning of every field of a variant's ``Config``.

    The meaning is the string below the field, of the nearest class that has one, without what marks it for developers.
    """
    told, defaults = _sentences(config), config()
    return [
        {
            "name": field.name,
            "type": str(field.type),
            "default": getattr(defaults, field.name),
            "about": told.get(field.name, ""),
        }
        for field in fields(config)
    ]


def _sentences(config: type) -> dict[str, str]:
    """Return what stands below each field, in the sources of a class and of those that it comes from."""
    found: dict[str, str] = {}
    for cls in reversed(config.__mro__[:-1]):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        assert isinstance(tree, ast.ClassDef)
        for above, below in zip(tree.body, tree.body[1:], strict=False):
            if (
                isinstance(above, ast.AnnAssign)
                and isinstance(above.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                found[above.target.id] = _readable(str(below.value.value))
    return found


def _readable(doc: str) -> str:
    """Return a field's description in a line, without the marks of the source.

    >>> _readable("Share of ``z``. NOTE[DIFF]: none in the paper.")
    'Share of `z`. None in the paper.'
    """
    line = " ".join(doc.split()).replace("``", "`")
    return re.sub(r"NOTE\[DIFF\]: (.)", lambda found: found[1].upper(), line)


def _makes(described: dict[str, Any]) -> str:
    return "\n".join(
        f"{modality} (default)" if modality in described["default_for"] else modality
        for modality in described["modalities"]
    )


def _told(described: dict[str, Any]) -> str:
    added = "" if described["adds_rows"] else "\nAdds no rows: it changes given ones."
    return f"{described['summary']}\nWhen: {described['when']}{added}\nSource: {described['source']}\n"
