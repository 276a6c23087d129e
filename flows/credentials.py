"""Credentials of storage: they lie in Prefect blocks, and go from there to fsspec and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import fsspec.config
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.types import SecretDict
from pydantic import Field

from ganaug.errors import ConfigError

__all__ = ["StorageCredentials", "use"]


class StorageCredentials(Block):
    """What fsspec is to open URLs of one protocol with, such as ``{"key": ..., "secret": ...}`` for ``s3``."""

    _block_type_name = "ganaug storage"
    _block_type_slug = "ganaug-storage"
    _description = "Credentials and options of the storage that data are read from and results written to."

    protocol: str = Field(description="The part of the URL before ://, such as s3 or gs.", pattern=r"^[a-z0-9]+$")
    options: SecretDict = Field(description="fsspec's options: for s3 key, secret, endpoint_url; for gs token.")


def use(documents: Iterable[str]) -> None:
    """Let fsspec, in this process, open URLs with what the blocks ``documents`` hold.

    Raises
    ------
    ConfigError
        A block does not exist, or holds something else; the message shows nothing of what it holds.
    """
    for document in documents:
        for protocol, options in _options_of(document).items():
            fsspec.config.conf[protocol] = dict(options)


def _options_of(document: str) -> Mapping[str, Mapping[str, Any]]:
    try:
        block: Any = Block.load(document, validate=False)
    except ValueError as error:
        raise ConfigError(
            f"there is no Prefect block {document!r}; name one as TYPE/NAME, such as ganaug-storage/lake, and create "
            "it on the server's page, or with StorageCredentials(...).save('lake')"
        ) from error
    if isinstance(block, StorageCredentials):
        return {block.protocol: block.options.get_secret_value()}
    value = block.get() if isinstance(block, Secret) else None
    if isinstance(value, Mapping) and value and all(isinstance(options, Mapping) for options in value.values()):
        return value
    raise ConfigError(
        f"the Prefect block {document!r} must be of type ganaug-storage, or a secret that holds a JSON object of "
        'fsspec\'s options by protocol, such as {"s3": {"key": "...", "secret": "..."}}'
    )
