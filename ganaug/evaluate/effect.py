"""`measure_effect`: does an augmentation help a classifier on real rows that nothing was fitted on?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Literal

from ganaug import progress as progress_module
from ganaug.data import TableData
from ganaug.errors import ConfigError
from ganaug.evaluate.check import Check
from ganaug.evaluate.findings import findings
from ganaug.evaluate.given import read_given
from ganaug.evaluate.kept import Keeping, Shelf
from ganaug.evaluate.plan import Plan
from ganaug.evaluate.protocol import Protocol
from ganaug.evaluate.question import Question, ask
from ganaug.evaluate.result import Effect
from ganaug.evaluate.value_effect import measure_value_effect
from ganaug.image_options import ImageOptions
from ganaug.learners import Runner
from ganaug.learners.folds import TooFewRowsError
from ganaug.progress import Progress, noting
from ganaug.seeding import resolve
from ganaug.value_schema import ValueSchema

__all__ = ["Effect", "conclude", "measure_effect"]


def measure_effect(
    data: Any,
    *,
    target: Any = None,
    task: str = "classification",
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
    keeping: Shelf | None = None,
) -> Effect:
    """Measure what an augmentation does to classifiers, on real rows that nothing was fitted on.

    Everything is fitted inside each training fold: features, generators, filters, the policy's amount, thresholds.
    An augmenter that was fitted beforehand is fitted again, or refused where it gives held-out rows away.

    Args:
        data: as for `ganaug.augment`, or rows that were read already (`ganaug.data.TableData`).
        target: the column of classes, or of numbers; a list of several columns of classes.
        task: ``"classification"``, or ``"regression"`` where the target is a number: regressors are judged by their
            error weighted by how rare a value is, and every arm adds as many rows to each range of the target as ours.
            Samplers, callables, a time budget and ``keeping`` are for classes only.
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
        keeping: where finished repeats are kept, so that a check that was killed goes on after the last of them. With a
            ``time_budget``, which decides by the clock what is measured, nothing is kept.

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
    if time_budget is not None and not time_budget > 0:
        raise ConfigError(f"time_budget must be above 0 seconds, however: {time_budget=}")
    if task == "regression" or (isinstance(data, TableData) and isinstance(data.schema, ValueSchema)):
        refused = {"time_budget": time_budget, "test_data": test_data}
        if given := [name for name, value in refused.items() if value is not None]:
            raise ConfigError(f"{given[0]} is not for task='regression'; leave it out")
        rows, table, info = read_given(
            data, target=target, id_columns=id_columns, groups=groups, test_data=None, task="regression"
        )
        shown = progress_module.bar(enabled=progress) if isinstance(progress, bool) else nullcontext(noting(progress))
        with shown as told:
            return measure_value_effect(
                rows,
                table,
                info,
                augmenter=augmenter,
                depth=depth,
                cv=cv,
                estimator=estimator,
                scoring=scoring,
                arms=arms,
                seed=resolve(random_state),
                device=device,
                progress=told,
                n_jobs=n_jobs,
            )
    question = ask(
        data,
        target=target,
        augmenter=augmenter,
        depth=depth,
        cv=cv,
        groups=groups,
        test_data=test_data,
        estimator=estimator,
        scoring=scoring,
        arms=arms,
        id_columns=id_columns,
        random_state=random_state,
        images=images,
    )
    if question.plan is None:
        return question.not_measurable(question.why, seconds=time.perf_counter() - started)
    shown = progress_module.bar(enabled=progress) if isinstance(progress, bool) else nullcontext(noting(progress))
    with shown as told:
        protocol = question.protocol(Runner(1, n_jobs=n_jobs, progress=told), device=device, progress=told)
        check = Check(protocol, question.plan, keeping=None if keeping is None else Keeping(keeping, question.digest()))
        try:
            check.run(time_budget)
        except TooFewRowsError as error:
            return question.not_measurable(str(error), seconds=time.perf_counter() - started)
    return conclude(question, protocol, check.plan, check.cuts, seconds=time.perf_counter() - started)


def conclude(question: Question, protocol: Protocol, plan: Plan, cuts: Sequence[str], *, seconds: float) -> Effect:
    """Return what the ``protocol`` found, or why it found nothing."""
    if question.ours.name in protocol.measured.left_out:
        return question.not_measurable(protocol.measured.left_out[question.ours.name], seconds=seconds)
    return findings(protocol, plan, cuts, question.about, seconds=seconds)
