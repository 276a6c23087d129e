"""The benchmark of all variants is run by hand; here only what could make its figures wrong in silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from ganaug.fitting import fit
from ganaug.variants import anchored
from tests.benchmarks import variant_pairs, variants, variants_page
from tests.benchmarks.variant_pairs import FIGURES, Judge, Pair, Settings, untrained
from tests.benchmarks.variant_sets import QUICK, SETS, Split

TABLE = next(one for one in QUICK if one.modality == "tables")
IMAGES = next(one for one in QUICK if one.modality == "images")


@pytest.fixture(scope="module", params=[TABLE, IMAGES], ids=lambda one: one.modality)
def case(request: pytest.FixtureRequest) -> tuple[Any, Split]:
    one = request.param
    return one, one.split(one.read({}), seed=0)


def test_no_row_is_in_two_parts_and_a_part_comes_back_from_disk_as_it_was(case: Any, tmp_path: Path) -> None:
    one, split = case
    parts = (split.shown, split.judging, split.beside)
    wanted = (list(one.shown.values()), [one.judging] * 2, [one.beside] * 2)
    for table, counts in zip(parts, wanted, strict=True):
        assert np.bincount(split.schema.label_codes(table)).tolist() == counts
    rows = pa.concat_tables(parts).drop_columns(split.schema.target).to_pylist()
    assert len({str(row) for row in rows}) == len(rows)
    split.save(tmp_path)
    again = Split.load(tmp_path)
    assert again.schema == split.schema
    assert all(a.equals(b) for a, b in zip(parts, (again.shown, again.judging, again.beside), strict=True))


def test_the_judge_knows_the_class_that_is_shown_and_counts_copies_of_what_was_shown(case: Any) -> None:
    one, split = case
    judge = Judge.fit(split, one.modality, seed=0)
    same = judge.figures(split.beside)
    assert set(same) == set(FIGURES) and all(f.synthetic == pytest.approx(f.holdout) for f in same.values())
    assert same["label_accuracy"].synthetic > 0.8 and same["copies"].synthetic < 0.5
    order = np.argsort(split.schema.label_codes(split.beside), kind="stable")
    turned = split.beside.take(pa.array(np.roll(order, one.beside))).combine_chunks()
    at = turned.schema.get_field_index(split.schema.target)
    wrong = turned.set_column(at, turned.schema.field(at), split.beside.take(pa.array(order))[split.schema.target])
    assert judge.figures(wrong)["label_accuracy"].synthetic == pytest.approx(1 - same["label_accuracy"].synthetic)
    assert judge.figures(split.shown)["copies"].synthetic == 1


def test_before_its_first_step_a_generator_is_what_it_is_without_any() -> None:
    split = TABLE.split(TABLE.read({}), seed=0)
    trained, start = (fit(split.shown, split.schema, variant=anchored.Config(steps=n), seed=3) for n in (20, 0))
    codes = np.repeat([0, 1], 20)
    asked = {"labels": codes, "seed": 0}
    assert untrained(trained, seed=3).sample_table(**asked).equals(start.sample_table(**asked))
    assert not trained.sample_table(**asked).equals(start.sample_table(**asked))


def test_the_ratio_of_signal_to_noise() -> None:
    real = np.full((2, 4, 4, 1), 255, np.uint8)
    assert variant_pairs.psnr(real, real - np.uint8(51)) == pytest.approx(20 * np.log10(5))


def test_what_enlarges_images_is_held_against_bicubic_interpolation(tmp_path: Path) -> None:
    split = IMAGES.split(IMAGES.read({}), seed=0)

    def bicubic(small: np.ndarray, random_state: int) -> np.ndarray:
        assert small.shape == (20, 4, 4, 1)
        large = [Image.fromarray(image[..., 0]).resize((8, 8), Image.Resampling.BICUBIC) for image in small]
        return np.stack([np.asarray(image) for image in large])[..., None]

    made = split.schema.pixels(split.beside)
    for transform, gain in ((bicubic, 0.0), (lambda small, random_state: made // 2 + 64, None)):
        generator = SimpleNamespace(change=SimpleNamespace(size=(4, 4)), transform=transform)
        found = variant_pairs._enlarged(generator, split, tmp_path / "x.png")
        assert 5 < found["psnr_bicubic"] < 40 and (tmp_path / "x.png").exists()
        expected = variant_pairs.psnr(made, made // 2 + 64) if gain is None else found["psnr_bicubic"]
        assert found["psnr"] == expected


def test_what_does_not_beat_the_untrained_network_is_named() -> None:
    start, real = {"label_accuracy": 0.2, "coverage": 0.1, "copies": 0.0}, {"copies": 0.1}
    good = {"label_accuracy": 0.9, "coverage": 0.5, "copies": 0.13}  # chance: 2 sqrt(.1 * .9 / 100) = .06
    assert variants_page.shortfalls(good, start, real, n=100) == []
    assert variants_page.shortfalls(good, start, real, n=1000) == ["copies"]
    assert variants_page.shortfalls(good | {"copies": 0.4}, start | {"copies": 0.5}, real, n=1000) == []
    assert variants_page.shortfalls(start, start, real, n=100) == ["labels", "coverage"]


def _records() -> pd.DataFrame:
    shares = dict.fromkeys(FIGURES, 0.5)
    a = shares | {"variant": "a", "side": "trained", "frechet": 2.0, "density": 1.2, "label_accuracy": 0.9}
    b = shares | {"variant": "b", "side": "trained", "frechet": 3.0, "density": 0.9, "coverage": 0.1}
    start = shares | {"side": "untrained", "label_accuracy": 0.2, "coverage": 0.25}
    real = shares | {"side": "real", "density": 1.0}
    return pd.DataFrame([a, b, *(one | {"variant": v} for one in (start, real) for v in "ab")])


def test_the_page_marks_the_best_and_says_what_failed() -> None:
    measured = {"failed": None, "seconds": 7.0, "peak_mib": 512.4}
    about = {"a": measured, "b": measured | {"seconds": 5.0}, "c": {"failed": "the generator\nhas collapsed"}}
    rows = variants_page.table(_records(), about, n=100).set_index("variant")
    assert rows["Fréchet"].tolist() == ["**2**", "3", "", "0.5"]
    assert rows["density"].tolist() == ["1.2", "**0.9**", "", "1"]
    assert rows["coverage"].tolist() == ["**.50** (.25)", ".10 (.25)", "", ".50"]
    assert rows["labels"].tolist() == ["**.90** (.20)", ".50 (.20)", "", ".50"]
    assert rows["s"].tolist() == ["7", "**5**", "", ""] and rows.loc["`a`", "MiB"] == "**512**"
    assert rows["reached"].tolist() == ["yes", "not reached: coverage", "not reached: the generator has collapsed", ""]
    looked = variants_page.table(_records(), about, n=100, rejected=["a", "b"])["reached"].tolist()
    assert looked[:2] == ["not reached: pictures", "not reached: coverage, pictures"]
    found = measured | {"psnr": 21.0, "psnr_bicubic": 20.5}
    page = variants_page.markdown([SETS[0]], _records().assign(set="digits"), {("digits", "up"): found}, ["x."])
    assert "21.00 dB, by bicubic interpolation 20.50 dB; 7 s, 512 MiB." in page and page.endswith("- x.\n")


def test_the_quick_run_is_whole_and_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "measure_in_a_child", lambda pair, **_: variant_pairs.measure(pair))
    variants.main(quick=True, out=tmp_path)
    page = capsys.readouterr().out
    assert "| `anchored_image` |" in page and "| `anchored` |" in page and page.count("| real rows |") == 2
    records = pd.read_parquet(tmp_path / "quick" / "variants.parquet")
    assert records.groupby("set")["side"].apply(sorted).tolist() == [["real", "trained", "untrained"]] * 2
    assert np.isfinite(records[[*FIGURES, "seconds", "peak_mib"]]).all(axis=None)
    pictures = {path.name for path in (tmp_path / "quick" / "pictures").iterdir()}
    assert pictures == {"digits-quick.real.0.png", "digits-quick.anchored_image.0.png"}
    monkeypatch.setattr(variants, "measure_in_a_child", None)
    variants.main(quick=True, out=tmp_path)
    again = capsys.readouterr().out
    assert again.startswith("2 of 2 pairs were finished before") and again.partition("\n")[2].strip() == page.strip()


def test_figures_are_means_over_the_draws_of_a_set_once_all_are_finished(tmp_path: Path) -> None:
    one = replace(TABLE, draws=2)
    pairs = variants.pairs_of([one], ["anchored", "wgan_gp"], tmp_path, seed=7, quick=True)
    assert [(p.variant, p.draw, p.settings.seed) for p in pairs][:3] == [
        ("anchored", 0, 7),
        ("wgan_gp", 0, 7),
        ("anchored", 1, 8),
    ]
    variants.prepare([one], tmp_path, seed=7, files={})
    for p in pairs[:3]:
        variant_pairs.measure(p)
    means, about = variants.collect(pairs, tmp_path)
    assert list(about) == [(TABLE.name, "anchored")], "of wgan_gp one draw is left"
    records = pd.read_parquet(tmp_path / "variants.parquet")
    own = records[(records["variant"] == "anchored") & (records["side"] == "trained")]
    mean = means[(means["variant"] == "anchored") & (means["side"] == "trained")]
    assert own["draw"].tolist() == [0, 1] and own["frechet"].nunique() == 2
    assert mean["frechet"].item() == pytest.approx(own["frechet"].mean())
    assert about[TABLE.name, "anchored"]["seconds"] == pytest.approx(own["seconds"].mean())
    page = variants_page.markdown([one], means, about, [])
    assert "Means over 2 draws." in page and "`wgan_gp`" not in page


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    settings = Settings(set={}, config={"steps": 30}, made=20, seed=0, ganaug="0")
    return Pair(set="one", modality="tables", variant="anchored", draw=0, out=str(tmp_path), settings=settings)


def test_a_training_that_came_to_nothing_is_kept_with_its_reason(pair: Pair) -> None:
    TABLE.split(TABLE.read({}), seed=0).save(pair.split)
    failing = replace(pair, settings=replace(pair.settings, config={"learning_rate": 1e30, "steps": 30}))
    variant_pairs.measure(failing)
    found = failing.finished
    assert found is not None and "is not finite" in found["failed"]
    with pytest.raises(Exception, match="config: "):
        _ = pair.finished


@pytest.mark.slow
def test_a_pair_is_measured_in_a_process_of_its_own_and_what_goes_wrong_there_is_told(pair: Pair) -> None:
    assert variant_pairs.measure_in_a_child(pair, threads=1, limit=0.001) == "took more than 0.001 minutes"
    wrong = variant_pairs.measure_in_a_child(pair, threads=1, limit=5)
    assert wrong is not None and "FileNotFoundError" in wrong and pair.finished is None
    TABLE.split(TABLE.read({}), seed=0).save(pair.split)
    assert variant_pairs.measure_in_a_child(pair, threads=1, limit=5) is None
    found = pair.finished
    assert found is not None and found["failed"] is None and found["peak_mib"] > 100
