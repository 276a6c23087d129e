import numpy as np
import pandas as pd
import pytest

from ganaug.data import read_table
from ganaug.learners import LeakError, Part


@pytest.fixture
def read():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100, 3)), columns=list("abc"))
    frame["y"] = np.array([0, 0, 0, 1])[np.arange(100) % 4]
    return read_table(frame, target="y", id_columns=[])


TRAIN, TEST = np.arange(80), np.arange(80, 100)


def test_features_are_fitted_on_the_training_rows(read):
    part = Part(read.table, read.schema, TRAIN, TEST)
    assert part.matrix.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)
    assert abs(part.held_matrix.mean()) > 1e-3


def test_a_held_out_row_among_the_training_rows_is_an_error(read):
    doubled = read.table.take(np.array([*range(100), 3]))
    with pytest.raises(LeakError, match="1 held-out rows equal a training row"):
        Part(doubled, read.schema, TRAIN, np.arange(80, 101))


def test_one_copied_row_of_continuous_numbers_is_refused(read):
    part = Part(read.table, read.schema, TRAIN, TEST)
    with pytest.raises(LeakError, match="1 rows that equal held-out"):
        part.with_table(part.held_table.slice(0, 1))
    with pytest.raises(LeakError, match="1 rows that equal held-out"):
        part.with_matrix(part.held_matrix[:1], np.array([1]))


def test_copies_of_training_rows_are_not(read):
    part = Part(read.table, read.schema, TRAIN, TEST)
    training = part.with_table(part.table)
    assert len(training.rows(part.real)) == 160


@pytest.fixture
def factorial():
    """Every combination of few values, once: whoever interpolates hits rows that he has never seen."""
    grid = np.array(np.meshgrid(*[np.arange(4)] * 4)).reshape(4, -1).T
    order = np.random.default_rng(0).permutation(256)
    frame = pd.DataFrame(grid[order], columns=list("abcd")).assign(y=np.arange(256) % 2)
    return read_table(frame, target="y", id_columns=[])


def test_rows_that_chance_brings_back_are_not_refused(factorial):
    part = Part(factorial.table, factorial.schema, np.arange(200), np.arange(200, 256))
    drawn = np.random.default_rng(1).integers(0, 256, 400)
    training = part.with_table(factorial.table.take(drawn))
    assert len(training.codes) == 600


def test_more_held_out_rows_than_chance_brings_back_are_refused(factorial):
    part = Part(factorial.table, factorial.schema, np.arange(200), np.arange(200, 256))
    with pytest.raises(LeakError, match="equal held-out test rows"):
        part.with_table(part.held_table)


def test_frames_carry_the_same_rows(read):
    part = Part(read.table, read.schema, TRAIN, TEST, frames=True)
    assert isinstance(part.real, pd.DataFrame) and list(part.real.columns) == list("abc")
    made = part.matrix[:5] + 0.1
    training = part.with_matrix(made, np.array([1, 1, 1, 0, 0]))
    rows = training.rows(part.real)
    assert rows.shape == (85, 3)
    assert rows.iloc[:80].to_numpy() == pytest.approx(part.real.to_numpy())
    # `inverse` keeps to the range that was seen, so that only numbers inside of it come back as they were.
    back = part.preparation.transform(part.table.slice(0, 0))
    assert back.shape == (0, 3)
    inside = np.abs(made) < 1
    scale = part.real.to_numpy().std(axis=0)
    assert rows.iloc[80:].to_numpy()[inside] == pytest.approx(
        (made * scale + part.real.to_numpy().mean(axis=0))[inside]
    )
