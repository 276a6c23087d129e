from __future__ import annotations

import io
import os
import warnings
from collections import Counter

import joblib
import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import check_dataframe_column_names_consistency, check_param_validation
from imblearn.utils.estimator_checks import estimator_checks_generator as imblearn_checks
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator as sklearn_checks

from ganaug import GANSampler, plans
from ganaug.errors import DataError
from ganaug.policy import CANDIDATES, Choice
from ganaug.policy.choice import nothing
from ganaug.variants import anchored, wgan_gp

FEW = anchored.Config(steps=12)
"""So that what trains many times takes seconds."""
SAMPLERS = [
    GANSampler(sampling_strategy="auto", variant=FEW, random_state=0),
    GANSampler(variant=FEW, estimator=LogisticRegression(), random_state=0),
]


# ---------------------------------------------------------------------------- the check suites, no check left out


def every(checks):
    return [
        pytest.param(estimator, check, id=f"{estimator.sampling_strategy}-{i}-{getattr(check, 'func', check).__name__}")
        for estimator in SAMPLERS
        for i, (_, check) in enumerate(checks(estimator))
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), every(sklearn_checks))
def test_scikit_learns_checks(estimator, check):
    assert os.environ["SCIPY_ARRAY_API"] == "1"
    _run(check, estimator)


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), every(imblearn_checks))
def test_imbalanced_learns_checks(estimator, check):
    _run(check, estimator)


@pytest.mark.parametrize("check", [check_param_validation, check_dataframe_column_names_consistency])
def test_imbalanced_learns_checks_of_its_own_samplers(check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check("GANSampler", GANSampler(sampling_strategy="auto", variant=FEW, random_state=0))


def _run(check, estimator):
    """Run one check; a check that skips itself has not passed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(estimator)
    except BaseException as error:
        if type(error).__name__ in {"SkipTest", "Skipped"}:
            raise AssertionError(f"skipped: {error}") from error
        raise


# ------------------------------------------------------------------------------------------------ what it gives back


@pytest.fixture
def arrays():
    return make_classification(n_samples=120, n_features=6, weights=[0.8], random_state=0)


@pytest.fixture
def mixed():
    rng = np.random.default_rng(0)
    n = 120
    y = pd.Series(np.where(np.arange(n) % 6 == 0, "ill", "well"), name="state")
    ill = (y == "ill").to_numpy()
    X = pd.DataFrame(
        {
            "age": pd.array(rng.integers(20, 80, n), dtype="Int64"),
            "dose": np.round(rng.gamma(2, 2, n) + 3 * ill, 2),
            "ward": pd.Categorical(np.where(ill, "a", rng.choice(["b", "c"], n)), categories=["a", "b", "c", "d"]),
            "city": rng.choice(["Ulm", "Rom"], n),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, n), "D"),
            "smokes": rng.random(n) < 0.3,
        }
    )
    X.loc[::7, "dose"] = np.nan
    X.loc[::11, "age"] = pd.NA
    return X, y


def sampler(**options):
    return GANSampler(**{"sampling_strategy": "auto", "variant": FEW, "random_state": 0, **options})


def test_mixed_columns_come_back_with_their_types_and_real_rows_first(mixed):
    X, y = mixed
    X_res, y_res = sampler().fit_resample(X, y)
    pd.testing.assert_frame_equal(X_res.iloc[: len(X)], X)
    pd.testing.assert_series_equal(y_res.iloc[: len(y)], y)
    assert X_res.dtypes.to_dict() == X.dtypes.to_dict()
    assert Counter(y_res) == {"well": 100, "ill": 100}
    made = X_res.iloc[len(X) :]
    assert made["dose"].dropna().mul(100).round(6).mod(1).eq(0).all(), "two decimals stay two decimals"
    assert (made["ward"] == "a").mean() > 0.9, "rows that are ill come from the ward of the ill"
    assert made["dose"].isna().any()


@pytest.mark.parametrize(
    ("y", "name"),
    [
        (np.array([0.0, 1.0, np.nan, 0.0, 1.0, np.nan]), "target"),
        (np.array([[0.0], [1.0], [np.nan], [0.0], [1.0], [np.nan]]), "target"),
        (["a", "b", None, "a", "b", None], "target"),
        (pd.Series(["a", "b", None, "a", "b", np.nan], name="state"), "state"),
        (pd.Series(pd.array([0, 1, None, 0, 1, None], dtype="Int64"), name=3), "3"),
    ],
    ids=["float", "column", "list", "series", "nullable"],
)
@pytest.mark.parametrize("method", ["fit", "fit_resample"])
def test_missing_labels_are_told_as_augment_does(y, name, method):
    told = f"the target '{name}' must have a label in every row, however 2 of 6 are missing; drop these rows or give"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=told):
            getattr(sampler(), method)(np.arange(12.0).reshape(6, 2), y)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_stays_sparse(arrays, kind):
    X, y = arrays
    X = kind(np.where(np.abs(X) > 1, X, 0))
    X_res, y_res = sampler().fit_resample(X, y)
    assert sparse.issparse(X_res) and X_res.format == X.format
    assert X_res.shape == (len(y_res), 6)
    np.testing.assert_array_equal(X_res.toarray()[: len(y)], X.toarray())


def test_lists_strings_and_one_column(arrays):
    X_res, y_res = sampler().fit_resample([["a"], ["b"]] * 10 + [["c"]] * 4, ["x"] * 20 + ["y"] * 4)
    assert Counter(y_res) == {"x": 20, "y": 20}
    assert [row for row, label in zip(X_res, y_res, strict=True) if label == "y"] == [["c"]] * 20


def test_the_same_seed_gives_the_same_rows_and_another_one_others(arrays):
    first, again, other = (sampler(random_state=seed).fit_resample(*arrays)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_global_random_states_are_left_alone(arrays):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    sampler().fit_resample(*arrays)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_dict_asks_for_totals_and_a_ratio_for_a_share(arrays):
    X, y = arrays
    have = Counter(y.tolist())
    assert Counter(sampler(sampling_strategy={1: 60}).fit_resample(X, y)[1].tolist()) == {0: have[0], 1: 60}
    assert Counter(sampler(sampling_strategy=0.5).fit_resample(X, y)[1].tolist())[1] == have[0] // 2
    with pytest.raises(ValueError, match="greater or equal to the original number"):
        sampler(sampling_strategy={0: 1}).fit_resample(X, y)
    with pytest.raises(ValueError, match="cannot be negative"):
        sampler(sampling_strategy={1: -1}).fit_resample(X, y)


def test_sampling_strategy_tells_what_was_added(arrays):
    X, y = arrays
    fitted = sampler()
    _, y_res = fitted.fit_resample(X, y)
    assert dict(fitted.sampling_strategy_) == {1: len(y_res) - len(y)}
    assert fitted.choice_ is None and fitted.synthesizer_.schema.n_classes == 2


def test_the_policy_judges_with_the_classifier_that_it_is_given(arrays):
    asked = []

    class Watched(LogisticRegression):
        def fit(self, X, y):
            asked.append(len(y))
            return super().fit(X, y)

    sampler(sampling_strategy="policy", estimator=Watched()).fit_resample(*arrays)
    assert len(asked) == 3 * 2, "three inner folds of two candidates, and no other classifier"


def test_the_policy_may_add_nothing_and_then_trains_no_generator(arrays, monkeypatch):
    X, y = arrays
    monkeypatch.setattr(plans, "select", lambda *_, **__: nothing(CANDIDATES, 0.0, 0.0, "because"))
    fitted = sampler(sampling_strategy="policy")
    X_res, y_res = fitted.fit_resample(X, y)
    assert fitted.choice_.candidate.name == "none"
    np.testing.assert_array_equal(X_res, X)
    np.testing.assert_array_equal(y_res, y)
    assert fitted.synthesizer_ is None and sum(fitted.sampling_strategy_.values()) == 0


def test_the_policy_adds_rows_of_all_classes_in_their_shares(arrays, monkeypatch):
    X, y = arrays
    way = CANDIDATES[1]
    choice = Choice(index=1, candidate=way, expected=0.02, standard_error=0.01, margin=0.0, reason="because")
    monkeypatch.setattr(plans, "select", lambda *_, **__: choice)
    X_res, y_res = sampler(sampling_strategy="policy").fit_resample(X, y)
    np.testing.assert_array_equal(X_res[: len(X)], X)
    np.testing.assert_array_equal(np.bincount(y_res[len(y) :]), 10 * np.bincount(y))


def test_fit_trains_nothing(arrays):
    fitted = sampler().fit(*arrays)
    assert not hasattr(fitted, "synthesizer_")
    assert dict(fitted.sampling_strategy_) == {1: int((arrays[1] == 0).sum() - (arrays[1] == 1).sum())}


def test_infinities_and_unknown_options_are_refused(arrays):
    X, y = arrays
    bad = X.copy()
    bad[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        sampler().fit_resample(bad, y)
    with pytest.raises(DataError, match="infinit"):
        sampler().fit_resample(pd.DataFrame(bad), y)
    with pytest.raises(ValueError, match=r"'variant' parameter of GANSampler must be a str among .*anchored.*wgan_gp"):
        sampler(variant="gan2").fit_resample(X, y)
    with pytest.raises(ValueError, match="'sampling_strategy' parameter of GANSampler must be"):
        sampler(sampling_strategy="majority").fit_resample(X, y)


# --------------------------------------------------------------------------------------------- where it is put to use


def test_in_a_pipeline_under_cross_validation(mixed):
    X, y = mixed
    prepare = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["ward", "city"]), (StandardScaler(), ["smokes"])
    )
    pipeline = make_pipeline(sampler(), prepare, LogisticRegression())
    scores = cross_val_score(pipeline, X, y, cv=3, scoring="balanced_accuracy")
    assert np.isfinite(scores).all() and scores.mean() > 0.9


def test_in_a_grid_search(arrays):
    X, y = arrays
    pipeline = make_pipeline(sampler(), LogisticRegression())
    grid = {"gansampler__sampling_strategy": ["auto", 0.5], "gansampler__variant": [FEW, wgan_gp.Config(steps=12)]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.predict(X).shape == y.shape


def test_cloned_and_pickled(arrays):
    original = sampler()
    wanted, _ = original.fit_resample(*arrays)
    assert clone(original).get_params() == original.get_params()
    buffer = io.BytesIO()
    joblib.dump(original, buffer)
    buffer.seek(0)
    loaded = joblib.load(buffer)
    np.testing.assert_array_equal(loaded.fit_resample(*arrays)[0], wanted)
    assert len(loaded.synthesizer_.sample(5, random_state=0)[0]) == 5


@pytest.mark.slow
def test_in_worker_processes(arrays):
    pipeline = make_pipeline(sampler(), LogisticRegression())
    serial = cross_val_score(pipeline, *arrays, cv=2)
    parallel = cross_val_score(pipeline, *arrays, cv=2, n_jobs=2)
    np.testing.assert_array_equal(serial, parallel)


def test_identifiers_can_be_named(mixed):
    X, y = mixed
    X = X.assign(patient=[f"p{i}" for i in range(len(X))])
    X_res, _ = sampler(id_columns=["patient"]).fit_resample(X, y)
    assert X_res["patient"].is_unique
