from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from typing import Any

import pytest
from prefect import flow
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import Secret
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events.filters import EventFilter, EventNameFilter
from prefect.events.worker import EventsWorker

from flows import notify
from ganaug.errors import ConfigError

pytestmark = pytest.mark.usefixtures("server")
EFFECT = {"verdict": "harms", "sentence": "ours harms: leave it out.", "arms": [1, 2, 3]}


@pytest.fixture
def listener() -> Iterator[tuple[str, Queue[dict[str, Any]]]]:
    """Listen on loopback, and give the URL and what was posted to it."""
    posted: Queue[dict[str, Any]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            posted.put(json.loads(body) if isinstance(body, str) else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", posted
    server.shutdown()
    server.server_close()


@flow(name="finding", flow_run_name="finding-run")
def finding(**found: Any) -> list[str]:
    names = notify.emit_findings("s3://me:secret@bucket/rare?sig=secret", title="table-label", **found)
    EventsWorker.instance().wait_until_empty()
    return names


def events(*names: str) -> list[Any]:
    """Wait until the server has an event of each of ``names``, and return them."""
    for _ in range(100):
        with get_client(sync_client=True) as client:
            seen = client.read_events(EventFilter(event=EventNameFilter(name=list(names))), limit=50).events
        found = [event for event in seen if event.resource.id == "s3://bucket/rare"]  # other tests have runs, too
        if {event.event for event in found} >= set(names):
            return found
        time.sleep(0.1)
    raise AssertionError(f"of {names} the server has {[event.event for event in found]}")


def test_what_a_run_found_becomes_events_that_name_it_and_hold_no_secret() -> None:
    names = finding(effect=EFFECT, changes=[f"column {i} changed" for i in range(60)], published=False, reason="harms")
    assert names == ["ganaug.verdict.harms", "ganaug.drift", "ganaug.not-published"]
    found = {event.event: event for event in events(*names)}
    for event in found.values():
        assert event.resource.id == "s3://bucket/rare" and event.payload["title"] == "table-label"
        assert "secret" not in event.model_dump_json()
        assert "flow-run" in {related.role for related in event.related}, "the run that found it is linked"
    assert found[notify.HARMS].payload == {
        "title": "table-label",
        "verdict": "harms",
        "text": "ours harms: leave it out.",
    }
    assert found[notify.DRIFT].payload["changes"][-2:] == ["column 49 changed", "and 10 more"]
    assert found[notify.NOT_PUBLISHED].payload["text"] == "harms"


def test_nothing_is_told_of_what_was_not_found() -> None:
    assert finding(effect=None, changes=[], published=None) == []
    assert finding(effect={**EFFECT, "verdict": "no evidence"}, published=True) == [
        "ganaug.verdict.no-evidence",
        "ganaug.published",
    ]


def test_automations_are_made_once_and_notify_somebody(listener: tuple[str, Queue[dict[str, Any]]]) -> None:
    url, posted = listener
    block = CustomWebhookNotificationBlock(name="team", url=url, json_data={"title": "{{subject}}", "text": "{{body}}"})
    block.save("team", overwrite=True)
    made = notify.ensure_automations("custom-webhook/team")
    again = notify.ensure_automations("custom-webhook/team")
    assert made == again
    with get_client(sync_client=True) as client:
        for name, _ in notify.EVENTS.values():
            assert len(client.read_automations_by_name(name)) == 1
    told = _until_posted(posted, changes=["class 'rare' is gone (12 rows then)"])
    assert told["title"] == "table-label: the data or the verdict changed"
    assert "- class 'rare' is gone (12 rows then)" in told["text"] and "Run: finding-run" in told["text"]
    told = _until_posted(posted, effect=EFFECT)
    assert told["title"] == "table-label: the augmentation harms" and EFFECT["sentence"] in told["text"]

    Webhook(url=url).save("hook", overwrite=True)
    moved = notify.ensure_automations("webhook/hook")
    assert moved == made, "changed, not added"
    told = _until_posted(posted, changes=["column 'age' changed"], has="event")
    assert told["event"] == "ganaug.drift" and told["payload"]["changes"] == ["column 'age' changed"]


def _until_posted(posted: Queue[dict[str, Any]], *, has: str = "title", **found: Any) -> dict[str, Any]:
    """Emit ``found`` until something with the key ``has`` is posted: a server takes a while to know an automation."""
    while not posted.empty():
        posted.get()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        finding(**found)
        try:
            while has not in (got := posted.get(timeout=3)):
                pass
            return got
        except Empty:
            continue
    raise AssertionError("nobody was notified within a minute")


def test_a_block_that_is_not_there_or_cannot_notify_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no block 'slack-webhook/nobody'"):
        notify.ensure_automations("slack-webhook/nobody")
    Secret(value="x").save("quiet", overwrite=True)
    with pytest.raises(ConfigError, match="cannot notify"):
        notify.ensure_automations("secret/quiet")
