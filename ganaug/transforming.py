"""Given rows, changed: images made larger or repaired, missing cells of tables filled in.

What is done to them is the variant's matter (`ganaug.gan.Change`); here rows are read, encoded, handed on block by
block, and put back into the container that they came in. What is not to be changed is taken from what came, not from
what was encoded.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from ganaug import containers, seeding, variants
from ganaug.arrays import index_in, kind_of, pc, plain, typed, value_type
from ganaug.data.image_rows import as_floats
from ganaug.data.images import is_images, open_images
from ganaug.data.tables import open_table
from ganaug.encode import ImageLayout, Layout, TableEncoder
from ganaug.errors import ConfigError, DataError, DataWarning, SchemaError
from ganaug.gan import Change, Tensors
from ganaug.image_containers import is_array
from ganaug.image_schema import ImageSchema
from ganaug.pixels import IMAGE, PixelWriter
from ganaug.schema import Labelled

if TYPE_CHECKING:
    from ganaug.synthesizer import Synthesizer

__all__ = ["Changed", "transform"]

IMAGE_BLOCK = 64
"""Images that the networks run on at once; always so many, so that no bit depends on how many are given."""
NUMBERS = ("number", "integer")


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Rows after `transform`, as an Arrow table."""

    table: pa.Table
    schema: pa.Schema | ImageSchema
    """What `ganaug.parquet.write_parquet` wants to know of the table."""
    restore: Callable[[], Any]
    """Gives them the container that they came in, with new row labels."""

    def restored(self, data: Any) -> Any:
        """Return them in the container of ``data``, from which they were made, with its row labels."""
        found = self.restore()
        return found[0] if _is_bare(data) else _indexed(found, data)


def transform(fitted: Synthesizer, data: Any, *, mask: Any = None, seed: int) -> Changed:
    """Change ``data`` as the variant of ``fitted`` does it; see `Synthesizer.transform`."""
    if fitted.change is None:
        able = [name for name in variants.names() if getattr(variants.get(name), "TRANSFORMS", False)]
        raise ConfigError(
            f"variant {fitted.variant!r} only makes new rows (`ganaug sample`; in Python Synthesizer.sample); given "
            f"rows are changed by: {', '.join(able)}"
        )
    data = (data, None) if _is_bare(data) else data
    if isinstance(fitted.schema, ImageSchema):
        return _images(fitted, fitted.change, data, mask, seed)
    if mask is not None:
        raise ConfigError("a mask is for images; in a table missing cells are filled in, leave mask=None")
    if is_images(data):
        raise DataError("the generator was fitted on a table, and these are images")
    return _table(fitted, fitted.change, data, seed)


def _is_bare(data: Any) -> bool:
    """Say whether these are rows without a container that could hold labels."""
    return isinstance(data, np.ndarray) or is_array(data)


def _indexed(found: Any, data: Any) -> Any:
    """Give frames and series in ``found`` the row labels of those in ``data``."""
    if isinstance(found, tuple):
        return tuple(_indexed(a, b) for a, b in zip(found, data, strict=True))
    if isinstance(data, pd.DataFrame | pd.Series):
        found.index = data.index
        found.attrs = dict(data.attrs)
    return found


def _codes(values: pa.ChunkedArray | None, schema: Labelled, n: int) -> np.ndarray:
    """Return the class of every row ``(n,)``, -1 where it is not known."""
    if schema.classes is None:
        return np.zeros(n, np.int64)
    if values is None:
        return np.full(n, -1, np.int64)
    labels = plain(values.combine_chunks())
    try:
        codes = index_in(labels, schema.classes)
    except pa.ArrowInvalid:  # labels of another type are none of the classes
        return np.full(n, -1, np.int64)
    return codes.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


@torch.no_grad()
def _apply(
    fitted: Synthesizer, change: Change, arrays: dict[str, np.ndarray], labels: np.ndarray, seed: int, block: int
) -> Iterator[Any]:
    """Give what the networks make of one block of rows after the other, encoded; ``arrays (n, *)`` are the rows."""
    for number, start in enumerate(range(0, len(labels), block)):
        rows = np.minimum(np.arange(start, start + block), len(labels) - 1)
        given: Tensors = {name: torch.from_numpy(array[rows])[None].to(fitted.device) for name, array in arrays.items()}
        if "images" in given:
            given["images"] = as_floats(given["images"])
        y = torch.from_numpy(labels[rows])[None].to(fitted.device)
        rng = seeding.torch_rng(seed, "transform", number, device=fitted.device)
        made = change.apply(fitted.networks, given, y, rng)
        yield made.encoded(fitted.encoder, min(block, len(labels) - start))


# ---------------------------------------------------------------- images


def _images(fitted: Synthesizer, change: Change, data: Any, mask: Any, seed: int) -> Changed:
    layout, schema = fitted.layout, fitted.schema
    assert isinstance(layout, ImageLayout) and isinstance(schema, ImageSchema)
    if not is_images(data):
        raise DataError("the generator was fitted on images, and these are a table")
    height, width = change.size or (layout.height, layout.width)
    named = isinstance(data, pd.DataFrame | pa.Table) and schema.target in list(getattr(data, "columns", ()))
    read = open_images(data, size=(height, width), channels=layout.channels, target=schema.target if named else None)
    pixels = read.schema.pixels(read.table)
    arrays = {"images": np.ascontiguousarray(pixels)}
    if change.masked:
        arrays["known"] = ~_mask_of(mask, len(pixels), (height, width))[:, None]
    elif mask is not None:
        raise ConfigError(f"variant {fitted.variant!r} changes whole images; leave mask=None")
    values = None if read.schema.target is None else read.table.column(read.schema.target)
    labels = _codes(values, schema, len(pixels))
    writer = PixelWriter(len(pixels), (layout.height, layout.width, layout.channels))
    none = np.zeros(IMAGE_BLOCK, np.int64)
    for encoded in _apply(fitted, change, arrays, labels, seed, IMAGE_BLOCK):
        writer.append(schema.pixels(fitted.encoder.decode(encoded, none[: len(encoded)])))
    made = replace(read.schema, height=layout.height, width=layout.width)
    columns = [writer.finish() if name == IMAGE else read.table.column(name) for name in read.table.column_names]
    table = pa.Table.from_arrays(columns, schema=made.arrow)
    return Changed(table=table, schema=made, restore=lambda: made.restore(table))


def _mask_of(mask: Any, n: int, size: tuple[int, int]) -> np.ndarray:
    """Return what is to be filled in of every image, bool ``(n, h, w)``."""
    if mask is None:
        raise ConfigError("say what is to be filled in: mask=, True there, (h, w) for all images or (n, h, w)")
    found = np.asarray(mask) != 0
    if found.shape not in (size, (n, *size)):
        raise ConfigError(f"mask must be {size} or {(n, *size)}, however: {found.shape}")
    return np.broadcast_to(found, (n, *size))


# ---------------------------------------------------------------- tables


def _table(fitted: Synthesizer, change: Change, data: Any, seed: int) -> Changed:
    encoder, layout = fitted.encoder, fitted.layout
    assert isinstance(encoder, TableEncoder) and isinstance(layout, Layout)
    table, form, target = open_table(data)
    features = _features(table, fitted)
    label = fitted.schema.target if target is None else target
    given = table.column(label) if label in table.column_names else None
    if given is not None and given.null_count:
        warnings.warn(
            f"{given.null_count:,} of {len(table):,} labels in {label!r} are missing and stay so: labels are not "
            "filled in, cells of features are",
            DataWarning,
            stacklevel=4,
        )
    labels = _codes(given, fitted.schema, len(table))
    encoded = encoder.encode(features)
    known = np.stack([features.column(name).is_valid().to_numpy() for name in encoder.coded], axis=1)
    arrays = {
        "continuous": encoded.continuous.astype(np.float32),
        "codes": encoded.codes.astype(np.int64),
        "buckets": encoder.bucket(encoded.codes).astype(np.int64),
        "known": known,
        "possible": np.broadcast_to(_possible(encoder, layout), (len(table), sum(w for w in layout.widths if w > 1))),
    }
    none = np.zeros(encoder.block, np.int64)
    blocks = _apply(fitted, change, arrays, labels, seed, encoder.block)
    parts = [encoder.decode(block, none[: len(block)]) for block in blocks]
    filled = pa.concat_tables(parts) if parts else encoder.schema.arrow.empty_table()
    for name in (column.name for column in fitted.schema.columns if column.kind != "identifier"):
        at = table.column_names.index(name)
        if table.column(at).null_count:
            array = _coalesced(table.column(at).combine_chunks(), filled.column(name).combine_chunks(), name)
            table = table.set_column(at, table.schema.field(at).with_type(array.type), array)
    return Changed(table=table, schema=table.schema, restore=lambda: containers.restore(table, form, target))


def _features(table: pa.Table, fitted: Synthesizer) -> pa.Table:
    """Return the columns that were learnt, in types that the encoder takes."""
    names = [column.name for column in fitted.schema.columns if column.kind != "identifier"]
    if missing := [name for name in names if name not in table.column_names]:
        raise SchemaError(f"columns that were fitted on are missing: {missing}; the table has {table.column_names}")
    columns = []
    for column in fitted.schema.columns:
        if column.kind == "identifier":
            continue
        found = table.column(column.name).combine_chunks()
        same = kind_of(found.type) == column.kind or {kind_of(found.type), column.kind} <= set(NUMBERS)
        if pa.types.is_null(found.type):
            found = pa.nulls(len(found), value_type(column.type))
        elif not same:
            raise SchemaError(f"column {column.name!r} is {found.type}, and {column.type} was fitted on; convert it")
        elif column.kind != "category" and found.type != column.type:
            found = pc.cast(plain(found), value_type(column.type), safe=False)
        columns.append(found)
    return pa.Table.from_arrays(columns, names=names)


def _possible(encoder: TableEncoder, layout: Layout) -> np.ndarray:
    """Return which dimensions of the 0/1 blocks stand for values of this encoder ``(H,)``: none for "missing"."""
    pairs = zip(layout.widths, encoder.n_values, strict=True)
    blocks = [np.arange(width) < values for width, values in pairs if width > 1]
    return np.concatenate(blocks) if blocks else np.zeros(0, bool)


def _coalesced(given: pa.Array, filled: pa.Array, name: str) -> pa.Array:
    """Return ``given`` with the values of ``filled`` where it has none, in its own type."""
    if pa.types.is_null(given.type):
        return filled
    wanted, made = value_type(given.type), plain(filled)
    if pa.types.is_integer(wanted) and pa.types.is_floating(made.type):
        made = pc.round(made)
    values = pc.coalesce(plain(given), made.cast(wanted))
    if not pa.types.is_dictionary(given.type):
        return typed(values, given.type, None)
    listed = plain(given.dictionary)
    if beyond := values.filter(pc.invert(pc.is_in(values, value_set=listed))).drop_null().unique().to_pylist():
        raise SchemaError(
            f"column {name!r} lists {listed.to_pylist()}, and {beyond} would be filled in; list them as well, or give "
            "the column as text"
        )
    return typed(values, given.type, listed)
