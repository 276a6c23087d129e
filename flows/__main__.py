"""``python -m flows``: print the settings that the server and the worker want, as lines for the shell."""

from __future__ import annotations

from flows.settings import DEFAULTS

for name, value in DEFAULTS.items():
    print(f"export {name}={value}")
