"""The rule by which an amount of synthetic rows, or none, is chosen from scores on inner folds.

Few inner folds measure a gain badly. So what they say is weighed against what the same way to augment gave on other
data (an empirical Bayes rule): a way that has helped before is taken unless the folds speak against it, one that has
not is taken only where they speak for it, and nothing is the answer otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from ganaug.errors import ConfigError
from ganaug.learners import FITS, INNER_FITS
from ganaug.transforms import DEFAULT_TRANSFORMS, check_transforms

__all__ = ["CANDIDATES", "IMAGE_CANDIDATES", "Candidate", "Choice", "choose", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to augment."""

    ratio: float = 0.0
    """Synthetic rows, as a share of those that would make every class as large as the largest; 0: none."""
    keep: float = 1.0
    """Share of the generated rows that is kept, the most confident ones by a classifier fitted on the real rows; 1 /
    ``keep`` times as many are generated. In (0, 1]."""
    times: float = 0.0
    """Synthetic rows as a multiple of the real ones, of all classes in the shares that they have there, and labelled by
    a committee of classifiers (`ganaug.learners.teach`) instead of as they were asked for. In place of ``ratio``."""
    jitter: float = 0.0
    """Noise that is added to the numbers of relabelled rows, in standard deviations of a column."""
    swap: float = 0.0
    """Probability that a category of relabelled rows is exchanged for another row's."""
    trained: bool = True
    """Whether the rows are drawn from what the generator has learnt; False: from what it starts from, real rows and
    those between them, where the variant has such a start."""
    level: float = 0.0
    """Of images: fill every class up to so many times the largest one. In place of ``ratio``."""
    moved: float = 0.0
    """Share of the rows added to reach ``level`` that are real images moved, cropped or mirrored (``transforms``); the
    generator draws the others."""
    transforms: tuple[str, ...] = DEFAULT_TRANSFORMS
    """See `ganaug.transforms`."""
    expected: float = 0.0
    """The gain to be expected before anything of the data at hand is known: the mean over other data."""
    deviation: float | None = None
    """The standard deviation of that gain between data, above 0; None: nothing is known beforehand."""

    def __post_init__(self) -> None:
        if not 0 <= self.ratio <= 10:
            raise ConfigError(f"ratio must be between 0 and 10, however: {self.ratio=}")
        if not 0 < self.keep <= 1:
            raise ConfigError(f"keep must be above 0 and at most 1, however: {self.keep=}")
        if self.deviation is not None and not self.deviation > 0:
            raise ConfigError(f"deviation must be above 0, however: {self.deviation=}")
        if not 0 <= self.times <= 100:
            raise ConfigError(f"times must be between 0 and 100, however: {self.times=}")
        if self.times and (self.ratio or self.keep < 1):
            raise ConfigError(f"times stands in place of ratio and keep, however: {self.ratio=}, {self.keep=}")
        if self.level and (self.level < 1 or self.ratio or self.times):
            raise ConfigError(
                f"level must be at least 1, and stands in place of ratio and times, however: {self.level=}, "
                f"{self.ratio=}, {self.times=}"
            )
        if not 0 <= self.moved <= 1 or (self.moved and not self.level):
            raise ConfigError(f"moved must be a share, and goes with level, however: {self.moved=}, {self.level=}")
        object.__setattr__(self, "transforms", check_transforms(self.transforms))
        if self.jitter < 0 or not 0 <= self.swap <= 1 or ((self.jitter or self.swap) and not self.times):
            raise ConfigError(
                "jitter must not be negative, swap must be a probability, and both go with times, however: "
                f"{self.times=}, {self.jitter=}, {self.swap=}"
            )

    @property
    def is_none(self) -> bool:
        """Whether it adds no row."""
        return self.ratio == 0 and self.times == 0 and self.level == 0

    @property
    def fits(self) -> int:
        """How many classifiers are fitted, at most, to label its rows."""
        return FITS if self.times else 0

    @property
    def inner_fits(self) -> int:
        """The same on an inner fold, where it is tried."""
        return INNER_FITS if self.times else 0

    @property
    def name(self) -> str:
        """``"none"``, ``"r=0.1"``, ``"r=0.5 keep=0.5"``, ``"x10 relabelled"``, ``"level=3 moved=0.5"``."""
        if self.times:
            return f"x{self.times:g} relabelled"
        if self.level:
            return f"level={self.level:g}" + (f" moved={self.moved:g}" if self.moved else "")
        if self.ratio == 0:
            return "none"
        return f"r={self.ratio:g}" + (f" keep={self.keep:g}" if self.keep < 1 else "")

    @property
    def meaning(self) -> str:
        """What the name stands for, to be read behind it; empty where it adds no row."""
        if self.times:
            rows = "rows of all classes" if self.trained else "rows between real ones of a class, of all classes"
            apart = "" if self.trained else "; the generator's training has no part in them"
            return f"{rows}, moved a little and labelled by a committee of classifiers{apart}"
        if self.level:
            real = f", {self.moved:.0%} of what is added being real images after {', '.join(self.transforms)}"
            return f"all classes filled up to {self.level:g} times the largest{real if self.moved else ''}"
        return f"{self.ratio:.0%} of the rows that balance lacks" if self.ratio else ""


CANDIDATES: tuple[Candidate, ...] = (
    Candidate(),
    Candidate(times=10, jitter=0.25, swap=0.2, trained=False, expected=0.02, deviation=0.03),
)
"""Nothing first. Relabelled rows gain nothing by a generator's training, which would cost as much as all the rest. What
was expected of each, and what else was tried, is in tests/benchmarks/EFFECT.md."""

IMAGE_CANDIDATES: tuple[Candidate, ...] = (
    Candidate(),
    Candidate(level=3, moved=0.5, expected=0.02, deviation=0.03),
)
"""The same for images: all classes, half of them drawn and half moved. What else was tried stands there, too."""

FOLD_DEVIATION = 0.05
"""Standard deviation of a gain between inner folds, before anything of the data at hand is known."""
FOLD_WEIGHT = 4
"""How many degrees of freedom that knowledge counts for."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the policy chose, and on what grounds."""

    index: int
    candidate: Candidate
    expected: float
    """The gain over nothing that is expected of it now: the mean on the inner folds, shrunk towards what was expected
    beforehand, if anything was (being the best of several it flatters otherwise); 0 for none."""
    standard_error: float
    """Of the mean on the inner folds."""
    margin: float
    """What the mean on the inner folds had to beat."""
    reason: str


def choose(
    scores: np.ndarray,
    *,
    candidates: Sequence[Candidate] = CANDIDATES,
    test_to_train: float = 0.5,
    error_rate: float = 0.2,
    confidence: float = 0.6,
) -> Choice:
    """Choose a candidate from scores on inner folds, or nothing.

    The gain of a candidate on a fold is the mean over learners of its score less that of nothing. The mean m over folds
    has the Nadeau-Bengio corrected standard error ``e = sqrt((1/J + n_test/n_train) s^2)``, with the variance s^2
    pooled over the candidates: three folds say too little about each one's own. A candidate is eligible when m exceeds
    its ``margin``, and of those that are, the one with the largest gain is taken.

    - Where nothing is known beforehand, ``margin = t e``, with t Student's quantile at ``1 - error_rate / k`` for k
      candidates beside nothing (Bonferroni: the best of several looks good by luck), and ``(J - 1) k / (1 + (k - 1) /
      4)`` degrees of freedom. The gains share the noise of nothing's own score, so that they correlate by about 1/2 and
      their variances by 1/4. Where the gains of folds are in fact independent noise, this takes a candidate in 4 % of
      cases with three candidates and three folds at the default ``error_rate``.
    - Where a gain of mean p (``expected``) and standard deviation d (``deviation``) was expected, the true gain is now
      normal with the mean ``(p/d^2 + m/e^2) v`` and the variance ``v = 1 / (1/d^2 + 1/e^2)``, and has to be above 0
      with a probability above ``confidence``: ``margin = e^2 (z / sqrt(v) - p/d^2)``, z being the normal quantile of
      ``confidence``. s^2 is shrunk towards `FOLD_DEVIATION` here.

    Args:
        scores: (c, J, L): candidates, inner folds, learners; higher is better; ``scores[0]`` is nothing's. A fold with
            a NaN is left out.
        candidates: the c candidates.
        test_to_train: n_test / n_train of the inner folds.
        error_rate: nominal probability that pure noise makes it take any candidate of which nothing is known.
        confidence: see above; at least 0.5.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 3 or len(scores) != len(candidates):
        raise ValueError(f"scores must be ({len(candidates)}, folds, learners), however: {scores.shape=}")
    gains = (scores[1:] - scores[:1]).mean(axis=2)
    gains = gains[:, np.isfinite(gains).all(axis=0)]
    k, folds = gains.shape
    nan = float("nan")
    if k == 0 or folds < 2:
        return nothing(candidates, nan, nan, f"{folds} inner folds are too few to measure a gain")
    weighed = [
        _weigh(candidate, float(mean), gains, test_to_train, error_rate=error_rate, confidence=confidence)
        for candidate, mean in zip(candidates[1:], gains.mean(axis=1), strict=True)
    ]
    best = max(range(k), key=lambda i: (weighed[i].mean > weighed[i].margin, weighed[i].now))
    one, candidate = weighed[best], candidates[best + 1]
    measured = f"{candidate.name} {'gained' if one.mean >= 0 else 'lost'} {abs(one.mean):.4f} on the inner folds"
    if not one.mean > one.margin:
        reason = f"the best, {measured}, and is taken where its gain is above {one.margin:.4f}"
        return nothing(candidates, one.error, one.margin, reason)
    reason = f"{measured}, and is taken where its gain is above {one.margin:.4f}"
    if candidate.deviation is not None:
        reason += f": {candidate.expected:.4f} was expected of it from other data, and {one.now:.4f} is now"
    return Choice(
        index=best + 1,
        candidate=candidate,
        expected=one.now,
        standard_error=one.error,
        margin=one.margin,
        reason=reason,
    )


class _Weighed(NamedTuple):
    """What the folds say of one candidate."""

    mean: float
    error: float
    margin: float
    now: float
    """The gain that is expected, all considered."""


def _weigh(
    candidate: Candidate,
    mean: float,
    gains: np.ndarray,
    test_to_train: float,
    *,
    error_rate: float,
    confidence: float,
) -> _Weighed:
    """Work out a candidate's margin; see `choose`. **Shape**: gains (k, J), of all candidates."""
    k, folds = gains.shape
    correction = 1 / folds + test_to_train
    if candidate.deviation is None:
        error = float(np.sqrt(correction * gains.var(axis=1, ddof=1).mean()))
        df = (folds - 1) * k / (1 + (k - 1) / 4)
        return _Weighed(mean, error, float(stats.t.ppf(1 - error_rate / k, df)) * error, mean)
    squares = float(((gains - gains.mean(axis=1, keepdims=True)) ** 2).sum())
    variance = (FOLD_WEIGHT * FOLD_DEVIATION**2 + squares) / (FOLD_WEIGHT + (folds - 1) * k)
    square = correction * variance
    before = candidate.deviation**-2
    total = before + 1 / square
    margin = square * (float(stats.norm.ppf(confidence)) * np.sqrt(total) - candidate.expected * before)
    now = (candidate.expected * before + mean / square) / total
    return _Weighed(mean, float(np.sqrt(square)), float(margin), float(now))


def nothing(candidates: Sequence[Candidate], standard_error: float, margin: float, reason: str) -> Choice:
    """Return the choice of the first candidate, which is nothing."""
    return Choice(
        index=0, candidate=candidates[0], expected=0.0, standard_error=standard_error, margin=margin, reason=reason
    )
