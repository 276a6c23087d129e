"""``python -m flows.setup``: make what the deployments need on the server that PREFECT_API_URL names.

That is a work pool with queues, the concurrency limit whose slots are the cards, the block type for credentials of
storage, and an automation that notices runs whose worker is gone. Run it as often as you like: what is there stays, and
what differs is brought to what is asked for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.workers.base import BaseWorker

from flows.credentials import StorageCredentials
from flows.slot import limit_name
from ganaug.errors import ConfigError

__all__ = ["QUEUES", "gpu_template", "main", "make_automation", "make_limit", "make_pool"]

QUEUES = {"adhoc": 1, "nightly": 2}
"""Queue of the pool -> its priority; the lower number goes first."""
SILENCE = timedelta(seconds=90)
"""How long a run may be silent before it counts as crashed: three beats of PREFECT_FLOWS_HEARTBEAT_FREQUENCY."""
GONE = "Runs whose worker is gone are crashed"


class Pool(StrEnum):
    """Where runs are started."""

    process = "process"
    docker = "docker"
    kubernetes = "kubernetes"


def make_pool(client: SyncPrefectClient, kind: str, name: str) -> str:
    """Make the work pool ``name`` of this kind with its queues, and say what was done.

    Raises
    ------
    ConfigError
        There is one of another kind, or the package for this kind is not installed.
    """
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=gpu_template(kind)))
        done = f"work pool {name!r} ({kind}) made"
    else:
        if pool.type != kind:
            raise ConfigError(f"there is a work pool {name!r} of type {pool.type}, not {kind}; give --name another one")
        done = f"work pool {name!r} ({kind}) was there"
        if kind == "kubernetes" and "gpus" not in pool.base_job_template.get("variables", {}).get("properties", {}):
            client.update_work_pool(name, WorkPoolUpdate(base_job_template=gpu_template(kind)))
            done += " and now asks for cards"
    there = {queue.name: queue for queue in client.read_work_queues(work_pool_name=name)}
    for queue, priority in QUEUES.items():
        if queue not in there:
            client.create_work_queue(name=queue, priority=priority, work_pool_name=name)
        elif there[queue].priority != priority:
            client.update_work_queue(there[queue].id, priority=priority)
    return f"{done}, queues {', '.join(QUEUES)}"


def gpu_template(kind: str) -> dict[str, Any]:
    """Return Prefect's base job template of a kind of worker; that of Kubernetes takes cards, too, and where they are.

    Docker needs no more: see ``container_create_kwargs`` in flows/prefect.yaml.

    Raises
    ------
    ConfigError
        The package for this kind is not installed.
    """
    worker = BaseWorker.get_worker_class_from_type(kind)
    if worker is None:
        raise ConfigError(f"workers of type {kind} need a package: pip install prefect-{kind}")
    template = copy.deepcopy(worker.get_default_base_job_template())
    if kind == "kubernetes":
        pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
        pod["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "{{ gpus }}"}}
        pod |= {"nodeSelector": "{{ node_selector }}", "tolerations": "{{ tolerations }}"}
        template["variables"]["properties"] |= {
            "gpus": {"type": "integer", "default": 0, "minimum": 0, "title": "Graphics cards of a run"},
            "node_selector": {"type": "object", "default": {}, "title": "Labels of the nodes that have them"},
            "tolerations": {"type": "array", "default": [], "title": "Taints of those nodes to tolerate"},
        }
    return template


def make_limit(client: SyncPrefectClient, name: str, slots: int | None) -> str:
    """Make the concurrency limit whose slots are the cards, or set how many it has, and say so; None leaves it."""
    if slots is None:
        try:
            slots = client.read_global_concurrency_limit_by_name(name).limit
        except ObjectNotFound:
            slots = 1
    client.upsert_global_concurrency_limit_by_name(name, slots)
    return f"concurrency limit {name!r} with {slots} slot{'s' * (slots != 1)}"


def make_automation(client: SyncPrefectClient) -> str:
    """Make the automation that crashes runs which have fallen silent, if it is not there, and say what was done."""
    if client.read_automations_by_name(GONE):
        return f"automation {GONE!r} was there"
    trigger = EventTrigger(
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.*"},  # the next sign of life, or any state: ours have names of their own
        match={"prefect.resource.id": ["prefect.flow-run.*"]},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=SILENCE,
    )
    message = f"run again to go on from where it was: no sign of life for {SILENCE.seconds} s, its worker is gone"
    action = ChangeFlowRunState(name=None, state=StateType.CRASHED, message=message, force=False)
    client.create_automation(AutomationCore(name=GONE, trigger=trigger, actions=[action]))
    return f"automation {GONE!r} made"


def _require_server() -> None:
    """Raise where no server can be asked."""
    url = get_current_settings().api.url
    if url is None:
        raise ConfigError("PREFECT_API_URL names no server; export it, such as http://127.0.0.1:4200/api")
    with get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if error is not None:
        raise ConfigError(f"the Prefect server at {url} does not answer ({error}); start it, or wait until it is up")


def main(
    pool: Annotated[Pool, typer.Option(help="Where runs are started.")] = Pool.process,
    name: Annotated[str, typer.Option(help="What the work pool is called.")] = "ganaug",
    gpu_slots: Annotated[
        int | None,
        typer.Option(min=1, help="Runs that may train on the cards at the same time.", show_default="as it is, or 1"),
    ] = None,
) -> None:
    """Make what the deployments need on the server that PREFECT_API_URL names; run it as often as you like."""
    try:
        _require_server()
        StorageCredentials.register_type_and_schema()
        with get_client(sync_client=True) as client:
            steps: list[Callable[[], str]] = [
                lambda: make_pool(client, pool.value, name),
                lambda: make_limit(client, limit_name(), gpu_slots),
                lambda: make_automation(client),
            ]
            for step in steps:
                typer.echo(step())
    except ConfigError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
