from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ganaug.data import read_table
from ganaug.evaluate.fidelity import Beside, Fidelity, fidelity
from ganaug.evaluate.matching import Rows, match


def rows(n, seed, *, rare=0.2, shift=0.0):
    """Mixed rows with missing values and duplicates of a date; the classes differ in every column."""
    rng = np.random.default_rng(seed)
    label = np.where(rng.random(n) < rare, "rare", "common")
    x = rng.normal(size=n) + (label == "rare") * 2 + shift
    frame = pd.DataFrame(
        {
            "x": x,
            "income": np.exp(x + rng.normal(size=n)),
            "visits": rng.poisson(3 + np.maximum(x, -2), n),
            "town": pd.Categorical(np.where(x + rng.normal(size=n) > 1, "Ulm", rng.choice(["Bern", "Graz"], n))),
            "smokes": rng.random(n) < 0.3,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
            "label": label,
        }
    )
    frame.loc[rng.random(n) < 0.15, "income"] = np.nan
    frame.loc[rng.random(n) < 0.1, "town"] = None
    return frame


def tables(*frames, target="label"):
    first = read_table(frames[0], target=target, id_columns=[])
    classes = first.schema.classes
    rest = [read_table(f, target=target, id_columns=[], classes=classes).table for f in frames[1:]]
    return first.table, *rest, first.schema


@pytest.fixture(scope="module")
def real():
    return tables(rows(600, 0), rows(300, 1), rows(500, 2))


def test_fresh_real_rows_look_like_held_out_ones_in_every_figure(real):
    train, holdout, fresh, schema = real
    found = fidelity(train, holdout, fresh, schema)
    assert found.rows == {"train": 600, "holdout": 300, "synthetic": 500}
    for one in found.classes:
        assert one.n_compared == min(one.n_holdout, one.n_synthetic)
        for figure in (one.precision, one.recall, one.coverage):
            assert figure.holdout > 0.6 and abs(figure.synthetic - figure.holdout) < 0.15
        assert one.density.synthetic == pytest.approx(one.density.holdout, abs=0.3)
    assert [m.column for m in found.marginals] == [*schema.feature_names]
    assert [m.measure for m in found.marginals] == ["ks", "ks", "ks", "tv", "tv", "ks"]
    assert all(m.distance.synthetic < 0.15 and m.distance.holdout < 0.15 for m in found.marginals)
    assert found.two_sample.synthetic == pytest.approx(0.5, abs=0.08)
    assert found.energy.synthetic == pytest.approx(0, abs=0.01)
    assert found.exact_copies == Beside(synthetic=0.0, holdout=0.0)
    assert found.near_copies.synthetic == pytest.approx(0.05, abs=0.04)
    assert found.association["difference"]["synthetic"] < 0.1
    assert found.notes == ()


def test_the_mix_of_classes_is_not_taken_for_a_difference(real):
    train, holdout, _, schema = real
    rare = tables(rows(600, 0), rows(400, 3, rare=1.0))[1]
    found = fidelity(train, holdout, rare, schema)
    assert [c.label for c in found.classes] == ["rare"]
    by_name = {m.column: m.distance for m in found.marginals}
    assert by_name["x"].synthetic < 0.2  # against all training rows it would be above 0.5
    assert found.two_sample.synthetic < 0.62


def test_each_fault_shows_where_it_should(real):
    train, holdout, _, schema = real
    shifted = tables(rows(600, 0), rows(500, 4, shift=2.5))[1]
    found = fidelity(train, holdout, shifted, schema)
    by_name = {m.column: m.distance for m in found.marginals}
    assert by_name["x"].synthetic > 0.6 > 0.15 > by_name["x"].holdout
    assert by_name["smokes"].synthetic < 0.1
    assert found.two_sample.synthetic > 0.8 > 0.6 > found.two_sample.holdout
    assert found.energy.synthetic > 0.2
    assert all(c.coverage.synthetic < c.coverage.holdout - 0.2 for c in found.classes), found.classes
    shuffled = train.set_column(0, "x", train["x"].combine_chunks().take(np.random.default_rng(0).permutation(600)))
    apart = fidelity(train, holdout, shuffled, schema).association["difference"]
    assert apart["synthetic"] > 3 * apart["holdout"]


def test_copies_are_found_whatever_the_order_and_the_label(real):
    train, holdout, fresh, schema = real
    half = pa.concat_tables([train.slice(100, 250), fresh.slice(0, 250)])
    found = fidelity(train, holdout, half, schema)
    assert found.exact_copies == Beside(synthetic=0.5, holdout=0.0)
    assert found.near_copies.synthetic == pytest.approx(0.525, abs=0.05)
    assert found.distances["synthetic"][19] == pytest.approx(0, abs=1e-3)
    assert found.distances["holdout"][19] > 0.5
    relabelled = half.set_column(6, "label", pa.array(["common"] * 500))
    assert fidelity(train, holdout, relabelled, schema).exact_copies.synthetic == 0.5
    assert len(found.distances["train"]) == 41 and found.distances["train"][20] == pytest.approx(1, abs=0.15)


def test_lost_missing_values_show(real):
    train, holdout, fresh, schema = real
    full = fresh.set_column(1, "income", fresh["income"].fill_null(1.0))
    one = next(m for m in fidelity(train, holdout, full, schema).marginals if m.column == "income")
    assert one.missing.synthetic == 0 and one.missing.holdout > 0.1 and one.missing_train > 0.1


def test_json_goes_there_and_back(real):
    train, holdout, fresh, schema = real
    for given in (holdout, None):
        found = fidelity(train, given, fresh, schema, seed=3)
        text = json.dumps(found.to_json(), allow_nan=False)
        assert Fidelity.from_json(json.loads(text)) == found


def test_the_seed_decides_and_nothing_else(real):
    train, holdout, fresh, schema = real
    assert fidelity(train, holdout, fresh, schema, seed=1) == fidelity(train, holdout, fresh, schema, seed=1)
    assert fidelity(train, holdout, fresh, schema, seed=1) != fidelity(train, holdout, fresh, schema, seed=2)


def test_no_target_no_holdout():
    frame = rows(200, 0).drop(columns="label")
    train, fresh, schema = tables(frame, rows(150, 1).drop(columns="label"), target=None)
    found = fidelity(train, None, fresh, schema)
    assert [(c.label, c.n_train, c.n_compared) for c in found.classes] == [("all rows", 200, 150)]
    assert found.classes[0].coverage.synthetic > 0.5 and found.classes[0].coverage.holdout is None
    assert found.two_sample.holdout is None and "No held-out rows were given" in found.notes[0]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_tiny_classes_give_none_and_not_an_error(n):
    frame = rows(80, 0, rare=0.0)
    few = rows(n, 1, rare=1.0)
    train, holdout, synthetic, schema = tables(pd.concat([frame, few]), rows(40, 2, rare=0.0), rows(30, 3, rare=1.0))
    found = fidelity(train, holdout, synthetic, schema)
    assert [c.label for c in found.classes] == ["rare"]
    assert found.classes[0].coverage == Beside() and found.classes[0].n_train == n
    assert found.two_sample == Beside()
    assert "too few held-out rows" in found.notes[0]
    json.dumps(found.to_json(), allow_nan=False)


def test_odd_columns_do_not_break_it():
    frame = rows(100, 0).assign(constant=1.5, empty=pd.Series([None] * 100, dtype="float64"), name=range(100))
    frame["huge"] = np.where(np.arange(100) % 2, 1.6e308, -1.6e308)
    frame["codes"] = [f"c{i}" for i in range(100)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = read_table(frame, target="label", id_columns=["name"])
    found = fidelity(data.table, data.table.slice(0, 30), data.table.slice(30), data.schema)
    by_name = {m.column: m for m in found.marginals}
    assert "name" not in by_name
    assert by_name["empty"].distance.synthetic is None and by_name["empty"].missing.synthetic == 1
    assert by_name["constant"].distance.synthetic == 0
    json.dumps(found.to_json(), allow_nan=False)


def test_nothing_to_compare_is_refused(real):
    train, _, _, schema = real
    with pytest.raises(ValueError, match="600 training, 0 synthetic rows"):
        fidelity(train, None, train.slice(0, 0), schema)


class TestMatching:
    def test_both_sides_get_one_mix_and_the_training_rows_its_proportions(self):
        train = Rows.of(np.repeat([0, 1], [400, 100]), seed=0, name="train")
        holdout = Rows.of(np.repeat([0, 1], [100, 25]), seed=0, name="holdout")
        synthetic = Rows.of(np.repeat([1, 0], [300, 10]), seed=0, name="synthetic")
        found = match(train, holdout, synthetic)
        assert found.holdout is not None and len(found.holdout) == 35 and (found.holdout >= 100).sum() == 25
        for lot in found.synthetic:
            assert (lot < 300).sum() == 25 and len(lot) == len(set(lot)) == 35
        assert (found.train < 400).sum() == 40 and (found.train >= 400).sum() == 100
        fresh = [set(lot[lot < 300]) for lot in found.synthetic]
        assert len(set.union(*fresh)) == 25 * len(fresh) == 125

    def test_a_class_without_held_out_rows_is_left_out_unless_it_is_most_of_it(self):
        train = Rows.of(np.repeat([0, 1], [50, 20]), seed=0, name="train")
        holdout = Rows.of(np.repeat([0, 1], [20, 5]), seed=0, name="holdout")
        found = match(train, holdout, Rows.of(np.repeat([0, 1], [60, 40]), seed=0, name="synthetic"))
        assert found.left_out == (1,) and found.holdout is not None and len(found.holdout) == 20
        found = match(train, holdout, Rows.of(np.repeat([0, 1], [40, 60]), seed=0, name="synthetic"))
        assert found.left_out == () and found.holdout is None and len(found.train) == 60

    def test_many_rows_are_thinned_class_by_class(self):
        rows = Rows.of(np.repeat(np.arange(6), [30_000, 6_000, 5_000, 5_000, 5_000, 3]), seed=0, name="train")
        counts = [rows.count(c) for c in range(6)]
        assert max(counts) <= 5_000 and sum(counts) <= 20_006 and counts[5] >= 1
