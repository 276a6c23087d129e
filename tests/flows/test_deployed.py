"""The deployments as a platform runs them: a server, a worker and real processes, one of which is killed."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import ganaug
from flows.settings import DEFAULTS
from ganaug.demo import thinned_breast_cancer

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Platform:
    """A Prefect server with our set-up, our deployments and a worker, in processes of their own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.api = f"http://127.0.0.1:{self.port}/api"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        self.environment = kept | DEFAULTS | {"PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": self.api}
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str) -> None:
        """Start a process that goes on."""
        with (self.folder / "log.txt").open("ab") as log:
            options: dict[str, Any] = {"stdout": log, "stderr": log, "start_new_session": True}
            self.processes.append(subprocess.Popen([sys.executable, "-m", *words], env=self.environment, **options))

    def call(self, *words: str) -> str:
        """Run a command to its end, in the repository's root, and return what it printed."""
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, method: str, path: str, **content: Any) -> Any:
        """Ask the server."""
        answer = httpx.request(method, f"{self.api}{path}", timeout=30, **content)
        answer.raise_for_status()
        return answer.json()

    def run(self, **request: Any) -> str:
        """Start a run of the deployment ``adhoc``, and return its identifier."""
        deployment = self.ask("GET", "/deployments/name/augment/adhoc")["id"]
        content = {"parameters": {"request": request}, "state": {"type": "SCHEDULED"}}
        return self.ask("POST", f"/deployments/{deployment}/create_flow_run", json=content)["id"]

    def state(self, run: str) -> dict[str, Any]:
        return self.ask("GET", f"/flow_runs/{run}")["state"]

    def stop(self) -> None:
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(happened: Callable[[], Any], seconds: float) -> Any:
    """Wait for ``happened`` to be true, and return what it gave."""
    end = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)
    return found


def processes_of(run: str) -> list[int]:
    """Return the processes of a flow run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "environ").read_bytes().split(b"\0")
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        if f"PREFECT__FLOW_RUN_ID={run}".encode() in told and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def bits(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.suffix in (".safetensors", ".parquet")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    if not Path("/proc/self/environ").is_file():
        pytest.skip("processes are found by /proc")
    made = Platform(tmp_path_factory.mktemp("platform"))
    try:
        made.start("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(made.port))
        until(lambda: _is_up(made.api), 120)
        made.call("flows.setup")
        made.call("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", "flows/prefect.yaml")
        made.start("prefect", "worker", "start", "--pool", "ganaug")
        yield made
    finally:
        made.stop()


def _is_up(api: str) -> bool:
    try:
        return httpx.get(f"{api}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_a_killed_run_is_retried_and_ends_with_the_bits_of_a_call(platform: Platform, tmp_path: Path) -> None:
    table = thinned_breast_cancer()
    table.to_parquet(tmp_path / "table.parquet", index=False)
    options: dict[str, Any] = {"target": "diagnosis", "sampling_strategy": {"malignant": 60}, "random_state": 0}
    ganaug.augment(table, **options, check=False, progress=False, out=tmp_path / "called")

    request = {**options, "data": str(tmp_path / "table.parquet"), "check": "none", "out": str(tmp_path / "run")}
    run = platform.run(**request)
    until((tmp_path / "run" / "plan.json").is_file, 120)
    pids = processes_of(run)
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert until(lambda: platform.state(run)["type"] == "CRASHED", 60)
    assert not (tmp_path / "run" / "synthetic").exists()

    for _ in range(3):  # the worker reports the crash, too, some seconds later, and thereby undoes an early retry
        time.sleep(20)
        if platform.state(run)["type"] != "CRASHED":
            break
        platform.call("prefect", "flow-run", "retry", run)
    until(lambda: platform.state(run)["type"] in ENDS, 120)
    assert platform.state(run)["name"] == "Augmented"
    assert bits(tmp_path / "run") == bits(tmp_path / "called") and len(bits(tmp_path / "run")) == 2


def test_a_cancelled_run_stops_and_leaves_no_process(platform: Platform, tmp_path: Path) -> None:
    thinned_breast_cancer().to_parquet(tmp_path / "table.parquet", index=False)
    request = {"data": str(tmp_path / "table.parquet"), "target": "diagnosis", "check": "quick"}
    run = platform.run(**request, out=str(tmp_path / "run"))
    until((tmp_path / "run" / "plan.json").is_file, 120)
    platform.call("prefect", "flow-run", "cancel", run)
    until(lambda: platform.state(run)["type"] == "CANCELLED", 60)
    until(lambda: not processes_of(run), 60)
    assert not (tmp_path / "run" / "synthetic").exists() and not (tmp_path / "run" / "effect.json").exists()
