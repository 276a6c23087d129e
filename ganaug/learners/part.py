"""One fold as classifiers take it: real training rows, and the rows held out from everything that is fitted."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import binom

from ganaug.data import row_hashes
from ganaug.errors import DataError
from ganaug.image_schema import ImageSchema
from ganaug.learners.exchange import assemble, frame_of
from ganaug.learners.image_prepare import ImagePreparation
from ganaug.learners.jobs import Training
from ganaug.learners.kinds import own_rows, prepare
from ganaug.learners.models import Rows
from ganaug.learners.prepare import Preparation
from ganaug.schema import TableSchema

__all__ = ["LeakError", "Part"]

CHANCE = 1e-6
"""How improbable a coincidence must be to count as a leak."""


class LeakError(DataError):
    """Something that must not be seen in training was."""


class Part:
    """The real training rows of a fold (or of an inner fold) and the rows held out from it.

    Args:
        table: all rows that were given.
        schema: theirs.
        train: indices of the training rows.
        held_out: indices of the rows to predict.
        frames: whether the learners take DataFrames or, of images, flat pixels; prepared matrices otherwise.

    Raises:
        LeakError: when a held-out row equals a training row.
    """

    def __init__(
        self,
        table: pa.Table,
        schema: TableSchema | ImageSchema,
        train: np.ndarray,
        held_out: np.ndarray,
        *,
        frames: bool = False,
    ) -> None:
        self.schema = schema
        self.frames = frames
        self.table = table.take(pa.array(train))
        self.held_table = table.take(pa.array(held_out))
        self.codes = schema.label_codes(self.table)
        self.held_codes = schema.label_codes(self.held_table)
        names = schema.feature_names
        seen = np.isin(row_hashes(self.held_table, names), row_hashes(self.table, names))
        if seen.any():
            raise LeakError(
                f"{seen.sum()} held-out rows equal a training row, so that they would be predicted from themselves; "
                "keep exact duplicates on one side of the split"
            )

    @cached_property
    def preparation(self) -> Preparation | ImagePreparation:
        """The features, fitted on the training rows alone."""
        return prepare(self.table, self.schema)

    @cached_property
    def matrix(self) -> np.ndarray:
        """The training rows, prepared. **Shape**: (n, width)."""
        return self.preparation.transform(self.table)

    @cached_property
    def held_matrix(self) -> np.ndarray:
        """The held-out rows, prepared. **Shape**: (m, width)."""
        return self.preparation.transform(self.held_table)

    @cached_property
    def real(self) -> Rows:
        """The training rows as the learners take them."""
        return own_rows(self.table, self.schema) if self.frames else self.matrix

    @cached_property
    def held_out(self) -> Rows:
        """The held-out rows as the learners take them."""
        return own_rows(self.held_table, self.schema) if self.frames else self.held_matrix

    def plain(self, weight: np.ndarray | None = None) -> Training:
        """Train on the real rows as they are."""
        return Training(kept=np.arange(len(self.codes)), codes=self.codes, weight=weight)

    def with_table(self, rows: pa.Table, *, kept: np.ndarray | None = None, trusted: bool = False) -> Training:
        """Train on the real rows (those ``kept``) and on other rows of the same schema.

        ``trusted`` rows come from code of this package that saw nothing but the training rows: they are not searched
        for held-out ones.
        """
        if isinstance(self.schema, ImageSchema):
            if not trusted:
                self._refuse_copies(row_hashes(rows, self.schema.feature_names))
            extra = own_rows(rows, self.schema) if self.frames else self.preparation.transform(rows)
        else:
            matrix = self.preparation.transform(rows)
            if not trusted:
                self._refuse_copies(_hashes(matrix))
            extra = own_rows(rows, self.schema) if self.frames else matrix
        return self._with(extra, self.schema.label_codes(rows), kept)

    def with_matrix(self, matrix: np.ndarray, codes: np.ndarray, *, kept: np.ndarray | None = None) -> Training:
        """Train on the real rows (those ``kept``) and on other prepared rows, of a table."""
        assert isinstance(self.schema, TableSchema), "there is no way back from prepared rows to images"
        assert isinstance(self.preparation, Preparation)
        self._refuse_copies(_hashes(matrix))
        extra: Rows = matrix
        if self.frames:
            extra = frame_of(assemble(self.preparation.inverse(matrix), codes, self.schema), self.schema)
        return self._with(extra, codes, kept)

    def _with(self, extra: Rows, codes: np.ndarray, kept: np.ndarray | None) -> Training:
        kept = np.arange(len(self.codes)) if kept is None else kept
        if len(extra) == 0:
            return Training(kept=kept, codes=self.codes[kept])
        return Training(kept=kept, codes=np.concatenate([self.codes[kept], codes]), extra=extra)

    @cached_property
    def _known(self) -> np.ndarray:
        if isinstance(self.schema, ImageSchema):
            return row_hashes(self.table, self.schema.feature_names)
        return _hashes(self.matrix)

    @cached_property
    def _unknown(self) -> np.ndarray:
        if isinstance(self.schema, ImageSchema):
            return row_hashes(self.held_table, self.schema.feature_names)
        return _hashes(self.held_matrix)

    @cached_property
    def _telling(self) -> np.ndarray:
        """Tell which held-out rows hold what nobody guesses: a number on no decimal grid and in no training row, or an
        image, whatever it shows.
        """
        if isinstance(self.schema, ImageSchema):
            return np.ones(len(self.held_table), dtype=bool)
        telling = np.zeros(len(self.held_table), dtype=bool)
        for column in self.schema.columns:
            if column.kind == "number" and pa.types.is_floating(column.type):
                values = self.held_table.column(column.name).to_numpy().astype(np.float64)
                real = self.table.column(column.name).to_numpy()
                off_grid = np.isfinite(values) & (np.round(values, 6) != values)
                telling |= off_grid & ~np.isin(values, real)
        return telling

    def _refuse_copies(self, found: np.ndarray) -> None:
        """Raise where made-up rows, of which these are the hashes, hold held-out rows that nothing could know.

        Two signs. A made-up row equals a held-out row in full, and the row holds what nobody guesses. Or more
        held-out rows come back than chance explains: who saw the training rows only gives those back at least as often,
        so that each real row that comes back is a held-out one with at most their share of the real rows.
        """
        hit = np.isin(self._unknown, found)
        if not hit.any():
            return
        if (hit & self._telling).any():
            raise LeakError(_leak(int((hit & self._telling).sum())))
        held, known = np.unique(self._unknown), np.unique(self._known)
        copied, repeated = int(np.isin(held, found).sum()), int(np.isin(known, found).sum())
        share = len(held) / (len(held) + len(known))
        if binom.sf(copied - 1, copied + repeated, share) < CHANCE:
            raise LeakError(_leak(copied))


def _leak(n: int) -> str:
    return (
        f"the augmenter returned {n} rows that equal held-out test rows which it was never given: it was fitted on "
        "data that hold them, so nothing can be measured; pass an unfitted augmenter that fits on what it is given"
    )


def _hashes(matrix: np.ndarray) -> np.ndarray:
    """Return one hash a row. **Shape**: (n, d) -> (n,) uint64."""
    return pd.util.hash_pandas_object(pd.DataFrame(matrix + 0.0), index=False).to_numpy()
