"""What ``ganaug transform`` does: given rows through a saved generator, into Parquet or PNG files.

What is slow to import is imported when it is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ganaug.errors import ConfigError
from ganaug.options import Data, Generator, Json, Out, Seed, generator_of
from ganaug.terminal import print_json

__all__ = ["transform"]


def transform(
    generator: Generator,
    data: Data,
    out: Out,
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Images: a picture whose white is what to fill in, of each image."
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="WORD",
            help="parquet, or, for images, folder: a PNG each in class folders, called as it was where that is unique.",
        ),
    ] = "parquet",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fill in the missing cells of a table, or make images larger or repair them, with a generator fitted for it.

    Variants that do: inpaint (tables, images) and super_resolution (images).
    """
    from ganaug import transforming
    from ganaug.image_files import file_names
    from ganaug.image_schema import ImageSchema
    from ganaug.parquet import export_images, write_parquet
    from ganaug.runs import check_new_folder

    if form not in ("parquet", "folder"):
        raise ConfigError(f"--format must be parquet or folder, however: {form!r}")
    check_new_folder(out)
    fitted = generator_of(generator)
    changed = transforming.transform(fitted, data, mask=None if mask is None else _read_mask(mask), seed=seed)
    provenance = {**fitted.provenance, "synthetic": False, "changed": True, "transform_seed": seed}
    if form == "folder":
        names = file_names(changed.table, changed.schema) if isinstance(changed.schema, ImageSchema) else None
        counts = export_images([changed.table], changed.schema, out, provenance, names=names)
        written: dict[str, Any] = {"out": str(out), "images": counts}
    else:
        manifest = write_parquet([changed.table], out, schema=changed.schema, provenance=provenance)
        written = {"out": str(out), "rows": manifest.rows, "files": manifest.files}
    if as_json:
        print_json(written)
    else:
        typer.echo(f"{len(changed.table):,} changed rows in {out}")


def _read_mask(path: Path) -> Any:
    """Return where a picture is at least as light as dark, bool ``(h, w)``."""
    import numpy as np

    from ganaug.data.image_decode import Unreadable, decode, look

    try:
        found = look(path)
        return np.asarray(decode(path, height=found.height, width=found.width, channels=1))[..., 0] >= 128
    except Unreadable as error:
        raise ConfigError(f"--mask {path} cannot be read as a picture: {error}") from error
