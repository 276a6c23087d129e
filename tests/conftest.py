"""What every test needs before anything of SciPy is imported, and the flags of the suite."""

from __future__ import annotations

import os

import pytest

# scikit-learn's checks of array-API input are skipped without it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=20, help="how many real processes tests/test_kills.py kills")
