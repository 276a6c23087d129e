"""A folder of images: one sub-folder a class, splits above them, or images alone."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
from pyarrow import fs

from ganaug import containers
from ganaug.data.image_decode import EXTENSIONS, Cell
from ganaug.data.image_source import Fetched, Labels, Source, choose_split, counted, listed, split_of, warn
from ganaug.errors import DataError
from ganaug.image_containers import frame_form

__all__ = ["LABEL", "Tree", "folder_source", "tree_of"]

LABEL = "label"
"""What a target is called that has no name of its own."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What lies below a folder, in order, relative to it."""

    folders: list[str]
    images: list[str]
    others: list[str]
    """Hidden files, and those whose name does not promise an image."""

    def below(self, top: str) -> Tree:
        """Return what lies below one of its folders."""
        return Tree(**{k: [n[len(top) + 1 :] for n in v if n.startswith(f"{top}/")] for k, v in vars(self).items()})


def tree_of(filesystem: fs.FileSystem, folder: str) -> Tree:
    """List what lies below ``folder``; links are followed, and broken ones count as files."""
    base = folder.rstrip("/") + "/"
    tree = Tree(folders=[], images=[], others=[])
    for info in filesystem.get_file_info(fs.FileSelector(folder, recursive=True)):
        name = info.path.removeprefix(base)
        steps = PurePosixPath(name).parts
        hidden = any(step.startswith(".") or step == "__MACOSX" for step in steps)
        if info.type == fs.FileType.Directory:
            if not hidden:
                tree.folders.append(name)
        elif hidden or PurePosixPath(name).suffix.lower() not in EXTENSIONS:
            tree.others.append(name)
        else:
            tree.images.append(name)
    return Tree(**{kind: sorted(names) for kind, names in vars(tree).items()})


def folder_source(
    filesystem: fs.FileSystem, folder: str, *, where: str, target: Hashable, split: str | None, alone: bool = False
) -> Source:
    """Read a folder: which images are in it, and what they are labelled; ``alone`` lets one class folder do."""
    folder = folder.rstrip("/") or "/"
    tree = tree_of(filesystem, folder)
    tree, prefix = _of_split(tree, where, split)
    if tree.others:
        what = counted(len(tree.others), "file")
        warn(f"{what} of {where} left out, as the name is not that of an image: {listed(tree.others)}")
    if not tree.images:
        raise DataError(f"{where} holds no image; its files must end with one of {', '.join(sorted(EXTENSIONS))}")
    labels = _labels(tree, where, target, alone=alone)
    fetched = Fetched(filesystem)
    full = [f"{folder.rstrip('/')}/{prefix}{name}" for name in tree.images]

    def cells() -> Iterator[Cell]:
        for name in full:
            yield functools.partial(fetched, name)

    form = None if labels is None else containers.from_file(pa.table({labels.name: labels.values}))[1]
    return Source(
        where=where,
        cells=cells,
        count=len(full),
        paths=[f"{prefix}{name}" for name in tree.images],
        labels=labels,
        container="pandas",
        form=frame_form("image", cell="struct", at=0, labels=form),
    )


def _of_split(tree: Tree, where: str, split: str | None) -> tuple[Tree, str]:
    """Return what lies below the folder of one split, if there are such folders, and that folder's name."""
    kinds = {name: split_of(name) for name in tree.folders if "/" not in name}
    splits = {name: kind for name, kind in kinds.items() if kind is not None and tree.below(name).images}
    if not splits:
        if split is not None:
            raise DataError(f"{where} has no folders of splits such as 'train' and 'test'; leave split=None")
        return tree, ""
    chosen = choose_split(splits.values(), split, where)
    beside = sorted(n for n in (*tree.images, *tree.others) if n.split("/")[0] not in splits)
    if beside:
        warn(f"{counted(len(beside), 'file')} of {where} left out, as beside the splits: {listed(beside)}")
    names = [name for name, kind in splits.items() if kind == chosen]
    if len(names) > 1:
        raise DataError(f"{where} has the folders {names}, which are the same split; remove one of them")
    return tree.below(names[0]), f"{names[0]}/"


def _labels(tree: Tree, where: str, target: Hashable, *, alone: bool) -> Labels | None:
    classes = [name for name in tree.folders if "/" not in name]
    loose = [name for name in tree.images if "/" not in name]
    empty = [name for name in classes if not tree.below(name).images]
    if empty:
        warn(f"{counted(len(empty), 'class folder')} of {where} left out, as no image is in it: {listed(empty)}")
    if len(empty) == len(classes):
        if target is not None:
            raise DataError(f"{where} holds images without class folders, so there is no {target!r}; leave target=None")
        return None
    if loose:
        raise DataError(
            f"{counted(len(loose), 'image')} of {where} without a label, as beside the class folders: {listed(loose)}; "
            "move them into one, or remove them"
        )
    if len(classes) - len(empty) == 1 and not alone:
        only = next(name for name in classes if name not in empty)
        raise DataError(
            f"{where} has one class folder only, {only!r}, at least two are needed; give the path of the folder "
            "with the images in it to augment all of them as one class"
        )
    values = pa.array([name.split("/")[0] for name in tree.images], pa.string())
    return Labels(name=LABEL if target is None else str(target), values=values)
