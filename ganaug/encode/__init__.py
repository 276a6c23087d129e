"""Tables to numbers that networks work on, and back."""

from __future__ import annotations

from ganaug.encode.table import Encoded, Layout, TableEncoder

__all__ = ["Encoded", "Layout", "TableEncoder"]
