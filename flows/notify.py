"""What a run found, as events; and automations that notify somebody when it harms or when the data drifted.

`emit_findings` is called by a run. Once, by whoever sets the server up:

    python -m flows.notify slack-webhook/ml-team

makes the automations, which send through the notification block ``ml-team``; ``webhook/NAME`` calls a webhook block
with the event as JSON. Called again it changes them and makes no others.

Who wants no automation gives the flow a hook instead; Prefect calls it with the final state, which is named after the
verdict::

    def tell(flow, flow_run, state):
        if state.name == "Harms":
            SlackWebhook.load("ml-team").notify(f"{flow_run.name}: {state.message}")

    nightly = augment.with_options(on_completion=[tell], on_failure=[tell])
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer
from prefect.automations import AutomationCore, CallWebhook, EventTrigger, Posture, SendNotification
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound

from ganaug.errors import ConfigError

__all__ = ["DRIFT", "EVENTS", "HARMS", "NOT_PUBLISHED", "PUBLISHED", "emit_findings", "ensure_automations", "main"]

HARMS = "ganaug.verdict.harms"
"""A verdict's event is named after it; this one is worth waking somebody."""
DRIFT = "ganaug.drift"
PUBLISHED = "ganaug.published"
NOT_PUBLISHED = "ganaug.not-published"
EVENTS: dict[str, tuple[str, str]] = {
    HARMS: ("ganaug: tell of a verdict that harms", "{{ event.payload.title }}: the augmentation harms"),
    DRIFT: ("ganaug: tell of drift", "{{ event.payload.title }}: the data or the verdict changed"),
}
"""Event -> the name of its automation, and the subject of what it sends."""
BODY = (
    "{{ event.payload.text }}\n\nResource: {{ event.resource.id }}"
    "{% if flow_run %}\nRun: {{ flow_run.name }} {{ flow_run | ui_url or '' }}{% endif %}"
)
MAX_CHANGES = 50
"""Sentences that an event carries; it must stay small."""
_SECRET = re.compile(r"(?<=://)[^/@]*@|[?#].*")


def emit_findings(
    resource: str,
    *,
    title: str,
    effect: Mapping[str, Any] | None = None,
    changes: Sequence[str] = (),
    published: bool | None = None,
    reason: str = "",
) -> list[str]:
    """Tell the server what a run found, as events about ``resource``, and return the events' names.

    A verdict gives ``ganaug.verdict.harms``, ``ganaug.verdict.no-evidence`` and so on; ``changes``, unless there are
    none, give ``ganaug.drift``; ``published`` gives ``ganaug.published`` or ``ganaug.not-published``. An event that
    cannot be sent is logged by Prefect and ends no run.

    Args:
        resource: what was augmented: the URL of the data set that is written, or of the store of its versions. A user,
            a password and a query in it are left out.
        title: a few words for people, such as `AugmentRequest.title`.
        effect: ``verdict`` and ``sentence``; `Effect.to_json()` has them.
        changes: sentences of `ganaug.drift.compare` and `ganaug.drift.compare_verdicts`.
        published: whether the synthetic rows were published; None where nobody asked.
        reason: why they were, or were not.
    """
    about = {"prefect.resource.id": _SECRET.sub("", resource), "prefect.resource.name": title}
    found: list[tuple[str, dict[str, Any]]] = []
    if effect is not None:
        name = f"ganaug.verdict.{str(effect['verdict']).replace(' ', '-')}"
        found.append((name, {"verdict": effect["verdict"], "text": effect["sentence"]}))
    if changes:
        shown = [*changes[:MAX_CHANGES], *([f"and {len(changes) - MAX_CHANGES} more"] * (len(changes) > MAX_CHANGES))]
        found.append((DRIFT, {"changes": shown, "text": "\n".join(f"- {line}" for line in shown)}))
    if published is not None:
        found.append((PUBLISHED if published else NOT_PUBLISHED, {"text": reason}))
    for name, payload in found:
        emit_event(event=name, resource=about, payload={"title": title, **payload})
    return [name for name, _ in found]


def ensure_automations(block: str) -> dict[str, UUID]:
    """Make the automations that tell of harm and of drift through ``block``, or change those that are there.

    One that somebody has switched off stays off. Returns the automations' names and identifiers.

    Args:
        block: ``TYPE/NAME`` of a saved block: of any notification block, or ``webhook/NAME``, which is sent the event
            as JSON.

    Raises:
        ConfigError: there is no such block, or it can neither notify nor be called.
    """
    action = _action(block)
    return {name: _ensure(name, event, action(subject)) for event, (name, subject) in EVENTS.items()}


def _ensure(name: str, event: str, action: Any) -> UUID:
    wanted = AutomationCore(
        name=name,
        description=f"Made by `python -m flows.notify`; reacts on {event}.",
        trigger=EventTrigger(expect={event}, posture=Posture.Reactive, threshold=1, within=timedelta(0)),
        actions=[action],
    )
    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(name)
        if not known:
            return client.create_automation(wanted)
        client.update_automation(known[0].id, wanted.model_copy(update={"enabled": known[0].enabled}))
        for surplus in known[1:]:
            client.delete_automation(surplus.id)
    return known[0].id


def _action(block: str) -> Any:
    """Return what makes an action of a subject."""
    type_slug, _, name = block.partition("/")
    try:
        with get_client(sync_client=True) as client:
            document = client.read_block_document_by_name(name, type_slug)
    except ObjectNotFound as error:
        raise ConfigError(
            f"there is no block {block!r}; save one (on the page under Blocks, or with Block.save) and give its "
            "TYPE/NAME, such as slack-webhook/ml-team"
        ) from error
    identifier: UUID = document.id
    if type_slug == "webhook":
        payload = '{"event": {{ event.event | tojson }}, "payload": {{ event.payload | tojson }}}'
        return lambda subject: CallWebhook(block_document_id=identifier, payload=payload)
    schema = document.block_schema
    if schema is None or "notify" not in schema.capabilities:
        raise ConfigError(f"block {block!r} cannot notify; give a notification block, or webhook/NAME")
    return lambda subject: SendNotification(block_document_id=identifier, subject=subject, body=BODY)


def main(
    block: Annotated[str, typer.Argument(help="TYPE/NAME of a saved notification block, or webhook/NAME.")],
) -> None:
    """Have the server tell somebody when an augmentation harms or the data drifted; safe to repeat."""
    try:
        made = ensure_automations(block)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None
    for name in made:
        print(f"{name}: through {block}")


if __name__ == "__main__":
    typer.run(main)
