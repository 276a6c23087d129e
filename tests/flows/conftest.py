from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prefect.testing.utilities import prefect_test_harness

from flows.parameters import AugmentRequest


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """An empty Prefect server of our own, for as long as the tests run."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write a small mixed table with a scarce class, and return its path."""
    rng = np.random.default_rng(0)
    label = np.repeat(["common", "rare"], [60, 15])
    frame = pd.DataFrame(
        {
            "amount": np.round(rng.normal(0, 1, 75) + 2 * (label == "rare"), 2),
            "count": rng.integers(0, 9, 75),
            "colour": rng.choice(["red", "green"], 75),
            "label": label,
        }
    )
    path = tmp_path / "small.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def request_(table: Path, tmp_path: Path) -> AugmentRequest:
    """Ask for exact amounts without a check, which takes seconds."""
    return AugmentRequest(
        data=str(table),
        target="label",
        out=str(tmp_path / "out"),
        sampling_strategy={"rare": 25},
        check="none",
        random_state=0,
    )
