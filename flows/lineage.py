"""What comes from what, as Prefect's assets: data -> generator and verdict -> synthetic rows -> published set."""

from __future__ import annotations

from urllib.parse import quote

from prefect.assets import Asset

from ganaug.storage import local_folder

__all__ = ["asset_of"]

LONGEST = 400
"""Characters of a key; Prefect takes 512."""


def asset_of(place: str) -> Asset:
    """Return the asset that a path or URL names.

    >>> asset_of("s3://lake/rows.parquet").key, asset_of("/data/my rows.csv").key
    ('s3://lake/rows.parquet', 'file:///data/my_20rows.csv')
    """
    local = local_folder(place)
    url = place if local is None else local.as_uri()
    # Prefect takes neither blanks nor percent signs in a key.
    return Asset(key=quote(url, safe="/:.-_~%*").replace("%", "_")[:LONGEST])
