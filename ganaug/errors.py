"""What can be wrong with what a user gave us, by place."""

from __future__ import annotations

__all__ = ["ArtefactError", "ConfigError", "DataError", "DataWarning", "OutputError", "SchemaError", "TrainingError"]


class DataError(ValueError):
    """The data, or its target, cannot be used as given."""


class SchemaError(DataError):
    """The data do not have the columns and types that something was fitted on."""


class ConfigError(ValueError):
    """An option has a value that makes no sense, or names something unknown."""


class ArtefactError(ValueError):
    """A saved file is corrupt, incomplete, or of a format that this version cannot read."""


class OutputError(ValueError):
    """The place to write to cannot be used."""


class TrainingError(RuntimeError):
    """The training went wrong in a way that no result can come of, such as a loss that is not finite."""


class DataWarning(UserWarning):
    """The data can be used, but something in them deserves a look."""
