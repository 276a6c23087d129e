"""What can be said about an image set beyond its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ganaug.errors import ConfigError, DataError
from ganaug.schema import close_to
from ganaug.transforms import DEFAULT_TRANSFORMS, TRANSFORMS

__all__ = ["ImageOptions"]


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """How images are read, and what leaves their class as it is. See `ganaug.data.read_images`."""

    size: tuple[int, int] | None = None
    """Height and width to bring all images to; None: their own size, or the median where they differ."""
    channels: int | None = None
    """1 gray, 3 RGB, 4 RGBA; None: what they have."""
    split: str | None = None
    """Which of the splits to read where the data hold several; None: the one for training."""
    skip_unreadable: bool = False
    """Whether files that cannot be decoded are left out with a warning; by default they are an error."""
    transforms: tuple[str, ...] = DEFAULT_TRANSFORMS
    """What may be done to an image without changing its class, of "shift", "crop" and "flip" (left to right): the
    check oversamples with these as a cheap alternative. A flipped 2 is no 2, so flips have to be asked for."""

    def __post_init__(self) -> None:
        if not isinstance(self.transforms, tuple):
            raise ConfigError(f'transforms must be a tuple such as ("shift", "crop"), however: {self.transforms!r}')
        unknown = [str(name) for name in self.transforms if name not in TRANSFORMS]
        if unknown:
            raise ConfigError(f"transforms must be of {', '.join(TRANSFORMS)}, however: {', '.join(unknown)}")

    @classmethod
    def of(cls, given: ImageOptions | Mapping[str, Any] | None) -> ImageOptions:
        """Return the options that a user gave, as such or as a dict.

        >>> ImageOptions.of({"size": [28, 28]}).size
        (28, 28)
        """
        if isinstance(given, ImageOptions):
            return given
        if given is not None and not isinstance(given, Mapping):
            raise ConfigError(f'images must be ImageOptions or a dict such as {{"size": (32, 32)}}, however: {given!r}')
        named = dict(given or {})
        known = [field.name for field in fields(cls)]
        for name in named:
            if name not in known:
                hint = close_to(str(name), known)
                raise ConfigError(f"images has no option {name!r}; it has: {', '.join(known)}{hint}")
        listed: dict[str, Any] = {name: tuple(v) if isinstance(v, list | tuple) else v for name, v in named.items()}
        return cls(**listed)

    def reading(self) -> dict[str, Any]:
        """Return the options of `ganaug.data.read_images`."""
        return {name: value for name, value in asdict(self).items() if name != "transforms"}

    def refuse_tables(self) -> None:
        """Raise `DataError` if anything was said that means nothing for a table."""
        names = [field.name for field in fields(self) if getattr(self, field.name) != field.default]
        if names:
            raise DataError(f"{', '.join(names)} is for images, and these data are a table; leave it out")
