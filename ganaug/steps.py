"""What a run does, step by step: plan, train, check, draw. Each step's result is stored once and then only read.

`begin` reads the data and opens the run's folder, if it has one; the steps take the run. A step asks for the ones that
it needs, so that they can be called one by one, in one process or, with a folder, in several.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ganaug import checkpoint, distributed, seeding, variants
from ganaug.arrays import plain, typed
from ganaug.data import TableData
from ganaug.donors import find_donors
from ganaug.errors import ArtefactError, DataWarning, OutputError
from ganaug.evaluate.effect import Effect, measure_effect
from ganaug.evaluate.kept import FolderShelf
from ganaug.files import inside, put
from ganaug.fitting import Watching
from ganaug.image_files import unpublish
from ganaug.image_schema import ImageSchema
from ganaug.parquet import read_manifest, write_parquet
from ganaug.plans import Plan, draw_rows, fit_rows, plan_by_policy
from ganaug.policy import GanAugmenter, Policy, variant_for
from ganaug.progress import Progress, silent
from ganaug.request import Request, keys_of, modality_of, run_name, versions
from ganaug.runs import RunFolder, told
from ganaug.sampling import class_counts, few_rows
from ganaug.storage import join
from ganaug.synthesizer import Synthesizer
from ganaug.watching import HISTORY, lines, read_pictures, write_pictures

__all__ = [
    "Run",
    "amounts",
    "begin",
    "check",
    "draw",
    "pictures",
    "plan",
    "read_rows",
    "source",
    "to_json",
    "train",
    "write_rows",
]

_log = logging.getLogger(__name__)

TRAINING = "training"
"""The folder, in the run's, of the generator's history and pictures while it trained."""
OF_PLAN, OF_TRAINING = "checkpoint-plan.safetensors", "checkpoint.safetensors"
"""Where in the run's folder the trainings of the steps stand; gone when a step is done."""
WITHHELD = ("harms",)
"""Verdicts after which the policy's rows are not added."""


@dataclass(kw_only=True)
class Run:
    """Data, what is asked of them, and the results so far."""

    data: Any
    """What the caller gave."""
    rows: TableData
    request: Request
    seed: int
    name: str = ""
    """Named after all that decides the results: a changed row or option, another name."""
    folder: RunFolder | None = None
    watch_every: int | None = None
    """Steps from one observation of the generator's training that is written to the next; None: a twelfth of it. No
    row depends on it, but of a training that goes wrong, so that it is no part of the request."""
    progress: Progress = silent
    warnings: list[str] = field(default_factory=list)
    """What deserves a look in the data."""
    results: dict[str, Any] = field(default_factory=dict)

    def showing(self, step: str) -> Progress:
        """Return a progress under whose works stands which step they belong to."""
        return lambda work, done, total, note="": self.progress(f"{step}: {work}", done, total, note)

    @property
    def fitting(self) -> dict[str, Any]:
        """What every generator of the run is fitted with."""
        return {"variant": self.request.variant, "seed": self.seed, "device": self.request.device}

    @property
    def codes(self) -> np.ndarray:
        """Class code of every real row ``(n,)``."""
        return self.rows.schema.label_codes(self.rows.table)

    def once(
        self, name: str, make: Callable[[], Any], save: Callable[[Any, Path], Any], load: Callable[[Path], Any]
    ) -> Any:
        """Return the result ``name``: the one at hand, the one in the folder, or a new one; the folder keeps it."""
        path = None if self.folder is None else self.folder.path / name
        stored = path is not None and path.exists()
        if name not in self.results and path is not None and not stored:
            stored = self._borrowed(name, path, load)
        if name not in self.results:
            self.results[name] = load(path) if path is not None and stored else make()
        if path is not None and not stored:
            with told(path):
                save(self.results[name], path)
            self._folder.keep(name)
        return self.results[name]

    def _borrowed(self, name: str, path: Path, load: Callable[[Path], Any]) -> bool:
        """Take the result ``name`` from another run, and say whether one had it and it can be read."""
        if not self._folder.borrow(name):
            return False
        try:
            self.results[name] = load(path)
        except (ArtefactError, OutputError) as error:  # that run is being removed, say
            _log.warning("what another run left cannot be read (%s); it is made anew", error)
            self._folder.discard(name)
            return False
        self._folder.keep(name)
        return True

    def once_json(self, name: str, make: Callable[[], Any], read: Callable[[Any], Any]) -> Any:
        """`once` for what has a ``to_json`` and may be None."""
        return self.once(
            name, make, lambda value, path: self._folder.write_json(name, to_json(value)), self._reader(name, read)
        )

    def resumed(self, name: str, fit: Callable[[Path | str | None], Any]) -> Any:
        """Return ``fit(checkpoint)``, with the file ``name`` of the folder as checkpoint; `forget` removes it.

        The folder is ours, so that what is there and does not fit, as the card is another one, say, goes.
        """
        if self.folder is None:
            return fit(None)
        place = self.folder.place_of(name)
        try:
            return fit(place)
        except ArtefactError as error:
            _log.warning("%s; the training starts over", str(error).partition("; ")[0])
            checkpoint.remove(place)
            return fit(place)

    def forget(self, name: str) -> None:
        """Remove a checkpoint whose result is stored."""
        if self.folder is not None:
            with told(self.folder.path):
                checkpoint.remove(self.folder.place_of(name))

    def _reader(self, name: str, read: Callable[[Any], Any]) -> Callable[[Path], Any]:
        def load(_: Path) -> Any:
            value = self._folder.read_json(name)
            return None if value is None else read(value)

        return load

    @property
    def _folder(self) -> RunFolder:
        assert self.folder is not None, "only a run with a folder stores and loads"
        return self.folder


def begin(
    data: Any,
    request: Request,
    *,
    out: Any = None,
    below: str | None = None,
    watch_every: int | None = None,
    progress: Progress = silent,
) -> Run:
    """Read and check ``data``, and open the folder ``out`` for this run, new or gone on with.

    ``out`` and ``below`` are paths or URLs. In ``below`` each run has a folder that is named after all that decides it,
    and takes from the others there what would come out the same.

    Raises
    ------
    DataError, ConfigError
        The data, or what is asked of them, make no sense.
    OutputError
        The folder cannot be written to, or holds something else.
    """
    distributed.require_alone("a run that augments")
    variants.require_rows(request.variant)
    Watching(every=watch_every)  # refuses what is no interval before anything is read
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        rows = request.read(data)
    noticed = list(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, DataWarning)))
    described = request.describe(rows)
    if not request.by_policy:
        few = few_rows(described["sampling_strategy"], rows.schema.label_codes(rows.table), rows.schema)
        noticed += [] if few is None else [few]
    for message in noticed:
        warnings.warn(message, DataWarning, stacklevel=3)
    seed = seeding.resolve(request.random_state)
    name, folder = run_name(described, seed), None
    if below is not None:
        out = join(below, name)
    if out is not None:
        keys = keys_of(described, seed)
        folder = RunFolder.open(out, request=described, seed=seed, versions=versions(), keys=keys)
        seed = folder.seed
    if folder is not None and below is not None:
        folder.donors = find_donors(below, without=name)
    return Run(
        data=data,
        rows=rows,
        request=request,
        seed=seed,
        name=name,
        folder=folder,
        watch_every=watch_every,
        progress=progress,
        warnings=noticed,
    )


def plan(run: Run) -> Plan:
    """Decide how many rows of which class: by the policy, on these rows alone, or as the caller says."""
    planned = run.once_json("plan.json", lambda: _plan(run), Plan.from_json)
    run.forget(OF_PLAN)
    return planned


def train(run: Run) -> Synthesizer:
    """Fit the generator to all rows; an interrupted training goes on from its checkpoint."""

    def make() -> Synthesizer:
        options = {**run.fitting, "progress": run.showing("generator"), "watching": _watching(run)}
        return run.resumed(OF_TRAINING, lambda at: fit_rows(run.rows, **options, checkpoint=at))

    synthesizer = run.once("synthesizer", make, lambda value, path: value.save(path), Synthesizer.load)
    run.forget(OF_TRAINING)
    _keep_history(run, synthesizer)
    return synthesizer


def _watching(run: Run) -> Watching:
    """Let the training be written into the run's folder, if it has one; without, its pictures are held."""
    if run.folder is None:
        return Watching(every=run.watch_every, pictures=run.results.setdefault(TRAINING, {}))
    folder = run.folder
    here = folder.location == str(folder.path)  # a URL's local copy is removed in the end
    return Watching(
        every=run.watch_every,
        folder=folder.path / TRAINING,
        tensorboard=folder.path / "tensorboard" if here else None,
        keep=lambda: folder.keep(TRAINING),
    )


def pictures(run: Run) -> dict[str, bytes]:
    """Return what the generator drew while it was trained, PNG by name; none of tables."""
    if run.folder is None or TRAINING in run.results:
        return run.results.get(TRAINING, {})
    return read_pictures(run.folder.path / TRAINING)


def _keep_history(run: Run, synthesizer: Synthesizer) -> None:
    """Write the history of a generator that was trained elsewhere, or taken from another run."""
    if run.folder is None or run.folder.finished:
        return
    folder, content = run.folder.path / TRAINING, lines(_asked_for(synthesizer.history, run.watch_every))
    with told(folder):
        folder.mkdir(exist_ok=True)
        write_pictures(folder, run.results.get(TRAINING, {}))
        if not (folder / HISTORY).exists() or (folder / HISTORY).read_bytes() != content:
            put(folder / HISTORY, content)
    run.folder.keep(TRAINING)


def _asked_for(history: Sequence[Mapping[str, Any]], every: int | None) -> Sequence[Mapping[str, Any]]:
    """Return what `ganaug.watching.Record` takes down; all, where the training was watched at other steps.

    >>> history = [{"step": step} for step in (0, 2, 3, 4, 6, 7)]
    >>> [entry["step"] for entry in _asked_for(history, 3)], len(_asked_for(history, 5))
    ([0, 3, 6, 7], 6)
    """
    if every is None or not history:
        return history
    last, taken, known = history[-1]["step"], [], set()
    if not {*range(0, last, every)} <= {entry["step"] for entry in history}:
        return history
    for entry in history:
        found = {(noticed["kind"], noticed["of"]) for noticed in entry.get("noticed", ())}
        if entry["step"] % every == 0 or entry["step"] == last or found - known:
            taken.append(entry)
        known |= found
    return taken


def source(run: Run) -> Synthesizer:
    """Return the generator that the planned rows are drawn from: the trained one, or its start where that is asked."""
    schema, asked = run.rows.schema, run.request.variant
    needed = variant_for((plan(run).candidate,), asked, schema)
    if variants.resolve(needed, modality_of(schema)) == variants.resolve(asked, modality_of(schema)):
        return train(run)
    if "source" not in run.results:
        run.results["source"] = fit_rows(run.rows, **run.fitting | {"variant": needed})
    return run.results["source"]


def check(run: Run) -> Effect | None:
    """Measure on held-out real rows what such an augmentation does; None where no check was asked for."""
    effect = run.once_json("effect.json", lambda: _check(run), Effect.from_json)
    if run.folder is not None:
        FolderShelf(run.folder).clear()
    return effect


def amounts(run: Run) -> Plan:
    """Return the plan that the verdict leaves: nothing where the caller's word did not set it and its rows harm."""
    planned, effect = plan(run), check(run)
    if run.request.by_policy and effect is not None and effect.verdict in WITHHELD:
        return replace(planned, counts=dict.fromkeys(planned.counts, 0))
    return planned


def draw(run: Run) -> pa.Table:
    """Draw the synthetic rows; with a folder, they are a Parquet data set with a manifest."""

    def make() -> pa.Table:
        return draw_rows(source(run), amounts(run), run.rows, seed=run.seed, progress=run.showing("rows"))

    def save(rows: pa.Table, path: Path) -> None:
        write_rows(rows, path, source(run))

    return run.once("synthetic", make, save, lambda path: read_rows(path, run.rows))


def write_rows(rows: pa.Table, path: Path, synthesizer: Synthesizer) -> None:
    """Write synthetic rows as a Parquet data set with the generator's provenance."""
    write_parquet(iter([rows]), path, schema=synthesizer.schema, provenance=synthesizer.provenance)


def read_rows(path: Path, rows: TableData) -> pa.Table:
    """Read back what `write_rows` wrote for ``rows``.

    Raises
    ------
    ArtefactError
        Files are missing or are not those that were written.
    """
    try:
        files = [(inside(path, entry["name"]), entry["sha256"]) for entry in read_manifest(path).files]
        content = [file.read_bytes() for file, _ in files]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtefactError(
            f"the synthetic rows in {str(path)!r} cannot be read ({error}); delete them to draw them anew"
        ) from error
    for (file, digest), data in zip(files, content, strict=True):
        if hashlib.sha256(data).hexdigest() != digest:
            raise ArtefactError(
                f"{str(file)!r} is not the file that its manifest tells of; delete {str(path)!r} to draw the rows anew"
            )
    table = pa.concat_tables([pq.read_table(pa.py_buffer(data)) for data in content]).combine_chunks()
    if isinstance(rows.schema, ImageSchema):
        return unpublish(table, rows.schema)
    real = rows.schema.publish(rows.table.slice(0, 1))
    columns = [_like(table.column(field.name), real.column(field.name)) for field in real.schema]
    return rows.schema.unpublish(pa.Table.from_arrays(columns, schema=real.schema))


def _like(column: pa.ChunkedArray, real: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return ``column`` in the type of ``real``; Parquet keeps only those listed categories that occur."""
    if not pa.types.is_dictionary(real.type):
        return column.cast(real.type)
    array = typed(plain(column.combine_chunks()), real.type, real.combine_chunks().dictionary)
    return pa.chunked_array([array], real.type)


def to_json(value: Any) -> Any:
    """Return ``value.to_json()``, or None for None."""
    return None if value is None else value.to_json()


def _plan(run: Run) -> Plan:
    request, rows = run.request, run.rows
    if not request.by_policy:
        return Plan(counts=class_counts(request.sampling_strategy, run.codes, rows.schema))
    options = {
        **run.fitting,
        "progress": run.showing("amount"),
        "groups": request.group_codes(rows),
        "estimator": request.estimator,
        "scoring": request.scoring,
        "transforms": request.images.transforms,
    }
    return run.resumed(OF_PLAN, lambda at: plan_by_policy(rows, **options, checkpoint=at))


def _check(run: Run) -> Effect | None:
    request, rows = run.request, run.rows
    if request.depth is None:
        return None
    augmenter: GanAugmenter = Policy(variant=request.variant)
    if not request.by_policy:
        name, _ = variants.resolve(request.variant, modality_of(rows.schema))
        augmenter = GanAugmenter(variant=request.variant, sampling_strategy=request.sampling_strategy, name=name)
    return measure_effect(
        rows,
        augmenter=augmenter,
        depth=request.depth,
        groups=request.group_codes(rows),
        estimator=request.estimator,
        scoring=request.scoring,
        images=request.images,
        random_state=run.seed,
        device=request.device,
        progress=run.showing("check"),
        keeping=None if run.folder is None else FolderShelf(run.folder),
    )
