"""What one image of a set is: size, channels, target and classes, and the container that it came in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from ganaug import arrays, image_containers, joint_schema, pixels, value_schema
from ganaug.errors import ArtefactError, SchemaError
from ganaug.schema import Column, Labelled, TableSchema, check_columns

__all__ = ["ImageSchema", "schema_from_json"]

_KIND = "images"


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSchema(Labelled):
    """Everything about an image set but its images; it goes to plain JSON and back.

    The canonical table has the column ``image``, pixels as uint8 in the order rows, columns, channels; unless it came
    as ``(X, y)``, the column ``path``, where the image came from, null where unknown; and the target's.
    Two schemas are equal when their JSON is.
    """

    height: int
    width: int
    channels: int
    """1 gray, 3 RGB, 4 RGBA."""
    names: tuple[str, ...] | None = None
    """What people call the classes, by code; None if the labels' own text says it."""
    label_type: pa.DataType | None = None
    """The type of the target column; that of ``classes`` by default."""
    container: Literal["pandas", "arrow", "xy"]
    form: dict[str, Any] = field(repr=False)
    """How the container is put together again, in JSON (see `ganaug.image_containers`)."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ImageSchema) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    # ------------------------------------------------------------------------------------- what it says
    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width: one image as networks see it."""
        return self.channels, self.height, self.width

    @property
    def arrow(self) -> pa.Schema:
        """The canonical table's Arrow schema."""
        fields = [pa.field(pixels.IMAGE, pa.binary(self.height * self.width * self.channels))]
        if self.container != "xy":
            fields.append(pa.field(pixels.PATH, pa.string()))
        if self.target is not None and self.classes is not None:
            fields.append(pa.field(self.target, self.classes.type if self.label_type is None else self.label_type))
        return pa.schema(fields)

    @property
    def columns(self) -> tuple[Column, ...]:
        """None: an image is no column of values."""
        return ()

    @property
    def feature_names(self) -> list[str]:
        """The column that is learnt."""
        return [pixels.IMAGE]

    @property
    def id_columns(self) -> list[str]:
        """The column that names an image and says nothing about it."""
        return [] if self.container == "xy" else [pixels.PATH]

    def class_names(self) -> list[str]:
        """Return what people call every class, by code; ``["all images"]`` without a target."""
        if self.classes is None:
            return ["all images"]
        return super().class_names() if self.names is None else list(self.names)

    def labels_of(self, codes: np.ndarray) -> pa.Array:
        """Return the labels of class codes, in the target column's type."""
        assert self.classes is not None, "without a target there are no labels"
        labels = self.classes.take(pa.array(np.asarray(codes, np.int64)))
        return labels if self.label_type is None else arrays.typed(labels, self.label_type, self.target_categories)

    def pixels(self, table: pa.Table) -> np.ndarray:
        """Return the pixels of a canonical table.

        **Shape:** uint8 ``(n, h, w, c)``, without a copy where the column is of one chunk.
        """
        return pixels.pixels(table, self)

    def check(self, table: pa.Table) -> None:
        """Raise `SchemaError` unless ``table`` has this schema's columns, and images of its size."""
        found = table.schema.field(pixels.IMAGE).type if pixels.IMAGE in table.column_names else None
        expected = self.arrow.field(pixels.IMAGE).type
        if found is not None and pa.types.is_fixed_size_binary(found) and found != expected:
            raise SchemaError(
                f"the images have {found.byte_width} bytes each, however those that were fitted on have "
                f"{self.height} x {self.width} pixels of {self.channels} bytes; read them with "
                f"size=({self.height}, {self.width}) and channels={self.channels}"
            )
        check_columns(table, self.arrow)

    # --------------------------------------------------------------------------------------- there and back
    def restore(self, table: pa.Table) -> Any:
        """Give images of this schema the container that the input had.

        ``(X, y)`` comes back in the layout, dtype and range that it came in, tensors as tensors (on the CPU). Columns
        come back with an image column of the kind that came: PIL images, encoded images, or ``{"bytes", "path"}``;
        encoded images are PNG, and a column of paths becomes one of ``{"bytes", "path"}``. What was read from a path
        comes back as a DataFrame with a default index, its images as ``{"bytes", "path"}``.
        """
        self.check(table)
        return image_containers.restore(table, self.pixels(table), self.form, self.target)

    def without_rows(self) -> ImageSchema:
        """Return the same schema without anything that could tell about single rows: there is nothing of the kind."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object; `from_json` undoes it."""
        return {
            "kind": _KIND,
            "arrow": arrays.schema_to_json(self.arrow),
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
            "target": self.target,
            "classes": None if self.classes is None else arrays.array_to_json(self.classes),
            "target_categories": None
            if self.target_categories is None
            else arrays.array_to_json(self.target_categories),
            "names": None if self.names is None else list(self.names),
            "container": self.container,
            "form": self.form,
        }

    @classmethod
    def from_json(cls, d: dict[str, Any]) -> ImageSchema:
        """Undo `to_json`; raises `ArtefactError` if something is missing or broken."""
        try:
            target = d["target"]
            label_type = None if target is None else arrays.schema_from_json(d["arrow"]).field(target).type

            def values(stored: Any) -> pa.Array | None:
                return None if stored is None else arrays.array_from_json(stored, arrays.value_type(label_type))

            return cls(
                height=int(d["height"]),
                width=int(d["width"]),
                channels=int(d["channels"]),
                target=target,
                classes=values(d["classes"]),
                target_categories=values(d["target_categories"]),
                names=None if d["names"] is None else tuple(d["names"]),
                label_type=label_type,
                container=d["container"],
                form=d["form"],
            )
        except (KeyError, TypeError, ValueError, AttributeError, pa.ArrowException) as error:
            raise ArtefactError(f"the schema is broken: {type(error).__name__}: {error}; fit and save again") from error


def schema_from_json(d: dict[str, Any]) -> TableSchema | ImageSchema:
    """Return the schema that a JSON object describes, of tables or of images."""
    kinds: dict[Any, Any] = {
        _KIND: ImageSchema,
        joint_schema.KIND: joint_schema.JointSchema,
        value_schema.KIND: value_schema.ValueSchema,
    }
    return kinds.get(d.get("kind"), TableSchema).from_json(d)
