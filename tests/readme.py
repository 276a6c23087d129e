"""Runs the README's examples, in order, in one empty folder: ``pytest -p tests.readme README.md``.

A block that follows ``<!-- skip: next -->`` is left out: .ci/run runs the set-up commands itself.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser


def _run_shell(example: Example) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example.parsed], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"{example.parsed}\nended with {done.returncode}:\n{done.stdout}\n{done.stderr}")


def _enter(namespace: dict[str, Any]) -> None:
    namespace["_back"] = os.getcwd()
    namespace["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)


def _leave(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_back"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="bash", evaluator=_run_shell), SkipParser()],
    path=str(Path(__file__).resolve().parents[1]),
    patterns=["README.md"],
    setup=_enter,
    teardown=_leave,
).pytest()
