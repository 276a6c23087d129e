"""Filling in: better than the mean, what is known untouched, and variations of real rows and images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from sklearn.datasets import load_breast_cancer

from ganaug import fitting
from ganaug.cell_game import _recovery, hinted
from ganaug.data import read_table
from ganaug.errors import ConfigError, DataError, DataWarning, SchemaError
from ganaug.hole_game import _in_hole
from ganaug.masked_sources import known_cells, known_pixels
from ganaug.synthesizer import Synthesizer
from ganaug.variants.inpaint import Config
from tests.digits import digits, image_data


def fit(frame: Any, *, target: str | None, **options: Any) -> Synthesizer:
    read = read_table(frame, target=target, id_columns=[])
    return fitting.fit(read.table, read.schema, variant=Config(**options), seed=0, device="cpu")


def mixed(n: int = 240, seed: int = 0) -> pd.DataFrame:
    """Return columns of every kind that follow from one another, and a label."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "x": x,
            "count": np.round(20 + 5 * x).astype(np.int64),
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.round(100 + 30 * x), unit="D"),
            "high": x > 0,
            "grade": pd.Categorical(np.where(x > 0.5, "good", np.where(x < -0.5, "bad", "fair"))),
            "town": np.where(x > 0, "Ulm", "Rom"),
            "label": np.where(x + 0.3 * rng.normal(size=n) > 0.7, "yes", "no"),
        }
    )


def holed(frame: pd.DataFrame, share: float = 0.25, seed: int = 1) -> pd.DataFrame:
    """Return the frame with cells of all columns but the label missing."""
    masked = np.random.default_rng(seed).random((len(frame), frame.shape[1] - 1)) < share
    columns = {c: frame[c].astype(object) if frame[c].dtype == bool else frame[c] for c in frame}
    columns = {c: v.where(~masked[:, i]) if c != "label" else v for i, (c, v) in enumerate(columns.items())}
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def filler() -> Synthesizer:
    return fit(mixed(), target="label", steps=150, width=32)


# ---------------------------------------------------------------- tables


def test_breast_cancer_cells_are_imputed_better_than_by_the_mean() -> None:
    frame = load_breast_cancer(as_frame=True).frame
    rng = np.random.default_rng(0)
    order = rng.permutation(len(frame))
    shown, held = frame.iloc[order[:400]], frame.iloc[order[400:]].reset_index(drop=True)
    features = frame.columns[:-1]
    masked = rng.random((len(held), len(features))) < 0.2
    given = held.copy()
    given[features] = given[features].mask(masked)
    filled = fit(shown, target="target", steps=250, width=64).transform(given.drop(columns="target"))

    def rmse(found: pd.DataFrame) -> float:
        error = ((found[features] - held[features]) / shown[features].std()).to_numpy()[masked]
        return float(np.sqrt(np.square(error).mean()))

    assert rmse(filled) < 0.7 * rmse(given.fillna(shown.mean()))
    assert filled.notna().all(axis=None)
    assert (filled.to_numpy()[~masked] == given[features].to_numpy()[~masked]).all()


def test_missing_cells_of_every_kind_are_filled_and_all_others_are_as_they_were(filler: Synthesizer) -> None:
    given = holed(mixed(80, seed=5)).set_index(pd.Index(range(100, 180), name="row"))
    filled = filler.transform(given, random_state=0)
    assert filled.notna().all(axis=None)
    pd.testing.assert_index_equal(filled.index, given.index)
    assert filled.dtypes.equals(given.dtypes)
    for name in given:
        known = given[name].notna()
        assert (filled[name][known] == given[name][known]).all(), name
        assert name == "label" or not known.all()
    x = mixed(80, seed=5)["x"].set_axis(given.index)
    right = (filled["town"] == np.where(x > 0, "Ulm", "Rom"))[given["town"].isna() & (x.abs() > 0.3)]
    assert right.mean() > 0.75
    assert (filled["count"] == filled["count"].round()).all()  # a grid is kept
    assert set(filled["grade"]) <= {"good", "fair", "bad"}


def test_labels_are_not_filled_in_and_that_is_said(filler: Synthesizer, recwarn: pytest.WarningsRecorder) -> None:
    given = holed(mixed(40, seed=3))
    filler.transform(given, random_state=0)
    assert not [w for w in recwarn if issubclass(w.category, DataWarning)]
    given.loc[[3, 7, 20], "label"] = None
    with pytest.warns(DataWarning, match=r"^3 of 40 labels in 'label' are missing and stay so") as told:
        filled = filler.transform(given, random_state=0)
    assert told[0].filename == __file__
    assert filled["label"].isna().sum() == 3 and filled.drop(columns="label").notna().all(axis=None)


def test_a_column_that_was_missing_in_training_is_filled_in_all_the_same() -> None:
    filled = fit(holed(mixed()), target="label", steps=60, width=32).transform(holed(mixed(60, seed=7)))
    assert filled.notna().all(axis=None)


def test_rows_without_labels_alone_and_in_other_containers_are_filled(filler: Synthesizer) -> None:
    given = holed(mixed(40, seed=3))
    whole = filler.transform(given, random_state=0)
    bare = filler.transform(given.drop(columns="label"), random_state=0)
    assert list(bare) == list(given)[:-1] and bare.notna().all(axis=None)
    pd.testing.assert_frame_equal(filler.transform(given.iloc[[0]], random_state=0), whole.iloc[[0]])
    table = pa.Table.from_pandas(given)
    made = filler.transform(table, random_state=0)
    assert isinstance(made, pa.Table) and made.schema.equals(table.schema)
    assert not any(column.null_count for column in made.columns)
    X, y = filler.transform((given.drop(columns="label"), given["label"]), random_state=0)
    assert X.notna().all(axis=None) and y.equals(given["label"])
    extra = filler.transform(given.assign(note=np.nan), random_state=0)
    assert extra["note"].isna().all()


def test_what_cannot_be_filled_in_is_refused_by_name(filler: Synthesizer) -> None:
    given = holed(mixed(10))
    with pytest.raises(SchemaError, match=r"fitted on are missing: \['town'\]"):
        filler.transform(given.drop(columns="town"))
    with pytest.raises(SchemaError, match=r"column 'x' is .*string, and double was fitted on"):
        filler.transform(given.assign(x="a"))
    with pytest.raises(ConfigError, match="a mask is for images"):
        filler.transform(given, mask=np.ones((10, 6)))
    with pytest.raises(DataError, match="fitted on a table, and these are images"):
        filler.transform(np.zeros((3, 8, 8), np.uint8))


def test_drawn_rows_are_real_ones_of_the_class_with_some_cells_anew(filler: Synthesizer) -> None:
    real = mixed()
    drawn = filler.sample(conditions={"yes": 200}, random_state=0)
    same = np.zeros((200, len(real)), int)
    for name in ("count", "when", "high", "grade", "town"):
        same += (drawn[name].to_numpy()[:, None] == real[name].to_numpy()[None]).astype(int)
    own = same[:, (real["label"] == "yes").to_numpy()].max(1)
    assert own.min() >= 1
    assert (own < 5).any()
    assert (drawn["x"] > 0).mean() > 0.9


def test_a_saved_filler_fills_the_same(filler: Synthesizer, tmp_path: Path) -> None:
    given = holed(mixed(30, seed=2))
    filler.save(tmp_path / "s")
    loaded = Synthesizer.load(tmp_path / "s", device="cpu")
    pd.testing.assert_frame_equal(loaded.transform(given, random_state=0), filler.transform(given, random_state=0))


def test_masks_hide_at_least_one_cell_and_hints_leave_one_open() -> None:
    u = torch.rand(1, 5000, 7, generator=torch.Generator().manual_seed(0))
    known = known_cells(u, 0.5)
    assert ((~known).sum(-1) >= 1).all()
    # One cell in any case, and each of the other four with the chance 0.5 E[u] = 1/4.
    assert (~known).sum(-1).float().mean().item() == pytest.approx(1 + 4 / 4, abs=0.05)
    told = hinted(u[..., :6], 0.9)
    assert ((~told).sum(-1) >= 1).all()
    assert (~told).sum(-1).float().mean().item() == pytest.approx(1 + 4 * 0.1, abs=0.03)


class _Fixed:
    """A generator that says 1 for the value, and even chances for both codes."""

    def __init__(self) -> None:
        from ganaug.nets import OneHot

        self.view = OneHot(1, (1, 2), states=(0,))

    def likely(self, x: torch.Tensor, known: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.ones(*y.shape, 1), torch.zeros(*y.shape, 2)

    def spread(self, known: torch.Tensor) -> torch.Tensor:
        return known.float()[..., [0, 1, 1]]


def test_the_recovery_is_the_squared_error_and_the_surprise_of_masked_cells() -> None:
    real = torch.tensor([[[3.0, 1.0, 0.0]] * 3])
    known = torch.tensor([[[False, True], [True, False], [False, False]]])
    found = _recovery(_Fixed(), real, known, torch.zeros(1, 3, dtype=torch.int64))
    assert found[0].tolist() == pytest.approx([4.0, math.log(2), (4 + math.log(2)) / 2])


# ---------------------------------------------------------------- images


@pytest.fixture(scope="module")
def painter() -> Synthesizer:
    data = image_data(*digits({0: 60, 1: 60, 4: 40}))
    return fitting.fit(data.table, data.schema, variant=Config(steps=120, channels=16), seed=0, device="cpu")


def test_holes_are_filled_better_than_by_the_mean_image_and_nothing_else_changes(painter: Synthesizer) -> None:
    images, labels = digits()
    unseen = np.concatenate([np.flatnonzero(labels == d)[60:120] for d in (0, 1, 4)])
    shown, real = digits({0: 60, 1: 60, 4: 40})[0], images[unseen]
    mask = np.zeros((8, 8), bool)
    mask[2:6, 3:6] = True
    given = np.where(mask[..., None], 0, real).astype(np.uint8)
    filled, same = painter.transform((given, labels[unseen]), mask=mask, random_state=0)
    assert np.array_equal(filled[:, ~mask], real[:, ~mask])
    assert np.array_equal(same, labels[unseen])

    def error(found: np.ndarray) -> float:
        return float(np.square(found[:, mask].astype(float) - real[:, mask]).mean())

    assert error(filled) < 0.75 * error(np.broadcast_to(shown.mean(0), real.shape))
    alone = painter.transform(given[:3], mask=np.broadcast_to(mask, (3, 8, 8)), random_state=0)
    assert alone.shape == (3, 8, 8, 1)  # whose classes are not known


def test_images_want_a_mask_of_their_size(painter: Synthesizer) -> None:
    images, _ = digits({0: 3})
    with pytest.raises(ConfigError, match="say what is to be filled in: mask="):
        painter.transform(images)
    with pytest.raises(ConfigError, match=r"mask must be \(8, 8\) or \(3, 8, 8\), however: \(4, 8\)"):
        painter.transform(images, mask=np.ones((4, 8)))


def test_drawn_images_are_real_ones_of_the_class_round_a_rectangle(painter: Synthesizer) -> None:
    images, labels = digits({0: 60, 1: 60, 4: 40})
    drawn = painter.schema.pixels(painter.sample_table(np.array([2] * 40), seed=0))  # type: ignore[union-attr]
    own = images[labels == 4]
    differ = (drawn[:, None] != own[None]).squeeze(-1)
    nearest = differ.sum((2, 3)).argmin(1)
    for changed in differ[np.arange(40), nearest]:
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        assert np.ptp(rows) < 5 and np.ptp(columns) < 5  # 0.6 of 8 pixels
    assert len(np.unique(drawn.reshape(40, -1), axis=0)) > 35


def test_holes_have_the_sides_asked_for_and_lie_anywhere() -> None:
    u = torch.rand(1, 2000, 4, generator=torch.Generator().manual_seed(0))
    hole = ~known_pixels(u, (8, 12), least=0.25, most=0.5)[0, :, 0]
    heights, widths = hole.any(2).sum(1), hole.any(1).sum(1)
    assert (hole.sum((1, 2)) == heights * widths).all()
    assert set(heights.tolist()) == {2, 3, 4} and set(widths.tolist()) == {3, 4, 5, 6}
    assert hole.any(0).all()


def test_errors_count_in_the_hole_alone() -> None:
    known = torch.ones(1, 1, 1, 2, 2, dtype=torch.bool)
    known[..., 0, 0] = False
    difference = torch.tensor([[[[[0.5, 9.0], [9.0, 9.0]], [[1.5, 9.0], [9.0, 9.0]]]]])
    assert _in_hole(difference, known).item() == pytest.approx(1.0)
