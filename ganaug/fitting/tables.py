"""What the fitting has to know of tables: how they are encoded, held for training, and watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from ganaug.data.rows import TableMember, TableRows
from ganaug.data.value_rows import ValuedMember, ValueRows
from ganaug.encode import Layout, TableEncoder
from ganaug.monitor import EnergyMonitor
from ganaug.nets import OneHot
from ganaug.schema import TableSchema
from ganaug.value_monitor import ValueMonitor
from ganaug.value_schema import ValueSchema

__all__ = ["MODALITY", "encoders", "join", "member", "monitor", "painter", "rows", "shape_of"]

MODALITY = "tables"


def encoders(members: Sequence[pa.Table], schema: TableSchema, *, private: bool) -> list[TableEncoder]:
    """Fit an encoder to each table."""
    return [TableEncoder.fit(table, schema, private=private) for table in members]


def shape_of(encoder: TableEncoder) -> Any:
    """Return what members that train in one batch have in common."""
    return len(encoder.layout.widths), encoder.layout.code_of_continuous


def join(layouts: Sequence[Layout]) -> Layout:
    """Return the layout whose widths hold those of all members."""
    widths = tuple(max(widths) for widths in zip(*(layout.widths for layout in layouts), strict=True))
    return replace(layouts[0], widths=widths)


def member(encoder: TableEncoder, table: pa.Table, schema: TableSchema) -> TableMember:
    """Return the encoded rows of a table."""
    encoded = encoder.encode(table)
    arrays = {
        "continuous": encoded.continuous,
        "codes": encoded.codes,
        "buckets": encoder.bucket(encoded.codes),
        "labels": schema.label_codes(table),
    }
    if encoder.target is None or not isinstance(schema, ValueSchema):
        return TableMember(**arrays)
    return ValuedMember(**arrays, scores=encoder.target.scores(schema.values_of(table)))


def rows(members: Sequence[TableMember], layout: Layout, n_classes: int) -> TableRows | ValueRows:
    """Put the rows of all members together for training."""
    if layout.valued:
        return ValueRows.pack(members, n_classes=n_classes, view=OneHot.of(layout))
    return TableRows.pack(members, n_classes=n_classes, view=OneHot.of(layout))


def monitor(
    shown: Sequence[TableMember],
    held_out: Sequence[TableMember],
    layout: Layout,
    schema: TableSchema,
    *,
    seed: int,
    device: torch.device,
    thorough: bool,
) -> EnergyMonitor | ValueMonitor:
    """Return what scores the networks on held-out rows, and sees how much the rows of a class vary."""
    view = OneHot.of(layout).to(device)
    unseen, seen = ([_by_class(m, schema.n_classes, view, device) for m in part] for part in (held_out, shown))
    if layout.valued:
        scores, own = ([_scores_by_class(m, schema.n_classes, device) for m in part] for part in (held_out, shown))
        ranges = schema.class_names()
        return ValueMonitor(unseen, scores, seed=seed, shown=(seen, own), range_names=ranges, thorough=thorough)
    return EnergyMonitor(unseen, seed=seed, shown=seen, class_names=schema.class_names(), thorough=thorough)


def painter(layout: Layout, n_classes: int, *, seed: int, device: torch.device) -> None:
    """Rows of a table have no picture."""


def _by_class(member: TableMember, n_classes: int, view: OneHot, device: torch.device) -> list[torch.Tensor]:
    rows = view(
        torch.from_numpy(member.continuous.astype(np.float32)).to(device),
        torch.from_numpy(member.buckets.astype(np.int64)).to(device),
    )
    return [rows[torch.from_numpy(np.flatnonzero(member.labels == c)).to(device)] for c in range(n_classes)]


def _scores_by_class(member: TableMember, n_classes: int, device: torch.device) -> list[torch.Tensor]:
    assert isinstance(member, ValuedMember)
    return [torch.from_numpy(member.scores[member.labels == c]).to(device) for c in range(n_classes)]
