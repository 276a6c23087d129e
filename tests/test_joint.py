"""Several label columns at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

import ganaug
from ganaug.data import read_table
from ganaug.errors import ConfigError, DataError
from ganaug.image_schema import schema_from_json
from ganaug.variants.anchored import Config

TARGET = ["ill", "colour"]
SHORT: dict[str, Any] = {"random_state": 0, "progress": False}


def table(n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    ill = rng.random(n) < 0.3
    red = rng.random(n) < np.where(ill, 0.15, 0.6)
    return pd.DataFrame(
        {
            "ill": pd.Categorical(np.where(ill, "yes", "no"), categories=["yes", "no", "unknown"]),
            "x": rng.normal(size=n) + 4 * ill,
            "colour": np.where(red, 1, 0),
            "w": rng.normal(size=n) - 4 * red,
        }
    )


def test_the_class_of_a_row_is_its_combination() -> None:
    frame = table()
    read = read_table(frame, target=TARGET)
    assert read.schema.target == "ill & colour" and read.schema.feature_names == ["x", "w"]
    assert read.schema.class_names() == ["no & 0", "no & 1", "yes & 0", "yes & 1"]
    counts = frame.groupby(TARGET, observed=True).size()
    assert np.bincount(read.schema.label_codes(read.table)).tolist() == [
        counts[label] for label in (("no", 0), ("no", 1), ("yes", 0), ("yes", 1))
    ]
    assert read.schema.code_of(("yes", 1)) == read.schema.code_of("yes & 1") == read.schema.code_of(("yes", "1")) == 3
    assert read.schema.factors == ((0, 0), (0, 1), (1, 0), (1, 1))
    with pytest.raises(DataError, match=r"\('yes', 2\) is not a combination of \['ill', 'colour'\]"):
        read.schema.code_of(("yes", 2))


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_rows_come_back_as_they_were(kind: str) -> None:
    frame: Any = table() if kind == "pandas" else pa.Table.from_pandas(table(), preserve_index=False)
    read = read_table(frame, target=TARGET)
    assert read.schema.restore(read.table).equals(frame)
    assert read.schema.unpublish(read.schema.publish(read.table)).equals(read.table)
    again = schema_from_json(read.schema.to_json())
    assert again == read.schema and again.restore(read.table).equals(frame)


def test_combinations_are_drawn_and_written_as_their_columns(tmp_path: Any) -> None:
    frame = table()
    found = ganaug.augment(
        frame,
        target=TARGET,
        sampling_strategy={("yes", 1): 40, ("yes", 0): 70},
        check=False,
        variant=Config(steps=30),
        out=tmp_path / "run",
        **SHORT,
    )
    assert (found.data.dtypes == frame.dtypes).all() and list(found.data.columns) == list(frame.columns)
    assert found.data.groupby(TARGET, observed=True).size()[[("yes", 1), ("yes", 0)]].tolist() == [40, 70]
    rare = found.synthetic[found.synthetic["colour"] == 1]
    assert rare["x"].mean() > 2 and rare["w"].mean() < -2
    written = pq.read_table(tmp_path / "run" / "synthetic" / "data")
    assert written.column_names == list(frame.columns)
    again = ganaug.augment(
        frame,
        target=TARGET,
        sampling_strategy={("yes", 1): 40, ("yes", 0): 70},
        check=False,
        variant=Config(steps=30),
        out=tmp_path / "run",
        **SHORT,
    )
    assert again.data.equals(found.data)


@pytest.mark.parametrize("variant", ["anchored", "wgan_gp"])
def test_networks_are_given_each_label_and_are_saved(variant: str, tmp_path: Any) -> None:
    config = ganaug.variants.get(variant).Config(steps=10)
    fitted = ganaug.fit(table(), target=TARGET, variant=config, **SHORT)
    assert any(name.endswith("embedding.columns.1.weight") for name in fitted.weights)
    fitted.save(tmp_path / "generator")
    asked: dict[str, Any] = {"conditions": {("yes", 1): 5, ("no", 0): 5}, "random_state": 0}
    drawn = ganaug.Synthesizer.load(tmp_path / "generator").sample(**asked)
    assert drawn.equals(fitted.sample(**asked))
    assert list(zip(drawn["ill"], drawn["colour"], strict=True)) == [("yes", 1)] * 5 + [("no", 0)] * 5


def test_the_check_knows_combinations() -> None:
    asked: dict[str, Any] = {"augmenter": "random_oversampling", "arms": ["class_weights"], "cv": 2, "n_jobs": 1}
    effect = ganaug.measure_effect(table(), target=TARGET, estimator=LogisticRegression(), **asked, **SHORT)
    assert effect.verdict != "not measurable" and set(effect.class_counts) == {"no & 0", "no & 1", "yes & 0", "yes & 1"}


def test_a_test_set_of_its_own_has_the_same_columns() -> None:
    frame = table()
    asked: dict[str, Any] = {"augmenter": "random_oversampling", "arms": ["class_weights"], "n_jobs": 1}
    effect = ganaug.measure_effect(
        frame[:160], target=TARGET, test_data=frame[160:], estimator=LogisticRegression(), **asked, **SHORT
    )
    assert effect.verdict != "not measurable" and effect.n_rows == 160


def test_what_cannot_be_done_is_refused() -> None:
    frame = table()
    with pytest.raises(DataError, match="several different ones"):
        read_table(frame, target=["ill", "ill"])
    with pytest.raises(DataError, match="look alike"):
        odd = frame.assign(a=["p & q", "p", "p"] * 80, b=["r", "q & r", "r"] * 80)
        read_table(odd, target=["a", "b"])
    with pytest.raises(DataError, match="the target 'x' looks continuous"):
        read_table(frame, target=["ill", "x"])
    with pytest.raises(ConfigError, match="needs one target"):
        read_table(frame, target=["x", "w"], task="regression")
    with pytest.raises(ConfigError, match="images have one label column"):
        ganaug.fit((np.zeros((9, 8, 8), np.uint8), [0, 1, 2] * 3), target=["a", "b"], **SHORT)
