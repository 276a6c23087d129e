from __future__ import annotations

import base64
import io
import logging
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_digits

from flows import page
from ganaug.data import read_images, read_table

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
        self.words: list[str] = []
        self.asked = 0
        self.failing = False
        monkeypatch.setattr(page._Artifacts, "publish", self.publish)

    def publish(self, artifact: object, *, key: str, percent: float, description: str) -> object:
        self.asked += 1
        if self.failing:
            raise httpx.ConnectError("no server")
        self.told.append((key, percent))
        self.words.append(description)
        return artifact or uuid4()


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


def test_a_work_that_failed_stays_where_it_was(server: Server) -> None:
    progress = page.PageProgress()
    progress("training", 37, 100)
    progress.close()
    assert server.told == [("progress-training", 37.0)]


def test_each_kind_of_work_has_its_own_artifact_under_a_key_that_prefect_accepts(server: Server) -> None:
    progress = page.PageProgress()
    progress("effect: 5 Folds", 1, 4)
    progress("training", 1, 2)
    assert server.told == [("progress-effect-5-folds", 25.0), ("progress-training", 50.0)]


def test_a_server_that_is_down_is_logged_left_alone_for_a_while_and_does_not_end_the_training(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.failing = True
    now = [0.0]
    progress = page.PageProgress(interval=0.0, away=60.0, clock=lambda: now[0])
    with caplog.at_level(logging.WARNING, logger="ganaug.flows"):
        for done in range(1, 6):
            now[0] += 10
            progress("training", done, 10)
    assert caplog.text.count("training is at 10 %") == 1 and server.asked == 1
    server.failing = False
    now[0] = 71.0
    progress("training", 7, 10)
    assert server.told == [("progress-training", 70.0)]


def test_what_the_server_missed_at_the_end_is_told_when_all_is_finished(server: Server) -> None:
    progress = page.PageProgress(interval=0.0)
    progress("training", 1, 10)
    server.failing = True
    progress("training", 10, 10)
    server.failing = False
    progress.finish()
    assert server.told == [("progress-training", 10.0), ("progress-training", 100.0)]


def test_the_words_say_how_it_goes_and_how_long_it_takes(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    progress = page.PageProgress(interval=0.0, clock=lambda: now[0])
    with caplog.at_level(logging.INFO, logger="ganaug.flows"):
        progress("training", 200, 1000, "critic 0.5")  # a run that goes on
        now[0] += 60
        progress("training", 400, 1000, "critic 0.4")
        now[0] += 200
        progress("training", 1000, 1000, "critic 0.3")
        progress("training", 0, 1000)  # the next fold
    assert server.words == [
        "**training**: 200 of 1,000, critic 0.5",
        "**training**: 400 of 1,000, critic 0.4, 3 min 0 s left",
        "**training**: 1,000 of 1,000, critic 0.3",
        "**training**: 0 of 1,000",
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "training: goes on at 200 of 1,000",
        "training: done in 4 min 20 s (critic 0.3)",
        "training: 1,000 to do",
    ]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Artifacts by key instead of on a server."""
    made: dict[str, dict[str, Any]] = {}
    for kind in ("markdown", "table", "link"):
        monkeypatch.setattr(page, f"create_{kind}_artifact", lambda *, key, **content: made.update({key: content}))
    return made


def test_a_verdict_comes_with_its_arms_the_report_and_warnings_as_such(
    shown: dict[str, dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    effect = {**EFFECT, "warnings": ["SMOTE was left out: 2 rows"]}
    with caplog.at_level(logging.WARNING, logger="ganaug.flows"):
        page.show_verdict("## No", effect, report=str(tmp_path / "report.html"), warnings=["a|b <c>", "a|b <c>"])
    assert shown["verdict"]["markdown"] == "## No"
    assert shown["arms"]["table"][1]["95 % low"] == -0.05
    assert shown["report"]["link"] == (tmp_path / "report.html").as_uri()
    assert shown["warnings"]["markdown"].splitlines() == ["- ⚠️ a\\|b &lt;c&gt;", "- ⚠️ SMOTE was left out: 2 rows"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    page.show_verdict("", None, report="s3://bucket/run/report.html")
    assert shown["report"]["link"] == "s3://bucket/run/report.html"


def test_no_warning_makes_no_artifact(shown: dict[str, dict[str, Any]]) -> None:
    page.show_verdict("fine", {**EFFECT, "warnings": []})
    assert set(shown) == {"verdict", "arms"}


def test_samples_of_a_table_are_panels_three_in_a_line(shown: dict[str, dict[str, Any]]) -> None:
    frame = load_breast_cancer(as_frame=True).frame.iloc[:, -5:]
    data = read_table(frame, target="target", id_columns=[])
    page.show_samples(data.table, data.table.slice(0, 50), data.schema)
    text = shown["samples"]["markdown"]
    assert [line.count("](data:image/svg+xml;base64,") for line in text.splitlines()[-2:]] == [3, 1]
    assert len(text) < 2_000_000 and "50 synthetic rows" in shown["samples"]["description"]
    shown.clear()
    page.show_samples(data.table, data.table.slice(0, 0), data.schema)
    assert not shown


def test_samples_of_images_are_contact_sheets(shown: dict[str, dict[str, Any]]) -> None:
    X, y = load_digits(return_X_y=True)
    data = read_images(((X.reshape(-1, 8, 8) * 15).astype(np.uint8), y))
    page.show_samples(data.table, data.table.filter(pa.array(y == 3)), data.schema)
    text = shown["samples"]["markdown"]
    assert text.startswith("### 3\n\n![") and text.count("data:image/png;base64,") == 1


def test_the_training_is_shown_with_its_curves_its_last_pictures_and_what_was_noticed(
    shown: dict[str, dict[str, Any]],
) -> None:
    found = {"kind": "collapse", "of": "3", "text": "mode collapse: class '3' ...; take fewer steps"}
    history: list[dict[str, Any]] = [
        {"step": step, "critic": 1.0, "accuracy real": 0.5, "variety": [0.5, None]} for step in (0, 50, 100)
    ]
    history[1]["noticed"] = [found]
    page.show_training(history, best_step=50, pictures={"000100.png": b"last", "000050.png": b"first"})
    text = shown["training"]["markdown"]
    assert text.startswith(
        "- ⚠️ mode collapse: class '3' ...; take fewer steps\n\n![How the training went](data:image/svg"
    )
    assert text.endswith("(data:image/png;base64,bGFzdA==)") and "at step 100" in text
    assert shown["training"]["description"].endswith("100 steps; the weights of step 50 were kept")
    chart = base64.b64decode(text.split("svg+xml;base64,")[1].split(")")[0]).decode()
    assert "50 % is guessing" in chart and "kept: step 50" in chart
    # The last step was seen twice: what the training went back from is not what came of it.
    history.append({"step": 100, "critic": 1.0, "retry": 1})
    page.show_training(history, pictures={"000100.png": b"collapsed", "000100-retry1.png": b"sound"})
    assert base64.b64encode(b"sound").decode() in shown["training"]["markdown"]
    shown.clear()
    page.show_training(history[:1])
    assert not shown, "a generator that was not trained has no curve"


def test_a_large_picture_of_the_training_is_made_smaller(shown: dict[str, dict[str, Any]]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1200, 800, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    history = [{"step": step, "critic": 1.0} for step in (0, 50)]
    page.show_training(history, pictures={"000050.png": buffer.getvalue()})
    content = base64.b64decode(shown["training"]["markdown"].rpartition("base64,")[2].rstrip(")"))
    assert len(content) <= page.LARGEST < len(buffer.getvalue())
    assert Image.open(io.BytesIO(content)).size == (400, 600)


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
