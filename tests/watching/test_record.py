"""What is written of a training: complete lines, also after a kill or a full disk; pictures; TensorBoard's events."""

from __future__ import annotations

import errno
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_iris

import ganaug
from ganaug import cli, fitting, trainer
from ganaug.errors import ConfigError, OutputError, TrainingError
from ganaug.fitting import Watching
from ganaug.synthesizer import Synthesizer
from ganaug.variants import r3gan, wgan_gp
from ganaug.watching import record
from tests.digits import digits, image_data

COUNTS = {0: 30, 1: 12}
IMAGES = r3gan.Config(steps=12, batch=8, channels=8)


def fit(watching: Watching | None = None, **more: Any) -> Synthesizer:
    data = image_data(*digits(COUNTS))
    options: dict[str, Any] = {"variant": IMAGES, "seed": 0, "device": "cpu", **more}
    return fitting.fit(data.table, data.schema, watching=watching, **options)


def read(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text("ascii").splitlines()]


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_line_and_a_picture_an_observation(tmp_path: Path) -> None:
    synthesizer = fit(Watching(folder=tmp_path / "w"))
    lines = read(tmp_path / "w")
    assert [line["step"] for line in lines] == list(range(13))
    assert lines == json.loads(record.lines([{"all": synthesizer.history}]))["all"]
    assert {"discriminator", "gradient generator", "score", "accuracy real", "accuracy fake"} <= set(lines[-1])
    assert all(len(lines[-1][name]) == 2 for name in ("variety", "duplicates", "recall", "coverage", "kernel"))
    pictures = sorted((tmp_path / "w" / "samples").iterdir())
    assert [path.name for path in pictures] == [f"{step:06d}.png" for step in range(13)]
    picture = Image.open(pictures[0])
    assert picture.size == (8 * 33 - 1, 2 * 33 - 1), "eight of both classes, each pixel four wide"
    assert json.loads(picture.text["ganaug"]) == {"synthetic": True}  # type: ignore[attr-defined]
    assert pictures[0].read_bytes() != pictures[-1].read_bytes()
    plain = fit()
    assert all(torch.equal(value, synthesizer.weights[name]) for name, value in plain.weights.items())


def test_lines_are_there_while_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take, seen = trainer._take, []

    def watched(*arguments: Any) -> Any:
        seen.append([line["step"] for line in read(tmp_path / "w")])
        return take(*arguments)

    monkeypatch.setattr(trainer, "_take", watched)
    monkeypatch.setattr("ganaug.recovery.recognise", lambda *_, **__: [])
    fit(Watching(folder=tmp_path / "w", every=5))
    assert seen == [list(range(0, step + 1, 5)) for step in range(12) for _ in range(2)]
    assert [line["step"] for line in read(tmp_path / "w")] == [0, 5, 10, 12]
    assert sorted(path.name for path in (tmp_path / "w" / "samples").iterdir()) == [
        f"{step:06d}.png" for step in (0, 5, 10, 12)
    ]


@pytest.mark.parametrize(("killed_at", "every"), [(3, None), (9, None), (20, None), (20, 5)])
def test_a_training_that_goes_on_repeats_no_line_and_misses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int, every: int | None
) -> None:
    # Checkpoints are written every fourth time, so that lines and pictures beyond the last one are there already.
    fit(Watching(folder=tmp_path / "whole", every=every))
    watching = Watching(folder=tmp_path / "w", every=every)
    monkeypatch.setitem(trainer.train.__kwdefaults__, "checkpoint_seconds", 0)
    due, take, asked, taken = trainer.checkpoints.Saves.due, trainer._take, [0], [0]

    def sometimes(self: Any) -> bool:
        asked[0] += 1
        return asked[0] % 4 == 0 and due.fget(self)  # type: ignore[misc]

    def dying(*arguments: Any) -> Any:
        taken[0] += 1
        if taken[0] == killed_at:
            with (tmp_path / "w" / "history.jsonl").open("ab") as file:
                file.write(b'{"half a li')
            raise KeyboardInterrupt
        return take(*arguments)

    monkeypatch.setattr(trainer.checkpoints.Saves, "due", property(sometimes))
    monkeypatch.setattr(trainer, "_take", dying)
    with pytest.raises(KeyboardInterrupt):
        fit(watching, checkpoint=tmp_path / "c")
    fit(watching, checkpoint=tmp_path / "c")
    assert digests(tmp_path / "w") == digests(tmp_path / "whole")


def test_a_full_disk_stops_no_training_and_the_next_line_brings_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fit(Watching(folder=tmp_path / "whole"))
    put, count = record.files.put, [0]

    def full(path: Path, content: bytes) -> None:
        count[0] += 1
        if 5 <= count[0] <= 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(path, content)

    monkeypatch.setattr(record.files, "put", full)
    fit(Watching(folder=tmp_path / "w"))
    assert read(tmp_path / "w") == read(tmp_path / "whole")
    assert "the training goes on without having written how it goes: no space is left" in caplog.text
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to"):
        fit(Watching(folder=tmp_path / "file" / "below"))


def test_pictures_of_another_training_are_removed_and_other_files_are_not(tmp_path: Path) -> None:
    samples = tmp_path / "w" / "samples"
    samples.mkdir(parents=True)
    for name in ("000012.png", "000400.png", "000600-retry2.png", "mine.png", "notes.txt"):
        (samples / name).write_bytes(b"old")
    fit(Watching(folder=tmp_path / "w"))
    names = {path.name for path in samples.iterdir()}
    assert names == {*(f"{step:06d}.png" for step in range(13)), "mine.png", "notes.txt"}
    assert (samples / "000012.png").read_bytes() != b"old"


def test_a_generator_on_disk_holds_json_that_every_reader_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An image generator that has collapsed has an infinite score, and does so at its start more often than not.
    look, scores = fitting.images.ImageMonitor.look, iter([float("inf")])

    def collapsed_at_first(self: Any, gan: Any, networks: Any) -> Any:
        seen = look(self, gan, networks)
        return replace(seen, score=torch.full_like(seen.score, next(scores, 0.0)))

    monkeypatch.setattr(fitting.images.ImageMonitor, "look", collapsed_at_first)
    synthesizer = fit()
    assert synthesizer.history[0]["score"] is None and synthesizer.history[-1]["score"] == 0.0
    synthesizer.save(tmp_path / "g")

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is no JSON")

    text = (tmp_path / "g" / "synthesizer.json").read_text("utf-8")
    assert json.loads(text, parse_constant=refuse)["history"] == synthesizer.history


class Writer:
    """Stands in for torch.utils.tensorboard's SummaryWriter."""

    made: ClassVar[list[Writer]] = []

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step = folder, purge_step
        self.scalars: dict[str, list[int]] = {}
        self.images: list[tuple[int, tuple[int, ...]]] = []
        self.texts: list[tuple[int, str]] = []
        self.flushed, self.closed = 0, 0
        self.made.append(self)

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        assert isinstance(value, float)
        self.scalars.setdefault(tag, []).append(step)

    def add_image(self, tag: str, pixels: np.ndarray, step: int, dataformats: str) -> None:
        assert (tag, dataformats, pixels.dtype) == ("samples", "HWC", np.uint8)
        self.images.append((step, pixels.shape))

    def add_text(self, tag: str, text: str, step: int) -> None:
        self.texts.append((step, text))

    def flush(self) -> None:
        self.flushed += 1

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> list[Writer]:
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(Writer, "made", [])
    return Writer.made


def test_tensorboard_is_sent_every_figure_every_class_and_the_pictures(tmp_path: Path, board: list[Writer]) -> None:
    fit(Watching(folder=tmp_path / "w", tensorboard=tmp_path / "t"))
    (writer,) = board
    assert (writer.folder, writer.purge_step) == (str(tmp_path / "t"), 0)
    assert writer.scalars["discriminator"] == list(range(1, 13))
    assert writer.scalars["accuracy/real"] == writer.scalars["variety/1"] == list(range(13))
    assert {"gradient/generator", "coverage/0", "accuracy/fake"} <= set(writer.scalars)
    assert writer.images == [(step, (65, 263, 3)) for step in range(13)]
    assert (writer.flushed, writer.closed) == (13, 1)


def test_tensorboard_on_a_full_disk_stops_no_training_and_its_file_is_closed_whatever_happens(
    tmp_path: Path, board: list[Writer], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(self: Writer) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Writer, "flush", full)
    fit(Watching(folder=tmp_path / "w", tensorboard=tmp_path / "t"))
    assert "the training goes on without having written how it goes: no space is left" in caplog.text
    assert len(read(tmp_path / "w")) == 13 and board[0].closed == 1

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "_take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(Watching(folder=tmp_path / "w", tensorboard=tmp_path / "t"))
    assert board[1].closed == 1


def test_tensorboard_goes_on_after_the_last_line_and_is_told_what_was_noticed(
    tmp_path: Path, board: list[Writer]
) -> None:
    made = record.Record(tmp_path, class_names=["a", "b"], tensorboard=tmp_path / "t")
    made.begin([{"step": 30, "score": [1.0]}])
    found = {"kind": "collapse", "of": "b", "text": "mode collapse: ..."}
    entry = {"step": 40, "score": [float("inf")], "variety": [[None, 0.01]], "noticed": [[found]]}
    made.add(entry, None, None)  # type: ignore[arg-type]
    (writer,) = board
    assert writer.purge_step == 31 and writer.texts == [(40, "- mode collapse: ...")]
    assert writer.scalars == {"variety/b": [40]}
    assert read(tmp_path)[1] == {"step": 40, "score": None, "variety": [None, 0.01], "noticed": [found]}


def test_between_the_steps_asked_for_only_what_is_first_noticed_is_written(tmp_path: Path) -> None:
    found = {"kind": "won", "of": "", "text": "the discriminator has won"}
    seen: list[dict[str, Any]] = [{"step": 0}, {"step": 5}, {"step": 10}, {"step": 15, "noticed": [[found]]}]
    seen += [{"step": step, "noticed": [[found]]} for step in (20, 25, 28)]
    for known in range(len(seen)):  # what a training that goes on begins with
        made = record.Record(tmp_path, class_names=["a"], every=10, steps=28)
        made.begin(seen[:known])
        for entry in seen[known:]:
            made.add(entry, None, None)  # type: ignore[arg-type]
        assert [line["step"] for line in read(tmp_path)] == [0, 10, 15, 20, 28]


def test_without_tensorboard_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    fit(Watching(folder=tmp_path / "w", tensorboard=tmp_path / "t"))
    assert not (tmp_path / "t").exists() and len(read(tmp_path / "w")) == 13


def test_tensorboard_reads_what_was_sent(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(Watching(folder=tmp_path / "w", tensorboard=tmp_path / "t"))
    events = EventAccumulator(str(tmp_path / "t")).Reload()
    assert [event.step for event in events.Scalars("accuracy/real")] == list(range(13))
    assert [event.step for event in events.Images("samples")][-1] == 12


def test_a_table_is_watched_by_the_call_of_one_line(tmp_path: Path) -> None:
    frame = load_iris(as_frame=True).frame[:115]
    options: dict[str, Any] = {"target": "target", "variant": wgan_gp.Config(steps=12), "random_state": 0}
    ganaug.fit(frame, **options, progress=False, watch=tmp_path / "w", watch_every=5)
    lines = read(tmp_path / "w")
    assert {0, 5, 10, 12} <= {line["step"] for line in lines} < set(range(13)), "and where something is noticed"
    assert not (tmp_path / "w" / "samples").exists(), "rows have no picture"
    assert len(lines[0]["variety"]) == 3 and "accuracy fake" in lines[0]
    with pytest.raises(ConfigError, match="at least 1 step"):
        ganaug.fit(frame, **options, progress=False, watch_every=0)
    with pytest.raises(OutputError, match="must be a local path"):
        ganaug.fit(frame, **options, progress=False, watch="s3://bucket/watched")
    before = digests(tmp_path / "w")
    with pytest.raises(OutputError, match=r"'.*w' is not empty \(it holds .*history.jsonl"):
        ganaug.fit(frame, **options, progress=False, watch=tmp_path / "w")
    assert digests(tmp_path / "w") == before, "the history of another training stays"
    for _ in range(2):  # the call that goes on after a kill is the same one, into the same folder
        ganaug.fit(frame, **options, progress=False, watch=tmp_path / "w", checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="only the training of a single table is written"):
        data = image_data(*digits(COUNTS))
        fitting.fit_many(
            [data.table] * 2, data.schema, variant=IMAGES, seeds=[0, 1], watching=Watching(folder=tmp_path)
        )


def test_a_training_is_watched_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(wgan_gp.Config.__init__.__kwdefaults__, "steps", 24)  # type: ignore[attr-defined]
    monkeypatch.setattr("ganaug.recovery.recognise", lambda *_, **__: [])
    load_iris(as_frame=True).frame[:115].to_csv(tmp_path / "iris.csv", index=False)
    words = ["train", str(tmp_path / "iris.csv"), "--out", str(tmp_path / "g"), "--target", "target", "--quiet"]
    words += ["--variant", "wgan_gp", "--watch", str(tmp_path / "w"), "--watch-every", "9"]
    try:
        cli.main(words)
    except SystemExit as ended:
        assert not ended.code
    assert [line["step"] for line in read(tmp_path / "w")] == [0, 9, 18, 24]  # no twelfths


def test_a_generator_that_collapses_on_the_way_is_named_and_its_training_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # What is made of class 1 is all alike at steps 6 and 7 of the first attempt; a real training is longer.
    monkeypatch.setattr("ganaug.watching.alarms.SHORT", 12)
    monkeypatch.setattr("ganaug.watching.alarms.WON", 1.1)  # at first a discriminator tells all noise
    monitor, looked = fitting.images.ImageMonitor.look, [0]

    def noise(y: torch.Tensor) -> torch.Tensor:
        return torch.rand(*y.shape, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def alike(y: torch.Tensor) -> torch.Tensor:
        return torch.where((y == 1)[..., None, None, None], noise(y)[:, :1], noise(y))

    def look(self: Any, gan: Any, networks: Any) -> Any:
        looked[0] += 1
        make = alike if looked[0] in (7, 8) else noise
        return monitor(self, replace(gan, generate=lambda networks, inputs, y: make(y)), networks)

    monkeypatch.setattr(fitting.images.ImageMonitor, "look", look)
    synthesizer = fit(Watching(folder=tmp_path))
    assert "mode collapse: the generated rows of class '1' differ by 0 % of what real ones do at step 6" in caplog.text
    assert "the training goes back to step 5, with 0.5 of the learning rate" in caplog.text
    assert [e["step"] for e in synthesizer.history] == [*range(8), *range(5, 13)]
    assert (tmp_path / "samples" / "000006-retry1.png").exists() and synthesizer.provenance["best_step"] == 12


def test_three_failures_end_in_an_error_and_leave_the_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = r3gan.build

    def broken(*arguments: Any, **named: Any) -> Any:
        gan = loss(*arguments, **named)
        take = gan.phases[1].loss
        gan.phases = (
            gan.phases[0],
            type(gan.phases[1])(**{**vars(gan.phases[1]), "loss": lambda n, d: take(n, d) / 0}),
        )
        return gan

    monkeypatch.setattr(r3gan, "build", broken)
    with pytest.raises(TrainingError, match=r"phase 'generator' is not finite at step 1: .* went back 3 times"):
        fit(Watching(folder=tmp_path))
    assert [line["step"] for line in read(tmp_path)] == [0, 1] * 4
    assert read(tmp_path)[-1]["noticed"][0]["kind"] == "nan"
