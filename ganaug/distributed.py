"""One training on several processes, as ``torchrun`` starts them; without it there is one, and nothing here acts.

Every process holds all weights, draws every batch as a whole from the same generator, computes on its slice of the
rows, and takes the mean of the gradients over the processes before it steps. So the weights stay the same on all of
them, and are those that one process would come to, but for rounding.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ganaug.errors import ConfigError

__all__ = [
    "agreed",
    "all_alike",
    "asked",
    "average_",
    "copy_first_",
    "is_first",
    "leave",
    "rank",
    "require_alone",
    "shard",
    "start",
    "sum_",
    "world",
]

BUCKET = 2**24
"""Numbers that are sent at once, about."""


def start(device: Any = "auto") -> Any:
    """Join the processes that ``torchrun`` has started, if it has, and return the device of this one.

    Each takes the graphics card of its number on the machine, and they talk through NCCL; on processors, through gloo.
    Called again, or in a program that has joined them itself, it only returns the device.

    Raises
    ------
    ConfigError
        The environment names several processes and not which of them this is, or there are not cards for all.
    """
    if not asked():
        return device
    place = _place(device)
    if not dist.is_initialized():
        missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
        if missing:
            raise ConfigError(
                f"WORLD_SIZE={os.environ['WORLD_SIZE']} asks for several processes, however {', '.join(missing)} is "
                "not set; start them with torchrun, or unset WORLD_SIZE"
            )
        dist.init_process_group("gloo" if place.type == "cpu" else "cpu:gloo,cuda:nccl")
        atexit.register(_leave_quietly)
    return place


def asked() -> bool:
    """Tell whether this is one of several processes, started already or about to be."""
    return world() > 1 or int(os.environ.get("WORLD_SIZE") or 1) > 1


def require_alone(what: str) -> None:
    """Raise `ConfigError` where this is one of several processes, each of which would do ``what`` and write it."""
    if asked():
        raise ConfigError(
            f"{what} runs in one process, however WORLD_SIZE={os.environ.get('WORLD_SIZE')}: train a generator with "
            "several by `torchrun -m ganaug train`, or unset WORLD_SIZE"
        )


def _place(device: Any) -> torch.device:
    """Return the device of this process: of cards, that of its number on the machine."""
    local, cards = int(os.environ.get("LOCAL_RANK") or 0), torch.cuda.device_count()
    wanted = torch.device("cuda" if cards else "cpu") if str(device) == "auto" else torch.device(device)
    if wanted.type != "cuda":
        return wanted
    if wanted.index is not None and wanted.index != local:
        raise ConfigError(f"each process takes a card of its own; give device='cuda', however: device={str(device)!r}")
    if local >= cards:
        raise ConfigError(f"each process needs a card of its own, however: process {local} of this machine, {cards=}")
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def leave() -> None:
    """Part from the other processes, all at once: one that ends while others still talk to it takes them down."""
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def _leave_quietly() -> None:
    """Part at the end of the program, where nobody may be there any more to wait for."""
    if dist.is_initialized():
        dist.destroy_process_group()


def world() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process among them, from 0."""
    return dist.get_rank() if world() > 1 else 0


def is_first() -> bool:
    """Tell whether this is the process that writes and prints."""
    return rank() == 0


def shard(batch: int) -> slice:
    """Return the rows of a batch that are this process's.

    >>> shard(8)
    slice(0, 8, None)

    Raises
    ------
    ConfigError
        The batch cannot be shared out evenly.
    """
    if batch % world():
        raise ConfigError(f"the batch must divide by the number of processes, however: {batch=}, processes={world()}")
    own = batch // world()
    return slice(rank() * own, (rank() + 1) * own)


@torch.no_grad()
def sum_(tensors: Sequence[Tensor]) -> None:
    """Replace every tensor by its sum over the processes, to the same bits on each."""
    if world() > 1:
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            dist.all_reduce(flat)
            parts = flat.split([tensor.numel() for tensor in bucket])
            for tensor, part in zip(bucket, parts, strict=True):
                tensor.copy_(part.view_as(tensor))


@torch.no_grad()
def average_(tensors: Sequence[Tensor]) -> None:
    """Replace every tensor by its mean over the processes, to the same bits on each."""
    if world() > 1:
        sum_(tensors)
        for tensor in tensors:
            tensor.div_(world())


@torch.no_grad()
def copy_first_(tensors: Sequence[Tensor]) -> None:
    """Replace every tensor by that of the first process."""
    if world() > 1:
        for tensor in tensors:
            sent = tensor.contiguous()
            dist.broadcast(sent, 0)
            tensor.copy_(sent)


def agreed(number: int) -> int:
    """Return the first process's ``number`` on all of them; none goes on before it has come."""
    held = _sent(number)
    copy_first_([held])
    return int(held)


def all_alike(number: int) -> bool:
    """Tell on every process whether all have the same ``number``."""
    differing = _sent(int(number != agreed(number)))
    sum_([differing])
    return not int(differing)


def _sent(number: int) -> Tensor:
    """Return a number where the processes can send it from."""
    on_card = world() > 1 and dist.get_backend() == "nccl"
    return torch.tensor([number], dtype=torch.int64, device="cuda" if on_card else "cpu")


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Give tensors of one kind together, about `BUCKET` numbers at a time, in an order that all processes share."""
    kinds: dict[Any, list[Tensor]] = {}
    for tensor in tensors:
        held = kinds.setdefault((tensor.dtype, tensor.device), [])
        if held and sum(t.numel() for t in held) + tensor.numel() > BUCKET:
            yield held
            held = kinds[tensor.dtype, tensor.device] = []
        held.append(tensor)
    yield from (held for held in kinds.values() if held)
