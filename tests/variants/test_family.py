"""What holds for every variant and everything that it makes, small and quick; what it learns is tested elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganaug import fitting, seeding, trainer, variants
from ganaug.gan import Draw
from ganaug.synthesizer import Synthesizer
from tests.family import ADDING, PAIRS, data_for, digests, fit, fitted, parts

every = pytest.mark.parametrize(("name", "modality"), PAIRS, ids=map("-".join, PAIRS))
every_adding = pytest.mark.parametrize(("name", "modality"), ADDING, ids=map("-".join, ADDING))


@every
def test_each_step_moves_the_networks_that_its_phase_names_and_no_other(
    name: str, modality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gan, rows = parts(name, modality, seeds=(0, 1))
    take, moved = trainer._take, {phase.name: set() for phase in gan.phases}

    def watching(state: Any, phase: Any, *arguments: Any) -> Any:
        before = {key: value.clone() for key, value in gan.networks.state_dict().items()}
        result = take(state, phase, *arguments)
        after = gan.networks.state_dict()
        changed = {key.partition(".")[0] for key, value in before.items() if not torch.equal(value, after[key])}
        assert changed <= set(phase.moves), phase.name
        moved[phase.name] |= changed
        return result

    monkeypatch.setattr(trainer, "_take", watching)
    trainer.train(gan, rows, seed=0, device=torch.device("cpu"))
    assert moved == {phase.name: set(phase.moves) for phase in gan.phases}
    assert set(gan.averaged) <= set().union(*moved.values()) <= set(gan.networks)


@every
def test_a_killed_training_goes_on_to_the_same_bits(
    name: str, modality: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, take = fitting.train, trainer._take
    steps = []

    def dying(state: Any, phase: Any, rows: Any, batch: int, seed: int, step: int, device: Any) -> Any:
        if step == 7 and phase is state.gan.phases[-1]:
            raise KeyboardInterrupt
        steps.append(step)
        return take(state, phase, rows, batch, seed, step, device)

    monkeypatch.setattr(fitting, "train", lambda *a, **k: train(*a, **k, checkpoint_seconds=0))
    monkeypatch.setattr(trainer, "_take", dying)
    with pytest.raises(KeyboardInterrupt):
        fit(name, modality, checkpoint=tmp_path / "checkpoint")
    monkeypatch.setattr(trainer, "_take", take)
    assert max(steps) == 7
    resumed = fit(name, modality, checkpoint=tmp_path / "checkpoint")
    assert digests(resumed.save(tmp_path / "a")) == digests(fitted(name, modality).save(tmp_path / "b"))


@every
def test_a_saved_one_is_loaded_with_the_same_bytes_and_draws_the_same_rows(
    name: str, modality: str, tmp_path: Path
) -> None:
    synthesizer = fitted(name, modality)
    loaded = Synthesizer.load(synthesizer.save(tmp_path / "one"), device="cpu")
    assert digests(loaded.save(tmp_path / "two")) == digests(tmp_path / "one")
    assert loaded.config == synthesizer.config
    if (name, modality) in ADDING:
        codes = np.arange(30) % 3
        drawn = synthesizer.sample_table(codes, seed=5)
        assert drawn.equals(loaded.sample_table(codes, seed=5))
        assert np.array_equal(synthesizer.schema.label_codes(drawn), codes)
        assert not drawn.equals(synthesizer.sample_table(codes, seed=6))


@every
def test_what_draws_depends_on_the_seed_alone(name: str, modality: str, tmp_path: Path) -> None:
    saved = digests(fitted(name, modality).save(tmp_path / "one"))
    with torch.random.fork_rng():
        torch.manual_seed(4)
        assert digests(fit(name, modality).save(tmp_path / "again")) == saved
    other = digests(fit(name, modality, seed=2).save(tmp_path / "other"))
    assert other["weights.safetensors"] != saved["weights.safetensors"]


@every
def test_the_critic_judges_every_row(name: str, modality: str) -> None:
    gan, rows = parts(name, modality, seeds=(0, 1))
    assert gan.critic is not None
    rng = seeding.torch_rng(0, "real")
    n = 3 * gan.group
    real, y = rows.draw(2 * n, rng)
    with torch.no_grad():
        if gan.judged is not None:
            draw = Draw(real=real, y=y, inputs=gan.source.draw(y, rng), rng=rng)
            real, _ = gan.judged(draw, gan.generate(gan.networks, draw.inputs, y))
        whole = gan.critic(gan.networks, real, y)
        half = gan.critic(gan.networks, real[:, :n], y[:, :n])
    assert whole.shape == (2, 2 * n) and torch.isfinite(whole).all()
    torch.testing.assert_close(whole[:, :n], half, rtol=1e-4, atol=1e-5)  # nor by rows of another group


@every_adding
def test_every_class_is_drawn_in_the_shape_and_the_type_of_the_data(name: str, modality: str) -> None:
    data, synthesizer = data_for(modality), fitted(name, modality)
    drawn = synthesizer.sample_table(np.repeat([2, 0, 1], 10), seed=0)
    assert drawn.schema == data.schema.arrow and len(drawn) == 30
    features = drawn.drop_columns([data.schema.target])
    assert all(features[column].null_count == 0 for column in features.column_names)
    assert len({str(row) for row in features.to_pylist()}) > 15


@pytest.mark.parametrize("name", variants.names())
def test_a_person_is_told_what_it_is_where_it_comes_from_and_when_to_take_it(name: str) -> None:
    module = variants.get(name)
    about = module.ABOUT
    assert re.fullmatch(r"[A-Z][^.]*(\.\d[^.]*)*\.", about.summary), "one sentence that ends in a period"
    assert re.fullmatch(r"[A-Z].{10,}\.", about.when)
    assert re.search(r"\b(19|20)\d\d\b", about.source)
    assert re.search(r"arXiv \d{4}\.\d{4,5}\b", about.source) or about.source.startswith("this project")
    assert set(module.MODALITIES) <= {"tables", "images"} and module.MODALITIES
    assert isinstance(module.KEEPS_ROWS, bool)
