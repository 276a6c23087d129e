"""Cross-validation inside the rows that are given, and the choice that comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.data import row_hashes
from ganaug.errors import DataError
from ganaug.image_schema import ImageSchema
from ganaug.learners import Job, Learner, Part, Runner, default_learners, labels_of, own_learner
from ganaug.learners.folds import TooFewRowsError, make_folds
from ganaug.learners.scoring import Scoring
from ganaug.policy.augmenter import Policy, candidate_trainings
from ganaug.policy.choice import Choice, choose, nothing
from ganaug.progress import Progress, silent
from ganaug.schema import TableSchema
from ganaug.seeding import derive

__all__ = ["select"]


def select(
    table: pa.Table,
    schema: TableSchema | ImageSchema,
    *,
    policy: Policy,
    seed: int,
    groups: np.ndarray | None = None,
    estimator: Any = None,
    scoring: Any = None,
    n_jobs: int | None = None,
    device: Any = "auto",
    progress: Progress = silent,
    checkpoint: Any = None,
) -> Choice:
    """Choose by cross-validation inside ``table``; generators, filters and features see inner training rows only.

    Args:
        table: training rows, target included.
        schema: theirs.
        policy: the candidates, and how many inner folds.
        seed: of the folds, generators and classifiers.
        groups: (n,) group ids that no fold may split.
        estimator: a user's classifier instead of the default learners.
        scoring: scikit-learn's; None: average precision.
        n_jobs: worker processes for the classifiers.
        device: for the generators.
        progress: told about training and about every fit.
        checkpoint: a path or URL from which an interrupted training of the generators goes on; the caller removes it.
    """
    policy, codes = policy.suited(schema), schema.label_codes(table)
    if schema.n_classes < 2:
        return nothing(policy.candidates, float("nan"), float("nan"), "without a target no gain can be measured")
    labels = labels_of(schema)
    rule = Scoring.make(scoring, codes, labels)
    learners = default_learners(schema) if estimator is None else (own_learner(estimator, labels),)
    try:
        folds = make_folds(
            codes,
            n_splits=policy.inner_folds,
            seed=derive(seed, "inner"),
            class_names=schema.class_names(),
            duplicates=row_hashes(table, schema.feature_names),
            groups=groups,
        )
    except TooFewRowsError as error:
        return nothing(policy.candidates, float("nan"), float("nan"), str(error))
    parts = [Part(table, schema, train, test, frames=learners[0].frames) for train, test in folds.splits]
    seeds = [derive(seed, "generator", i) for i in range(len(parts))]
    try:
        generators = policy.fit_many(
            [p.table for p in parts], schema, seeds, device=device, progress=progress, checkpoint=checkpoint
        )
    except DataError as error:
        reason = f"the generator of a fold cannot be trained: {error}"
        return nothing(policy.candidates, float("nan"), float("nan"), reason)
    fits = len(parts) * sum(len(learners) + candidate.inner_fits for candidate in policy.candidates)
    runner = Runner(fits, n_jobs=n_jobs, progress=progress, work="choosing")
    told = list(zip(parts, generators, seeds, [derive(seed, "classifier", i) for i in range(len(parts))], strict=True))
    # The fits of all folds share the workers better than those of one; the rows of images would fill the memory.
    batches = [[fold] for fold in told] if isinstance(schema, ImageSchema) else [told]
    scores = np.concatenate([_scores(batch, policy, learners, rule, runner) for batch in batches], axis=1)
    runner.finish()
    ratio = float(np.mean([len(test) / len(train) for train, test in folds.splits]))
    return choose(
        scores,
        candidates=policy.candidates,
        test_to_train=ratio,
        error_rate=policy.error_rate,
        confidence=policy.confidence,
    )


def _scores(
    folds: Sequence[tuple[Part, Any, int, int]],
    policy: Policy,
    learners: Sequence[Learner],
    rule: Scoring,
    runner: Runner,
) -> np.ndarray:
    """Return the scores of ``folds``: part, generator, seed of its rows, seed of the classifiers.

    **Shape**: -> (candidates, folds, learners).
    """
    jobs = [
        (part, Job.of(part, learner, training, judging))
        for part, generator, drawing, judging in folds
        for training in candidate_trainings(policy, generator, part, drawing, runner=runner)
        for learner in learners
    ]
    outcomes = runner.run([job for _, job in jobs])
    found = [rule.score(part.held_codes, o.proba) for (part, _), o in zip(jobs, outcomes, strict=True)]
    return np.reshape(found, (len(folds), len(policy.candidates), len(learners))).swapaxes(0, 1)
