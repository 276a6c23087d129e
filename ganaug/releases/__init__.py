"""Published synthetic sets: versions that are visible whole or not at all, and a pointer to the latest.

- `release`: what is known of a version; its ``release.json``
- `pointer`: ``latest.json``, which is moved in one step
- `content`: what is to be published: a data set and further files, checked and hashed
- `write`, `expiry`: a version comes whole, and goes when nobody needs it
- `store`: `Releases`: publish, list, roll back, expire, read
"""

from __future__ import annotations

from ganaug.releases.release import Release
from ganaug.releases.store import Releases

__all__ = ["Release", "Releases"]
