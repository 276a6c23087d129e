"""The effect check where the target is a number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

import ganaug
from ganaug import steps
from ganaug.errors import ConfigError
from ganaug.evaluate import Effect
from ganaug.evaluate.value_arms import VALUE_ARMS, FoldRows
from ganaug.learners.regressors import PRIMARY, errors_of
from ganaug.strata import relevance
from ganaug.variants.anchored import Config

QUIET: dict[str, Any] = {"progress": False, "n_jobs": 1}


def table(seed: int = 0, n: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.exponential(size=n)
    kind = rng.choice(["u", "v"], n)
    y = np.square(x) + (kind == "u") + 0.3 * rng.normal(size=n)
    return pd.DataFrame({"x": x, "noise": rng.normal(size=n), "kind": kind, "y": y})


def fold_rows() -> FoldRows:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(40, 2)), rng.normal(size=(8, 2)) + 9, [[50.0, 50.0]]])
    hot = (np.arange(49) % 2)[:, None].astype(float)
    return FoldRows(
        x=np.concatenate([x, hot], axis=1),
        y=np.concatenate([np.linspace(0, 1, 40), np.linspace(5, 6, 8), [9.0]]),
        codes=np.repeat([0, 1, 2], [40, 8, 1]),
        numeric=np.array([True, True, False]),
        counts={0: 0, 1: 30, 2: 5},
    )


@pytest.mark.parametrize("name", ["random_oversampling", "gaussian_noise", "smoter"])
def test_arms_add_what_ours_adds_to_each_range(name: str) -> None:
    rows = fold_rows()
    made = VALUE_ARMS[name].make(rows, np.random.default_rng(1))
    x, y = made.x[49:], made.y[49:]
    assert (made.x[:49] == rows.x).all() and (made.y[:49] == rows.y).all() and len(x) == 35
    assert set(np.unique(x[:, 2])) <= {0.0, 1.0}  # categories come from a real row
    low, high = rows.x[40:48, :2].min(0), rows.x[40:48, :2].max(0)
    if name == "gaussian_noise":
        assert not np.isin(y, rows.y).any()
    else:
        assert ((x[:30, :2] >= low) & (x[:30, :2] <= high)).all() and (y[:30] >= 5).all() and (y[:30] <= 6).all()
        assert (x[30:, :2] == 50).all() and (y[30:] == 9).all()  # one row alone is copied


def test_weights_are_what_oversampling_shows_on_the_mean() -> None:
    made = VALUE_ARMS["range_weights"].make(fold_rows(), np.random.default_rng(0))
    assert made.weight is not None
    assert made.weight.tolist() == [1.0] * 40 + [1 + 30 / 8] * 8 + [6.0]


def test_errors_are_the_formulas() -> None:
    known = np.random.default_rng(0).exponential(size=200)
    truth, predicted = np.array([0.5, 1.0, 6.0]), np.array([0.4, 1.2, 4.0])
    found = errors_of(truth, predicted, known)
    phi = relevance(known, truth)
    centre = (phi * truth).sum() / phi.sum()
    # The area under the squared error of the rows with relevance at least t, over t, in small steps of t.
    steps = (np.arange(100_000) + 0.5) / 100_000
    area = np.mean([(np.square(truth - predicted)[phi >= t]).sum() for t in steps[::50]])
    assert found[PRIMARY] == pytest.approx(1 - area / (phi * np.square(truth - centre)).sum(), abs=1e-3)
    assert found["neg_root_mean_squared_error"] == pytest.approx(-math.sqrt((0.01 + 0.04 + 4) / 3))
    assert found["neg_mean_absolute_error"] == pytest.approx(-2.3 / 3)
    assert found["neg_rare_root_mean_squared_error"] == pytest.approx(-2.0)  # only the last is rare
    assert found["r2"] == pytest.approx(1 - 4.05 / np.square(truth - 2.5).sum())
    nothing_rare = errors_of(known[:1], known[:1], known)
    assert math.isnan(nothing_rare["r2"])


def test_ours_is_judged_beside_the_cheap_ways() -> None:
    effect = ganaug.measure_effect(
        table(),
        target="y",
        task="regression",
        augmenter=ganaug.policy.GanAugmenter(variant=Config(steps=5), sampling_strategy=1.0, name="anchored"),
        estimator=Ridge(),
        cv=3,
        random_state=0,
        **QUIET,
    )
    assert [arm["name"] for arm in effect.arms] == [*VALUE_ARMS, "anchored"]
    assert effect.scoring == PRIMARY and effect.lower_is_better == [] and effect.verdict != "not measurable"
    assert Effect.from_json(effect.to_json()).verdict == effect.verdict
    assert sum(effect.class_counts.values()) == 150


def test_rows_that_say_nothing_new_do_not_help_and_the_same_seed_gives_the_same() -> None:
    asked: dict[str, Any] = {"augmenter": "random_oversampling", "arms": ["smoter"], "cv": 3, "random_state": 0}
    forest = RandomForestRegressor(n_estimators=10)
    first, again = (
        ganaug.measure_effect(table(), target="y", task="regression", estimator=forest, **asked, **QUIET)
        for _ in range(2)
    )
    assert first.verdict in ("no evidence", "harms", "better than nothing") and first.folds == again.folds


def test_an_arm_that_cannot_run_is_left_out_with_the_reason() -> None:
    effect = ganaug.measure_effect(
        table(),
        target="y",
        task="regression",
        augmenter="random_oversampling",
        estimator=KNeighborsRegressor(),
        cv=2,
        random_state=0,
        **QUIET,
    )
    assert effect.warnings == ["Range weights was left out: KNeighborsRegressor takes no sample_weight"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"estimator": LogisticRegression()}, "unfitted scikit-learn regressor"),
        ({"scoring": "f1"}, "scoring must be one of relevance_weighted_r2"),
        ({"augmenter": lambda X, y, random_state: (X, y)}, "augmenter must be one of policy"),
        ({"augmenter": "WGAN-GP"}, "however: 'WGAN-GP'; did you mean 'wgan_gp'"),
        ({"arms": ["smote"]}, "there is no arm 'smote'"),
        ({"time_budget": 5}, "time_budget is not for task='regression'"),
    ],
)
def test_what_is_for_classes_only_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ganaug.measure_effect(table(), target="y", task="regression", **asked, **QUIET)


def test_augment_checks_and_reports(tmp_path: Any) -> None:
    found = ganaug.augment(
        table(),
        target="y",
        task="regression",
        variant=Config(steps=3),
        estimator=Ridge(),
        out=tmp_path / "run",
        random_state=0,
        progress=False,
    )
    assert found.effect is not None and found.effect.ours == "policy"
    text = (tmp_path / "run" / "report.html").read_text()
    assert "The rule" in text and (tmp_path / "run" / "fidelity.json").is_file()


def test_rows_of_the_rule_that_harm_are_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"target": "y", "task": "regression", "variant": Config(steps=0), "random_state": 0}
    harms = dict.fromkeys(("sentence", "scoring", "depth", "ours"), "") | {"class_counts": {}}
    numbers = dict.fromkeys(("n_rows", "n_features", "n_splits", "n_repeats", "smallest_detectable"), 1)
    monkeypatch.setattr(steps, "measure_effect", lambda *_, **__: Effect(verdict="harms", **harms, **numbers))
    monkeypatch.setattr("ganaug.augmentation.fidelity", lambda *_, **__: None)
    found = ganaug.augment(table(), progress=False, **asked)
    assert len(found.synthetic) == 0 and "verdict is 'harms'" in found.summary["decision"]
    told = ganaug.augment(table(), progress=False, sampling_strategy=1.0, **asked)
    assert len(told.synthetic) > 0  # what the caller says is obeyed whatever the check says


def test_where_nothing_is_rare_nothing_is_added() -> None:
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=200), "y": np.tile([1.0, 2.0], 100)})
    found = ganaug.augment(
        frame, target="y", task="regression", variant=Config(steps=0), check=False, random_state=0, progress=False
    )
    assert len(found.synthetic) == 0 and "every range of y has 50%" in found.summary["decision"]
