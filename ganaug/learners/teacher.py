"""A weighted committee of classifiers that says how probable each class is for rows without a label.

The classifiers are unlike each other on purpose: smooth and blocky, linear and local. Their mean ranks rows better than
each of them does: over 19 real tables its average precision was .078 above the mean of the classifiers that the check
uses. What is labelled by it hands that on to whatever classifier is fitted afterwards (model compression: Bucila,
Caruana and Niculescu-Mizil 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import logit
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from ganaug.learners.folds import TooFewRowsError, make_folds
from ganaug.learners.jobs import Job, Runner, Training
from ganaug.learners.models import Learner
from ganaug.learners.scores import average_precision
from ganaug.seeding import derive

__all__ = ["FITS", "FOLDS", "INNER_FITS", "INNER_FOLDS", "Lesson", "teach"]

FOLDS = 5
INNER_FOLDS = 3
"""Fewer, where rows are labelled only to learn whether such labels help."""
SPREAD = 0.04
"""A classifier whose average precision is lower by this much has 1/e of the weight of the better one."""
COMPONENTS = 300
"""Rows that span the space of the kernel classifier, at most."""
NEIGHBOURS = 15
STRENGTHS = (0.01, 0.1, 1.0, 10.0)
"""Inverse regularisations of the linear classifiers, of which the best one counts."""
MEMBERS = len(STRENGTHS) + 5
FITS, INNER_FITS = MEMBERS * FOLDS, MEMBERS * INNER_FOLDS
"""Fits of one committee, and of one on an inner fold: its classifiers, each on so many folds."""
NEVER = 1e-9
"""Probabilities below this one are taken for it."""


class Lesson(NamedTuple):
    """What a committee says of rows."""

    proba: np.ndarray
    """Class probabilities, (m, n_classes)."""
    linear: np.ndarray
    """Log-odds of the classes by the best linear classifier alone, (m, n_classes)."""


def library(matrix: np.ndarray, fewest: int) -> tuple[tuple[Learner, ...], tuple[Learner, ...]]:
    """Return unfitted classifiers, linear and other ones, for rows ``(n, d)`` of which a fold has ``fewest``."""
    member = partial(Learner, strength="own")
    # A quarter of scikit-learn's SVC(gamma="scale"): smoother, with little regularisation in its stead.
    gamma = 1 / (4 * matrix.shape[1] * max(float(matrix.var()), 1e-9))
    space = Nystroem(gamma=gamma, n_components=min(COMPONENTS, max(1, len(matrix) // 2), fewest))
    trees = {"n_estimators": 50, "n_jobs": 1}
    linear = tuple(member(name=f"linear_{c:g}", estimator=LogisticRegression(C=c, max_iter=300)) for c in STRENGTHS)
    return linear, (
        member(name="kernel", estimator=make_pipeline(space, LogisticRegression(C=100, max_iter=300))),
        member(
            name="network",
            estimator=MLPClassifier((64,), alpha=1e-2, learning_rate_init=3e-3, max_iter=80),
        ),
        member(name="neighbours", estimator=KNeighborsClassifier(min(NEIGHBOURS, fewest), weights="distance")),
        member(name="forest", estimator=RandomForestClassifier(min_samples_leaf=3, **trees), tree_rows=5000),
        member(name="extra_trees", estimator=ExtraTreesClassifier(max_features=None, min_samples_leaf=2, **trees)),
    )


def teach(
    matrix: np.ndarray,
    codes: np.ndarray,
    made: np.ndarray,
    *,
    n_classes: int,
    seed: int,
    n_folds: int = FOLDS,
    runner: Runner | None = None,
) -> Lesson:
    """Return what the committee says of rows ``made``.

    Each classifier is fitted on all but one of ``n_folds`` folds of the real rows in turn; its probabilities are the
    mean of them, and its weight grows with its average precision on the folds left out. Of the linear ones the best
    alone is in the committee. ``runner`` runs these fits, `FITS` of them at most; without one they run one by one.

    **Shape**: matrix (n, d), codes (n,), made (m, d).
    """
    folds = _folds(matrix, codes, n_classes, n_folds, derive(seed, "teacher"))
    linear, others = library(matrix, min(len(train) for train, _ in folds))
    members = (*linear, *others)
    jobs = [
        Job(
            learner=member,
            training=Training(kept=train, codes=codes[train]),
            real=matrix,
            held_out=np.concatenate([matrix[test], made]),
            n_classes=n_classes,
            seed=derive(seed, member.name, i),
        )
        for member in members
        for i, (train, test) in enumerate(folds)
    ]
    run = Runner(len(jobs), n_jobs=1) if runner is None else runner
    found = iter(run.run(jobs))
    judged = np.concatenate([test for _, test in folds])
    scores, given = [], []
    for _ in members:
        by_fold = [next(found).proba for _ in folds]
        guessed = np.concatenate([proba[: len(test)] for proba, (_, test) in zip(by_fold, folds, strict=True)])
        scores.append(average_precision(codes[judged], guessed, _rarer(codes, n_classes)))
        given.append(np.stack([proba[len(test) :] for proba, (_, test) in zip(by_fold, folds, strict=True)]))
    best = int(np.argmax(np.nan_to_num(scores[: len(linear)])))
    taken = [best, *range(len(linear), len(members))]
    weights = _weights([scores[i] for i in taken])
    return Lesson(
        proba=np.tensordot(weights, np.stack([given[i].mean(axis=0) for i in taken]), 1),
        linear=logit(given[best].clip(NEVER, 1 - NEVER)).mean(axis=0),
    )


def _folds(
    matrix: np.ndarray, codes: np.ndarray, n_classes: int, n_folds: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (training rows, rows left out) by fold; where there are too few rows to split, all and none."""
    same = np.unique(matrix, axis=0, return_inverse=True)[1].ravel()
    names = [str(code) for code in range(n_classes)]
    try:
        return make_folds(codes, n_splits=n_folds, seed=seed, class_names=names, duplicates=same).splits
    except TooFewRowsError:
        return [(np.arange(len(codes)), np.arange(0))]


def _rarer(codes: np.ndarray, n_classes: int) -> int | None:
    """Return the rarer of two classes, None for more: what average precision takes for positive."""
    return int(np.argmin(np.bincount(codes, minlength=2))) if n_classes == 2 else None


def _weights(scores: Sequence[float]) -> np.ndarray:
    """Return weights that sum to 1 and fall by 1/e for every `SPREAD` of score.

    >>> _weights([0.5, 0.5]).tolist()
    [0.5, 0.5]
    """
    values = np.nan_to_num(np.array(scores))
    raised = np.exp((values - values.max()) / SPREAD)
    return raised / raised.sum()
