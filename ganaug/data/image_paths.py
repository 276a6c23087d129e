"""Images from a path or URL: a folder of them, Parquet that holds them, CSV or Parquet that names them, npz."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import dataset, fs, parquet

from ganaug import containers
from ganaug.data.files import filesystem_of, find_files, kind_of_file, read_file
from ganaug.data.image_arrays import npz_source
from ganaug.data.image_columns import cell_of, labels_of, path_of, place_of, struct_paths
from ganaug.data.image_decode import EXTENSIONS, Cell
from ganaug.data.image_find import ImageColumn, candidates, candidates_of, features_of, only, target_of
from ganaug.data.image_folders import folder_source, tree_of
from ganaug.data.image_source import Fetched, Source, choose_split, counted, listed, split_of, warn
from ganaug.errors import DataError
from ganaug.image_containers import frame_form
from ganaug.storage import may_pass, outage_errors

__all__ = ["holds_images", "path_source"]

_BATCH = 256  # encoded images of a Parquet file that are in memory at a time


def holds_images(text: str) -> bool:
    """Return whether there are images, or paths to images, at a path or URL.

    Raises
    ------
    OutputError, DataError
        if the storage that holds it is away. Of all else that is wrong, whoever reads it as a table tells.
    """
    try:
        with outage_errors(text):
            return _holds_images(text)
    except (DataError, OSError) as error:
        if may_pass(error):
            raise
        return False


def path_source(text: str, *, target: Hashable, split: str | None, alone: bool = False) -> Source:
    """Take images and labels from a path or URL; with ``alone``, a folder may hold one class folder only."""
    with outage_errors(text):
        return _source(text, target, split, alone)


def _holds_images(text: str) -> bool:
    filesystem, path = filesystem_of(text)
    if _is_npz(path) or _is_image(path):
        return True
    if filesystem.get_file_info(path).type == fs.FileType.Directory and _is_folder(filesystem, path):
        return True
    base, files = find_files(filesystem, path, text)
    if kind_of_file(files[0]) == "parquet":
        with filesystem.open_input_file(files[0]) as stream, _readable(text):
            found = _peek(parquet.ParquetFile(stream))
        return bool(found) and (found[0].kind != "path" or _names_files(filesystem, base, files, text))
    with filesystem.open_input_stream(files[0]) as stream:
        head = stream.read(1 << 16).lower()
    return any(end.encode() in head for end in EXTENSIONS) and _names_files(filesystem, base, files, text)


def _source(text: str, target: Hashable, split: str | None, alone: bool) -> Source:
    filesystem, path = filesystem_of(text)
    where = repr(text)
    info = filesystem.get_file_info(path)
    if info.type == fs.FileType.File and _is_npz(path):
        return npz_source(Fetched(filesystem), path, where=where, target=target, split=split)
    if info.type == fs.FileType.File and _is_image(path):
        raise DataError(f"{where} is one image; give the folder that holds all of them")
    if info.type == fs.FileType.Directory and (
        _is_folder(filesystem, path) or not _table_files(filesystem, path, text)
    ):
        return folder_source(filesystem, path, where=where, target=target, split=split, alone=alone)
    base, files = find_files(filesystem, path, text)
    if kind_of_file(files[0]) == "parquet":
        with _readable(text):
            fetched = Fetched(filesystem)
            found = _peek(parquet.ParquetFile(fetched(files[0])))
            if found and found[0].kind != "path":
                return _parquet_source(fetched, base, files, where=where, target=target, split=split)
    if split is not None:
        raise DataError(f"{where} has no splits; leave split=None, however: {split=}")
    return _listed_source(filesystem, read_file(text, notice=False), _folder_of(base, files), where, target)


# --------------------------------------------------------------------------------------- what is there
def _is_npz(path: str) -> bool:
    return path.lower().endswith(".npz")


def _is_image(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in EXTENSIONS


def _is_folder(filesystem: fs.FileSystem, path: str) -> bool:
    """Return whether a folder is one of images, and not of tables with a picture or two beside them."""
    tree = tree_of(filesystem, path.rstrip("/") or "/")
    tables = [name for name in tree.others if kind_of_file(name, strict=False) is not None]
    return len(tree.images) > len(tables)


def _table_files(filesystem: fs.FileSystem, path: str, text: str) -> bool:
    try:
        return bool(find_files(filesystem, path, text)[1])
    except DataError:
        return False


def _folder_of(base: str | None, files: list[str]) -> str:
    return os.path.dirname(files[0]) if base is None else base.rstrip("/")


def _peek(file: parquet.ParquetFile) -> list[ImageColumn]:
    """Return the columns of a Parquet file that hold images or paths to them."""

    def first(name: str) -> list[Any]:
        for batch in file.iter_batches(batch_size=20, columns=[name]):
            values = batch.column(0).drop_null().to_pylist()
            if values:
                return values
        return []

    return candidates_of(file.schema_arrow, first)


def _names_files(filesystem: fs.FileSystem, base: str | None, files: list[str], text: str) -> bool:
    """Return whether a table names images that exist, or has no column beside them that could be a feature."""
    table = read_file(text, notice=False)
    found = candidates(table)
    if not found or table.num_columns <= 2:
        return bool(found)
    folder = _folder_of(base, files)
    names = table.column(found[0].name).slice(0, 20).drop_null().to_pylist()
    return any(i.type == fs.FileType.File for i in filesystem.get_file_info([_joined(folder, n) for n in names]))


@contextmanager
def _readable(text: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{text!r} cannot be read as Parquet: {error}") from error


# ----------------------------------------------------------------------------------------- paths in it
def _listed_source(filesystem: fs.FileSystem, table: pa.Table, folder: str, where: str, target: Hashable) -> Source:
    """Take images from the files that a column of a table names, relative to its folder."""
    names = table.column_names
    image = only(candidates(table), names, where)
    features = features_of(table.schema)
    name = target_of(target, names, names, image.name, features, where)
    resolve = _resolver(Fetched(filesystem), folder)
    paths = [path_of(value.as_py()) for value in table.column(image.name)]

    labels = form = None
    if name is not None:
        labels, form = labels_of(containers.from_file(table.select([name])), features)
    return Source(
        where=where,
        cells=lambda: (cell_of(path, resolve) for path in paths),
        count=len(table),
        paths=paths,
        labels=labels,
        container="pandas",
        form=frame_form(image.name, cell="struct", at=place_of(names, image, name), labels=form),
    )


def _resolver(fetched: Fetched, folder: str) -> Callable[[str], Cell]:
    """Return what finds the file of a path that is relative to ``folder``, or a URL."""
    return lambda path: cell_of(path) if "://" in path else functools.partial(fetched, _joined(folder, path))


def _joined(folder: str, path: str) -> str:
    return path if os.path.isabs(path) or not folder else f"{folder}/{path}"


# --------------------------------------------------------------------------------------- images in it
def _parquet_source(
    fetched: Fetched, base: str | None, files: list[str], *, where: str, target: Hashable, split: str | None
) -> Source:
    """Take images from Parquet that holds them, batch by batch and memory-mapped, file after file."""
    files = _of_split(base, files, where, split)
    resolve = _resolver(fetched, _folder_of(base, files))
    copies = [fetched(name) for name in files]
    opened = parquet.ParquetFile(copies[0])
    features = features_of(opened.schema_arrow)
    parts = _dataset(fetched, base, files, copies)
    names = parts.schema.names
    image = only(_peek(opened), names, where)
    name = target_of(target, names, names, image.name, features, where)
    labels = form = None
    if name is not None:
        column = parts.to_table(columns=[name])
        labels, form = labels_of(containers.from_file(column.replace_schema_metadata(None)), features)

    def cells() -> Iterator[Cell]:
        for copy in copies:
            file = parquet.ParquetFile(copy, memory_map=True)
            for batch in file.iter_batches(batch_size=_BATCH, columns=[image.name]):
                for value in batch.column(0):
                    yield cell_of(value.as_py(), resolve)

    return Source(
        where=where,
        cells=cells,
        count=sum(parquet.ParquetFile(copy).metadata.num_rows for copy in copies),
        paths=_paths(copies, image),
        labels=labels,
        container="pandas",
        form=frame_form(image.name, cell="struct", at=place_of(names, image, name), labels=form),
    )


def _dataset(fetched: Fetched, base: str | None, files: list[str], copies: list[Path]) -> Any:
    """Return the files as one data set; ``key=value`` folders become columns where the files are local."""
    if not fetched.local or base is None:
        return dataset.dataset([str(copy) for copy in copies], format="parquet", partitioning=None)
    return dataset.dataset(
        files, filesystem=fs.LocalFileSystem(), format="parquet", partitioning="hive", partition_base_dir=base
    )


def _paths(copies: list[Path], image: ImageColumn) -> list[str | None] | None:
    """Return the paths beside the images, without reading these."""
    found: list[str | None] = []
    for copy in copies:
        file = parquet.ParquetFile(copy, memory_map=True)
        type_ = file.schema_arrow.field(image.name).type
        if not pa.types.is_struct(type_) or type_.get_field_index("path") < 0:
            return None
        found += struct_paths(file.read(columns=[f"{image.name}.path"]).column(0)) or []
    return found


def _of_split(base: str | None, files: list[str], where: str, split: str | None) -> list[str]:
    """Return the files of one split, told by the first folder below ``base`` or by how the files' names begin."""
    if base is None:
        if split is not None:
            raise DataError(f"{where} is one file and has no splits; leave split=None, however: {split=}")
        return files
    kinds: dict[str, str | None] = {}
    for name in files:
        steps = PurePosixPath(name.removeprefix(base.rstrip("/") + "/")).parts
        kinds[name] = split_of(steps[0]) or split_of(steps[-1], begins=True)
    known = {kind for kind in kinds.values() if kind is not None}
    if not known or (split is None and len(set(kinds.values())) == 1):
        if split is not None:
            raise DataError(f"the files of {where} are not named after splits; leave split=None, however: {split=}")
        return files
    beside = [name for name, kind in kinds.items() if kind is None]
    if beside:
        warn(f"{counted(len(beside), 'file')} of {where} left out, as named after no split: {listed(beside)}")
    chosen = choose_split(known, split, where)
    return [name for name, kind in kinds.items() if kind == chosen]
