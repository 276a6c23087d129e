from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pandas as pd
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from flows import tasks
from flows.augment import augment, run
from flows.parameters import AugmentRequest

pytestmark = pytest.mark.usefixtures("server")


def runs() -> list:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs()


def artifacts() -> dict[str, str]:
    with get_client(sync_client=True) as client:
        return {artifact.key: artifact.type for artifact in client.read_artifacts()}


def graph(flow_run: UUID) -> dict[str, list[str]]:
    """Return task -> the tasks that it waits for."""
    with get_client(sync_client=True) as client:
        made = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])))
    names = {task.id: task.name.partition("-")[0] for task in made}
    waits = {names[task.id]: task.task_inputs.get("wait_for", []) for task in made}
    return {name: sorted(names[source.id] for source in sources) for name, sources in waits.items()}


def test_a_table_goes_in_and_parquet_a_report_and_a_named_state_come_out(request_: AugmentRequest, table: Path) -> None:
    state = augment(request_, return_state=True)
    assert state.is_completed() and state.name == "Augmented"
    assert state.message.startswith("10 synthetic rows were added (10 of rare)")
    result = state.result()
    rows = pd.read_parquet(result["synthetic"]["path"])
    real = pd.read_csv(table)
    assert rows["label"].tolist() == ["rare"] * 10
    assert list(rows.columns) == list(real.columns)
    assert rows["amount"].between(real["amount"].min(), real["amount"].max()).all()
    assert Path(result["report"]["path"]).read_text(encoding="utf-8").startswith("<!")
    assert {run.name for run in runs()} >= {"augment-small-label-auto"}
    shown = artifacts()
    assert shown["verdict"] == "markdown"
    assert "progress" in {kind for key, kind in shown.items() if key.endswith("-training")}

    steps = graph(state.state_details.flow_run_id)
    assert all("read" in steps[name] for name in ("choose", "check", "train"))
    assert {"choose", "train"} <= set(steps["sample"]) and "sample" in steps["report"]

    again = augment(request_)
    assert again == result, "the same words return what is there"


def test_bad_input_ends_in_a_named_state_with_the_sentence_that_says_what_to_do(
    request_: AugmentRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = request_.model_copy(update={"target": "lable"})
    state = augment(wrong, return_state=True)
    assert state.is_failed() and state.name == "Bad data"
    assert "lable" in state.message and "label" in state.message
    with get_client(sync_client=True) as client:
        tried = client.read_task_runs()
    assert max(task.run_count for task in tried if task.name.startswith("read")) == 1
    assert run(wrong) == 2
    assert capsys.readouterr().err.endswith(f"error: {state.message}\n")


def test_storage_that_fails_for_a_moment_is_tried_again(
    request_: AugmentRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([ConnectionError("reset by peer"), TimeoutError("slow"), None])
    begin = tasks.steps.begin

    def unsteady(*args: object, **options: object) -> object:
        error = next(answers)
        if error is not None:
            raise error
        return begin(*args, **options)

    monkeypatch.setattr(tasks.steps, "begin", unsteady)
    read = tasks.read.with_options(retry_delay_seconds=0)
    assert flow(lambda: read(request_), name="reading")()["rows"] == 75
    assert next(answers, "used up") == "used up"
