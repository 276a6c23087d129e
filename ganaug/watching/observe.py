"""One observation of a training: it draws from streams of its own and leaves the networks as they were."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ganaug import distributed, seeding
from ganaug.gan import Draw, Gan, RealRows
from ganaug.watching.figures import Seen, accuracy

__all__ = ["finite", "observe", "of_member", "plain"]

ROWS = 256
"""Most rows of either kind that the discriminator is asked about."""


@torch.no_grad()
def observe(
    gan: Gan,
    averaged: nn.ModuleDict,
    rows: RealRows,
    *,
    step: int,
    batch: int,
    seed: int,
    losses: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor],
    monitor: Callable[[Gan, nn.ModuleDict], Tensor | Seen] | None,
) -> tuple[dict[str, Any], Tensor | None]:
    """Return the entry of the history at ``step`` (see `ganaug.watching.alarms`) and the monitor's score ``(M,)``.

    The monitor sees the networks ``averaged``; the discriminator is asked about what the networks make as they are, on
    ``batch`` rows of either kind, in whole groups, the same at every observation.
    """
    with _untouched(gan.networks), _untouched(averaged):
        entry: dict[str, Any] = {"step": step, **{name: plain(loss) for name, loss in losses.items()}}
        entry |= {f"gradient {name}": plain(norm) for name, norm in gradients.items()}
        score = None
        if monitor is not None:
            found = monitor(gan, averaged)
            seen = found if isinstance(found, Seen) else Seen(score=found)
            score = seen.score
            distributed.copy_first_([score, *seen.classes.values()])  # what follows must be the same everywhere
            entry["score"] = plain(score)
            entry |= {name: plain(figure) for name, figure in seen.classes.items()}
        if gan.critic is not None:
            groups = max(1, min(ROWS, batch) // gan.group)
            told = torch.stack(_accuracy(gan, rows, groups * gan.group, seed))
            distributed.copy_first_([told])
            entry["accuracy real"], entry["accuracy fake"] = plain(told)
    finite = _finite(gan.networks, rows.members)
    if not all(finite):
        entry["finite"] = finite
    return entry, score


def _accuracy(gan: Gan, rows: RealRows, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return the shares of real and of generated rows that the discriminator tells, each ``(M,)``."""
    assert gan.critic is not None, "who asks for it has looked"
    device = next(gan.networks.parameters()).device
    rng = seeding.torch_rng(seed, "watch", device=device)
    real, y = rows.draw(batch, rng)
    draw = Draw(real=real, y=y, inputs=gan.source.draw(y, rng), rng=rng)
    fake = gan.generate(gan.networks, draw.inputs, y)
    if gan.judged is not None:
        real, fake = gan.judged(draw, fake)
    return accuracy(gan.critic(gan.networks, real, y), gan.critic(gan.networks, fake, y), y)


@contextmanager
def _untouched(networks: nn.ModuleDict) -> Iterator[None]:
    """Put back the buffers that a forward pass changes, such as the vectors of spectral normalisation."""
    kept = [(buffer, buffer.clone()) for buffer in networks.buffers()]
    try:
        yield
    finally:
        for buffer, value in kept:
            buffer.copy_(value)


def _finite(networks: nn.ModuleDict, members: int) -> list[bool]:
    """Say of each member whether all its weights are finite."""
    found = [torch.isfinite(p.reshape(members, -1)).all(1) for p in networks.parameters()]
    return torch.stack(found).all(0).tolist()


def plain(values: Tensor) -> Any:
    """Return a tensor as lists, NaN as None: JSON has none, and it is not equal to itself."""

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(inner) for inner in value]
        return None if math.isnan(value) else value

    return told(values.tolist())


def of_member(entry: Mapping[str, Any], m: int) -> dict[str, Any]:
    """Return what an entry of the history says of member ``m``, `finite`.

    >>> of_member({"step": 5, "score": [2.0, math.inf], "variety": [[0.9], [0.1]]}, 1)
    {'step': 5, 'score': None, 'variety': [0.1]}
    """
    return finite({key: value[m] if isinstance(value, list) else value for key, value in entry.items()})


def finite(value: Any) -> Any:
    """Return plain values with None for what is not finite: JSON has no word for it."""
    if isinstance(value, Mapping):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
