"""``python -m flows.serve``: serve the deployments of flows/prefect.yaml from this process, without pool and worker."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import load_flow_from_entrypoint
from prefect.schedules import Cron, Interval, Schedule

__all__ = ["deployments", "main"]

FILE = Path(__file__).with_name("prefect.yaml")


def deployments(path: Path = FILE) -> list[RunnerDeployment]:
    """Return the deployments of a prefect.yaml, for this process: pools and job variables are none of its business."""
    described = yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]
    return [_deployment(one, path.resolve().parents[1]) for one in described]


def _deployment(described: dict[str, Any], root: Path) -> RunnerDeployment:
    flow = load_flow_from_entrypoint(str(root / described["entrypoint"]))
    limit = described.get("concurrency_limit")
    made: Any = flow.to_deployment(
        name=described["name"],
        description=described["description"],
        tags=described["tags"],
        parameters=described["parameters"],
        concurrency_limit=ConcurrencyLimitConfig.model_validate(limit) if limit else None,
        schedules=[_schedule(one) for one in described.get("schedules", [])],
    )
    return made


def _schedule(described: dict[str, Any]) -> Schedule:
    common = {name: described[name] for name in ("timezone", "slug", "active")}
    if "cron" in described:
        return Cron(described["cron"], **common)
    return Interval(described["interval"], anchor_date=datetime.fromisoformat(described["anchor_date"]), **common)


def main() -> None:
    """Serve until it is stopped."""
    serve(*deployments())


if __name__ == "__main__":
    main()
