"""The artefact: what it draws, that its bits depend on nothing but the seed, and what a broken one says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from safetensors.numpy import load_file
from sklearn.datasets import load_wine

from ganaug import fitting
from ganaug.data import read_table
from ganaug.encode import TableEncoder
from ganaug.errors import ArtefactError, ConfigError, DataError, OutputError
from ganaug.synthesizer import Synthesizer
from ganaug.variants import anchored, wgan_gp

FEW = {"anchored": anchored.Config(steps=30), "wgan_gp": wgan_gp.Config(steps=30)}


def wine(n: int = 178) -> pd.DataFrame:
    frame: pd.DataFrame = load_wine(as_frame=True).frame.iloc[:n]
    frame["target"] = frame["target"].map({0: "barolo", 1: "grignolino", 2: "barbera"})
    frame["bottle"] = pd.Categorical(
        np.where(frame["alcohol"] > 13, "tall", "short"), categories=["short", "tall", "odd"]
    )
    frame.loc[frame.index[:7], "ash"] = np.nan
    return frame


@pytest.fixture(scope="module", params=list(FEW))
def fitted(request: pytest.FixtureRequest) -> Synthesizer:
    read = read_table(wine(), target="target")
    return fitting.fit(read.table, read.schema, variant=FEW[request.param], seed=1)


def digests(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_rows_have_the_columns_types_and_ranges_of_the_input(fitted: Synthesizer) -> None:
    real, rows = wine(), fitted.sample(500, random_state=0)
    assert list(rows.columns) == list(real.columns)
    pd.testing.assert_series_equal(rows.dtypes, real.dtypes)
    for name in real.select_dtypes("number"):
        assert rows[name].min() >= real[name].min()
        assert rows[name].max() <= real[name].max()
    assert (rows["proline"] == rows["proline"].round()).all()
    assert set(rows["target"]) == set(real["target"])


def test_conditions_give_exact_counts_class_by_class(fitted: Synthesizer) -> None:
    rows = fitted.sample(conditions={"barbera": 5, "barolo": 3}, random_state=0)
    assert rows["target"].tolist() == ["barbera"] * 5 + ["barolo"] * 3


def test_without_conditions_classes_are_as_frequent_as_in_training(fitted: Synthesizer) -> None:
    share = fitted.sample(20_000, random_state=0)["target"].value_counts(normalize=True)
    expected = wine()["target"].value_counts(normalize=True)
    assert (share - expected).abs().max() < 0.015  # four standard errors
    assert len(fitted.sample(random_state=0)) == 178


@pytest.mark.parametrize("chunk_rows", [1000, 4096, 7001, 100_000])
def test_chunks_hold_the_same_rows_whatever_their_size(fitted: Synthesizer, chunk_rows: int) -> None:
    whole = pa.concat_tables(fitted.sample_chunks(9000, random_state=3))
    chunks = list(fitted.sample_chunks(9000, random_state=3, chunk_rows=chunk_rows))
    assert [len(chunk) for chunk in chunks[:-1]] == [chunk_rows] * (len(chunks) - 1)
    assert pa.concat_tables(chunks).equals(whole)


def test_fewer_rows_are_the_first_of_more(fitted: Synthesizer) -> None:
    more = fitted.sample(TableEncoder.block + 50, random_state=3)
    pd.testing.assert_frame_equal(fitted.sample(70, random_state=3), more.iloc[:70])


def test_seeds_decide(fitted: Synthesizer) -> None:
    first, again, other = (fitted.sample(50, random_state=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_a_saved_synthesizer_draws_the_same_rows_and_saves_the_same_bytes(fitted: Synthesizer, tmp_path: Path) -> None:
    fitted.save(tmp_path / "one")
    loaded = Synthesizer.load(tmp_path / "one", device="cpu")
    pd.testing.assert_frame_equal(loaded.sample(100, random_state=5), fitted.sample(100, random_state=5))
    loaded.save(tmp_path / "two")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert sorted(digests(tmp_path / "one")) == ["synthesizer.json", "weights.safetensors"]


def test_the_same_seed_fits_the_same_bytes(fitted: Synthesizer, tmp_path: Path) -> None:
    read = read_table(wine(), target="target")
    again = fitting.fit(read.table, read.schema, variant=FEW[fitted.variant], seed=1)
    assert digests(again.save(tmp_path / "a")) == digests(fitted.save(tmp_path / "b"))
    other = fitting.fit(read.table, read.schema, variant=FEW[fitted.variant], seed=2)
    assert digests(other.save(tmp_path / "c"))["weights.safetensors"] != digests(tmp_path / "a")["weights.safetensors"]


def test_provenance_says_what_it_takes_to_make_it_again(fitted: Synthesizer, tmp_path: Path) -> None:
    provenance = fitted.provenance
    assert provenance["synthetic"] is True
    assert provenance["seed"] == 1
    assert {"ganaug", "torch", "threads", "instruction_set", "data_fingerprint", "config", "best_step"} <= set(
        provenance
    )
    text = (fitted.save(tmp_path / "s") / "synthesizer.json").read_text()
    assert str(tmp_path) not in text
    assert provenance["keeps_training_rows"] is (fitted.variant == "anchored")


def test_wgan_gp_keeps_no_training_row(tmp_path: Path) -> None:
    frame = wine()
    frame["malic_acid"] = frame["malic_acid"] + np.linspace(0, 1e-4, len(frame))  # every value its own
    frame["village"] = ["rare-village-xyz"] * 3 + ["alba"] * (len(frame) - 3)
    read = read_table(frame, target="target")
    synthesizer = fitting.fit(read.table, read.schema, variant=FEW["wgan_gp"], seed=0)
    synthesizer.save(tmp_path / "s")
    arrays = load_file(tmp_path / "s" / "weights.safetensors")
    assert not any(name.startswith("source/") for name in arrays)
    n = len(frame)
    assert not any(n in array.shape for array in arrays.values())
    assert max(array.shape[0] for name, array in arrays.items() if name.startswith("encoder/")) <= n // 10
    text = (tmp_path / "s" / "synthesizer.json").read_text()
    assert "rare-village-xyz" not in text
    kept = np.concatenate([a.ravel().astype(float) for k, a in arrays.items() if k.startswith("encoder/")])
    for extreme in (frame["malic_acid"].min(), frame["malic_acid"].max()):
        assert not np.isclose(kept, extreme, rtol=0, atol=1e-9).any()
        assert repr(float(extreme)) not in text


def test_members_fitted_side_by_side_learn_from_their_own_rows_alone() -> None:
    frame = wine()
    low, high = frame[frame["alcohol"] < 13], frame[frame["alcohol"] >= 13]
    read = [read_table(part, target="target") for part in (low, high)]
    schema = read_table(frame, target="target").schema
    pair = fitting.fit_many([r.table for r in read], schema, variant=FEW["anchored"], seeds=[0, 1])
    assert pair[0].sample(300, random_state=0)["alcohol"].max() <= low["alcohol"].max()
    assert pair[1].sample(300, random_state=0)["alcohol"].min() >= high["alcohol"].min()


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_class_of_few_rows_is_drawn(rows: int) -> None:
    frame = wine()
    scarce = pd.concat([frame[frame["target"] != "barbera"], frame[frame["target"] == "barbera"].iloc[:rows]])
    read = read_table(scarce, target="target")
    synthesizer = fitting.fit(read.table, read.schema, variant=FEW["anchored"], seed=0)
    drawn = synthesizer.sample(conditions={"barbera": 40}, random_state=0)
    assert len(drawn) == 40
    assert len(drawn.drop_duplicates()) > 30


def test_unlabelled_tables_are_one_class() -> None:
    read = read_table(wine().drop(columns="target"))
    synthesizer = fitting.fit(read.table, read.schema, variant=FEW["anchored"], seed=0)
    assert len(synthesizer.sample(33, random_state=0)) == 33


def test_bad_requests_say_what_is_wrong(fitted: Synthesizer) -> None:
    with pytest.raises(DataError, match=r"'merlot'.*barolo"):
        fitted.sample(conditions={"merlot": 3})
    with pytest.raises(ConfigError, match="negative number of rows, however: 'barolo': -1"):
        fitted.sample(conditions={"barolo": -1})
    with pytest.raises(ConfigError, match="n must not be negative, however: n=-5"):
        fitted.sample(-5)
    with pytest.raises(ConfigError, match="contradicts"):
        fitted.sample(5, conditions={"barolo": 1})
    with pytest.raises(ConfigError, match="chunk_rows must be at least 1"):
        fitted.sample_chunks(5, chunk_rows=0)


def _edit(folder: Path, **changes: Any) -> None:
    path = folder / "synthesizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_broken_artefacts_say_what_is_wrong(fitted: Synthesizer, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"synthesizer\.json is missing"):
        Synthesizer.load(tmp_path)
    folder = fitted.save(tmp_path / "s")
    weights = folder / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ArtefactError, match="is corrupt"):
        Synthesizer.load(folder)
    weights.write_bytes(whole)
    _edit(folder, format=99)
    with pytest.raises(ArtefactError, match="has format 99, and this version reads up to 1: upgrade"):
        Synthesizer.load(folder)
    _edit(folder, format=1, variant="stylegan9")
    with pytest.raises(ArtefactError, match="unknown variant 'stylegan9'"):
        Synthesizer.load(folder)
    (folder / "synthesizer.json").write_text('{"format": 1')
    with pytest.raises(ArtefactError, match="is not a readable synthesizer"):
        Synthesizer.load(folder)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"width": 10**9}, "the weights do not belong to the networks that are described"),
        ({"noise": 10**9}, "the weights do not belong to the networks that are described"),
        ({"depth": 10**9}, "depth must be from 1 to 100"),
    ],
)
def test_an_artefact_that_asks_for_more_than_it_holds_is_refused_before_it_takes_memory(
    fitted: Synthesizer, tmp_path: Path, described: dict[str, int], said: str
) -> None:
    folder = fitted.save(tmp_path / "s")
    config = json.loads((folder / "synthesizer.json").read_text())["config"]
    _edit(folder, config={**config, **described})
    with pytest.raises(ArtefactError, match=said):
        Synthesizer.load(folder)


def test_save_replaces_a_synthesizer_and_nothing_else(fitted: Synthesizer, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(OutputError, match="is not a saved synthesizer"):
        fitted.save(tmp_path / "mine")
    fitted.save(tmp_path / "s")
    fitted.save(tmp_path / "s")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "s"]
