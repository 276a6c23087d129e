"""Two processes that train together, against one: the same weights but for rounding, and the same bits on both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_iris

import ganaug
from ganaug import Synthesizer, distributed
from ganaug.errors import ConfigError
from ganaug.gan import Draw
from tests import distributed_runs

ROOT = Path(__file__).parent.parent
ROUNDING = 5e-6
"""Four steps of learning rate 1e-3 on two processes and on one end within 1e-6; without averaging, 5e-3 apart."""


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, timeout=500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("two")
    ended = torchrun("-m", "tests.distributed_runs", str(path))
    assert not ended.returncode, ended.stderr
    return path


def furthest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> tuple[float, str]:
    """Return how far the weights and losses are apart at most, and where."""
    assert a.keys() == b.keys()
    return max(((a[key] - b[key]).abs().max().item(), key) for key in a)


@pytest.mark.slow
@pytest.mark.parametrize("name", distributed_runs.MATCHED)
def test_two_processes_come_to_the_weights_of_one(folder: Path, name: str) -> None:
    two = load_file(folder / f"{name}0.safetensors")
    one = distributed_runs.state(*distributed_runs.trained(name))
    distance, where = furthest(one, two)
    assert distance < ROUNDING, where


@pytest.mark.slow
@pytest.mark.parametrize("name", [*distributed_runs.MATCHED, "undisturbed"])
def test_both_processes_have_the_same_bits(folder: Path, name: str) -> None:
    first, second = (load_file(folder / f"{name}{rank}.safetensors") for rank in (0, 1))
    assert furthest(first, second)[0] == 0


@pytest.mark.slow
def test_that_gradients_are_not_averaged_would_be_seen(folder: Path) -> None:
    first, second = (load_file(folder / f"apart{rank}.safetensors") for rank in (0, 1))
    together = load_file(folder / "r3gan0.safetensors")
    assert min(furthest(first, second)[0], furthest(first, together)[0]) > 100 * ROUNDING


@pytest.mark.slow
def test_a_batch_that_cannot_be_shared_is_refused_everywhere(folder: Path) -> None:
    for rank in (0, 1):
        message = (folder / f"refused{rank}.txt").read_text()
        assert message == "the batch must divide by the number of processes, however: batch=3, processes=2"


@pytest.mark.slow
def test_the_first_process_decides(folder: Path) -> None:
    assert [(folder / f"agreed{rank}.txt").read_text() for rank in (0, 1)] == [str(2**60)] * 2


@pytest.mark.slow
def test_the_first_process_writes_the_checkpoint_and_both_go_on_from_it(folder: Path) -> None:
    assert [(folder / f"checkpoint{rank}").exists() for rank in (0, 1)] == [True, False]
    for rank in (0, 1):
        undisturbed, resumed = (load_file(folder / f"{n}{rank}.safetensors") for n in ("undisturbed", "resumed"))
        assert furthest(undisturbed, resumed)[0] == 0
        assert "not all processes found the same" in (folder / f"differs{rank}.txt").read_text()


@pytest.mark.slow
def test_torchrun_of_the_command_line_writes_and_prints_once(tmp_path: Path) -> None:
    load_iris(as_frame=True).frame.to_csv(tmp_path / "iris.csv", index=False)
    out = tmp_path / "generator"
    ended = torchrun("-m", "ganaug", "train", str(tmp_path / "iris.csv"), "-t", "target", "-o", str(out))
    assert not ended.returncode, ended.stderr
    assert ended.stdout.count("Fitted") == 1
    assert sorted(path.name for path in out.iterdir()) == ["synthesizer.json", "weights.safetensors"]
    synthesizer = Synthesizer.load(out, device="cpu")
    assert synthesizer.provenance["processes"] == 2
    assert synthesizer.sample(conditions={2: 3}, random_state=0)["target"].tolist() == [2, 2, 2]


def test_alone_nothing_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert distributed.start("cpu") == "cpu"
    assert (distributed.world(), distributed.rank(), distributed.is_first()) == (1, 0, True)
    x = torch.tensor([1.0, 2.0])
    distributed.average_([x])
    distributed.sum_([x])
    distributed.copy_first_([x])
    assert x.tolist() == [1, 2]
    assert distributed.agreed(7) == 7
    assert distributed.shard(5) == slice(0, 5)


def test_processes_that_nobody_started_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ConfigError, match=r"WORLD_SIZE=2 asks for several processes, however RANK.* is not set"):
        distributed.start("cpu")


def test_a_process_takes_a_card_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match="each process needs a card of its own, however: process 1"):
        distributed.start("auto")
    with pytest.raises(ConfigError, match="each process takes a card of its own; give device='cuda', however"):
        distributed.start("cuda:0")


def test_buckets_hold_one_kind_and_every_tensor_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "BUCKET", 10)
    tensors = [torch.zeros(n, dtype=d) for n in (4, 6, 1, 30, 2) for d in (torch.float32, torch.float64)]
    buckets = list(distributed._buckets(tensors))
    assert sorted(id(t) for bucket in buckets for t in bucket) == sorted(id(t) for t in tensors)
    for bucket in buckets:
        assert len({t.dtype for t in bucket}) == 1
        assert len(bucket) == 1 or sum(len(t) for t in bucket) <= 10
    assert len(buckets) == 8


def test_the_parts_of_a_batch_are_the_batch() -> None:
    def whole() -> Draw:
        rng = torch.Generator().manual_seed(0)
        y = torch.arange(6).expand(2, 6)
        return Draw(
            real=torch.randn(2, 6, 3, generator=rng), y=y, inputs={"z": torch.randn(2, 6, 1, generator=rng)}, rng=rng
        )

    parts = [whole().part(slice(0, 3)), whole().part(slice(3, 6))]
    assert torch.equal(torch.cat([p.real for p in parts], 1), whole().real)
    assert torch.equal(torch.cat([p.inputs["z"] for p in parts], 1), whole().inputs["z"])
    assert torch.equal(torch.cat([p.uniform(2) for p in parts], 1), whole().uniform(2))
    assert torch.cat([p.previous()[1] for p in parts], 1)[0].tolist() == [5, 0, 1, 2, 3, 4]
    assert torch.equal(torch.cat([p.previous()[0] for p in parts], 1), whole().real.roll(1, dims=1))


def test_a_run_that_augments_refuses_to_be_one_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"runs in one process, however WORLD_SIZE=2: .*torchrun -m ganaug train"):
        ganaug.augment(load_iris(as_frame=True).frame, target="target", progress=False)
