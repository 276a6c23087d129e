"""The fitted artefact: encoder, weights of the sampling networks, what they start from, and where it all came from.

On disk it is a folder of two files: ``synthesizer.json`` (format version, schema, encoder, config, provenance,
training history, digest of the other file) and ``weights.safetensors``. Neither can run code when it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from torch import nn

from ganaug import files, seeding, transforming, variants
from ganaug.device import resolve_device
from ganaug.encode import AnyEncoder, AnyLayout, encoder_from_state, layout_from_json
from ganaug.errors import ArtefactError, ConfigError, OutputError
from ganaug.gan import Source, Tensors
from ganaug.image_schema import ImageSchema, schema_from_json
from ganaug.runs import told
from ganaug.schema import TableSchema
from ganaug.value_schema import ValueSchema

__all__ = ["FORMAT", "Synthesizer"]

FORMAT = 1
SPARE, DENSEST = 2**24, 20
"""Numbers that the networks of an artefact may have, those that only training needs included: so many, and so many for
each one that is stored."""


@dataclass(kw_only=True, repr=False)
class Synthesizer:
    """Draws synthetic rows of the classes asked for. Made by `ganaug.fit`; saved and loaded without pickle."""

    schema: TableSchema | ImageSchema
    encoder: AnyEncoder
    layout: AnyLayout
    """The layout that the networks were built for; the encoder's own may be narrower."""
    variant: str
    config: Any
    weights: dict[str, torch.Tensor]
    """State of the sampling networks, member axis of length 1."""
    source: Source
    class_counts: np.ndarray
    """Training rows of each class ``(n_classes,)``."""
    provenance: dict[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def __repr__(self) -> str:
        counts = dict(zip(self.schema.class_names(), self.class_counts.tolist(), strict=True))
        return f"Synthesizer(variant={self.variant!r}, trained_on={counts}, device={str(self.device)!r})"

    def __post_init__(self) -> None:
        gan = variants.get(self.variant).build(
            self.config, self.layout, self.source, n_classes=self.schema.n_classes, seeds=[0]
        )
        self._emit, self.change = gan.emit, gan.transform
        self._networks = nn.ModuleDict({name: gan.networks[name] for name in gan.averaged})
        self._networks.load_state_dict(self.weights)
        self._networks.to(self.device).eval().requires_grad_(False)
        self.source = self.source.to(self.device)

    # ---------------------------------------------------------------- sampling

    def sample(
        self, n: int | None = None, *, conditions: Mapping[Any, int] | None = None, random_state: Any = None
    ) -> Any:
        """Draw ``n`` rows with the classes as frequent as in training, or exact numbers of rows of named classes.

        Parameters
        ----------
        n
            Rows to draw; the number of training rows when neither it nor ``conditions`` is given.
        conditions
            Label -> number of rows. The rows come class by class, in the order given. Of several label columns: a
            tuple of labels -> rows. Of a numeric target: a value, or a range ``(low, high)`` -> rows, whose targets are
            that value, or lie in that range as the training values there do.
        random_state
            The same integer gives the same rows.

        Returns
        -------
        DataFrame, pyarrow.Table or (X, y)
            The kind of data that was fitted on, with the same columns, types and order.
        """
        chunks = list(self.sample_chunks(n, conditions=conditions, random_state=random_state))
        return self.schema.restore(pa.concat_tables(chunks) if chunks else self.empty())

    def sample_chunks(
        self,
        n: int | None = None,
        *,
        conditions: Mapping[Any, int] | None = None,
        random_state: Any = None,
        chunk_rows: int | None = None,
        span: tuple[int, int] | None = None,
    ) -> Iterator[pa.Table]:
        """Draw what `sample` draws, as Arrow tables of ``chunk_rows`` rows; memory does not grow with ``n``.

        Rows are canonical: images are raw pixels, and several label columns one column of their combinations
        (``schema.publish`` gives the columns back). `ganaug.write_parquet` writes them as they came in.

        Parameters
        ----------
        n, conditions, random_state
            See `sample`.
        chunk_rows
            None: 65,536 rows of a table, or 1,024 images, which have 50 MB where they are as large as can be.
        span
            ``(start, stop)``: only these of the rows, drawn without the others. ``start``, and ``stop`` unless it is
            the last row's, are multiples of ``.encoder.block``.
        """
        chunk_rows = self.encoder.chunk if chunk_rows is None else chunk_rows
        if chunk_rows < 1:
            raise ConfigError(f"chunk_rows must be at least 1, however: {chunk_rows=}")
        variants.require_rows(self.variant)
        seed = seeding.resolve(random_state)
        runs, ranges = self._runs(n, conditions)
        total = sum(rows for _, rows in runs)
        start, stop = (0, total) if span is None else span
        if (
            not 0 <= start <= stop <= total
            or start % self.encoder.block
            or (stop % self.encoder.block and stop < total)
        ):
            raise ConfigError(
                f"span must be two multiples of {self.encoder.block} from 0 to {total}, or end there, however: {span}"
            )
        return _rechunk(self._decoded(self._blocks(runs, seed, start, stop), ranges, seed, start), chunk_rows)

    def sample_table(self, labels: np.ndarray, *, seed: int) -> pa.Table:
        """Draw one row for each class code of ``labels (n,)``; of a numeric target, codes are ranges of it."""
        variants.require_rows(self.variant)
        labels = np.asarray(labels, np.int64)
        block = self.encoder.block
        blocks = (labels[at : at + block] for at in range(0, len(labels), block))
        tables = list(self._decoded(blocks, self._ranges(), seed, 0))
        return pa.concat_tables(tables).combine_chunks() if tables else self.empty()

    @torch.no_grad()
    def emit(self, inputs: Tensors, y: torch.Tensor) -> Any:
        """Return what the generator makes of inputs of `source` for the class codes ``y (1, B)``, not decoded."""
        return self._emit(self.networks, inputs, y)

    def empty(self) -> pa.Table:
        """Return no rows, with the right columns."""
        return self.schema.arrow.empty_table()

    def _ranges(self) -> list[tuple[float, float]]:
        """Return the range of a numeric target that each class code stands for; nothing of classes."""
        return self.schema.ranges if isinstance(self.schema, ValueSchema) else []

    def _runs(self, n: int | None, conditions: Mapping[Any, int] | None) -> tuple[list[tuple[int | None, int]], Any]:
        """Return (class code, rows) in order, and the ranges that the codes of a numeric target stand for.

        Code None means classes as frequent as in training.
        """
        ranges = self._ranges()
        if conditions is None:
            n = int(self.class_counts.sum()) if n is None else n
            if n < 0:
                raise ConfigError(f"n must not be negative, however: {n=}")
            return [(None, n)], ranges
        if n is not None and n != sum(conditions.values()):
            raise ConfigError(f"n={n} contradicts conditions={dict(conditions)!r}; give one of them")
        runs: list[tuple[int | None, int]] = []
        for label, rows in conditions.items():
            if rows < 0:
                raise ConfigError(f"conditions must not ask for a negative number of rows, however: {label!r}: {rows}")
            runs.append((self._code_of(label, ranges), rows))
        return runs, ranges

    def _code_of(self, label: Any, ranges: list[tuple[float, float]]) -> int:
        """Return the code of what one condition asks for; a value or a range that is no class is added to ``ranges``.

        Raises
        ------
        DataError, ConfigError
            There is no such class, or it had no training row.
        """
        target = getattr(self.encoder, "target", None)
        if target is not None and not isinstance(label, str):
            ranges.append(target.range_of(label))
            return len(ranges) - 1
        code = self.schema.code_of(label)
        if not self.class_counts[code]:
            raise ConfigError(f"class {label!r} had no training row, so none of it can be drawn")
        return code

    def _blocks(self, runs: list[tuple[int | None, int]], seed: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Give the class codes of one block of rows after the other, of rows ``start`` to ``stop``."""
        share = np.cumsum(self.class_counts) / self.class_counts.sum()
        ends = np.cumsum([rows for _, rows in runs])
        block = self.encoder.block
        for at in range(start, stop, block):
            rows = np.arange(at, min(at + block, stop))
            if runs[0][0] is None:
                u = seeding.numpy_rng(seed, "labels", at // block).random(block)[: len(rows)]
                yield np.minimum(np.searchsorted(share, u, side="right"), len(share) - 1)
            else:
                codes = np.array([code for code, _ in runs])
                yield codes[np.searchsorted(ends, rows, side="right")]

    def _decoded(
        self, blocks: Iterator[np.ndarray], ranges: Sequence[tuple[float, float]], seed: int, first_row: int
    ) -> Iterator[pa.Table]:
        first_block = first_row // self.encoder.block
        for number, codes in enumerate(blocks, first_block):
            labels = self._labels(codes, ranges, seed, number)
            yield self.encoder.decode(self._encoded(labels, seed, number), labels, first_row=first_row)
            first_row += len(labels)

    def _labels(self, codes: np.ndarray, ranges: Sequence[tuple[float, float]], seed: int, number: int) -> np.ndarray:
        """Return the class codes of one block of rows, or a value in the range that each code stands for."""
        target = getattr(self.encoder, "target", None)
        if target is None:
            return codes
        u = seeding.numpy_rng(seed, "values", number).random(self.encoder.block)[: len(codes)]
        return target.draw(np.array(ranges)[codes], u)

    @torch.no_grad()
    def _encoded(self, labels: np.ndarray, seed: int, number: int) -> Any:
        """Run the networks on one whole block, padded with its last class, and keep the rows asked for."""
        target = getattr(self.encoder, "target", None)
        conditions = labels if target is None else target.scores(labels)
        padded = np.full(self.encoder.block, conditions[-1], conditions.dtype)
        padded[: len(labels)] = conditions
        y = torch.from_numpy(padded)[None].to(self.device)
        rng = seeding.torch_rng(seed, "sample", number, device=self.device)
        return self._emit(self._networks, self.source.draw(y, rng), y).encoded(self.encoder, len(labels))

    # ---------------------------------------------------------------- changing given rows

    @property
    def networks(self) -> nn.ModuleDict:
        """The sampling networks, by name."""
        return self._networks

    def transform(self, data: Any, *, mask: Any = None, random_state: Any = None) -> Any:
        """Return ``data`` changed as the variant does it, in the container that they come in.

        ``"super_resolution"`` makes images larger, and ``"inpaint"`` fills in the missing cells of tables, and what
        ``mask`` marks in images; everything else stays as it was, bit for bit. Labels are not filled in: where some of
        a table are missing, a `DataWarning` says how many.

        Parameters
        ----------
        data
            Rows of any kind that `ganaug.fit` takes, one or many, with or without labels; an array of images may come
            alone. What was read from a path comes back as a DataFrame.
        mask
            Of images: what is to be filled in, True or not 0, ``(h, w)`` for all images or ``(n, h, w)``.
        random_state
            The same integer gives the same rows.

        Raises
        ------
        ConfigError
            The variant only makes new rows, or there is no mask, or one that is not wanted.
        DataError, SchemaError
            The images have another size than is needed, or columns are missing.
        """
        return transforming.transform(self, data, mask=mask, seed=seeding.resolve(random_state)).restored(data)

    # ---------------------------------------------------------------- on disk

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write ``synthesizer.json`` and ``weights.safetensors`` into the folder ``path``, both or neither.

        A synthesizer that is there already is replaced; any other non-empty folder is refused.

        Raises
        ------
        OutputError
            The folder holds something else, or cannot be written to.
        """
        path = Path(path)
        if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not (path / "synthesizer.json").exists())):
            raise OutputError(f"{path} exists and is not a saved synthesizer; choose an empty or a new folder")
        arrays, encoder = self._arrays()
        tensors = save_tensors(arrays)
        document = {
            "format": FORMAT,
            "weights_sha256": hashlib.sha256(tensors).hexdigest(),
            "variant": self.variant,
            "config": variants.config_to_json(self.config),
            "layout": self.layout.to_json(),
            "class_counts": self.class_counts.tolist(),
            "schema": self.schema.to_json(),
            "encoder": encoder,
            "provenance": self.provenance,
            "history": self.history,
        }
        with told(path), files.filling(path, replace=True) as scratch:
            (scratch / "weights.safetensors").write_bytes(tensors)
            (scratch / "synthesizer.json").write_text(json.dumps(document, indent=1, sort_keys=True), "utf-8")
        return path

    def _arrays(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        encoder, encoder_arrays = self.encoder.state()
        arrays = {f"encoder/{name}": array for name, array in encoder_arrays.items()}
        arrays |= {f"source/{name}": array for name, array in self.source.arrays(0).items()}
        arrays |= {f"weights/{name}": tensor.cpu().numpy() for name, tensor in self.weights.items()}
        return {name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())}, encoder

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str | torch.device = "auto") -> Synthesizer:
        """Read what `save` wrote.

        Raises
        ------
        ArtefactError
            The folder holds no synthesizer, a corrupt one, or one of a newer format.
        """
        path = Path(path)
        document, tensors = _read(path)
        arrays: dict[str, dict[str, np.ndarray]] = {"encoder": {}, "source": {}, "weights": {}}
        try:
            for name, array in load_tensors(tensors).items():
                part, _, rest = name.partition("/")
                arrays[part][rest] = array
            schema = schema_from_json(document["schema"])
            layout = layout_from_json(document["layout"])
            name = document["variant"]
            config = variants.config_from_json(name, document["config"])
            source = variants.get(name).stored_source(config, layout, arrays["source"])
            weights = {key: torch.from_numpy(value) for key, value in arrays["weights"].items()}
            _require_room(name, config, layout, source, schema.n_classes, weights)
            return cls(
                schema=schema,
                encoder=encoder_from_state(document["encoder"], arrays["encoder"], schema),
                layout=layout,
                variant=name,
                config=config,
                weights=weights,
                source=source,
                class_counts=np.array(document["class_counts"], np.int64),
                provenance=document["provenance"],
                history=document["history"],
                device=resolve_device(device),
            )
        except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            raise ArtefactError(f"{path} is not a readable synthesizer: {error}") from error


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    """Read both files of an artefact and check format and digest."""
    try:
        document = json.loads((path / "synthesizer.json").read_text("utf-8"))
        tensors = (path / "weights.safetensors").read_bytes()
    except FileNotFoundError as error:
        raise ArtefactError(f"{path} is not a saved synthesizer: {Path(error.filename).name} is missing") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ArtefactError(f"{path} is not a readable synthesizer: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise ArtefactError(f"{path} is not a saved synthesizer: synthesizer.json names no format")
    if document["format"] > FORMAT:
        raise ArtefactError(
            f"{path} has format {document['format']}, and this version reads up to {FORMAT}: upgrade ganaug"
        )
    if hashlib.sha256(tensors).hexdigest() != document.get("weights_sha256"):
        raise ArtefactError(f"{path} is corrupt: weights.safetensors does not have the digest that was recorded")
    return document, tensors


def _require_room(
    name: str, config: Any, layout: AnyLayout, source: Source, n_classes: int, weights: Mapping[str, torch.Tensor]
) -> None:
    """Raise `ValueError` where networks are described that do not have the size of the ``weights`` that are there.

    The networks of no member at all have every shape and take no memory.
    """
    gan = variants.get(name).build(config, layout, source, n_classes=n_classes, seeds=[])
    kept = nn.ModuleDict({name: gan.networks[name] for name in gan.averaged}).state_dict()
    if {key: value.shape[1:] for key, value in kept.items()} != {key: w.shape[1:] for key, w in weights.items()}:
        raise ValueError("the weights do not belong to the networks that are described")
    asked = sum(value.shape[1:].numel() for value in gan.networks.state_dict().values())
    held = sum(w.numel() for w in weights.values())
    if asked > SPARE + DENSEST * held:
        raise ValueError(f"networks of {asked:,} numbers are described, beside weights of {held:,}")


def _rechunk(tables: Iterator[pa.Table], chunk_rows: int) -> Iterator[pa.Table]:
    """Cut a stream of tables into tables of ``chunk_rows`` rows."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += len(table)
        while rows >= chunk_rows:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, chunk_rows).combine_chunks()
            waiting, rows = [joined.slice(chunk_rows)], rows - chunk_rows
    if rows:
        yield pa.concat_tables(waiting).combine_chunks()
