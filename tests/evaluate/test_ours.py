import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE

from ganaug.data import read_table
from ganaug.errors import ConfigError
from ganaug.evaluate.ours import make_ours
from ganaug.policy import Candidate, GanAugmenter, Policy
from ganaug.sampler import GANSampler
from tests.digits import digits, image_data
from tests.evaluate.augmenters import Jittering


@pytest.fixture
def rows():
    frame = pd.DataFrame({"x": np.arange(100.0) + 0.5, "y": ["a"] * 80 + ["b"] * 20})
    return read_table(frame, target="y", id_columns=[])


def test_names_of_augmenters(rows):
    assert isinstance(make_ours("policy", rows).augmenter, Policy)
    variant = make_ours("wgan_gp", rows)
    assert (variant.name, variant.augmenter.variant, len(variant.augmenter.candidates)) == ("wgan_gp", "wgan_gp", 1)
    assert make_ours("smote", rows).name == "smote*"
    assert make_ours(SMOTE(), rows).name == "smote*"
    with pytest.raises(ConfigError, match=r"policy, auto, anchored, .*wgan_gp"):
        make_ours("gan", rows)
    with pytest.raises(ConfigError, match=r"or a callable; did you mean 'wgan_gp'\?"):
        make_ours("WGAN-GP", rows)


def test_a_variant_that_makes_something_else_is_refused_before_anything_is_fitted(rows):
    # Of images only those that add rows are named to who wants rows added.
    images = image_data(*digits({0: 4, 1: 3}))
    for given, data, match in (
        ("dcgan", rows, "'dcgan' makes images, and the data are tables; .* wgan_gp"),
        (GanAugmenter(variant="r3gan"), rows, "'r3gan' makes images, and the data are tables"),
        ("ctgan", images, "'ctgan' makes tables, and the data are images; for these there are: auto, anchored_image"),
    ):
        with pytest.raises(ConfigError, match=match) as refused:
            make_ours(given, data)
        assert "super_resolution" not in str(refused.value)


def test_counts_for_all_rows_become_shares_for_a_fold(rows):
    # 40 rows of b asked for, 20 of them real: one synthetic row a real one, in a fold of 16 real rows as well.
    augmenter = make_ours(GanAugmenter(sampling_strategy={"b": 40}), rows).augmenter
    fold = np.array([0] * 64 + [1] * 16)
    assert augmenter.counts(augmenter.candidates[0], fold, rows.schema) == {0: 0, 1: 16}
    balanced = make_ours(GanAugmenter(sampling_strategy="auto"), rows).augmenter
    assert balanced.counts(balanced.candidates[0], fold, rows.schema) == {0: 0, 1: 48}


def test_our_sampler_is_judged_with_all_folds_trained_side_by_side(rows):
    policy = make_ours(GANSampler(variant="wgan_gp"), rows)
    assert isinstance(policy.augmenter, Policy) and policy.augmenter.variant == "wgan_gp"
    assert policy.name == "gan_sampler"
    counts = make_ours(GANSampler(sampling_strategy={"b": 40}), rows).augmenter
    assert counts.counts(counts.candidates[0], np.array([0] * 64 + [1] * 16), rows.schema) == {0: 0, 1: 16}


def test_objects_with_fit_many_bring_what_they_have(rows):
    made = make_ours(Jittering(), rows)
    assert made.name == "jittering" and made.augmenter.candidates == Policy().candidates

    class Plain:
        def fit_many(self, tables, schema, seeds):
            return ["generator"] * len(tables)

    plain = make_ours(Plain(), rows).augmenter
    assert plain.candidates == (Candidate(ratio=1.0),)
    assert plain.fit_many([rows.table] * 2, rows.schema, [1, 2], device="cpu") == ["generator"] * 2
    assert plain.counts(plain.candidates[0], np.array([0] * 8 + [1] * 2), rows.schema) == {0: 0, 1: 6}
