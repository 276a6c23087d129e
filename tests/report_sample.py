"""A small, whole set of the documents that `write_report` takes, with names that try to break out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ganaug.data import read_table
from ganaug.evaluate.fidelity import fidelity

EVIL = "<script>alert('$x_1$')</script>"


def rows(n, seed):
    rng = np.random.default_rng(seed)
    label = rng.choice(["yes & no", "<b>"], n, p=[0.7, 0.3])
    return pd.DataFrame(
        {
            EVIL: rng.normal(size=n) + (label == "<b>"),
            "count": rng.poisson(4, n),
            "town": rng.choice(["Graz|Ulm", "a\nb", "<i>", "$y_2$"], n),
            "since": pd.Timestamp("2020-03-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
            "took": pd.to_timedelta(rng.integers(0, 9000, n), unit="s"),
            "gap": np.where(rng.random(n) < 0.3, np.nan, rng.random(n) * 1e-9),
            "huge": rng.choice([-1.7e308, 1.7e308], n),
            "fixed": 3,
            "label": label,
        }
    )


def arm(name, label, score, difference, low, high, note=""):
    return {"name": name, "label": label, "score": score, "difference": difference, "low": low, "high": high,
            "p": None, "seconds": 1.25, "note": note}  # fmt: skip


def effect():
    arms = [
        arm("nothing", "Nothing", 0.9, 0.0, None, None),
        arm("smote", "SMOTE", 0.905, 0.005, -0.004, 0.014),
        arm("weights", "Class weights", None, None, None, None, "cannot run: <why>"),
        arm("policy", "ganaug policy", 0.921, 0.0213, 0.0012, 0.0414),
    ]
    metrics = [
        {"arm": a["name"], "learner": learner, "metric": metric, "score": 0.8125, "difference": 0.0312, "low": low,
         "high": 0.05}
        for a in arms
        for learner in ("mean", "logistic_regression", "random_forest")
        for metric, low in (("average_precision", 0.0124), ("log_loss", -0.01), ("f1", -0.01), ("f1@0.5", -0.01))
    ]  # fmt: skip
    return {
        "verdict": "better than nothing",
        "sentence": "ganaug raised average precision by 0.021 & SMOTE <does> about as well.",
        "scoring": "average_precision", "depth": "quick", "n_rows": 120, "n_features": 8,
        "class_counts": {"yes & no": 80, "<b>": 40}, "n_splits": 5, "n_repeats": 1, "smallest_detectable": 0.0177,
        "ours": "policy", "arms": arms,
        "against": [{"name": "smote", "difference": 0.0163, "low": -0.002, "high": 0.0346}],
        "metrics": metrics, "folds": [],
        "choices": [{"fold": 0, "candidate": "r=0.1", "expected": 0.0111, "reason": "the smallest <good> amount"}],
        "cuts": ["the second repeat <was> left out"], "warnings": ["the rows look ordered by since"],
        "seconds": 40.1, "random_state": 0, "lower_is_better": ["log_loss"], "seed_deviation": 0.0044,
        "interval_covers": "another split of the rows", "generator_seeds": 3,
        "learners": [{"name": "random_forest", "strength": "strong"}],
    }  # fmt: skip


def documents():
    """Return the keyword arguments of `write_report`."""
    real = read_table(rows(120, 0), target="label", id_columns=[])
    classes = real.schema.classes
    held = read_table(rows(60, 1), target="label", id_columns=[], classes=classes).table
    made = read_table(rows(50, 2).query("label == '<b>'"), target="label", id_columns=[], classes=classes).table
    history = [
        {"step": s, "d": 1 / (s + 1), "g": float(np.sqrt(s)), "score": abs(s - 40) / 100} for s in range(0, 100, 20)
    ]
    return {
        "summary": {
            "decision": "9 rows were <added>.",
            "variant": "anchored",
            "random_state": 0,
            "nested": {"a": [1, 2]},
        },
        "effect": effect(),
        "fidelity": fidelity(real.table, held, made, real.schema).to_json(),
        "real": real.table,
        "synthetic": made,
        "schema": real.schema,
        "history": history,
        "provenance": {"ganaug": "0.1.0", "best_step": 40, "keeps_training_rows": True, "config": {"steps": 100}},
    }
