"""What long work tells whoever waits for it: a bar for people, a callable for programs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from tqdm.auto import tqdm

__all__ = ["Progress", "bar", "describe_losses", "noting", "silent", "with_epochs"]


class Progress(Protocol):
    """Called with the name of the work, how much of it is done and how much there is, in its own units."""

    def __call__(self, work: str, done: int, total: int, note: str = "") -> None:
        """Take note that ``done`` of ``total`` units of ``work`` are done; ``note`` says in words how it goes."""
        ...


def silent(work: str, done: int, total: int, note: str = "") -> None:
    """Say nothing."""


@contextmanager
def bar(*, enabled: bool = True) -> Iterator[Progress]:
    """Give a `Progress` that shows one tqdm bar a kind of work, on standard error."""
    bars: dict[str, tqdm] = {}

    def show(work: str, done: int, total: int, note: str = "") -> None:
        if work not in bars:
            bars[work] = tqdm(total=total, desc=work, leave=False)
        shown = bars[work]
        shown.total = total
        shown.set_postfix_str(note, refresh=False)
        shown.update(done - shown.n)

    try:
        yield show if enabled else silent
    finally:
        for shown in bars.values():
            shown.close()


def noting(progress: Callable[..., Any]) -> Progress:
    """Return ``progress`` as a `Progress`: one that takes no note is spared it.

    >>> told = []
    >>> noting(lambda work, done, total: told.append((work, done, total)))("training", 1, 2, "loss 0.3")
    >>> told
    [('training', 1, 2)]
    """
    try:
        inspect.signature(progress).bind("", 0, 0, "")
    except TypeError:
        return lambda work, done, total, note="": progress(work, done, total)
    return progress


def describe_losses(losses: Mapping[str, Any]) -> str:
    """Return the losses of all phases in words, each the mean over members ``(M,)``.

    >>> import numpy as np
    >>> describe_losses({"critic": np.array([0.5, 0.7]), "generator": np.array([-1.0, -2.0])})
    'critic 0.6, generator -1.5'
    """
    return ", ".join(f"{name} {float(loss.mean()):.3g}" for name, loss in losses.items())


def with_epochs(progress: Progress, stages: Sequence[tuple[int, int]], rows: int) -> Progress:
    """Return a `Progress` of training steps that puts the epochs before every note.

    An epoch has as many draws of rows as there are rows; classes are drawn as the training wants them, so that a rare
    row comes more often. What a step repeats draws anew and is not counted.

    Args:
        progress: told the same, with the epochs.
        stages: (steps, rows of a batch) of every stage of the training.
        rows: the training rows, of one member.

    >>> shown = with_epochs(lambda work, done, total, note="": print(note), [(10, 50), (10, 100)], 100)
    >>> shown("training", 12, 20, "critic 0.6")
    epoch 7.0 of 15.0, critic 0.6
    """

    def drawn(steps: int) -> int:
        count = 0
        for length, batch in stages:
            count += min(steps, length) * batch
            steps -= min(steps, length)
        return count

    def show(work: str, done: int, total: int, note: str = "") -> None:
        epochs = f"epoch {drawn(done) / rows:.1f} of {drawn(total) / rows:.1f}"
        progress(work, done, total, f"{epochs}, {note}" if note else epochs)

    return show
