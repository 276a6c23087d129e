"""How much synthetic rows look like real ones, always beside how much held-out real rows do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.evaluate.compare import ClassFidelity, Marginal, associations, marginal, of_class
from ganaug.evaluate.sides import NEAR_QUANTILE, Beside, Sides, copies, exact
from ganaug.schema import TableSchema

__all__ = ["Beside", "ClassFidelity", "Fidelity", "Marginal", "fidelity"]


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """What `fidelity` found. Figures that are undefined, for want of rows, are None."""

    rows: dict[str, int]
    """Rows given of ``train``, ``synthetic`` and perhaps ``holdout``."""
    marginals: tuple[Marginal, ...]
    classes: tuple[ClassFidelity, ...]
    association: dict[str, Any] | None
    """``columns``, the matrices ``train`` and ``synthetic``, and the mean absolute ``difference`` of a pair."""
    two_sample: Beside
    """ROC-AUC of a classifier that tells the rows from training rows; 0.5 is best."""
    energy: Beside
    """Energy distance from the training rows; 0 is best, 1 worst."""
    exact_copies: Beside
    """Share of rows that equal a training row."""
    near_copies: Beside
    """Share of rows as near to a training row of their class as the nearest ``near_quantile`` of its own are."""
    near_quantile: float
    distances: dict[str, list[float]]
    """Quantiles 0, 1/40, ..., 1 of the distance to the nearest training row of the class, over the median distance
    between neighbours of that class in training, for ``train``, ``holdout`` and ``synthetic`` rows."""
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object; `from_json` undoes it."""
        return asdict(self) | {
            "marginals": [asdict(entry) for entry in self.marginals],
            "classes": [asdict(entry) for entry in self.classes],
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Fidelity:
        """Undo `to_json`."""
        fields: dict[str, Any] = dict(document)
        for name in ("two_sample", "energy", "exact_copies", "near_copies"):
            fields[name] = Beside(**fields[name])
        fields["marginals"] = tuple(Marginal(**_besides(entry)) for entry in fields["marginals"])
        fields["classes"] = tuple(ClassFidelity(**_besides(entry)) for entry in fields["classes"])
        fields["notes"] = tuple(fields["notes"])
        return cls(**fields)


def _besides(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: Beside(**value) if isinstance(value, Mapping) else value for key, value in entry.items()}


def fidelity(
    train: pa.Table, holdout: pa.Table | None, synthetic: pa.Table, schema: TableSchema, *, seed: int = 0
) -> Fidelity:
    """Compare ``synthetic`` with ``train``, and ``holdout`` with it in just the same way.

    Held-out and synthetic rows are thinned to one size and one mix of classes, because most of these figures
    change with both; where more synthetic rows are there, figures are means over several lots of them. Only the
    classes with synthetic rows count. At most 5,000 rows a class and 20,000 a side are looked at.

    Parameters
    ----------
    train
        The rows that the generator saw.
    holdout
        Real rows that it did not see; without them there is nothing to hold the figures against.
    synthetic
        The generated rows, at least one.
    schema
        The columns of all three.
    seed
        Decides which rows are looked at.

    Raises
    ------
    ValueError
        There is no synthetic or no training row.
    """
    if len(synthetic) == 0 or len(train) == 0:
        raise ValueError(f"rows are needed on both sides: {len(train)} training, {len(synthetic)} synthetic rows")
    tables = {"train": train, "synthetic": synthetic}
    if holdout is not None and len(holdout) > 0:
        tables["holdout"] = holdout
    sides = Sides.of(tables, schema, seed=seed)
    counts = {name: np.bincount(schema.label_codes(t), minlength=schema.n_classes) for name, t in tables.items()}
    near, distances = copies(sides)
    return Fidelity(
        rows={name: len(table) for name, table in tables.items()},
        marginals=tuple(marginal(sides, column) for column in schema.columns if column.kind != "identifier"),
        classes=tuple(
            of_class(sides, c, {name: int(n[c]) for name, n in counts.items()})
            for c in sorted(sides.rows["synthetic"].by_class)
        ),
        association=associations(sides, seed=seed),
        two_sample=sides.two_sample(seed=seed),
        energy=sides.energy(),
        exact_copies=exact(tables, schema),
        near_copies=near,
        near_quantile=NEAR_QUANTILE,
        distances=distances,
        notes=_notes(sides),
    )


def _notes(sides: Sides) -> tuple[str, ...]:
    notes = []
    if "holdout" not in sides.tables:
        notes.append("No held-out rows were given, so no real figure stands beside the synthetic ones.")
    elif sides.matched.holdout is None:
        notes.append("The classes with synthetic rows have too few held-out rows to compare with.")
    if sides.matched.left_out:
        names = sides.schema.class_names()
        listed = ", ".join(names[c] for c in sides.matched.left_out[:10])
        notes.append(f"Figures over all classes leave out these, which have too few real rows: {listed}.")
    return tuple(notes)
