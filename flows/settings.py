"""The Prefect settings that our flows want; each gives way to one that is set already.

Prefect reads its settings when it is imported, so `apply` runs when `flows` is imported. A server, a
worker or a shell that imports Prefect first takes them from its environment: ``python -m flows`` prints them
as ``export`` lines.
"""

from __future__ import annotations

import os

__all__ = ["DEFAULTS", "apply"]

DEFAULTS: dict[str, str] = {
    # Without a PREFECT_API_URL, a run brings its own server, on loopback, for as long as it lasts.
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    # The embedded server takes 10 to 30 s to start on a fresh home; Prefect gives up after 20.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # The server calls home otherwise, whatever DO_NOT_TRACK says.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The server: slots in memory would be lost with a restart, and never be free again.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # The server: a run that waits for a card looks again after 3 s, not 30.
    "PREFECT_SERVER_CONCURRENCY_MAXIMUM_CONCURRENCY_SLOT_WAIT_SECONDS": "3",
    # The worker: a scheduled run starts within 3 s, not 10.
    "PREFECT_WORKER_QUERY_SECONDS": "3",
    # The worker: a cancelled run is noticed within 3 s, not 10.
    "PREFECT_RUNNER_POLL_FREQUENCY": "3",
    # The run: a sign of life every 30 s, by whose absence a run is noticed whose worker is gone.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    # What the library logs appears in the run's log.
    "PREFECT_LOGGING_EXTRA_LOGGERS": "ganaug",
}


def apply() -> None:
    """Put the settings that are not set into the environment of this process and of those that it starts."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
