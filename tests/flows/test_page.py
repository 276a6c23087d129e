from __future__ import annotations

import logging
from uuid import uuid4

import httpx
import pytest

from flows import page

NOTHING = {"name": "nothing", "label": "Nothing", "score": 0.9, "difference": 0.0, "low": None, "high": None}
SMOTE = {
    "name": "smote",
    "label": "SMOTE",
    "score": 0.87654,
    "difference": -0.02346,
    "low": -0.05,
    "high": 0.01,
}
EFFECT = {
    "scoring": "average_precision",
    "sentence": "No evidence that it helps.",
    "arms": [
        {**NOTHING, "p": None, "seconds": 1.23, "note": ""},
        {**SMOTE, "p": 0.2, "seconds": 2.0, "note": "five neighbours"},
    ],
}


class Server:
    """Stands in for the artifacts' server and notes what it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[tuple[str, float]] = []
        self.failing = False
        self.names: dict[object, str] = {}
        monkeypatch.setattr(page, "create_progress_artifact", self.create)
        monkeypatch.setattr(page, "update_progress_artifact", self.update)

    def create(self, *, progress: float, key: str, description: str) -> object:
        if self.failing:
            raise httpx.ConnectError("no server")
        name = uuid4()
        self.names[name] = key
        self.told.append((key, progress))
        return name

    def update(self, artifact: object, *, progress: float) -> None:
        if self.failing:
            raise httpx.ConnectError("no server")
        self.told.append((self.names[artifact], progress))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(monkeypatch)


def test_progress_is_told_at_most_once_an_interval_and_at_the_end(server: Server) -> None:
    now = [0.0]
    progress = page.PageProgress(interval=5.0, clock=lambda: now[0])
    for done in range(11):
        now[0] = float(done)  # one unit a second
        progress("training", done, 10)
    assert server.told == [
        ("progress-training", 0.0),
        ("progress-training", 50.0),
        ("progress-training", 100.0),
    ]


def test_what_turns_out_to_be_less_than_foreseen_is_shown_as_done_at_the_end(server: Server) -> None:
    progress = page.PageProgress()
    progress("training", 2, 2)
    progress("classifiers", 1, 4)
    progress.finish()
    assert server.told == [
        ("progress-training", 100.0),
        ("progress-classifiers", 25.0),
        ("progress-classifiers", 100.0),
    ]


def test_each_kind_of_work_has_its_own_artifact_under_a_key_that_prefect_accepts(server: Server) -> None:
    progress = page.PageProgress()
    progress("effect: 5 Folds", 1, 4)
    progress("training", 1, 2)
    assert server.told == [("progress-effect-5-folds", 25.0), ("progress-training", 50.0)]


def test_a_server_that_is_down_is_logged_and_does_not_end_the_training(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.failing = True
    progress = page.PageProgress(interval=0.0)
    with caplog.at_level(logging.WARNING, logger="flows.page"):
        progress("training", 1, 10)
    assert "training is at 10 %" in caplog.text
    server.failing = False
    progress("training", 2, 10)
    assert server.told == [("progress-training", 20.0)]


def test_the_table_has_one_rounded_row_an_arm() -> None:
    first, second = page.arms_table(EFFECT)
    assert first["arm"] == "Nothing" and first["95 % low"] is None
    assert second == {
        "arm": "SMOTE",
        "average_precision": 0.8765,
        "against nothing": -0.0235,
        "95 % low": -0.05,
        "95 % high": 0.01,
        "seconds": 2.0,
        "note": "five neighbours",
    }
