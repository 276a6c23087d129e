"""The command line's ``ganaug releases list|show|path|rollback|expire``, on a store of published sets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ganaug.options import Json
from ganaug.terminal import print_json, show_facts, show_rows

if TYPE_CHECKING:
    from ganaug.releases import Release, Releases

__all__ = ["app"]

app = typer.Typer(
    name="releases",
    help="List, read, roll back and expire published synthetic sets.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Place = Annotated[
    str,
    typer.Argument(
        metavar="PLACE",
        show_default=False,
        help="Where the sets are published: a folder, or a URL such as s3://bucket/prefix (without credentials).",
    ),
]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="A version's name, or latest.")]


@app.command("list", epilog="**Example**\n\n- `ganaug releases list s3://bucket/bank`\n")
def list_(place: Place, as_json: Json = False) -> None:
    """List the published versions, newest first."""
    store, current = _open(place)
    releases = store.versions()
    if as_json:
        print_json({"place": place, "latest": current, "versions": [_short(release, current) for release in releases]})
    elif not releases:
        typer.echo(f"nothing is published at {place}")
    else:
        head = ("version", "", "published (UTC)", "rows", "verdict", "seed", "data")
        show_rows(Console(), "", head, (_row(release, current) for release in releases))


@app.command(epilog="**Example**\n\n- `ganaug releases show s3://bucket/bank`\n")
def show(place: Place, version: Version = "latest", as_json: Json = False) -> None:
    """Show a version: its verdict, what made it, its files with their SHA-256."""
    store, current = _open(place, version)
    release = store.get(version)
    where = store.path(release.version)
    if as_json:
        print_json({**release.to_json(), "latest": release.version == current, "path": where})
        return
    facts = {
        "latest": "yes" if release.version == current else "no",
        "published": _time(release),
        "verdict": release.verdict or "none was given",
        "sentence": release.sentence,
        "rows": release.rows,
        "rows lie in": where,
        "seed": release.seed,
        "data": release.data_fingerprint,
        "notes": release.notes,
        "provenance": release.provenance,
    }
    told = {name: value for name, value in facts.items() if value not in (None, {}, "")}
    show_facts(Console(), f"Version {release.version}", told)
    rows = ([file["name"], file["bytes"], file["sha256"]] for file in release.files)
    show_rows(Console(), "Files", ("file", "bytes", "SHA-256"), rows)


@app.command(epilog="**Example**\n\n- `python train.py $(ganaug releases path s3://bucket/bank)`\n")
def path(place: Place, version: Version = "latest") -> None:
    """Print where a version's Parquet files lie, for programs that read them."""
    typer.echo(_open(place, version)[0].path(version))


@app.command(
    epilog="**Examples**\n\n"
    "- `ganaug releases rollback s3://bucket/bank` — to the version that was the latest before\n"
    "- `ganaug releases rollback s3://bucket/bank --to 2026-11-20`\n"
)
def rollback(
    place: Place,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="Which version.", show_default="the one before the latest"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a former version the latest again.

    What is rolled back from stays in the list; publishing the same content again does not make it the latest.
    """
    from ganaug.releases import Releases

    release = Releases(place).rollback(to)
    if as_json:
        print_json({"place": place, "latest": release.version})
    else:
        typer.echo(f"the latest version at {place} is {release.version}, published {_time(release)}")


@app.command(epilog="**Example**\n\n- `ganaug releases expire s3://bucket/bank --keep 30`\n")
def expire(
    place: Place,
    keep: Annotated[int, typer.Option(metavar="NUMBER", help="How many of the newest versions to keep.")] = 10,
    grace: Annotated[
        float,
        typer.Option(
            "--grace-hours",
            min=0,
            metavar="HOURS",
            help="Keep each that was published, or was the latest, less than this ago: somebody may be reading it.",
        ),
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Remove old versions, and what killed publishes left more than a day ago.

    The latest version and the one before it always stay.
    """
    from ganaug.releases import Releases

    removed = Releases(place).expire(keep, grace=timedelta(hours=grace))
    if as_json:
        print_json({"place": place, "removed": removed})
    else:
        typer.echo(f"removed {', '.join(removed)}" if removed else "nothing to remove")


def _open(place: str, version: str = "") -> tuple[Releases, str | None]:
    """Return the store, and which version is the latest.

    A pointer that cannot be read is only told of where a version was named: that can be shown all the same.
    """
    from ganaug.errors import ArtefactError
    from ganaug.releases import Releases, pointer
    from ganaug.terminal import say

    store = Releases(place)
    try:
        at = pointer.read(store.place)
    except ArtefactError as error:
        if version == "latest":
            raise
        say("warning", str(error))
        at = None
    return store, None if at is None else at.version


def _short(release: Release, current: str | None) -> dict[str, Any]:
    facts = release.to_json()
    return {
        "version": release.version,
        "latest": release.version == current,
        **{name: facts[name] for name in ("published_at", "rows", "verdict", "sentence", "seed", "data_fingerprint")},
    }


def _row(release: Release, current: str | None) -> list[Any]:
    seed = "" if release.seed is None else str(release.seed)
    mark = "latest" if release.version == current else ""
    data = (release.data_fingerprint or "")[:12]
    return [release.version, mark, _time(release), release.rows, release.verdict or "", seed, data]


def _time(release: Release) -> str:
    return release.published_at[:19].replace("T", " ")
