"""How many rows of which class, and which of those drawn are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import pyarrow as pa
from imblearn.utils import check_sampling_strategy

from ganaug import seeding
from ganaug.data.image_source import counted, listed
from ganaug.errors import ConfigError
from ganaug.image_schema import ImageSchema
from ganaug.schema import Labelled
from ganaug.synthesizer import Synthesizer
from ganaug.value_schema import ValueSchema

__all__ = ["Judge", "class_counts", "draw", "few_rows", "level_counts", "raised_counts", "ratio_counts", "share_counts"]

Judge = Callable[[pa.Table], np.ndarray]
"""Rows -> probability of every class ``(n, n_classes)``, by a classifier fitted on the real rows of the same fold."""

MOST_ROWS = 6_000
"""Relabelled rows at most, unless there are more real ones."""
RAISED = 0.5
"""Where nobody says how many rows of a numeric target: its ranges are raised to this share of the fullest one's."""
FEW = 5
"""Rows of a class below which all that is drawn of it is said to be variations of these."""
STRATEGIES = ("minority", "not minority", "not majority", "all", "auto")


def class_counts(strategy: Any, codes: np.ndarray, schema: Labelled) -> dict[int, int]:
    """Turn imbalanced-learn's ``sampling_strategy`` into how many synthetic rows each class code needs.

    Parameters
    ----------
    strategy
        ``"minority"``, ``"not minority"``, ``"not majority"``, ``"all"``, ``"auto"`` (not majority), a ratio
        minority / majority in (0, 1] for two classes, a dict label -> rows *after* resampling, or a callable that
        returns such a dict for the labels. Without a target: an integer, the rows to add. Of a numeric target, whose
        ranges are the classes: a number in (0, 1] raises every range to that share of the fullest one's rows, and a
        dict names ranges ``(low, high)``.
    codes
        Class codes of the real rows ``(n,)``.

    Raises
    ------
    ConfigError
        The strategy is unknown, negative, names an unknown class, or asks for fewer rows than there are.
    """
    present = np.bincount(codes, minlength=schema.n_classes)
    if schema.n_classes == 1 and isinstance(strategy, Integral) and not isinstance(strategy, bool):
        if strategy < 0:
            raise ConfigError(f"sampling_strategy must not be negative, however: {strategy}")
        return {0: int(strategy)}
    if callable(strategy):
        labels = [] if schema.classes is None else schema.classes.to_pylist()
        strategy = strategy(np.array(labels, dtype=object)[codes])
    if isinstance(strategy, Mapping):
        return _from_mapping(strategy, present, schema)
    if isinstance(strategy, str) and strategy not in STRATEGIES:
        raise ConfigError(
            f"unknown sampling_strategy {strategy!r}; use 'policy', one of {', '.join(STRATEGIES)}, a ratio, "
            "a dict label -> rows, or a callable"
        )
    if not isinstance(strategy, str | Real) or isinstance(strategy, bool):
        raise ConfigError(f"sampling_strategy must be a string, a ratio, a dict or a callable, however: {strategy!r}")
    if isinstance(schema, ValueSchema) and isinstance(strategy, Real):
        share = float(strategy)
        if not 0 < share <= 1:
            raise ConfigError(f"of a numeric target, sampling_strategy must be in (0, 1], however: {strategy}")
        return raised_counts(codes, schema.n_classes, share)
    if schema.n_classes == 1:
        raise ConfigError(
            f"sampling_strategy={strategy!r} compares classes, but there is one class only; say how many rows to add, "
            "for instance sampling_strategy=500"
        )
    try:
        wanted = check_sampling_strategy(strategy, codes, "over-sampling")
    except ValueError as error:
        raise ConfigError(f"sampling_strategy={strategy!r} is impossible here: {error}") from error
    return {int(code): int(rows) for code, rows in wanted.items()}


def _from_mapping(wanted: Mapping[Any, Any], present: np.ndarray, schema: Labelled) -> dict[int, int]:
    counts: dict[int, int] = {}
    for label, rows in wanted.items():
        code = schema.code_of(label)
        if not isinstance(rows, Integral) or rows < 0:
            raise ConfigError(
                f"sampling_strategy wants {rows!r} rows of class {label!r}; a count of 0 or more is needed"
            )
        if rows and not present[code] and isinstance(schema, ValueSchema):
            raise ConfigError(f"no row has a target in the range {label!r}, so none can be drawn there")
        if rows < present[code]:
            raise ConfigError(
                f"sampling_strategy wants {rows} rows of class {label!r}, which has {present[code]}: the numbers "
                "count real and synthetic rows together, and no real row is ever taken away"
            )
        counts[code] = int(rows) - int(present[code])
    return counts


def few_rows(wanted: Mapping[str, int], codes: np.ndarray, schema: Labelled) -> str | None:
    """Return what to say of classes that are to get rows and have hardly any; None where there is none.

    Ranges of a number are not looked at, as rows of the ranges beside them are drawn from, too.

    Parameters
    ----------
    wanted
        Class name -> synthetic rows.
    codes
        Class codes of the real rows ``(n,)``.
    """
    if schema.classes is None:
        return None
    noun = "image" if isinstance(schema, ImageSchema) else "row"
    counts = zip(schema.class_names(), np.bincount(codes, minlength=schema.n_classes).tolist(), strict=True)
    few = [(name, n, wanted.get(name, 0)) for name, n in counts if 0 < n < FEW and wanted.get(name, 0)]
    if not few:
        return None
    if len(few) == 1:
        ((name, n, made),) = few
        made_of = "it" if n == 1 else "these"
        return f"class {name!r} has {counted(n, noun)}: all {made} {noun}s made for it are variations of {made_of}"
    told = listed([f"{name!r} ({counted(n, noun)}, {made} made)" for name, n, made in few])
    return f"{len(few)} classes have fewer than {FEW} {noun}s, and all made for them are variations of these: {told}"


def ratio_counts(codes: np.ndarray, n_classes: int, ratio: float) -> dict[int, int]:
    """Return ``ratio`` of the rows that each class lacks to the largest one; classes without rows stay without.

    >>> ratio_counts(np.array([0] * 100 + [1] * 20), 2, 0.25)
    {0: 0, 1: 20}
    """
    if not 0 <= ratio <= 10:
        raise ConfigError(f"ratio must be between 0 and 10, however: {ratio=}")
    present = np.bincount(codes, minlength=n_classes)
    lacking = np.where(present > 0, present.max() - present, 0)
    return {code: round(ratio * lack) for code, lack in enumerate(lacking.tolist())}


def raised_counts(codes: np.ndarray, n_classes: int, share: float) -> dict[int, int]:
    """Return what each class lacks to ``share`` of the largest one's rows; classes without rows stay without.

    >>> raised_counts(np.array([0] * 100 + [1] * 20 + [2] * 60), 3, 0.5)
    {0: 0, 1: 30, 2: 0}
    """
    present = np.bincount(codes, minlength=n_classes)
    upto = round(share * int(present.max()))
    return {code: max(0, upto - n) if n else 0 for code, n in enumerate(present.tolist())}


def level_counts(codes: np.ndarray, n_classes: int, level: float, *, most: int = MOST_ROWS) -> dict[int, int]:
    """Return what each class lacks to ``level`` times the largest one, less where that would be over ``most`` in all.

    What balance lacks is never cut.

    >>> level_counts(np.array([0] * 100 + [1] * 20), 2, 3, most=1000)
    {0: 200, 1: 280}
    >>> level_counts(np.array([0] * 100 + [1] * 20), 2, 3, most=180)
    {0: 50, 1: 130}
    """
    present = np.bincount(codes, minlength=n_classes)
    largest, classes = int(present.max()), int((present > 0).sum())
    fits = (most + len(codes)) / (classes * largest)
    upto = round(largest * max(1.0, min(level, fits)))
    return {code: upto - n if n else 0 for code, n in enumerate(present.tolist())}


def share_counts(codes: np.ndarray, n_classes: int, times: float, *, most: int = MOST_ROWS) -> dict[int, int]:
    """Return ``times`` as many rows of each class as there are, fewer where that would be more than ``most`` in all.

    There are never fewer than the real ones for want of room, if ``times`` is 1 or more.

    >>> share_counts(np.array([0] * 100 + [1] * 20), 2, 10, most=600)
    {0: 500, 1: 100}
    """
    present = np.bincount(codes, minlength=n_classes)
    share = min(times, max(1.0, most / max(len(codes), 1)))
    return {code: round(share * n) for code, n in enumerate(present.tolist())}


def draw(
    synthesizer: Synthesizer,
    counts: Mapping[int, int],
    *,
    seed: int,
    keep: float = 1.0,
    judge: Judge | None = None,
) -> pa.Table:
    """Draw ``counts`` rows of each class code, class by class.

    With ``keep`` below 1, so many more are drawn that this share of them suffices, and of each class those are kept
    that ``judge`` is most confident about, in the order drawn.
    """
    if not 0 < keep <= 1:
        raise ConfigError(f"keep must be above 0 and at most 1, however: {keep=}")
    codes = np.array(sorted(code for code, rows in counts.items() if rows), np.int64)
    rows = np.array([counts[int(code)] for code in codes], np.int64)
    if keep == 1 or judge is None:
        return synthesizer.sample_table(np.repeat(codes, rows), seed=seeding.derive(seed, "draw"))
    labels = np.repeat(codes, np.ceil(rows / keep).astype(np.int64))
    table = synthesizer.sample_table(labels, seed=seeding.derive(seed, "draw"))
    if not len(table):
        return table
    confidence = judge(table)[np.arange(len(labels)), labels]
    kept = [
        np.sort(own[np.argsort(-confidence[own], kind="stable")[:n]])
        for code, n in zip(codes, rows, strict=True)
        for own in [np.flatnonzero(labels == code)]
    ]
    return table.take(pa.array(np.concatenate(kept)))
