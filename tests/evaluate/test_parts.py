"""Parts of a check: put together they are the check, whatever the order; a check that is killed goes on after them."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from ganaug import augment
from ganaug.errors import ArtefactError, ConfigError
from ganaug.evaluate import combine_parts, measure_effect, measure_part, plan, plan_parts
from ganaug.evaluate.measured import Measured
from ganaug.evaluate.protocol import Protocol
from ganaug.policy import Candidate, GanAugmenter, Policy
from ganaug.runs import RunFolder
from ganaug.threads import one_thread
from ganaug.variants import anchored
from tests.evaluate.augmenters import noise
from tests.evaluate.test_effect import table

POLICY = Policy(variant=anchored.Config(steps=5), candidates=(Candidate(ratio=0), Candidate(ratio=1)))
OPTIONS = {
    "target": "y",
    "id_columns": [],
    "estimator": LogisticRegression(),
    "arms": ["smote"],
    "augmenter": POLICY,
    "random_state": 0,
}


def plain(effect):
    """Everything that was found, less what the clock says."""
    found = effect.to_json()
    return {**found, "seconds": None, "arms": [{**arm, "seconds": None} for arm in found["arms"]]}


def sent(value):
    """What arrives on another machine."""
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.fixture(autouse=True)
def few_repeats(monkeypatch):
    small = {"folds": 2, "scarce_repeats": 4, "inner_folds": 2, "generator_seeds": 2}
    monkeypatch.setitem(plan.DEPTHS, "thorough", replace(plan.DEPTHS["thorough"], **small))


class Shelf:
    """Keeps parts in memory, and dies while it is asked to keep the one called ``fatal``."""

    def __init__(self, fatal=None):
        self.kept, self.fatal, self.discarded = {}, fatal, []

    def read(self, number):
        return self.kept.get(number)

    def write(self, number, part):
        if number == self.fatal:
            raise KeyboardInterrupt
        self.kept[number] = sent(part)

    def checkpoint(self, number):
        return f"memory://{number}"

    def discard(self, number):
        self.discarded.append(number)


@pytest.mark.parametrize("augmenter", [POLICY, GanAugmenter(variant=anchored.Config(steps=5)), noise, "smote"])
def test_parts_by_repeat_are_the_check_to_the_last_bit(augmenter):
    frame, options = table(80), OPTIONS | {"augmenter": augmenter, "depth": "thorough", "cv": 2}
    whole = measure_effect(frame, progress=False, n_jobs=1, **options)
    parts = sent(plan_parts(frame, by="repeat", **options))
    assert [part["part"] for part in parts] == list(range(whole.n_repeats)) and whole.n_repeats > 1
    measured = [sent(measure_part(frame, part, **options)) for part in reversed(parts)]
    assert plain(combine_parts(frame, measured, **options)) == plain(whole)


def test_parts_by_fold_do_not_depend_on_order_or_repetition():
    frame = table(90)
    parts = plan_parts(frame, cv=3, **OPTIONS)
    assert [part["folds"] for part in parts] == [[0], [1], [2]]
    first = [measure_part(frame, part, cv=3, **OPTIONS) for part in parts]
    again = [measure_part(frame, part, cv=3, **OPTIONS) for part in reversed(parts)]
    effect = combine_parts(frame, first, cv=3, **OPTIONS)
    assert plain(effect) == plain(combine_parts(frame, sent(again), cv=3, **OPTIONS))
    assert effect.seconds == pytest.approx(sum(part["seconds"] for part in first))
    assert [choice["fold"] for choice in effect.choices] == [0, 1, 2]


def test_parts_that_do_not_belong_together_are_refused():
    frame = table(90)
    options = OPTIONS | {"augmenter": "smote", "arms": [], "cv": 3}
    parts = plan_parts(frame, **options)
    measured = [measure_part(frame, part, **options) for part in parts]
    with pytest.raises(ArtefactError, match=r"missing are \[1\], there twice \[0\]"):
        combine_parts(frame, [measured[0], measured[0], measured[2]], **options)
    changed = frame.assign(x0=frame["x0"] + (np.arange(len(frame)) == 3))
    for other in ({"random_state": 1}, {"depth": "thorough"}, {"arms": ["smote"]}, {"augmenter": POLICY}):
        with pytest.raises(ArtefactError, match="belongs to another check"):
            measure_part(frame, parts[0], **options | other)
    with pytest.raises(ArtefactError, match="belongs to another check"):
        combine_parts(changed, measured, **options)
    with pytest.raises(ConfigError, match="random_state"):
        plan_parts(frame, **options | {"random_state": None})


def test_what_cannot_be_measured_says_so_in_parts_too():
    frame = table(60)
    options = OPTIONS | {"augmenter": "wgan_gp", "arms": [], "cv": 2}
    parts = [measure_part(frame, part, **options) for part in plan_parts(frame, **options)]
    effect = combine_parts(frame, parts, **options)
    assert plain(effect) == plain(measure_effect(frame, progress=False, n_jobs=1, **options))
    assert effect.verdict == "not measurable" and "needs at least 30 rows" in effect.sentence
    alone = frame[(frame["y"] == "no") | (frame.index == frame.index[frame["y"] == "yes"][0])]
    assert plan_parts(alone, **options) == []
    assert combine_parts(alone, [], **options).verdict == "not measurable"


def test_an_arm_that_cannot_run_on_some_fold_is_left_out_of_all():
    def moody(x, y, random_state):
        from ganaug.evaluate.arms import CannotRunError

        if random_state % 5 == 0:
            raise CannotRunError("not on this fold")
        return x, y

    frame, options = table(90), OPTIONS | {"arms": {"moody": moody}, "augmenter": "smote", "cv": 4}
    whole = measure_effect(frame, progress=False, n_jobs=1, **options)
    parts = [measure_part(frame, part, **options) for part in plan_parts(frame, **options)]
    assert len({bool(part["measured"]["left_out"]) for part in parts}) == 2, "it must run on some and fail on others"
    assert plain(combine_parts(frame, parts[::-1], **options)) == plain(whole)


def test_a_killed_check_goes_on_after_the_last_finished_repeat():
    frame, options = table(80), OPTIONS | {"depth": "thorough", "cv": 2, "progress": False, "n_jobs": 1}
    augmenter = GanAugmenter(variant=anchored.Config(steps=2), candidates=(Candidate(ratio=1),))
    undisturbed = measure_effect(frame, **options | {"augmenter": augmenter})
    shelf, trained = Shelf(fatal=2), []

    class Telling(GanAugmenter):
        def fit_many(self, tables, schema, seeds, *, checkpoint=None, **told):
            trained.append(checkpoint)
            return super().fit_many(tables, schema, seeds, **told)

    told = Telling(variant=augmenter.variant, candidates=augmenter.candidates)
    with pytest.raises(KeyboardInterrupt):
        measure_effect(frame, keeping=shelf, **options | {"augmenter": told})
    assert sorted(shelf.kept) == [0, 1]
    shelf.fatal = None
    trained.clear()
    assert plain(measure_effect(frame, keeping=shelf, **options | {"augmenter": told})) == plain(undisturbed)
    assert trained == ["memory://2", "memory://3"]


def test_a_checkpoint_of_another_training_goes():
    class Strict(GanAugmenter):
        def fit_many(self, tables, schema, seeds, *, checkpoint=None, **told):
            if not shelf.discarded:
                raise ArtefactError("it belongs to another training; delete it")
            return super().fit_many(tables, schema, seeds, **told)

    shelf = Shelf()
    strict = Strict(variant=anchored.Config(steps=2))
    options = OPTIONS | {"augmenter": strict, "arms": [], "cv": 2, "progress": False, "n_jobs": 1}
    assert measure_effect(table(80), keeping=shelf, **options).n_splits == 2
    assert shelf.discarded == [0]


@pytest.mark.slow
def test_a_killed_run_goes_on_within_its_check(tmp_path, monkeypatch):
    asked = {"target": "y", "id_columns": [], "estimator": LogisticRegression(), "random_state": 0, "progress": False}
    asked |= {"sampling_strategy": "auto", "variant": anchored.Config(steps=2), "check": "thorough"}
    whole = augment(table(60), out=tmp_path / "whole", **asked)
    write, checked = RunFolder.write_json, []

    def dies(self, name, value):
        if name == "check-02.json":
            raise KeyboardInterrupt
        write(self, name, value)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(RunFolder, "write_json", dies)
        augment(table(60), out=tmp_path / "out", **asked)
    assert sorted(path.name for path in (tmp_path / "out").glob("check-*.json")) == ["check-00.json", "check-01.json"]
    fold = Protocol.run_fold
    monkeypatch.setattr(Protocol, "run_fold", lambda self, f, *a: checked.append(f.repeat) or fold(self, f, *a))
    again = augment(table(60), out=tmp_path / "out", **asked)
    assert set(checked) == {2, 3}
    assert plain(again.effect) == plain(whole.effect)
    assert list((tmp_path / "out").glob("check-*")) == []


def test_repeats_of_another_check_are_measured_again():
    options = OPTIONS | {"augmenter": "smote", "arms": [], "cv": 2, "progress": False, "n_jobs": 1}
    shelf = Shelf()
    measure_effect(table(80), keeping=shelf, **options)
    kept = shelf.kept[0]
    changed = table(80, seed=1)
    assert plain(measure_effect(changed, keeping=shelf, **options)) == plain(measure_effect(changed, **options))
    assert shelf.kept[0]["check"] != kept["check"]


def test_a_budget_keeps_nothing():
    shelf = Shelf()
    measure_effect(
        table(60), keeping=shelf, time_budget=60, progress=False, n_jobs=1, **OPTIONS | {"augmenter": "smote"}
    )
    assert shelf.kept == {}


def test_numbers_that_json_does_not_know_come_back():
    measured = Measured(records=[{"fold": 0, "value": value} for value in (0.1 + 0.2, float("nan"), float("-inf"))])
    back = Measured.from_json(sent(measured.to_json()))
    values = [record["value"] for record in back.records]
    assert values[0] == 0.1 + 0.2 and np.isnan(values[1]) and values[2] == -np.inf
    with pytest.raises(ArtefactError, match="delete it"):
        Measured.from_json({"records": [{"value": "much"}], "choices": [], "seconds": {}, "left_out": {}})


def test_blocks_of_one_thread_may_overlap():
    before, inside, free = torch.get_num_threads(), threading.Barrier(2), []
    torch.set_num_threads(3)

    def work(longer):
        with one_thread():
            inside.wait()
            free.append(torch.get_num_threads())
            if longer:
                other.join()
                free.append(torch.get_num_threads())

    other = threading.Thread(target=work, args=(False,))
    other.start()
    try:
        work(True)
        assert free == [1, 1, 1] and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
