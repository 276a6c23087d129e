"""What a run is asked. Prefect makes the page's form of it, and refuses a bad value before anything starts."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from ganaug.request import Request

__all__ = ["AugmentRequest"]

Strategy = Literal["policy", "auto", "minority", "not minority", "not majority", "all"]
Ratio = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=0)]


def _field(position: int, description: str, default: Any = ..., **more: Any) -> Any:
    extra = {"position": position, **more.pop("json_schema_extra", {})}
    return Field(default, description=description, json_schema_extra=extra, **more)


class AugmentRequest(BaseModel, extra="forbid", frozen=True):
    """One table to augment, in the words of `ganaug.augment`."""

    data: str = _field(
        0,
        "CSV or Parquet: a file, a folder, hive partitions or a glob, as a local path or an fsspec URL.",
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
    variant: Literal["auto", "anchored", "wgan_gp"] = _field(
        4, "Which generator. The artefact of 'wgan_gp' keeps no training row; that of 'anchored' does.", "auto"
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

    @property
    def title(self) -> str:
        """A few readable words: what is augmented, and how."""
        name = PurePosixPath(self.data.rstrip("/*")).stem or "table"
        return "-".join(word for word in (name, self.target, self.variant) if word)

    def to_library(self) -> Request:
        """Return what `ganaug.augment` would be asked; data and folder go beside it."""
        options = self.model_dump(exclude={"data", "out"})
        return Request(**{**options, "check": False if self.check == "none" else self.check})
