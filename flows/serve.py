"""``python -m flows.serve``: serve the deployments of flows/prefect.yaml from this process, without pool and worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from prefect import serve
from prefect.client.schemas.schedules import construct_schedule
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import load_flow_from_entrypoint
from prefect.schedules import Schedule

__all__ = ["deployments", "main"]

FILE = Path(__file__).with_name("prefect.yaml")


def deployments(path: Path = FILE) -> list[RunnerDeployment]:
    """Return the deployments of a prefect.yaml, for this process: pools and job variables are none of its business."""
    described = yaml.safe_load(path.read_text(encoding="utf-8"))["deployments"]
    return [_deployment(one, path.resolve().parents[1]) for one in described]


def _deployment(described: dict[str, Any], root: Path) -> RunnerDeployment:
    flow = load_flow_from_entrypoint(str(root / described["entrypoint"]))
    made: Any = flow.to_deployment(
        name=described["name"],
        description=described["description"],
        tags=described["tags"],
        parameters=described["parameters"],
        schedules=[_schedule(one) for one in described.get("schedules", [])],
    )
    return made


def _schedule(described: dict[str, Any]) -> Schedule:
    names = ("cron", "interval", "anchor_date", "timezone")
    made: Any = construct_schedule(**{name: described[name] for name in names if name in described})
    return made


def main() -> None:
    """Serve until it is stopped."""
    serve(*deployments())


if __name__ == "__main__":
    main()
