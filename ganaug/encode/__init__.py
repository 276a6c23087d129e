"""Tables and images to numbers that networks work on, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganaug.encode.image import ImageEncoder, ImageLayout
from ganaug.encode.table import Encoded, Layout, TableEncoder
from ganaug.image_schema import ImageSchema
from ganaug.schema import TableSchema

__all__ = [
    "AnyEncoder",
    "AnyLayout",
    "Encoded",
    "ImageEncoder",
    "ImageLayout",
    "Layout",
    "TableEncoder",
    "encoder_from_state",
    "layout_from_json",
]

AnyEncoder = TableEncoder | ImageEncoder
AnyLayout = Layout | ImageLayout


def encoder_from_state(
    d: dict[str, Any], arrays: dict[str, np.ndarray], schema: TableSchema | ImageSchema
) -> AnyEncoder:
    """Undo ``state`` of the encoder that belongs to ``schema``."""
    if isinstance(schema, ImageSchema):
        return ImageEncoder.from_state(d, arrays, schema)
    return TableEncoder.from_state(d, arrays, schema)


def layout_from_json(d: dict[str, Any]) -> AnyLayout:
    """Undo ``to_json`` of either layout."""
    return ImageLayout.from_json(d) if "channels" in d else Layout.from_json(d)
