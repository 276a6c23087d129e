"""What the generators of tables start from: noise, or pairs of real neighbours of the class asked for.

Shape legend: M members, B rows of a batch, C continuous dimensions, K code columns, k neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from ganaug.data.rows import rows_kept
from ganaug.gan import Tensors

__all__ = ["AnchorSource", "NoiseSource", "anchor_arrays", "nearest_rows"]


@dataclass(frozen=True)
class NoiseSource:
    """Standard normal ``z (M, B, size)`` and uniforms ``v (M, B, n_uniform)``; keeps no row."""

    size: int
    n_uniform: int

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return the generator's inputs for the classes ``y (M, B)``."""
        z = torch.randn(*y.shape, self.size, generator=rng, device=y.device)
        return {"z": z, "v": torch.rand(*y.shape, self.n_uniform, generator=rng, device=y.device)}

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Nothing has to be kept."""
        return {}

    def to(self, device: torch.device) -> NoiseSource:
        """Return itself: it holds no tensor."""
        return self


@dataclass(frozen=True, kw_only=True)
class AnchorSource:
    """Pairs of real neighbours ``(a, b)`` of the class asked for, where on the way between them, and noise.

    Encoded rows of all members lie in one table ``(N, .)``; ``first, size (M, n_classes)`` say where a class
    begins and how many anchors it has; ``neighbours (N, k)`` points into the same table, ``n_neighbours (N,)``
    says how many count.
    """

    continuous: Tensor
    codes: Tensor
    buckets: Tensor
    neighbours: Tensor
    n_neighbours: Tensor
    first: Tensor
    size: Tensor
    member_rows: Tensor
    noise: int

    @classmethod
    def pack(cls, members: Sequence[dict[str, np.ndarray]], *, noise: int) -> AnchorSource:
        """Put the arrays of `anchor_arrays` of every member into one table."""
        rows = np.array([len(m["continuous"]) for m in members])
        begin = np.cumsum(rows) - rows

        def stacked(name: str, dtype: type, shift: bool = False) -> Tensor:
            parts = [m[name].astype(dtype) + (b if shift else 0) for m, b in zip(members, begin, strict=True)]
            return torch.from_numpy(np.concatenate(parts))

        return cls(
            continuous=stacked("continuous", np.float32),
            codes=stacked("codes", np.int64),
            buckets=stacked("buckets", np.int64),
            neighbours=stacked("neighbours", np.int64, shift=True),
            n_neighbours=stacked("n_neighbours", np.int64),
            first=torch.from_numpy(np.stack([m["first"] + b for m, b in zip(members, begin, strict=True)])),
            size=torch.from_numpy(np.stack([m["size"] for m in members])),
            member_rows=torch.from_numpy(np.stack([begin, rows], axis=1)),
            noise=noise,
        )

    def draw(self, y: Tensor, rng: torch.Generator) -> Tensors:
        """Return anchors a and b (continuous, codes, buckets), ``u (M, B)``, ``v (M, B, K)``, ``z (M, B, noise)``."""
        u = torch.rand(*y.shape, 3, generator=rng, device=y.device, dtype=torch.float64)
        # A monitor asks all members for a class that one of them may lack; what that one gets is not looked at.
        a = (self.first.gather(1, y) + (u[..., 0] * self.size.gather(1, y)).long()).clamp(max=len(self.neighbours) - 1)
        b = self.neighbours[a, (u[..., 1] * self.n_neighbours[a]).long()]
        inputs = {
            "u": u[..., 2].float(),
            "z": torch.randn(*y.shape, self.noise, generator=rng, device=y.device),
        }
        inputs["v"] = torch.rand(*y.shape, self.codes.shape[1], generator=rng, device=y.device)
        for name, index in (("a", a), ("b", b)):
            inputs[f"{name}_continuous"] = self.continuous[index]
            inputs[f"{name}_codes"] = self.codes[index]
            inputs[f"{name}_buckets"] = self.buckets[index]
        return inputs

    def arrays(self, member: int) -> dict[str, np.ndarray]:
        """Return the member's anchors, encoded: real training rows."""
        begin, rows = self.member_rows[member].tolist()
        own = slice(begin, begin + rows)
        return {
            "continuous": self.continuous[own].cpu().numpy(),
            "codes": self.codes[own].cpu().numpy().astype(np.int32),
            "buckets": self.buckets[own].cpu().numpy().astype(np.int32),
            "neighbours": (self.neighbours[own] - begin).cpu().numpy().astype(np.int32),
            "n_neighbours": self.n_neighbours[own].cpu().numpy().astype(np.int32),
            "first": (self.first[member] - begin).cpu().numpy(),
            "size": self.size[member].cpu().numpy(),
        }

    def to(self, device: torch.device) -> AnchorSource:
        """Return the source with its tensors on ``device``."""
        return replace(self, **{k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)})


def anchor_arrays(
    continuous: np.ndarray,
    codes: np.ndarray,
    buckets: np.ndarray,
    labels: np.ndarray,
    space: np.ndarray,
    *,
    n_classes: int,
    neighbours: int,
    max_anchors: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Choose a member's anchors and find their nearest neighbours of the same class.

    A class of more than ``max_anchors`` rows keeps a random subset. A class of one row borrows difference vectors: its
    neighbours are ``row + (b - a)`` for anchors ``a`` and neighbours ``b`` of the class whose nearest row is closest.

    Parameters
    ----------
    continuous, codes, buckets, labels
        Encoded rows ``(n, C)``, ``(n, K)``, ``(n, K)``, class codes ``(n,)``.
    space
        The same rows where distances are taken, ``(n, D)``.
    """
    tables = []
    first, size = np.zeros(n_classes, np.int64), np.zeros(n_classes, np.int64)
    begin = 0
    chosen = rows_kept(labels, n_classes, most=max_anchors, seed=seed)
    for c, own in enumerate(chosen):
        first[c], size[c] = begin, len(own)
        tables.append(nearest_rows(space[own], neighbours) + begin if len(own) > 1 else np.zeros((len(own), 1), int))
        begin += len(own)
    order = np.concatenate(chosen)
    table = np.zeros((len(order), neighbours), np.int64)
    n_neighbours = np.ones(len(order), np.int64)
    for c, part in enumerate(tables):
        table[first[c] : first[c] + size[c], : part.shape[1]] = part
        n_neighbours[first[c] : first[c] + size[c]] = part.shape[1]
    arrays = {
        "continuous": continuous[order].astype(np.float32),
        "codes": codes[order],
        "buckets": buckets[order],
        "neighbours": table,
        "n_neighbours": n_neighbours,
        "first": first,
        "size": size,
    }
    for c in np.flatnonzero(size == 1):
        _borrow(arrays, space[order], int(c))
    return arrays


def nearest_rows(space: np.ndarray, k: int) -> np.ndarray:
    """Return the ``min(k, n - 1)`` nearest other rows of each row, ``(n, .)``; a row is never its own neighbour."""
    k = min(k, len(space) - 1)
    finder = NearestNeighbors(n_neighbors=k, algorithm="brute" if space.shape[1] > 15 else "auto").fit(space)
    return finder.kneighbors(return_distance=False)


def _borrow(arrays: dict[str, np.ndarray], space: np.ndarray, c: int) -> None:
    """Give the one row of class ``c`` virtual neighbours made of another class's difference vectors."""
    row, n_real = int(arrays["first"][c]), len(space)
    others = [i for i, size in enumerate(arrays["size"]) if size > 1]
    if not others:
        arrays["neighbours"][row] = row  # nothing to borrow from: the sample is the row plus its residual
        return

    def gap(i: int) -> float:
        begin = int(arrays["first"][i])
        return float(np.square(space[begin : begin + int(arrays["size"][i])] - space[row]).sum(1).min())

    lender = min(others, key=gap)
    begin, k = int(arrays["first"][lender]), arrays["neighbours"].shape[1]
    lent = begin + np.argsort(np.square(space[begin : begin + int(arrays["size"][lender])] - space[row]).sum(1))[:k]
    steps = arrays["continuous"][arrays["neighbours"][lent, 0]] - arrays["continuous"][lent]
    at = len(arrays["continuous"])
    arrays["continuous"] = np.concatenate([arrays["continuous"], arrays["continuous"][row] + steps])
    for name in ("codes", "buckets"):
        arrays[name] = np.concatenate([arrays[name], np.repeat(arrays[name][[row]], len(steps), axis=0)])
    self_pointing = np.tile(np.arange(at, at + len(steps))[:, None], (1, k))
    arrays["neighbours"] = np.concatenate([arrays["neighbours"], self_pointing])
    arrays["n_neighbours"] = np.concatenate([arrays["n_neighbours"], np.ones(len(steps), np.int64)])
    arrays["neighbours"][row, : len(steps)] = np.arange(at, at + len(steps))
    arrays["n_neighbours"][row] = len(steps)
    assert at >= n_real
