import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from ganaug import fitting
from ganaug.data import read_images, read_table, row_hashes
from ganaug.errors import ConfigError
from ganaug.learners import LeakError, prepare
from ganaug.pixels import table_of
from ganaug.policy import CANDIDATES, Candidate, GanAugmenter, Policy, draw_candidate, select, variant_for
from ganaug.sampling import level_counts, share_counts
from ganaug.variants import anchored, wgan_gp
from tests.evaluate.augmenters import Jitter

NONE, ALL = Candidate(), Candidate(ratio=1)


def rows(n=80, features=60, share=0.4, seed=0):
    x, y = make_classification(
        n + 3000,
        features,
        n_informative=features,
        n_redundant=0,
        n_clusters_per_class=1,
        weights=[1 - share],
        class_sep=1.2,
        random_state=seed,
    )
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(features)]).assign(y=y)
    read = read_table(frame, target="y", id_columns=[])
    return read, read.table.slice(0, n).combine_chunks(), read.table.slice(n).combine_chunks()


class Stub:
    """Draws its rows from a table: of the class asked for, each with the label it really has."""

    def __init__(self, table, schema):
        self.table, self.schema = table, schema

    def sample_table(self, labels, *, seed):
        codes = self.schema.label_codes(self.table)
        rng = np.random.default_rng(seed)
        return self.table.take(np.array([rng.choice(np.flatnonzero(codes == c)) for c in labels], dtype=np.int64))


def policy(source, candidates=(NONE, ALL), rows_of=None):
    """Return a policy whose generators are stubs that draw from ``source``."""
    given = []

    class Fake(Policy):
        def fit_many(self, tables, schema, seeds, *, device="auto", progress=None, checkpoint=None):
            given.append(list(tables))
            return [Stub(source if source is not None else table, schema) for table in tables]

        def counts(self, candidate, codes, schema):
            return {code: int(candidate.ratio * (rows_of or 500)) for code in range(schema.n_classes)}

    return Fake(candidates=candidates), given


def test_fresh_real_rows_are_chosen_where_rows_are_scarce():
    read, table, pool = rows()
    chosen, given = policy(pool)
    found = select(table, read.schema, policy=chosen, seed=0, estimator=LinearDiscriminantAnalysis(), n_jobs=1)
    assert found.candidate is ALL and found.expected > found.margin > 0
    assert [len(tables) for tables in given] == [3]
    held_out = [set(table["x0"].to_pylist()) - set(t["x0"].to_pylist()) for t in given[0]]
    assert sum(map(len, held_out)) == 80 and set.union(*held_out) == set(table["x0"].to_pylist())


def test_copies_of_training_rows_are_not_chosen():
    read, table, _ = rows(n=120, features=4)
    chosen, _ = policy(None)
    found = select(table, read.schema, policy=chosen, seed=0, estimator=LogisticRegression(), n_jobs=1)
    assert found.candidate is NONE and found.expected == 0


def test_the_choice_is_the_same_again():
    read, table, pool = rows(n=60, features=10)
    options = {"seed": 3, "estimator": LogisticRegression(), "n_jobs": 1}
    first, again = (select(table, read.schema, policy=policy(pool)[0], **options) for _ in range(2))
    assert first == again


def test_generators_that_know_held_out_rows_are_refused():
    read, table, _ = rows(n=60, features=4)
    chosen, _ = policy(table)
    with pytest.raises(LeakError):
        select(table, read.schema, policy=chosen, seed=0, estimator=LogisticRegression(), n_jobs=1)


def test_too_few_rows_to_choose_leave_the_data_alone():
    read, table, pool = rows(n=20, features=4)
    codes = read.schema.label_codes(table)
    few = table.take(np.concatenate([np.flatnonzero(codes == 0), np.flatnonzero(codes == 1)[:1]]))
    found = select(few, read.schema, policy=policy(pool)[0], seed=0, n_jobs=1)
    assert found.candidate is NONE and "too few to split" in found.reason


def test_without_a_target_there_is_nothing_to_choose_by():
    read = read_table(pd.DataFrame({"x": np.arange(30.0)}), id_columns=[])
    found = select(read.table, read.schema, policy=Policy(), seed=0)
    assert found.index == 0 and "without a target" in found.reason


def test_the_filter_keeps_the_rows_that_look_like_their_class():
    read, table, pool = rows(n=200, features=5)
    codes = read.schema.label_codes(pool)
    # A generator that gives rows of either class under the label asked for: half of them are wrong.
    labels = pool["y"].to_numpy()

    class Confused:
        def sample_table(self, asked, *, seed):
            chosen = np.random.default_rng(seed).choice(len(pool), len(asked))
            drawn = pool.take(chosen)
            self.right = codes[chosen] == asked
            return drawn.set_column(drawn.column_names.index("y"), "y", [asked])

    augmenter = GanAugmenter(sampling_strategy={0: 300, 1: 300})
    generator = Confused()
    plain = draw_candidate(augmenter, ALL, generator, table, read.schema, seed=0)
    kept = draw_candidate(augmenter, Candidate(ratio=1, keep=0.5), generator, table, read.schema, seed=0)
    truth = dict(zip(pool["x0"].to_pylist(), labels, strict=True))

    def right(rows):
        return np.mean([truth[x] == y for x, y in zip(rows["x0"].to_pylist(), rows["y"].to_pylist(), strict=True)])

    assert len(plain) == len(kept)
    assert right(plain) == pytest.approx(0.5, abs=0.1)
    assert right(kept) > 0.85


def test_amounts_by_hand():
    read, table, _ = rows(n=100, features=3, share=0.2)
    codes = np.array([0] * 80 + [1] * 20)
    augmenter = GanAugmenter()
    assert augmenter.counts(Candidate(ratio=0.25), codes, read.schema) == {0: 0, 1: 15}
    fixed = GanAugmenter(sampling_strategy={1: 50})
    assert fixed.counts(fixed.candidates[0], codes, read.schema)[1] == 30
    assert len(draw_candidate(augmenter, NONE, Jitter(table, read.schema), table, read.schema, seed=0)) == 0


def test_a_policy_needs_nothing_and_something_else():
    with pytest.raises(ConfigError, match="must begin with"):
        Policy(candidates=(ALL, NONE))
    with pytest.raises(ConfigError, match="must begin with"):
        Policy(candidates=(NONE,))


def test_relabelled_rows_keep_the_shares_and_differ_from_the_real_ones():
    read, table, _ = rows()
    generator = fitting.fit(table, read.schema, variant=anchored.Config(steps=0), seed=0)
    way = Candidate(times=3, jitter=0.5)
    made = draw_candidate(GanAugmenter(), way, generator, table, read.schema, seed=0)
    real, drawn = read.schema.label_codes(table), read.schema.label_codes(made)
    assert made.schema == table.schema
    assert np.bincount(drawn).tolist() == [3 * n for n in np.bincount(real).tolist()]
    names = read.schema.feature_names
    assert not np.isin(row_hashes(made, names), row_hashes(table, names)).any()
    again = draw_candidate(GanAugmenter(), way, generator, table, read.schema, seed=0)
    assert again.equals(made)
    # The classes are those that a classifier of the real rows finds likely, whatever was asked of the generator.
    fitted = prepare(table, read.schema)
    judge = LinearDiscriminantAnalysis().fit(fitted.transform(table), real)
    assert judge.score(fitted.transform(made), drawn) > 0.75


def test_images_are_filled_up_by_drawn_and_by_moved_ones():
    data = load_digits()
    kept = np.concatenate([np.flatnonzero(data.target == c)[:n] for c, n in ((0, 20), (1, 8))])
    pixels = (data.images[kept] * 255 / 16).round().astype(np.uint8)
    read = read_images((pixels, data.target[kept]))
    calls = []

    class Drawing:
        def sample_table(self, labels, *, seed):
            calls.append(labels)
            return table_of(np.zeros((len(labels), 8, 8, 1), np.uint8), labels, read.schema)

    policy = Policy().suited(read.schema, ("flip",))
    way = policy.candidates[1]
    assert (way.level, way.moved, way.transforms) == (3, 0.5, ("flip",))
    made = draw_candidate(policy, way, Drawing(), read.table, read.schema, seed=0)
    codes = read.schema.label_codes(made)
    assert np.bincount(codes).tolist() == [40, 52]
    assert np.bincount(np.concatenate(calls)).tolist() == [20, 26]
    moved = read.schema.pixels(made)[read.schema.pixels(made).any(axis=(1, 2, 3))]
    assert len(moved) == 46
    either = np.concatenate([pixels, pixels[:, :, ::-1]])
    assert all((image[..., 0] == either).all(axis=(1, 2)).any() for image in moved)
    # A generator that keeps no image is not helped out with real ones.
    assert Policy(variant="r3gan").suited(read.schema).candidates[1].moved == 0


def test_rows_are_capped_where_there_are_many():
    few, many = np.repeat([0, 1], [90, 10]), np.repeat([0, 1], [9000, 1000])
    assert share_counts(few, 2, 10) == {0: 900, 1: 100}
    assert share_counts(np.repeat([0, 1], [900, 100]), 2, 10) == {0: 5400, 1: 600}
    assert share_counts(many, 2, 10) == {0: 9000, 1: 1000}
    assert level_counts(few, 2, 3) == {0: 180, 1: 260}
    assert level_counts(many, 2, 3) == {0: 0, 1: 8000}


def test_nothing_is_trained_for_candidates_that_use_no_training():
    read, table, _ = rows(n=60, features=3)
    start, learnt = Candidate(times=2, trained=False), Candidate(times=2)
    fitted = {}
    for name, ways in {"start": (start,), "learnt": (learnt,), "both": (NONE, start, learnt)}.items():
        augmenter = GanAugmenter(variant=anchored.Config(steps=3), candidates=ways)
        (fitted[name],) = augmenter.fit_many([table], read.schema, [0], device="cpu")
    assert {name: generator.config.steps for name, generator in fitted.items()} == {"start": 0, "learnt": 3, "both": 3}
    assert variant_for((NONE,), "anchored", read.schema) == "anchored", "nothing says nothing of training"
    assert variant_for(CANDIDATES, "auto", read.schema).steps == 0


def test_a_variant_that_starts_from_noise_is_trained_all_the_same():
    read, _, _ = rows(n=60, features=3)
    config = wgan_gp.Config(steps=3)
    assert variant_for((Candidate(times=2, trained=False),), config, read.schema) == config
