"""What may pass is tried again by the server; what we were given, and what no waiting mends, is not."""

from __future__ import annotations

import pytest
from prefect import flow, task

from flows.patience import PATIENCE
from ganaug.errors import OutputError

pytestmark = pytest.mark.usefixtures("server")


@pytest.mark.parametrize(("cause", "tries"), [(ConnectionError("reset"), 3), (PermissionError("read-only"), 1)])
def test_only_what_may_pass_is_tried_again(cause: OSError, tries: int) -> None:
    tried = []

    @task(**PATIENCE | {"retry_delay_seconds": 0, "retry_jitter_factor": 0})
    def write() -> str:
        tried.append(1)
        if len(tried) < 3:
            raise OutputError("the storage cannot be used") from cause
        return "written"

    @flow
    def run() -> str:
        return write()

    state = run(return_state=True)
    assert len(tried) == tries and state.is_completed() == (tries == 3)
