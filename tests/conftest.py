"""What every test needs before anything of SciPy is imported, and the flags of the suite."""

from __future__ import annotations

import os

import pytest

# scikit-learn's checks of array-API input are skipped without it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

from collections.abc import Iterator

from tests import s3


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server on loopback."""
    with s3.s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3_bucket(s3_endpoint: str) -> Iterator[str]:
    """The URL of a new bucket on that server, which fsspec and processes that are started find."""
    import fsspec

    with s3.environment(s3_endpoint):
        fsspec.filesystem("s3").clear_instance_cache()
        yield s3.new_bucket()
        fsspec.filesystem("s3").clear_instance_cache()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=20, help="how many real processes tests/test_kills.py kills")
