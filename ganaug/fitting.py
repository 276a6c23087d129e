"""Schema, encoder, variant and trainer put together: tables in, synthesizers out."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from ganaug import __version__, seeding, variants
from ganaug.data import fingerprint
from ganaug.data.rows import TableMember, TableRows
from ganaug.device import resolve_device
from ganaug.encode import Layout, TableEncoder
from ganaug.errors import DataError
from ganaug.monitor import EnergyMonitor
from ganaug.nets import OneHot
from ganaug.progress import Progress, silent
from ganaug.schema import TableSchema
from ganaug.synthesizer import Synthesizer
from ganaug.trainer import Trained, train

__all__ = ["fit", "fit_many"]

HELD_OUT = 0.15
"""Share of a class's rows on which the best step is chosen; they are not trained on."""
HELD_OUT_FROM = 100
"""A class with fewer rows holds none out: too few rows to tell two steps apart, and each is missed in training."""
OBSERVATIONS = 12
"""How often the averaged networks are scored over a training; those of the second half are candidates."""


def fit(
    table: pa.Table,
    schema: TableSchema,
    *,
    variant: Any = "auto",
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress = silent,
    checkpoint: Path | None = None,
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
    )[0]


def fit_many(
    tables: Sequence[pa.Table],
    schema: TableSchema,
    *,
    variant: Any = "auto",
    seeds: Sequence[int],
    device: str | torch.device = "auto",
    progress: Progress = silent,
    checkpoint: Path | None = None,
) -> list[Synthesizer]:
    """Fit one synthesizer a table, all trained side by side as one batched network.

    The tables are folds of one data set: they share ``schema``. Encoders, neighbours and weights of each are fitted on
    its own rows alone. The result of a table depends on the tables that it is fitted together with, through rounding.

    Parameters
    ----------
    variant
        ``"auto"``, the name of a variant, or its ``Config``.
    seeds
        One integer a table.
    checkpoint
        A file from which an interrupted training goes on; only for a single table.

    Raises
    ------
    DataError
        A table has no row.
    """
    if len(tables) != len(seeds):
        raise ValueError(f"one seed a table is needed, however: {len(tables)} tables and {len(seeds)} seeds")
    if any(len(table) == 0 for table in tables):
        raise DataError("there is no row to learn from")
    name, config = variants.resolve(variant)
    where = resolve_device(device)
    private = not variants.get(name).KEEPS_ROWS
    encoders = [TableEncoder.fit(table, schema, private=private) for table in tables]
    members = [_encode(e, table, schema) for e, table in zip(encoders, tables, strict=True)]
    # Folds in which a column turned out constant have another shape, and train in a batch of their own.
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for i, encoder in enumerate(encoders):
        groups[(len(encoder.layout.widths), encoder.layout.code_of_continuous)].append(i)
    results: dict[int, Synthesizer] = {}
    for indices in groups.values():
        batch = _Batch(
            [members[i] for i in indices],
            [encoders[i].layout for i in indices],
            schema.n_classes,
            [seeds[i] for i in indices],
        )
        trained, source = batch.train(name, config, where, progress, checkpoint)
        for m, i in enumerate(indices):
            results[i] = Synthesizer(
                schema=encoders[i].schema,
                encoder=encoders[i],
                layout=batch.layout,
                variant=name,
                config=config,
                weights={key: value[m : m + 1].cpu().clone() for key, value in trained.networks.state_dict().items()},
                source=variants.get(name).stored_source(config, batch.layout, source.arrays(m)),
                class_counts=np.bincount(members[i].labels, minlength=schema.n_classes),
                provenance=_provenance(name, config, seeds[i], tables[i], where, trained.best_step[m]),
                history=[_of_member(entry, m) for entry in trained.history],
                device=where,
            )
    return [results[i] for i in range(len(tables))]


def _encode(encoder: TableEncoder, table: pa.Table, schema: TableSchema) -> TableMember:
    encoded = encoder.encode(table)
    return TableMember(
        continuous=encoded.continuous,
        codes=encoded.codes,
        buckets=encoder.bucket(encoded.codes),
        labels=schema.label_codes(table),
    )


class _Batch:
    """Members of one shape, and the widths that hold them all."""

    def __init__(self, members: list[TableMember], layouts: list[Layout], n_classes: int, seeds: list[int]) -> None:
        self.members, self.n_classes, self.seeds = members, n_classes, seeds
        self.layout = Layout(
            n_continuous=layouts[0].n_continuous,
            widths=tuple(max(widths) for widths in zip(*(layout.widths for layout in layouts), strict=True)),
            code_of_continuous=layouts[0].code_of_continuous,
        )

    def train(
        self, name: str, config: Any, device: torch.device, progress: Progress, checkpoint: Path | None
    ) -> tuple[Trained, Any]:
        """Train, and return the networks and the source that draws from all rows, held-out ones included."""
        variant, layout = variants.get(name), self.layout
        seed = seeding.derive(0, "batch", *self.seeds)
        view = OneHot(layout.n_continuous, layout.widths, layout.code_of_continuous)
        splits = [_hold_out(m, self.n_classes, s) for m, s in zip(self.members, self.seeds, strict=True)]
        shown = [m.take(kept) for m, (kept, _) in zip(self.members, splits, strict=True)]
        held_out = [m.take(held) for m, (_, held) in zip(self.members, splits, strict=True)]
        rows = TableRows.pack(shown, n_classes=self.n_classes, view=view.to(device)).to(device)
        shape = {"n_classes": self.n_classes, "seeds": self.seeds}
        gan = variant.build(config, layout, variant.make_source(config, layout, shown, **shape), **shape)
        monitor = None
        if any(len(held) for held in held_out):
            monitor = EnergyMonitor([_by_class(m, self.n_classes, view, device) for m in held_out], seed=seed)
        trained = train(
            gan,
            rows,
            seed=seed,
            device=device,
            monitor=monitor,
            observe_every=max(1, gan.steps // OBSERVATIONS),
            burn_in=gan.steps // 2,
            checkpoint=checkpoint,
            progress=progress,
        )
        return trained, variant.make_source(config, layout, self.members, **shape)


def _hold_out(member: TableMember, n_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split a member's rows into those trained on and those on which the best step is chosen."""
    held: list[np.ndarray] = []
    for c in range(n_classes):
        own = np.flatnonzero(member.labels == c)
        if len(own) >= HELD_OUT_FROM:
            n = min(round(HELD_OUT * len(own)), 1000)
            held.append(seeding.numpy_rng(seed, "held out", c).choice(own, n, replace=False))
    chosen = np.sort(np.concatenate(held)) if held else np.zeros(0, np.int64)
    return np.setdiff1d(np.arange(len(member)), chosen), chosen


def _by_class(member: TableMember, n_classes: int, view: OneHot, device: torch.device) -> list[torch.Tensor]:
    rows = view(
        torch.from_numpy(member.continuous.astype(np.float32)).to(device),
        torch.from_numpy(member.buckets.astype(np.int64)).to(device),
    )
    return [rows[torch.from_numpy(np.flatnonzero(member.labels == c)).to(device)] for c in range(n_classes)]


def _of_member(entry: dict[str, Any], m: int) -> dict[str, Any]:
    return {key: value[m] if isinstance(value, list) else value for key, value in entry.items()}


def _provenance(
    name: str, config: Any, seed: int, table: pa.Table, device: torch.device, best_step: int
) -> dict[str, Any]:
    """Say what made the artefact: enough to make it again, bit for bit; no time, host or path."""
    return {
        "synthetic": True,
        "generator": "ganaug",
        "ganaug": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": device.type,
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "variant": name,
        "config": variants.config_to_json(config),
        "keeps_training_rows": variants.get(name).KEEPS_ROWS,
        "seed": seed,
        "best_step": best_step,
        "data_rows": len(table),
        "data_fingerprint": fingerprint(table),
    }
