"""A card is a slot: whoever trains on it holds the slot of a global concurrency limit, so that two runs do not meet."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound

from ganaug.device import resolve_device
from ganaug.errors import ConfigError

__all__ = ["LEASE", "gpu_slot", "limit_name"]

LEASE = 60.0
"""Seconds after which the slot of a killed run is free again; Prefect takes no less."""

_log = logging.getLogger("ganaug.flows")


def limit_name() -> str:
    """Return the limit whose slots are this worker's cards: GANAUG_GPU_LIMIT, one name a host, or ``ganaug-gpu``."""
    return os.environ.get("GANAUG_GPU_LIMIT", "ganaug-gpu")


@contextmanager
def gpu_slot(device: str, cards: int = 1) -> Iterator[None]:
    """Hold a slot a card while the block trains on cards; on a CPU there is nothing to wait for.

    Raises
    ------
    ConfigError
        The server has no such limit.
    """
    if resolve_device(device).type != "cuda":
        yield
        return
    name = limit_name()
    _require(name, cards)
    _log.info("waiting for a slot of %r", name)
    # While the server is away the lease cannot be renewed; the training goes on nevertheless.
    with concurrency(name, occupy=cards, strict=True, lease_duration=LEASE, raise_on_lease_renewal_failure=False):
        _log.info("training on the card, with a slot of %r", name)
        yield


def _require(name: str, cards: int) -> None:
    with get_client(sync_client=True) as client:
        try:
            slots = client.read_global_concurrency_limit_by_name(name).limit
        except ObjectNotFound as error:
            raise ConfigError(
                f"the Prefect server has no concurrency limit {name!r}, so that runs would meet on the card; create it "
                "with `python -m flows.setup`"
            ) from error
    if slots < cards:
        raise ConfigError(
            f"{cards} cards are asked for, and the concurrency limit {name!r} has {slots} slots; ask for fewer, or "
            f"call `python -m flows.setup --gpu-slots {cards}` where the machine has them"
        )
