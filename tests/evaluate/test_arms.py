import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from sklearn.neighbors import KNeighborsClassifier

from ganaug.data import read_table
from ganaug.errors import ConfigError, SchemaError
from ganaug.evaluate.arms import BUILT_IN, DEFAULT_ARMS, CannotRunError, make_arm, make_arms
from ganaug.learners import DEFAULT_LEARNERS, Part, own_learner


def part_of(frame: pd.DataFrame, held_out: int = 20, **options) -> Part:
    read = read_table(frame, target="y", id_columns=[])
    n = len(frame)
    return Part(read.table, read.schema, np.arange(n - held_out), np.arange(n - held_out, n), **options)


@pytest.fixture
def numbers() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 3)) * [1, 10, 100], columns=list("abc"))
    return frame.assign(y=np.where(np.arange(120) % 5, "many", "few"))


@pytest.fixture
def mixed(numbers) -> pd.DataFrame:
    frame = numbers.assign(colour=np.array(["red", "blue", "green"])[np.arange(120) % 3], flag=np.arange(120) % 2 == 0)
    frame.loc[::6, "a"] = np.nan
    return frame


def counts(training, k=2):
    return np.bincount(training.codes, minlength=k).tolist()


def test_class_weights_give_every_class_the_same_weight(numbers):
    training = make_arm("class_weights").training(part_of(numbers), DEFAULT_LEARNERS, 0)
    total = [training.weight[training.codes == c].sum() for c in (0, 1)]
    assert total == pytest.approx([50, 50])  # of 100 rows; as scikit-learn's "balanced": n / (k n_c)
    assert training.shares(2) == pytest.approx([0.5, 0.5])
    with pytest.raises(CannotRunError, match="KNeighborsClassifier takes neither"):
        make_arm("class_weights").training(part_of(numbers), [own_learner(KNeighborsClassifier(), np.arange(2))], 0)


def test_random_oversampling_repeats_real_rows_to_balance(numbers):
    part = part_of(numbers)
    training = make_arm("random_oversampling").training(part, DEFAULT_LEARNERS, 0)
    assert counts(training) == [80, 80]
    assert training.extra is None and training.kept[:100].tolist() == list(range(100))
    assert (part.codes[training.kept] == training.codes).all()
    other = make_arm("random_oversampling").training(part, DEFAULT_LEARNERS, 1)
    assert other.kept.tolist() != training.kept.tolist()


def test_smote_goes_between_real_rows_of_a_class(numbers):
    part = part_of(numbers)
    training = make_arm("smote").training(part, DEFAULT_LEARNERS, 7)
    rows = training.rows(part.real)
    assert counts(training) == [80, 80]
    assert np.array_equal(rows[:100], part.matrix) and rows.shape == (160, 3)
    # A synthetic row lies between two real ones of its class.
    own = part.matrix[part.codes == 0]
    for row in rows[100:110]:
        gaps = np.linalg.norm(own[:, None] - row, axis=2) + np.linalg.norm(own[None] - row, axis=2)
        assert np.min(gaps - np.linalg.norm(own[:, None] - own[None], axis=2)) == pytest.approx(0, abs=1e-9)


def test_smotenc_makes_whole_categories_and_flags(mixed):
    part = part_of(mixed)
    training = make_arm("smote").training(part, DEFAULT_LEARNERS, 0)
    assert counts(training) == [80, 80]
    made = training.rows(part.real)[100:]
    for block in part.preparation.blocks:
        if block.kind == "number":
            continue
        values = made[:, block.start : block.stop]
        assert set(np.unique(values)) <= {0.0, 1.0}
        if block.kind == "category":
            assert (values.sum(axis=1) == 1).all()
    assert len(np.unique(made[:, part.preparation.number_columns], axis=0)) > 50


def test_smoten_where_there_are_categories_only(mixed):
    frame = mixed[["colour", "flag", "y"]].assign(other=np.arange(120) // 3)
    part = part_of(frame.astype({"other": str}))
    training = make_arm("smote").training(part, DEFAULT_LEARNERS, 0)
    assert counts(training) == [80, 80]
    assert (training.rows(part.real).sum(axis=1) >= 2).all()


def test_smote_takes_fewer_neighbours_of_a_tiny_class_and_none_of_a_single_row(numbers):
    few = numbers[numbers["y"] == "few"]
    many = numbers[numbers["y"] == "many"]
    three = part_of(pd.concat([few.iloc[:3], many]).reset_index(drop=True))
    assert counts(make_arm("smote").training(three, DEFAULT_LEARNERS, 0)) == [76, 76]
    one = part_of(pd.concat([few.iloc[:1], many]).reset_index(drop=True))
    with pytest.raises(CannotRunError, match="SMOTE needs two rows of a class to go between, few has one"):
        make_arm("smote").training(one, DEFAULT_LEARNERS, 0)


def test_balanced_tables_need_no_smote(numbers):
    part = part_of(numbers.assign(y=["u", "v"] * 60))
    assert make_arm("smote").training(part, DEFAULT_LEARNERS, 0).is_plain(100)


def test_samplers_are_copied_and_seeded(numbers):
    part = part_of(numbers)
    sampler = RandomOverSampler(shrinkage=0.1)
    one, again, other = (make_arm(sampler).training(part, DEFAULT_LEARNERS, s) for s in (0, 0, 1))
    assert np.array_equal(one.extra, again.extra) and not np.array_equal(one.extra, other.extra)
    assert sampler.random_state is None and not hasattr(sampler, "sampling_strategy_")
    fixed = make_arm(RandomOverSampler(shrinkage=0.1, random_state=4))
    assert np.array_equal(*(fixed.training(part, DEFAULT_LEARNERS, s).extra for s in (0, 1)))


def test_undersamplers_take_rows_away(numbers):
    part = part_of(numbers)
    training = make_arm(RandomUnderSampler()).training(part, DEFAULT_LEARNERS, 0)
    assert counts(training) == [20, 20] and len(training.kept) == 0


def test_callables_get_what_the_user_knows(mixed):
    given = {}

    def keep(x, y, random_state):
        given.update(x=x, y=y, seed=random_state)
        return x, y

    part = part_of(mixed)
    training = make_arm(keep).training(part, DEFAULT_LEARNERS, 3)
    assert training.is_plain(100)
    pd.testing.assert_frame_equal(given["x"], mixed.drop(columns="y").iloc[:100])
    assert given["y"].tolist() == mixed["y"].tolist()[:100] and given["y"].name == "y"
    assert isinstance(given["seed"], int)


def test_callables_that_return_something_else_are_refused(numbers):
    part = part_of(numbers)
    with pytest.raises(ConfigError, match="must return \\(X, y\\), however: DataFrame"):
        make_arm(lambda x, y, s: x).training(part, DEFAULT_LEARNERS, 0)
    with pytest.raises(SchemaError, match="2 feature columns instead of 3"):
        make_arm(lambda x, y, s: (x.iloc[:, :2], y)).training(part, DEFAULT_LEARNERS, 0)


def test_failing_samplers_say_why(numbers):
    few = numbers[numbers["y"] == "few"].iloc[:3]
    part = part_of(pd.concat([few, numbers[numbers["y"] == "many"]]).reset_index(drop=True))
    with pytest.raises(CannotRunError, match=r"SMOTE: .*n_neighbors"):
        make_arm(SMOTE(k_neighbors=5)).training(part, DEFAULT_LEARNERS, 0)


@pytest.mark.parametrize("name", [n for n in BUILT_IN if n not in ("class_weights", "flips_crops_shifts")])
def test_every_arm_also_works_on_frames(mixed, name):
    part = part_of(mixed, frames=True)
    training = make_arm(name).training(part, DEFAULT_LEARNERS, 0)
    rows = training.rows(part.real)
    assert list(rows.columns) == [*"abc", "colour", "flag"] and len(rows) == len(training.codes)
    assert set(rows["colour"]) <= {"red", "blue", "green"} and rows["flag"].isin([True, False]).all()


def test_names_of_arms():
    assert [a.name for a in make_arms(None)] == ["nothing", *DEFAULT_ARMS]
    assert [a.name for a in make_arms([])] == ["nothing"]
    assert [a.name for a in make_arms([*DEFAULT_ARMS, RandomUnderSampler()])][-1] == "random_under_sampler"
    named = make_arms({"mine": lambda x, y, s: (x, y)})
    assert (named[1].name, named[1].label) == ("mine", "mine")
