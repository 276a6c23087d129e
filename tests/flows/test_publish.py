from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from prefect.client.orchestration import get_client
from sklearn.linear_model import LogisticRegression

from flows import tasks
from flows.augment import augment
from flows.credentials import StorageCredentials, use
from flows.history import ABANDONED, expire, last_run
from flows.parameters import AugmentRequest
from ganaug import storage
from ganaug.errors import ArtefactError, ConfigError
from ganaug.releases import Releases

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def nightly(request_: AugmentRequest, tmp_path: Path) -> AugmentRequest:
    """A request as a deployment makes it: no folder of its own, a place to publish to."""
    return request_.model_copy(update={"out": None, "publish_to": str(tmp_path / "store"), "publish": "always"})


def verdict(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """Let the check come to this verdict."""
    real = tasks.steps.measure_effect

    def measured(*args: Any, **options: Any) -> Any:
        options |= {"arms": ["class_weights"], "augmenter": "random_oversampling", "cv": 2, "depth": "quick"}
        options |= {"estimator": LogisticRegression()}
        return replace(real(*args, **options), verdict=word, sentence=f"It {word}.")

    monkeypatch.setattr("ganaug.steps.measure_effect", measured)


def test_a_set_that_helps_is_published_and_one_that_does_not_leaves_the_last_one(
    nightly: AugmentRequest, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gated = nightly.model_copy(update={"publish": "if_helps", "check": "auto"})
    assert gated.depth == "thorough"
    releases = Releases(str(gated.publish_to))
    with monkeypatch.context() as patch:
        verdict(patch, "no evidence")
        state = augment(gated, return_state=True)
    assert (state.name, releases.latest()) == ("Not published", None) and state.is_completed()
    assert state.message == "nothing is published yet, as the verdict is 'no evidence': It no evidence."

    frame = pd.read_csv(table)
    frame.loc[0, "count"] += 1
    frame.to_csv(table, index=False)
    with monkeypatch.context() as patch:
        verdict(patch, "helps")
        state = augment(gated, return_state=True)
    good = releases.latest()
    assert good is not None and good.verdict == "helps"
    assert (state.name, state.message) == ("Helps", f"It helps. Published as version {good.version}.")
    assert releases.read()["label"].to_pylist() == ["rare"] * 10
    assert {file["name"] for file in good.files} >= {"report.html", "effect.json", "data/part-00000.parquet"}

    frame.loc[1, "count"] += 1
    frame.to_csv(table, index=False)
    with monkeypatch.context() as patch:
        verdict(patch, "harms")
        state = augment(gated, return_state=True)
    assert state.name == "Not published" and state.message.startswith(f"version {good.version} stays the latest, as")
    assert releases.latest() == good
    changes = state.result()["changes"]
    assert any("verdict changed from 'helps' to 'harms'" in change for change in changes)


def test_the_same_night_twice_publishes_once_and_old_runs_go(nightly: AugmentRequest, table: Path) -> None:
    keep = nightly.model_copy(update={"keep": 2})
    first = augment(keep)
    again = augment(keep)
    assert first["published"]["version"] == again["published"]["version"] and again["changes"] == []
    frame = pd.read_csv(table)
    for night in range(3):
        frame.loc[night, "amount"] += 0.5
        frame.to_csv(table, index=False)
        last = augment(keep)
    runs = Path(str(keep.runs))
    left = [path.name for path in runs.iterdir() if path.is_dir()]
    assert len(left) == 2 and last["data"]["name"] in left and last_run(str(runs)) == last["data"]["name"]
    assert len(Releases(str(keep.publish_to)).versions()) == 4, "versions stay for an hour, as somebody may read them"


def test_a_shifted_column_is_told_the_next_night(nightly: AugmentRequest, table: Path) -> None:
    augment(nightly)
    frame = pd.read_csv(table)
    frame["amount"] += 50
    frame.to_csv(table, index=False)
    changes = augment(nightly)["changes"]
    assert len(changes) == 1 and "amount" in changes[0]
    with get_client(sync_client=True) as client:
        assert "changes" in {artifact.key for artifact in client.read_artifacts()}


def test_what_changed_is_told_by_the_task_that_is_tried_again(
    nightly: AugmentRequest, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    augment(nightly)
    frame = pd.read_csv(table)
    frame["amount"] += 50
    frame.to_csv(table, index=False)
    told: list[Any] = []

    def emit(*_: Any, changes: list[str], **__: Any) -> list[str]:
        told.append(changes)
        if len(told) == 1:
            raise ConnectionError("the server is away")
        return []

    monkeypatch.setattr(tasks, "emit_findings", emit)
    monkeypatch.setattr(tasks, "review", tasks.review.with_options(retry_delay_seconds=0))
    changes = augment(nightly)["changes"]
    assert told == [changes, changes] and "amount" in changes[0]


def test_storage_in_the_cloud_with_credentials_from_a_block(
    nightly: AugmentRequest, table: Path, s3_bucket: str, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    storage.upload(table.parent, f"{s3_bucket}/in", files=[table.name])
    options = {"key": "from-a-block", "secret": "hush-hush-4711", "endpoint_url": s3_endpoint}
    StorageCredentials(protocol="s3", options=options).save("lake", overwrite=True)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("fsspec.config.conf", {})
    fsspec.filesystem("s3").clear_instance_cache()

    there = {"data": f"{s3_bucket}/in/{table.name}", "publish_to": f"{s3_bucket}/store"}
    request = nightly.model_copy(update={**there, "credentials": ["ganaug-storage/lake"]})
    state = augment(request, return_state=True)
    assert state.name == "Augmented", state.message
    store = Releases(f"{s3_bucket}/store")
    assert store.read()["label"].to_pylist() == ["rare"] * 10
    text = json.dumps(state.result(), default=str) + "".join(
        (storage.read_bytes(f"{s3_bucket}/store/{name}") or b"").decode("utf-8", "replace")
        for name in storage.files_below(f"{s3_bucket}/store")
    )
    assert "hush-hush" not in text and "from-a-block" not in text
    with get_client(sync_client=True) as client:
        shown = json.dumps([one.model_dump(mode="json") for one in client.read_artifacts()])
        shown += json.dumps([one.model_dump(mode="json") for one in client.read_flow_runs()])
        shown += json.dumps([one.model_dump(mode="json") for one in client.read_logs()])
    assert "hush-hush" not in shown and "from-a-block" not in shown


def test_a_block_that_is_not_there_or_holds_something_else_is_named_without_what_it_holds() -> None:
    from prefect.blocks.system import Secret

    with pytest.raises(ConfigError, match="there is no Prefect block 'ganaug-storage/nowhere'"):
        use(["ganaug-storage/nowhere"])
    Secret(value="hush").save("wrong", overwrite=True)
    with pytest.raises(ConfigError, match="must be of type ganaug-storage") as told:
        use(["secret/wrong"])
    assert "hush" not in str(told.value)


def test_a_secret_with_a_json_object_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec.config
    from prefect.blocks.system import Secret

    monkeypatch.setattr(fsspec.config, "conf", {})
    Secret(value={"s3": {"key": "a", "secret": "b"}}).save("right", overwrite=True)
    use(["secret/right"])
    assert fsspec.config.conf == {"s3": {"key": "a", "secret": "b"}}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 1}', '{"format": 9, "run": "0123456789ab"}', '{"format": 1, "run": "../versions"}']
)
def test_a_damaged_record_of_the_last_run_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "last.json").write_text(text)
    with pytest.raises(ArtefactError, match=r"last\.json' (is damaged|is of format 9|names '../versions')"):
        last_run(str(tmp_path))


def test_runs_under_way_stay_and_those_given_up_go(tmp_path: Path) -> None:
    states = {"a" * 12: "finished", "b" * 12: "unfinished", "c" * 12: "unfinished", "d" * 12: "finished"}
    for name, state in {**states, "notes": "finished"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps({"state": state}))
    old = time.time() - ABANDONED.total_seconds() - 60
    for name in ("a" * 12, "c" * 12):
        os.utime(tmp_path / name / "run.json", (old, old))
    assert sorted(expire(str(tmp_path), "e" * 12, keep=2)) == ["a" * 12, "c" * 12]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b" * 12, "d" * 12, "notes"]


def test_what_was_rolled_back_from_is_not_published_again(nightly: AugmentRequest, table: Path) -> None:
    first = augment(nightly)["published"]["version"]
    frame = pd.read_csv(table)
    frame.loc[0, "amount"] += 0.5
    frame.to_csv(table, index=False)
    assert augment(nightly)["published"]["published"]
    Releases(str(nightly.publish_to)).rollback()
    state = augment(nightly, return_state=True)
    assert state.name == "Not published" and "was rolled back from" in state.message
    assert state.message.startswith(f"version {first} stays the latest")


def test_a_last_run_that_cannot_be_read_is_told_and_the_next_night_compares_again(
    nightly: AugmentRequest, table: Path
) -> None:
    first = augment(nightly)
    profile = Path(first["data"]["run"]) / "profile.json"
    profile.write_text(json.dumps({**json.loads(profile.read_text()), "format": 99}))
    frame = pd.read_csv(table)
    for expected in ("cannot be compared with", ""):
        frame.loc[0, "amount"] += 0.5
        frame.to_csv(table, index=False)
        changes = augment(nightly)["changes"]
        assert (expected in changes[0]) if expected else changes == []


def test_what_changes_is_reported_only_between_runs_of_one_place(request_: AugmentRequest) -> None:
    done = augment(request_)
    assert done["published"] is None and done["changes"] == []
    assert os.listdir(Path(str(request_.out)).parent).count("runs") == 0
