from __future__ import annotations

import threading
import time

import pytest
import torch
from prefect.client.orchestration import get_client

from flows import slot
from ganaug.errors import ConfigError

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> str:
    """Let this machine have a card, and the server a limit with one slot for it."""
    monkeypatch.setattr(slot, "resolve_device", lambda _: torch.device("cuda"))
    monkeypatch.setenv("GANAUG_GPU_LIMIT", "gpu:this-host")
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name("gpu:this-host", 1)
    return "gpu:this-host"


def active(name: str) -> int:
    with get_client(sync_client=True) as client:
        return client.read_global_concurrency_limit_by_name(name).active_slots


def test_two_runs_on_one_card_wait_for_each_other(card: str) -> None:
    events: list[str] = []

    def train(name: str) -> None:
        with slot.gpu_slot("auto"):
            events.append(f"{name} begins")
            time.sleep(1)
            events.append(f"{name} ends")

    threads = [threading.Thread(target=train, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    assert active(card) == 1
    for thread in threads:
        thread.join(60)
    first, second = events[0][0], events[2][0]
    assert events == [f"{first} begins", f"{first} ends", f"{second} begins", f"{second} ends"] and first != second
    assert active(card) == 0


def test_the_slot_is_given_back_when_training_fails(card: str) -> None:
    with pytest.raises(RuntimeError, match="diverged"), slot.gpu_slot("cuda"):
        assert active(card) == 1
        raise RuntimeError("diverged")
    assert active(card) == 0


def test_a_server_without_the_limit_is_refused_and_says_how_to_make_it(
    card: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANAUG_GPU_LIMIT", "nobody-made-it")
    refused = pytest.raises(ConfigError, match=r"no concurrency limit 'nobody-made-it'.*python -m flows\.setup")
    with refused, slot.gpu_slot("cuda"):
        pytest.fail("trained without a slot")


def test_on_a_cpu_nobody_waits_for_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANAUG_GPU_LIMIT", "nobody-made-it")
    with slot.gpu_slot("cpu"):
        pass


def test_more_cards_than_there_are_slots_are_refused(card: str) -> None:
    refused = pytest.raises(ConfigError, match=r"2 cards are asked for.*has 1 slots.*--gpu-slots 2")
    with refused, slot.gpu_slot("cuda", cards=2):
        pytest.fail("trained without slots")
    assert active(card) == 0
