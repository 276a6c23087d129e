"""Members of an ensemble: several generators of one data set, each trained from a seed of its own, anywhere."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganaug import seeding, steps
from ganaug.errors import ConfigError
from ganaug.progress import Progress, silent
from ganaug.request import Request
from ganaug.runs import RunFolder
from ganaug.threads import one_thread

__all__ = ["fit_member", "member_seed"]


def member_seed(seed: int, number: int) -> int:
    """Return the seed of the member ``number``; no other member's is the same."""
    return seeding.derive(seed, "member", number)


def fit_member(
    data: Any,
    number: int,
    *,
    request: Request,
    out: str | os.PathLike[str],
    progress: Progress = silent,
    while_training: AbstractContextManager[Any] | None = None,
) -> Path:
    """Train one member, in one thread, and return the folder of its synthesizer, for `Synthesizer.load`.

    Files written: ``<out>/member-00/`` and on, each the folder of a run. A member that is there is not trained again,
    and an interrupted training goes on.

    Parameters
    ----------
    data
        As for `ganaug.fit`; the same for all members.
    number
        Which member, from 0.
    request
        Target, variant, device and so on; ``random_state`` is an integer, the same for all members.
    while_training
        A context for the training alone, such as one that holds a card; it is not entered where the member is there.

    Raises
    ------
    ConfigError
        ``random_state`` is no integer.
    OutputError
        The folder holds something else, or cannot be written to.
    """
    seed = request.random_state
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ConfigError(f"members need random_state, an integer and the same for all, however: {seed!r}")
    own = replace(request, random_state=member_seed(seed, number), check=False)
    with one_thread():
        run = steps.begin(data, own, out=Path(out) / f"member-{number:02d}", progress=progress)
        folder: RunFolder | None = run.folder
        assert folder is not None, "a member has a folder"
        with nullcontext() if while_training is None or folder.has("synthesizer") else while_training:
            steps.train(run)
    folder.finish()
    return folder.path / "synthesizer"
