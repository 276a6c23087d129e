"""The calls of one line: `augment`, `fit`, and `measure_effect` beside them."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganaug import checkpoint as checkpoints
from ganaug import distributed, fitting, seeding
from ganaug.augmentation import Augmentation, finish, gather
from ganaug.errors import ConfigError
from ganaug.evaluate.effect import Effect, measure_effect
from ganaug.image_options import ImageOptions
from ganaug.parquet import write_parquet
from ganaug.progress import bar
from ganaug.request import Request
from ganaug.runs import RunFolder, check_new_folder, local_path, told
from ganaug.steps import begin
from ganaug.synthesizer import Synthesizer

__all__ = ["Augmentation", "Effect", "ImageOptions", "Synthesizer", "augment", "fit", "measure_effect", "write_parquet"]

_log = logging.getLogger(__name__)


def augment(
    data: Any,
    *,
    target: Any = None,
    task: str = "classification",
    sampling_strategy: Any = "policy",
    variant: Any = "auto",
    check: bool | str = True,
    id_columns: Sequence[Any] | None = None,
    groups: Any = None,
    estimator: Any = None,
    scoring: Any = None,
    out: str | os.PathLike[str] | None = None,
    random_state: Any = None,
    device: Any = "auto",
    images: ImageOptions | Mapping[str, Any] | None = None,
    watch_every: int | None = None,
    progress: bool = True,
) -> Augmentation:
    """Add synthetic rows to a table or an image set where that helps, and say whether it does.

    Parameters
    ----------
    data
        A table: a pandas DataFrame, a pyarrow Table, ``(X, y)``, or the path or URL of CSV or Parquet (a file, a
        folder, hive partitions, a glob). Or images with labels: a folder with one sub-folder a class, image Parquet,
        a table of paths, npz, or ``(X, y)`` with X ``(n, h, w[, c])`` or ``(n, c, h, w)``; see
        `ganaug.data.read_images`.
    target
        The column with the classes; None for ``(X, y)``, or for rows without classes, of which as many are added as
        there are unless ``sampling_strategy`` is a number of rows. A list of several columns of a table: the class of a
        row is its combination of labels, written as a tuple, ``{("yes", "red"): 200}``.
    task
        ``"classification"``, or ``"regression"`` where the target is a number: then rows are added where its values are
        rare, each with the value that the generator was asked for. Tables only.
    sampling_strategy
        ``"policy"`` adds rows of all classes, or none, by cross-validation inside ``data``: to a table ten times as
        many as there are (6,000 at most, or as many as there are) in the shares that the classes have, each labelled
        by a committee of classifiers; they lie between real rows, or come from the trained generator with a variant
        that keeps no rows. To images up to three times the largest class, half of them real ones moved or cropped, the
        others by the trained generator. Everything else has imbalanced-learn's meaning and is obeyed whatever the check
        says: ``"auto"``, ``"minority"``, ``"not minority"``, ``"not majority"``, ``"all"``, a ratio, a dict label ->
        rows (real and synthetic together), or a callable. Without a target: a number of rows to add.
        With ``task="regression"`` ranges of the target stand for classes: ``"policy"`` chooses nothing but raises each
        of ten ranges (fewer, where they would hold under ten rows) to half the fullest one's rows, a number in (0, 1]
        to that share of them, and a dict says ``(low, high)`` -> rows.
    variant
        ``"auto"`` (``"anchored"`` for tables, ``"anchored_image"`` for images), the name of another variant, or a
        variant's ``Config``. `ganaug.variants.names` lists them, and on the command line ``ganaug variants`` says what
        each is for, and whose artefacts keep no training row.
    check
        True or ``"quick"``, ``"thorough"``, or False. The check fits everything anew on training folds and scores
        classifiers on real rows that nothing has seen.
    id_columns
        Columns that name a row and are not learnt; None finds them by their looks and warns, ``[]`` says that there
        are none.
    groups
        One group a row, or the name of their column: rows of a group are never split between training and test.
    estimator, scoring
        A classifier and a scorer to check with, in place of three classifiers and average precision.
    out
        A folder for the results, a path or an fsspec URL, absent or empty, or that of this very run, which then goes on
        where it stopped, also on another machine, or is returned when it is finished.
    random_state
        The same integer gives the same rows.
    device
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    images
        For images: `ganaug.ImageOptions`, or a dict of them, such as ``{"size": (32, 32), "transforms": ("flip",)}``.
    watch_every
        Steps from one observation of the generator's training that is written to ``training/`` to the next; None: a
        twelfth of the training. The rows are the same with any other number (see `fit` for the exception, a training
        that goes wrong), and so is the run, which goes on.
    progress
        Whether to show bars on standard error.

    Returns
    -------
    Augmentation
        ``.data`` equals the input when the policy chose nothing, or when the verdict on what it chose is that it harms.

    Raises
    ------
    DataError, ConfigError, OutputError
        The data, an option or the folder cannot be used; the message says what to do. All are ValueErrors.
    TrainingError
        The generator's training went wrong, see `fit`; the message says what to do. A RuntimeError.

    Notes
    -----
    Files written with ``out``: see `Augmentation.save`; and, where the package tensorboard is installed,
    ``tensorboard/``, the events of the generator's training. A run at a URL sends none, as its local copy is removed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from ganaug.variants.anchored import Config
    >>> frame = load_iris(as_frame=True).frame[:110]
    >>> result = augment(frame, target="target", sampling_strategy={2: 50}, variant=Config(steps=20), check=False,
    ...                  random_state=0, progress=False)
    >>> len(frame), len(result.data), result.data["target"][result.is_synthetic].unique().tolist()
    (110, 150, [2])
    """
    request = Request(
        target=target,
        task=task,
        sampling_strategy=sampling_strategy,
        variant=variant,
        check=check,
        id_columns=id_columns,
        groups=groups,
        estimator=estimator,
        scoring=scoring,
        random_state=random_state,
        device=device,
        images=ImageOptions.of(images),
    )
    with bar(enabled=progress) as shown:
        run = begin(data, request, out=out, watch_every=watch_every, progress=shown)
        if run.folder is not None and run.folder.found:
            _log_found(run.folder)
        finish(run)
        augmentation = gather(run)
        if run.folder is not None:
            run.folder.forget()
        return augmentation


def _log_found(folder: RunFolder) -> None:
    """Say that the call is not the first for this run."""
    if folder.finished:
        _log.info(
            "%r holds this run, finished before: its results are given back, nothing is computed", folder.location
        )
    else:
        _log.info("%r holds this run, unfinished: it goes on where it stopped", folder.location)


def fit(
    data: Any,
    *,
    target: Any = None,
    task: str = "classification",
    variant: Any = "auto",
    id_columns: Sequence[Any] | None = None,
    random_state: Any = None,
    device: Any = "auto",
    images: ImageOptions | Mapping[str, Any] | None = None,
    progress: bool = True,
    out: str | os.PathLike[str] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    watch: str | os.PathLike[str] | None = None,
    watch_every: int | None = None,
) -> Synthesizer:
    """Fit a generator to a table or an image set; the parameters are those of `augment`.

    In a program that ``torchrun`` has started, its processes train together, each on a part of every batch; all return
    the same synthesizer, and the first writes it. End such a program with `ganaug.distributed.leave()`: a process that
    ends while others still talk to it may abort.

    With ``checkpoint``, a path or a URL such as ``s3://bucket/generator.safetensors``, the training is written there
    every quarter of a minute and at its end. The same call after a kill, also on another machine, goes on from it and
    comes to the same bits. Give a ``random_state`` then. It is removed when ``out`` is written; without ``out``, remove
    it yourself when the synthesizer is safe.

    With ``watch``, a local folder, the training is written there while it runs (see `ganaug.watching`): every
    ``watch_every`` steps, at the last one and where something is first noticed; by default every twelfth. Training has
    the same result with and without, unless it goes wrong: it then goes back to the last observation that was sound.
    The folder must be new or empty, but with ``checkpoint``, as the call that goes on goes on there, too. Without
    ``watch``, ``watch_every`` says how dense `Synthesizer.history` is.

    Files written with ``out``: ``synthesizer.json`` and ``weights.safetensors`` in that folder, as
    `Synthesizer.save` writes them; with ``watch``: ``history.jsonl`` in that folder, of images ``samples/*.png``, and
    where the package tensorboard is installed ``tensorboard/``.

    Raises
    ------
    DataError, ConfigError, OutputError
        The data, an option, the folder or the checkpoint's place cannot be used; the message says what to do.
    ArtefactError
        The checkpoint is of another training.
    TrainingError
        The training went wrong, also after it went back three times: a loss is not finite or grows without bound, a
        class has collapsed; or the memory does not hold a row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from ganaug.variants.anchored import Config
    >>> synthesizer = fit(load_iris(as_frame=True).frame, target="target", variant=Config(steps=20), random_state=0,
    ...                   progress=False)
    >>> synthesizer.sample(conditions={1: 3}, random_state=0)["target"].tolist()
    [1, 1, 1]
    """
    device = distributed.start(device)
    if checkpoint is not None and random_state is None:
        raise ConfigError(
            "a training that is to go on from its checkpoint needs a random_state, such as random_state=0"
        )
    folder: Path | None = None if out is None else check_new_folder(out)
    if watch is not None and checkpoint is None:
        check_new_folder(watch)
    options = ImageOptions.of(images)
    asked = {"target": target, "task": task, "variant": variant, "id_columns": id_columns}
    request = Request(**asked, device=device, images=options)
    rows = request.read(data)
    seed = distributed.agreed(seeding.resolve(random_state))
    with bar(enabled=progress and distributed.is_first()) as shown:
        synthesizer = fitting.fit(
            rows.table,
            rows.schema,
            variant=request.variant,
            seed=seed,
            device=device,
            progress=shown,
            checkpoint=checkpoint,
            watching=_watching(watch, watch_every),
        )
    if folder is not None and distributed.is_first():
        with told(folder):
            synthesizer.save(folder)
            if checkpoint is not None:
                checkpoints.remove(checkpoint)
    distributed.agreed(0)  # nobody returns before the files are there
    return synthesizer


def _watching(folder: str | os.PathLike[str] | None, every: int | None) -> fitting.Watching | None:
    if folder is None and every is None:
        return None
    place = None if folder is None else local_path(folder)
    return fitting.Watching(every=every, folder=place, tensorboard=None if place is None else place / "tensorboard")
