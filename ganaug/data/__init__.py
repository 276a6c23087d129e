"""Tables and images from wherever they are to Arrow, checked, hashed and split."""

from __future__ import annotations

from ganaug.data.fingerprint import fingerprint, row_hashes
from ganaug.data.images import is_images, read_images
from ganaug.data.splits import holdout, stratified_folds
from ganaug.data.tables import TableData, read_table, to_pandas

__all__ = [
    "TableData",
    "fingerprint",
    "holdout",
    "is_images",
    "read_images",
    "read_table",
    "row_hashes",
    "stratified_folds",
    "to_pandas",
]
