import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ganaug.data import read_table
from ganaug.errors import SchemaError
from ganaug.learners import Preparation, assemble, frame_of, table_of


@pytest.fixture
def mixed():
    rng = np.random.default_rng(0)
    n = 60
    frame = pd.DataFrame(
        {
            "number": rng.normal(5, 2, n).round(2),
            "integer": rng.integers(0, 50, n),
            "gappy": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "colour": rng.choice(["red", "green", "blue"], n),
            "listed": pd.Categorical(rng.choice(["lo", "hi"], n), categories=["lo", "mid", "hi"], ordered=True),
            "flag": rng.random(n) < 0.3,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, n), unit="D"),
            "wait": pd.to_timedelta(rng.integers(0, 10_000, n), unit="s"),
            "constant": 7,
            "key": [f"row-{i}" for i in range(n)],
            "y": rng.choice(["good", "bad"], n),
        }
    )
    return read_table(frame, target="y", id_columns=["key"])


def test_numbers_are_standardised_on_the_training_rows_alone(mixed):
    train, test = mixed.table.slice(0, 40), mixed.table.slice(40)
    fitted = Preparation.fit(train, mixed.schema)
    block = next(b for b in fitted.blocks if b.name == "number")
    values = np.asarray(train["number"].to_pylist())
    found = fitted.transform(train)[:, block.start]
    assert found == pytest.approx((values - values.mean()) / values.std())
    others = np.asarray(test["number"].to_pylist())
    assert fitted.transform(test)[:, block.start] == pytest.approx((others - values.mean()) / values.std())


def test_missing_numbers_become_the_median_and_a_flag(mixed):
    fitted = Preparation.fit(mixed.table, mixed.schema)
    matrix = fitted.transform(mixed.table)
    number, flag = [b for b in fitted.blocks if b.name == "gappy"]
    gone = np.asarray(mixed.table["gappy"].is_null())
    assert 0 < gone.sum() < 60
    assert matrix[:, flag.start].tolist() == gone.astype(float).tolist()
    known = np.asarray(mixed.table["gappy"].drop_null())
    median = (np.median(known) - known.mean()) / known.std()
    assert matrix[gone, number.start] == pytest.approx(median)


def test_dates_and_durations_are_numbers_in_order(mixed):
    fitted = Preparation.fit(mixed.table, mixed.schema)
    matrix = fitted.transform(mixed.table)
    for name in ("day", "wait"):
        block = next(b for b in fitted.blocks if b.name == name)
        order = np.argsort(matrix[:, block.start], kind="stable")
        values = mixed.table[name].to_pandas().to_numpy()
        assert (np.diff(values[order]) >= np.timedelta64(0)).all()


def test_categories_are_one_hot_and_identifiers_and_constants_are_left_out(mixed):
    fitted = Preparation.fit(mixed.table, mixed.schema)
    matrix = fitted.transform(mixed.table)
    block = next(b for b in fitted.blocks if b.name == "colour")
    part = matrix[:, block.start : block.stop]
    assert (part.sum(axis=1) == 1).all()
    assert [block.values[int(c)].as_py() for c in part.argmax(axis=1)] == mixed.table["colour"].to_pylist()
    assert {b.name for b in fitted.blocks} == {
        *("number", "integer", "gappy", "colour", "listed", "flag", "day", "wait"),
    }
    assert fitted.width == matrix.shape[1] == max(b.stop for b in fitted.blocks)
    assert np.isfinite(matrix).all()


def test_the_width_of_a_category_is_capped():
    names = [f"c{i}" for i in range(50)]
    frame = pd.DataFrame({"c": names * 2 + ["c0"] * 20 + ["c1"] * 10, "y": [0, 1] * 65})
    read = read_table(frame, target="y", id_columns=[])
    fitted = Preparation.fit(read.table, read.schema, max_width=5)
    (block,) = fitted.blocks
    assert block.stop - block.start == 6
    assert block.values.to_pylist()[:2] == ["c0", "c1"]
    matrix = fitted.transform(read.table)
    rare = ~np.isin(frame["c"], block.values.to_pylist())
    assert matrix[:, 5].tolist() == rare.astype(float).tolist()
    assert (matrix.sum(axis=1) == 1).all()


def test_what_was_never_seen_in_training(mixed):
    train = mixed.table.filter(pa.compute.not_equal(mixed.table["colour"], "blue"))
    fitted = Preparation.fit(train, mixed.schema)
    block = next(b for b in fitted.blocks if b.name == "colour")
    matrix = fitted.transform(mixed.table)
    unseen = np.asarray(mixed.table["colour"].to_pylist()) == "blue"
    assert (matrix[unseen, block.start : block.stop] == 0).all()
    assert (matrix[~unseen, block.start : block.stop].sum(axis=1) == 1).all()
    assert (fitted.nominal(matrix)[unseen, 1] == 2).all()


def test_huge_numbers_do_not_overflow():
    frame = pd.DataFrame({"x": [1e308, -1e308, 5e307, 0.0], "t": [1e-300, 2e-300, 3e-300, 4e-300], "y": [0, 1, 0, 1]})
    read = read_table(frame, target="y", id_columns=[])
    fitted = Preparation.fit(read.table.slice(0, 3), read.schema)
    matrix = fitted.transform(read.table)
    assert np.isfinite(matrix).all()
    assert (matrix[0, 0] > matrix[2, 0] > matrix[1, 0]) and (np.diff(matrix[:, 1]) > 0).all()


def test_nothing_to_learn_from_still_gives_a_matrix():
    frame = pd.DataFrame({"x": [1, 1, 1, 1], "gone": [None] * 4, "y": [0, 1, 0, 1]})
    read = read_table(frame, target="y", id_columns=[])
    matrix = Preparation.fit(read.table, read.schema).transform(read.table)
    assert matrix.tolist() == [[0.0]] * 4


def test_parts_go_apart_and_together(mixed):
    fitted = Preparation.fit(mixed.table, mixed.schema)
    matrix = fitted.transform(mixed.table)
    nominal = fitted.nominal(matrix)
    assert nominal.shape[1] == 4  # gappy's flag, colour, listed, flag
    assert np.array_equal(fitted.from_parts(matrix[:, fitted.number_columns], nominal), matrix)


def test_inverse_gives_the_rows_back(mixed):
    fitted = Preparation.fit(mixed.table, mixed.schema)
    matrix = fitted.transform(mixed.table)
    codes = mixed.schema.label_codes(mixed.table)
    back = assemble(fitted.inverse(matrix), codes, mixed.schema)
    mixed.schema.check(back)
    for name in ("integer", "colour", "listed", "flag", "day", "wait", "constant", "y"):
        assert back[name].to_pylist() == mixed.table[name].to_pylist(), name
    assert back["number"].to_pylist() == pytest.approx(mixed.table["number"].to_pylist())
    assert back["gappy"].is_null().to_pylist() == mixed.table["gappy"].is_null().to_pylist()
    assert back["key"].null_count == 60


def test_frames_go_to_a_users_code_and_back(mixed):
    frame = frame_of(mixed.table, mixed.schema)
    assert list(frame.columns) == [c.name for c in mixed.schema.columns]
    assert isinstance(frame["listed"].dtype, pd.CategoricalDtype) and frame["listed"].cat.ordered
    labels = mixed.table["y"].to_pylist()
    back = table_of(frame, labels, mixed.schema)
    assert back.equals(mixed.table.cast(back.schema))


def test_what_comes_back_from_a_users_code_is_cast_or_refused(mixed):
    frame = frame_of(mixed.table, mixed.schema)
    labels = mixed.table["y"].to_pylist()
    floats = frame.assign(integer=frame["integer"] + 0.4)
    assert table_of(floats, labels, mixed.schema)["integer"].to_pylist() == frame["integer"].tolist()
    with pytest.raises(SchemaError, match="9 feature columns instead of 10"):
        table_of(frame.drop(columns="flag"), labels, mixed.schema)
    with pytest.raises(SchemaError, match="labels \\['ugly'\\]"):
        table_of(frame, ["ugly"] * 60, mixed.schema)
    with pytest.raises(SchemaError, match="60 rows and 59 labels"):
        table_of(frame, labels[1:], mixed.schema)


def test_arrays_go_to_a_users_code_as_a_frame():
    x = np.arange(12.0).reshape(6, 2)
    read = read_table((x, [0, 1] * 3), id_columns=[])
    frame = frame_of(read.table, read.schema)
    assert frame.shape == (6, 2) and np.array_equal(frame.to_numpy(), x)
    arrow = read_table(
        pa.table({"a": [dt.date(2024, 1, 1), dt.date(2024, 5, 1)], "y": ["p", "q"]}), target="y", id_columns=[]
    )
    fitted = Preparation.fit(arrow.table, arrow.schema)
    back = assemble(fitted.inverse(fitted.transform(arrow.table)), np.array([0, 1]), arrow.schema)
    assert back.equals(arrow.table)
    assert list(frame_of(arrow.table, arrow.schema).columns) == ["a"]


def test_jitter_moves_numbers_and_leaves_all_else():
    frame = pd.DataFrame(
        {
            "real": [0.5, 1.5, 2.5, 3.5, 4.5, 5.4] * 20,
            "whole": [1, 2, 3, 4, 5, 6] * 20,
            "mostly_zero": [0, 0, 0, 0, 7, 9] * 20,
            "gaps": [1.0, None, 2.0, 3.0, 4.0, 5.0] * 20,
            "word": ["a", "b", "c", "a", "b", "c"] * 20,
            "y": ["p", "q"] * 60,
        }
    )
    data = read_table(frame, target="y")
    fitted = Preparation.fit(data.table, data.schema)
    moved = fitted.jitter(data.table, 0.5, np.random.default_rng(0))
    assert moved.schema == data.table.schema
    before, after = data.table.to_pandas(), moved.to_pandas()
    for column in ("word", "y"):
        assert after[column].equals(before[column])
    assert (after["real"] != before["real"]).mean() > 0.7
    assert after["real"].between(0.5, 5.4).all()
    assert (after["real"] == after["real"].round(1)).all()
    shift = (after["real"] - before["real"]).where(before["real"].between(2, 4)).std()
    assert shift == pytest.approx(0.5 * before["real"].std(ddof=0), rel=0.3)
    assert (after["whole"] == after["whole"].round()).all() and not after["whole"].equals(before["whole"])
    zero = before["mostly_zero"] == 0
    assert (after["mostly_zero"][zero] == 0).all() and (
        after["mostly_zero"][~zero] != before["mostly_zero"][~zero]
    ).any()
    assert after["gaps"].isna().equals(before["gaps"].isna())


def test_jitter_exchanges_as_many_categories_as_it_is_told_to():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"word": rng.choice(list("abcdefghij"), 1000), "flag": rng.random(1000) < 0.5, "y": ["p", "q"] * 500}
    )
    data = read_table(frame, target="y")
    moved = Preparation.fit(data.table, data.schema).jitter(data.table, 0.0, np.random.default_rng(0), swap=0.3)
    after = moved.to_pandas()
    # Of those exchanged, one in ten gets its own letter back, and one in two its own flag.
    assert (after["word"] != frame["word"]).mean() == pytest.approx(0.27, abs=0.04)
    assert (after["flag"] != frame["flag"]).mean() == pytest.approx(0.15, abs=0.04)
    assert after["y"].tolist() == frame["y"].tolist()
