"""What is typed on the command line: the options that commands share, and words -> what the library takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganaug.errors import ConfigError, OutputError
from ganaug.runs import check_file

if TYPE_CHECKING:
    from ganaug.image_options import ImageOptions
    from ganaug.synthesizer import Synthesizer

__all__ = [
    "Checkpoint",
    "Data",
    "Depth",
    "Device",
    "Generator",
    "Groups",
    "IdColumns",
    "ImageSize",
    "Json",
    "Out",
    "Quiet",
    "Result",
    "RunFolder",
    "Scoring",
    "Seed",
    "SkipUnreadable",
    "Split",
    "Strategy",
    "Target",
    "Task",
    "Totals",
    "Transforms",
    "Variant",
    "Watch",
    "WatchEvery",
    "augmenter_of",
    "depth_of",
    "generator_of",
    "images_of",
    "names_of",
    "ranges_of",
    "result_of",
    "rows_of",
    "strategy_of",
    "target_of",
]

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        show_default=False,
        help="A table: CSV or Parquet, a file, a folder, a glob in quotes, or a URL such as s3://bucket/table. Or "
        "images: a folder with a sub-folder a class, image Parquet, npz, or a table of paths.",
    ),
]
Generator = Annotated[
    Path,
    typer.Argument(metavar="GENERATOR", show_default=False, help="What `ganaug train` or `ganaug augment` saved."),
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        "-t",
        metavar="COLUMN",
        help="The column that holds the classes, or a number; repeat it for several columns of classes, whose "
        "combinations are then the classes.",
        show_default=False,
    ),
]
Task = Annotated[
    str,
    typer.Option(metavar="WORD", help="classification, or regression where the target of a table is a number."),
]
Out = Annotated[
    Path,
    typer.Option("--out", "-o", metavar="FOLDER", help="Where to write: a new or empty folder.", show_default=False),
]
Checkpoint = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Where the training is kept meanwhile, a path or a URL: killed and called again with the same words, it "
        "goes on from there.",
        show_default=False,
    ),
]
Variant = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The generator: auto (anchored for tables, anchored_image for images), or another that `ganaug variants` "
        "lists.",
    ),
]
Watch = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Write how the training goes there while it runs: history.jsonl, of images samples, TensorBoard's events. "
        "A new or empty folder; with --checkpoint also that of the training that goes on.",
        show_default=False,
    ),
]
WatchEvery = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="STEPS",
        help="How often the history of the training gets a line.",
        show_default="a twelfth of the training",
    ),
]
IdColumns = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMNS",
        help="Columns that only name a row and are not learnt, with commas between; '' for none.",
        show_default="found by their looks",
    ),
]
Groups = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="A column, such as the patient, whose rows are never split between training and test.",
        show_default=False,
    ),
]
ImageSize = Annotated[
    str | None,
    typer.Option(
        metavar="HxW", help="Images: the size to bring them to, such as 32x32.", show_default="theirs, or the median"
    ),
]
Split = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Images: which split to read.", show_default="train, if there are several"),
]
Transforms = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        help="Images: what leaves their class as it is, of shift, crop and flip (left to right), with commas between. "
        "The check oversamples with them as a cheap alternative.",
    ),
]
SkipUnreadable = Annotated[
    bool, typer.Option("--skip-unreadable", help="Images: leave out what cannot be decoded, and say so.")
]
Scoring = Annotated[
    str | None, typer.Option(metavar="NAME", help="Any scorer of scikit-learn.", show_default="average precision")
]
Seed = Annotated[int, typer.Option(min=0, metavar="NUMBER", help="The same seed gives the same rows.")]
Device = Annotated[str, typer.Option(metavar="NAME", help="Where networks run: auto, cpu or cuda.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs, not tables for people.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]

Strategy = Annotated[
    str,
    typer.Option(
        metavar="WORD",
        help="How many rows: policy (many of all classes, or none: chosen on your data), auto, minority, "
        "not minority, all, or, of two classes, a ratio up to 1. Without a target: a number of rows.",
    ),
]
Result = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Also write real and synthetic rows together to this .csv or, images too, .parquet file.",
        show_default=False,
    ),
]
Depth = Annotated[
    str, typer.Option(metavar="DEPTH", help="How closely to measure the effect: quick, thorough or none.")
]
RunFolder = Annotated[
    str,
    typer.Option(
        "--out",
        "-o",
        metavar="FOLDER",
        show_default=False,
        help="Where to write: a new or empty folder, or that of this very run, which then goes on; or a URL.",
    ),
]
Totals = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CLASS=NUMBER",
        show_default=False,
        help="How many rows a class is to have, real and synthetic together; repeat for more classes. Of a number: "
        "a range, such as 250..300=60. Of several targets: their labels, such as 'yes & red=60'.",
    ),
]


def generator_of(path: Path) -> Synthesizer:
    """Return the generator in ``path``, or in the run's folder that ``path`` is."""
    from ganaug.synthesizer import Synthesizer

    return Synthesizer.load(path / "synthesizer" if (path / "run.json").is_file() else path)


def target_of(names: Sequence[str] | None) -> Any:
    """Return what ``target=`` takes: None, one column, or a list of several.

    >>> target_of(None), target_of(["price"]), target_of(["ill", "colour"])
    (None, 'price', ['ill', 'colour'])
    """
    return None if not names else names[0] if len(names) == 1 else list(names)


def strategy_of(strategy: str, rows: Sequence[str] | None, task: str = "classification") -> Any:
    """Return the sampling strategy that ``--strategy`` or ``--rows`` asks for.

    >>> strategy_of("auto", None), strategy_of("0.5", []), strategy_of("300", None), strategy_of("policy", ["ill=9"])
    ('auto', 0.5, 300, {'ill': 9})
    """
    if rows:
        if strategy != "policy":
            raise ConfigError(f"give --strategy or --rows, not both, however: --strategy {strategy} --rows {rows[0]}")
        return ranges_of(rows_of(rows)) if task == "regression" else rows_of(rows)
    try:
        number = float(strategy)
    except ValueError:
        return strategy
    return int(strategy) if strategy.strip().isdigit() and number > 1 else number


def rows_of(texts: Sequence[str]) -> dict[str, int]:
    """Return label -> number of several ``LABEL=NUMBER``; a label may hold ``=`` itself.

    >>> rows_of(["<=50K=100", ">50K=900"])
    {'<=50K': 100, '>50K': 900}
    """
    found: dict[str, int] = {}
    for text in texts:
        label, equals, number = text.rpartition("=")
        if not equals or not number.strip().isdigit():
            raise ConfigError(f"--rows wants CLASS=NUMBER, such as yes=500, however: {text!r}")
        if label in found:
            raise ConfigError(f"--rows names class {label!r} twice; say once how many rows it is to have")
        found[label] = int(number)
    return found


def ranges_of(rows: Mapping[str, int]) -> dict[Any, int]:
    """Return what is asked of a numeric target: a number, or a range ``LOW..HIGH``; other texts stay.

    >>> ranges_of({"250..300": 60, "-1.5": 9, "[20, 40)": 5})
    {(250.0, 300.0): 60, -1.5: 9, '[20, 40)': 5}
    """
    found: dict[Any, int] = {}
    for text, number in rows.items():
        low, dots, high = text.partition("..")
        try:
            found[(float(low), float(high)) if dots else float(text)] = number
        except ValueError:
            found[text] = number
    return found


def names_of(text: str | None) -> list[str] | None:
    """Return the names in ``text``, which have commas between.

    >>> names_of("id, name"), names_of(""), names_of(None)
    (['id', 'name'], [], None)
    """
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def images_of(size: str | None, split: str | None, transforms: str, skip_unreadable: bool) -> ImageOptions:
    """Return the options of images.

    >>> images_of("28x32", None, "shift", False).size
    (28, 32)
    """
    from ganaug.image_options import ImageOptions

    found = None if size is None else re.fullmatch(r"(\d+)\s*[x,]\s*(\d+)", size.strip())
    if size is not None and found is None:
        raise ConfigError(f"--image-size wants HEIGHTxWIDTH, such as 32x32, however: {size!r}")
    return ImageOptions(
        size=None if found is None else (int(found[1]), int(found[2])),
        split=split,
        transforms=tuple(names_of(transforms) or ()),
        skip_unreadable=skip_unreadable,
    )


def depth_of(text: str) -> bool | str:
    """Return what ``check=`` of `ganaug.augment` takes.

    >>> depth_of("none"), depth_of("thorough")
    (False, 'thorough')
    """
    return False if text == "none" else text


def augmenter_of(name: str) -> Any:
    """Return the sampler of imbalanced-learn that is called ``name``, whatever the case, or ``name`` where none is."""
    from imblearn import over_sampling

    known = {sampler.lower(): sampler for sampler in over_sampling.__all__}
    if name.lower() not in known:
        return name
    try:
        return getattr(over_sampling, known[name.lower()])()
    except TypeError as error:
        raise ConfigError(
            f"{known[name.lower()]} wants arguments that the command line cannot give; use smote, which is SMOTENC "
            "where some columns are categories, or call ganaug.measure_effect from Python"
        ) from error


def result_of(text: str | None, data: str) -> Path | None:
    """Return the path ``text`` if real and synthetic rows of ``data`` can be written there together."""
    if text is None:
        return None
    path = Path(text)
    if path.suffix not in (".csv", ".parquet"):
        raise OutputError(f"--result wants a file that ends in .csv or .parquet, however: {text!r}")
    if path.suffix == ".csv":
        from ganaug.data import is_images

        if is_images(data):
            raise OutputError(f"--result of images wants a file that ends in .parquet, however: {text!r}")
    check_file(text)
    return path
