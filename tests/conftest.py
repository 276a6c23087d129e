"""What every test needs before anything of SciPy is imported, and the flags of the suite."""

from __future__ import annotations

import os

import pytest

# scikit-learn's checks of array-API input are skipped without it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

from collections.abc import Callable, Iterator

from ganaug import plans
from ganaug.policy import Candidate, Choice
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


@pytest.fixture
def policy_chooses(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Choice]:
    """A function after whose call the policy chooses that candidate; given an index, so many tenths of balance."""

    def choose(index: int, candidate: Candidate | None = None) -> Choice:
        choice = Choice(
            index=index,
            candidate=Candidate(ratio=index / 10) if candidate is None else candidate,
            expected=0.1,
            standard_error=0.01,
            margin=0.05,
            reason="because",
        )
        monkeypatch.setattr(plans, "select", lambda *_, **__: choice)
        return choice

    return choose


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=20, help="how many real processes tests/test_kills.py kills")
