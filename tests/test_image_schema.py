"""What an image set is: the labels' codes and names, the canonical table, JSON and back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ganaug import pixels
from ganaug.data import fingerprint, read_images, read_table, row_hashes
from ganaug.errors import ArtefactError, DataError, SchemaError
from ganaug.image_schema import ImageSchema, schema_from_json
from ganaug.pixels import table_of
from ganaug.schema import TableSchema

IMAGES = np.random.default_rng(3).integers(0, 256, (6, 8, 10, 3), np.uint8)
SCHEMA = ImageSchema(
    height=8,
    width=10,
    channels=3,
    target="kind",
    classes=pa.array([3, 5, 7]),
    names=("five", "3", "seven"),
    container="pandas",
    form={},
)


def test_what_generic_code_asks() -> None:
    assert SCHEMA.shape == (3, 8, 10) and SCHEMA.n_classes == 3 and SCHEMA.columns == ()
    assert SCHEMA.feature_names == ["image"] and SCHEMA.id_columns == ["path"]
    assert SCHEMA.arrow == pa.schema([("image", pa.binary(240)), ("path", pa.string()), ("kind", pa.int64())])
    alone = replace(SCHEMA, target=None, classes=None, names=None, container="xy")
    assert alone.n_classes == 1 and alone.arrow.names == ["image"] and alone.id_columns == []
    assert alone.class_names() == ["all images"] and alone.shape == (3, 8, 10)


def test_labels_have_values_and_names() -> None:
    assert SCHEMA.class_names() == ["five", "3", "seven"]
    assert [SCHEMA.code_of(v) for v in (3, np.int64(5), "seven", "7")] == [0, 1, 2, 2]
    assert SCHEMA.code_of("3") == 1, "a name goes before a label's text"
    assert (
        replace(SCHEMA, names=None).class_names() == ["3", "5", "7"] and replace(SCHEMA, names=None).code_of("3") == 0
    )
    with pytest.raises(DataError, match=r"'sevn' is not a class of 'kind'; the classes are .*; did you mean 'seven'"):
        SCHEMA.code_of("sevn")
    with pytest.raises(DataError, match="without a target there is no class 'x'"):
        replace(SCHEMA, target=None, classes=None, names=None).code_of("x")


def test_pixels_and_codes_to_a_table_and_back() -> None:
    table = table_of(IMAGES, np.array([2, 0, 1, 1, 0, 2]), SCHEMA, paths=["a", None, "c", "d", "e", "f"])
    SCHEMA.check(table)
    np.testing.assert_array_equal(SCHEMA.pixels(table), IMAGES)
    assert table["kind"].to_pylist() == [7, 3, 5, 5, 3, 7] and table["path"].to_pylist()[:2] == ["a", None]
    assert SCHEMA.label_codes(table).tolist() == [2, 0, 1, 1, 0, 2]
    assert table_of(IMAGES, np.zeros(6, np.int64), SCHEMA)["path"].null_count == 6
    with pytest.raises(ValueError, match=r"pixels must be uint8 \(6, 8, 10, 3\), however: float64"):
        table_of(IMAGES.astype(float), np.zeros(6, np.int64), SCHEMA)
    with pytest.raises(ValueError, match=r"however: uint8 \(6, 10, 8, 3\)"):
        table_of(IMAGES.transpose(0, 2, 1, 3), np.zeros(6, np.int64), SCHEMA)


def test_pixels_are_a_view_also_of_a_slice() -> None:
    table = table_of(IMAGES, np.zeros(6, np.int64), SCHEMA)
    whole, part = SCHEMA.pixels(table), SCHEMA.pixels(table.slice(2, 3))
    assert np.shares_memory(whole, part) and np.shares_memory(whole, IMAGES)
    np.testing.assert_array_equal(part, IMAGES[2:5])
    np.testing.assert_array_equal(
        SCHEMA.pixels(pa.concat_tables([table.slice(4), table.slice(1, 2)])), IMAGES[[4, 5, 1, 2]]
    )
    np.testing.assert_array_equal(SCHEMA.pixels(table.take(pa.array([5, 0]))), IMAGES[[5, 0]])
    for empty in (table.slice(3, 0), SCHEMA.arrow.empty_table()):
        assert SCHEMA.pixels(empty).shape == (0, 8, 10, 3)


def test_rows_in_any_order_of_memory_are_put_in_c_order() -> None:
    turned = np.asfortranarray(IMAGES)
    np.testing.assert_array_equal(SCHEMA.pixels(table_of(turned, np.zeros(6, np.int64), SCHEMA)), IMAGES)
    channels_first = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(SCHEMA.pixels(table_of(channels_first, np.zeros(6, np.int64), SCHEMA)), IMAGES)


def test_the_hashes_of_tables_are_those_of_the_pixels() -> None:
    table = table_of(IMAGES[[0, 1, 0, 2]], np.zeros(4, np.int64), SCHEMA)
    hashes = row_hashes(table, ["image"])
    assert hashes[0] == hashes[2] and len(set(hashes.tolist())) == 3
    assert fingerprint(table) == fingerprint(pa.concat_tables([table.slice(0, 1), table.slice(1)]))
    assert fingerprint(table) != fingerprint(table.take(pa.array([1, 0, 2, 3])))


def test_other_images_are_refused_with_what_to_do() -> None:
    table = table_of(IMAGES, np.zeros(6, np.int64), SCHEMA)
    other = replace(SCHEMA, height=10, width=16, channels=1)
    with pytest.raises(
        SchemaError, match=r"have 240 bytes each, .* 10 x 16 .*; read them with size=\(10, 16\) and channels=1"
    ):
        other.check(table)
    with pytest.raises(SchemaError, match=r"missing: \['path'\]"):
        SCHEMA.check(table.drop_columns("path"))
    with pytest.raises(SchemaError, match="'kind' is string instead of int64"):
        SCHEMA.check(table.set_column(2, "kind", pa.array(list("aabbcc"))))


@pytest.mark.parametrize(
    "labels",
    [
        [1, 2, 1, 2, 3, 3],
        list("aabbcc"),
        pd.Series(pd.Categorical(list("aabbcc"), ["c", "b", "a", "d"], ordered=True), name="kind"),
        pd.Series([True, False] * 3),
        np.array([0.5, 1.5] * 3),
        None,
    ],
)
def test_a_schema_goes_to_json_and_back(labels: object) -> None:
    found = read_images((IMAGES, labels))
    stored = json.loads(json.dumps(found.schema.to_json()))
    schema = schema_from_json(stored)
    assert isinstance(schema, ImageSchema) and schema == found.schema and schema.arrow == found.schema.arrow
    assert stored["kind"] == "images" and schema.without_rows() == schema
    X, y = schema.restore(table_of(found.schema.pixels(found.table), found.schema.label_codes(found.table), schema))
    np.testing.assert_array_equal(X, IMAGES)
    if isinstance(labels, pd.Series):
        pd.testing.assert_series_equal(y, labels)
    else:
        assert (y is None and labels is None) or list(y) == list(labels)


def test_schemas_of_other_images_differ() -> None:
    assert replace(SCHEMA) == SCHEMA and SCHEMA != "text"
    for change in ({"height": 9}, {"names": None}, {"container": "arrow"}, {"form": {"a": 1}}, {"target": "k"}):
        assert replace(SCHEMA, **change) != SCHEMA, change


def test_json_of_tables_is_read_as_such() -> None:
    schema = read_table(pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]}), id_columns=[]).schema
    found = schema_from_json(json.loads(json.dumps(schema.to_json())))
    assert isinstance(found, TableSchema) and found == schema
    assert schema_from_json(json.loads(json.dumps(SCHEMA.to_json()))) == SCHEMA
    broken = SCHEMA.to_json()
    del broken["height"]
    with pytest.raises(ArtefactError, match="the schema is broken: KeyError: 'height'"):
        schema_from_json(broken)


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, data: object) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(pixels, "IN_MEMORY", 0)
    monkeypatch.setattr(pixels.tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(
        ValueError, match=r"temporary folder .*: .*No space left on device; make room, or let TMPDIR name"
    ):
        read_images((IMAGES, None))
