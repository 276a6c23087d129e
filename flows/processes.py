"""Training on several cards of one host: the processes of ``torchrun`` share every batch; see `ganaug.distributed`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping

import fsspec.config

from flows.parameters import AugmentRequest
from ganaug.errors import ConfigError, TrainingError
from ganaug.orphans import MASTER
from ganaug.steps import Run
from ganaug.storage import SCRATCH

__all__ = ["processes", "train_together"]

PATIENCE = 20.0
"""Seconds that the launcher has to end its processes."""


def processes() -> int:
    """Return how many processes train together: GANAUG_PROCESSES, a job variable; one, where it is not set.

    Raises
    ------
    ConfigError
        It is no number above zero.
    """
    text = os.environ.get("GANAUG_PROCESSES", "1")
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(f"GANAUG_PROCESSES must be a number of processes, such as 2, however: {text!r}")
    return int(text)


def train_together(run: Run, request: AugmentRequest, count: int) -> None:
    """Let ``count`` processes train the run's generator into its folder; killed, they go on from their checkpoint.

    Raises
    ------
    TrainingError
        They failed; what they said stands in the message.
    """
    folder = run.folder
    assert folder is not None, "a flow's run has a folder"
    scratch = folder.path / f"{SCRATCH}{uuid.uuid4().hex}"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    train = ["-m", "ganaug", "train", request.data, "--out", str(scratch), "--quiet", "--seed", str(run.seed)]
    train += ["--checkpoint", str(folder.place_of("checkpoint.safetensors")), "--device", request.device]
    train += ["--variant", request.variant, "--id-columns", ",".join(run.rows.schema.id_columns)]
    train += [word for name in request.targets for word in ("--target", name)]
    optional: dict[str, str | None] = {"--split": request.split}
    optional["--watch-every"] = None if request.watch_every is None else str(request.watch_every)
    optional["--image-size"] = None if request.image_size is None else "x".join(map(str, request.image_size))
    train += [word for name, value in optional.items() if value is not None for word in (name, value)]
    train += ["--skip-unreadable"] * request.skip_unreadable
    secrets = {f"FSSPEC_{protocol.upper()}": json.dumps(options) for protocol, options in fsspec.config.conf.items()}
    try:
        status, text = _run(launch + train, os.environ | secrets | {MASTER: str(os.getpid())})
        if status != 0:
            said = next((line for line in text.splitlines() if line.startswith("error:")), text[-2000:])
            raise TrainingError(f"the {count} processes that trained together failed: {said.removeprefix('error: ')}")
        os.replace(scratch, folder.path / "synthesizer")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    folder.keep("synthesizer")


def _run(command: list[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run ``command``, and return its status and what it said on standard error; it ends when we are stopped."""
    with tempfile.TemporaryFile("w+") as said:
        launcher = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        try:
            status = launcher.wait()
        except BaseException:
            # A launcher that is asked to end ends its processes; one that is killed does not.
            launcher.terminate()
            try:
                launcher.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                launcher.kill()
            raise
        said.seek(0)
        return status, said.read()
