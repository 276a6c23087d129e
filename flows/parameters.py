"""What a run is asked. Prefect makes the page's form of it, and refuses a bad value before anything starts."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from ganaug.image_options import ImageOptions
from ganaug.options import ranges_of
from ganaug.request import Request
from ganaug.storage import join, require_no_secrets

__all__ = ["AugmentRequest", "Variant"]

Strategy = Literal["policy", "auto", "minority", "not minority", "not majority", "all"]
Variant = Literal[
    "auto",
    "anchored",
    "anchored_image",
    "cgan",
    "ctgan",
    "cyclegan",
    "dcgan",
    "hinge",
    "inpaint",
    "lsgan",
    "multiscale",
    "progressive",
    "r3gan",
    "sagan",
    "stylegan2",
    "vaegan",
    "vanilla",
    "wgan",
    "wgan_gp",
]
"""Which add rows."""
Ratio = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=8, le=128)]
Transform = Literal["shift", "crop", "flip"]


def _without_secrets(place: str) -> str:
    require_no_secrets(place)
    return place


Place = Annotated[str, Field(min_length=1), AfterValidator(_without_secrets)]
"""A local path or an fsspec URL, without credentials in it."""


def _field(position: int, description: str, default: Any = ..., **more: Any) -> Any:
    extra = {"position": position, **more.pop("json_schema_extra", {})}
    return Field(default, description=description, json_schema_extra=extra, **more)


class AugmentRequest(BaseModel, extra="forbid", frozen=True):
    """One table or image set to augment, in the words of `ganaug.augment`."""

    data: Place = _field(
        0,
        "A table: CSV or Parquet, a file, a folder, hive partitions or a glob. Or images: a folder with a sub-folder a "
        "class, image Parquet, npz, or a table of paths. A local path or an fsspec URL.",
    )
    target: str | list[str] | None = _field(
        1,
        "Column with the classes, or with a number; several columns of a table: their combinations are the classes. "
        "None: the rows are one class.",
        None,
    )
    task: Literal["classification", "regression"] = _field(
        2,
        "Regression where the target of a table is a number: rows are added where its values are rare.",
        "classification",
    )
    out: Place | None = _field(
        3,
        "Folder for the results, a path or URL: a new one, an empty one, or that of this very run. None: one below "
        "`publish_to` that is named after the data and the options, so that a changed row makes another run.",
        None,
    )
    publish_to: Place | None = _field(
        4, "Where synthetic sets are published, version by version, a path or URL. None: nothing is published.", None
    )
    publish: Literal["if_helps", "always", "never"] = _field(
        5,
        "Whether the set becomes the latest version: only after the verdict 'helps', in any case, or never.",
        "if_helps",
    )
    keep: int = _field(6, "How many versions and runs stay in `publish_to`; the latest version always does.", 10, ge=1)
    sampling_strategy: Strategy | Ratio | dict[str, Count] = _field(
        7,
        "How many rows: 'policy' adds many of all classes, or none, as the training rows say; the other words, a ratio "
        "between 0 and 1 and label -> rows of the class wanted mean what they do in imbalanced-learn. Of several "
        "columns a label is 'yes & red', with regression it is a range, '250..300'.",
        "policy",
    )
    variant: Variant = _field(
        8,
        "Which generator; auto: 'anchored' for tables, 'anchored_image' for images. `ganaug variants` lists them all, "
        "with what each is for.",
        "auto",
    )
    check: Literal["auto", "none", "quick", "thorough"] = _field(
        9,
        "Whether to measure the effect on real rows, and how closely. Auto: thorough where the verdict decides about "
        "publishing, as a quick check can hardly ever prove help; else quick.",
        "auto",
    )
    id_columns: list[str] | None = _field(
        10, "Columns that are identifiers or free text and not learnt. None: detected, with a warning.", None
    )
    groups: str | None = _field(11, "Column whose equal values stay on one side of every split.", None)
    scoring: str | None = _field(
        12, "A scikit-learn scorer. None: average precision, or R2 weighted by how rare a value is.", None
    )
    random_state: int = _field(13, "Same seed and versions, same bits.", 0, ge=0)
    device: Literal["auto", "cpu", "cuda"] = _field(14, "Where the networks train.", "auto")
    image_size: tuple[Side, Side] | None = _field(
        15, "Images: height and width to bring them to. None: their own, or the median where they differ.", None
    )
    split: str | None = _field(16, "Images: which split to read. None: train, where there are several.", None)
    transforms: list[Transform] = _field(
        17,
        "Images: what leaves their class as it is ('flip': left to right); the check oversamples with these as a cheap "
        "alternative.",
        ["shift", "crop"],
    )
    skip_unreadable: bool = _field(18, "Images: leave out what cannot be decoded, and say so.", False)
    credentials: list[str] = _field(
        19,
        "Prefect blocks with the credentials of storage: 'ganaug-storage/NAME', or 'secret/NAME' with a JSON object "
        "of fsspec's options by protocol.",
        [],
    )
    watch_every: int | None = _field(
        20,
        "How often the history of the training, training/history.jsonl, gets a line, in steps. None: a twelfth of the "
        "training. It makes no other run, and changes no row, unless the training goes wrong and goes back.",
        None,
        ge=1,
    )

    @model_validator(mode="after")
    def _agree(self) -> AugmentRequest:
        if self.out is None and self.publish_to is None:
            raise ValueError("give out, a folder for the results, or publish_to, where they are published")
        if self.gated and self.check == "none":
            raise ValueError("publish 'if_helps' needs a check: take check 'auto', or publish 'always' or 'never'")
        return self

    @property
    def runs(self) -> str | None:
        """The folder that holds this run's folder beside others; None where the run's own folder is given."""
        return join(self.publish_to, "runs") if self.out is None and self.publish_to is not None else None

    @property
    def gated(self) -> bool:
        """Whether the verdict decides about publishing."""
        return self.publish_to is not None and self.publish == "if_helps"

    @property
    def depth(self) -> Literal["quick", "thorough"] | None:
        """How closely the effect is measured; None for not at all."""
        if self.check == "auto":
            return "thorough" if self.gated else "quick"
        return None if self.check == "none" else self.check

    @property
    def targets(self) -> list[str]:
        """The label columns, none for rows of one class."""
        return [self.target] if isinstance(self.target, str) else self.target or []

    @property
    def title(self) -> str:
        """A few readable words: what is augmented, and how."""
        name = PurePosixPath(self.data.rstrip("/*")).stem or "table"
        return "-".join(word for word in (name, *self.targets, self.variant) if word)

    def to_library(self) -> Request:
        """Return what `ganaug.augment` would be asked; data and folder go beside it."""
        options = self.model_dump(include=set(Request.__dataclass_fields__) - {"check", "images"})
        images = ImageOptions(
            size=self.image_size,
            split=self.split,
            transforms=tuple(self.transforms),
            skip_unreadable=self.skip_unreadable,
        )
        if self.task == "regression" and isinstance(self.sampling_strategy, dict):
            options["sampling_strategy"] = ranges_of(self.sampling_strategy)
        return Request(**options, check=self.depth or False, images=images)
