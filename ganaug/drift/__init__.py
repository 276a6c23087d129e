"""What changed since the last run: in the data, and in the verdict.

A profile holds counts and no rows: of each column how many rows lie between its deciles, or have each of its frequent
values. A column is said to have changed when the change is both large and no chance: a small table does not cry wolf,
and a large one does not report trifles.

- `data`: the profile of a table or of images, and the rows of now against it
- `columns`: one column in counts; images as columns of numbers
- `chance`: how far two samples are apart, and whether it could be chance
- `verdicts`: an effect against the last one
"""

from __future__ import annotations

from ganaug.drift.data import Drift, compare, profile
from ganaug.drift.verdicts import compare_verdicts

__all__ = ["Drift", "compare", "compare_verdicts", "profile"]
