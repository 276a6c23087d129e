"""Rows and images that ganaug made are noticed when they are read for training."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, PngImagePlugin
from pyarrow import parquet

import ganaug
from ganaug.data import read_images, read_table
from ganaug.data.read import read
from ganaug.errors import DataWarning
from ganaug.image_files import export_folder, publish
from ganaug.parquet import write_parquet

TABLE = pa.table({"x": np.arange(6) / 7, "y": ["a", "b"] * 3})
NOTE = {"synthetic": True, "variant": "anchored", "seed": 3}
IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)


def told(call):
    """Return what ``call`` warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught if "synthetic" in str(warning.message)]


def test_a_file_of_synthetic_rows(tmp_path):
    write_parquet([TABLE], tmp_path / "out", schema=TABLE.schema, provenance=NOTE)
    for place in ("out/data/part-00000.parquet", "out/data", "out/data/*.parquet"):
        with pytest.warns(DataWarning) as caught:
            read_table(tmp_path / place, target="y")
        (text,) = [str(w.message) for w in caught]
        assert text.startswith(f"6 of 6 rows of {str(tmp_path / place)!r} are synthetic rows that ganaug made")
        assert "(anchored, seed 3); training on them" in text and "says nothing about real data" in text


def test_a_table_of_synthetic_rows(tmp_path):
    write_parquet([TABLE], tmp_path / "out", schema=TABLE.schema, provenance=NOTE)
    table = parquet.read_table(tmp_path / "out/data/part-00000.parquet")
    assert told(lambda: read_table(table, target="y"))[0].startswith("6 of 6 rows of the Arrow table are synthetic")


def test_what_a_generator_drew_is_noticed(tmp_path):
    rows = pa.table({"x": np.random.default_rng(0).normal(size=60), "y": ["a", "b", "b"] * 20})
    synthesizer = ganaug.fit(rows, target="y", variant="anchored", random_state=5, progress=False)
    chunks = synthesizer.sample_chunks(20, random_state=1)
    write_parquet(chunks, tmp_path / "out", schema=synthesizer.schema, provenance=synthesizer.provenance)
    (text,) = told(lambda: read_table(tmp_path / "out/data", target="y"))
    assert text.startswith("20 of 20 rows") and "(anchored, seed 5)" in text


def test_files_of_real_and_synthetic_rows_are_counted(tmp_path):
    parquet.write_table(TABLE, tmp_path / "a.parquet")
    for name, seed in (("b", 3), ("c", 4), ("d", 4)):
        schema = TABLE.schema.with_metadata({"ganaug": json.dumps({**NOTE, "seed": seed})})
        parquet.write_table(TABLE.slice(0, 5).cast(schema), tmp_path / f"{name}.parquet")
    (text,) = told(lambda: read_table(tmp_path, target="y"))
    assert text.startswith("15 of 21 rows") and "(anchored, seed 3; anchored, seed 4)" in text


@pytest.mark.parametrize("note", [None, "x", "[]", '{"synthetic": false}', '{"synthetic": 1}', "[" * 100_000])
def test_real_rows_and_the_notes_of_others_are_left_in_peace(tmp_path, note):
    table = TABLE if note is None else TABLE.cast(TABLE.schema.with_metadata({"ganaug": note}))
    parquet.write_table(table, tmp_path / "t.parquet")
    assert told(lambda: (read_table(tmp_path / "t.parquet"), read_table(table))) == []


def test_synthetic_images_in_folders_and_parquet(tmp_path):
    found = read_images((IMAGES, list("aabbcc")))
    export_folder(found.table, found.schema, tmp_path / "folder", note=NOTE)
    real = tmp_path / "folder" / "a" / "real.png"
    Image.fromarray(IMAGES[0]).save(real)
    (text,) = told(lambda: read(tmp_path / "folder"))
    assert text.startswith("6 of 7 images of ") and "synthetic images that ganaug made (anchored, seed 3)" in text

    table = publish(found.table, found.schema, note=NOTE)
    write_parquet([table], tmp_path / "set", schema=table.schema, provenance=NOTE)
    assert len(told(lambda: read(tmp_path / "set" / "data"))) == 1, "said once, though file and pictures say it"
    assert len(told(lambda: read(table))) == 1


def test_real_images_and_the_notes_of_others_are_left_in_peace(tmp_path):
    for number, text in enumerate([None, "a comment", '{"synthetic": "no"}']):
        info = PngImagePlugin.PngInfo()
        if text is not None:
            info.add_text("ganaug", text)
        Image.fromarray(IMAGES[number]).save(tmp_path / f"{number}.png", pnginfo=info)
    assert told(lambda: read_images(tmp_path)) == []
