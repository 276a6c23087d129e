"""A run that is killed with SIGKILL, wherever it is, and called again ends with the same bits.

``--kills N`` says how many processes are killed. A kill at a moment drawn at random falls into reading, choosing,
training, drawing or the report; one round an operation of the file system, before it or right after it, falls where
files are half there. `tests.killed_runs` runs the command line for them.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_iris

from tests.digits import digits
from tests.run_files import files_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SHARES = {"policy": 0.3, "table": 0.4, "images": 0.3}
"""How the kills are shared out among the runs."""
Order = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a table, images, and a folder for the temporary files of all processes."""
    folder = tmp_path_factory.mktemp("kills")
    (folder / "tmp").mkdir()
    load_iris(as_frame=True).frame[:115].to_csv(folder / "table.csv", index=False)
    pixels, labels = digits({0: 30, 1: 20, 7: 8})
    for row, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        (folder / "images" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / "images" / str(label) / f"{row}.png")
    return folder


@pytest.fixture(scope="module")
def order(place: Path) -> Iterator[Order]:
    """Return what runs the command line in a process of its own and tells how it went."""
    environment = environment_of(place)
    runner = subprocess.Popen(
        [sys.executable, "-m", "tests.killed_runs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert runner.stdin is not None and runner.stdout is not None
    sent, answered = runner.stdin, runner.stdout

    def give(arguments: list[str], kill: dict[str, Any] | None = None) -> dict[str, Any]:
        log = place / "log.txt"
        log.write_text("")
        print(json.dumps({"arguments": arguments, "log": str(log), "kill": kill}), file=sent, flush=True)
        outcome = json.loads(answered.readline())
        if outcome["status"] not in (0, -signal.SIGKILL):
            pytest.fail(f"{arguments} ended with {outcome['status']}:\n{log.read_text()}")
        return outcome

    yield give
    sent.close()
    runner.wait(60)


def environment_of(place: Path) -> dict[str, str]:
    """Return one thread, and a folder of ours for temporary files; torch always makes one of its own."""
    folders = {"TMPDIR": place / "tmp", "TORCHINDUCTOR_CACHE_DIR": place / "torch", "PYTHONPATH": ROOT}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    return {**os.environ, **threads, **{name: str(folder) for name, folder in folders.items()}}


def words(run: str, place: Path, out: Path) -> list[str]:
    """Return the command line of a run."""
    which = {
        "policy": [str(place / "table.csv"), "-t", "target"],
        "table": [str(place / "table.csv"), "-t", "target", "--rows", "2=50"],
        "images": [str(place / "images"), "--rows", "7=20"],
    }[run]
    return ["augment", *which, "-o", str(out), "--check", "none", "--seed", "0", "--quiet"]


def left(out: Path) -> dict[str, str]:
    """Return the digest of every file but TensorBoard's that a run has left, and what lies beside its folder."""
    files = {str(path.relative_to(out)): path.read_bytes() for path in files_of(out)}
    beside = {f"../{p.name}": b"" for p in out.parent.iterdir() if p != out}
    return {name: hashlib.sha256(content).hexdigest() for name, content in {**files, **beside}.items()}


class Undisturbed:
    """What a run leaves that nobody kills, how long it takes, and how many operations it makes."""

    def __init__(self, run: str, place: Path, order: Order) -> None:
        out = place / f"{run}-undisturbed" / "run"
        outcome = order(words(run, place, out), {"at": 0})
        self.left, self.seconds, self.operations = left(out), outcome["seconds"], outcome["operations"]
        assert [name for name in self.left if name.endswith((".safetensors", ".parquet"))] == [
            "synthesizer/weights.safetensors",
            "synthetic/data/part-00000.parquet",
        ]
        assert not any(".part" in name or "checkpoint" in name for name in self.left)


@pytest.fixture(scope="module")
def undisturbed(place: Path, order: Order) -> Callable[[str], Undisturbed]:
    """Return what makes each run once."""
    return functools.cache(lambda run: Undisturbed(run, place, order))


def count(request: pytest.FixtureRequest, run: str) -> int:
    return max(1, round(SHARES[run] * request.config.getoption("--kills") / 2))


@pytest.mark.parametrize("run", list(SHARES))
def test_killed_at_random_moments(
    run: str, place: Path, order: Order, undisturbed: Callable[[str], Undisturbed], request: pytest.FixtureRequest
) -> None:
    whole, rng = undisturbed(run), np.random.default_rng(0)
    kills, outs = 0, 0
    while kills < count(request, run):
        outs += 1
        out = place / f"{run}-moments-{outs}" / "run"
        # Of one run several attempts are killed; whatever it had done stands, so that it ends some time.
        while order(words(run, place, out), {"after": float(rng.uniform(0, whole.seconds))})["status"]:
            kills += 1
            if kills == count(request, run):
                order(words(run, place, out))
                break
        assert left(out) == whole.left
    assert not list((place / "tmp").iterdir())


@pytest.mark.parametrize("run", list(SHARES))
def test_killed_round_an_operation_of_the_file_system(
    run: str, place: Path, order: Order, undisturbed: Callable[[str], Undisturbed], request: pytest.FixtureRequest
) -> None:
    whole, n = undisturbed(run), count(request, run)
    # Spread over all operations, alternately before and after.
    for i, at in enumerate(np.linspace(1, len(whole.operations), n + 2)[1:-1].round().astype(int).tolist()):
        out = place / f"{run}-operation-{at}" / "run"
        kill = {"at": at, "when": ("before", "after")[i % 2]}
        assert order(words(run, place, out), kill)["status"] == -signal.SIGKILL
        order(words(run, place, out))
        assert left(out) == whole.left, f"killed {kill['when']} {whole.operations[at - 1]}, operation {at}"
    assert not list((place / "tmp").iterdir())


def test_the_command_itself_killed_while_it_trains_goes_on(place: Path) -> None:
    environment = environment_of(place)

    def command(out: Path) -> list[str]:
        return [sys.executable, "-m", "ganaug", *words("table", place, out)]

    whole, killed = place / "command-undisturbed" / "run", place / "command-killed" / "run"
    subprocess.run(command(whole), check=True, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    process = subprocess.Popen(command(killed), env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    while not (killed / "plan.json").exists():  # the training is the next step
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert not (killed / "synthesizer").exists()
    subprocess.run(command(killed), check=True, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    assert left(killed) == left(whole)
