"""How many synthetic rows, filtered how, or none: chosen by cross-validation inside the rows that it is given.

The rule is conservative on purpose. Few inner folds measure small gains badly, several candidates are compared, and the
best of several noisy gains looks good by luck alone; so a candidate is taken only where its gain stands out of that
noise, and nothing is the answer otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import stats

from ganaug.data import row_hashes
from ganaug.errors import ConfigError
from ganaug.learners import (
    DEFAULT_LEARNERS,
    Job,
    Learner,
    Part,
    Preparation,
    Runner,
    Training,
    fit_predict,
    labels_of,
    own_learner,
)
from ganaug.learners.folds import TooFewRowsError, make_folds
from ganaug.learners.scoring import Scoring
from ganaug.progress import Progress, silent
from ganaug.schema import TableSchema
from ganaug.seeding import derive

__all__ = [
    "CANDIDATES",
    "Candidate",
    "Choice",
    "GanAugmenter",
    "Policy",
    "candidate_trainings",
    "choose",
    "draw_candidate",
    "select",
]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to augment."""

    ratio: float
    """Synthetic rows, as a share of those that would make every class as large as the largest; 0: none."""
    keep: float = 1.0
    """Share of the generated rows that is kept, the most confident ones by a classifier fitted on the real rows; 1 /
    ``keep`` times as many are generated. In (0, 1]."""

    def __post_init__(self) -> None:
        if not 0 <= self.ratio <= 10:
            raise ConfigError(f"ratio must be between 0 and 10, however: {self.ratio=}")
        if not 0 < self.keep <= 1:
            raise ConfigError(f"keep must be above 0 and at most 1, however: {self.keep=}")

    @property
    def name(self) -> str:
        """``"none"``, ``"r=0.1"``, ``"r=0.5 keep=0.5"``."""
        if self.ratio == 0:
            return "none"
        return f"r={self.ratio:g}" + (f" keep={self.keep:g}" if self.keep < 1 else "")


CANDIDATES: tuple[Candidate, ...] = (
    Candidate(ratio=0.0),
    Candidate(ratio=0.1),
    Candidate(ratio=0.25),
    Candidate(ratio=0.5, keep=0.5),
)
"""Nothing first. Small ratios, because on real tables a tenth of balance helped where full balance harmed, and larger
amounts only did once the less confident half was thrown away."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the policy chose, and on what grounds."""

    index: int
    candidate: Candidate
    expected: float
    """The mean paired gain over nothing on the inner folds; 0 for none. Being the best of several it flatters."""
    standard_error: float
    margin: float
    """What a gain had to beat."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class GanAugmenter:
    """One variant and a fixed amount: how many rows is decided beforehand, not chosen."""

    variant: Any = "auto"
    """A variant's name, or its configuration."""
    candidates: tuple[Candidate, ...] = (Candidate(ratio=0.1),)
    """Exactly one."""
    sampling_strategy: Any = None
    """imbalanced-learn's semantics; overrides the candidate's ratio where it is not None."""
    name: str = "gan"

    def fit_many(
        self,
        tables: Sequence[pa.Table],
        schema: TableSchema,
        seeds: Sequence[int],
        *,
        device: Any = "auto",
        progress: Progress = silent,
    ) -> list[Any]:
        """Fit one generator a table, as one batched network."""
        # Imported here, so that judging other people's samplers does not wait for torch.
        from ganaug.fitting import fit_many

        return list(fit_many(tables, schema, variant=self.variant, seeds=seeds, device=device, progress=progress))

    def counts(self, candidate: Candidate, codes: np.ndarray, schema: TableSchema) -> dict[int, int]:
        """Return how many rows of each class code to add to rows with these codes."""
        from ganaug.sampling import class_counts, ratio_counts

        if self.sampling_strategy is not None:
            return class_counts(self.sampling_strategy, codes, schema)
        return ratio_counts(codes, schema.n_classes, candidate.ratio)


@dataclass(frozen=True, kw_only=True)
class Policy(GanAugmenter):
    """One variant and several amounts, among which `choose` decides; nothing is the first."""

    candidates: tuple[Candidate, ...] = CANDIDATES
    inner_folds: int = 3
    """Inner folds of `select`."""
    error_rate: float = 0.2
    """See `choose`."""
    name: str = "policy"
    sampling_strategy: Any = field(default=None, init=False)

    def __post_init__(self) -> None:
        if len(self.candidates) < 2 or self.candidates[0].ratio != 0:
            raise ConfigError(
                f"candidates must begin with Candidate(ratio=0) and hold another, however: {self.candidates=}"
            )


def choose(
    scores: np.ndarray,
    *,
    candidates: Sequence[Candidate] = CANDIDATES,
    test_to_train: float = 0.5,
    error_rate: float = 0.2,
) -> Choice:
    """Choose a candidate from scores on inner folds, or nothing.

    The gain of a candidate on a fold is the mean over learners of its score less that of nothing. A candidate is
    eligible when its mean gain exceeds ``margin = t * standard_error``, and the one with the largest gain is taken.

    - The standard error is the Nadeau-Bengio corrected one, ``sqrt((1/J + n_test/n_train) s^2)``, with the variance
      s^2 pooled over the candidates: three folds say too little about each one's own.
    - t is Student's quantile at ``1 - error_rate / m`` for m candidates beside nothing (Bonferroni: the best of
      several looks good by luck), with ``(J - 1) m / (1 + (m - 1) / 4)`` degrees of freedom. The gains share the noise
      of nothing's own score, so that they correlate by about 1/2 and their variances by 1/4.

    The correction allows for training sets that overlap. Where the gains of folds are in fact independent noise, this
    takes a candidate in 3 % of cases with three candidates and three folds at the default ``error_rate``.

    Args:
        scores: (c, J, L): candidates, inner folds, learners; higher is better; ``scores[0]`` is nothing's. A fold with
            a NaN is left out.
        candidates: the c candidates.
        test_to_train: n_test / n_train of the inner folds.
        error_rate: nominal probability that pure noise makes it take any candidate.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 3 or len(scores) != len(candidates):
        raise ValueError(f"scores must be ({len(candidates)}, folds, learners), however: {scores.shape=}")
    gains = (scores[1:] - scores[:1]).mean(axis=2)
    gains = gains[:, np.isfinite(gains).all(axis=0)]
    m, folds = gains.shape
    nan = float("nan")
    if m == 0 or folds < 2:
        return _nothing(candidates, nan, nan, f"{folds} inner folds are too few to measure a gain")
    variance = float(gains.var(axis=1, ddof=1).mean())
    standard_error = float(np.sqrt((1 / folds + test_to_train) * variance))
    df = (folds - 1) * m / (1 + (m - 1) / 4)
    margin = float(stats.t.ppf(1 - error_rate / m, df)) * standard_error
    means = gains.mean(axis=1)
    best = int(np.argmax(means))
    name, gain = candidates[best + 1].name, float(means[best])
    if gain > margin:
        return Choice(
            index=best + 1,
            candidate=candidates[best + 1],
            expected=gain,
            standard_error=standard_error,
            margin=margin,
            reason=f"{name} gained {gain:+.4f} on the inner folds, more than the margin {margin:.4f}",
        )
    reason = f"the best, {name}, gained {gain:+.4f} on the inner folds, not more than the margin {margin:.4f}"
    return _nothing(candidates, standard_error, margin, reason)


def _nothing(candidates: Sequence[Candidate], standard_error: float, margin: float, reason: str) -> Choice:
    return Choice(
        index=0, candidate=candidates[0], expected=0.0, standard_error=standard_error, margin=margin, reason=reason
    )


def draw_candidate(
    augmenter: GanAugmenter,
    candidate: Candidate,
    generator: Any,
    table: pa.Table,
    schema: TableSchema,
    *,
    seed: int,
    preparation: Preparation | None = None,
) -> pa.Table:
    """Draw the synthetic rows of a candidate for the real rows ``table`` that ``generator`` was fitted on.

    Args:
        augmenter: says how many rows.
        candidate: which amount, and the share to keep.
        generator: offers ``sample_table(codes, *, seed)``.
        table: the real training rows, target included; the filter's classifier is fitted on them.
        schema: theirs.
        seed: of the rows and of the filter.
        preparation: features fitted on ``table``; None: fit them where the filter needs them.
    """
    from ganaug.sampling import draw

    codes = schema.label_codes(table)
    counts = augmenter.counts(candidate, codes, schema)
    if not any(counts.values()):
        return schema.arrow.empty_table()

    def judge(rows: pa.Table) -> np.ndarray:
        fitted = Preparation.fit(table, schema) if preparation is None else preparation
        real, made = fitted.transform(table), fitted.transform(rows)
        return fit_predict(JUDGE, real, codes, None, made, schema.n_classes, derive(seed, "filter"))

    return draw(generator, counts, seed=seed, keep=candidate.keep, judge=judge)


JUDGE: Learner = DEFAULT_LEARNERS[1]
"""The filter's classifier: a forest's out-of-bag-like votes are spread finely enough to rank rows by."""


def select(
    table: pa.Table,
    schema: TableSchema,
    *,
    policy: Policy,
    seed: int,
    groups: np.ndarray | None = None,
    estimator: Any = None,
    scoring: Any = None,
    n_jobs: int | None = None,
    device: Any = "auto",
    progress: Progress = silent,
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
    """
    codes = schema.label_codes(table)
    if schema.n_classes < 2:
        return _nothing(policy.candidates, float("nan"), float("nan"), "without a target no gain can be measured")
    labels = labels_of(schema)
    rule = Scoring.make(scoring, codes, labels)
    learners = DEFAULT_LEARNERS if estimator is None else (own_learner(estimator, labels),)
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
        return _nothing(policy.candidates, float("nan"), float("nan"), str(error))
    parts = [Part(table, schema, train, test, frames=learners[0].frames) for train, test in folds.splits]
    seeds = [derive(seed, "generator", i) for i in range(len(parts))]
    generators = policy.fit_many([p.table for p in parts], schema, seeds, device=device, progress=progress)
    shape = (len(policy.candidates), len(parts), len(learners))
    runner = Runner(int(np.prod(shape)), n_jobs=n_jobs, progress=progress, work="choosing")
    scores = np.zeros(shape)
    for i, (part, generator) in enumerate(zip(parts, generators, strict=True)):
        trainings = candidate_trainings(policy, generator, part, seeds[i])
        jobs = [
            Job.of(part, learner, training, derive(seed, "classifier", i))
            for training in trainings
            for learner in learners
        ]
        found = [rule.score(part.held_codes, outcome.proba) for outcome in runner.run(jobs)]
        scores[:, i] = np.reshape(found, (shape[0], shape[2]))
    ratio = float(np.mean([len(test) / len(train) for train, test in folds.splits]))
    return choose(scores, candidates=policy.candidates, test_to_train=ratio, error_rate=policy.error_rate)


def candidate_trainings(
    augmenter: GanAugmenter,
    generator: Any,
    part: Part,
    seed: int,
    *,
    candidates: Sequence[Candidate] | None = None,
) -> list[Training]:
    """Return the rows to train on for every candidate, drawn from one generator fitted on the part's training rows."""
    trainings = []
    for candidate in augmenter.candidates if candidates is None else candidates:
        rows = draw_candidate(
            augmenter,
            candidate,
            generator,
            part.table,
            part.schema,
            preparation=part.preparation,
            seed=derive(seed, "draw", candidate.name),
        )
        trainings.append(part.with_table(rows) if len(rows) else part.plain())
    return trainings
