from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

SCRIPT = """
import os, sys, time
from joblib import Parallel, delayed
from ganaug.orphans import called_from
pids = Parallel(n_jobs=2)(delayed(called_from)(os.getpid(), os.getpid) for _ in range(8))
print(*sorted(set(pids)), flush=True)
time.sleep(60)
"""


def test_workers_end_with_a_process_that_is_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    workers = [int(word) for word in process.stdout.readline().split()]
    assert workers and process.pid not in workers and all(_is_there(worker) for worker in workers)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until = time.monotonic() + 20
    while any(map(_is_there, workers)) and time.monotonic() < until:
        time.sleep(0.2)
    assert not any(map(_is_there, workers))


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
