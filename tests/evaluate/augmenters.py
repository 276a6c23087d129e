"""Augmenters that tests judge: cheap, and known to help, to harm, to copy or to do nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from ganaug.policy import CANDIDATES
from ganaug.seeding import numpy_rng


@dataclass
class Jitter:
    """A generator: training rows of the class asked for, moved by a tenth of a standard deviation."""

    table: pa.Table
    schema: object

    def sample_table(self, labels: np.ndarray, *, seed: int) -> pa.Table:
        rng = numpy_rng(seed, "jitter")
        codes = self.schema.label_codes(self.table)
        rows = [int(rng.choice(np.flatnonzero(codes == label))) for label in labels]
        drawn = self.table.take(pa.array(rows, pa.int64()))
        for name in self.schema.feature_names:
            values = drawn[name].to_numpy()
            spread = self.table[name].to_numpy().std() / 10
            moved = pa.array(values + spread * rng.normal(size=len(values)))
            drawn = drawn.set_column(drawn.column_names.index(name), self.schema.arrow.field(name), moved)
        return drawn


@dataclass
class Jittering:
    """An augmenter with ``fit_many``, and with the policy's candidates; it remembers what it was given."""

    candidates: tuple = CANDIDATES
    name: str = "jittering"
    given: list = field(default_factory=list)

    def fit_many(self, tables, schema, seeds):
        self.given.append((list(tables), list(seeds)))
        return [Jitter(table, schema) for table in tables]


@dataclass
class Fresh:
    """A callable: as many new rows of the true distribution as it is told, of both classes alike."""

    pool: pd.DataFrame
    labels: np.ndarray
    rows: int = 400

    def __call__(self, x: pd.DataFrame, y: pd.Series, random_state: int):
        chosen = np.random.default_rng(random_state).choice(len(self.pool), self.rows, replace=False)
        more = self.pool.iloc[chosen]
        return pd.concat([x, more], ignore_index=True), np.concatenate([y, self.labels[chosen]])


def noise(x: pd.DataFrame, y: pd.Series, random_state: int):
    """Balance the classes with uniform noise over twice the range of every column."""
    rng = np.random.default_rng(random_state)
    counts = y.value_counts()
    rarer = counts.idxmin()
    n = int(counts.max() - counts.min())
    low, high = x.min().to_numpy(), x.max().to_numpy()
    made = pd.DataFrame(
        rng.uniform(low - (high - low) / 2, high + (high - low) / 2, (n, x.shape[1])), columns=x.columns
    )
    return pd.concat([x, made], ignore_index=True), np.concatenate([y, np.full(n, rarer)])


@dataclass
class Copier:
    """A callable that was shown all rows beforehand, and gives them back."""

    x: pd.DataFrame
    y: np.ndarray

    def __call__(self, x: pd.DataFrame, y: pd.Series, random_state: int):
        return pd.concat([x, self.x], ignore_index=True), np.concatenate([y, self.y])
