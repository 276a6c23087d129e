import json
import logging
import math
import re
import time

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from imblearn.over_sampling import SMOTE, BorderlineSMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GroupKFold, RepeatedStratifiedKFold, StratifiedKFold, TimeSeriesSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ganaug.errors import ArtefactError, ConfigError, DataError
from ganaug.evaluate import DEFAULT_ARMS, Effect, compare_tables, measure_effect
from ganaug.learners import jobs
from ganaug.policy import Candidate
from tests.evaluate.augmenters import Jittering, noise

QUICK = {"estimator": LogisticRegression(), "id_columns": [], "random_state": 0, "progress": False, "n_jobs": 1}
FIXED = (Candidate(ratio=1),)
SOME = (Candidate(ratio=0), Candidate(ratio=1))


def table(n=120, features=4, share=0.25, classes=2, seed=0, separation=1.0) -> pd.DataFrame:
    x, y = make_classification(
        n,
        features,
        n_informative=features,
        n_redundant=0,
        n_classes=classes,
        n_clusters_per_class=1,
        weights=[1 - share, *[share / (classes - 1)] * (classes - 1)],
        flip_y=0.05,
        class_sep=separation,
        random_state=seed,
    )
    names = np.array(["no", "yes", "maybe", "never"])
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(features)]).assign(y=names[y])


def arm(effect: Effect, name: str) -> dict:
    return next(a for a in effect.arms if a["name"] == name)


def test_nothing_scores_what_scikit_learn_scores_on_the_same_folds():
    frame = table()
    cv = list(StratifiedKFold(4, shuffle=True, random_state=1).split(frame, frame["y"]))
    effect = measure_effect(frame, target="y", augmenter="smote", cv=cv, **QUICK)
    x, y = frame.drop(columns="y").to_numpy(), (frame["y"] == "yes").to_numpy()
    slow = []
    for train, test in cv:
        pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[train], y[train])
        slow.append(average_precision_score(y[test], pipeline.predict_proba(x[test])[:, 1]))
    assert arm(effect, "nothing")["score"] == pytest.approx(np.mean(slow))
    values = [f["value"] for f in effect.folds if f["arm"] == "nothing"]
    assert values == pytest.approx(slow)
    assert effect.n_splits == 4 and effect.n_repeats == 1


def test_everything_is_the_same_again_and_for_any_number_of_workers(monkeypatch):
    # So that two workers are given so little.
    monkeypatch.setattr(jobs, "PAYS_WARM_FROM", 0.0)
    monkeypatch.setattr(jobs.Runner, "_last_used", time.monotonic())
    pools = []
    monkeypatch.setattr(jobs, "Parallel", lambda **options: pools.append(options) or joblib.Parallel(**options))
    frame = table(80)

    def timeless(**options):
        given = QUICK | {"estimator": RandomForestClassifier(10), "cv": 2} | options
        found = measure_effect(
            frame, target="y", augmenter=Jittering(candidates=SOME), arms=["smote"], **given
        ).to_json()
        return {**found, "seconds": 0, "arms": [{**a, "seconds": 0} for a in found["arms"]]}

    first = timeless()
    assert not pools
    assert first == timeless(n_jobs=2)
    assert pools
    assert first["folds"] != timeless(random_state=1)["folds"]


def test_arms_share_the_seeds_of_their_classifiers():
    # Weights of 1 change nothing but the arm's name: any difference would come from another seed.
    frame = table(80)
    frame["y"] = ["no", "yes"] * 40
    options = QUICK | {"estimator": ExtraTreesClassifier(10)}
    effect = measure_effect(frame, target="y", augmenter=noise_free, arms=["class_weights"], cv=2, **options)
    assert arm(effect, "class_weights")["difference"] == 0


def test_the_result_goes_to_json_and_back_and_into_a_table():
    effect = measure_effect(table(), target="y", augmenter=Jittering(candidates=FIXED), cv=3, **QUICK)
    text = json.dumps(effect.to_json(), allow_nan=False)
    back = Effect.from_json(json.loads(text))
    assert back.to_json() == effect.to_json()
    assert str(effect) == effect.sentence
    assert effect.table().index.tolist() == ["nothing", *DEFAULT_ARMS, "jittering"]
    assert effect.table().loc["smote", "difference"] == arm(effect, "smote")["difference"]
    assert {"verdict", "sentence", "scoring", "depth", "n_rows", "n_features", "class_counts", "n_splits"} <= set(
        effect.to_json()
    )
    assert effect.class_counts == {"no": 88, "yes": 32} or sum(effect.class_counts.values()) == 120
    nothing = arm(effect, "nothing")
    assert nothing["difference"] == 0 and back.to_json()["arms"][0]["low"] is None
    with pytest.raises(ArtefactError, match="upgrade"):
        Effect.from_json({**effect.to_json(), "novelty": 1})
    with pytest.raises(ArtefactError, match="incomplete"):
        Effect.from_json({"verdict": "helps"})


def test_all_generators_are_asked_for_at_once_and_see_no_test_row():
    frame = table()
    augmenter = Jittering(candidates=FIXED)
    effect = measure_effect(frame, target="y", augmenter=augmenter, **QUICK)
    ((tables, seeds),) = augmenter.given
    assert len(tables) == 5 * (1 + 3) and len(set(seeds)) == 20
    sizes = [len(t) for t in tables]
    assert sizes[::4] == [96] * 5 and all(s == 64 for i, s in enumerate(sizes) if i % 4)
    # Every row is left out of exactly one outer fold's generator.
    seen = pd.concat([t.to_pandas() for t in tables[::4]]).groupby("x0").size()
    assert len(seen) == 120 and (seen == 4).all()
    # An inner fold's generator sees rows of its own outer fold only.
    for outer in range(5):
        own = set(tables[4 * outer]["x0"].to_pylist())
        for inner in range(1, 4):
            assert set(tables[4 * outer + inner]["x0"].to_pylist()) < own
    assert effect.n_splits == 5


def test_a_policy_that_chooses_none_everywhere_leaves_the_data_alone():
    class Useless(Jittering):
        def counts(self, candidate, codes, schema):
            return {0: 0, 1: int(candidate.ratio * 400)}

    augmenter = Useless(candidates=(Candidate(ratio=0), Candidate(ratio=1)))
    effect = measure_effect(table(share=0.4, n=80), target="y", augmenter=augmenter, cv=3, **QUICK)
    assert effect.verdict == "left alone"
    assert [c["candidate"] for c in effect.choices] == ["none"] * 3
    ours = arm(effect, "jittering")
    assert (ours["difference"], ours["low"], ours["high"]) == (0, 0, 0)
    assert effect.smallest_detectable > 0
    assert "left the data alone in every fold" in effect.sentence


def test_an_amount_that_harms_is_called_so():
    # 20 wrong labels a right one: every ranking is turned round.
    def liar(x, y, random_state):
        flipped = np.where(y == "yes", "no", "yes")
        return pd.concat([x, *[x + 1e-3 * i for i in range(1, 21)]]), np.concatenate([y, *[flipped] * 20])

    effect = measure_effect(table(200), target="y", augmenter=liar, arms=[], **QUICK)
    assert effect.verdict == "harms"
    assert effect.arms[-1]["high"] < 0 and effect.ours == "liar"


@pytest.mark.parametrize("augmenter", [SMOTE(), BorderlineSMOTE(k_neighbors=2), RandomUnderSampler(), noise, "smote"])
def test_samplers_and_callables_are_judged(augmenter):
    effect = measure_effect(table(), target="y", augmenter=augmenter, cv=2, arms=["class_weights"], **QUICK)
    assert effect.verdict in ("no evidence", "harms", "helps", "better than nothing")
    assert len(effect.arms) == 3
    assert effect.ours not in ("nothing", "class_weights", "smote")


def test_ours_and_the_same_cheap_arm_differ_by_nothing():
    effect = measure_effect(table(), target="y", augmenter="class_weights", cv=3, **QUICK)
    against = next(a for a in effect.against if a["name"] == "class_weights")
    assert (against["difference"], against["low"], against["high"]) == (0, 0, 0)
    assert effect.verdict != "helps"


def test_a_sampler_that_takes_tables_gets_the_users_columns():
    seen = []

    class Tables:
        takes_tables = True

        def fit_resample(self, x, y):
            seen.append((list(x.columns), x["colour"].dtype, sorted(set(y))))
            return pd.concat([x, x.iloc[:3] + ([0.5] * 4 + [""])]), np.concatenate([y, y.iloc[:3]])

    frame = table().assign(colour=np.where(np.arange(120) % 2, "red", "blue"))[["x0", "x1", "x2", "x3", "colour", "y"]]
    measure_effect(frame, target="y", augmenter=Tables(), cv=2, arms=[], **QUICK)
    assert seen[0] == (["x0", "x1", "x2", "x3", "colour"], frame["colour"].dtype, ["no", "yes"])


def test_a_pipeline_gets_frames_and_every_arm_still_runs():
    frame = table().assign(colour=np.where(np.arange(120) % 3, "red", "blue"))
    frame.loc[::7, "x0"] = np.nan
    columns = make_column_transformer((OneHotEncoder(), ["colour"]), (StandardScaler(), ["x1", "x2", "x3"]))
    options = QUICK | {"estimator": make_pipeline(columns, LogisticRegression())}
    effect = measure_effect(frame, target="y", augmenter=SMOTE(), cv=3, **options)
    assert [a["note"] for a in effect.arms] == [""] * 6
    assert effect.learners == [{"name": "LogisticRegression", "strength": "own"}]
    assert arm(effect, "smote")["difference"] != 0


def test_mixed_and_missing_columns_go_through_every_arm():
    frame = table().assign(
        colour=np.where(np.arange(120) % 3, "red", "blue"),
        day=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(120) % 9, unit="D"),
    )
    frame.loc[::5, "x0"] = np.nan
    frame.loc[::6, "colour"] = None
    effect = measure_effect(frame, target="y", augmenter=noise_free, cv=2, **QUICK)
    assert all(math.isfinite(a["score"]) and a["note"] == "" for a in effect.arms)


def noise_free(x, y, random_state):
    return x, y


def test_an_augmenter_that_adds_nothing_changes_nothing():
    effect = measure_effect(table(), target="y", augmenter=noise_free, cv=2, **QUICK)
    assert arm(effect, "noise_free")["difference"] == 0
    assert effect.verdict == "no evidence"


def test_many_classes_are_macro_averaged():
    frame = table(200, features=5, share=0.5, classes=4)
    effect = measure_effect(frame, target="y", augmenter=Jittering(candidates=FIXED), cv=3, **QUICK)
    assert arm(effect, "smote")["note"] == ""
    metrics = {m["metric"] for m in effect.metrics}
    assert {
        "average_precision",
        "roc_auc",
        "brier",
        "log_loss",
        "balanced_accuracy",
        "mcc@0.5",
        "g_mean",
        "f1",
    } <= metrics
    assert all(math.isfinite(m["score"]) for m in effect.metrics)


def test_weak_and_strong_learners_are_reported_apart():
    effect = measure_effect(
        table(80), target="y", augmenter="random_oversampling", cv=2, arms=[], **QUICK | {"estimator": None}
    )
    assert [(x["name"], x["strength"]) for x in effect.learners] == [
        ("logistic_regression", "weak"),
        ("random_forest", "strong"),
        ("hist_gradient_boosting", "strong"),
    ]
    own = {m["learner"]: m["score"] for m in effect.metrics if m["metric"] == "roc_auc" and m["arm"] == "nothing"}
    assert own["mean"] == pytest.approx(np.mean([own[x["name"]] for x in effect.learners]))
    assert len(set(own.values())) > 1


def test_arms_that_cannot_run_are_left_out_and_say_why():
    frame = table(n=100)
    rows = [*np.flatnonzero(frame["y"] == "no"), *np.flatnonzero(frame["y"] == "yes")[:2]]
    options = QUICK | {"estimator": KNeighborsClassifier(3)}
    effect = measure_effect(frame.iloc[rows].reset_index(drop=True), target="y", augmenter=noise, **options)
    assert "SMOTE needs two rows" in arm(effect, "smote")["note"]
    assert "takes neither" in arm(effect, "class_weights")["note"]
    assert math.isnan(arm(effect, "smote")["score"])
    assert {a["name"] for a in effect.against} == {"nothing", "tuned_threshold", "random_oversampling"}
    assert any("2 folds instead of 5" in w for w in effect.warnings)
    assert any("no inner folds" in w for w in effect.warnings)


def test_a_users_scoring_is_primary_and_its_threshold_can_be_tuned():
    frame = table(500, share=0.12, separation=0.5)
    effect = measure_effect(frame, target="y", augmenter=noise_free, cv=3, scoring="balanced_accuracy", **QUICK)
    assert effect.scoring == "balanced_accuracy"
    # What `predict` gives a user is at 0.5; tuned for rare rows it is much better, and that is what is recommended.
    assert arm(effect, "tuned_threshold")["difference"] > 0.05
    at_half = next(m for m in effect.metrics if m["metric"] == "balanced_accuracy@0.5" and m["arm"] == "nothing")
    assert at_half["score"] == pytest.approx(arm(effect, "nothing")["score"])
    assert any(m["metric"] == "balanced_accuracy (tuned)" for m in effect.metrics)


def test_average_precision_does_not_depend_on_the_threshold():
    effect = measure_effect(table(), target="y", augmenter=noise, cv=3, **QUICK)
    assert arm(effect, "tuned_threshold")["difference"] == 0
    assert not any(m["arm"] == "tuned_threshold" and m["metric"].endswith("@0.5") for m in effect.metrics)
    low = {m["metric"] for m in effect.metrics} & set(effect.lower_is_better)
    assert low == {"brier", "log_loss"}


def test_a_test_set_of_its_own_is_cut_into_parts_and_says_what_it_covers():
    frame = table(400)
    train, test = frame.iloc[:150].reset_index(drop=True), frame.iloc[150:].reset_index(drop=True)
    augmenter = Jittering(candidates=FIXED)
    effect = measure_effect(train, target="y", test_data=test, augmenter=augmenter, **QUICK)
    assert effect.n_rows == 150 and effect.n_splits == 1 and effect.generator_seeds == 5
    assert len(augmenter.given[0][0]) == 5 + 3
    assert "not other training rows" in effect.interval_covers
    assert math.isfinite(arm(effect, "jittering")["low"]) and effect.seed_deviation > 0
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(train.iloc[:, :4], train["y"])
    whole = average_precision_score(test["y"] == "yes", fitted.predict_proba(test.iloc[:, :4])[:, 1])
    assert arm(effect, "nothing")["score"] == pytest.approx(whole, abs=0.05)


def test_training_rows_that_equal_test_rows_are_taken_out():
    frame = table(300)
    train, test = frame.iloc[:150], frame.iloc[150:]
    both = pd.concat([train, test.iloc[:4]])
    effect = measure_effect(both, target="y", test_data=test, augmenter=noise, arms=[], **QUICK)
    assert any("4 training rows of a fold equal a test row" in w for w in effect.warnings)
    clean = measure_effect(train, target="y", test_data=test, augmenter=noise, arms=[], **QUICK)
    assert arm(effect, "nothing")["score"] == pytest.approx(arm(clean, "nothing")["score"])


def test_groups_are_never_split():
    frame = table(120)
    groups = np.arange(120) // 4
    augmenter = Jittering(candidates=FIXED)
    measure_effect(frame, target="y", groups=groups, augmenter=augmenter, arms=[], **QUICK)
    where = dict(zip(frame["x0"], groups, strict=True))
    for number, given in enumerate(augmenter.given[0][0]):
        inside = [where[v] for v in given["x0"].to_pylist()]
        assert all(inside.count(g) == 4 for g in set(inside)), number
    named = frame.assign(patient=groups)
    effect = measure_effect(named, target="y", groups="patient", augmenter=noise_free, arms=[], **QUICK)
    assert effect.n_features == 4
    with pytest.raises(DataError, match="one value a row"):
        measure_effect(frame, target="y", groups=groups[1:], augmenter=noise, **QUICK)
    with pytest.raises(DataError, match="must name a feature column"):
        measure_effect(frame, target="y", groups="clinic", augmenter=noise, **QUICK)


@pytest.mark.parametrize(
    ("cv", "folds"),
    [(4, 4), (RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0), 6), (TimeSeriesSplit(3), 3)],
)
def test_splits_of_the_users_own(cv, folds):
    effect = measure_effect(table(), target="y", cv=cv, augmenter=noise_free, arms=[], **QUICK)
    assert effect.n_splits == folds
    assert len({f["fold"] for f in effect.folds}) == folds


def test_one_pair_of_indices_is_a_single_split():
    pair = (np.arange(60), np.arange(60, 120))
    effect = measure_effect(table(), target="y", cv=[pair], augmenter=noise, arms=[], **QUICK)
    assert effect.n_splits == 1 and "not other training rows" in effect.interval_covers
    assert math.isfinite(arm(effect, "noise")["low"])


def test_a_policy_without_inner_folds_leaves_the_data_alone():
    frame = table(100).sort_values("y", kind="stable").reset_index(drop=True)
    few = pd.concat([frame[frame["y"] == "no"], frame[frame["y"] == "yes"].iloc[:2]])
    effect = measure_effect(few, target="y", augmenter=Jittering(candidates=SOME), arms=[], **QUICK)
    assert effect.verdict == "left alone" and effect.n_splits == 2
    assert all("too few" in c["reason"] for c in effect.choices)


def test_splitters_get_groups():
    groups = np.arange(120) // 4
    effect = measure_effect(
        table(), target="y", cv=GroupKFold(3), groups=groups, augmenter=noise_free, arms=[], **QUICK
    )
    assert effect.n_splits == 3


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"cv": 1}, ConfigError, "at least 2 folds"),
        ({"cv": "five"}, ConfigError, "cv must be"),
        ({"cv": [(np.arange(50), np.arange(40, 60))]}, DataError, "10 test rows are training rows too"),
        ({"cv": [(np.arange(50), np.arange(110, 130))]}, DataError, "outside of 0..119"),
        ({"depth": "deep"}, ConfigError, "quick, thorough"),
        ({"time_budget": 0}, ConfigError, "time_budget must be above 0"),
        ({"augmenter": "gan2"}, ConfigError, "unknown augmenter 'gan2'; known are: policy"),
        ({"augmenter": SMOTE}, TypeError, "not a class"),
        ({"augmenter": 3}, TypeError, "an augmenter must be"),
        ({"arms": "smote"}, ConfigError, "write \\['smote'\\]"),
        ({"arms": ["bagging"]}, ConfigError, "unknown arm 'bagging'"),
        ({"arms": [SMOTE(), "smote"]}, ConfigError, "same name"),
        ({"scoring": "f2"}, ConfigError, "f2"),
        ({"cv": 2, "test_data": table(50, seed=1)}, ConfigError, "exclude each other"),
        ({"estimator": LogisticRegression}, ConfigError, "unfitted"),
        ({"target": "z"}, DataError, "z"),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, message):
    given = QUICK | {"target": "y", "augmenter": noise} | options
    with pytest.raises(error, match=message):
        measure_effect(table(), **given)


@pytest.mark.parametrize(
    ("rows", "why"),
    [([*range(10), 110], "too few to split"), (list(range(4)), "too few|one class")],
)
def test_too_few_rows_are_a_verdict(rows, why):
    frame = table().sort_values("y", kind="stable").iloc[rows].reset_index(drop=True)
    frame["y"] = ["no"] * (len(rows) - 1) + ["yes"]
    effect = measure_effect(frame, target="y", augmenter=noise, **QUICK)
    assert effect.verdict == "not measurable"
    assert "cannot be measured" in effect.sentence
    assert re.search(why, effect.sentence)
    assert json.dumps(effect.to_json(), allow_nan=False)
    assert effect.table().empty


def test_without_a_target_nothing_can_be_measured():
    effect = measure_effect(table().drop(columns="y"), augmenter=noise, **QUICK)
    assert effect.verdict == "not measurable"


def test_thorough_repeats_more_where_rows_are_rare_and_keeps_the_generators_noise_apart():
    augmenter = Jittering(candidates=FIXED)
    effect = measure_effect(table(90), target="y", depth="thorough", cv=2, augmenter=augmenter, arms=[], **QUICK)
    assert (effect.n_splits, effect.n_repeats, effect.generator_seeds) == (2, 10, 3)
    assert len(augmenter.given) == 10
    assert len(augmenter.given[0][0]) == 2 * (3 + 3)
    assert effect.seed_deviation > 0
    assert len({f["fold"] for f in effect.folds}) == 20


def test_the_cost_is_said_beforehand_and_progress_is_told(caplog):
    told = []
    with caplog.at_level(logging.INFO, logger="ganaug"):
        measure_effect(
            table(),
            target="y",
            augmenter=Jittering(candidates=FIXED),
            **QUICK | {"progress": lambda work, done, total: told.append((work, done, total))},
        )
    assert "classifier fits, about" in caplog.text and "20 generators" in caplog.text
    assert told[-1][1] == told[-1][2]


def test_a_time_budget_cuts_and_says_what():
    class Slow(LogisticRegression):
        def fit(self, x, y, **options):
            time.sleep(0.01)
            return super().fit(x, y, **options)

    started = time.perf_counter()
    effect = measure_effect(
        table(90), target="y", depth="thorough", time_budget=2.0, augmenter=noise, **QUICK | {"estimator": Slow()}
    )
    assert time.perf_counter() - started < 30
    assert effect.n_repeats < 10 and effect.n_repeats == 1 + max(f["fold"] for f in effect.folds) // 5
    assert any(c.startswith("repeats: ") for c in effect.cuts)


def test_many_tables_are_compared():
    rows = {}
    for seed in range(3):
        effect = measure_effect(table(seed=seed), target="y", augmenter=noise, cv=2, **QUICK)
        rows[seed] = {a["name"]: a["score"] for a in effect.arms}
    found = compare_tables(pd.DataFrame(rows).T)
    assert found.loc["noise", ["win", "tie", "loss"]].sum() == 3


def test_arrow_tables_and_named_arms():
    effect = measure_effect(
        pa.Table.from_pandas(table()),
        target="y",
        augmenter=noise,
        cv=2,
        arms={"borderline": BorderlineSMOTE(k_neighbors=2)},
        **QUICK,
    )
    assert [a["name"] for a in effect.arms] == ["nothing", "borderline", "noise"]
