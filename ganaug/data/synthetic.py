"""Notices rows and images that ganaug made itself: training on them is seldom what somebody wants."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from ganaug.errors import DataWarning

__all__ = ["KEY", "note_of", "warn_if_synthetic"]

KEY = "ganaug"
"""Under which Parquet's metadata and PNG's text say what made them."""
_SHOWN = 3


def note_of(text: Any) -> str | None:
    """Return what made the rows whose note is ``text`` (JSON); None unless it says that they are synthetic.

    >>> note_of('{"synthetic": true, "variant": "anchored", "seed": 3}')
    'anchored, seed 3'
    >>> note_of("a comment") is None
    True
    """
    try:
        note = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    if not isinstance(note, dict) or note.get("synthetic") is not True:
        return None
    return f"{str(note.get('variant', 'unknown'))[:40]}, seed {str(note.get('seed', 'unknown'))[:40]}"


def warn_if_synthetic(makers: Mapping[str, int], count: int, *, what: str, where: str) -> None:
    """Warn where some of ``count`` rows are synthetic; ``makers`` are `note_of` of them -> how many.

    ``what`` are they called ("rows", "images"), and ``where`` do they lie?
    """
    made = sum(makers.values())
    if not made:
        return
    names = sorted(makers)
    by = "; ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    warnings.warn(
        f"{made} of {count} {what} of {where} are synthetic {what} that ganaug made ({by}); "
        "training on them repeats what a generator got wrong, and the effect check on them says nothing about real "
        f"data; give the real {what} alone",
        DataWarning,
        stacklevel=2,
    )
