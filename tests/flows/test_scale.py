"""The flows of many tasks: the same bytes in threads, in processes and on a Ray cluster of two nodes."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from prefect import task
from prefect.client.orchestration import get_client
from pydantic import ValidationError

from flows import scale_tasks, slot
from flows.credentials import StorageCredentials
from flows.runners import VARIABLE, Where, requirements, slot_of, task_runner
from flows.scale import compare, sample
from flows.scale_parameters import CompareRequest, SampleRequest
from ganaug import storage
from ganaug.errors import ConfigError
from ganaug.evaluate import Effect
from ganaug.parquet import read_manifest
from ganaug.shards import Shards

pytestmark = pytest.mark.usefixtures("server")

THREADS, PROCESSES = Where(runner="threads", workers=2), Where(runner="processes", workers=2)
BLOCK = 4096


@pytest.fixture(scope="module")
def cluster() -> Iterator[Where]:
    """A Ray cluster of two nodes with a core each, on this machine."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("prefect_ray")
    from ray.cluster_utils import Cluster

    # The nodes' workers import this very checkout.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    memory = {"object_store_memory": 80 * 2**20}
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **memory})
    try:
        nodes.add_node(num_cpus=1, **memory)
        nodes.wait_for_nodes(60)
        yield Where(runner="ray", ray_address=nodes.address)
    finally:
        ray.shutdown()
        nodes.shutdown()


def sampling(table: Path, folder: Path, where: Where, **options: Any) -> SampleRequest:
    return SampleRequest(
        data=str(table),
        target="label",
        variant="anchored",
        members=2,
        members_out=str(folder / "members"),
        rows=3 * BLOCK + 10,
        shard_rows=BLOCK,
        out=str(folder / "rows"),
        device="cpu",
        where=where,
        **options,
    )


def comparing(table: Path, folder: Path, where: Where, **options: Any) -> CompareRequest:
    asked = {"augmenters": ["anchored", "random_oversampling", "ADASYN"], "folds": 2, "device": "cpu"}
    return CompareRequest(data=str(table), target="label", out=str(folder), where=where, **asked | options)


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def effects(folder: Path) -> dict[str, Any]:
    """Everything that was found, less what the clock says."""
    found = {}
    for path in sorted(folder.glob("*/effect.json")):
        effect = json.loads(path.read_text())
        Effect.from_json(effect)
        found[path.parent.name] = {**effect, "seconds": 0, "arms": [{**arm, "seconds": 0} for arm in effect["arms"]]}
    return found


def test_a_set_is_the_same_in_threads_and_in_processes(table: Path, tmp_path: Path) -> None:
    state = sample(sampling(table, tmp_path / "threads", THREADS), return_state=True)
    assert state.is_completed() and state.message.startswith(f"{3 * BLOCK + 10:,} synthetic rows in 4 files")
    manifest = read_manifest(tmp_path / "threads" / "rows")
    assert [file["rows"] for file in manifest.files] == [BLOCK, BLOCK, BLOCK, 10]
    sample(sampling(table, tmp_path / "processes", PROCESSES))
    assert contents(tmp_path / "processes" / "rows") == contents(tmp_path / "threads" / "rows")
    # From a saved generator: a member's own rows.
    one = sampling(table, tmp_path / "threads", THREADS)
    saved = SampleRequest(
        generator=str(tmp_path / "threads" / "members" / "member-00"),
        rows=one.rows,
        shard_rows=BLOCK,
        out=str(tmp_path / "saved"),
    )
    assert sample(saved)["rows"] == one.rows
    assert read_manifest(tmp_path / "saved").files[0] == manifest.files[0]
    assert read_manifest(tmp_path / "saved").files[1]["sha256"] != manifest.files[1]["sha256"]


def test_effects_are_the_same_in_threads_and_in_processes(table: Path, tmp_path: Path) -> None:
    state = compare(comparing(table, tmp_path / "threads", THREADS), return_state=True)
    ranking = state.result()
    assert sorted(row["augmenter"] for row in ranking) == ["ADASYN", "anchored", "random_oversampling"]
    assert ranking[-1]["augmenter"] == "ADASYN" and ranking[-1]["verdict"] == "not measurable", "it takes no categories"
    gains = [row["difference"] for row in ranking[:-1]]
    assert gains == sorted(gains, reverse=True) and state.message.startswith(f"first of 3: {ranking[0]['augmenter']}")
    with get_client(sync_client=True) as client:
        shown = next(artifact for artifact in client.read_artifacts() if artifact.key == "ranking")
    assert [row["augmenter"] for row in json.loads(shown.data)] == [row["augmenter"] for row in ranking]
    compare(comparing(table, tmp_path / "processes", PROCESSES))
    found = effects(tmp_path / "threads")
    assert len(found) == 3 and effects(tmp_path / "processes") == found


@pytest.mark.slow
def test_a_ray_cluster_of_two_nodes_gives_the_same(table: Path, tmp_path: Path, cluster: Where) -> None:
    for folder, where in (("threads", THREADS), ("ray", cluster)):
        sample(sampling(table, tmp_path / folder, where))
        compare(comparing(table, tmp_path / folder / "compared", where))
    assert contents(tmp_path / "ray" / "rows") == contents(tmp_path / "threads" / "rows")
    assert effects(tmp_path / "ray" / "compared") == effects(tmp_path / "threads" / "compared")


@pytest.mark.slow
def test_on_ray_tasks_ask_for_what_they_need(cluster: Where) -> None:
    from prefect_ray.context import RemoteOptionsContext

    @task
    def node(number: int) -> str:
        import ray

        time.sleep(1)
        return ray.get_runtime_context().get_node_id()

    asked = {}
    with task_runner(cluster) as runner:
        with requirements(runner, cluster, "cpu"):
            nodes = [future.result() for future in runner.map(node, {"number": range(4)})]
        assert len(set(nodes)) == 2
        for device in ("cpu", "auto", "cuda"):
            with requirements(runner, cluster.model_copy(update={"gpus_per_task": 0.5}), device):
                asked[device] = RemoteOptionsContext.get().current_remote_options["num_gpus"]
    assert asked == {"cpu": 0, "auto": 0, "cuda": 0.5}, "this cluster has no GPU"


def test_a_killed_run_does_what_is_missing(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, measured = [], []
    write, check = scale_tasks.write_shard, scale_tasks.measure_part

    def dies_at(number: int | None) -> None:
        def write_shard(synthesizer: Any, shards: Shards, k: int, folder: str) -> Any:
            if k == number:
                raise RuntimeError("killed")
            drawn.append(k)
            return write(synthesizer, shards, k, folder)

        def measure_part(data: Any, part: Any, **options: Any) -> Any:
            if part["part"] == number:
                raise RuntimeError("killed")
            measured.append(part["part"])
            return check(data, part, **options)

        monkeypatch.setattr(scale_tasks, "write_shard", write_shard)
        monkeypatch.setattr(scale_tasks, "measure_part", measure_part)

    alone = Where(runner="threads", workers=1)
    job = sampling(table, tmp_path, alone)
    question = comparing(table, tmp_path / "compared", alone, augmenters=["smote"], folds=3)
    dies_at(2)
    for run, request in ((sample, job), (compare, question)):
        assert run(request, return_state=True).is_failed()
    assert not (tmp_path / "rows").exists() and not (tmp_path / "compared" / "smote" / "effect.json").exists()
    made = {path.name: path.stat().st_mtime_ns for path in (tmp_path / ".rows.shards" / "data").iterdir()}
    assert {"part-00000.parquet", "part-00001.parquet"} <= set(made) and {0, 1} <= set(measured)
    dies_at(None)
    measured.clear()
    sample(job)
    compare(question)
    data = tmp_path / "rows" / "data"
    assert all((data / name).stat().st_mtime_ns == made[name] for name in made), "what was there was drawn again"
    assert measured == [2]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> str:
    """Let this machine seem to have a card, and the server a limit with one slot for it."""
    monkeypatch.setattr(slot, "resolve_device", lambda _: torch.device("cuda"))
    monkeypatch.setenv("GANAUG_GPU_LIMIT", "gpu:of-scale")
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name("gpu:of-scale", 1)
    return "gpu:of-scale"


def active(name: str) -> int:
    with get_client(sync_client=True) as client:
        return client.read_global_concurrency_limit_by_name(name).active_slots


def test_what_trains_holds_the_card_and_workers_wait_for_it(
    card: str, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, check, events, held = scale_tasks.fit_member.__globals__["steps"].train, scale_tasks.measure_part, [], {}

    def training(run: Any) -> Any:
        events.append(("begins", run.seed, active(card)))
        time.sleep(0.5)
        made = train(run)
        events.append(("ends", run.seed, active(card)))
        return made

    def measure_part(data: Any, part: Any, **options: Any) -> Any:
        held.setdefault(options["augmenter"], set()).add(active(card))
        return check(data, part, **options)

    monkeypatch.setattr("ganaug.ensemble.steps.train", training)
    monkeypatch.setattr(scale_tasks, "measure_part", measure_part)
    job = sampling(table, tmp_path, THREADS).model_copy(update={"rows": 10, "device": "auto"})
    sample(job)
    assert [(what, slots) for what, _, slots in events] == [("begins", 1), ("ends", 1)] * 2, "they met on the card"
    assert [events[k][1] == events[k + 1][1] for k in (0, 2)] == [True, True] and active(card) == 0
    alone = Where(runner="threads", workers=1)
    question = comparing(table, tmp_path, alone, augmenters=["anchored", "random_oversampling"], device="auto")
    compare(question)
    assert held == {"anchored": {1}, "random_oversampling": {0}} and active(card) == 0
    names = ("policy", "auto", "r3gan", "smote", "ADASYN", "class_weights")
    assert [question.trains(name) for name in names] == [True, True, True, False, False, False]
    # What is there needs no card; on Ray, Ray counts.
    monkeypatch.setenv("GANAUG_GPU_LIMIT", "nobody-made-it")
    assert scale_tasks.member.fn(job, 0).endswith("synthesizer")
    with slot_of(Where(runner="ray"), "cuda"):
        pass
    with pytest.raises(ConfigError, match="nobody-made-it"), slot_of(Where(runner="processes"), "cuda"):
        pytest.fail("trained without a slot")


@pytest.mark.slow
def test_other_processes_look_up_the_credentials_for_themselves(
    table: Path, tmp_path: Path, s3_bucket: str, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    storage.upload(table.parent, f"{s3_bucket}/in", files=[table.name])
    options = {"key": "from-a-block", "secret": "hush-hush-4711", "endpoint_url": s3_endpoint}
    StorageCredentials(protocol="s3", options=options).save("scale", overwrite=True)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("fsspec.config.conf", {})
    fsspec.filesystem("s3").clear_instance_cache()

    there = {"data": f"{s3_bucket}/in/{table.name}", "credentials": ["ganaug-storage/scale"]}
    job = sampling(table, tmp_path, PROCESSES).model_copy(update={**there, "out": f"{s3_bucket}/rows"})
    assert sample(job)["rows"] == job.rows
    assert {"manifest.json", "data/part-00003.parquet"} <= set(storage.files_below(f"{s3_bucket}/rows"))
    question = comparing(table, tmp_path, PROCESSES, augmenters=["random_oversampling"])
    ranking = compare(question.model_copy(update={**there, "out": f"{s3_bucket}/compared"}))
    kept = storage.read_bytes(f"{s3_bucket}/compared/ranking.json")
    assert kept is not None and json.loads(kept) == ranking and ranking[0]["score"] is not None
    unknown = job.model_copy(update={"credentials": ["ganaug-storage/nobody-made-it"]})
    state = sample(unknown, return_state=True)
    assert state.is_failed() and "no Prefect block 'ganaug-storage/nobody-made-it'" in state.message


@pytest.mark.parametrize("field", ["data", "out", "generator", "members_out"])
def test_a_place_carries_no_credentials(field: str) -> None:
    asked = {"data": "a.csv", "out": "rows", "members_out": "members", field: "s3://AKIA1:topsecret@lake/x"}
    if field == "generator":
        del asked["data"]
    with pytest.raises(ValidationError, match="carries credentials"):
        SampleRequest.model_validate(asked)
    if field in ("data", "out"):
        with pytest.raises(ValidationError, match="carries credentials"):
            CompareRequest.model_validate({"data": "a.csv", "out": "b", "augmenters": ["smote"], field: asked[field]})


def test_what_cannot_be_used_ends_in_a_sentence(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = compare(comparing(table, tmp_path, THREADS, augmenters=["smot"]), return_state=True)
    assert state.is_failed() and "unknown augmenter 'smot'" in state.message
    state = sample(sampling(table, tmp_path, THREADS).model_copy(update={"shard_rows": 1000}), return_state=True)
    assert state.is_failed() and "multiple of 4096" in state.message
    with pytest.raises(ValidationError, match="either generator"):
        SampleRequest(out="rows")
    with pytest.raises(ValidationError, match="compared once"):
        CompareRequest(data="a", out="b", augmenters=["smote", "SMOTE"])
    monkeypatch.setenv(VARIABLE, "dask")
    with pytest.raises(ConfigError, match="must be one of threads, processes, ray"):
        task_runner(Where())
    monkeypatch.setenv(VARIABLE, "processes")
    assert type(task_runner(Where())).__name__ == "ProcessPoolTaskRunner"
    monkeypatch.setitem(sys.modules, "prefect_ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'ganaug\[flows,ray\]'"):
        task_runner(Where(runner="ray"))
