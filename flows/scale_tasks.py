"""The tasks that are mapped: each is told where things are, makes one file, and answers with a small manifest.

They run unchanged in threads, in processes and on a Ray cluster, so each looks up the credentials for itself. What is
there already is not made again; what trains holds a card, and the workers of one card wait for each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from prefect import task

from flows import credentials
from flows.patience import PATIENCE
from flows.runners import slot_of
from flows.scale_parameters import CompareRequest, SampleRequest
from ganaug import storage
from ganaug.ensemble import fit_member
from ganaug.evaluate import combine_parts, measure_part, plan_parts
from ganaug.shards import Shards, finish_shards, plan_shards, write_shard
from ganaug.synthesizer import Synthesizer

__all__ = ["conclude", "cut", "finish", "measure", "member", "plan", "shard"]

_mapped = task(**PATIENCE)


# ------------------------------------------------------------------------------------- a sampling job
@_mapped
def member(request: SampleRequest, number: int) -> str:
    """Train one member of the ensemble, and return the folder of its generator."""
    assert request.data is not None and request.members_out is not None, "the request was checked"
    credentials.use(request.credentials)
    slot = slot_of(request.where, request.device)
    options = {"request": request.to_library(), "out": request.members_out, "while_training": slot}
    return str(fit_member(request.data, number, **options))


@_mapped
def cut(request: SampleRequest, generators: Sequence[str]) -> dict[str, Any]:
    """Cut the job into shards."""
    credentials.use(request.credentials)
    members = [Synthesizer.load(path, device="cpu") for path in generators]
    options = {"conditions": request.conditions, "random_state": request.random_state, "shard_rows": request.shard_rows}
    return plan_shards(members, request.rows, **options).to_json()


@_mapped
def shard(request: SampleRequest, generators: Sequence[str], plan: dict[str, Any], number: int) -> dict[str, Any]:
    """Draw one shard into its file, and return the file's entry in the manifest."""
    credentials.use(request.credentials)
    shards = Shards.from_json(plan)
    synthesizer = Synthesizer.load(generators[shards.member(number)], device=request.device)
    return write_shard(synthesizer, shards, number, request.out)


@_mapped
def finish(request: SampleRequest, plan: dict[str, Any]) -> dict[str, Any]:
    """Make the set visible."""
    credentials.use(request.credentials)
    manifest = finish_shards(Shards.from_json(plan), request.out)
    return {"path": request.out, "rows": manifest.rows, "files": len(manifest.files)}


# --------------------------------------------------------------------------------------- a comparison
@_mapped
def plan(request: CompareRequest, augmenter: str) -> list[dict[str, Any]]:
    """Plan the check of one augmenter, a part a fold."""
    credentials.use(request.credentials)
    return plan_parts(request.data, **request.options(augmenter))


@_mapped
def measure(request: CompareRequest, augmenter: str, part: dict[str, Any]) -> str:
    """Measure one augmenter on one fold, and return the file with the numbers."""
    credentials.use(request.credentials)
    url = storage.join(request.out, _folder(augmenter), f"part-{part['part']:03d}.json")
    known = storage.read_bytes(url)
    if known is None or json.loads(known)["check"] != part["check"]:
        with slot_of(request.where, request.device) if request.trains(augmenter) else nullcontext():
            found = measure_part(request.data, part, device=request.device, **request.options(augmenter))
        storage.atomic_write(url, json.dumps(found, allow_nan=False).encode())
    return url


@_mapped
def conclude(request: CompareRequest, augmenter: str, parts: Sequence[str]) -> dict[str, Any]:
    """Put the folds of one augmenter together, and return what the ranking says of it."""
    credentials.use(request.credentials)
    found = [json.loads(storage.read_bytes(url) or b"{}") for url in parts]
    effect = combine_parts(request.data, found, **request.options(augmenter)).to_json()
    url = storage.join(request.out, _folder(augmenter), "effect.json")
    storage.atomic_write(url, json.dumps(effect, indent=1).encode())
    arm: dict[str, Any] = next((arm for arm in effect["arms"] if arm["name"] == effect["ours"]), {})
    numbers = {name: arm.get(name) for name in ("score", "difference", "low", "high", "p")}
    told = {name: effect[name] for name in ("verdict", "sentence", "scoring", "seconds")}
    return {"augmenter": augmenter, **numbers, **told, "effect": url}


def _folder(augmenter: str) -> str:
    """Return a name of one augmenter that any storage takes."""
    return re.sub(r"[^a-z0-9_-]", "-", augmenter.lower())
