"""How many synthetic rows of which class, decided and carried out: what `augment` and `GANSampler` have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug import fitting
from ganaug.data import TableData
from ganaug.learners import Runner
from ganaug.policy import Candidate, Choice, GanAugmenter, Policy, draw_candidate, select, variant_for
from ganaug.progress import Progress, silent
from ganaug.sampling import RAISED, raised_counts
from ganaug.synthesizer import Synthesizer
from ganaug.transforms import DEFAULT_TRANSFORMS
from ganaug.value_schema import ValueSchema

__all__ = ["Plan", "draw_rows", "fit_rows", "plan_by_policy"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many synthetic rows of which class, and how they are filtered."""

    counts: Mapping[int, int]
    """Class code -> rows to add."""
    choice: Choice | None = None
    """What the policy chose; None where the caller said how many."""

    @property
    def total(self) -> int:
        """Rows to add."""
        return sum(self.counts.values())

    @property
    def candidate(self) -> Candidate:
        """The amount and the filter, as `ganaug.policy` knows them."""
        return Candidate(ratio=1.0) if self.choice is None else self.choice.candidate

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object; `from_json` undoes it."""
        choice = None if self.choice is None else {k: _finite(v) for k, v in asdict(self.choice).items()}
        return {"counts": {str(code): n for code, n in self.counts.items()}, "choice": choice}

    @classmethod
    def from_json(cls, d: Mapping[str, Any]) -> Plan:
        """Undo `to_json`."""
        choice = d["choice"]
        if choice is not None:
            numbers = {
                k: float("nan") if choice[k] is None else choice[k] for k in ("expected", "standard_error", "margin")
            }
            choice = Choice(**{**choice, **numbers, "candidate": Candidate(**choice["candidate"])})
        return cls(counts={int(code): n for code, n in d["counts"].items()}, choice=choice)


def plan_by_policy(
    rows: TableData,
    *,
    variant: Any = "auto",
    seed: int,
    device: Any = "auto",
    progress: Progress = silent,
    transforms: Sequence[str] = DEFAULT_TRANSFORMS,
    **options: Any,
) -> Plan:
    """Let the policy choose how many rows; ``options`` are those of `ganaug.policy.select`, ``checkpoint`` among them.

    ``transforms`` are what may be done to images without changing their class.
    Without a target there is nothing to choose by, and as many rows are added as there are. Of a numeric target nothing
    is chosen either: its ranges are raised to half the fullest one's rows.
    """
    if isinstance(rows.schema, ValueSchema):
        return Plan(counts=raised_counts(rows.schema.label_codes(rows.table), rows.schema.n_classes, RAISED))
    if rows.schema.n_classes < 2:
        return Plan(counts={0: len(rows.table)})
    policy = Policy(variant=variant).suited(rows.schema, transforms)
    choice = select(rows.table, rows.schema, policy=policy, seed=seed, device=device, progress=progress, **options)
    return Plan(counts=policy.counts(choice.candidate, rows.schema.label_codes(rows.table), rows.schema), choice=choice)


def fit_rows(
    rows: TableData, *, variant: Any, seed: int, device: Any = "auto", planned: Plan | None = None, **options: Any
) -> Synthesizer:
    """Fit a generator to ``rows``; one for ``planned`` rows alone is trained only where they are drawn so."""
    if planned is not None:
        variant = variant_for((planned.candidate,), variant, rows.schema)
    return fitting.fit(rows.table, rows.schema, variant=variant, seed=seed, device=device, **options)


def draw_rows(
    synthesizer: Synthesizer | None,
    planned: Plan,
    rows: TableData,
    *,
    seed: int,
    n_jobs: int | None = None,
    progress: Progress = silent,
) -> pa.Table:
    """Draw what is planned for ``rows``; the classifiers that filter or label what is drawn are fitted on ``rows``.

    These fits share ``n_jobs`` processes, and ``progress`` is told about them.
    """
    if synthesizer is None or not planned.total:
        return rows.table.slice(0, 0)
    augmenter, way = _Counted(counted=planned.counts), planned.candidate
    runner = Runner(way.fits, n_jobs=n_jobs, progress=progress, work="labelling")
    made = draw_candidate(augmenter, way, synthesizer, rows.table, rows.schema, seed=seed, runner=runner)
    runner.finish()
    return made


@dataclass(frozen=True, kw_only=True)
class _Counted(GanAugmenter):
    """Exactly these rows, whatever the ratio says."""

    counted: Mapping[int, int] = field(default_factory=dict)

    def counts(self, candidate: Candidate, codes: np.ndarray, schema: Any) -> dict[int, int]:
        """Return the counts that were given."""
        return dict(self.counted)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
