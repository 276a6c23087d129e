"""A nest of tensors and plain values in one safetensors file, here or in an object store; whole or absent, no pickle.

A place is a local path or a URL that fsspec opens, such as ``s3://bucket/run/checkpoint.safetensors``.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from ganaug import distributed, storage
from ganaug.errors import ArtefactError, OutputError

__all__ = ["FORMAT", "DamagedError", "Place", "Saves", "exists", "load", "nth", "remove", "write"]

FORMAT = 3
Place = str | os.PathLike[str]
_log = logging.getLogger(__name__)


class DamagedError(ArtefactError):
    """The file is cut short, or is not what was written."""


# ----------------------------------------------------------------------------------------------- files
def write(place: Place, nest: Mapping[str, Any]) -> None:
    """Write ``nest`` (mappings and lists of tensors and JSON values) to ``place``, replacing it in one step.

    Raises
    ------
    OutputError
        It cannot be written there, as the disk is full or the storage away, say. What was there is still there.
    """
    storage.atomic_write(place, _pack(nest), alone=True)


def load(place: Place) -> Any:
    """Read what `write` wrote.

    Raises
    ------
    FileNotFoundError
        There is nothing.
    DamagedError
        The file is corrupt, cut short, or not ours.
    ArtefactError
        It is of a newer format.
    OutputError
        The storage cannot be read.
    """
    content = storage.read_bytes(place)
    if content is None:
        raise FileNotFoundError(errno.ENOENT, "there is no checkpoint", os.fspath(place))
    return _unpack(content, place)


def exists(place: Place) -> bool:
    """Say whether something lies at ``place``."""
    return storage.exists(place)


def remove(place: Place) -> None:
    """Remove ``place`` and all that `nth` names after it; what is not there is no error."""
    last = 0
    while exists(nth(place, last + 1)):
        last += 1
    # The last first: what a kill leaves of them is found again.
    for number in range(last, -1, -1):
        storage.delete_file(nth(place, number))


def nth(place: Place, number: int) -> Place:
    """Return the place of the checkpoint ``number`` of a training that consists of several.

    >>> nth("fold.safetensors", 0), nth("fold.safetensors", 2)
    ('fold.safetensors', 'fold.safetensors.2')
    """
    return f"{os.fspath(place)}.{number}" if number else place


# --------------------------------------------------------------------------------------------- content
def _pack(nest: Mapping[str, Any]) -> bytes:
    tensors: dict[str, torch.Tensor] = {}
    plan = json.dumps({"format": FORMAT, "plan": _flatten(nest, "", tensors)})
    return save_tensors(tensors, metadata={"ganaug": plan, "sha256": _digest(plan, tensors)})


def _unpack(content: bytes, place: Place) -> Any:
    try:
        tensors = load_tensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        document = json.loads(header["ganaug"])
        version = document["format"]
        if version == FORMAT and header["sha256"] != _digest(header["ganaug"], tensors):
            raise ValueError("its digest is not the one that was recorded")
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DamagedError(f"{place} is not a readable checkpoint ({error}); delete it to start over") from error
    if version != FORMAT:
        raise ArtefactError(
            f"{place} has checkpoint format {version}, and this version reads {FORMAT}: delete it to start over"
        )
    return _restore(document["plan"], tensors)


def _digest(plan: str, tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(plan.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _flatten(nest: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(nest, torch.Tensor):
        tensors[path] = nest.detach().cpu().contiguous()
        return {"tensor": path}
    if isinstance(nest, Mapping):
        return {"map": [[key, _flatten(value, f"{path}/{key}", tensors)] for key, value in nest.items()]}
    if isinstance(nest, list | tuple):
        return {"list": [_flatten(value, f"{path}/{i}", tensors) for i, value in enumerate(nest)]}
    return {"value": nest}


def _restore(plan: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Any:
    ((kind, content),) = plan.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "map":
        return {key: _restore(value, tensors) for key, value in content}
    if kind == "list":
        return [_restore(value, tensors) for value in content]
    return content


# --------------------------------------------------------------------------------------- of a training
class Saves:
    """The checkpoint that a training keeps of itself; of several processes the first one writes it, and all read it.

    Parameters
    ----------
    place
        None keeps none.
    seconds
        From one write to the next; 0 writes whenever it is asked.
    identity
        What tells this training from all others, in plain JSON values.
    """

    def __init__(self, place: Place | None, *, seconds: float, identity: Mapping[str, Any]) -> None:
        self._place, self._seconds = place, seconds
        self._identity = json.loads(json.dumps(identity))
        self._written = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self._place is not None and time.monotonic() - self._written >= self._seconds

    def write(self, nest: Mapping[str, Any]) -> None:
        """Write the state ``nest``, replacing the last one.

        Where the storage is away or the disk full, that is logged, and the training may go on: the last one is still
        there, and the next one, or the result, may find the storage back.

        Raises
        ------
        OutputError
            It cannot be written, and no waiting mends that.
        """
        if self._place is not None and distributed.is_first():
            try:
                write(self._place, {"identity": self._identity, "state": nest})
            except OutputError as error:
                if not storage.may_pass(error):
                    raise
                _log.warning("the training goes on without having saved its state: %s", error)
        self._written = time.monotonic()

    def read(self) -> Any:
        """Return the state that was written last; None where there is none, or only a damaged one, which is logged.

        Raises
        ------
        ArtefactError
            It is of another training, or of a newer format.
        OutputError
            The storage cannot be read.
        """
        if self._place is None:
            return None
        try:
            document = load(self._place)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            _log.warning("%s; the training starts over, and comes to the same result", str(error).partition(";")[0])
            return None
        found = document["identity"]
        differing = [k for k in sorted({*found, *self._identity}) if found.get(k) != self._identity.get(k)]
        if differing:
            told_of = ", ".join(f"{k} {_brief(found.get(k))}, not {_brief(self._identity.get(k))}" for k in differing)
            raise ArtefactError(
                f"{self._place} belongs to another training ({told_of}); delete it to start over, or name another place"
            )
        return document["state"]


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
