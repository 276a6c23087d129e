"""What a check is asked: rows, folds, what is judged and what it is compared with. The same words ask the same."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ganaug import __version__
from ganaug.data import TableData, fingerprint
from ganaug.evaluate.arm import Arm
from ganaug.evaluate.arms import make_arms
from ganaug.evaluate.given import read_given
from ganaug.evaluate.ours import make_ours
from ganaug.evaluate.plan import Plan, make_plan
from ganaug.evaluate.protocol import Ours, Protocol
from ganaug.evaluate.result import Effect
from ganaug.image_options import ImageOptions
from ganaug.image_schema import ImageSchema
from ganaug.learners import Learner, Runner, default_learners, labels_of, own_learner
from ganaug.learners.folds import TooFewRowsError
from ganaug.learners.scoring import Scoring
from ganaug.progress import Progress, silent
from ganaug.seeding import resolve

__all__ = ["Question", "ask"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Everything about a check that is decided before the first fit."""

    rows: TableData
    table: pa.Table
    """All rows, those of a test set of its own at the end."""
    ours: Ours
    arms: tuple[Arm, ...]
    """What ours is compared with, nothing among them."""
    learners: tuple[Learner, ...]
    scoring: str
    rule: Scoring | None
    plan: Plan | None
    """None where nothing can be measured; `why` says why not."""
    why: str
    about: dict[str, Any]
    """The fields of the `Effect` that need no measurement."""

    def protocol(self, runner: Runner, *, device: Any = "auto", progress: Progress = silent) -> Protocol:
        """Return the machine that runs the folds; there must be some."""
        assert self.rule is not None, "what cannot be measured has no protocol"
        return Protocol(
            self.table,
            self.rows.schema,
            arms=self.arms,
            ours=self.ours,
            learners=self.learners,
            rule=self.rule,
            runner=runner,
            device=device,
            progress=progress,
        )

    def digest(self) -> str:
        """Return a text that is the same for the same rows, folds, arms and version, and for no others.

        Of objects that a caller brings - an estimator, a sampler, an augmenter - only the name counts.
        """
        folds = hashlib.sha256()
        for fold in () if self.plan is None else self.plan.folds:
            folds.update(f"{fold.index} {fold.repeat} {fold.seed}".encode())
            for index in (fold.train, fold.test, *(rows for pair in fold.inner for rows in pair)):
                folds.update(index.tobytes())
        augmenter = self.ours.augmenter
        variant, candidates = (getattr(augmenter, name, None) for name in ("variant", "candidates"))
        told = {
            "ganaug": __version__,
            "data": fingerprint(self.table),
            "about": self.about,
            "scoring": self.scoring,
            "folds": folds.hexdigest(),
            "generator_seeds": None if self.plan is None else self.plan.generator_seeds,
            "ours": [self.ours.name, repr(variant), repr(candidates)],
            "arms": [arm.name for arm in self.arms],
            "learners": [learner.name for learner in self.learners],
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def not_measurable(self, why: str, *, seconds: float) -> Effect:
        """Return the verdict that nothing can be said, and ``why``."""
        return Effect(
            verdict="not measurable",
            sentence=f"The effect cannot be measured: {why}.",
            scoring=self.scoring,
            n_splits=0,
            n_repeats=0,
            smallest_detectable=float("nan"),
            seconds=seconds,
            **self.about,
        )


def ask(
    data: Any,
    *,
    target: Any = None,
    augmenter: Any = "policy",
    depth: str = "quick",
    cv: Any = None,
    groups: Any = None,
    test_data: Any = None,
    estimator: Any = None,
    scoring: Any = None,
    arms: Iterable[Any] | Mapping[str, Any] | None = None,
    id_columns: Any = None,
    random_state: Any = None,
    images: ImageOptions | Mapping[str, Any] | None = None,
) -> Question:
    """Read ``data`` and plan the check; the options are those of `ganaug.measure_effect`.

    Raises:
        DataError, ConfigError: what was given cannot be used. Too few rows to split are no error but a question without
            a plan.
    """
    seed = resolve(random_state)
    options = ImageOptions.of(images)
    given = {"target": target, "id_columns": id_columns, "groups": groups, "test_data": test_data}
    rows, table, info = read_given(data, **given, images=options)
    ours = make_ours(augmenter, rows, transforms=options.transforms)
    compared = make_arms(arms, images=isinstance(rows.schema, ImageSchema), transforms=options.transforms)
    learners: Sequence[Learner] = ()
    rule, plan, why = None, None, ""
    if rows.schema.n_classes < 2:
        why = "there is no target with two classes to classify"
    else:
        labels = labels_of(rows.schema)
        rule = Scoring.make(scoring, info.codes, labels)
        learners = default_learners(rows.schema) if estimator is None else (own_learner(estimator, labels),)
        try:
            plan = make_plan(info, depth=depth, cv=cv, seed=seed)
        except TooFewRowsError as error:
            why = str(error)
    return Question(
        rows=rows,
        table=table,
        ours=ours,
        arms=tuple(arm for arm in compared if arm.name != ours.name),
        learners=tuple(learners),
        scoring="average_precision" if rule is None else rule.name,
        rule=rule,
        plan=plan,
        why=why,
        about={
            "depth": depth,
            "n_rows": len(rows.table),
            "n_features": _n_features(rows),
            "class_counts": _class_counts(rows),
            "ours": ours.name,
            "random_state": seed,
        },
    )


def _n_features(rows: TableData) -> int:
    schema = rows.schema
    return math.prod(schema.shape) if isinstance(schema, ImageSchema) else len(schema.feature_names)


def _class_counts(rows: TableData) -> dict[str, int]:
    counts = Counter(rows.schema.label_codes(rows.table).tolist())
    return {name: counts.get(code, 0) for code, name in enumerate(rows.schema.class_names())}
