"""The benchmarks are run by hand; here only what could make their numbers wrong in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ganaug import measure_effect
from ganaug.demo import thinned_breast_cancer
from ganaug.policy import Candidate, GanAugmenter
from ganaug.variants.anchored import Config
from tests.benchmarks import keel, peer_ctgan, quality, speed_page, tables_speed, writing
from tests.benchmarks.effect import Settings, collect
from tests.benchmarks.lineup import Lineup, make_lineup
from tests.benchmarks.measuring import measure
from tests.benchmarks.summary import Results, by_arm, by_table, signed

HEADED = """@relation tiny
@attribute Sex {1, 2}
@attribute Length real [0.0, 1.0]
@attribute Rings integer [1, 29]
@attribute Class {negative, positive}
@inputs Sex, Length, Rings
@outputs Class
@data
1, 0.53, 9, positive
2, ?, 10, positive

1, <null>, 7, negative
2, 0.25, 8, positive
"""


def test_a_keel_table_with_a_header() -> None:
    expected = pd.DataFrame(
        {
            "Sex": pd.Series(["1", "2", "1", "2"], dtype=object),
            "Length": [0.53, np.nan, np.nan, 0.25],
            "Rings": [9, 10, 7, 8],
            "class": ["negative", "negative", "positive", "negative"],
        }
    )
    pd.testing.assert_frame_equal(keel.parse(HEADED), expected)


def test_a_keel_table_without_a_header_has_mixed_columns_and_a_rarer_class_that_is_positive() -> None:
    frame = keel.parse("A, 1.0,a\nB,2.5,b\nA,3.0,a\n")
    assert list(frame.columns) == ["x0", "x1", "class"]
    assert frame["x0"].tolist() == ["A", "B", "A"] and frame["x1"].dtype == np.float64
    assert frame["class"].tolist() == ["negative", "positive", "negative"]


def test_three_classes_keep_their_labels() -> None:
    assert keel.parse("1,a\n2,b\n3,c\n")["class"].tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(("text", "message"), [("", "0 rows"), ("1,2,a\n1,a\n", r"\[2, 3\] cells")])
def test_a_keel_table_that_is_none(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        keel.parse(text)


def test_the_tables_are_of_ten_families_and_of_the_size_that_is_promised() -> None:
    assert len(keel.TABLES) == len({source.family for source in keel.TABLES}) == 10
    assert all(200 <= source.rows <= 3000 and source.rarer <= source.rows / 2 for source in keel.TABLES)
    assert any("categor" in source.columns and "number" in source.columns for source in keel.TABLES)


def test_it_measures_what_the_check_measures() -> None:
    """Two augmenters that share generators, and arms that are remembered, give what one check of each gives."""
    table = thinned_breast_cancer(malignant=12, benign=48)[["mean radius", "mean texture", "diagnosis"]]
    some = GanAugmenter(variant=Config(steps=2), candidates=(Candidate(ratio=0.5),), name="some")
    more = replace(some, candidates=(Candidate(ratio=1.0),), name="more")
    whole = make_lineup(ratio=0.1, quick=True)
    lineup = Lineup(cheap=whole.cheap[:3], augmenters=(some, more), labels={}, absent={}, untuned=())
    found = measure(table, "diagnosis", lineup, folds=2, seed=3, threads=1)
    assert {"some", "more", "nothing", "class_weights"} <= set(found.records["arm"])
    assert not found.records.duplicated(["fold", "arm", "learner", "metric"]).any()
    effect = measure_effect(
        table, target="diagnosis", augmenter=more, cv=2, arms=["class_weights"], id_columns=[],
        random_state=3, device="cpu", progress=False, n_jobs=1,
    )  # fmt: skip
    theirs = pd.DataFrame(effect.folds)
    both = theirs.merge(found.records, on=["fold", "arm", "learner", "metric"])
    assert len(both) == len(theirs) == 2 * 3 * 3
    np.testing.assert_allclose(both["value_x"], both["value_y"], rtol=0, atol=1e-9)


def _results() -> Results:
    """Two tables, two folds, two learners: SMOTE gains .02 on one table and cannot run on the other."""
    rows = []
    for table, gain in (("one", 0.02), ("two", None)):
        for arm, shift in (("nothing", 0.0), ("smote", gain), ("policy", -0.01)):
            for fold in (0, 1):
                for learner, level in (("weak", 0.5), ("strong", 0.7)):
                    if shift is not None:
                        where = {"table": table, "fold": fold, "arm": arm, "learner": learner}
                        rows += [
                            where | {"metric": metric, "value": level + 0.1 * fold + shift}
                            for metric in ("average_precision", "balanced_accuracy@0.5", "mcc")
                        ]
    about = {
        name: {
            "rows": 10,
            "rarer": 3,
            "columns": "1 number",
            "seconds": {"nothing": 1.0, "smote": 2.0, "policy": 3.0},
            "left_out": {} if name == "one" else {"smote": "too few rows"},
            "choices": [{"fold": 0, "candidate": "none", "reason": ""}],
        }
        for name in ("one", "two")
    }
    labels = {"nothing": "Nothing", "smote": "SMOTE", "policy": "the policy"}
    return Results(records=pd.DataFrame(rows), about=about, labels=labels)


def test_the_summary_compares_with_nothing_table_by_table() -> None:
    arms = by_arm(_results()).set_index("arm")
    assert arms.loc["SMOTE", "all"].startswith("+.010 [") and arms.loc["SMOTE", "up / same / down"] == "1 / 1 / 0"
    assert arms.loc["the policy", "weak"] == "-.010" and arms.loc["the policy", "up / same / down"] == "0 / 0 / 2"
    assert arms["mean rank"].tolist() == ["1.8", "1.2", "3.0"]
    tables = by_table(_results()).set_index("table")
    assert tables.loc["one", "SMOTE"] == "+.020" and tables.loc["two", "SMOTE"] == "–"
    assert tables.loc["one", "nothing"] == ".650" and tables.loc["one", "chosen"] == "1 x none"


def test_changes_are_written_with_a_sign() -> None:
    assert [signed(v) for v in (0.0123, -0.2, 1.0, 0.0004, float("nan"))] == ["+.012", "-.200", "+1.000", ".000", ""]


def test_a_finished_table_is_not_taken_over_by_other_settings(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    settings = Settings(folds=5, ratio=0.1, seed=0, quick=False, augmenters="")
    source = keel.TABLES[0]
    about = {"settings": settings.__dict__, "labels": {"nothing": "Nothing"}}
    table = pa.table({"table": [source.name], "arm": ["nothing"]}).replace_schema_metadata(
        {b"ganaug.benchmark": json.dumps(about)}
    )
    (tmp_path / "tables").mkdir()
    pq.write_table(table, tmp_path / "tables" / f"{source.name}.parquet")
    found = collect(list(keel.TABLES), settings, tmp_path)
    assert found is not None and found.tables == [source.name]
    with pytest.raises(Exception, match="seed: 0, now 1"):
        collect([source], replace(settings, seed=1), tmp_path)


def test_a_row_counts_as_what_it_looks_like_and_not_as_its_label_says() -> None:
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"x": rng.normal(size=400), "kind": "k", "y": np.repeat(["a", "b"], 200)})
    real["x"] += 8 * (real["y"] == "b")
    train, test = real.iloc[::2].reset_index(drop=True), real.iloc[1::2].reset_index(drop=True)
    judge = quality.boosting(train, "y", seed=0)
    assert quality.roc_auc(judge, test, "y") > 0.99
    of_a = test[test["y"] == "a"].reset_index(drop=True)
    asked = {"a": of_a, "b": of_a.assign(y="b")}
    right, wrong = quality.conditions(asked, train, test, "y", judge, seed=0)
    assert right.called > 0.95 and wrong.called < 0.05 and min(right.called_real, wrong.called_real) > 0.95
    assert right.coverage == right.coverage_real
    assert wrong.coverage is not None and wrong.coverage_real is not None
    assert wrong.coverage < 0.1 and wrong.coverage_real > 0.5


def test_what_ctgan_was_not_run_for_is_marked_as_extrapolated() -> None:
    ctgan = {"version": "0", "epochs": 3, "prepare": 10.0, "epoch": 2.0, "full_seconds": 610.0, "rows_per_second": 9.0}
    ctgan |= {"roc_auc": 0.8, "conditions": [], "labelled": {"a": 0.3}}
    one = {"fit": 6.1, "small": 1.0, "roc_auc": 0.9, "conditions": [], "written": []}
    found = {"rows": 10, "held_out": 5, "columns": 3, "threads": 1, "roc_auc_real": 0.92, "variants": {"ours": one}}
    found |= {"ctgan": ctgan, "small": {"rows": 5, "features": 2}}
    page = speed_page.markdown(found)
    assert "| **ours** | 6.1 | 1.0 |  | .900 | 100 |" in page
    assert "**Extrapolated**: times faster is against 300 epochs, 610 s, of which 3 were run" in page
    assert "Extrapolated" not in speed_page.markdown(found | {"ctgan": ctgan | {"epochs": peer_ctgan.FULL}})


def test_ctgans_times_are_taken_over_for_the_same_training_only(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    key = {"version": "0", "epochs": 3, "rows": 2, "wanted": {"a": 1}, "seed": 0}
    found = peer_ctgan.Ctgan(
        version="0", epochs=3, prepare=1.0, epoch=2.0, rows_per_second=3.0, rows=frame, asked={"a": frame.head(1)}
    )
    peer_ctgan.keep(found, tmp_path, key)
    again = peer_ctgan.load(tmp_path, key)
    assert again is not None and again.full_seconds == 601.0
    pd.testing.assert_frame_equal(again.asked["a"], frame.head(1))
    assert peer_ctgan.load(tmp_path, key | {"seed": 1}) is None


def test_the_small_table_has_ten_features_and_the_target() -> None:
    small, features = tables_speed.smaller(thinned_breast_cancer(), "diagnosis")
    assert small.shape == (200, 11) and features == 10 and small.columns[-1] == "diagnosis"


def test_a_process_knows_its_peak_of_memory() -> None:
    held = np.ones(1 << 23)  # 64 MiB
    assert writing.peak_mib() > held.nbytes / (1 << 20)
