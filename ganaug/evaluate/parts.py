"""A check in parts that know nothing of each other: planned, measured anywhere and in any order, put together.

Every part is pure in (data, options, part), so that threads, processes and machines find the same; `plan_parts`,
`measure_part` and `combine_parts` are given the same data and options.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from ganaug.errors import ArtefactError, ConfigError
from ganaug.evaluate.effect import conclude
from ganaug.evaluate.measured import Measured
from ganaug.evaluate.plan import Plan
from ganaug.evaluate.question import Question, ask
from ganaug.evaluate.result import Effect
from ganaug.learners import Runner
from ganaug.learners.folds import TooFewRowsError
from ganaug.progress import Progress, silent
from ganaug.threads import one_thread

__all__ = ["combine_parts", "measure_part", "plan_parts"]


def plan_parts(data: Any, *, by: Literal["fold", "repeat"] = "fold", **options: Any) -> list[dict[str, Any]]:
    """Cut a check into parts.

    Args:
        data: as for `measure_effect`.
        by: what a part is. Generators of a part train as one batch: those of a fold with its inner folds, or those of
            all folds of a repeat, which is what `measure_effect` does, so that the numbers are just its. Parts by fold
            are more and smaller; their generators round otherwise.
        options: what to measure, in the words of `measure_effect`: target, augmenter, depth, cv, groups, test_data,
            estimator, scoring, arms, id_columns, images, and random_state, an integer.

    Returns:
        small JSON objects: ``part`` (its number), ``parts`` (how many there are), ``folds`` (their numbers), ``check``
        (a digest of data and options). None where nothing can be measured; `combine_parts` says why.
    """
    if by not in ("fold", "repeat"):
        raise ConfigError(f"by must be 'fold' or 'repeat', however: {by!r}")
    question = _asked(data, options)
    folds = () if question.plan is None else question.plan.folds
    lots: dict[int, list[int]] = {}
    for fold in folds:
        lots.setdefault(fold.index if by == "fold" else fold.repeat, []).append(fold.index)
    check = question.digest()
    return [
        {"part": number, "parts": len(lots), "folds": lot, "check": check} for number, lot in enumerate(lots.values())
    ]


def measure_part(
    data: Any,
    part: Mapping[str, Any],
    *,
    device: Any = "auto",
    progress: Progress = silent,
    n_jobs: int = 1,
    checkpoint: Any = None,
    **options: Any,
) -> dict[str, Any]:
    """Measure one part, in one thread.

    Args:
        data: as for `plan_parts`.
        part: one of those that it returned.
        device: for generators.
        progress: what to tell.
        n_jobs: processes for the classifiers.
        checkpoint: a file from which an interrupted training of the part's generators goes on.
        options: those of `plan_parts`.

    Returns:
        ``part`` and, as plain JSON, what was ``measured``, or why it is ``not_measurable``; and the ``seconds``.

    Raises:
        ArtefactError: the part is one of other data or options.
    """
    started = time.perf_counter()
    with one_thread():
        question = _asked(data, options)
        plan = _require_own(question, [part])
        folds = [fold for fold in plan.folds if fold.index in set(part["folds"])]
        protocol = question.protocol(Runner(1, n_jobs=n_jobs, progress=progress), device=device, progress=progress)
        why = None
        try:
            generators = None
            if question.ours.augmenter is not None:
                generators = protocol.fit_generators(folds, plan, checkpoint=checkpoint)
            for fold in folds:
                protocol.run_fold(fold, plan, generators)
            protocol.runner.finish()
        except TooFewRowsError as error:
            why, protocol.measured = str(error), Measured()
    seconds = time.perf_counter() - started
    return {**part, "measured": protocol.measured.to_json(), "not_measurable": why, "seconds": seconds}


def combine_parts(data: Any, parts: Iterable[Mapping[str, Any]], **options: Any) -> Effect:
    """Conclude from all parts, in whatever order they come; ``.seconds`` is the sum of theirs.

    Args:
        data: as for `plan_parts`.
        parts: what `measure_part` returned for each of them.
        options: those of `plan_parts`.

    Raises:
        ArtefactError: a part is missing, is there twice, or is one of other data or options.
    """
    question = _asked(data, options)
    if question.plan is None:
        return question.not_measurable(question.why, seconds=0.0)
    found = sorted(parts, key=lambda part: part["part"])
    _require_own(question, found)
    numbers, expected = [part["part"] for part in found], found[0]["parts"] if found else len(question.plan.folds)
    if numbers != list(range(expected)):
        missing = sorted(set(range(expected)) - set(numbers))
        twice = sorted({number for number in numbers if numbers.count(number) > 1})
        raise ArtefactError(
            f"the check has {expected} parts, each of which is needed once: missing are {missing}, there twice {twice}"
        )
    seconds = sum(part["seconds"] for part in found)
    for part in found:
        if part["not_measurable"] is not None:
            return question.not_measurable(part["not_measurable"], seconds=seconds)
    protocol = question.protocol(Runner(1, n_jobs=1))
    protocol.measured = Measured()
    for part in found:
        protocol.measured.add(Measured.from_json(part["measured"]))
    return conclude(question, protocol, question.plan, [], seconds=seconds)


def _asked(data: Any, options: Mapping[str, Any]) -> Question:
    seed = options.get("random_state")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ConfigError(f"parts of a check need random_state, an integer and the same for all, however: {seed!r}")
    return ask(data, **options)


def _require_own(question: Question, parts: Iterable[Mapping[str, Any]]) -> Plan:
    """Return the plan of which ``parts`` are parts."""
    check = question.digest()
    for part in parts:
        if question.plan is None or part.get("check") != check:
            raise ArtefactError(
                f"part {part.get('part')} belongs to another check: the data, the options or the version are not those "
                "that it was planned with; plan the parts again"
            )
    assert question.plan is not None, "without a plan there are no parts"
    return question.plan
