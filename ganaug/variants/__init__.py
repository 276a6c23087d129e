"""The GAN variants, one file each; a file's name is the variant's name.

A variant is a module with a frozen ``Config``, ``ABOUT`` (for people), ``KEEPS_ROWS`` (whether its artefact holds
training rows), ``MODALITIES`` (what it makes: "tables", "images"), ``make_source``, ``stored_source`` and ``build``:
see `Variant`. One whose settings depend on the size of the data or on the device offers ``settle(config, layout,
device)`` too; one whose generators start from rows of the class, so that they draw without having learnt, says
``STARTS_FROM_ROWS = True``; one whose `Gan` has a ``transform`` says ``TRANSFORMS = True``, and one that adds no rows
``ADDS_ROWS = False``, too.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any, Protocol, cast

import numpy as np

from ganaug.bounds import require_options
from ganaug.errors import ConfigError
from ganaug.gan import About, Gan, Source
from ganaug.schema import close_to

__all__ = [
    "DEFAULTS",
    "Variant",
    "adds_rows",
    "close_names",
    "config_from_json",
    "config_to_json",
    "get",
    "names",
    "require_rows",
    "require_values",
    "resolve",
    "settle",
    "untrained",
]

DEFAULTS = {"tables": "anchored", "images": "anchored_image"}
"""What ``variant="auto"`` means."""


class Variant(Protocol):
    """What a variant's module offers."""

    ABOUT: About
    KEEPS_ROWS: bool
    MODALITIES: tuple[str, ...]
    Config: type

    def make_source(
        self,
        config: Any,
        layout: Any,
        members: Sequence[Any],
        *,
        n_classes: int,
        seeds: Sequence[int],
    ) -> Source:
        """Return what the generators of all members start from."""
        ...

    def stored_source(self, config: Any, layout: Any, arrays: Mapping[str, np.ndarray]) -> Source:
        """Rebuild the source of one member from what ``Source.arrays`` returned."""
        ...

    def build(self, config: Any, layout: Any, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
        """Compose the GAN of ``len(seeds)`` members."""
        ...


def names(modality: str | None = None, *, adding: bool = False) -> tuple[str, ...]:
    """Return the names of all variants, or of those for "tables" or "images", or (``adding``) that make new rows.

    >>> "anchored" in names("tables"), "anchored" in names("images")
    (True, False)
    >>> "super_resolution" in names("images"), "super_resolution" in names("images", adding=True)
    (True, False)
    """
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [name for name in found if modality is None or modality in _module(name).MODALITIES]
    return tuple(name for name in found if not adding or adds_rows(name))


def adds_rows(name: str) -> bool:
    """Say whether the variant called ``name`` makes new rows, and does not only change given ones."""
    return getattr(_module(name), "ADDS_ROWS", True)


def require_rows(variant: Any) -> None:
    """Raise `ConfigError` where ``variant`` ("auto", a name or a ``Config``) makes no new rows."""
    name, _ = _resolve(variant, None)
    if not adds_rows(name):
        raise ConfigError(
            f"variant {name!r} adds no rows, it changes given ones: fit it, and transform data with it (`ganaug train` "
            "and `ganaug transform`; in Python ganaug.fit and Synthesizer.transform)"
        )


def _module(name: str) -> Variant:
    return cast("Variant", importlib.import_module(f"{__name__}.{name}"))


def get(name: str) -> Variant:
    """Return the variant called ``name``.

    Raises
    ------
    ConfigError
        There is none; the message lists those that there are.
    """
    if name == "auto":
        meant = " and ".join(f"{default!r} for {modality}" for modality, default in DEFAULTS.items())
        raise ConfigError(f"'auto' is no variant, it stands for {meant}; name one of these")
    if name not in names():
        raise _unknown(name, names())
    return _module(name)


def close_names(name: str, known: Sequence[str]) -> str:
    """Return ``"; did you mean ...?"`` for what looks like ``name`` as papers and people write it, else nothing.

    >>> close_names("StyleGAN2", names()), close_names("wgan-gp", names()), close_names("blender", names())
    ("; did you mean 'stylegan2'?", "; did you mean 'wgan_gp'?", '')
    """
    plain = name.strip().casefold().replace("-", "_").replace(" ", "_")
    return f"; did you mean {plain!r}?" if plain in known else close_to(plain, known)


def _unknown(name: str, known: Sequence[str]) -> ConfigError:
    return ConfigError(f"unknown variant {name!r}; known are: {', '.join(known)}{close_names(name, known)}")


def resolve(variant: Any, modality: str | None = None) -> tuple[str, Any]:
    """Turn ``"auto"``, a name or a variant's ``Config`` into a name and a config.

    Raises
    ------
    ConfigError
        There is no such variant, it does not make ``modality`` ("tables", "images"; None: not looked at), or an option
        of the ``Config`` is not of its type or out of bounds.
    """
    name, config = _resolve(variant, modality)
    if modality is not None and modality not in get(name).MODALITIES:
        # Who asked for new rows is not served by what only changes given ones.
        known = ", ".join(names(modality, adding=adds_rows(name)))
        raise ConfigError(
            f"variant {name!r} makes {get(name).MODALITIES[0]}, and the data are {modality}; "
            f"for these there are: auto, {known}"
        )
    return name, config


def _resolve(variant: Any, modality: str | None) -> tuple[str, Any]:
    if isinstance(variant, str):
        name = DEFAULTS[modality or "tables"] if variant == "auto" else variant
        if name not in names():
            raise _unknown(name, ("auto", *names()))
        return name, get(name).Config()
    for name in names():
        if isinstance(variant, get(name).Config):
            require_options(name, variant)
            return name, variant
    raise ConfigError(
        f"variant must be 'auto', one of {', '.join(names())}, or a variant's Config, however: {variant!r}"
    )


def require_values(name: str) -> None:
    """Raise `ConfigError` unless the variant ``name`` draws rows by the value of a numeric target.

    Such a variant's module says ``TAKES_VALUES = True``: it builds its networks with ``layout.valued``, and its source
    takes scores ``(M, B)`` where those of others take class codes.
    """
    takers = [n for n in names() if getattr(get(n), "TAKES_VALUES", False)]
    if name not in takers:
        raise ConfigError(
            f"variant {name!r} draws rows by class only; with task='regression' use: auto, {', '.join(takers)}"
        )


def untrained(variant: Any, modality: str) -> Any:
    """Return the variant's config without training steps, where its generators start from rows of the class.

    Others have to learn before they draw anything: of these the config is returned as it is.
    """
    name, config = resolve(variant, modality)
    return replace(config, steps=0) if getattr(get(name), "STARTS_FROM_ROWS", False) else config


def settle(name: str, config: Any, layout: Any, device: Any) -> Any:
    """Return ``config`` with what it leaves open decided by the size of the data and by the device."""
    decide = getattr(get(name), "settle", None)
    return config if decide is None else decide(config, layout, device)


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
