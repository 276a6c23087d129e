"""Are generated rows any good: what a classifier learns from them, and whether they are of the class asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from ganaug.data import TableData, read_table
from ganaug.evaluate.compare import Sides, of_class

__all__ = ["Condition", "boosting", "conditions", "roc_auc"]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Rows asked for of one class, and the same figures of as many held-out real rows of that class."""

    label: str
    called: float
    """Share that a boosting fitted on real rows calls so."""
    called_real: float
    coverage: float | None
    """Share of the class's real training rows in whose ball (5 nearest) such a row lies; Naeem et al. 2020."""
    coverage_real: float | None


def boosting(frame: pd.DataFrame, target: str, *, seed: int) -> Pipeline:
    """Fit a gradient boosting with scikit-learn's default settings; text columns are categories (at most 255 each)."""
    features = frame.drop(columns=target)
    texts = [c for c in features.columns if not pd.api.types.is_numeric_dtype(features[c])]
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    prepare = make_column_transformer((ordinal, texts), remainder="passthrough", verbose_feature_names_out=False)
    model = HistGradientBoostingClassifier(categorical_features=list(range(len(texts))), random_state=seed)
    return make_pipeline(prepare, model).fit(features, frame[target])


def roc_auc(fitted: Pipeline, test: pd.DataFrame, target: str) -> float:
    """Return the area under the ROC curve on real rows; of more than two classes the mean, one against the rest."""
    proba = fitted.predict_proba(test.drop(columns=target))
    if proba.shape[1] == 2:
        return float(roc_auc_score(test[target] == fitted.classes_[1], proba[:, 1]))
    return float(roc_auc_score(test[target], proba, multi_class="ovr", labels=fitted.classes_))


def conditions(
    asked: Mapping[Any, pd.DataFrame],
    train: pd.DataFrame,
    test: pd.DataFrame,
    target: str,
    judge: Pipeline,
    *,
    seed: int,
) -> list[Condition]:
    """Judge rows by the class that they were asked for, whatever their label says.

    Args:
        asked: class -> rows drawn with it as the condition, as many as there are held-out ones.
        train: the real rows that generators and ``judge`` were fitted on.
        test: held-out real rows.
        target: the column of classes.
        judge: fitted on ``train``.
        seed: of the rows looked at.
    """
    rows = read_table(train, target=target, id_columns=[])
    made = pd.concat([frame.assign(**{target: label}) for label, frame in asked.items()], ignore_index=True)
    tables = {"train": rows.table, "synthetic": _table(made, rows, target), "holdout": _table(test, rows, target)}
    sides = Sides.of(tables, rows.schema, seed=seed)
    codes = {name: rows.schema.label_codes(table) for name, table in tables.items()}
    counts = {name: np.bincount(found, minlength=rows.schema.n_classes) for name, found in codes.items()}
    found = []
    for label, frame in asked.items():
        code = rows.schema.code_of(label)
        figures = of_class(sides, code, {name: int(n[code]) for name, n in counts.items()})
        real = test[test[target] == label]
        found.append(
            Condition(
                label=str(label),
                called=float((judge.predict(frame.drop(columns=target)) == label).mean()),
                called_real=float((judge.predict(real.drop(columns=target)) == label).mean()),
                coverage=figures.coverage.synthetic,
                coverage_real=figures.coverage.holdout,
            )
        )
    return found


def _table(frame: pd.DataFrame, rows: TableData, target: str) -> pa.Table:
    """Return a frame as rows of the training schema."""
    assert rows.schema.classes is not None
    frame = frame[rows.schema.arrow.names]
    found = read_table(frame, target=target, id_columns=[], classes=rows.schema.classes.to_pylist())
    return found.table.cast(rows.schema.arrow)
