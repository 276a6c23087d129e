"""What the options of a variant may be: of the type that they are declared with, and numbers within bounds.

Bounds hold for an option's name in whatever variant; what a variant alone knows, it refuses itself.
"""

from __future__ import annotations

import math
from dataclasses import fields
from functools import lru_cache
from numbers import Real
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from ganaug.errors import ConfigError

__all__ = ["require_options"]

FROM_ONE = {
    "batch",
    "channels",
    "depth",
    "group",
    "max_anchors",
    "max_rows",
    "modes",
    "n_critic",
    "neighbours",
    "pac",
    "path_interval",
    "penalty_interval",
    "rows",
    "width",
}
"""Whole numbers of which 0 makes no sense; others may be 0."""
ABOVE_ZERO = {"clip", "half_life", "learning_rate", "mapping_rate", "temperature"}
"""The same of other numbers. None may be negative."""


def require_options(variant: str, config: Any) -> None:
    """Raise `ConfigError` for the first option of ``config`` that is not of its type, or out of bounds.

    Types other than numbers, bool, ``Literal`` and None are left to the variant.

    >>> from ganaug.variants.anchored import Config
    >>> require_options("anchored", Config(steps=0))
    >>> require_options("anchored", Config(batch=0))
    Traceback (most recent call last):
    ganaug.errors.ConfigError: batch of variant 'anchored' must be a whole number of at least 1, however: batch=0
    """
    types = _types(type(config))
    for field in fields(config):
        name, value = field.name, getattr(config, field.name)
        if not _fits(value, name, types[name]):
            raise ConfigError(
                f"{name} of variant {variant!r} must be {_allowed(name, types[name])}, however: {name}={value!r}"
            )


@lru_cache(maxsize=64)
def _types(config: type) -> dict[str, Any]:
    return get_type_hints(config)


def _fits(value: Any, name: str, kind: Any) -> bool:
    if get_origin(kind) is UnionType:
        return any(_fits(value, name, one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return any(type(value) is type(one) and value == one for one in get_args(kind))
    if kind in (NoneType, bool):
        return isinstance(value, kind)
    if kind is int:
        return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= (name in FROM_ONE)
    if kind is float:
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
            return False
        return float(value) > 0 if name in ABOVE_ZERO else float(value) >= 0
    return True


def _allowed(name: str, kind: Any) -> str:
    """Say what `_fits`."""
    if get_origin(kind) is UnionType:
        return " or ".join(_allowed(name, one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return " or ".join(repr(one) for one in get_args(kind))
    if kind is int:
        return f"a whole number of at least {int(name in FROM_ONE)}"
    if kind is float:
        return f"a finite number {'above 0' if name in ABOVE_ZERO else 'of at least 0'}"
    return "True or False" if kind is bool else "None"
