from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_digits

from ganaug import drift
from ganaug.data import TableData, read_images, read_table
from ganaug.errors import ArtefactError


def cancer() -> pd.DataFrame:
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.assign(diagnosis=y.map({0: "malignant", 1: "benign"}))


def digits() -> pd.DataFrame:
    X, y = load_digits(return_X_y=True, as_frame=True)
    return X.assign(diagnosis=y)


def read(frame: pd.DataFrame) -> TableData:
    return read_table(frame, target="diagnosis", id_columns=[])


def changes(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """Compare through JSON, as two runs do."""
    old, new = read(before), read(after)
    stored = json.loads(json.dumps(drift.profile(old.table, old.schema), allow_nan=False))
    found = drift.compare(stored, new.table, new.schema)
    assert found.drifted is bool(found.changes)
    json.dumps(found.to_json(), allow_nan=False)
    return found.changes


def test_the_same_rows_in_another_order_have_not_changed() -> None:
    frame = cancer()
    frame["spiky"] = np.where(np.arange(len(frame)) % 3, 0.0, frame["mean area"])
    frame["holes"] = frame["mean area"].where(frame["mean area"] > 500)
    frame["colour"] = pd.Categorical(np.where(np.arange(len(frame)) % 5, "red", "blue"))
    assert changes(frame, frame.sample(frac=1, random_state=0)) == []


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(0, 2**31))
def test_no_table_is_too_small_or_too_odd_to_be_compared_with_itself(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.choice([0.0, -0.0, np.nan, 1e300, -1e300, 5e-324, 7.0], rows)
    frame = pd.DataFrame({"a": values, "b": rng.choice(["x", "y", None], rows), "c": rng.integers(0, 3, rows)})
    data = read_table(frame.astype({"b": object}), id_columns=[])
    stored = json.loads(json.dumps(drift.profile(data.table, data.schema), allow_nan=False))
    assert drift.compare(stored, data.table, data.schema).changes == []


def test_a_shifted_column_is_named_with_where_it_went_and_no_other_is() -> None:
    before, after = cancer(), cancer()
    after["mean texture"] += before["mean texture"].std()
    (sentence,) = changes(before, after)
    assert sentence.startswith("column 'mean texture' changed largely (PSI ")
    assert sentence.endswith(f"its median went from {before['mean texture'].median():.4g} to 23.14")


def test_a_spike_that_moves_is_seen_below_and_above_it() -> None:
    before = cancer().assign(constant=5.0)
    for value in (4.0, 6.0):
        (sentence,) = changes(before, before.assign(constant=value))
        assert "'constant'" in sentence and f"from 5 to {value:.0f}" in sentence


def test_values_that_go_missing_and_categories_that_swap_are_told_in_shares() -> None:
    rng = np.random.default_rng(0)
    before = cancer().assign(colour=rng.choice(["red", "green"], 569, p=[0.8, 0.2]))
    after = before.assign(colour=rng.choice(["red", "green", "blue"], 569, p=[0.3, 0.2, 0.5]))
    after.loc[after.index[::3], "mean area"] = np.nan
    colour, area = sorted(changes(before, after))
    assert colour.startswith("column 'colour' changed largely") and colour.endswith(" % of rows")
    assert area.startswith("column 'mean area' changed largely")
    assert area.endswith("missing values went from 0.0 % to 33.4 %")


@pytest.mark.parametrize(
    ("make", "label", "told"), [(cancer, "malignant", "212 of 569"), (cancer, "benign", "357"), (digits, 3, "183")]
)
def test_a_class_that_lost_half_its_rows_is_named_and_no_other_is(make, label, told) -> None:
    before = make()
    after = before.drop(before.index[before["diagnosis"] == label][::2])
    (sentence,) = [c for c in changes(before, after) if c.startswith("class")]
    assert sentence.startswith(f"class '{label}' went from {told}")


def test_what_came_and_went_stands_first() -> None:
    before = cancer()
    after = before.drop(columns="mean area").assign(fresh=1.0, **{"mean texture": before["mean texture"] * 9})
    after["mean radius"] = after["mean radius"].astype(str)
    after = after[after["diagnosis"] == "benign"]
    after = pd.concat([after, after.head(40).assign(diagnosis="unsure")])
    found = changes(before, after)
    assert set(found[:5]) == {
        "class 'malignant' is gone (212 rows then)",
        "class 'unsure' is new (40 rows)",
        "column 'mean area' is gone",
        "column 'fresh' is new",
        "column 'mean radius' is category (large_string) now and was number (double)",
    }
    assert "'mean texture'" in found[5], "the largest change of degree comes next"


def test_rows_are_named_when_more_than_doubled_or_halved() -> None:
    frame = cancer()
    told = "the number of rows went from 569 to "
    assert changes(frame, pd.concat([frame, frame])) == []
    assert changes(frame, pd.concat([frame, frame, frame])) == [told + "1,707"]
    assert changes(frame, frame.iloc[::3]) == [told + "190"]


def test_a_huge_table_does_not_report_trifles() -> None:
    rng = np.random.default_rng(0)
    before = pd.DataFrame({"x": rng.normal(0, 1, 200_000), "diagnosis": rng.choice(["a", "b"], 200_000, p=[0.9, 0.1])})
    after = pd.DataFrame(
        {"x": rng.normal(0.05, 1, 200_000), "diagnosis": rng.choice(["a", "b"], 200_000, p=[0.89, 0.11])}
    )
    assert changes(before, after) == []


@pytest.mark.filterwarnings("ignore::ganaug.errors.DataWarning")
def test_dates_that_move_on_are_no_drift_and_missing_ones_are() -> None:
    frame = cancer().assign(day=pd.date_range("2024-01-01", periods=569))
    later = frame.assign(day=frame["day"] + pd.Timedelta(days=900))
    assert changes(frame, later) == []
    later.loc[later.index[::2], "day"] = pd.NaT
    assert len(changes(frame, later)) == 1


@pytest.mark.parametrize(("make", "rounds", "bound"), [(cancer, 100, 0.04), (digits, 150, 0.04)])
def test_halves_of_a_real_table_seldom_raise_an_alarm(make, rounds: int, bound: float) -> None:
    # Nominal: 1 in 100, p < .005 over the columns and over the classes.
    frame, rng = make(), np.random.default_rng(1)
    alarms = 0
    for _ in range(rounds):
        order = rng.permutation(len(frame))
        half = len(frame) // 2
        alarms += bool(changes(frame.iloc[order[:half]], frame.iloc[order[half:]]))
    assert alarms / rounds <= bound


def test_the_profile_holds_no_extreme_no_rare_value_and_stays_small() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{i}": rng.normal(0, 1, 5000) for i in range(20)})
    frame["name"] = [f"common{i % 60}" for i in range(4991)] + ["secret"] * 9
    frame["diagnosis"] = rng.choice(["a", "b"], 5000)
    data = read(frame)
    found = drift.profile(data.table, data.schema)
    text = json.dumps(found)
    assert "secret" not in text and len(text) < 12_000
    for column in found["columns"][:20]:
        values = frame[column["name"]]
        assert min(column["edges"]) > values.min() and max(column["edges"]) < values.max()
        assert sum(column["counts"]) == 5000
    assert len(found["columns"][20]["values"]) == 30


def test_images_are_compared_by_brightness_contrast_and_channels() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    X = rng.integers(60, 160, (120, 8, 8, 3), dtype=np.uint8)
    before = read_images((X, y))
    stored = json.loads(json.dumps(drift.profile(before.table, before.schema)))
    assert [c["name"] for c in stored["columns"]] == ["brightness", "contrast", "red", "green", "blue"]
    assert drift.compare(stored, before.table, before.schema).changes == []
    redder = X.copy()
    redder[..., 0] += 60
    after = read_images((redder, y))
    named = [c.split("'")[1] for c in drift.compare(stored, after.table, after.schema).changes]
    assert set(named) == {"brightness", "contrast", "red"}
    small = read_images((X[:, :, :, :1], y))
    assert drift.compare(stored, small.table, small.schema).changes[0] == "images are 8 x 8 x 1 now and were 8 x 8 x 3"


def test_a_profile_that_is_none_is_refused_with_what_to_do() -> None:
    data = read_table(pa.table({"a": [1.0, 2.0]}))
    good = drift.profile(data.table, data.schema)
    for broken in ({}, {**good, "format": 99}, {**good, "columns": [{"name": "a"}]}):
        with pytest.raises(ArtefactError, match="take a new one"):
            drift.compare(broken, data.table, data.schema)


def test_a_numeric_target_is_compared_as_a_number_and_its_profile_holds_no_extreme() -> None:
    values = np.random.default_rng(0).gamma(2.0, 50.0, 300).round(3)
    frame = pd.DataFrame({"size": np.arange(300.0), "price": values})
    longer = frame.assign(price=np.where(values == values.max(), values.max() + 1, values))
    old, new, shifted = (
        read_table(one, target="price", task="regression", id_columns=[])
        for one in (frame, longer, frame.assign(price=values * 2))
    )
    stored = json.dumps(drift.profile(old.table, old.schema), allow_nan=False)
    assert drift.compare(json.loads(stored), new.table, new.schema).changes == []
    (change,) = drift.compare(json.loads(stored), shifted.table, shifted.schema).changes
    assert change.startswith("column 'price' changed largely")
    assert not {str(values.min()), str(values.max())} & set(stored.replace(",", " ").replace("]", " ").split())
    classes = read_table(frame.assign(price=values > 100), target="price", id_columns=[])
    assert "column 'price' is gone" in drift.compare(json.loads(stored), classes.table, classes.schema).changes
