"""Pictures of synthetic rows beside real ones: a panel a column of a table, a contact sheet a class of images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from markupsafe import escape

from ganaug import seeding
from ganaug.image_schema import ImageSchema
from ganaug.report import tables
from ganaug.report.contact_sheet import contact_sheets
from ganaug.report.data_charts import column_chart
from ganaug.report.theme import PALETTE, canvas, short
from ganaug.schema import TableSchema

__all__ = ["MAX_ROWS", "Picture", "alone", "column_panels", "sample_pictures", "thin"]

MAX_ROWS = 20_000
"""Rows of either kind that the pictures are drawn from."""
MAX_PANELS = 24
TITLE = 13
"""Points of a panel that stands alone that its title takes."""
SCALE = 1.3
"""Pixels a point; three panels are beside each other on the page of a run."""
_VIEW = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture that stands alone, on paper of its own or on any."""

    title: str
    """The column, or the class."""
    told: str
    """What it shows, in words."""
    media_type: str
    content: bytes


def sample_pictures(
    real: pa.Table,
    synthetic: pa.Table | None,
    schema: TableSchema | ImageSchema,
    *,
    fidelity: Mapping[str, Any] | None = None,
    max_bytes: int = 1_500_000,
) -> list[Picture]:
    """Return pictures of the synthetic rows beside real ones, the most telling first.

    Of tables the columns that differ most by ``fidelity`` (`Fidelity.to_json`), of images a contact sheet a class.
    There are none of a table without synthetic rows.

    Args:
        real, synthetic: at most 20,000 rows of either are drawn.
        schema: theirs.
        fidelity: orders the columns; without it they come in their own order.
        max_bytes: what all pictures together may take; the first that does not fit and all after it are left out.
    """
    made = synthetic if synthetic is not None and len(synthetic) else None
    pictures: list[Picture] = []
    if isinstance(schema, ImageSchema):
        pictures = [
            Picture(title=sheet.label, told=sheet.told, media_type="image/png", content=sheet.png)
            for sheet in contact_sheets(real, made, schema)
        ]
    elif made is not None:
        with canvas():
            pictures = [
                Picture(
                    title=panel["name"],
                    told=f"{panel['name']}: real rows filled, synthetic rows in colour",
                    media_type="image/svg+xml",
                    content=alone(panel["chart"], panel["name"]),
                )
                for panel in column_panels(real, made, schema, tables.column_rows(fidelity))
            ]
    sizes = np.cumsum([len(picture.content) for picture in pictures])
    return pictures[: int(np.searchsorted(sizes, max_bytes, side="right"))]


def column_panels(
    real: pa.Table, synthetic: pa.Table, schema: TableSchema, ordered: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Draw the most different columns; the real rows are weighed to have the synthetic ones' mix of classes.

    ``ordered`` is what `ganaug.report.tables.column_rows` gives. Must be called within `canvas`.
    """
    real, synthetic = thin(real, "real"), thin(synthetic, "synthetic")
    by_name = {c.name: c for c in schema.columns if c.kind != "identifier"}
    figures = {row["name"]: row for row in ordered}
    made = schema.label_codes(synthetic)
    alike = np.isin(schema.label_codes(real), made)
    real = real.filter(pa.array(alike)) if alike.any() else real
    codes = schema.label_codes(real)
    share = np.bincount(made, minlength=schema.n_classes) / np.maximum(
        1, np.bincount(codes, minlength=schema.n_classes)
    )
    weights = share[codes] if share[codes].sum() > 0 else np.ones(len(codes))
    names = [name for name in [*figures, *(n for n in by_name if n not in figures)] if name in by_name][:MAX_PANELS]
    return [
        {
            "name": name,
            "figures": figures.get(name),
            "chart": column_chart(by_name[name], real[name], synthetic[name], weights, f"column{i}"),
        }
        for i, name in enumerate(names)
    ]


def thin(table: pa.Table, name: str) -> pa.Table:
    """Return at most `MAX_ROWS` rows of ``table``, in their order; ``name`` keeps its draw apart from others'."""
    if len(table) <= MAX_ROWS:
        return table
    rows = seeding.numpy_rng(0, "report", name).choice(len(table), MAX_ROWS, replace=False)
    return table.take(np.sort(rows))


def alone(svg: str, title: str) -> bytes:
    """Return an inline SVG as a file: under its title, of a size in pixels, in a font that is there, on white paper."""
    view = _VIEW.search(svg)
    assert view is not None, "`to_svg` says how large it is"
    width, height = (float(side) for side in view.groups())
    height += TITLE
    opening, rest = str(svg).split(">", 1)
    opening = re.sub(r' (?:style|viewBox)="[^"]*"', "", opening)
    size = f'viewBox="0 0 {width:g} {height:g}" width="{SCALE * width:.0f}" height="{SCALE * height:.0f}"'
    head = (
        f'{opening} {size}><rect width="{width:g}" height="{height:g}" rx="3" fill="#fff"/>'
        f'<text x="3" y="{TITLE - 3}" font-family="sans-serif" font-size="8.5" font-weight="600" '
        f'fill="{PALETTE["ink"]}">{escape(short(title, 36))}</text><g transform="translate(0 {TITLE})">'
    )
    body, end = rest.rsplit("</svg>", 1)
    return f"{head}{body.replace('var(--font)', 'sans-serif')}</g></svg>{end}".encode()
