"""The figures of one observation of a training, each a pure function of tensors.

Shape legend: M members, B rows of a batch, K classes, N rows, D dimensions of a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ganaug.metrics import kernel_distance, precision_recall_density_coverage
from ganaug.watching.alarms import COLLAPSED

__all__ = ["FEWEST", "RealClass", "Seen", "accuracy", "class_figures", "gradient_norm", "mean_distance"]

FEWEST = 5
"""Real rows that a class needs for the variety of its generated rows to be judged."""
MOST = 256
"""Rows of either kind that duplicates, recall and coverage are told by."""
NEAREST = 3
"""Neighbour to which the balls of recall and coverage reach."""
CLOSE = 0.05
"""Share of the real rows that lie closer to another one than the distance from which rows are no duplicates."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a monitor saw of the averaged networks."""

    score: Tensor
    """``(M,)``, lower is better; infinite where nothing may be kept."""
    classes: Mapping[str, Tensor] = field(default_factory=dict)
    """Figure -> ``(M, K)``, NaN where a class has too few rows to tell; see `class_figures`."""


def accuracy(real: Tensor, fake: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Share of real and of generated rows that the logits ``(M, B)`` tell apart, each ``(M,)``.

    A row counts as right on its side of the middle between the mean real and the mean generated logit of its own class
    ``y (M, B)``, as half on it. This asks the same of every loss: 0 means nothing to a Wasserstein critic (Arjovsky et
    al. 2017, arXiv 1701.07875) nor to a relativistic one, which compares rows of one class (Jolicoeur-Martineau 2018,
    arXiv 1807.00734). Logits that say nothing give 0.5, as the optimal discriminator does where the generator has
    converged (Goodfellow et al. 2014, arXiv 1406.2661, theorem 1); above 0.5 they tell, below they are mistaken. Where
    ``y`` are values of a number, a row has but its generated counterpart to be told from, and both shares are equal.

    >>> y = torch.zeros(1, 4, dtype=torch.int64)
    >>> accuracy(torch.tensor([[5.0, 5.0, 5.0, 1.0]]), torch.tensor([[2.0, 2.0, 2.0, 2.0]]), y)
    (tensor([0.7500]), tensor([1.]))
    """
    real, fake = real.double(), fake.double()  # the mean of equal floats is then that float
    _, group = torch.unique(y, return_inverse=True)
    sums, count = torch.zeros(2, len(y), int(group.max()) + 1, dtype=torch.float64, device=y.device)
    sums.scatter_add_(1, group, real + fake)
    count.scatter_add_(1, group, torch.full_like(real, 2.0))
    middle = (sums / count.clamp(min=1)).gather(1, group)

    def share(right: Tensor, on_it: Tensor) -> Tensor:
        return (right.double() + on_it.double() / 2).mean(1).float()

    return share(real > middle, real == middle), share(fake < middle, fake == middle)


def gradient_norm(parameters: Iterable[Tensor], members: int) -> Tensor:
    """Euclidean norm of the gradients of each member ``(M,)``; every parameter is ``(M, *)``."""
    found = [p.grad.detach().float().reshape(members, -1).square().sum(1) for p in parameters if p.grad is not None]
    return torch.stack(found).sum(0).sqrt() if found else torch.zeros(members)


def mean_distance(x: Tensor, y: Tensor, *, unbiased: bool = False) -> Tensor:
    """Mean Euclidean distance; ``unbiased`` leaves a row's distance to itself out (x is y)."""
    if len(x) == 0 or (unbiased and len(x) == 1):
        return x.new_zeros(())
    pairs = len(x) * (len(y) - 1) if unbiased else len(x) * len(y)
    return torch.cdist(x, y).sum() / pairs


class RealClass:
    """The real rows ``(N, D)`` of a class, to hold generated ones against."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows[:MOST]
        self.spread = float(mean_distance(rows, rows, unbiased=True)) if len(rows) >= FEWEST else 0.0
        """Mean distance between two of them; 0 where there are too few to tell, or most are alike: a few odd ones then
        make up the mean, and rows drawn may well have none of these."""
        if self.spread and float(torch.pdist(self.rows.float()).median()) < COLLAPSED * self.spread:
            self.spread = 0.0

    def figures(self, made: Tensor, *, thorough: bool) -> dict[str, float]:
        """Return the `class_figures` of generated rows ``(n, D)``; nothing where there are too few real ones."""
        if not self.spread:
            return {}
        found = {"variety": float(mean_distance(made, made, unbiased=True)) / self.spread}
        if not bool(torch.isfinite(made).all()):
            return found
        n = min(len(made), len(self.rows))  # the nearest of more rows is nearer
        bound = torch.quantile(_nearest(self.rows[:n]), CLOSE)
        found["duplicates"] = float((_nearest(made[:n]) < bound).float().mean())
        if thorough:
            rows, others = (x[:n].double().cpu().numpy().astype(np.float32) for x in (self.rows, made))
            manifold = precision_recall_density_coverage(rows, others, nearest=NEAREST)
            found |= {"recall": manifold.recall, "coverage": manifold.coverage}
        return found


def _nearest(x: Tensor) -> Tensor:
    """Distance of each row ``(N, D)`` to the nearest other one ``(N,)``."""
    apart = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")  # products leave a little of a distance of 0
    return apart.fill_diagonal_(torch.inf).amin(1)


def class_figures(
    real: list[list[RealClass]],
    made: Iterable[tuple[int, Tensor]],
    held_out: Sequence[Sequence[Tensor]],
    *,
    thorough: bool,
) -> dict[str, Tensor]:
    """Hold generated rows against the real ones of their class; figure -> ``(M, K)``, NaN where it cannot be told.

    ``variety``: mean distance between two generated rows, over that between two real ones. ``duplicates``: share of
    generated rows that are nearer to another one than all but 5 % of as many real rows are, a birthday test by distance
    (Arora & Zhang 2017, arXiv 1706.08224): .05 is what real rows have. ``thorough`` adds ``recall`` and ``coverage``
    (see `ganaug.metrics.manifold`), and ``kernel``, the `ganaug.metrics.kernel_distance` from rows that were held out.

    **Shape:** ``real`` M lists of K, ``held_out`` too, ``(n, D)`` each; ``made`` gives pairs of a class and its rows
    ``(M, n, D)``.
    """
    names = ("variety", "duplicates", *(("recall", "coverage", "kernel") if thorough else ()))
    table = {name: torch.full((len(real), len(real[0])), torch.nan) for name in names}
    for c, rows in made:
        for m, classes in enumerate(real):
            for name, value in classes[c].figures(rows[m], thorough=thorough).items():
                table[name][m, c] = value
            held = held_out[m][c]
            if thorough and len(held) > 1 and bool(torch.isfinite(rows[m]).all()):
                table["kernel"][m, c] = kernel_distance(*(x[:MOST].double().cpu().numpy() for x in (held, rows[m])))
    return table
