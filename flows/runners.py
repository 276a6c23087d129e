"""Where mapped tasks run: in threads, in processes, or on a Ray cluster. The tasks themselves know nothing of it.

The choice is the parameter ``where.runner`` of a run, or, where that is left open, ``GANAUG_RUNNER`` in the
environment, which a deployment sets as a job variable:
``job_variables: {env: {GANAUG_RUNNER: ray, RAY_ADDRESS: ...}}``.

The nodes of a Ray cluster need this package and Prefect: installed there, or on the ``PYTHONPATH`` with which
``ray start`` was called, or sent with the job: ``GANAUG_RAY_RUNTIME_ENV='{"working_dir": "."}'``, which is Ray's
``runtime_env`` as JSON. They must reach the Prefect API of the run, and its data and results by the same paths or URLs.

What trains on a card waits for a slot of the worker's limit (`flows.slot`), whichever thread or process it is in: with
one card and several workers one trains at a time, and the others draw rows or wait. Ray counts its GPUs itself.

Processes and Ray want a server, named by PREFECT_API_URL: without one every process starts its own, for 10 to 30 s.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, get_args

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner
from pydantic import BaseModel, Field

from flows.slot import gpu_slot
from ganaug.errors import ConfigError

__all__ = ["VARIABLE", "Runner", "Where", "requirements", "settled", "slot_of", "task_runner"]

VARIABLE = "GANAUG_RUNNER"
RUNTIME_ENV = "GANAUG_RAY_RUNTIME_ENV"
Runner = Literal["threads", "processes", "ray"]


def _field(position: int, description: str, default: Any, **more: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"position": position}, **more)


class Where(BaseModel, extra="forbid", frozen=True):
    """Where mapped tasks run. It changes how long a run takes, and no bit of what it makes."""

    runner: Runner | None = _field(
        0, "threads, processes (of this machine) or ray. None: what GANAUG_RUNNER says, else threads.", None
    )
    workers: int | None = _field(
        1, "Threads or processes; None: as many as there are cores. A Ray cluster counts its own.", None, ge=1
    )
    ray_address: str | None = _field(
        2, "Ray: the cluster, such as ray://head:10001. None: RAY_ADDRESS, else one on this machine.", None
    )
    gpus_per_task: float = _field(
        3, "Ray: share of a GPU that a task takes where networks run on one; 0.5 lets two tasks share it.", 1.0, gt=0
    )


def settled(where: Where) -> Where:
    """Return ``where`` with the runner named, as other machines have other environments.

    Raises
    ------
    ConfigError
        An unknown word in the environment.
    """
    name = where.runner or os.environ.get(VARIABLE) or "threads"
    if name not in get_args(Runner):
        raise ConfigError(f"{VARIABLE} must be one of {', '.join(get_args(Runner))}, however: {name!r}")
    return where.model_copy(update={"runner": name})


def task_runner(where: Where) -> TaskRunner[Any]:
    """Return the task runner, to be entered by a ``with`` in a flow.

    Raises
    ------
    ConfigError
        An unknown word in the environment, or Ray is not installed.
    """
    name = settled(where).runner
    workers = where.workers or os.cpu_count() or 1
    if name == "threads":
        return ThreadPoolTaskRunner(max_workers=workers)
    if name == "processes":
        return ProcessPoolTaskRunner(max_workers=workers)
    try:
        import ray  # noqa: F401
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        raise ConfigError(
            f"the runner 'ray' needs a package that is not installed ({error.name}); pip install 'ganaug[flows,ray]', "
            "here and on the cluster, or choose 'threads' or 'processes'"
        ) from error
    return RayTaskRunner(address=where.ray_address, init_kwargs=_ray_options())


def requirements(runner: TaskRunner[Any], where: Where, device: str) -> AbstractContextManager[Any]:
    """Return a context in which what is submitted to ``runner``, which has begun, asks for a core or a GPU.

    Only Ray counts them. A task whose device is "auto" asks for a GPU where the cluster has any.
    """
    if type(runner).__name__ != "RayTaskRunner":
        return nullcontext()
    import ray
    from prefect_ray.context import remote_options

    on_gpu = device == "cuda" or (device == "auto" and ray.cluster_resources().get("GPU", 0) > 0)
    return remote_options(num_cpus=1, num_gpus=where.gpus_per_task if on_gpu else 0)


def slot_of(where: Where, device: str) -> AbstractContextManager[Any]:
    """Return what holds a card while something trains: a slot of the worker's limit, but on Ray, which counts, nothing.

    ``where`` is `settled`. On Ray the cards are those of its cluster; other runs should not use them meanwhile.
    """
    return nullcontext() if where.runner == "ray" else gpu_slot(device)


def _ray_options() -> dict[str, Any]:
    text = os.environ.get(RUNTIME_ENV)
    try:
        return {"runtime_env": json.loads(text)} if text else {}
    except ValueError as error:
        raise ConfigError(f"{RUNTIME_ENV} must be JSON, such as {{}}, however: {text!r} ({error})") from error
