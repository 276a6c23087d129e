"""CSV and Parquet, from a path, a folder, hive partitions, a glob or any fsspec URL, to one Arrow table."""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import fsspec.core
import pyarrow as pa
from pyarrow import csv, dataset, fs, parquet

from ganaug.data.synthetic import KEY, note_of, warn_if_synthetic
from ganaug.errors import DataError
from ganaug.frames import names_of
from ganaug.schema import close_to
from ganaug.storage import outage_errors

__all__ = ["filesystem_of", "find_files", "kind_of_file", "notice_synthetic", "read_file"]

_PARQUET = (".parquet", ".pq", ".parq")
_CSV = (".csv", ".tsv", ".txt")
_COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")
_NULL = "__HIVE_DEFAULT_PARTITION__"
_KNOWN = "Parquet (.parquet, .pq) or CSV (.csv, .tsv, .txt, also .gz, .bz2, .zst)"


def read_file(source: str | os.PathLike[str], *, notice: bool = True) -> pa.Table:
    """Read a table from ``source``; warn where ganaug made some of its rows, if ``notice``.

    Parameters
    ----------
    source
        A CSV or Parquet file, a folder of them (``key=value`` folders become columns), a glob, local or an
        fsspec URL such as ``s3://bucket/folder``.

    Raises
    ------
    DataError
        if there is nothing there, it is empty, of an unknown kind or broken, or its files have different columns.
    OutputError
        if the storage that holds it is away.
    """
    text = os.fspath(source)
    with outage_errors(text):
        return _read(text, text if notice else None)


def _read(text: str, where: str | None) -> pa.Table:
    filesystem, path = filesystem_of(text)
    base, files = find_files(filesystem, path, text)
    kinds = {kind_of_file(name) for name in files}
    if len(kinds) > 1:
        raise DataError(f"{text!r} holds both CSV and Parquet files; give a pattern such as '{text}/*.parquet'")
    empty = [name for name, info in zip(files, filesystem.get_file_info(files), strict=True) if info.size == 0]
    if empty:
        raise DataError(f"{empty[0]!r} is empty (0 bytes); write it again or leave it out")
    try:
        if kinds == {"csv"}:
            tables = [_read_csv(filesystem, name) for name in files]
            return _joined(tables, files) if base is None else _with_partitions(tables, files, base)
        return _read_parquet(filesystem, files, base, where)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        kind = "CSV in UTF-8" if kinds == {"csv"} else "Parquet"
        raise DataError(f"{text!r} cannot be read as {kind}: {error}") from error


# ---------------------------------------------------------------------------------------------- where
def filesystem_of(text: str) -> tuple[fs.FileSystem, str]:
    """Return the file system of a path or URL, and the path in it."""
    if "://" not in text:
        return fs.LocalFileSystem(), Path(text).expanduser().as_posix()
    try:
        remote, path = fsspec.core.url_to_fs(text)
    except (ImportError, ValueError) as error:
        raise DataError(f"{text!r} cannot be opened: {error}") from error
    return fs.PyFileSystem(fs.FSSpecHandler(remote)), path


def find_files(filesystem: fs.FileSystem, path: str, text: str) -> tuple[str | None, list[str]]:
    """Return the folder below which ``key=value`` folders count, None for one file, and the files, in order.

    ``path`` is that of ``text`` in ``filesystem``; raises `DataError` where there is no file of a known kind.
    """
    info = filesystem.get_file_info(path)
    if info.type == fs.FileType.File:
        kind_of_file(path)
        return None, [path]
    if info.type == fs.FileType.Directory:
        found = [n for n in _below(filesystem, path) if kind_of_file(n, strict=False) is not None]
        if not found:
            raise DataError(f"the folder {text!r} holds no {_KNOWN} file")
        return path, found
    if not any(c in path for c in "*?["):
        raise DataError(f"{text!r} does not exist; check the path{_neighbours(filesystem, path)}")
    steps = path.split("/")
    first = next(i for i, step in enumerate(steps) if any(c in step for c in "*?["))
    base = "/".join(steps[:first]) or ("/" if path.startswith("/") else ".")
    if filesystem.get_file_info(base).type != fs.FileType.Directory:
        raise DataError(f"no file matches {text!r}: the folder {base!r} does not exist")
    pattern = "/".join(steps[first:])
    matched = [n for n in _below(filesystem, base) if _matches(_relative(n, base), pattern)]
    if not matched:
        raise DataError(f"no file matches {text!r}")
    for name in matched:
        kind_of_file(name)
    return base, matched


def _below(filesystem: fs.FileSystem, folder: str) -> list[str]:
    """Return the visible files below ``folder``, in order."""
    infos = filesystem.get_file_info(fs.FileSelector(folder, recursive=True))
    names = [info.path for info in infos if info.type == fs.FileType.File]
    return sorted(n for n in names if not any(step.startswith((".", "_")) for step in _relative(n, folder).split("/")))


def _relative(name: str, base: str) -> str:
    name, base = name.removeprefix("./").lstrip("/"), base.removeprefix("./").strip("/")
    return name if base in ("", ".") else name.removeprefix(base).lstrip("/")


def _matches(name: str, pattern: str) -> bool:
    """Match step by step; ``**`` stands for any number of folders, a final ``*`` folder for what is in it."""

    def match(steps: list[str], wanted: list[str]) -> bool:
        if not wanted:
            return not steps
        if wanted[0] == "**":
            return any(match(steps[i:], wanted[1:]) for i in range(len(steps) + 1))
        return bool(steps) and fnmatch.fnmatchcase(steps[0], wanted[0]) and match(steps[1:], wanted[1:])

    return match(name.split("/"), pattern.split("/"))


def _neighbours(filesystem: fs.FileSystem, path: str) -> str:
    folder, _, name = path.rpartition("/")
    if filesystem.get_file_info(folder or ".").type != fs.FileType.Directory:
        return ""
    infos = filesystem.get_file_info(fs.FileSelector(folder or "."))
    return close_to(name, [info.base_name for info in infos])


def kind_of_file(name: str, *, strict: bool = True) -> str | None:
    """Return "parquet" or "csv" by the end of a name; of another one None, or `DataError` if ``strict``."""
    lower = name.lower()
    for end in _COMPRESSED:
        lower = lower.removesuffix(end)
    if name.lower().endswith(_PARQUET):
        return "parquet"
    if lower.endswith(_CSV):
        return "csv"
    if strict:
        raise DataError(f"{name!r} is of an unknown kind; give {_KNOWN}")
    return None


# ------------------------------------------------------------------------------------------------ how
def _read_parquet(filesystem: fs.FileSystem, files: list[str], base: str | None, where: str | None) -> pa.Table:
    """Read Parquet files; what they are called by people is ``where``, None to leave synthetic rows unnoticed."""
    if base is None:
        table = parquet.read_table(files[0], filesystem=filesystem, partitioning=cast(Any, None))
        if where is not None:
            notice_synthetic(table, repr(where))
        return table
    parts: Any = dataset.dataset(
        files, filesystem=filesystem, format="parquet", partitioning="hive", partition_base_dir=base
    )
    fragments = list(parts.get_fragments())
    schemas = [fragment.physical_schema for fragment in fragments]
    _same_columns([s.names for s in schemas], files)
    unified = pa.unify_schemas(schemas, promote_options="permissive")
    keys = [field for field in parts.schema if field.name not in unified.names]
    table = parts.replace_schema(pa.schema([*unified, *keys], metadata=schemas[0].metadata)).to_table()
    makers: Counter[str] = Counter()
    for fragment, schema in zip(fragments, schemas, strict=True):
        if (maker := note_of((schema.metadata or {}).get(KEY.encode()))) is not None:
            makers[maker] += fragment.count_rows()
    if where is not None:
        warn_if_synthetic(makers, len(table), what="rows", where=repr(where))
    return table


def notice_synthetic(table: pa.Table, where: str) -> None:
    """Warn where the metadata of ``table`` say that ganaug made its rows."""
    maker = note_of((table.schema.metadata or {}).get(KEY.encode()))
    if maker is not None:
        warn_if_synthetic({maker: len(table)}, len(table), what="rows", where=where)


def _read_csv(filesystem: fs.FileSystem, name: str) -> pa.Table:
    with filesystem.open_input_stream(name) as stream:
        data = stream.read()
    header = data[: data.find(b"\n") if b"\n" in data else len(data)].decode("utf-8-sig")
    if not header.strip() and not data.strip():
        raise DataError(f"{name!r} is empty (white space only); write it again or leave it out")
    outside = "".join(header.split('"')[::2])
    delimiter = max(",;\t|", key=outside.count)
    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    convert = csv.ConvertOptions(strings_can_be_null=True)
    try:
        table = csv.read_csv(pa.py_buffer(data), parse_options=parse, convert_options=convert)
    except pa.ArrowInvalid:
        # Types are inferred from the first block; a later one disagreed, so let all of it be one block.
        read = csv.ReadOptions(block_size=min(len(data) + 1, 2**30))
        table = csv.read_csv(pa.py_buffer(data), read, parse_options=parse, convert_options=convert)
    for field in table.schema:
        if pa.types.is_binary(field.type):
            raise DataError(f"column {field.name!r} of {name!r} is not text in UTF-8; save the file as UTF-8")
    return table


def _same_columns(names: list[list[str]], files: list[str]) -> None:
    names_of(names[0])
    for other, file in zip(names, files, strict=True):
        differing = sorted(set(names[0]) ^ set(other))
        if differing:
            raise DataError(f"{files[0]!r} and {file!r} must have the same columns, however they differ in {differing}")


def _joined(tables: list[pa.Table], files: list[str]) -> pa.Table:
    _same_columns([t.column_names for t in tables], files)
    return pa.concat_tables([t.select(tables[0].column_names) for t in tables], promote_options="permissive")


def _with_partitions(tables: list[pa.Table], files: list[str], base: str) -> pa.Table:
    """Append the ``key=value`` folders' values as columns, integers where all of them are."""
    steps = [[s for s in _relative(n, base).split("/")[:-1] if "=" in s] for n in files]
    keys = [{unquote(k): unquote(v) for k, _, v in (s.partition("=") for s in named)} for named in steps]
    _same_columns([list(k) for k in keys], files)
    joined = _joined(tables, files)
    for key in keys[0]:
        values = pa.array([None if k[key] == _NULL else k[key] for k in keys], pa.string())
        if all(v.isdigit() for v in values.drop_null().to_pylist()):
            values = values.cast(pa.int64())
        rows = [pa.repeat(value, t.num_rows) for value, t in zip(values, tables, strict=True)]
        joined = joined.append_column(key, pa.chunked_array(rows))
    return joined
