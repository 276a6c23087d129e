"""Schema, encoder, variant and trainer put together: tables in, synthesizers out."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from ganaug import __version__, distributed, seeding, variants
from ganaug import checkpoint as checkpoints
from ganaug.data import fingerprint
from ganaug.device import resolve_device
from ganaug.errors import ConfigError, DataError
from ganaug.fitting import images, tables
from ganaug.image_schema import ImageSchema
from ganaug.monitor import ErrorMonitor
from ganaug.progress import Progress, silent, with_epochs
from ganaug.schema import TableSchema
from ganaug.synthesizer import Synthesizer
from ganaug.trainer import Trained, Watch, train
from ganaug.value_schema import ValueSchema
from ganaug.watching import Record, of_member

__all__ = ["Watching", "fit", "fit_many"]

HELD_OUT = 0.15
"""Share of a class's rows on which the best step is chosen; they are not trained on."""
HELD_OUT_FROM = 100
"""A class with fewer rows holds none out: too few rows to tell two steps apart, and each is missed in training."""
OBSERVATIONS = 12
"""How often the averaged networks are scored over a training; those of the second half are candidates."""


@dataclass(frozen=True, kw_only=True)
class Watching:
    """How closely a training is watched, and where that is written; see `ganaug.watching`."""

    every: int | None = None
    """Steps between two observations that are written, at least 1, the last step in addition; None: a twelfth of the
    training. Twelfths are observed in either case, as the best step is chosen among them."""
    folder: str | os.PathLike[str] | None = None
    """A local folder for ``history.jsonl`` and, of images, ``samples/``; None writes nothing."""
    pictures: dict[str, bytes] | None = None
    """Takes the pictures, by name."""
    tensorboard: str | os.PathLike[str] | None = None
    """A local folder for TensorBoard's events, where that is installed; None sends nothing."""
    keep: Callable[[], None] | None = None
    """Called when something was written."""

    def __post_init__(self) -> None:
        every = self.every
        if every is None:
            return
        if isinstance(every, bool) or not isinstance(every, int | np.integer) or every < 1:
            raise ConfigError(f"watch_every must be a whole number of at least 1 step, however: {every!r}")


def fit(
    table: pa.Table,
    schema: TableSchema | ImageSchema,
    *,
    variant: Any = "auto",
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress = silent,
    checkpoint: checkpoints.Place | None = None,
    watching: Watching | None = None,
) -> Synthesizer:
    """Fit one synthesizer to ``table`` (its target column included); see `fit_many`."""
    return fit_many(
        [table],
        schema,
        variant=variant,
        seeds=[seed],
        device=device,
        progress=progress,
        checkpoint=checkpoint,
        watching=watching,
    )[0]


def fit_many(
    members: Sequence[pa.Table],
    schema: TableSchema | ImageSchema,
    *,
    variant: Any = "auto",
    seeds: Sequence[int],
    device: str | torch.device = "auto",
    progress: Progress = silent,
    checkpoint: checkpoints.Place | None = None,
    watching: Watching | None = None,
) -> list[Synthesizer]:
    """Fit one synthesizer a table of ``members``, all trained side by side as one batched network.

    The tables are folds of one data set: they share ``schema``. Encoders, neighbours and weights of each are fitted on
    its own rows alone. The result of a table depends on the tables that it is fitted together with, through rounding.

    Parameters
    ----------
    variant
        ``"auto"``, the name of a variant, or its ``Config``.
    seeds
        One integer a table.
    checkpoint
        A path or URL from which an interrupted training goes on, and which the caller removes with
        `ganaug.checkpoint.remove` when the result is safe. Tables that cannot train in one batch have a file each
        group, ``checkpoint``, ``checkpoint.1`` and so on.
    watching
        At which steps the training is observed beside those at which its best step is chosen, and where that is
        written; only of a single table.

    Raises
    ------
    DataError
        A table has no row.
    ArtefactError
        The checkpoint is of another training.
    """
    if len(members) != len(seeds):
        raise ValueError(f"one seed a table is needed, however: {len(members)} tables and {len(seeds)} seeds")
    if len(members) > 1 and watching is not None and watching.folder is not None:
        raise ValueError(f"only the training of a single table is written, however: {len(members)} tables")
    if any(len(table) == 0 for table in members):
        raise DataError("there is no row to learn from")
    kind: Any = images if isinstance(schema, ImageSchema) else tables
    name, config = variants.resolve(variant, kind.MODALITY)
    if isinstance(schema, ValueSchema):
        variants.require_values(name)
    where = resolve_device(device)
    encoders = kind.encoders(members, schema, private=not variants.get(name).KEEPS_ROWS)
    encoded = [kind.member(e, table, schema) for e, table in zip(encoders, members, strict=True)]
    # Folds in which a column turned out constant have another shape, and train in a batch of their own.
    groups: dict[Any, list[int]] = defaultdict(list)
    for i, encoder in enumerate(encoders):
        groups[kind.shape_of(encoder)].append(i)
    results: dict[int, Synthesizer] = {}
    for number, indices in enumerate(groups.values()):
        layout = kind.join([encoders[i].layout for i in indices])
        settled = variants.settle(name, config, layout, where)
        batch = _Batch(kind, [encoded[i] for i in indices], layout, schema, [seeds[i] for i in indices])
        prints = [fingerprint(members[i]) for i in indices]
        place = None if checkpoint is None else checkpoints.nth(checkpoint, number)
        identity = _identity(name, settled, prints)
        trained, source = batch.train(name, settled, where, progress, place, identity, watching)
        for m, i in enumerate(indices):
            results[i] = Synthesizer(
                schema=encoders[i].schema,
                encoder=encoders[i],
                layout=layout,
                variant=name,
                config=settled,
                weights={key: value[m : m + 1].cpu().clone() for key, value in trained.networks.state_dict().items()},
                source=variants.get(name).stored_source(settled, layout, source.arrays(m)),
                class_counts=np.bincount(encoded[i].labels, minlength=schema.n_classes),
                provenance=_provenance(name, settled, seeds[i], where, trained.best_step[m])
                | {"data_rows": len(members[i]), "data_fingerprint": prints[m]},
                history=[of_member(entry, m) for entry in trained.history],
                device=where,
            )
    return [results[i] for i in range(len(members))]


class _Batch:
    """Members of one shape, trained side by side; ``kind`` knows how rows of this modality are held and watched."""

    def __init__(self, kind: Any, members: list[Any], layout: Any, schema: Any, seeds: list[int]) -> None:
        self.kind, self.members, self.layout = kind, members, layout
        self.schema, self.seeds = schema, seeds

    def train(
        self,
        name: str,
        config: Any,
        device: torch.device,
        progress: Progress,
        checkpoint: checkpoints.Place | None,
        identity: dict[str, Any],
        watching: Watching | None,
    ) -> tuple[Trained, Any]:
        """Train, and return the networks and the source that draws from all rows, held-out ones included."""
        variant, layout, n_classes = variants.get(name), self.layout, self.schema.n_classes
        seed = seeding.derive(0, "batch", *self.seeds)
        splits = [_hold_out(m, n_classes, s) for m, s in zip(self.members, self.seeds, strict=True)]
        shown = [m.take(kept) for m, (kept, _) in zip(self.members, splits, strict=True)]
        held_out = [m.take(held) for m, (_, held) in zip(self.members, splits, strict=True)]
        shape = {"n_classes": n_classes, "seeds": self.seeds}
        gan = variant.build(config, layout, variant.make_source(config, layout, shown, **shape), **shape)
        monitor = self.kind.monitor(
            shown, held_out, layout, self.schema, seed=seed, device=device, thorough=watching is not None
        )
        if gan.error is not None:
            unseen = [held if len(held) else own for own, held in zip(shown, held_out, strict=True)]
            watched = self.kind.rows(unseen, layout, n_classes).to(device)
            monitor = ErrorMonitor(monitor, watched, seed=seed, device=device)
        record = self._record(watching, gan.steps, seed, device)
        with nullcontext() if record is None else closing(record):
            trained = train(
                gan,
                self.kind.rows(shown, layout, n_classes).to(device),
                seed=seed,
                device=device,
                monitor=monitor.look,
                observe_every=max(1, gan.steps // OBSERVATIONS),
                burn_in=gan.steps // 2,
                checkpoint=checkpoint,
                identity=identity,
                watch=Watch(
                    every=None if watching is None else watching.every,
                    class_names=self.schema.class_names(),
                    record=record,
                ),
                progress=with_epochs(progress, [(s.steps, s.batch) for s in gan.stages], max(map(len, shown))),
            )
        monitor.require_sound(gan, trained.networks, trained.best_score)
        return trained, variant.make_source(config, layout, self.members, **shape)

    def _record(self, watching: Watching | None, steps: int, seed: int, device: torch.device) -> Record | None:
        if watching is None or (watching.folder is None and watching.pictures is None):
            return None
        names = self.schema.class_names()
        return Record(
            None if watching.folder is None else Path(watching.folder),
            class_names=names,
            pictures=watching.pictures,
            painter=self.kind.painter(self.layout, len(names), seed=seed, device=device),
            tensorboard=None if watching.tensorboard is None else Path(watching.tensorboard),
            keep=watching.keep,
            every=watching.every,
            steps=steps,
        )


def _hold_out(member: Any, n_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split a member's rows into those trained on and those on which the best step is chosen."""
    held: list[np.ndarray] = []
    for c in range(n_classes):
        own = np.flatnonzero(member.labels == c)
        if len(own) >= HELD_OUT_FROM:
            n = min(round(HELD_OUT * len(own)), 1000)
            held.append(seeding.numpy_rng(seed, "held out", c).choice(own, n, replace=False))
    chosen = np.sort(np.concatenate(held)) if held else np.zeros(0, np.int64)
    return np.setdiff1d(np.arange(len(member)), chosen), chosen


def _identity(name: str, config: Any, prints: list[str]) -> dict[str, Any]:
    """Say by what, beside the seed, a training differs from others, for its checkpoint; not by how it is watched."""
    options = {f"config.{key}": value for key, value in variants.config_to_json(config).items()}
    return {"ganaug": __version__, "variant": name, **options, "data": prints}


def _provenance(name: str, config: Any, seed: int, device: torch.device, best_step: int) -> dict[str, Any]:
    """Say what made the artefact: enough to make it again, bit for bit; no time, host or path."""
    return {
        "synthetic": True,
        "generator": "ganaug",
        "ganaug": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": device.type,
        "processes": distributed.world(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "variant": name,
        "config": variants.config_to_json(config),
        "keeps_training_rows": variants.get(name).KEEPS_ROWS,
        "seed": seed,
        "best_step": best_step,
    }
