from __future__ import annotations

import json
import os
import re
import threading
from html.parser import HTMLParser
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ganaug.data import read_table
from ganaug.evaluate.fidelity import fidelity
from ganaug.report import write_report
from ganaug.report.effect_charts import forest_chart
from ganaug.report.samples import column_panels
from ganaug.report.theme import canvas
from ganaug.report.training_charts import _panels, training_chart
from ganaug.report.words import VERDICTS
from ganaug.watching import current
from tests.report_sample import EVIL, documents, effect

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page, its text by section, and whether its tags close in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.open, self.text = [], [], [], []
        self.ids = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def given():
    return documents()


@pytest.fixture(scope="module")
def written(given, tmp_path_factory):
    path = write_report(tmp_path_factory.mktemp("report"), **given)
    return path, Page(path.read_text("utf-8"))


def test_the_verdict_opens_the_page_and_its_tone_does_not_overclaim(written, given):
    path, page = written
    assert path.name == "report.html"
    assert given["effect"]["sentence"] in page.words
    assert page.words.index("Better than nothing") < page.words.index("Every way to augment")
    assert ("section", "class", "verdict fair") in page.attributes
    assert [verdict for verdict, (_, tone) in VERDICTS.items() if tone == "good"] == ["helps"]


def test_the_page_loads_nothing_and_runs_nothing(written):
    path, page = written
    assert not {"script", "link", "img", "iframe", "object", "embed", "base"} & set(page.tags)
    for _, name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("src", "href", "xlink:href", "action", "data", "poster"):
            assert value.startswith(("#", "data:image/png;base64,")), value
    text = path.read_text("utf-8")
    for loading in ("url(http", 'url("http', "@import", "@font-face"):
        assert loading not in text


def test_names_are_shown_and_never_become_markup(written):
    path, page = written
    assert page.words.count(EVIL) >= 1 and "<script" not in path.read_text("utf-8")
    for name in ("yes & no", "<b>", "a b", "<i>", "$y_2$", "cannot run: <why>", "9 rows were <added>."):
        assert name in page.words, name
    assert "b" not in page.tags and "i" not in page.tags
    assert len(page.ids) == len(set(page.ids))


def test_every_picture_has_a_text_alternative_and_every_table_headers(written):
    _, page = written
    pictures = page.tags.count("svg")
    assert pictures == 8 + 6  # a column each; forest, classes, map, projection, distances, training
    labels = [value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"]
    assert len(labels) == pictures and all(len(label) > 15 for label in labels)
    assert page.tags.count("th") == sum(1 for tag, name, _ in page.attributes if tag == "th" and name == "scope")
    assert "ganaug policy +0.021 [+0.001, +0.041]; SMOTE +0.005 [−0.004, +0.014]" in labels[0]


def test_the_sections_come_in_the_order_that_a_reader_needs(written):
    _, page = written
    sections = [value for tag, name, value in page.attributes if tag == "section" and name == "id"]
    assert sections == ["effect", "added", "metrics", "columns", "associations", "projection", "fidelity", "training",
                        "choices", "provenance", "limits"]  # fmt: skip


def test_the_numbers_are_those_of_the_documents(written, given):
    _, page = written
    words = page.words
    assert "+0.021 [+0.001, +0.041]" in words and "+0.016 [−0.002, +0.035]" in words and "0.018" in words
    made = len(given["synthetic"])
    assert f"Synthetic rows added {made}" in words and f"+ {made}" in words
    assert "The generator kept is the one of step 40." in words and "kept: step 40" in words
    assert "the second repeat <was> left out" in words and "the rows look ordered by since" in words
    assert "the smallest <good> amount" in words and "nested.a 1, 2" in words
    for said in ("Log loss ↓", "at 0.5: 0.812", "Random forest, a strong learner", "Mean over the classifiers",
                 "The interval covers another split of the rows.", "standard deviation of 0.004"):  # fmt: skip
        assert said in words, said
    assert "@0.5" not in words and "Average precision ↓" not in words
    assert 'class="sure">+0.031' in written[0].read_text("utf-8")
    first = given["fidelity"]["marginals"][0]["distance"]
    assert f"KS {first['synthetic']:.3f} ({first['holdout']:.3f})" in words


def test_the_json_is_the_documents_and_plain(written, given):
    document = json.loads((written[0].parent / "report.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert set(document) == {"summary", "effect", "fidelity", "history", "provenance"}
    assert document["effect"] == given["effect"] and document["fidelity"] == given["fidelity"]


def test_numbers_that_json_does_not_know_become_null(given, tmp_path):
    odd = {"value": float("nan"), "array": np.array([1, 2]), "path": tmp_path, "scalar": np.float32(0.5)}
    write_report(tmp_path, **{**given, "summary": odd, "synthetic": None})
    document = json.loads((tmp_path / "report.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert document["summary"] == {"value": None, "array": [1, 2], "path": str(tmp_path), "scalar": 0.5}


def test_the_markdown_is_short_and_escaped(written):
    text = (written[0].parent / "report.md").read_text("utf-8")
    assert text.startswith("## Better than nothing:")
    assert "| **ganaug policy** | 0.921 | +0.021 [+0.001, +0.041] |" in text
    assert "SMOTE &lt;does&gt; about as well" in text and "<" not in text
    assert len(text.splitlines()) < 45 and "\n\n\n" not in text


def test_the_same_input_gives_the_same_bytes_whatever_the_process_has_set(given, written, tmp_path):
    before = mpl.rcParams["font.size"]
    try:
        mpl.rcParams["font.size"] = 30
        mpl.rcParams["axes.grid"] = True
        again = write_report(tmp_path, **given)
        assert mpl.rcParams["font.size"] == 30
    finally:
        mpl.rcParams["font.size"] = before
        mpl.rcParams["axes.grid"] = False
    for name in ("report.html", "report.json", "report.md"):
        assert (tmp_path / name).read_bytes() == (written[0].parent / name).read_bytes(), name
    assert again.parent == tmp_path


def test_threads_do_not_disturb_each_other(given, written, tmp_path):
    folders = [tmp_path / str(i) for i in range(2)]
    threads = [threading.Thread(target=write_report, args=(folder,), kwargs=given) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for folder in folders:
        assert (folder / "report.html").read_bytes() == written[0].read_bytes()


def test_not_checked_and_nothing_added_give_a_sensible_page(given, tmp_path):
    bare = {"summary": {}, "effect": None, "fidelity": None, "history": [], "provenance": {}}
    for synthetic in (None, given["synthetic"].slice(0, 0)):
        page = Page(write_report(tmp_path, **{**given, **bare, "synthetic": synthetic}).read_text("utf-8"))
        assert "Not checked" in page.words and "was not measured, as no check was asked for" in page.words
        assert "the data are as they were" in page.words
        assert page.tags.count("svg") == 1 and ("section", "class", "verdict open") in page.attributes
    assert (tmp_path / "report.md").read_text("utf-8").startswith("## Not checked")


def test_nothing_added_still_shows_what_the_drawn_rows_are_like(given, tmp_path):
    page = Page(write_report(tmp_path, **{**given, "synthetic": None}).read_text("utf-8"))
    assert "No row was added: the figures are of rows drawn to compare." in page.words
    assert "huge" in page.words and "The other columns" not in page.words
    rows = given["fidelity"]["rows"]
    made = f"{rows['synthetic']} synthetic rows, made as the added ones are"
    assert f"Here {made} but by a generator that saw {rows['train']} rows," in page.words


def test_not_checked_but_augmented_shows_the_rows(given, tmp_path):
    page = Page(write_report(tmp_path, **{**given, "effect": None, "fidelity": None}).read_text("utf-8"))
    assert "KS" not in page.words and page.tags.count("svg") == 8 + 3


@pytest.mark.parametrize("verdict", [*VERDICTS, "something new"])
def test_every_verdict_has_its_badge(given, tmp_path, verdict):
    arms = [] if verdict == "not measurable" else given["effect"]["arms"]
    changed = given["effect"] | {"verdict": verdict, "arms": arms, "metrics": [], "smallest_detectable": None}
    page = Page(
        write_report(tmp_path, **{**given, "effect": changed, "fidelity": None, "synthetic": None}).read_text("utf-8")
    )
    assert VERDICTS.get(verdict, (verdict.capitalize(),))[0] in page.words


def test_without_held_out_rows_their_column_is_not_there(given, tmp_path):
    document = json.loads(json.dumps(given["fidelity"]))
    document["rows"].pop("holdout")
    page = Page(write_report(tmp_path, **{**given, "fidelity": document}).read_text("utf-8"))
    assert "Held-out real" not in page.words and "nothing to hold these figures against" in page.words


def test_many_columns_and_classes_stay_readable(tmp_path, given):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 40)), columns=[f"feature {i}" for i in range(40)])
    frame["label"] = [f"class {i % 40}" for i in range(120)]
    data = read_table(frame, target="label", id_columns=[])
    found = fidelity(data.table, None, data.table, data.schema).to_json()
    path = write_report(tmp_path, **{**given, "effect": None, "fidelity": found, "real": data.table,
                                     "synthetic": data.table, "schema": data.schema})  # fmt: skip
    page = Page(path.read_text("utf-8"))
    assert "The other columns" in page.words and "feature 39" in page.words
    assert sum("histogram" in value for _, name, value in page.attributes if name == "aria-label") == 24
    assert path.stat().st_size < 1_500_000


def test_a_failed_write_leaves_the_old_report_and_no_scrap(given, tmp_path, monkeypatch):
    (tmp_path / "report.json").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_report(tmp_path, **{**given, "synthetic": None})
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    assert (tmp_path / "report.json").read_text() == "old"


def test_pictures_weigh_the_real_rows_by_the_mix_of_classes(given):
    real = pa.concat_tables([given["real"]] * 3)
    with canvas():
        three = column_panels(real, given["synthetic"], given["schema"], [])
        one = column_panels(given["real"], given["synthetic"], given["schema"], [])
    assert [a["chart"] for a in three] == [b["chart"] for b in one]
    codes = given["schema"].label_codes(given["real"])
    only = given["real"].filter(pa.array(codes == given["schema"].code_of("<b>")))
    with canvas():
        rare = column_panels(only, given["synthetic"], given["schema"], [])
    assert rare[0]["chart"] == one[0]["chart"]  # all synthetic rows are of <b>, so only its real rows count


def watched() -> list[dict[str, Any]]:
    """Return the history of a training of two classes that went back from step 30 to step 10."""
    found = {"kind": "collapse", "of": "b", "text": "mode collapse: class 'b'; take <fewer> steps"}
    entry = {
        "critic": 1.5, "gradient critic": 0.2, "score": 0.4, "accuracy real": 0.7, "accuracy fake": None,
        "variety": [0.9, 0.1], "duplicates": [0.05, 0.3], "recall": [None, None], "coverage": [0.5, 0.6],
        "kernel": [0.2, None],
    }  # fmt: skip
    history = [{"step": step, **entry} for step in (0, 10, 20, 30, 10, 20, 30, 40)]
    return [
        {**e, "noticed": [found]} if i in (2, 3) else {**e, "retry": 1} if i > 3 else e for i, e in enumerate(history)
    ]


def test_a_training_is_drawn_with_all_that_was_seen_of_it_and_where_it_went_back(tmp_path):
    with canvas():
        chart = str(training_chart(watched(), 20))
    titles = [
        "losses",
        "norms of the gradients",
        "held-out score and distance, lower is better",
        "50 % is guessing",
        "variety of a",
    ]
    assert all(title in chart for title in [*titles, "duplicates; real rows have 0.05"])
    assert all(
        name in chart for name in ["variety, worst class", "duplicates, worst class", "coverage", "kernel", "real rows"]
    )
    assert "fake rows" not in chart and "recall" not in chart, "there is no number of them"
    assert "back to step 10" in chart and "the training went back to step 10" in chart
    write_report(tmp_path, **{**documents(), "history": watched()})
    html = (tmp_path / "report.html").read_text("utf-8")
    assert html.count("mode collapse: class &#39;b&#39;; take &lt;fewer&gt; steps.") == 1


@pytest.mark.parametrize("values", [(0.12, 0.19), (0.3, 0.9), (2.0, 70.0), (1e-3, 5e4)])
def test_the_axis_of_the_gradients_has_numbers_whatever_their_range(values: tuple[float, float]) -> None:
    history = [{"step": step, "gradient critic": value} for step, value in enumerate(values)]
    with canvas():
        chart = str(training_chart(history, None))
    marks = [float(text) for text in re.findall(r">([\d.e+-]+)</text>", chart)]
    assert sum(values[0] / 2 <= mark <= values[1] * 2 for mark in marks if mark not in (0.0, 1.0)) >= 1


def test_it_is_said_by_what_the_step_was_chosen(tmp_path):
    for name, score, words in (("a", 0.4, "noisy"), ("b", 0.0, "too few rows to hold any out")):
        history = [{"step": step, "critic": 1.5, "score": score} for step in (0, 10)]
        write_report(tmp_path / name, **{**documents(), "history": history})
        html = (tmp_path / name / "report.html").read_text("utf-8")
        assert words in html[html.index("How the training went") :]


def test_ranges_of_a_number_are_called_so_and_come_in_their_order(tmp_path):
    values = np.repeat([1.0, 20.0, 3.0, 10.0], [10, 30, 40, 20]) + np.arange(100) / 1000
    rows = read_table(pd.DataFrame({"size": np.arange(100.0), "price": values}), target="price", task="regression")
    given = {**documents(), "real": rows.table, "synthetic": rows.table[:5], "schema": rows.schema, "fidelity": None}
    write_report(tmp_path, **given)
    reader = Page((tmp_path / "report.html").read_text("utf-8"))
    names = rows.schema.class_names()
    assert f"{len(names)} ranges of price" in reader.words and "classes of price" not in reader.words
    at = [reader.words.index(f" {name} ", reader.words.index("Together")) for name in names]
    assert at == sorted(at)
    assert "| Range | Real |" in (tmp_path / "report.md").read_text("utf-8")


def test_what_the_training_went_back_from_is_not_drawn():
    history = [{"step": step, "critic": value} for step, value in [(0, 1), (10, 2), (20, 777_000), (10, 2), (20, 3)]]
    with canvas():
        assert "777" not in str(training_chart(history, None)) and "600,000" not in str(training_chart(history, None))
        lines = _panels(current(history))["losses"]["critic"]
    assert lines == ([0, 10, 20], [1, 2, 3])


def test_charts_with_nothing_to_draw_say_so():
    with canvas():
        assert forest_chart(effect() | {"arms": effect()["arms"][:1]}) is None
        assert training_chart([], None) is None
        assert training_chart([{"step": 0, "d": 1.0}], 0) is None
        chart = training_chart([{"step": s, "d": [1.0, 3.0], "score": float("nan")} for s in range(3)], None)
    assert chart is not None and "held-out" not in chart
