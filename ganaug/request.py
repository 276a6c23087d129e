"""What is asked of a run, checked, and described in JSON so that the same words can be told from others."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import sklearn
import torch

from ganaug import __version__, variants
from ganaug.data import TableData, fingerprint, read_table
from ganaug.data.read import read
from ganaug.device import resolve_device
from ganaug.errors import ConfigError, DataError
from ganaug.image_options import ImageOptions
from ganaug.image_schema import ImageSchema
from ganaug.sampling import class_counts
from ganaug.schema import TableSchema, close_to
from ganaug.value_schema import ValueSchema, asked_ranges

__all__ = ["Request", "keys_of", "modality_of", "run_name", "versions"]

DEPTHS = ("quick", "thorough")
FORMAT = 4
"""Raised when code makes other results of the same words, so that stored ones are not taken for them."""
GENERATOR = ("data", "target", "schema", "id_columns", "images", "variant", "random_state", "device")
JUDGED = (*GENERATOR, "sampling_strategy", "groups", "estimator", "scoring")
DEPENDS = {
    "synthesizer": GENERATOR,
    "plan.json": JUDGED,
    "effect.json": (*JUDGED, "check"),
    "synthetic": (*JUDGED, "check"),
    "fidelity.json": (*JUDGED, "check"),
}
"""A result of a run -> what of `Request.describe` decides it."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of `ganaug.augment`, less what does not change its result."""

    target: Any = None
    task: str = "classification"
    sampling_strategy: Any = "policy"
    variant: Any = "auto"
    check: Any = True
    id_columns: Any = None
    groups: Any = None
    estimator: Any = None
    scoring: Any = None
    random_state: Any = None
    device: Any = "auto"
    images: ImageOptions = field(default_factory=ImageOptions)

    def __post_init__(self) -> None:
        variants.resolve(self.variant)
        resolve_device(self.device)
        if not isinstance(self.check, bool) and self.check not in DEPTHS:
            raise ConfigError(f"check must be True, False, 'quick' or 'thorough', however: {self.check!r}")

    @property
    def by_policy(self) -> bool:
        """Whether the policy, and not the caller, says how many rows."""
        return isinstance(self.sampling_strategy, str) and self.sampling_strategy == "policy"

    @property
    def depth(self) -> Literal["quick", "thorough"] | None:
        """How closely the effect is measured; None for not at all."""
        if isinstance(self.check, bool):
            return "quick" if self.check else None
        return "thorough" if self.check == "thorough" else "quick"

    def read(self, data: Any) -> TableData:
        """Read ``data``. A column of groups names rows and is not learnt."""
        reading = {} if self.images == ImageOptions() else self.images.reading()
        rows = read(data, target=self.target, id_columns=self.id_columns, task=self.task, **reading)
        if not isinstance(rows.schema, ImageSchema):
            self.images.refuse_tables()
        name, _ = variants.resolve(self.variant, modality_of(rows.schema))
        if isinstance(rows.schema, ValueSchema):
            variants.require_values(name)
            rows = self._with_asked_ranges(rows)
        if not isinstance(self.groups, str) or self.groups in rows.schema.id_columns:
            return rows
        if isinstance(rows.schema, ImageSchema):
            raise DataError(f"groups of images must be one value an image, however: {self.groups!r}")
        if self.groups not in rows.table.column_names:
            known = rows.table.column_names
            raise DataError(f"there is no column {self.groups!r} to take groups from{close_to(self.groups, known)}")
        if self.groups == rows.schema.target:
            raise DataError(f"the target {self.groups!r} cannot be the groups as well; name another column")
        ids = [*rows.schema.id_columns, self.groups]
        found = read_table(data, target=self.target, id_columns=ids, task=self.task)
        return self._with_asked_ranges(found)

    def _with_asked_ranges(self, rows: TableData) -> TableData:
        """Return ``rows`` with the ranges that ``sampling_strategy`` names, where the target is a number."""
        if not isinstance(rows.schema, ValueSchema) or not isinstance(self.sampling_strategy, Mapping):
            return rows
        edges = asked_ranges(self.sampling_strategy, rows.schema.edges[0], rows.schema.edges[-1])
        return replace(rows, schema=replace(rows.schema, edges=edges))

    def group_codes(self, rows: TableData) -> np.ndarray | None:
        """Return an integer for each row's group ``(n,)``, or None without groups.

        Raises
        ------
        DataError
            There is not one group a row, or some are missing.
        """
        if self.groups is None:
            return None
        values = rows.table.column(self.groups).to_pandas() if isinstance(self.groups, str) else self.groups
        codes, _ = pd.factorize(np.asarray(values))
        if codes.shape != (len(rows.table),):
            raise DataError(f"groups must name one group a row, however: {codes.shape} for {len(rows.table)} rows")
        if (codes < 0).any():
            raise DataError(f"groups must not be missing, however: {int((codes < 0).sum())} rows have none")
        return codes.astype(np.int64)

    def describe(self, rows: TableData) -> dict[str, Any]:
        """Return everything that decides the result, in JSON; long things by a digest."""
        schema = rows.schema
        strategy: Any = "policy"
        if not self.by_policy:
            counts = class_counts(self.sampling_strategy, schema.label_codes(rows.table), schema)
            names = schema.class_names()
            strategy = {names[code]: n for code, n in sorted(counts.items())}
        name, config = variants.resolve(self.variant, modality_of(schema))
        codes = self.group_codes(rows)
        seed = self.random_state
        images = {"images": asdict(self.images)} if isinstance(schema, ImageSchema) else {}
        return images | {
            "data": fingerprint(rows.table),
            "target": schema.target,
            "schema": _hash(schema.to_json()),
            "id_columns": schema.id_columns,
            "sampling_strategy": strategy,
            "variant": {"name": name, **variants.config_to_json(config)},
            "check": self.depth,
            "groups": None if codes is None else hashlib.sha256(codes.tobytes()).hexdigest(),
            "estimator": _describe(self.estimator),
            "scoring": _describe(self.scoring),
            "random_state": int(seed) if isinstance(seed, int | np.integer) else None,
            "device": str(self.device),
        }


def keys_of(described: Mapping[str, Any], seed: int) -> dict[str, str]:
    """Return, for every result that may be shared between runs, a hash of all that decides it."""
    return {
        name: _hash([FORMAT, versions(), seed, {field: described.get(field) for field in fields}])
        for name, fields in DEPENDS.items()
    }


def run_name(described: Mapping[str, Any], seed: int) -> str:
    """Return a short name for the run that ``described`` and ``seed`` decide: a changed row or option, another name."""
    return _hash([FORMAT, versions(), seed, dict(described)])[:12]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def modality_of(schema: TableSchema | ImageSchema) -> str:
    """Return what variants call data of this schema."""
    return "images" if isinstance(schema, ImageSchema) else "tables"


def versions() -> dict[str, str]:
    """Return the versions of what decides the bits."""
    return {
        "ganaug": __version__,
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "pyarrow": pa.__version__,
        "python": platform.python_version(),
    }


def _describe(value: Any) -> Any:
    """Describe an estimator, a function or a plain value, the same in every process."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_describe(item) for item in value]
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if hasattr(value, "get_params") and not isinstance(value, type):
        return {name: _describe(value.get_params(deep=False))}
    if hasattr(value, "__qualname__"):
        code = getattr(value, "__code__", None)
        digest = (
            "" if code is None else "#" + hashlib.sha256(code.co_code + repr(code.co_consts).encode()).hexdigest()[:16]
        )
        return f"{value.__module__}.{value.__qualname__}{digest}"
    return {name: _describe(getattr(value, "__dict__", {}))} if hasattr(value, "__dict__") else repr(value)
