import io
import json

import numpy as np
import pytest
from PIL import Image

from ganaug.evaluate.image_fidelity import image_fidelity
from ganaug.pixels import table_of
from ganaug.report import write_report
from ganaug.report.contact_sheet import GAP, LABELS, contact_sheet, contact_sheets
from tests.digits import digits, image_data
from tests.report_sample import effect
from tests.test_report import Page


@pytest.fixture(scope="module")
def given():
    images, labels = digits({0: 60, 3: 60, 8: 60})
    data = image_data(images, labels)
    codes = data.schema.label_codes(data.table)
    real, held = data.table.slice(0, 100), data.table.slice(100, 40)
    changed = np.roll(data.schema.pixels(data.table)[140:], 1, axis=2)
    made = table_of(changed, codes[140:], data.schema)
    return {
        "summary": {"decision": "40 images were <added>.", "variant": "r3gan"},
        "effect": effect(),
        "fidelity": image_fidelity(real, held, made, data.schema).to_json(),
        "real": real,
        "synthetic": made,
        "schema": data.schema,
        "history": [{"step": s, "d": 1.0, "g": 2.0 + s, "score": abs(s - 40) / 100} for s in range(0, 100, 20)],
        "provenance": {"ganaug": "0.1.0", "best_step": 40, "keeps_training_rows": True},
    }


@pytest.fixture(scope="module")
def written(given, tmp_path_factory):
    path = write_report(tmp_path_factory.mktemp("report"), **given)
    return path, Page(path.read_text("utf-8"))


def test_the_page_shows_images_and_leaves_out_what_is_about_columns(written):
    _, page = written
    sections = [value for tag, name, value in page.attributes if tag == "section" and name == "id"]
    assert sections == [
        "effect",
        "added",
        "metrics",
        "images",
        "fidelity",
        "training",
        "choices",
        "provenance",
        "limits",
    ]
    assert "100 real images of 8 × 8 pixels, gray, 3 classes of label" in page.words
    assert "40 images were <added>." in page.words and "Synthetic images added 40" in page.words


def test_every_picture_is_in_the_page_and_has_a_text_alternative(written):
    path, page = written
    sources = [value for tag, name, value in page.attributes if tag == "img" and name == "src"]
    texts = [value for tag, name, value in page.attributes if tag == "img" and name == "alt"]
    assert len(sources) == 3 == len(texts) and all(s.startswith("data:image/png;base64,") for s in sources)
    assert all(text.startswith("Class ") and "synthetic" in text and "nearest real" in text for text in texts)
    assert "http" not in "".join(v for _, name, v in page.attributes if name in ("src", "href"))
    assert "<script" not in path.read_text("utf-8")


def test_the_numbers_are_those_of_the_documents(written, given):
    path, page = written
    overall = given["fidelity"]["overall"]
    assert f"Frechet distance {overall['frechet']['synthetic']:.3f} {overall['frechet']['holdout']:.3f}" in page.words
    recognised = overall["recognised"]
    assert f"{100 * recognised['synthetic']:.1f} % {100 * recognised['holdout']:.1f} %" in page.words
    document = json.loads((path.parent / "report.json").read_text("utf-8"))
    assert document["fidelity"] == given["fidelity"]
    short = (path.parent / "report.md").read_text("utf-8")
    assert "| Frechet distance |" in short and "| Exact copies |" in short and "fresh real images" in short


def test_nothing_added_and_nothing_measured(given, tmp_path):
    bare = {"effect": None, "fidelity": None, "synthetic": None, "history": []}
    page = Page(write_report(tmp_path, **{**given, **bare}).read_text("utf-8"))
    assert "Real images, drawn at random: none was added." in page.words
    assert next(v for t, n, v in page.attributes if t == "img" and n == "alt").endswith("10 real images")
    assert "Held-out real" not in page.words
    again = write_report(tmp_path / "b", **{**given, **bare}).read_bytes()
    assert again == (tmp_path / "report.html").read_bytes()


def test_a_sheet_shows_the_pixels_enlarged_by_whole_factors():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    sheet = np.asarray(contact_sheet([("real", images), ("synthetic", images[::-1])], zoom=8, columns=3))
    assert sheet.shape == (2 * (64 + GAP), LABELS + 3 * (64 + GAP), 4)
    for row, line in enumerate((images, images[::-1])):
        for column in range(3):
            top, left = row * (64 + GAP), LABELS + column * (64 + GAP)
            cell = sheet[top : top + 64, left : left + 64]
            assert np.array_equal(cell[..., :3], np.repeat(np.repeat(line[column], 8, 0), 8, 1))
            assert (cell[..., 3] == 255).all()
    assert sheet[:, :LABELS, 3].any() and not sheet[64 : 64 + GAP, LABELS:, 3].any()


def test_under_each_synthetic_image_stands_the_nearest_real_one(given):
    schema, real = given["schema"], given["real"]
    pixels, codes = schema.pixels(real), schema.label_codes(real)
    rows = np.flatnonzero(codes == 1)[:4]
    touched = table_of(
        np.where(pixels[rows] < 250, pixels[rows] + 3, pixels[rows]).astype(np.uint8), codes[rows], schema
    )
    (sheet,) = contact_sheets(real, touched, schema)
    assert sheet.label == "3"
    image = np.asarray(Image.open(io.BytesIO(sheet.png)))
    assert (sheet.width, sheet.height) == image.shape[1::-1]
    tall = 64 + GAP
    for column in range(4):
        left = LABELS + column * tall
        made, nearest = (image[line * tall : line * tall + 64 : 8, left : left + 64 : 8, 0] for line in (1, 2))
        assert np.abs(made.astype(int) - nearest).max() <= 3
        assert any(np.array_equal(nearest, pixels[row, ..., 0]) for row in rows)


@pytest.mark.parametrize("shape", [(28, 28, 1), (128, 96, 3), (20, 33, 4)])
def test_sheets_of_any_size_fit_the_page(shape):
    data = image_data(np.random.default_rng(0).integers(0, 256, (30, *shape), np.uint8), np.arange(30) % 2)
    for sheet in contact_sheets(data.table, data.table.slice(0, 9), data.schema):
        assert 200 < sheet.width <= 830 and sheet.height <= 3 * 131
