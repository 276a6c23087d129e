"""A nest of tensors and plain values on disk: one safetensors file, written whole or not at all, no pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ganaug.errors import ArtefactError

__all__ = ["FORMAT", "load", "write"]

FORMAT = 1


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


def write(path: str | os.PathLike[str], nest: Mapping[str, Any]) -> None:
    """Write ``nest`` (mappings and lists of tensors and JSON values) to ``path``, replacing it in one step."""
    tensors: dict[str, torch.Tensor] = {}
    plan = json.dumps({"format": FORMAT, "plan": _flatten(nest, "", tensors)})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(save(tensors, metadata={"ganaug": plan}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> Any:
    """Read what `write` wrote.

    Raises
    ------
    ArtefactError
        The file is corrupt, cut short, not ours, or of a newer format.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {})["ganaug"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ArtefactError(f"{path} is not a readable checkpoint ({error}); delete it to start over") from error
    if header["format"] > FORMAT:
        raise ArtefactError(
            f"{path} has checkpoint format {header['format']}, this version reads up to {FORMAT}: upgrade ganaug"
        )
    return _restore(header["plan"], tensors)
