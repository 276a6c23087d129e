import time
import warnings
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_info, threadpool_limits

from ganaug.errors import ConfigError
from ganaug.learners import DEFAULT_LEARNERS, Job, Learner, Runner, Training, fit_predict, own_learner
from ganaug.learners.scoring import Scoring, rarer


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    codes = np.array([0, 0, 0, 1] * 25)
    return rng.normal(size=(100, 3)) + codes[:, None], codes


@pytest.mark.parametrize("learner", DEFAULT_LEARNERS, ids=lambda learner: learner.name)
def test_default_learners_learn_and_repeat(rows, learner):
    x, codes = rows
    first = fit_predict(learner, x[:80], codes[:80], None, x[80:], 2, seed=5)
    assert first.shape == (20, 2) and first.sum(axis=1) == pytest.approx(np.ones(20))
    assert np.mean(first.argmax(axis=1) == codes[80:]) > 0.7
    again = fit_predict(learner, x[:80], codes[:80], None, x[80:], 2, seed=5)
    assert np.array_equal(first, again)


def test_the_seed_matters_where_the_learner_is_random(rows):
    x, codes = rows
    forest = DEFAULT_LEARNERS[1]
    one, two = (fit_predict(forest, x[:80], codes[:80], None, x[80:], 2, seed=s) for s in (0, 1))
    assert not np.array_equal(one, two)
    fixed = Learner(name="f", strength="own", estimator=RandomForestClassifier(20, random_state=3))
    one, two = (fit_predict(fixed, x[:80], codes[:80], None, x[80:], 2, seed=s) for s in (0, 1))
    assert np.array_equal(one, two)


def test_weights_reach_the_classifier_however_it_takes_them(rows):
    x, codes = rows
    weight = np.where(codes == 1, 3.0, 1.0)
    for estimator, how in (
        (LogisticRegression(), "sample_weight"),
        (make_pipeline(LogisticRegression()), "sample_weight"),
        (KNeighborsClassifier(), None),
    ):
        learner = own_learner(estimator, np.array([0, 1]))
        assert learner.weights == how
    plain = fit_predict(own_learner(make_pipeline(LogisticRegression()), np.array([0, 1])), x, codes, None, x, 2, 0)
    weighed = fit_predict(own_learner(make_pipeline(LogisticRegression()), np.array([0, 1])), x, codes, weight, x, 2, 0)
    assert (weighed[:, 1] > plain[:, 1]).all()


def test_classes_that_a_fold_lacks_get_zero(rows):
    x, codes = rows
    codes = np.where(codes == 1, 2, 0)
    found = fit_predict(DEFAULT_LEARNERS[0], x, codes, None, x, 4, 0)
    assert (found[:, [1, 3]] == 0).all() and found.sum(axis=1) == pytest.approx(np.ones(100))
    one = fit_predict(DEFAULT_LEARNERS[0], x, np.full(100, 2), None, x, 4, 0)
    assert (one == [0, 0, 1, 0]).all()


class Noisy(LogisticRegression):
    def fit(self, x, y, sample_weight=None):
        warnings.warn("what a classifier of one's own has to say", UserWarning, stacklevel=2)
        return super().fit(x, y, sample_weight)


def test_many_classes_are_not_warned_of_at_every_fit_but_other_warnings_pass():
    x, codes = np.random.default_rng(0).normal(size=(40, 3)), np.append(np.arange(25), np.arange(15))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for learner in DEFAULT_LEARNERS:
            assert fit_predict(learner, x, codes, None, x, 25, seed=0).shape == (40, 25)
    with pytest.warns(UserWarning) as caught:
        fit_predict(own_learner(Noisy(), np.arange(25)), x, codes, None, x, 25, seed=0)
    assert [str(warning.message) for warning in caught] == ["what a classifier of one's own has to say"]


def test_own_estimators_get_their_own_labels(rows):
    x, codes = rows
    labels = np.array(["no", "yes"])
    estimator = LogisticRegression(class_weight={"no": 1, "yes": 9})
    found = fit_predict(own_learner(estimator, labels), x, codes, None, x, 2, 0)
    assert found[:, 1].mean() > 0.5


def test_decision_functions_rank_as_they_are(rows):
    x, codes = rows
    learner = own_learner(LinearSVC(), np.array([0, 1]))
    found = fit_predict(learner, x, codes, None, x, 2, 0)
    assert np.array_equal(
        np.argsort(found[:, 1]), np.argsort(LinearSVC(random_state=0).fit(x, codes).decision_function(x))
    )
    three = np.arange(100) % 3
    many = fit_predict(own_learner(RidgeClassifier(), np.arange(3)), x, three, None, x, 3, 0)
    assert many.sum(axis=1) == pytest.approx(np.ones(100))


def test_pipelines_get_frames():
    frame = pd.DataFrame({"c": ["u", "v"] * 20, "n": np.arange(40.0)})
    pipeline = make_pipeline(make_column_transformer((OneHotEncoder(), ["c"])), LogisticRegression())
    learner = own_learner(pipeline, np.array([0, 1]))
    assert learner.frames and learner.name == "LogisticRegression"
    found = fit_predict(learner, frame, np.array([0, 1] * 20), None, frame, 2, 0)
    assert (found.argmax(axis=1) == [0, 1] * 20).all()


@pytest.mark.parametrize("wrong", [LogisticRegression, object(), "forest"])
def test_what_is_no_classifier_is_refused(wrong):
    with pytest.raises(ConfigError, match="estimator must be an unfitted"):
        own_learner(wrong, np.array([0, 1]))


class Blunt(RandomForestClassifier):
    predict_proba = property()
    decision_function = property()


def test_what_gives_no_probabilities_is_refused():
    with pytest.raises(ConfigError, match="predict_proba or decision_function"):
        own_learner(Blunt(), np.array([0, 1]))


class CountsThreads(LogisticRegression):
    def fit(self, x, y, **options):
        self.threads_ = max(i["num_threads"] for i in threadpool_info())
        return super().fit(x, y, **options)

    def predict_proba(self, x):
        return np.full((len(x), 2), float(self.threads_))


def test_every_fit_has_one_thread(rows):
    x, codes = rows
    learner = Learner(name="t", strength="own", estimator=CountsThreads())
    with threadpool_limits(2):
        assert max(i["num_threads"] for i in threadpool_info()) == 2
        assert (fit_predict(learner, x, codes, None, x, 2, 0) == 1).all()
        assert max(i["num_threads"] for i in threadpool_info()) == 2


def jobs(rows, n):
    x, codes = rows
    training = Training(kept=np.arange(80), codes=codes[:80])
    return [
        Job(learner=DEFAULT_LEARNERS[i % 3], training=training, real=x[:80], held_out=x[80:], n_classes=2, seed=i)
        for i in range(n)
    ]


@pytest.fixture
def warm(monkeypatch):
    """Let every fit go to worker processes, as where these were started before."""
    monkeypatch.setattr(Runner, "_last_used", time.monotonic())
    monkeypatch.setattr("ganaug.learners.jobs.PAYS_WARM_FROM", 0.0)


@pytest.fixture
def asked(monkeypatch):
    """Note how many tasks every pool was given."""
    counts = []

    class Counted(joblib.Parallel):
        def __call__(self, tasks):
            tasks = list(tasks)
            counts.append(len(tasks))
            return super().__call__(tasks)

    monkeypatch.setattr("ganaug.learners.jobs.Parallel", Counted)
    return counts


def test_bits_do_not_depend_on_the_number_of_workers(rows, warm, asked):
    alone = Runner(18, n_jobs=1).run(jobs(rows, 18))
    shared = Runner(18, n_jobs=2)
    assert shared.workers == 2
    for a, b in zip(alone, shared.run(jobs(rows, 18)), strict=True):
        assert np.array_equal(a.proba, b.proba)
    with joblib.parallel_config(backend="threading"):
        threads = Runner(18, n_jobs=2).run(jobs(rows, 18))
    for a, b in zip(alone, threads, strict=True):
        assert np.array_equal(a.proba, b.proba)
    assert asked == [18, 18]


@pytest.fixture
def cold(monkeypatch):
    """No worker processes wait, and nothing was tried to start them."""
    monkeypatch.setattr(Runner, "_last_used", float("-inf"))
    monkeypatch.setattr(Runner, "_starting", None)
    monkeypatch.setattr(Runner, "_refused", False)


def test_little_work_goes_to_processes_only_where_they_wait(rows, warm, asked, monkeypatch):
    Runner(6, n_jobs=2).run(jobs(rows, 6))
    assert asked == [6]
    monkeypatch.setattr(Runner, "_last_used", float("-inf"))
    Runner(6, n_jobs=2).run(jobs(rows, 6))
    assert asked == [6], "starting processes would take longer than the work"


def test_fits_go_on_until_the_worker_processes_are_there(rows, cold, asked, monkeypatch):
    monkeypatch.setattr("ganaug.learners.jobs.PAYS_FROM", 0.0)
    monkeypatch.setattr("ganaug.learners.jobs.PAYS_WARM_FROM", 0.0)
    alone = Runner(18, n_jobs=1).run(jobs(rows, 18))

    def come_up(work, done, total):
        if done == 7:
            assert asked == [2] and Runner._starting.name == "ganaug-workers", "only what starts them"
            Runner._starting.join()

    runner = Runner(18, n_jobs=2, progress=come_up)
    shared = runner.run(jobs(rows, 18))
    runner.finish()
    assert asked == [2, 11] and not Runner._refused
    for a, b in zip(alone, shared, strict=True):
        assert np.array_equal(a.proba, b.proba)


def test_without_processes_the_fits_are_done_in_this_one(rows, cold, monkeypatch, caplog):
    def broken(*args, **options):
        def call(tasks):
            raise BlockingIOError("no more processes")

        return call

    monkeypatch.setattr("ganaug.learners.jobs.PAYS_FROM", 0.0)
    monkeypatch.setattr("ganaug.learners.jobs.Parallel", broken)
    runner = Runner(18, n_jobs=2)
    found = runner.run(jobs(rows, 18))
    runner.finish()
    assert len(found) == 18 and Runner._refused
    said = [r.getMessage() for r in caplog.records]
    assert said == ["worker processes cannot be started (no more processes); all classifiers are fitted in this one"]


def test_a_worker_of_joblib_starts_none_of_its_own():
    def inside(n_jobs):
        return Runner(10, n_jobs=n_jobs).workers

    told = joblib.Parallel(n_jobs=2)(joblib.delayed(inside)(n_jobs) for n_jobs in (None, None, 2))
    assert told == [1, 1, 2]
    assert inside(None) == joblib.cpu_count()


def test_workers_that_died_with_a_fit_are_not_waited_for(rows, warm, monkeypatch):
    broken = replace(DEFAULT_LEARNERS[0], estimator=LogisticRegression(C=-1.0))
    with pytest.raises(ValueError, match="'C' parameter"):
        Runner(4, n_jobs=2).run([replace(job, learner=broken) for job in jobs(rows, 4)])
    assert Runner._last_used == float("-inf")


def test_progress_counts_every_fit(rows):
    told = []
    runner = Runner(6, n_jobs=1, progress=lambda work, done, total: told.append((work, done, total)))
    runner.run(jobs(rows, 4))
    runner.run(jobs(rows, 2))
    assert told == [("classifiers", i, 6) for i in range(1, 7)]
    assert runner.seconds_per_fit() > 0


def test_training_rows_are_put_together():
    real = np.arange(10.0).reshape(5, 2)
    extra = np.full((2, 2), -1.0)
    training = Training(kept=np.array([0, 4, 4]), codes=np.array([0, 1, 1, 1, 1]), extra=extra)
    assert training.rows(real).tolist() == [[0, 1], [8, 9], [8, 9], [-1, -1], [-1, -1]]
    assert training.shares(2) == pytest.approx([0.2, 0.8])
    assert not training.is_plain(5)
    weighted = Training(kept=np.arange(5), codes=np.array([0, 0, 0, 0, 1]), weight=np.array([1, 1, 1, 1, 4.0]))
    assert weighted.shares(2) == pytest.approx([0.5, 0.5]) and not weighted.is_plain(5)
    assert Training(kept=np.arange(5), codes=np.zeros(5, int)).is_plain(5)


def test_the_rarer_class_is_the_positive_one():
    assert rarer(np.array([0, 0, 1]), 2) == 1
    assert rarer(np.array([0, 1, 1]), 2) == 0
    assert rarer(np.array([0, 1]), 2) == 1
    assert rarer(np.array([0, 1, 2]), 3) is None


def test_scorers_of_scikit_learn_judge_the_same_predictions():
    codes = np.array([0, 1, 0, 1, 1])
    labels = np.array(["good", "bad"])
    inside = np.array([0.1, 0.9, 0.6, 0.4, 0.7])
    proba = np.stack([1 - inside, inside], axis=1)
    by_name = Scoring.make("balanced_accuracy", codes, labels)
    assert by_name.score(codes, proba) == pytest.approx((1 / 2 + 2 / 3) / 2)
    brought = Scoring.make(make_scorer(f1_score, pos_label="bad"), codes, labels)
    assert brought.score(codes, proba) == pytest.approx(2 / 3)
    assert brought.decides(codes, proba)
    # "good" is the rarer class, so that the setting is a threshold on it: 0.65 makes row 3 "bad" too.
    setting = brought.tune(codes, proba)
    assert brought.score(codes, proba, setting) > 2 / 3
    ranking = Scoring.make("roc_auc", codes, labels)
    assert ranking.score(codes, proba) == pytest.approx(5 / 6)
    assert not ranking.decides(codes, proba)
    assert Scoring.make(None, codes, labels).name == "average_precision"


def test_scorers_that_cannot_judge_the_labels_are_refused():
    with pytest.raises(ConfigError, match="pos_label"):
        Scoring.make("f1", np.array([0, 1]), np.array(["a", "b"]))
    with pytest.raises(ConfigError, match="roc_auc_ovr"):
        Scoring.make("roc_auc", np.array([0, 1, 2]), np.arange(3))
    with pytest.raises(ConfigError, match="nonsense"):
        Scoring.make("nonsense", np.array([0, 1]), np.arange(2))
    with pytest.raises(ConfigError, match="one scorer"):
        Scoring.make(["f1", "roc_auc"], np.array([0, 1]), np.arange(2))
    with pytest.raises(ConfigError, match="cannot judge"):
        Scoring.make(f1_score, np.array([0, 1]), np.arange(2))
