"""What the Prefect page of a run shows: how far it is and how it goes, sample pictures, and what came out."""

from __future__ import annotations

import base64
import io
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pyarrow as pa
from PIL import Image
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run, task_run
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from ganaug.image_schema import ImageSchema
from ganaug.report import Picture, noticed, sample_pictures, training_picture
from ganaug.report.words import duration, markdown
from ganaug.schema import TableSchema
from ganaug.watching import picture_name

__all__ = [
    "INTERVAL",
    "PageProgress",
    "arms_table",
    "show_changes",
    "show_samples",
    "show_training",
    "show_verdict",
    "show_warnings",
]

INTERVAL = 5.0
"""Seconds between two updates of a progress artifact. One costs about 20 ms; many at once lock SQLite."""
AWAY = 60.0
"""Seconds that a server which did not answer is left alone."""
PATIENCE = 3.0
"""Seconds that an update waits for the server, which is not asked twice: with Prefect's own five retries a server that
is away would hold up the training for a minute at every update."""

LARGEST = 1_000_000
"""Bytes of a picture of the training; twelve classes of large images may have several times as many."""
IN_A_LINE = 3
"""Panels of columns beside each other."""

_log = logging.getLogger("ganaug.flows")


@dataclass(kw_only=True)
class _Work:
    """One kind of work, from when it was first told about, or began anew."""

    since: float
    first: int
    done: int = 0
    total: int = 0
    note: str = ""
    told: float = -float("inf")
    shown: bool = False
    """Whether the page has the last of it."""
    artifact: UUID | None = None

    def percent(self) -> float:
        return 100.0 if self.done >= self.total else 100.0 * self.done / self.total

    def left(self, now: float) -> str:
        """Say how long the rest takes at the rate so far, "" while nothing is known."""
        if self.done >= self.total or self.done <= self.first or now <= self.since:
            return ""
        return f"{duration((now - self.since) * (self.total - self.done) / (self.done - self.first))} left"


class PageProgress:
    """A `ganaug.progress.Progress` that keeps one progress artifact a kind of work, and a line of the log at its ends.

    The artifact says in words how far the work is, how it goes and how long it still takes. It is told at most every
    ``interval`` seconds, and when a work is done. A server that does not answer is logged, left alone for ``away``
    seconds, and costs nothing but the picture: training goes on.
    """

    def __init__(
        self, *, interval: float = INTERVAL, away: float = AWAY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval, self._away, self._clock = interval, away, clock
        self._works: dict[str, _Work] = {}
        self._artifacts = _Artifacts()
        self._silent_until = -float("inf")

    def __call__(self, work: str, done: int, total: int, note: str = "") -> None:
        """Show that ``done`` of ``total`` units of ``work`` are done, and how it goes."""
        now = self._clock()
        known = self._works.get(work)
        if known is None or done < known.done:
            artifact = None if known is None else known.artifact
            known = self._works[work] = _Work(since=now, first=done, artifact=artifact)
            _log.info("%s: %s", work, f"goes on at {done:,} of {total:,}" if done > 1 else f"{total:,} to do")
        before = known.percent() if known.total else 0.0
        known.done, known.total, known.note = done, total, note or known.note
        finished = done >= total
        if finished and before < 100:
            _log.info("%s", f"{work}: done in {duration(now - known.since)}" + (f" ({known.note})" if note else ""))
        if finished or now - known.told >= self._interval:
            self._tell(work, known, now)

    def finish(self) -> None:
        """Show that everything begun is done; some work turns out to be less than was foreseen."""
        self._silent_until = -float("inf")
        for work, known in self._works.items():
            if known.percent() < 100 or not known.shown:
                known.total = known.done
                self._tell(work, known, self._clock())
        self.close()

    def close(self) -> None:
        """Let the server go; what is not done stays as it was shown."""
        self._artifacts.close()

    def _tell(self, work: str, known: _Work, now: float) -> None:
        known.told, known.shown = now, False
        if now < self._silent_until:
            return
        told = [f"{known.done:,} of {known.total:,}", known.note, known.left(now)]
        description = f"**{work}**: " + ", ".join(part for part in told if part)
        try:
            known.artifact = self._artifacts.publish(
                known.artifact, key=f"progress-{_key(work)}", percent=known.percent(), description=description
            )
            known.shown = True
        except (httpx.HTTPError, PrefectException) as error:
            self._silent_until = now + self._away
            _log.warning(
                "the page does not show that %s is at %.0f %%: %s: %s; the work goes on, the page is told again in "
                "%.0f s at the earliest",
                work, known.percent(), type(error).__name__, error, self._away,
            )  # fmt: skip


class _Artifacts:
    """Makes and changes progress artifacts of this run through a client that is asked once, and for `PATIENCE`.

    Not `prefect.artifacts.update_progress_artifact`: it uses the run's own client, which waits for a minute.
    """

    def __init__(self) -> None:
        self._client: SyncPrefectClient | None = None

    def publish(self, artifact: UUID | None, *, key: str, percent: float, description: str) -> UUID:
        """Make or update an artifact, and return its identifier.

        Raises
        ------
        httpx.HTTPError, PrefectException
            The server did not answer, or refused.
        """
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            if self._client is None:
                self._client = get_client(httpx_settings={"timeout": PATIENCE}, sync_client=True).__enter__()
            if artifact is not None:
                self._client.update_artifact(artifact, ArtifactUpdate(data=percent, description=description))
                return artifact
            made = ArtifactCreate(
                type="progress",
                key=key,
                description=description,
                data=percent,
                flow_run_id=flow_run.id and UUID(flow_run.id),
                task_run_id=task_run.id and UUID(task_run.id),
            )
            return self._client.create_artifact(made).id

    def close(self) -> None:
        """Let go of the connection; another `publish` makes a new one."""
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None


def arms_table(effect: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the verdict's table: an arm a row, what it scores, and its difference from doing nothing.

    ``effect`` is what `ganaug.evaluate.effect.Effect.to_json` gives.
    """
    return [
        {
            "arm": arm["label"],
            effect["scoring"]: _rounded(arm["score"]),
            "against nothing": _rounded(arm["difference"]),
            "95 % low": _rounded(arm["low"]),
            "95 % high": _rounded(arm["high"]),
            "seconds": _rounded(arm["seconds"], 1),
            "note": arm["note"],
        }
        for arm in effect["arms"]
    ]


def show_verdict(
    text: str,
    effect: Mapping[str, Any] | None,
    *,
    report: str | None = None,
    warnings: Sequence[str] = (),
) -> None:
    """Publish what came out: artifacts ``verdict``, ``arms``, ``report`` and ``warnings``.

    Args:
        text: Markdown, such as report.md.
        effect: `Effect.to_json()`; its arms become a table with intervals, its own warnings join ``warnings``.
        report: where report.html lies, a path or a URL; it becomes a link.
        warnings: of the data; see `show_warnings`.
    """
    create_markdown_artifact(key="verdict", markdown=text, description="What came out")
    if effect is not None:
        create_table_artifact(key="arms", table=arms_table(effect), description=effect["sentence"])
    if report is not None:
        link = report if "://" in report else Path(report).absolute().as_uri()
        where = f"The whole report lies at {report}"  # a browser does not follow a link from the page to a file
        create_link_artifact(key="report", link=link, link_text="report.html", description=where)
    show_warnings([*warnings, *([] if effect is None else effect["warnings"])])


def show_warnings(warnings: Sequence[str]) -> None:
    """Publish what deserves a look as artifact ``warnings``, and log every line as a warning; nothing for none."""
    if not warnings:
        return
    lines = list(dict.fromkeys(warnings))
    for line in lines:
        _log.warning("%s", line)
    text = "\n".join(f"- ⚠️ {markdown(line)}" for line in lines)
    create_markdown_artifact(key="warnings", markdown=text, description=f"What deserves a look: {len(lines)}")


def show_changes(changes: Sequence[str]) -> None:
    """Publish what changed since the last run as artifact ``changes``, and log it; nothing for nothing."""
    if not changes:
        return
    for line in changes:
        _log.info("since the last run: %s", line)
    text = "\n".join(f"- {markdown(line)}" for line in changes)
    create_markdown_artifact(key="changes", markdown=text, description=f"Since the last run: {len(changes)}")


def show_samples(
    real: pa.Table,
    synthetic: pa.Table | None,
    schema: TableSchema | ImageSchema,
    *,
    fidelity: Mapping[str, Any] | None = None,
) -> None:
    """Publish pictures of synthetic rows beside real ones as artifact ``samples``, of at most 2 MB.

    Of a table the distributions of the columns that differ most by ``fidelity`` (`Fidelity.to_json`), of images a
    contact sheet a class. A table without synthetic rows has none.
    """
    pictures = sample_pictures(real, synthetic, schema, fidelity=fidelity)
    if not pictures:
        return
    made = 0 if synthetic is None else len(synthetic)
    if isinstance(schema, ImageSchema):
        what = f"{made:,} synthetic images beside real ones" if made else "Real images; none were added"
        text = "\n\n".join(f"### {markdown(picture.title)}\n\n{_image(picture)}" for picture in pictures)
    else:
        what = f"{made:,} synthetic rows beside real ones of the same classes"
        text = "Gray: real rows. Colour: synthetic rows. The columns that differ most come first.\n\n"
        text += _grid(pictures)
    create_markdown_artifact(key="samples", markdown=text, description=what)


def show_training(
    history: Sequence[Mapping[str, Any]], *, best_step: int | None = None, pictures: Mapping[str, bytes] | None = None
) -> None:
    """Publish how a training went as artifact ``training``: what was noticed, its curves, and of images the last ones.

    Args:
        history: of one generator; see `ganaug.watching.alarms`. Nothing is published of one that was not trained.
        best_step: the step whose weights were kept.
        pictures: PNG by name; see `ganaug.steps.pictures`. A large one is halved until the page can take it.
    """
    chart = training_picture(history, best_step)
    if chart is None:
        return
    parts = [f"- ⚠️ {markdown(line)}" for line in noticed(history)]
    parts.append(_image(chart))
    last = history[-1]["step"]
    drawn = (pictures or {}).get(picture_name(history[-1]))
    if drawn is not None:
        told = f"Drawn from the same noise at every observation; here at step {last:,}"
        picture = Picture(title="samples", told=told, media_type="image/png", content=_smaller(drawn))
        parts.append(f"{told}:\n\n{_image(picture)}")
    kept = "" if best_step is None else f"; the weights of step {best_step:,} were kept"
    description = f"How the generator's training went, {last:,} steps{kept}"
    create_markdown_artifact(key="training", markdown="\n\n".join(parts), description=description)


def _smaller(picture: bytes) -> bytes:
    """Halve a PNG until it has at most `LARGEST` bytes."""
    while len(picture) > LARGEST:
        halved = io.BytesIO()
        Image.open(io.BytesIO(picture)).reduce(2).save(halved, "PNG")
        picture = halved.getvalue()
    return picture


def _image(picture: Picture) -> str:
    content = base64.b64encode(picture.content).decode("ascii")
    return f"![{markdown(picture.told)}](data:{picture.media_type};base64,{content})"


def _grid(pictures: Sequence[Picture]) -> str:
    """Return a Markdown table of pictures, as the page puts each on a line of its own otherwise."""
    cells = list(map(_image, pictures))
    width = min(IN_A_LINE, len(cells))
    lines = [cells[i : i + width] for i in range(0, len(cells), width)]
    head = f"|{' |' * width}\n|{'---|' * width}\n"
    return head + "\n".join(f"| {' | '.join([*line, *[''] * (width - len(line))])} |" for line in lines)


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


def _key(work: str) -> str:
    """Return ``work`` in the letters that an artifact's key may have."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in work.lower()).split())
