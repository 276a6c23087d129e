"""One integer becomes named, step-indexed generators; the global seeds are never touched."""

from __future__ import annotations

import hashlib
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["derive", "numpy_rng", "resolve", "torch_rng"]


def derive(seed: int, *path: str | int) -> int:
    """Return a 63-bit integer that depends on ``seed`` and on every element of ``path``.

    The same arguments give the same integer on every platform, so a stream can be named by what it is for
    and indexed by the step, and a resumed run draws what the undisturbed one drew.

    >>> derive(0, "train", 3) == derive(0, "train", 3), derive(0, "train", 3) == derive(0, "train", 4)
    (True, False)
    """
    text = "/".join([str(int(seed)), *(f"{type(p).__name__[0]}{p}" for p in path)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def numpy_rng(seed: int, *path: str | int) -> np.random.Generator:
    """Return the NumPy generator of the stream ``path``."""
    return np.random.Generator(np.random.PCG64(derive(seed, *path)))


def torch_rng(seed: int, *path: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return the torch generator of the stream ``path`` on ``device``."""
    import torch  # here, so that processes that only fit classifiers do not load it

    return torch.Generator(device=device).manual_seed(derive(seed, *path))


def resolve(random_state: int | np.random.Generator | np.random.RandomState | None) -> int:
    """Turn scikit-learn's ``random_state`` into one integer seed.

    ``None`` draws a fresh one from the operating system; a generator is advanced by one draw.

    >>> resolve(7)
    7
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(np.iinfo(np.int64).max))
    if isinstance(random_state, Integral) and not isinstance(random_state, bool):
        if random_state < 0:
            raise ValueError(f"random_state must not be negative, however: {random_state=}")
        return int(random_state)
    raise TypeError(f"random_state must be an integer, a NumPy generator or None, however: {random_state!r}")
