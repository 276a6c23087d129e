from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd

from ganaug.data import TableData, read_table
from ganaug.evaluate.fidelity import fidelity
from ganaug.report import sample_pictures


def table(rows: int = 200, columns: int = 4) -> TableData:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{i}": rng.normal(i, 1, rows) for i in range(columns)})
    frame["a<b & 'c'"] = rng.choice(["red", "green"], rows)
    frame["label"] = rng.choice(["a", "b"], rows)
    return read_table(frame, target="label", id_columns=[])


def test_each_picture_is_a_file_of_its_own_with_title_size_and_paper() -> None:
    data = table()
    pictures = sample_pictures(data.table, data.table.slice(0, 60), data.schema)
    assert [picture.title for picture in pictures] == ["x0", "x1", "x2", "x3", "a<b & 'c'"]
    for picture in pictures:
        root = ElementTree.fromstring(picture.content)
        assert float(root.attrib["width"]) > 200 and float(root.attrib["height"]) > 100
        texts = [element.text for element in root.iter() if element.tag.endswith("text")]
        assert texts[0] == picture.title
        assert b"var(--font)" not in picture.content


def test_the_most_different_column_comes_first_and_what_does_not_fit_is_left_out() -> None:
    data = table()
    made = data.table.set_column(2, "x2", [data.table["x2"].to_numpy() + 3.0])
    found = fidelity(data.table, None, made, data.schema).to_json()
    pictures = sample_pictures(data.table, made, data.schema, fidelity=found)
    assert pictures[0].title == "x2"
    size = len(pictures[0].content)
    assert sample_pictures(data.table, made, data.schema, fidelity=found, max_bytes=size) == pictures[:1]
    assert sample_pictures(data.table, made, data.schema, fidelity=found, max_bytes=size - 1) == []


def test_a_table_without_synthetic_rows_has_no_pictures() -> None:
    data = table()
    assert sample_pictures(data.table, None, data.schema) == []
