"""What `tests/test_kills.py` kills: ``python -m tests.killed_runs`` runs the command line in processes of its own.

It imports the library once and forks a process for every line of JSON on standard input, so that a kill costs no new
import: ``{"arguments": [...], "log": FILE, "kill": null or {"after": SECONDS} or {"at": K, "when": "before"}}``.
With ``after`` the process is sent SIGKILL when so much time has passed. With ``at`` it sends it to itself before or
after its K-th operation that makes something durable or visible; checkpoints come at the end of a training only, so
that the count is the same every time. The answer is ``{"status": ..., "operations": [...], "seconds": ...}``.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq

from ganaug import augmentation, cli, learners, trainer  # noqa: F401  # imported before the fork
from ganaug.variants import anchored, anchored_image

CHECKPOINT_SECONDS = 0.2
OPERATIONS: list[tuple[Any, str]] = [
    (os, "replace"),
    (os, "rename"),
    (os, "fsync"),
    (os, "mkdir"),
    (os, "unlink"),
    (os, "rmdir"),
    (pq.ParquetWriter, "write_table"),
    (shutil, "rmtree"),
]
REMOVALS = ("unlink", "rmdir", "rmtree")
"""Only those of what is there count."""


def watch(kill: dict[str, Any], seen: Callable[[str], None]) -> None:
    """Count the operations, and kill this process round the one that is asked for."""
    count = [0]

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if name in REMOVALS and not os.path.lexists(arguments[0]):
                return call(*arguments, **options)
            count[0] += 1
            number = count[0]
            seen(name)
            if kill.get("at") == number and kill["when"] == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return call(*arguments, **options)
            finally:
                if kill.get("at") == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        return counted

    for owner, name in OPERATIONS:
        setattr(owner, name, watched(name, getattr(owner, name)))


def run(order: dict[str, Any], seen: Callable[[str], None]) -> int:
    """Run the command line in this process, which is a fork."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    kill = order["kill"] or {}
    trainer.train.__kwdefaults__["checkpoint_seconds"] = math.inf if "at" in kill else CHECKPOINT_SECONDS
    for config, steps in ((anchored.Config, 200), (anchored_image.Config, 40)):
        config.__init__.__kwdefaults__["steps"] = steps  # type: ignore[misc]
    watch(kill, seen)
    try:
        cli.main(order["arguments"])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def forked(order: dict[str, Any]) -> dict[str, Any]:
    """Run ``order`` in a process of its own, kill it if that is asked for, and tell how it went."""
    reader, writer = os.pipe()
    begin = time.monotonic()
    pid = os.fork()
    if not pid:
        os.close(reader)
        status = 70
        try:
            status = run(order, lambda name: os.write(writer, f"{name}\n".encode()) and None)
        finally:
            os._exit(status)
    os.close(writer)
    timer = threading.Timer((order["kill"] or {}).get("after", 600), os.kill, (pid, signal.SIGKILL))
    timer.start()
    with os.fdopen(reader) as file:
        operations = file.read().split()
    timer.cancel()
    _, status = os.waitpid(pid, 0)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "operations": operations,
        "seconds": time.monotonic() - begin,
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(forked(json.loads(line))), flush=True)
