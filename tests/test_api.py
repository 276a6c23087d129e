from __future__ import annotations

import errno
import hashlib
import json
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import ganaug
from ganaug import augmentation, fitting, plans, steps, trainer
from ganaug.errors import ArtefactError, ConfigError, DataError, DataWarning, OutputError, SchemaError
from ganaug.evaluate.effect import Effect
from ganaug.parquet import read_manifest
from ganaug.policy import Candidate, Choice
from ganaug.runs import RunFolder
from ganaug.variants import anchored, wgan_gp
from tests.run_files import files_of

FEW = anchored.Config(steps=12)
WATCHED = anchored.Config(steps=100)
"""Twelfths of it are eight steps, and none of seven."""
COUNTS = {"ill": 40}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 100
    ill = np.arange(n) % 5 == 0
    frame = pd.DataFrame(
        {
            "age": rng.integers(20, 80, n),
            "dose": np.round(rng.gamma(2, 2, n) + 3 * ill, 2),
            "ward": pd.Categorical(np.where(ill, "a", rng.choice(["b", "c"], n)), categories=["c", "b", "a", "never"]),
            "state": np.where(ill, "ill", "well"),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, n), "D"),
        }
    )
    frame.loc[::9, "dose"] = np.nan
    return frame


def augment(data, **options):
    quick = {"target": "state", "variant": FEW, "check": False, "random_state": 0, "progress": False}
    return ganaug.augment(data, **{**quick, **options})


@pytest.fixture(scope="module")
def finished(frame, tmp_path_factory):
    """The folder of a run that is done."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    augment(frame, sampling_strategy=COUNTS, out=folder)
    return folder


def digests(folder):
    """SHA-256 of every file but TensorBoard's: without a check, nothing in them tells the time."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files_of(folder)}


def effect(verdict):
    return Effect(
        verdict=verdict,
        sentence=f"It {verdict}.",
        scoring="average_precision",
        depth="quick",
        n_rows=100,
        n_features=4,
        class_counts={"ill": 20, "well": 80},
        n_splits=5,
        n_repeats=1,
        smallest_detectable=0.1,
        ours="policy",
    )


@pytest.fixture
def verdict_is(monkeypatch):
    return lambda verdict: monkeypatch.setattr(steps, "measure_effect", lambda *_, **__: effect(verdict))


# ------------------------------------------------------------------------------------------------ what comes back


def test_real_rows_come_first_and_unchanged_and_synthetic_ones_obey_the_counts(frame):
    given = frame.copy(deep=True)
    result = augment(frame, sampling_strategy=COUNTS)
    pd.testing.assert_frame_equal(frame, given)
    pd.testing.assert_frame_equal(result.data.iloc[:100], frame)
    assert result.data.dtypes.to_dict() == frame.dtypes.to_dict()
    assert result.is_synthetic.dtype == bool and result.is_synthetic.tolist() == [False] * 100 + [True] * 20
    pd.testing.assert_frame_equal(result.data[result.is_synthetic].reset_index(drop=True), result.synthetic)
    assert set(result.synthetic["state"]) == {"ill"} and len(result.synthetic) == 20
    assert (result.synthetic["ward"] == "a").mean() > 0.9, "the condition is obeyed in the features"
    assert result.effect is None and result.report is None
    assert result.synthesizer.sample(3, random_state=0).shape == (3, 5)
    assert result.summary["decision"] == "20 synthetic rows were added (20 of ill), as asked."


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (pd.RangeIndex(100), [100, 101]),
        (pd.Index(range(1000, 1100), name="row"), [1100, 1101]),
        (pd.Index([f"r{i}" for i in range(100)]), ["synthetic-0", "synthetic-1"]),
        (pd.date_range("2024", periods=100, tz="UTC"), [pd.NaT, pd.NaT]),
    ],
)
def test_an_index_stays_on_the_real_rows_and_goes_on(frame, index, expected):
    result = augment(frame.set_index(index), sampling_strategy={"ill": 22})
    assert result.data.index[:100].equals(index) and result.data.index.dtype == index.dtype
    assert result.data.index[100:].tolist() == expected
    assert result.data.index.name == index.name


def test_an_arrow_table_gives_an_arrow_table(frame):
    table = pa.Table.from_pandas(frame)
    result = augment(table, sampling_strategy=COUNTS)
    assert isinstance(result.data, pa.Table) and result.data.schema.equals(table.schema, check_metadata=True)
    assert result.data.slice(0, 100).equals(table)
    assert isinstance(result.synthetic, pa.Table) and result.synthetic["state"].unique().to_pylist() == ["ill"]


@pytest.mark.parametrize("kind", [np.asarray, lambda a: np.asarray(a).tolist(), pd.DataFrame])
def test_x_and_y_give_x_and_y_of_the_same_kinds(kind):
    rng = np.random.default_rng(0)
    X, y = kind(rng.normal(size=(60, 3))), (np.arange(60) % 6 == 0).astype(int)
    result = augment((X, y), target=None, sampling_strategy="auto")
    X_res, y_res = result.data
    assert type(X_res) is type(X) and len(X_res) == len(y_res) == 100
    assert y_res.dtype == y.dtype and (y_res[result.is_synthetic] == 1).all()
    np.testing.assert_array_equal(np.asarray(X_res)[:60], np.asarray(X))


def test_a_file_gives_a_frame(frame, tmp_path):
    frame.to_parquet(tmp_path / "t.parquet")
    result = augment(tmp_path / "t.parquet", sampling_strategy=COUNTS)
    pd.testing.assert_frame_equal(result.data.iloc[:100], frame)
    assert len(result.data) == 120


def test_rows_without_classes_are_augmented_as_one_class(frame):
    bare = frame.drop(columns="state")
    result = augment(bare, target=None, check=True)
    assert len(result.synthetic) == len(bare)
    assert result.effect.verdict == "not measurable"
    assert len(augment(bare, target=None, sampling_strategy=7).synthetic) == 7


def test_the_same_seed_gives_the_same_rows_and_the_generator_of_fit(frame):
    first, again = augment(frame, sampling_strategy=COUNTS), augment(frame, sampling_strategy=COUNTS)
    pd.testing.assert_frame_equal(first.data, again.data)
    other = augment(frame, sampling_strategy=COUNTS, random_state=1)
    assert not first.synthetic["dose"].equals(other.synthetic["dose"])
    fitted = ganaug.fit(frame, target="state", variant=FEW, random_state=0, progress=False)
    pd.testing.assert_frame_equal(fitted.sample(9, random_state=4), first.synthesizer.sample(9, random_state=4))


# ------------------------------------------------------------------------------------------ policy, verdict, and data


def test_the_policy_s_amount_is_added(frame, policy_chooses):
    policy_chooses(1)
    result = augment(frame, sampling_strategy="policy")
    assert len(result.synthetic) == 6, "a tenth of the 60 rows that 1:1 would need"
    assert "chosen by the policy: because" in result.summary["decision"]


def test_data_are_left_alone_where_the_policy_chose_none(frame, policy_chooses):
    policy_chooses(0)
    result = augment(frame)
    pd.testing.assert_frame_equal(result.data, frame)
    assert len(result.synthetic) == 0 and not result.is_synthetic.any()
    assert list(result.synthetic.columns) == list(frame.columns)
    assert result.summary["decision"] == "No row was added: because."
    assert result.synthesizer.sample(2, random_state=0).shape == (2, 5)


def test_data_are_left_alone_where_the_policy_s_rows_harm(frame, policy_chooses, verdict_is):
    verdict = "harms"
    policy_chooses(1)
    verdict_is(verdict)
    result = augment(frame, check=True)
    pd.testing.assert_frame_equal(result.data, frame)
    assert result.effect.verdict == verdict
    assert result.summary["decision"] == f"No row was added, as the check's verdict is {verdict!r}."


@pytest.mark.parametrize("verdict", ["helps", "no evidence", "left alone", "not measurable"])
def test_other_verdicts_leave_the_policy_s_rows(frame, policy_chooses, verdict_is, verdict):
    policy_chooses(1)
    verdict_is(verdict)
    assert len(augment(frame, check=True).synthetic) == 6


def test_counts_that_were_asked_for_are_obeyed_whatever_the_verdict(frame, verdict_is):
    verdict_is("harms")
    result = augment(frame, sampling_strategy=COUNTS, check=True)
    assert len(result.synthetic) == 20 and result.effect.verdict == "harms"


def test_too_few_rows_to_check_are_augmented_all_the_same(frame):
    few = frame[frame.state == "well"].head(6).copy()
    few.loc[few.index[0], "state"] = "ill"
    result = augment(few, sampling_strategy={"ill": 4}, check=True)
    assert result.effect.verdict == "not measurable" and "1 row" in result.effect.sentence
    assert (result.data["state"] == "ill").sum() == 4
    pd.testing.assert_frame_equal(augment(few, check=True).data, few)


@pytest.mark.slow
def test_the_whole_path_with_a_real_check(frame, tmp_path):
    """Of a seed as it is drawn where none is given: more bits than scikit-learn takes."""
    result = augment(frame, check="quick", estimator=LogisticRegression(), out=tmp_path / "run", random_state=2**62 + 1)
    assert result.effect.n_splits == 5 and result.effect.arms
    assert result.data.iloc[:100].equals(frame)
    assert result.report == tmp_path / "run" / "report.html" and result.report.stat().st_size > 10_000
    stored = json.loads((tmp_path / "run" / "report.json").read_text())
    assert stored["effect"]["verdict"] == result.effect.verdict
    assert stored["fidelity"]["rows"]["holdout"] == 20


def test_fidelity_is_that_of_rows_drawn_as_the_plan_says(frame, policy_chooses, verdict_is, tmp_path):
    verdict_is("no evidence")
    near = {}
    for name, way in {"drawn": Candidate(ratio=1), "moved": Candidate(times=2, jitter=3, swap=1)}.items():
        policy_chooses(1, way)
        augment(frame, sampling_strategy="policy", check=True, out=tmp_path / name)
        stored = json.loads((tmp_path / name / "report.json").read_text())
        near[name] = stored["fidelity"]["near_copies"]["synthetic"]
    assert near["moved"] < near["drawn"] / 2


@pytest.mark.parametrize(("trained", "steps"), [(True, 12), (False, 0)])
def test_rows_come_from_the_generator_that_the_policy_asks_for(frame, policy_chooses, tmp_path, trained, steps):
    policy_chooses(1, Candidate(times=0.2, trained=trained))
    result = augment(frame, sampling_strategy="policy", out=tmp_path / "run")
    assert len(result.synthetic) == 20
    assert read_manifest(tmp_path / "run" / "synthetic").provenance["config"]["steps"] == steps
    assert result.synthesizer.config.steps == 12, "the caller's generator is trained in any case"


def test_a_variant_without_a_start_is_trained_once(frame, policy_chooses, monkeypatch):
    policy_chooses(1, Candidate(times=0.2, trained=False))
    trained = []
    monkeypatch.setattr(
        steps, "fit_rows", lambda *args, **given: trained.append(given) or plans.fit_rows(*args, **given)
    )
    result = augment(frame, sampling_strategy="policy", variant=wgan_gp.Config(steps=3))
    assert len(result.synthetic) == 20 and len(trained) == 1


def test_groups_by_column_are_not_learnt(frame):
    grouped = frame.assign(clinic=np.arange(100) // 10)
    result = augment(grouped, sampling_strategy=COUNTS, groups="clinic")
    assert result.summary["id_columns"] == ["clinic"]
    with pytest.raises(DataError, match="no column 'clinc' to take groups from; did you mean 'clinic'"):
        augment(grouped, groups="clinc")
    with pytest.raises(DataError, match=r"one group a row, however: \(3,\) for 100 rows"):
        augment(frame, groups=[1, 2, 3])
    with pytest.raises(DataError, match="groups must not be missing, however: 1 rows"):
        augment(frame, groups=[None, *range(99)])


def test_groups_and_identifiers_reach_policy_and_check(frame, monkeypatch):
    none = Choice(index=0, candidate=Candidate(), expected=0.0, standard_error=0.0, margin=0.0, reason="")
    asked = {}
    monkeypatch.setattr(plans, "select", lambda *_, **options: asked.update(select=options) or none)
    checked = lambda rows, **options: asked.update(check=options | {"rows": rows}) or effect("helps")  # noqa: E731
    monkeypatch.setattr(steps, "measure_effect", checked)
    augment(frame.assign(number=range(100)), groups=np.arange(100) // 2, id_columns=["number"], check=True)
    for options in asked.values():
        np.testing.assert_array_equal(options["groups"], np.arange(100) // 2)
    assert asked["check"]["rows"].schema.id_columns == ["number"]


# ------------------------------------------------------------------------------------------------------ the run folder


def test_a_run_folder_holds_everything(frame, tmp_path):
    result = augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")
    names = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"run.json", "synthesizer", "synthetic", "report.html", "report.json", "report.md"} <= names
    assert not any(name.startswith(".") or "checkpoint" in name for name in names)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["state"] == "finished" and record["seed"] == 0
    assert record["request"]["sampling_strategy"] == {"ill": 20}
    written = pq.read_table(tmp_path / "run" / "synthetic" / "data")
    assert written.num_rows == 20
    noted = json.loads(written.schema.metadata[b"ganaug"])
    assert noted["synthetic"] is True and noted["variant"] == "anchored"
    loaded = ganaug.Synthesizer.load(tmp_path / "run" / "synthesizer")
    pd.testing.assert_frame_equal(loaded.sample(5, random_state=1), result.synthesizer.sample(5, random_state=1))


def steps_of(folder):
    """Steps at which the training of the run in ``folder`` was observed, by its history."""
    return [json.loads(line)["step"] for line in (folder / "training" / "history.jsonl").read_text().splitlines()]


def test_a_run_is_watched_at_the_interval_asked_for_and_its_bits_are_the_same(frame, tmp_path, monkeypatch):
    monkeypatch.setattr("ganaug.recovery.recognise", lambda *_, **__: [])  # a training that goes wrong is another thing
    plain = augment(frame, sampling_strategy=COUNTS, variant=WATCHED, out=tmp_path / "plain")
    close = augment(frame, sampling_strategy=COUNTS, variant=WATCHED, out=tmp_path / "close", watch_every=7)
    assert steps_of(tmp_path / "plain") == [*range(0, 100, 8), 100]
    assert steps_of(tmp_path / "close") == [*range(0, 100, 7), 100]
    pd.testing.assert_frame_equal(close.data, plain.data, check_exact=True)
    found, expected = digests(tmp_path / "close"), digests(tmp_path / "plain")
    told = {"training/history.jsonl", "synthesizer/synthesizer.json", "report.html", "report.json", "report.md"}
    assert {name for name in expected if found[name] != expected[name]} <= told, "what tells how it was watched"
    assert found["synthesizer/weights.safetensors"] == expected["synthesizer/weights.safetensors"]
    assert found["run.json"] == expected["run.json"], "it is the same run"
    again = augment(frame, sampling_strategy=COUNTS, variant=WATCHED, out=tmp_path / "plain", watch_every=7)
    pd.testing.assert_frame_equal(again.data, plain.data)
    assert digests(tmp_path / "plain") == expected, "a finished run is returned as it is"
    kept = augment(frame, sampling_strategy=COUNTS, variant=WATCHED, watch_every=7).save(tmp_path / "saved")
    assert digests(kept) == found


def test_a_training_goes_on_with_another_interval(frame, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("ganaug.recovery.recognise", lambda *_, **__: [])
    monkeypatch.setitem(trainer.train.__kwdefaults__, "checkpoint_seconds", 0)
    options = {"sampling_strategy": COUNTS, "variant": WATCHED}
    whole = augment(frame, **options, out=tmp_path / "whole")
    take, taken = trainer._take, []

    def dying(*arguments):
        taken.append(arguments)
        if len(taken) == 100:
            raise KeyboardInterrupt
        return take(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trainer, "_take", dying)
        augment(frame, **options, out=tmp_path / "run")
    taken.clear()
    monkeypatch.setattr(trainer, "_take", lambda *arguments: (taken.append(arguments), take(*arguments))[1])
    resumed = augment(frame, **options, out=tmp_path / "run", watch_every=7)
    assert 0 < len(taken) < 150 and "starts over" not in caplog.text, "it did not begin at the beginning"
    pd.testing.assert_frame_equal(resumed.data, whole.data, check_exact=True)
    weights = ["synthesizer/weights.safetensors", "synthetic/data/part-00000.parquet"]
    assert [digests(tmp_path / "run")[name] for name in weights] == [
        digests(tmp_path / "whole")[name] for name in weights
    ]
    since = next(step for step in range(0, 101, 7) if step >= taken[0][5])
    assert {*range(0, 100, 8), *range(since, 100, 7), 100} == set(steps_of(tmp_path / "run")), "nothing seen is lost"


@pytest.mark.parametrize("every", [0, -3, 2.5, "7", True])
def test_an_interval_is_a_number_of_steps(frame, tmp_path, every):
    with pytest.raises(ConfigError, match=f"watch_every must be a whole number of at least 1 step, however: {every!r}"):
        augment(frame.head(0), out=tmp_path / "run", watch_every=every)
    with pytest.raises(ConfigError, match="watch_every must be"):
        ganaug.fit(frame, target="state", variant=FEW, progress=False, watch_every=every)
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_returned_and_nothing_is_computed(frame, tmp_path, monkeypatch):
    first = augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")}

    def fail(*_, **__):
        raise AssertionError("computed again")

    monkeypatch.setattr(fitting, "fit", fail)
    monkeypatch.setattr(plans, "draw_candidate", fail)
    again = augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")
    pd.testing.assert_frame_equal(again.data, first.data)
    assert again.data["ward"].cat.categories.tolist() == ["c", "b", "a", "never"]
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "run").rglob("*")} == before


def test_without_a_seed_a_run_goes_on_with_the_one_that_it_drew(frame, tmp_path):
    first = augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run", random_state=None)
    again = augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run", random_state=None)
    pd.testing.assert_frame_equal(first.data, again.data)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"random_state": 1}, "random_state"),
        ({"sampling_strategy": {"ill": 41}}, "sampling_strategy"),
        ({"variant": replace(FEW, steps=13)}, "variant"),
        ({"check": True}, "check"),
        ({"id_columns": ["age"]}, "id_columns"),
        ({"scoring": "roc_auc"}, "scoring"),
        ({"estimator": LogisticRegression(C=2.0)}, "estimator"),
        ({"groups": np.arange(100) // 2}, "groups"),
    ],
)
def test_a_folder_of_another_run_is_refused(frame, finished, change, named):
    with pytest.raises(OutputError, match=f"holds another run, which differs in {named}"):
        augment(frame, **{"sampling_strategy": COUNTS, "out": finished, **change})


def test_a_folder_of_other_data_is_refused(frame, finished):
    changed = frame.copy()
    changed.loc[3, "age"] += 1
    with pytest.raises(OutputError, match="which differs in data"):
        augment(changed, sampling_strategy=COUNTS, out=finished)


def test_a_folder_with_something_else_and_a_place_that_cannot_be_written_to_are_refused(frame, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for call in (augment, ganaug.fit):
        with pytest.raises(OutputError, match=r"is not empty \(it holds mine\.txt\)"):
            call(frame, target="state", out=tmp_path)
        with pytest.raises(OutputError, match="cannot write to"):
            call(frame, target="state", out=tmp_path / "mine.txt" / "below")


@pytest.mark.parametrize("at", ["train", "draw", "report"])
def test_an_interrupted_run_goes_on_and_ends_with_the_same_bits(frame, tmp_path, monkeypatch, at):
    undisturbed = augment(frame, sampling_strategy=COUNTS, out=tmp_path / "undisturbed")
    place = {
        "train": (plans.fitting, "fit"),
        "draw": (plans, "draw_candidate"),
        "report": (augmentation, "write_report"),
    }

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(*place[at], interrupted)
        augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "unfinished"
    resumed = augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")
    pd.testing.assert_frame_equal(resumed.data, undisturbed.data)
    assert digests(tmp_path / "run") == digests(tmp_path / "undisturbed") != {}


def test_a_training_that_was_interrupted_goes_on_from_its_checkpoint(frame, tmp_path, monkeypatch):
    long = anchored.Config(steps=40)
    take, taken = trainer._take, []

    def watched(*arguments):
        taken.append(arguments)
        if len(taken) == stop_at:
            raise KeyboardInterrupt
        return take(*arguments)

    monkeypatch.setattr(trainer, "_take", watched)
    monkeypatch.setitem(trainer.train.__kwdefaults__, "checkpoint_seconds", 0)
    stop_at = None
    augment(frame, sampling_strategy=COUNTS, variant=long, out=tmp_path / "undisturbed")
    whole, stop_at = len(taken), 60
    taken.clear()
    with pytest.raises(KeyboardInterrupt):
        augment(frame, sampling_strategy=COUNTS, variant=long, out=tmp_path / "run")
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()
    stop_at = None
    taken.clear()
    augment(frame, sampling_strategy=COUNTS, variant=long, out=tmp_path / "run")
    assert 0 < len(taken) < whole, "it did not begin at the beginning"
    assert digests(tmp_path / "run") == digests(tmp_path / "undisturbed")
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()


def test_a_full_disk_leaves_nothing_visible_and_the_run_can_go_on(frame, tmp_path, monkeypatch):
    undisturbed = augment(frame, sampling_strategy=COUNTS, out=tmp_path / "undisturbed")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OutputError, match=r"[Nn]o space"):
        patch.setattr(pq.ParquetWriter, "write_table", full)
        augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")
    left = {p.name for p in (tmp_path / "run").iterdir()}
    assert "synthetic" not in left and not any(name.startswith(".") for name in left)
    with monkeypatch.context() as patch, pytest.raises(OutputError, match=r"[Nn]o space"):
        patch.setattr(pq.ParquetWriter, "write_table", full)
        undisturbed.save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists() and {p.name for p in tmp_path.iterdir()} == {"run", "undisturbed"}
    augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")
    assert digests(tmp_path / "run") == digests(tmp_path / "undisturbed")


def test_save_writes_a_run_that_augment_returns(frame, tmp_path, monkeypatch):
    result = augment(frame, sampling_strategy=COUNTS)
    assert result.save(tmp_path / "saved") == tmp_path / "saved"
    with pytest.raises(OutputError, match="is not empty"):
        result.save(tmp_path / "saved")
    monkeypatch.setattr(fitting, "fit", lambda *_, **__: pytest.fail("computed again"))
    stored = augment(frame, sampling_strategy=COUNTS, out=tmp_path / "saved")
    pd.testing.assert_frame_equal(stored.data, result.data)


def test_save_keeps_what_was_measured(frame, tmp_path, verdict_is):
    verdict_is("no evidence")
    result = augment(frame, sampling_strategy=COUNTS, check=True)
    result.save(tmp_path / "saved")
    assert augment(frame, sampling_strategy=COUNTS, check=True, out=tmp_path / "saved").effect == result.effect


# ------------------------------------------------------------------------------------------------------------ bad input


def test_an_unknown_variant_is_refused_and_the_known_ones_are_listed(frame):
    for call in (augment, ganaug.fit):
        known = ", ".join(ganaug.variants.names())
        with pytest.raises(ConfigError, match=f"unknown variant 'gan2'; known are: auto, {known}"):
            call(frame, target="state", variant="gan2")


def test_cuda_is_refused_where_there_is_none(frame, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    for call in (augment, ganaug.fit):
        with pytest.raises(ConfigError, match=r"device 'cuda' was asked for.*use device='auto' or 'cpu'"):
            call(frame, target="state", device="cuda")


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ({"ill": -1}, "wants -1 rows of class 'ill'; a count of 0 or more is needed"),
        ({"ill": 10}, "wants 10 rows of class 'ill', which has 20"),
        ({"sick": 50}, r"'sick' is not a class of 'state'; the classes are \['ill', 'well'\]"),
        ("majority", "unknown sampling_strategy 'majority'; use 'policy', one of"),
        (0.1, "sampling_strategy=0.1 is impossible here"),
        (2.0, "sampling_strategy=2.0 is impossible here"),
        (None, "must be a string, a ratio, a dict or a callable, however: None"),
    ],
)
def test_impossible_targets_are_refused_before_anything_is_trained(frame, tmp_path, monkeypatch, strategy, message):
    monkeypatch.setattr(fitting, "fit", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(ValueError, match=message):
        augment(frame, sampling_strategy=strategy, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_depth_is_refused(frame):
    with pytest.raises(ConfigError, match="check must be True, False, 'quick' or 'thorough', however: 'deep'"):
        augment(frame, check="deep")


def test_identifiers_warn_once_and_id_columns_settles_it(frame, recwarn):
    named = frame.assign(patient=[f"p{i}" for i in range(100)])
    with pytest.warns(DataWarning, match=r"'patient'.*nearly every value once") as told:
        result = augment(named, sampling_strategy=COUNTS)
    assert len(told) == 1 and "patient" in result.summary["warnings"][0]
    assert result.data["patient"].is_unique
    recwarn.clear()
    augment(named, sampling_strategy=COUNTS, id_columns=["patient"])
    assert not [w for w in recwarn if issubclass(w.category, DataWarning)]


def test_classes_of_hardly_any_rows_are_told_where_they_are_filled_up(frame, tmp_path, recwarn):
    well, ill = frame[frame["state"] == "well"], frame[frame["state"] == "ill"]
    single = pd.concat([well, ill[:1]], ignore_index=True)
    with pytest.warns(DataWarning) as told:
        result = augment(single, sampling_strategy="auto", out=tmp_path / "run")
    message = "class 'ill' has 1 row: all 79 rows made for it are variations of it"
    assert [str(w.message) for w in told if w.category is DataWarning] == result.summary["warnings"] == [message]
    assert told[0].filename == __file__, "it points at the call"
    with pytest.warns(DataWarning, match=message):
        again = augment(single, sampling_strategy="auto", out=tmp_path / "run")
    assert again.summary["warnings"] == [message], "a run that is finished tells it, too"
    several = pd.concat([well[:9], ill[:4], ill[4:7].assign(state="dead")], ignore_index=True)
    with pytest.warns(DataWarning) as told:
        augment(several, sampling_strategy="auto")
    message = "2 classes have fewer than 5 rows, and all made for them are variations of these: "
    assert str(told[0].message) == message + "'dead' (3 rows, 6 made), 'ill' (4 rows, 5 made)"
    recwarn.clear()
    augment(several, sampling_strategy={"well": 20})  # gets rows, and has enough
    augment(pd.concat([well, ill[:5]], ignore_index=True), sampling_strategy="auto")
    augment(well[:3].drop(columns="state"), target=None, sampling_strategy=7)
    assert not [w for w in recwarn if issubclass(w.category, DataWarning)]


def test_a_damaged_result_in_a_run_folder_is_told(frame, tmp_path):
    augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")
    part = next((tmp_path / "run" / "synthetic").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(ArtefactError, match="is not the file that its manifest tells of"):
        augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")
    (tmp_path / "run" / "synthesizer" / "weights.safetensors").write_bytes(b"?")
    with pytest.raises(ArtefactError, match=r"weights\.safetensors"):
        augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")


def test_a_generator_of_a_newer_format_is_refused(frame, tmp_path):
    ganaug.fit(frame, target="state", variant=FEW, random_state=0, progress=False, out=tmp_path / "generator")
    path = tmp_path / "generator" / "synthesizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(ArtefactError, match=r"99.*upgrade"):
        ganaug.Synthesizer.load(tmp_path / "generator")


def test_rows_of_another_schema_are_refused(frame):
    synthesizer = ganaug.fit(frame, target="state", variant=FEW, random_state=0, progress=False)
    other = pa.Table.from_pandas(frame.rename(columns={"age": "years"}))
    with pytest.raises(SchemaError, match=r"missing: \['age'\]; unexpected: \['years'\]"):
        synthesizer.schema.restore(other)


def test_a_run_of_another_version_is_refused_while_unfinished(frame, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(plans.fitting, "fit", interrupted)
        augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    folder = RunFolder(tmp_path / "run", record)
    folder.write_json("run.json", {**record, "versions": {**record["versions"], "ganaug": "0.0.1"}})
    with pytest.raises(OutputError, match=r"unfinished, but of ganaug 0\.0\.1"):
        augment(frame, sampling_strategy=COUNTS, out=tmp_path / "run")


# ----------------------------------------------------------------------------------------------------- the package


def test_importing_the_package_is_quick():
    code = "import sys, ganaug, ganaug.cli; assert not {'torch', 'pandas', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_are_there_and_unknown_ones_are_not():
    for name in ganaug.__all__:
        assert getattr(ganaug, name) is not None
    assert set(ganaug.__all__) <= set(dir(ganaug))
    code = "import ganaug; ganaug.variants.get('inpaint').Config(); ganaug.watching, ganaug.latent, ganaug.styles"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="has no attribute 'agument'"):
        ganaug.agument  # noqa: B018


def test_the_version_is_the_one_of_the_package():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project.get("version", ganaug.__version__) == ganaug.__version__
