from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ganaug import __version__, options, steps, variants
from ganaug.cli import main
from ganaug.errors import TrainingError
from ganaug.evaluate.effect import Effect

COMMANDS = ("augment", "train", "sample", "check", "inspect", "demo", "variants")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Let ``auto`` train for a moment only."""
    resolve = variants.resolve
    few = {kind: variants.get(name).Config(steps=12) for kind, name in variants.DEFAULTS.items()}

    def quickly(variant, modality=None):
        return resolve(few[modality or "tables"] if variant == "auto" else variant, modality)

    monkeypatch.setattr(variants, "resolve", quickly)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def csv(tmp_path):
    rng = np.random.default_rng(0)
    ill = np.arange(60) % 5 == 0
    frame = pd.DataFrame({"age": rng.integers(20, 80, 60), "dose": np.round(rng.gamma(2, 2, 60) + 3 * ill, 2)})
    frame.assign(ward=np.where(ill, "a", rng.choice(["b", "c"], 60)), ill=ill.astype(int)).to_csv(
        path := tmp_path / "patients.csv", index=False
    )
    return path


def run(*arguments):
    """Return the exit status of the command line."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code or 0
    return 0


def quick(*arguments):
    return run(*arguments, "--quiet")


# ------------------------------------------------------------------------------------------------------------- help


def test_help_names_every_command_and_where_to_begin(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert all(f" {command} " in text for command in COMMANDS)
    assert "ganaug demo" in text and "says whether it helped" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_an_example(capsys, command):
    assert run(command, "-h") == 0
    text = capsys.readouterr().out
    assert f"ganaug {command} " in text.split("Example")[1]


def test_fit_is_another_name_of_train(csv, tmp_path, capsys):
    assert quick("fit", csv, "-t", "ill", "-o", tmp_path / "generator") == 0
    assert run("sample", tmp_path / "generator", "-n", 3, "-o", tmp_path / "rows") == 0
    told = []
    for name in ("fit", "train"):
        capsys.readouterr()
        assert run(name, "-h") == 0
        told.append(capsys.readouterr().out.replace(f"ganaug {name} [", "ganaug [").split())
    assert told[0] == told[1] and "--checkpoint" in told[0]
    assert run("-h") == 0 and " fit " not in capsys.readouterr().out


def test_the_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


def test_help_does_not_wait_for_torch():
    code = "import sys, ganaug.cli\ntry: ganaug.cli.main(['augment', '-h'])\nfinally: assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "AssertionError" not in done.stderr and "Usage" in done.stdout


# --------------------------------------------------------------------------------------------------- what it does


def test_augment_writes_a_run_and_the_longer_table_and_says_so(csv, tmp_path, capsys):
    out, result = tmp_path / "out", tmp_path / "longer.csv"
    words = ("augment", csv, "-t", "ill", "-o", out, "--rows", "1=20", "--check", "none", "--result", result)
    assert quick(*words) == 0
    text = capsys.readouterr().out
    assert "8 synthetic rows were added (8 of 1), as asked." in text and "report.html" in text
    longer = pd.read_csv(result)
    assert longer["ill"].value_counts().to_dict() == {0: 48, 1: 20}
    pd.testing.assert_frame_equal(longer.head(60), pd.read_csv(csv))
    assert pq.read_table(out / "synthetic" / "data").num_rows == 8
    assert quick(*words, "--json") == 0, "the same words return the same run"
    told = json.loads(capsys.readouterr().out)
    assert told["synthetic_rows"] == 8 and told["effect"] is None and told["result"] == str(result)


def test_the_place_of_the_result_is_tried_before_anything_is_trained(csv, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ganaug.api.augment", lambda *_, **__: pytest.fail("trained"))
    assert quick("augment", csv, "-t", "ill", "-o", tmp_path / "out", "--result", csv / "below" / "x.csv") == 2
    assert "Not a directory" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [csv.name]


def test_a_result_may_lie_in_the_run_s_folder(csv, tmp_path):
    words = ("augment", csv, "-t", "ill", "-o", tmp_path / "out", "--rows", "1=20", "--check", "none")
    assert quick(*words, "--result", tmp_path / "out" / "x.csv") == 0
    assert len(pd.read_csv(tmp_path / "out" / "x.csv")) == 68


def test_a_run_that_goes_on_and_one_that_was_finished_say_so_on_standard_error(csv, tmp_path, capsys, monkeypatch):
    words = ("augment", csv, "-t", "ill", "-o", tmp_path / "out", "--rows", "1=20", "--check", "none", "--json")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ganaug.augmentation.write_report", killed)
        assert run(*words) not in (0, 2)
    assert capsys.readouterr().err.count("holds this run") == 0, "it was a new one"
    place = repr(str(tmp_path / "out"))
    for line in ("unfinished: it goes on where it stopped", "finished before: its results are given back, nothing is"):
        assert run(*words) == 0
        said = capsys.readouterr()
        assert said.err.startswith(f"info: {place} holds this run, {line}") and said.err.count("\n") == 1
        assert json.loads(said.out)["synthetic_rows"] == 8
    assert run(*words, "--quiet") == 0 and capsys.readouterr().err == ""


def test_augment_watches_the_training_at_the_interval_asked_for(csv, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ganaug.recovery.recognise", lambda *_, **__: [])
    words = ("augment", csv, "-t", "ill", "--rows", "1=20", "--check", "none")
    assert quick(*words, "-o", tmp_path / "plain") == 0
    assert quick(*words, "-o", tmp_path / "close", "--watch-every", "5") == 0
    plain, close = (
        [json.loads(line)["step"] for line in (tmp_path / name / "training" / "history.jsonl").read_text().splitlines()]
        for name in ("plain", "close")
    )
    assert plain == list(range(13)) and close == [0, 5, 10, 12]
    rows = [(tmp_path / name / "synthetic" / "data" / "part-00000.parquet").read_bytes() for name in ("plain", "close")]
    assert rows[0] == rows[1]
    assert quick(*words, "-o", tmp_path / "plain", "--watch-every", "5") == 0, "the same run"
    assert quick(*words, "-o", tmp_path / "other", "--watch-every", "0") == 2
    assert "--watch-every" in capsys.readouterr().err and not (tmp_path / "other").exists()


def test_train_then_sample_then_inspect(csv, tmp_path, capsys):
    generator, rows = tmp_path / "generator", tmp_path / "rows"
    assert quick("train", csv, "-t", "ill", "-o", generator, "--json") == 0
    assert json.loads(capsys.readouterr().out)["provenance"]["variant"] == "anchored"
    assert run("sample", generator, "--rows", "1=30", "--rows", "0=5", "-o", rows) == 0
    assert capsys.readouterr().out.strip() == f"35 synthetic rows in {rows}"
    assert pq.read_table(rows / "data")["ill"].to_pylist() == [1] * 30 + [0] * 5
    assert run("inspect", generator, "--json") == 0
    assert json.loads(capsys.readouterr().out)["classes"] == {"0": 48, "1": 12}
    assert run("inspect", rows, "--json") == 0
    written = json.loads(capsys.readouterr().out)
    assert written["rows"] == 35 and written["provenance"]["synthetic"] and written["provenance"]["sample_seed"] == 0
    assert run("inspect", rows / "data" / "part-00000.parquet", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 35


def test_train_goes_on_from_its_checkpoint(csv, tmp_path, capsys):
    words = ("train", csv, "-t", "ill", "--checkpoint", tmp_path / "kept.safetensors", "--quiet")
    assert quick(*words, "-o", tmp_path / "a") == 0
    assert not (tmp_path / "kept.safetensors").exists(), "the generator is written"
    (tmp_path / "kept.safetensors").write_bytes(b"half")
    assert quick(*words, "-o", tmp_path / "b") == 0
    assert "is not a readable checkpoint" in " ".join(capsys.readouterr().err.split())
    whole, again = ((tmp_path / name / "weights.safetensors").read_bytes() for name in "ab")
    assert whole == again


def test_sample_takes_a_run_s_generator(csv, tmp_path):
    assert quick("augment", csv, "-t", "ill", "-o", tmp_path / "run", "--strategy", "auto", "--check", "none") == 0
    assert run("sample", tmp_path / "run", "-n", 7, "-o", tmp_path / "rows") == 0
    assert pq.read_table(tmp_path / "rows" / "data").num_rows == 7


def test_inspect_describes_a_table(csv, capsys):
    assert run("inspect", csv, "-t", "ill", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == 60 and told["classes"] == {"0": 48, "1": 12} and told["provenance"] is None
    assert {c["name"]: c["kind"] for c in told["columns"]} == {
        "age": "integer",
        "dose": "number",
        "ward": "category",
        "ill": "target",
    }
    assert run("inspect", csv, "-t", "ill") == 0
    text = capsys.readouterr().out
    assert "ward" in text and "a, c, b" in text.replace("b, c", "c, b") and "60" in text


def test_check_judges_samplers_by_name_and_shows_every_arm(csv, capsys, monkeypatch):
    asked = {}
    effect = _effect("no evidence")
    monkeypatch.setattr("ganaug.api.measure_effect", lambda data, **options: asked.update(options) or effect)
    assert quick("check", csv, "-t", "ill", "--augmenter", "smote", "--depth", "thorough", "--time-budget", 9) == 0
    assert type(asked["augmenter"]).__name__ == "SMOTE"
    assert asked["depth"] == "thorough" and asked["time_budget"] == 9 and asked["random_state"] == 0
    text = capsys.readouterr().out
    assert "It no evidence." in text and "SMOTE (judged)" in text and "-0.020 to +0.060" in text
    assert "could have seen: 0.100" in text
    assert quick("check", csv, "-t", "ill", "--json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "no evidence"
    assert asked["augmenter"] == "policy"


@pytest.mark.slow
def test_check_for_real(csv, capsys):
    words = ("--augmenter", "RandomOverSampler", "--scoring", "roc_auc", "--time-budget", "3", "--json")
    assert quick("check", csv, "-t", "ill", *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["scoring"] == "roc_auc" and told["n_splits"] >= 2 and told["ours"] in {a["name"] for a in told["arms"]}


def test_demo_augments_a_real_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(steps, "measure_effect", lambda *_, **__: _effect("helps"))
    assert quick("demo", "-o", tmp_path / "demo") == 0
    text = capsys.readouterr().out
    assert text.startswith("200 rows, 30 features: 180 benign, 20 malignant")
    assert "70 synthetic rows were added (70 of malignant), as asked." in text
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000


def _effect(verdict):
    arms = [
        {"name": "nothing", "label": "Nothing", "score": 0.9, "difference": 0.0, "low": None, "high": None},
        {"name": "SMOTE*", "label": "SMOTE", "score": 0.92, "difference": 0.02, "low": -0.02, "high": 0.06},
    ]
    arms = [{**arm, "p": None, "seconds": 1.0, "note": ""} for arm in arms]
    numbers = {"n_rows": 60, "n_features": 3, "n_splits": 5, "n_repeats": 1, "smallest_detectable": 0.1}
    return Effect(
        verdict=verdict,
        sentence=f"It {verdict}.",
        scoring="average_precision",
        depth="quick",
        class_counts={"0": 48, "1": 12},
        ours="SMOTE*",
        arms=arms,
        **numbers,
    )


# ------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("augment {no} -t ill -o {out}", "'{no}' does not exist"),
        ("augment {csv} -t il -o {out}", "the target 'il' is not among the columns"),
        ("augment {csv} -t ill -o {csv}", "is a file"),
        ("augment {csv} -t ill -o {here}", "is not empty (it holds"),
        ("augment {csv} -t ill -o {csv}/below", "cannot write to"),
        (
            "augment {csv} -t ill -o {out} --variant gan2",
            "unknown variant 'gan2'; known are: auto, anchored",
        ),
        ("augment {csv} -t ill -o {out} --device tpu", "device must be 'auto', 'cpu' or 'cuda[:N]', however: 'tpu'"),
        ("augment {csv} -t ill -o {out} --check deep", "'quick' or 'thorough', however: 'deep'"),
        ("augment {csv} -t ill -o {out} --strategy most", "unknown sampling_strategy 'most'"),
        ("augment {csv} -t ill -o {out} --rows 1", "--rows wants CLASS=NUMBER, such as yes=500, however: '1'"),
        ("augment {csv} -t ill -o {out} --rows 1=-5", "--rows wants CLASS=NUMBER"),
        ("augment {csv} -t ill -o {out} --rows 1=3", "wants 3 rows of class '1', which has 12"),
        ("augment {csv} -t ill -o {out} --rows 1=20 --rows 1=30", "names class '1' twice"),
        ("augment {csv} -t ill -o {out} --rows 7=20", "'7' is not a class of 'ill'; the classes are ['0', '1']"),
        ("augment {csv} -t ill -o {out} --rows 1=20 --strategy auto", "give --strategy or --rows, not both"),
        ("augment {csv} -t ill -o {out} --result x.xls", "ends in .csv or .parquet, however: 'x.xls'"),
        (
            "augment {csv} -t ill -o {out} --result {csv}/x.csv",
            "cannot write to '{csv}/x.csv': Not a directory. Choose",
        ),
        ("augment {csv} -t ill -o {out} --result {folder}", "cannot write to '{folder}': Is a directory. Choose"),
        ("augment {csv} -t ill -o {out} --result s3://b/x.csv", "must be a local path, however: 's3://b/x.csv'"),
        ("augment {csv} -t ill -o {out} --groups clinic", "no column 'clinic' to take groups from"),
        ("augment {csv} -o {out} --strategy 0.5", "there is one class only; say how many rows to add"),
        ("train {empty} -o {out}", "empty"),
        ("train {csv} -t ill -o {here}", "is not empty"),
        ("sample {here} -o {out}", "synthesizer.json"),
        ("sample {here} -n 3 --rows 1=3 -o {out}", "give --number or --rows, not both"),
        ("check {csv} -t ill --augmenter smotenc", "SMOTENC wants arguments that the command line cannot give; use"),
        ("check {csv} -t ill --augmenter gan", "unknown augmenter 'gan'; known are: policy"),
        ("check {csv} -t ill --augmenter dcgan", "variant 'dcgan' makes images, and the data are tables"),
        ("check {csv} -t ill --depth deep", "depth must be one of quick, thorough"),
        ("inspect {no}", "does not exist"),
    ],
)
def test_bad_input_ends_with_status_2_and_one_clear_sentence(csv, tmp_path, capsys, words, message):
    (tmp_path / "empty.csv").write_text("")
    places = {"csv": csv, "no": tmp_path / "no.csv", "empty": tmp_path / "empty.csv", "here": tmp_path}
    places |= {"out": tmp_path / "out", "folder": tmp_path / "folder.csv"}
    places["folder"].mkdir()
    assert run(*(word.format(**places) for word in words.split())) == 2
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if not line.startswith(("warning:", "info:"))]
    assert len(lines) == 1 and lines[0].startswith("error: ") and "Traceback" not in said.err
    assert message.format(**places) in lines[0]
    assert said.out == "" and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words", ["augment", "augment x.csv", "nonsense", "augment x.csv -o y --seed -1", "sample a -n x"]
)
def test_wrong_words_end_with_status_2(capsys, words):
    assert run(*words.split()) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_warning_is_one_line(csv, tmp_path, capsys):
    frame = pd.read_csv(csv)
    frame.assign(patient=[f"p{i}" for i in range(60)]).to_csv(csv, index=False)
    assert quick("augment", csv, "-t", "ill", "-o", tmp_path / "out", "--strategy", "auto", "--check", "none") == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("warning: ") and "'patient'" in lines[0]
    assert run("inspect", csv) == 0
    assert "warning:" in capsys.readouterr().out


def test_a_bug_is_not_hidden_and_a_traceback_can_be_asked_for(csv, tmp_path, monkeypatch):
    def bug(*_, **__):
        raise KeyError("a bug")

    with monkeypatch.context() as patch, pytest.raises(KeyError):
        patch.setattr("ganaug.api.augment", bug)
        run("augment", csv, "-t", "ill", "-o", tmp_path / "out")
    monkeypatch.setenv("GANAUG_TRACEBACK", "1")
    with pytest.raises(ValueError, match="not among the columns"):
        run("augment", csv, "-t", "il", "-o", tmp_path / "out")


def test_rows_may_name_a_class_with_an_equals_sign():
    assert options.rows_of(["<=50K=3"]) == {"<=50K": 3}


def test_the_console_script_is_the_command_line(csv):
    code = "from ganaug.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "inspect", str(csv) + "x"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: '{csv}x' does not exist; check the path") and done.stderr.count("\n") == 1


def test_a_training_that_comes_to_nothing_ends_with_status_1_and_one_sentence(csv, tmp_path, capsys, monkeypatch):
    def collapse(*_, **__):
        raise TrainingError("the generator has collapsed; try another seed")

    monkeypatch.setattr("ganaug.api.fit", collapse)
    assert run("train", csv, "-t", "ill", "-o", tmp_path / "out") == 1
    assert capsys.readouterr().err.splitlines()[-1] == "error: the generator has collapsed; try another seed"
