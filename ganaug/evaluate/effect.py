"""`measure_effect`: does an augmentation help a classifier on real rows that nothing was fitted on?"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any, Literal

from ganaug import progress as progress_module
from ganaug.data import TableData
from ganaug.errors import ConfigError
from ganaug.evaluate.arms import make_arms
from ganaug.evaluate.check import Check
from ganaug.evaluate.findings import findings
from ganaug.evaluate.given import read_given
from ganaug.evaluate.ours import make_ours
from ganaug.evaluate.plan import make_plan
from ganaug.evaluate.protocol import Protocol
from ganaug.evaluate.result import Effect
from ganaug.image_options import ImageOptions
from ganaug.image_schema import ImageSchema
from ganaug.learners import Runner, default_learners, labels_of, own_learner
from ganaug.learners.folds import TooFewRowsError
from ganaug.learners.scoring import Scoring
from ganaug.progress import Progress, noting
from ganaug.seeding import resolve

__all__ = ["Effect", "measure_effect"]


def measure_effect(
    data: Any,
    *,
    target: Any = None,
    augmenter: Any = "policy",
    depth: Literal["quick", "thorough"] = "quick",
    cv: Any = None,
    groups: Any = None,
    test_data: Any = None,
    estimator: Any = None,
    scoring: Any = None,
    arms: Iterable[Any] | Mapping[str, Any] | None = None,
    id_columns: Any = None,
    time_budget: float | None = None,
    random_state: Any = None,
    device: Any = "auto",
    images: ImageOptions | Mapping[str, Any] | None = None,
    progress: bool | Progress = True,
    n_jobs: int | None = None,
) -> Effect:
    """Measure what an augmentation does to classifiers, on real rows that nothing was fitted on.

    Everything is fitted inside each training fold: features, generators, filters, the policy's amount, thresholds.
    An augmenter that was fitted beforehand is fitted again, or refused where it gives held-out rows away.

    Args:
        data: as for `ganaug.augment`, or rows that were read already (`ganaug.data.TableData`).
        target: the column of classes.
        augmenter: ``"policy"``, a variant's name, a `GANSampler`, a `Policy` or `GanAugmenter`, any object with
            ``fit_many(tables, schema, seeds)`` (fitted generators offer ``sample_table(codes, *, seed)``), the name of
            a cheap arm, an imbalanced-learn sampler, or a callable (X: DataFrame, y: Series, random_state: int) ->
            (X, y); of images X is uint8 (n, h, w, c) and y an array.
        depth: ``"quick"`` (5 folds), or ``"thorough"`` (5 x 5, 10 repeats where the smallest class has under 50 rows,
            three generators a fold).
        cv: a number of folds, a scikit-learn splitter, or (train, test) index pairs, instead of the depth's folds.
        groups: (n,) groups that no fold may split, or the name of a column, which is then no feature.
        test_data: rows to test on instead of folds; the interval then says nothing about other training rows.
        estimator: a classifier instead of the default three; a Pipeline gets the DataFrame, or the flat pixels of
            images in [0, 1], others get prepared features.
        scoring: scikit-learn's name or callable, instead of (macro) average precision.
        arms: what to compare with instead of `DEFAULT_ARMS`, or `DEFAULT_IMAGE_ARMS`: names of these, samplers,
            callables; a dict names them.
        id_columns: columns that name rows; see `ganaug.data.read_table`.
        time_budget: seconds; what is left out to keep them is in ``.cuts``, and depends on this machine's speed.
        random_state: an integer makes everything the same again, whatever ``n_jobs``.
        device: for generators.
        images: `ganaug.ImageOptions` or a dict of them; their ``transforms`` are what the arm "flips_crops_shifts"
            does.
        progress: whether to show bars, or what to tell instead.
        n_jobs: processes for the classifiers; None: all cores.

    Raises:
        DataError, ConfigError: what was given cannot be used. Too few rows to split are no error but the verdict
            "not measurable".

    Examples:
        >>> from sklearn.datasets import load_breast_cancer
        >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
        >>> effect = measure_effect((X, y), augmenter="random_oversampling", cv=2, arms=["class_weights"],
        ...                         random_state=0, progress=False)
        >>> effect.verdict in ("helps", "better than nothing", "harms", "no evidence")
        True
    """
    started = time.perf_counter()
    seed = resolve(random_state)
    if time_budget is not None and not time_budget > 0:
        raise ConfigError(f"time_budget must be above 0 seconds, however: {time_budget=}")
    given = {"target": target, "id_columns": id_columns, "groups": groups, "test_data": test_data}
    options = ImageOptions.of(images)
    rows, table, info = read_given(data, **given, images=options)
    ours = make_ours(augmenter, rows, transforms=options.transforms)
    compared = make_arms(arms, images=isinstance(rows.schema, ImageSchema), transforms=options.transforms)
    about: dict[str, Any] = {
        "depth": depth,
        "n_rows": len(rows.table),
        "n_features": _n_features(rows),
        "class_counts": _class_counts(rows),
        "ours": ours.name,
        "random_state": seed,
    }
    if rows.schema.n_classes < 2:
        return _not_measurable("there is no target with two classes to classify", about, started)
    labels = labels_of(rows.schema)
    rule = Scoring.make(scoring, info.codes, labels)
    learners = default_learners(rows.schema) if estimator is None else (own_learner(estimator, labels),)
    shown = progress_module.bar(enabled=progress) if isinstance(progress, bool) else nullcontext(noting(progress))
    try:
        plan = make_plan(info, depth=depth, cv=cv, seed=seed)
        with shown as told:
            protocol = Protocol(
                table,
                rows.schema,
                arms=[arm for arm in compared if arm.name != ours.name],
                ours=ours,
                learners=learners,
                rule=rule,
                runner=Runner(1, n_jobs=n_jobs, progress=told),
                device=device,
                progress=told,
            )
            check = Check(protocol, plan)
            check.run(time_budget)
    except TooFewRowsError as error:
        return _not_measurable(str(error), about, started, rule.name)
    if ours.name in protocol.measured.left_out:
        return _not_measurable(protocol.measured.left_out[ours.name], about, started, rule.name)
    return findings(protocol, check.plan, check.cuts, about, seconds=time.perf_counter() - started)


def _n_features(rows: TableData) -> int:
    schema = rows.schema
    return math.prod(schema.shape) if isinstance(schema, ImageSchema) else len(schema.feature_names)


def _class_counts(rows: TableData) -> dict[str, int]:
    counts = Counter(rows.schema.label_codes(rows.table).tolist())
    return {name: counts.get(code, 0) for code, name in enumerate(rows.schema.class_names())}


def _not_measurable(why: str, about: dict[str, Any], started: float, scoring: str = "average_precision") -> Effect:
    return Effect(
        verdict="not measurable",
        sentence=f"The effect cannot be measured: {why}.",
        scoring=scoring,
        n_splits=0,
        n_repeats=0,
        smallest_detectable=float("nan"),
        seconds=time.perf_counter() - started,
        **about,
    )
