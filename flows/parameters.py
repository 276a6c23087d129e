"""What a run is asked. Prefect makes the page's form of it, and refuses a bad value before anything starts."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from ganaug.image_options import ImageOptions
from ganaug.request import Request

__all__ = ["AugmentRequest"]

Strategy = Literal["policy", "auto", "minority", "not minority", "not majority", "all"]
Ratio = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=8, le=128)]
Transform = Literal["shift", "crop", "flip"]


def _field(position: int, description: str, default: Any = ..., **more: Any) -> Any:
    extra = {"position": position, **more.pop("json_schema_extra", {})}
    return Field(default, description=description, json_schema_extra=extra, **more)


class AugmentRequest(BaseModel, extra="forbid", frozen=True):
    """One table or image set to augment, in the words of `ganaug.augment`."""

    data: str = _field(
        0,
        "A table: CSV or Parquet, a file, a folder, hive partitions or a glob. Or images: a folder with a sub-folder a "
        "class, image Parquet, npz, or a table of paths. A local path or an fsspec URL.",
        min_length=1,
    )
    target: str | None = _field(1, "Column with the classes. None: the rows are one class.", None)
    out: str = _field(2, "Folder for the results: a new one, an empty one, or that of this very run.", min_length=1)
    sampling_strategy: Strategy | Ratio | dict[str, Count] = _field(
        3,
        "How many rows: 'policy' chooses the amount, or none, on the training rows alone; the other words, a ratio "
        "between 0 and 1 and label -> rows of the class wanted mean what they do in imbalanced-learn.",
        "policy",
    )
    variant: Literal["auto", "anchored", "wgan_gp", "anchored_image", "r3gan"] = _field(
        4,
        "Which generator: 'anchored' or 'wgan_gp' for tables, 'anchored_image' or 'r3gan' for images. The artefacts of "
        "'wgan_gp' and 'r3gan' keep no training row.",
        "auto",
    )
    check: Literal["none", "quick", "thorough"] = _field(
        5, "Whether to measure the effect on real rows, and how closely.", "quick"
    )
    id_columns: list[str] | None = _field(
        6, "Columns that are identifiers or free text and not learnt. None: detected, with a warning.", None
    )
    groups: str | None = _field(7, "Column whose equal values stay on one side of every split.", None)
    scoring: str | None = _field(8, "A scikit-learn scorer. None: average precision.", None)
    random_state: int = _field(9, "Same seed and versions, same bits.", 0, ge=0)
    device: Literal["auto", "cpu", "cuda"] = _field(10, "Where the networks train.", "auto")
    image_size: tuple[Side, Side] | None = _field(
        11, "Images: height and width to bring them to. None: their own, or the median where they differ.", None
    )
    split: str | None = _field(12, "Images: which split to read. None: train, where there are several.", None)
    transforms: list[Transform] = _field(
        13,
        "Images: what leaves their class as it is ('flip': left to right); the check oversamples with these as a cheap "
        "alternative.",
        ["shift", "crop"],
    )
    skip_unreadable: bool = _field(14, "Images: leave out what cannot be decoded, and say so.", False)

    @property
    def title(self) -> str:
        """A few readable words: what is augmented, and how."""
        name = PurePosixPath(self.data.rstrip("/*")).stem or "table"
        return "-".join(word for word in (name, self.target, self.variant) if word)

    def to_library(self) -> Request:
        """Return what `ganaug.augment` would be asked; data and folder go beside it."""
        options = self.model_dump(exclude={"data", "out", "image_size", "split", "transforms", "skip_unreadable"})
        images = ImageOptions(
            size=self.image_size,
            split=self.split,
            transforms=tuple(self.transforms),
            skip_unreadable=self.skip_unreadable,
        )
        return Request(**{**options, "check": False if self.check == "none" else self.check, "images": images})
