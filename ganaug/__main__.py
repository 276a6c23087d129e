"""``python -m ganaug``: the command line, as ``torchrun -m ganaug`` needs it."""

from __future__ import annotations

from ganaug.cli import main

if __name__ == "__main__":
    main()
