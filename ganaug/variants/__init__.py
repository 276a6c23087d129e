"""The GAN variants, one file each; a file's name is the variant's name.

A variant is a module with a frozen ``Config``, ``KEEPS_ROWS`` (whether its artefact holds training rows),
``make_source``, ``stored_source`` and ``build``: see `Variant`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Protocol, cast

import numpy as np

from ganaug.data.rows import TableMember
from ganaug.encode import Layout
from ganaug.errors import ConfigError
from ganaug.gan import Gan, Source

__all__ = ["DEFAULT", "Variant", "config_from_json", "config_to_json", "get", "names", "resolve"]

DEFAULT = "anchored"
"""What ``variant="auto"`` means for tables."""


class Variant(Protocol):
    """What a variant's module offers."""

    KEEPS_ROWS: bool
    Config: type

    def make_source(
        self,
        config: Any,
        layout: Layout,
        members: Sequence[TableMember],
        *,
        n_classes: int,
        seeds: Sequence[int],
    ) -> Source:
        """Return what the generators of all members start from."""
        ...

    def stored_source(self, config: Any, layout: Layout, arrays: Mapping[str, np.ndarray]) -> Source:
        """Rebuild the source of one member from what ``Source.arrays`` returned."""
        ...

    def build(self, config: Any, layout: Layout, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
        """Compose the GAN of ``len(seeds)`` members."""
        ...


def names() -> tuple[str, ...]:
    """Return the names of all variants.

    >>> names()
    ('anchored', 'wgan_gp')
    """
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def get(name: str) -> Variant:
    """Return the variant called ``name``.

    Raises
    ------
    ConfigError
        There is none; the message lists those that there are.
    """
    if name not in names():
        raise ConfigError(f"unknown variant {name!r}; known are: auto, {', '.join(names())}")
    return cast("Variant", importlib.import_module(f"{__name__}.{name}"))


def resolve(variant: Any) -> tuple[str, Any]:
    """Turn ``"auto"``, a name or a variant's ``Config`` into a name and a config."""
    if isinstance(variant, str):
        name = DEFAULT if variant == "auto" else variant
        return name, get(name).Config()
    for name in names():
        if isinstance(variant, get(name).Config):
            return name, variant
    raise ConfigError(
        f"variant must be 'auto', one of {', '.join(names())}, or a variant's Config, however: {variant!r}"
    )


def config_to_json(config: Any) -> dict[str, Any]:
    """Return a config's fields."""
    return asdict(config)


def config_from_json(name: str, values: Mapping[str, Any]) -> Any:
    """Build the config of variant ``name``, refusing fields that it does not have."""
    config = get(name).Config
    known = {field.name for field in fields(config)}
    if unknown := sorted(set(values) - known):
        raise ConfigError(f"variant {name!r} has no option {', '.join(unknown)}; it has: {', '.join(sorted(known))}")
    return config(**values)
