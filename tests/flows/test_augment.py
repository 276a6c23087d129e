from __future__ import annotations

import shutil
import time
from pathlib import Path
from uuid import UUID

import pandas as pd
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.events.worker import EventsWorker

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
    given = {names[task.id]: [one for name in task.task_inputs.values() for one in name] for task in made}
    return {
        name: sorted({names[one.id] for one in ones if one.input_type == "task_run"}) for name, ones in given.items()
    }


def states(flow_run: UUID) -> dict[str, str]:
    """Return task -> the name of its final state."""
    with get_client(sync_client=True) as client:
        made = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run])))
    return {task.name.partition("-")[0]: task.state_name for task in made}


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
    assert shown["verdict"] == shown["training"] == "markdown"
    assert "progress" in {kind for key, kind in shown.items() if key.endswith("-training")}

    steps = graph(state.state_details.flow_run_id)
    assert all("read" in steps[name] for name in ("choose", "check", "train"))
    assert {"choose", "train"} <= set(steps["sample"]) and "sample" in steps["report"]

    state = augment(request_, return_state=True)
    again = state.result()
    made = again["data"].pop("made")
    assert made == list(tasks.MADE.values()) and result["data"].pop("made") == []
    assert again == result, "the same words return what is there"
    names = states(state.state_details.flow_run_id)
    assert {names.pop(name) for name in ("read", "report", "review")} == {"Completed"}
    assert set(names.values()) == {"Cached"} and set(names) == {"choose", "check", "train", "sample"}
    shutil.rmtree(Path(result["synthesizer"]["path"]))
    names = states(augment(request_, return_state=True).state_details.flow_run_id)
    assert names["train"] == "Completed" and names["sample"] == "Cached", "what was removed is made again, no more"
    assert Path(result["synthesizer"]["path"]).is_dir()


def test_a_changed_option_recomputes_what_depends_on_it_and_nothing_else(
    request_: AugmentRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    beside = request_.model_copy(update={"out": None, "publish_to": str(tmp_path / "store"), "publish": "never"})
    first = augment(beside)
    weights = Path(first["synthesizer"]["path"]) / "weights.safetensors"
    more = beside.model_copy(update={"sampling_strategy": {"rare": 30}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks.steps, "fit_rows", lambda *_, **__: pytest.fail("the generator was trained again"))
        second = augment(more)
    assert second["synthetic"]["rows"] == 15
    copy = Path(second["synthesizer"]["path"]) / "weights.safetensors"
    assert copy != weights and copy.read_bytes() == weights.read_bytes()
    third = augment(beside.model_copy(update={"random_state": 1}))
    assert (Path(third["synthesizer"]["path"]) / "weights.safetensors").read_bytes() != weights.read_bytes()


def test_rare_values_of_a_numeric_target_are_raised_and_a_larger_maximum_is_no_change(
    request_: AugmentRequest, table: Path, tmp_path: Path
) -> None:
    where = {"out": None, "publish_to": str(tmp_path / "store"), "publish": "never"}
    asked = {"target": "amount", "task": "regression", "sampling_strategy": {"2..9": 20}}
    valued = request_.model_copy(update=asked | where)
    first = augment(valued)
    rows = pd.read_parquet(first["synthetic"]["path"])
    real = pd.read_csv(table)
    assert len(rows) == 20 - (real["amount"] >= 2).sum() > 0 and (rows["amount"] >= 2).all()
    assert first["report"]["decision"].endswith("as asked.")
    real.loc[real["amount"].idxmax(), "amount"] += 0.01
    real.to_csv(table, index=False)
    assert augment(valued)["changes"] == []


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


def test_assets_tell_what_comes_from_what(request_: AugmentRequest, tmp_path: Path) -> None:
    asked = request_.model_copy(update={"publish_to": str(tmp_path / "store"), "publish": "always"})
    state = augment(asked, return_state=True)
    out, store = f"{Path(str(asked.out)).as_uri()}", Path(str(asked.publish_to)).as_uri()
    EventsWorker.instance().wait_until_empty()
    names = EventFilter(event=EventNameFilter(name=["prefect.asset.materialization.succeeded"]))
    for _ in range(50):
        with get_client(sync_client=True) as client:
            seen = client.read_events(names, limit=50).events
        made = {event.resource.id: event for event in seen if event.resource.id.startswith((out, store))}
        if store in made:
            break
        time.sleep(0.1)
    assert state.is_completed() and set(made) == {f"{out}/synthesizer", f"{out}/synthetic", store}
    sources = {key: {related.id for related in event.related if related.role == "asset"} for key, event in made.items()}
    assert Path(asked.data).as_uri() in sources[f"{out}/synthesizer"]
    assert f"{out}/synthesizer" in sources[f"{out}/synthetic"] and f"{out}/synthetic" in sources[store]
