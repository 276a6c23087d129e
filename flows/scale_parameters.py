"""What the flows of many tasks are asked: a large sampling job, and augmenters under comparison."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from flows.parameters import AugmentRequest, Place, Variant
from flows.runners import Where
from ganaug.evaluate.arms import BUILT_IN
from ganaug.options import augmenter_of
from ganaug.request import Request

__all__ = ["CompareRequest", "SampleRequest"]

Count = Annotated[int, Field(ge=0)]
CREDENTIALS = AugmentRequest.model_fields["credentials"].description or ""


def _field(position: int, description: str, default: Any = ..., **more: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"position": position}, **more)


class SampleRequest(BaseModel, extra="forbid", frozen=True):
    """A large sampling job, from a saved generator or from members that are trained first."""

    out: Place = _field(0, "Folder for the Parquet set, new or of this very job: a path or an fsspec URL.")
    generator: Place | None = _field(1, "A saved generator, or a run's folder. None: train members on data.", None)
    data: Place | None = _field(2, "What members are trained on: a table or images, a path or an fsspec URL.", None)
    target: str | None = _field(3, "Members: column with the classes. None: the rows are one class.", None)
    variant: Variant = _field(4, "Members: which generator.", "auto")
    members: int = _field(5, "Members: how many; they draw the shards in turn.", 1, ge=1, le=1000)
    members_out: Place | None = _field(6, "Members: a local folder, on storage that all workers share.", None)
    id_columns: list[str] | None = _field(7, "Members: identifier columns. None: detected, with a warning.", None)
    rows: Count | None = _field(8, "How many rows. None: as many as there were in training.", None)
    conditions: dict[str, Count] | None = _field(9, "Class -> rows of it, instead of rows.", None)
    shard_rows: int | None = _field(
        10, "Rows of a shard, a multiple of 4096 (images: 256). None: 262,144 rows, or 4,096 images.", None, ge=1
    )
    random_state: int = _field(11, "Same seed and versions, same bytes, whoever draws them.", 0, ge=0)
    device: Literal["auto", "cpu", "cuda"] = _field(12, "Where the networks run.", "auto")
    where: Where = _field(13, "Where the tasks run.", Where())
    credentials: list[str] = _field(14, CREDENTIALS, [])

    @model_validator(mode="after")
    def _one_source(self) -> SampleRequest:
        if (self.generator is None) == (self.data is None):
            raise ValueError("give either generator, a saved one, or data, to train members on")
        if self.data is not None and self.members_out is None:
            raise ValueError("give members_out, the folder where the members are kept")
        if self.generator is not None and self.members > 1:
            raise ValueError("members are trained on data; a saved generator is one")
        if self.rows is not None and self.conditions is not None:
            raise ValueError("give rows or conditions, not both")
        return self

    def to_library(self) -> Request:
        """Return what the training of a member is asked."""
        names = ("target", "variant", "id_columns", "random_state", "device")
        return Request(check=False, **{name: getattr(self, name) for name in names})


class CompareRequest(BaseModel, extra="forbid", frozen=True):
    """Augmenters under comparison: each is checked on the same folds of the same rows."""

    data: Place = _field(0, "A table or images with labels: a path or an fsspec URL.")
    target: str | None = _field(1, "Column with the classes; images have their folders.", None)
    out: Place = _field(2, "Folder for the results: a path or an fsspec URL that all workers share.")
    augmenters: list[str] = _field(
        3,
        "What is compared: 'policy', variants (`ganaug variants` lists them), cheap arms "
        "('random_oversampling', 'smote', 'class_weights', ...), samplers of imbalanced-learn ('ADASYN', ...).",
        min_length=1,
    )
    depth: Literal["quick", "thorough"] = _field(4, "How closely is measured.", "quick")
    arms: list[str] = _field(5, "Cheap arms that each of them is held against, beside nothing.", [])
    folds: int | None = _field(6, "Outer folds. None: five.", None, ge=2)
    id_columns: list[str] | None = _field(7, "Columns that are identifiers. None: detected, with a warning.", None)
    groups: str | None = _field(8, "Column whose equal values stay on one side of every split.", None)
    scoring: str | None = _field(9, "A scikit-learn scorer. None: average precision.", None)
    random_state: int = _field(10, "Same seed and versions, same bits, whoever measures them.", 0, ge=0)
    device: Literal["auto", "cpu", "cuda"] = _field(11, "Where the networks train.", "auto")
    where: Where = _field(12, "Where the tasks run.", Where())
    credentials: list[str] = _field(13, CREDENTIALS, [])

    @model_validator(mode="after")
    def _each_once(self) -> CompareRequest:
        if len({name.lower() for name in self.augmenters}) < len(self.augmenters):
            raise ValueError(f"each augmenter is compared once, however: {self.augmenters}")
        return self

    def trains(self, augmenter: str) -> bool:
        """Say whether a generator is trained for one of the augmenters: it is no cheap arm and no sampler."""
        return augmenter not in BUILT_IN and augmenter_of(augmenter) == augmenter

    def options(self, augmenter: str) -> dict[str, Any]:
        """Return the options of `ganaug.evaluate.plan_parts` for one of the augmenters."""
        names = ("target", "depth", "arms", "id_columns", "groups", "scoring", "random_state")
        asked = {name: getattr(self, name) for name in names}
        return {**asked, "cv": self.folds, "augmenter": augmenter_of(augmenter)}
