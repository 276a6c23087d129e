"""What is kept of a training while it runs: a line of JSON an observation, pictures, and TensorBoard's events."""

from __future__ import annotations

import io
import json
import logging
import math
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image
from torch import nn

from ganaug import files
from ganaug.errors import OutputError
from ganaug.gan import Gan
from ganaug.runs import told
from ganaug.storage_errors import may_pass
from ganaug.watching.observe import finite, of_member

__all__ = ["HISTORY", "Record", "Recorder", "describe", "lines", "picture_name", "read_pictures", "write_pictures"]

HISTORY = "history.jsonl"
SAMPLES = "samples"
_PICTURE = re.compile(r"\d{6,}(-retry\d+)?\.png")
_log = logging.getLogger(__name__)
Painter = Callable[[Gan, nn.ModuleDict], bytes]
"""``(gan, networks) ->`` a PNG of what is generated from noise that is the same at every call."""


class Recorder(Protocol):
    """What a training tells."""

    def begin(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Start with what was seen before, none of a new training."""
        ...

    def add(self, entry: Mapping[str, Any], gan: Gan, networks: nn.ModuleDict) -> None:
        """Take note of an observation of the averaged ``networks``."""
        ...


class Record:
    """The record of a training of one member.

    Files written into ``folder``, a local one: ``history.jsonl``, a line an observation, each flushed as it comes, and
    with a ``painter`` ``samples/000600.png``, a picture an observation (``000600-retry1.png`` after the training went
    back). With ``tensorboard`` events in that folder, where the package tensorboard is installed. A training that goes
    on from a checkpoint begins with the lines and pictures up to there, so that none is missing and none comes twice or
    is left of another training. Where the disk is full or the storage away, that is logged, and the training goes on;
    the next line brings what is missing.

    Parameters
    ----------
    folder
        None writes no file.
    painter
        Draws the pictures.
    pictures
        Takes them too, by name.
    keep
        Called when something was written.
    every
        Steps between two observations that are taken down; of others only the last, at ``steps``, and those at which
        something was noticed for the first time. None takes down all.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        class_names: Sequence[str],
        painter: Painter | None = None,
        pictures: dict[str, bytes] | None = None,
        tensorboard: Path | None = None,
        keep: Callable[[], None] | None = None,
        every: int | None = None,
        steps: int | None = None,
    ) -> None:
        self._folder, self._names, self._painter, self._pictures = folder, class_names, painter, pictures
        self._events, self._keep, self._every, self._steps = tensorboard, keep, every, steps
        self._noticed: set[tuple[str, str]] = set()
        self._lines, self._behind = b"", True
        self._writer: Any = None

    def begin(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Write the lines of ``history`` in place of those that are there, and remove the pictures of others."""
        self._noticed.clear()
        own = [entry for entry in (of_member(entry, 0) for entry in history) if self._takes(entry)]
        self._lines, self._behind = lines(own), True
        self._write(b"", {})
        if self._folder is not None:
            _keep_pictures(self._folder, {picture_name(entry) for entry in own})
        if self._events is not None:
            last = history[-1]["step"] if history else -1
            with _going_on(self._events):
                self._writer = _tensorboard(self._events, first_step=last + 1)

    def add(self, entry: Mapping[str, Any], gan: Gan, networks: nn.ModuleDict) -> None:
        """Write a line, and a picture, where the observation is one that was asked for."""
        own = of_member(entry, 0)
        if not self._takes(own):
            return
        painted = {} if self._painter is None else {picture_name(own): self._painter(gan, networks)}
        if self._pictures is not None:
            self._pictures |= painted
        self._write(lines([own]), painted)
        if self._writer is not None and self._events is not None:
            with _going_on(self._events):
                _send(self._writer, own, self._names, next(iter(painted.values()), None))

    def close(self) -> None:
        """Let go of TensorBoard's file and of the thread that writes it."""
        if self._writer is not None and self._events is not None:
            with _going_on(self._events):
                self._writer.close()
            self._writer = None

    def _takes(self, entry: Mapping[str, Any]) -> bool:
        """Say whether an observation is taken down, and remember what was noticed in it.

        Those for the choice of the best step alone are not.
        """
        asked = self._every is None or entry["step"] % self._every == 0 or entry["step"] == self._steps
        found = {(noticed["kind"], noticed["of"]) for noticed in entry.get("noticed", ())}
        new = bool(found - self._noticed)
        self._noticed |= found
        return asked or new

    def _write(self, line: bytes, painted: Mapping[str, bytes]) -> None:
        self._lines += line
        if self._folder is None:
            return
        behind, self._behind = self._behind, True  # until it is written
        with _going_on(self._folder):
            write_pictures(self._folder, painted)
            if behind:
                self._folder.mkdir(parents=True, exist_ok=True)
                files.put(self._folder / HISTORY, self._lines)
            else:
                with (self._folder / HISTORY).open("ab") as file:
                    file.write(line)
            self._behind = False
            if self._keep is not None:
                self._keep()


@contextmanager
def _going_on(place: Path) -> Iterator[None]:
    """Log it where ``place`` cannot be written to for now, as the disk is full, say; raise `OutputError` otherwise."""
    try:
        with told(place):
            yield
    except OutputError as error:
        if not may_pass(error):
            raise
        _log.warning("the training goes on without having written how it goes: %s", error)


def write_pictures(folder: Path, pictures: Mapping[str, bytes]) -> None:
    """Write pictures of a training below ``folder``, where `Record` writes them; nothing for none."""
    if pictures:
        (folder / SAMPLES).mkdir(parents=True, exist_ok=True)
    for name, content in pictures.items():
        path = folder / SAMPLES / name
        if not path.exists() or path.read_bytes() != content:
            files.put(path, content)


def read_pictures(folder: Path) -> dict[str, bytes]:
    """Return the pictures of a training by name, in the order of their names."""
    return {path.name: path.read_bytes() for path in sorted((folder / SAMPLES).glob("*.png"))}


def picture_name(entry: Mapping[str, Any]) -> str:
    """Return what the picture of an observation is called.

    >>> picture_name({"step": 600}), picture_name({"step": 600, "retry": 2})
    ('000600.png', '000600-retry2.png')
    """
    retry = f"-retry{entry['retry']}" if "retry" in entry else ""
    return f"{entry['step']:06d}{retry}.png"


def _keep_pictures(folder: Path, names: Container[str]) -> None:
    """Remove the pictures that another training, or later steps of this one before it was killed, left."""
    with told(folder):
        for path in (folder / SAMPLES).glob("*.png"):
            if path.name not in names and _PICTURE.fullmatch(path.name):
                path.unlink()


def lines(history: Iterable[Mapping[str, Any]]) -> bytes:
    r"""Return entries of one member as lines of JSON.

    >>> lines([{"step": 0, "score": float("inf")}])
    b'{"score": null, "step": 0}\n'
    """
    return "".join(json.dumps(finite(entry), allow_nan=False, sort_keys=True) + "\n" for entry in history).encode()


def describe(losses: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> str:
    """Say in words how a training goes: its losses, and how well the discriminator told at the last observation.

    >>> import numpy as np
    >>> seen = {"step": 5, "accuracy real": [0.8], "accuracy fake": [0.6]}
    >>> describe({"critic": np.array([0.5, 0.7])}, [seen])
    'critic 0.6, real 80 %, fake 60 %'
    """
    told = [f"{name} {float(loss.mean()):.3g}" for name, loss in losses.items()]
    last = history[-1] if history else {}
    for name in ("real", "fake"):
        shares = [share for share in last.get(f"accuracy {name}", ()) if share is not None]
        if shares:
            told.append(f"{name} {100 * sum(shares) / len(shares):.0f} %")
    return ", ".join(told)


# ------------------------------------------------------------------------------------------- TensorBoard
def _tensorboard(folder: Path, *, first_step: int) -> Any:
    """Return TensorBoard's writer into ``folder``, None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    # What a training that was killed has sent of this step and later ones is not shown.
    return SummaryWriter(str(folder), purge_step=first_step)


def _send(writer: Any, entry: Mapping[str, Any], class_names: Sequence[str], picture: bytes | None) -> None:
    """Send all numbers of an entry, its alarms as text, and its picture."""
    step = entry["step"]
    for name, value in entry.items():
        if name == "noticed":
            writer.add_text("noticed", "\n".join(f"- {found['text']}" for found in value), step)
        elif isinstance(value, list):
            for label, part in zip(class_names, value, strict=False):
                if part is not None:
                    writer.add_scalar(f"{name}/{label}", part, step)
        elif name != "step" and value is not None and math.isfinite(value):
            writer.add_scalar(name.replace(" ", "/"), value, step)
    if picture is not None:
        writer.add_image("samples", _pixels(picture), step, dataformats="HWC")
    writer.flush()


def _pixels(picture: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
