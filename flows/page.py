"""What the Prefect page of a run shows: how far it is, and what came out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

__all__ = ["INTERVAL", "PageProgress", "arms_table", "show_verdict"]

INTERVAL = 5.0
"""Seconds between two updates of a progress artifact. One costs about 20 ms; many at once lock SQLite."""

_log = logging.getLogger(__name__)


class PageProgress:
    """A `ganaug.progress.Progress` that keeps one progress artifact a kind of work.

    It tells the server at most every ``interval`` seconds, and when a work is done. A server that does not
    answer is logged and costs nothing but the picture: training goes on.
    """

    def __init__(self, *, interval: float = INTERVAL, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._artifacts: dict[str, UUID] = {}
        self._told: dict[str, float] = {}
        self._percent: dict[str, float] = {}

    def __call__(self, work: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` units of ``work`` are done."""
        now = self._clock()
        finished = done >= total
        if work in self._told and not finished and now - self._told[work] < self._interval:
            return
        self._told[work] = now
        self._tell(work, 100.0 if finished else 100.0 * done / total)

    def finish(self) -> None:
        """Show that everything begun is done; some work turns out to be less than was foreseen."""
        for work, percent in list(self._percent.items()):
            if percent < 100:
                self._tell(work, 100.0)

    def _tell(self, work: str, percent: float) -> None:
        self._percent[work] = percent
        try:
            if work in self._artifacts:
                update_progress_artifact(self._artifacts[work], progress=percent)
            else:
                key = f"progress-{_key(work)}"
                made = create_progress_artifact(progress=percent, key=key, description=work)
                self._artifacts[work] = cast(UUID, made)
        except (httpx.HTTPError, PrefectException) as error:
            _log.warning("the page does not show that %s is at %.0f %%: %s", work, percent, error)


def arms_table(effect: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the verdict's table: an arm a row, what it scores, and its difference from doing nothing.

    ``effect`` is what `ganaug.evaluate.effect.Effect.to_json` gives.
    """
    return [
        {
            "arm": arm["label"],
            effect["scoring"]: _rounded(arm["score"]),
            "against nothing": _rounded(arm["difference"]),
            "95 % low": _rounded(arm["low"]),
            "95 % high": _rounded(arm["high"]),
            "seconds": _rounded(arm["seconds"], 1),
            "note": arm["note"],
        }
        for arm in effect["arms"]
    ]


def show_verdict(text: str, effect: Mapping[str, Any] | None) -> None:
    """Publish ``text`` (Markdown) as artifact ``verdict``, and the arms of ``effect`` as table ``arms``."""
    create_markdown_artifact(key="verdict", markdown=text, description="What came out")
    if effect is not None:
        create_table_artifact(key="arms", table=arms_table(effect), description=effect["sentence"])


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


def _key(work: str) -> str:
    """Return ``work`` in the letters that an artifact's key may have."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in work.lower()).split())
