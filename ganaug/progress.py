"""What long work tells whoever waits for it: a bar for people, a callable for programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm.auto import tqdm

__all__ = ["Progress", "bar", "silent"]


class Progress(Protocol):
    """Called with the name of the work, how much of it is done and how much there is, in its own units."""

    def __call__(self, work: str, done: int, total: int) -> None:
        """Take note that ``done`` of ``total`` units of ``work`` are done."""
        ...


def silent(work: str, done: int, total: int) -> None:
    """Say nothing."""


@contextmanager
def bar(*, enabled: bool = True) -> Iterator[Progress]:
    """Give a `Progress` that shows one tqdm bar a kind of work, on standard error."""
    bars: dict[str, tqdm] = {}

    def show(work: str, done: int, total: int) -> None:
        if work not in bars:
            bars[work] = tqdm(total=total, desc=work, leave=False)
        shown = bars[work]
        shown.total = total
        shown.update(done - shown.n)

    try:
        yield show if enabled else silent
    finally:
        for shown in bars.values():
            shown.close()
