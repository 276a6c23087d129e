"""Small data sets to publish."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ganaug.parquet import write_parquet


def data_set(folder, seed, rows=20, rows_per_file=8):
    """Write a data set and return its folder."""
    rng = np.random.default_rng(seed)
    table = pa.table({"x": rng.normal(size=rows), "ill": rng.integers(0, 2, rows)})
    provenance = {"synthetic": True, "variant": "anchored", "seed": seed, "data_fingerprint": f"print{seed}"}
    write_parquet([table], folder, schema=table.schema, provenance=provenance, rows_per_file=rows_per_file)
    return folder
