"""What is compared: nothing, the cheap ways, and whatever sampler or callable a user brings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from sklearn.base import clone

from ganaug.errors import ConfigError, SchemaError
from ganaug.evaluate.arm import NOTHING, TUNED, Arm, CannotRunError
from ganaug.evaluate.image_arms import FLIPS_CROPS_SHIFTS, FlipsCropsShifts, from_flat, from_images, smote_of_pixels
from ganaug.image_schema import ImageSchema
from ganaug.learners import Learner, Part, Training, flat_of, frame_of, labels_of, table_of, thread_cap
from ganaug.schema import TableSchema
from ganaug.seeding import numpy_rng
from ganaug.transforms import DEFAULT_TRANSFORMS

__all__ = ["DEFAULT_ARMS", "DEFAULT_IMAGE_ARMS", "NOTHING", "TUNED", "Arm", "CannotRunError", "make_arm", "make_arms"]

DEFAULT_ARMS: tuple[str, ...] = (TUNED, "class_weights", "random_oversampling", "smote")
"""The cheap ways that ours has to beat on tables, beside nothing."""
DEFAULT_IMAGE_ARMS: tuple[str, ...] = (TUNED, "class_weights", "random_oversampling", FLIPS_CROPS_SHIFTS)
"""The same on images."""


@dataclass(frozen=True)
class Nothing:
    """The real rows as they are; also the arm whose threshold is tuned, which is fitted the same."""

    name: str = NOTHING
    label: str = "Nothing"

    def training(self, part: Part, learners: Sequence[Learner], seed: int) -> Training:
        """Return the real rows."""
        return part.plain()


@dataclass(frozen=True)
class ClassWeights:
    """Every class with the same total weight, as scikit-learn's ``class_weight="balanced"``."""

    name: str = "class_weights"
    label: str = "Class weights"

    def training(self, part: Part, learners: Sequence[Learner], seed: int) -> Training:
        """Return the real rows, weighted."""
        for learner in learners:
            if learner.weights is None:
                raise CannotRunError(f"{learner.name} takes neither sample_weight nor class_weight")
        counts = np.bincount(part.codes, minlength=part.schema.n_classes)
        weight = len(part.codes) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        return part.plain(weight[part.codes])


@dataclass(frozen=True)
class RandomOversampling:
    """Rows of the smaller classes repeated at random until all classes are as large as the largest."""

    name: str = "random_oversampling"
    label: str = "Random oversampling"

    def training(self, part: Part, learners: Sequence[Learner], seed: int) -> Training:
        """Return the real rows and repetitions of some."""
        counts = np.bincount(part.codes, minlength=part.schema.n_classes)
        rng = numpy_rng(seed, "oversampling")
        more = [
            rng.choice(np.flatnonzero(part.codes == code), counts.max() - counts[code])
            for code in np.flatnonzero(counts)
        ]
        kept = np.concatenate([np.arange(len(part.codes)), *more])
        return Training(kept=kept, codes=part.codes[kept])


@dataclass(frozen=True)
class Smote:
    """SMOTE, SMOTENC where there are categories or missing values, SMOTEN where there is nothing else.

    Distances are taken on standardised numbers. A class with k rows uses min(5, k - 1) neighbours; one with a single
    row has none and cannot be oversampled. Of images both distances and interpolation are of the pixels.
    """

    name: str = "smote"
    label: str = "SMOTE"

    def training(self, part: Part, learners: Sequence[Learner], seed: int) -> Training:
        """Return the real rows and interpolated ones, every class as large as the largest."""
        counts = np.bincount(part.codes, minlength=part.schema.n_classes)
        smaller = np.flatnonzero((counts > 0) & (counts < counts.max()))
        if len(smaller) == 0:
            return part.plain()
        fewest = counts[smaller].min()
        if fewest < 2:
            names = [n for n, c in zip(part.schema.class_names(), counts, strict=True) if c == 1]
            raise CannotRunError(f"SMOTE needs two rows of a class to go between, {', '.join(names)} has one in a fold")
        if isinstance(part.schema, ImageSchema):
            return smote_of_pixels(part, int(min(5, fewest - 1)), seed)
        sampler, matrix = self._sampler(part, int(min(5, fewest - 1)), seed)
        try:
            with thread_cap():
                found, codes = sampler.fit_resample(matrix, part.codes)
        except ValueError as error:
            raise CannotRunError(f"{type(sampler).__name__}: {error}") from error
        numbers = len(part.preparation.number_columns)
        new = np.asarray(found)[len(matrix) :]
        rows = part.preparation.from_parts(new[:, :numbers].astype(np.float64), new[:, numbers:].astype(np.float64))
        return part.with_matrix(rows, np.asarray(codes)[len(matrix) :])

    def _sampler(self, part: Part, k: int, seed: int) -> tuple[Any, np.ndarray]:
        state = int(numpy_rng(seed, "smote").integers(2**31))
        numbers = part.matrix[:, part.preparation.number_columns]
        nominal = part.preparation.nominal(part.matrix)
        matrix = np.concatenate([numbers, nominal], axis=1)
        if nominal.shape[1] == 0:
            return SMOTE(k_neighbors=k, random_state=state), matrix
        if numbers.shape[1] == 0:
            return SMOTEN(k_neighbors=k, random_state=state), nominal.astype(np.int64)
        places = list(range(numbers.shape[1], matrix.shape[1]))
        return SMOTENC(categorical_features=places, k_neighbors=k, random_state=state), matrix


@dataclass(frozen=True)
class SamplerArm:
    """An imbalanced-learn sampler: a fresh copy on the prepared matrix, or on DataFrames where it ``takes_tables``.

    Of images it gets flat pixels ``(n, h * w * c)``, float32 in [0, 255], and what it returns is rounded to pixels;
    where it ``takes_tables``, images ``(n, h, w, c)``, uint8.
    """

    sampler: Any
    name: str
    label: str

    def training(self, part: Part, learners: Sequence[Learner], seed: int) -> Training:
        """Return what ``fit_resample`` made of the real rows."""
        sampler: Any = clone(self.sampler) if hasattr(self.sampler, "get_params") else self.sampler
        state = int(numpy_rng(seed, "sampler").integers(2**31))
        if hasattr(sampler, "get_params") and sampler.get_params().get("random_state", 0) is None:
            sampler.set_params(random_state=state)
        try:
            if isinstance(part.schema, ImageSchema):
                return self._of_images(part, part.schema, sampler)
            if getattr(sampler, "takes_tables", False):
                y = pd.Series(labels_of(part.schema)[part.codes], name=part.schema.target)
                return _from_frames(part, *sampler.fit_resample(frame_of(part.table, part.schema), y))
            with thread_cap():
                found, codes = sampler.fit_resample(part.matrix, part.codes)
        except (SchemaError, ConfigError):
            raise
        except ValueError as error:
            raise CannotRunError(f"{self.label}: {error}") from error
        found, codes = np.asarray(found), np.asarray(codes)
        if found.shape[1] != part.matrix.shape[1]:
            raise ConfigError(f"{self.label} returned {found.shape[1]} columns instead of {part.matrix.shape[1]}")
        return _from_matrix(part, found, codes)

    def _of_images(self, part: Part, schema: ImageSchema, sampler: Any) -> Training:
        if getattr(sampler, "takes_tables", False):
            return from_images(part, *sampler.fit_resample(schema.pixels(part.table), labels_of(schema)[part.codes]))
        with thread_cap():
            found, codes = sampler.fit_resample(flat_of(part.table, schema), part.codes)
        return from_flat(part, found, codes, self.label)


@dataclass(frozen=True)
class CallableArm:
    """A function of (X: DataFrame, y: Series, random_state: int) that returns (X, y) with more, or fewer, rows.

    Of images X is an array ``(n, h, w, c)`` of uint8 and y an array of labels; it returns whole numbers in [0, 255],
    also flat ones ``(m, h * w * c)``.
    """

    function: Any
    name: str
    label: str

    def training(self, part: Part, learners: Sequence[Learner], seed: int) -> Training:
        """Return what the function made of the real rows."""
        schema, labels = part.schema, labels_of(part.schema)[part.codes]
        state = int(numpy_rng(seed, "callable").integers(2**31))
        if isinstance(schema, ImageSchema):
            found = self.function(schema.pixels(part.table).copy(), labels, state)
        else:
            found = self.function(frame_of(part.table, schema), pd.Series(labels, name=schema.target), state)
        if not isinstance(found, tuple) or len(found) != 2:
            raise ConfigError(f"{self.label} must return (X, y), however: {type(found).__name__}")
        return from_images(part, *found) if isinstance(schema, ImageSchema) else _from_frames(part, *found)


def _from_matrix(part: Part, found: np.ndarray, codes: np.ndarray) -> Training:
    """Keep the real rows as such where the sampler left them in front, as oversamplers do."""
    n = len(part.matrix)
    if len(found) >= n and np.array_equal(found[:n], part.matrix) and np.array_equal(codes[:n], part.codes):
        return part.with_matrix(found[n:], codes[n:])
    return part.with_matrix(found, codes, kept=np.arange(0))


def _from_frames(part: Part, features: Any, labels: Any) -> Training:
    assert isinstance(part.schema, TableSchema)
    table = table_of(features, labels, part.schema)
    n = len(part.table)
    if len(table) >= n and _same(table.slice(0, n), part):
        return part.with_table(table.slice(n).combine_chunks())
    return part.with_table(table, kept=np.arange(0))


def _same(rows: Any, part: Part) -> bool:
    same_codes = np.array_equal(part.schema.label_codes(rows), part.codes)
    return same_codes and np.array_equal(part.preparation.transform(rows), part.matrix)


BUILT_IN: dict[str, Any] = {
    NOTHING: Nothing,
    TUNED: lambda: Nothing(name=TUNED, label="Tuned threshold"),
    "class_weights": ClassWeights,
    "random_oversampling": RandomOversampling,
    "smote": Smote,
    FLIPS_CROPS_SHIFTS: FlipsCropsShifts,
}


def make_arm(given: Any, name: str | None = None, *, transforms: Sequence[str] = DEFAULT_TRANSFORMS) -> Arm:
    """Make an arm of a built-in name, an object with ``fit_resample``, or a callable.

    ``transforms`` are those that leave the labels of the images as they are; see `ganaug.transforms`.

    Raises:
        ConfigError: unknown name.
        TypeError: none of these.
    """
    if isinstance(given, str):
        if given not in BUILT_IN:
            raise ConfigError(f"unknown arm {given!r}; known are: {', '.join(BUILT_IN)}")
        made: Any = BUILT_IN[given]()
        return replace(made, transforms=transforms) if isinstance(made, FlipsCropsShifts) else made
    if isinstance(given, type):
        raise TypeError(f"an augmenter must be an object, not a class: write {given.__name__}(...)")
    if hasattr(given, "fit_resample"):
        label = name or type(given).__name__
        return SamplerArm(sampler=given, name=name or _snake(label), label=label)
    if callable(given):
        label = name or getattr(given, "__name__", type(given).__name__)
        return CallableArm(function=given, name=name or _snake(label), label=label)
    raise TypeError(
        "an augmenter must be a name, an imbalanced-learn sampler or a callable (X, y, random_state), "
        f"however: {given!r}"
    )


def make_arms(
    given: Iterable[Any] | Mapping[str, Any] | None,
    *,
    images: bool = False,
    transforms: Sequence[str] = DEFAULT_TRANSFORMS,
) -> list[Arm]:
    """Make the arms that ours is compared with: nothing first, then those given (None: the default ones).

    What is given replaces the default ones; ``[*DEFAULT_ARMS, MySampler()]`` adds to them. A mapping names them.
    """
    if isinstance(given, str):
        raise ConfigError(
            f"arms must be a list of names, samplers and callables, however: {given!r}; write [{given!r}]"
        )
    if given is None:
        given = DEFAULT_IMAGE_ARMS if images else DEFAULT_ARMS
    named = given.items() if isinstance(given, Mapping) else ((None, arm) for arm in given)
    made = [make_arm(arm, name, transforms=transforms) for name, arm in named]
    arms: list[Arm] = [Nothing()]
    for arm in made:
        if arm.name != NOTHING:
            arms.append(arm)
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        raise ConfigError(f"two arms have the same name, however: {names}; give a dict name -> arm")
    return arms


def _snake(name: str) -> str:
    """Return ``BorderlineSMOTE`` as ``borderline_smote``."""
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).strip("_").lower() or "augmenter"
