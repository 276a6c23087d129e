"""The growing GAN: its schedule, what is shown while it is small, groups that a split keeps, and going on mid-fade."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganaug import distributed, fitting, trainer
from ganaug.data.image_rows import ImageMember, ImageRows
from ganaug.encode import ImageEncoder
from ganaug.errors import ConfigError, TrainingError
from ganaug.gan import Draw, Gan, Phase
from ganaug.variants import progressive
from ganaug.variants.progressive import Config
from tests.digits import image_data

CPU = torch.device("cpu")


def large(side: int = 16) -> Any:
    """Return images without any structure; 16 pixels are reached in two doublings."""
    images = np.random.default_rng(0).integers(0, 256, (30, side, side, 1), dtype=np.uint8)
    return image_data(images, np.repeat([0, 1, 7], 10))


def tiny(**more: Any) -> Config:
    return Config(**{"steps": 16, "batch": 8, "channels": 4, "penalty_interval": 2, "noise": 8, **more})


def parts(config: Config, data: Any, seeds: tuple[int, ...] = (0,)) -> tuple[Gan, ImageRows]:
    encoder = ImageEncoder(data.schema)
    member = ImageMember(pixels=encoder.encode(data.table), labels=data.schema.label_codes(data.table))
    members, shape = [member] * len(seeds), {"n_classes": data.schema.n_classes, "seeds": seeds}
    source = progressive.make_source(config, encoder.layout, members, **shape)
    gan = progressive.build(config, encoder.layout, source, **shape)
    return gan, ImageRows.pack(members, n_classes=data.schema.n_classes)


def watched(gan: Gan) -> list[tuple[float, float, float]]:
    """Return a list that grows with how far generator and critic have grown, and with what is shown as real."""
    seen: list[tuple[float, float, float]] = []
    loss = gan.phases[0].loss

    def looking(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        found = loss(networks, draw)
        grown = [float(networks["generator"].grown[0]), float(networks["discriminator"].critic.grown[0])]  # type: ignore[index,union-attr]
        shown = networks["discriminator"].critic.coarsened(draw.real)  # type: ignore[union-attr,operator]
        seen.append((*grown, float((shown[..., ::2, :] - shown[..., 1::2, :]).abs().max())))
        return found

    gan.phases = (Phase(**{**vars(gan.phases[0]), "loss": looking}), *gan.phases[1:])
    return seen


def test_the_schedule_of_growth() -> None:
    gan, rows = parts(tiny(), large())
    seen = watched(gan)
    assert gan.steps == 16
    trainer.train(gan, rows, seed=0, device=CPU)
    grown = [0, 0, 0, 0.5, 1, 1, 1, 1.5, 2, 2, 2, 2, 2, 2, 2, 2]
    assert [one for one, _, _ in seen] == [other for _, other, _ in seen] == grown
    assert [contrast > 0 for _, _, contrast in seen] == [one > 1 for one in grown]  # within blocks of 2 x 2


@pytest.mark.parametrize("steps", [0, 1, 3, 7])
def test_short_runs_end_at_full_size(steps: int) -> None:
    gan, rows = parts(tiny(steps=steps, growing=0.3), large())
    assert sum(stage.steps for stage in gan.stages) == steps
    assert all(stage.steps >= 0 for stage in gan.stages)
    trained = trainer.train(gan, rows, seed=0, device=CPU)
    assert float(trained.networks["generator"].grown[0]) == 2  # type: ignore[index,arg-type]


def test_images_are_of_full_size_while_the_networks_are_small() -> None:
    gan, rows = parts(tiny(), large())
    rng = torch.Generator().manual_seed(0)
    _, y = rows.draw(4, rng)
    for stage, block in ((0, 4), (2, 2)):
        enter = gan.stages[stage].enter
        assert enter is not None
        enter(gan.networks)
        for found in (
            gan.generate(gan.networks, gan.source.draw(y, rng), y),
            gan.emit(gan.networks, gan.source.draw(y, rng), y).images,
        ):
            assert found.shape == (1, 4, 1, 16, 16)
            blocks = found.unfold(3, block, block).unfold(4, block, block)
            assert torch.equal(blocks, blocks[..., :1, :1].expand_as(blocks))
            assert found.std() > 0.01


def short_of_memory(gan: Gan, rows: int) -> Gan:
    """Let every loss run out of memory on more than ``rows`` rows."""

    def limited(phase: Phase) -> Phase:
        def loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
            if draw.y.shape[1] > rows:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB.")
            return phase.loss(networks, draw)

        return Phase(**{**vars(phase), "loss": loss})

    gan.phases = tuple(limited(phase) for phase in gan.phases)
    return gan


@pytest.mark.parametrize(("batch", "rows"), [(12, 8), (14, 9), (16, 4)])
def test_a_split_batch_comes_to_the_same(batch: int, rows: int) -> None:
    config = tiny(batch=batch, steps=3, growing=0.25)
    whole, split = (
        trainer.train(short_of_memory(gan, most), images, seed=1, device=CPU)
        for (gan, images), most in ((parts(config, large()), 99), (parts(config, large()), rows))
    )
    for name, value in whole.networks.state_dict().items():
        assert torch.allclose(value, split.networks.state_dict()[name], atol=2e-4), name


def test_a_group_is_never_split() -> None:
    gan, rows = parts(tiny(), large())
    with pytest.raises(TrainingError, match="memory does not hold"):
        trainer.train(short_of_memory(gan, 3), rows, seed=0, device=CPU)


def test_processes_take_whole_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "world", lambda: 2)
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    gan, rows = parts(tiny(batch=12), large())
    with pytest.raises(ConfigError, match=r"whole groups of 4 rows, however: batch=12, processes=2; .* divides by 8"):
        trainer.train(gan, rows, seed=0, device=CPU)


@pytest.mark.parametrize(("killed_at", "grown"), [(3, 0.5), (7, 1.5), (4, 1)])
def test_a_training_killed_in_the_middle_of_a_fade_goes_on_to_the_same_bits(
    killed_at: int, grown: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, data, take = tiny(), large(), trainer._take
    gan, rows = parts(config, data)

    def dying(*arguments: Any) -> Tensor:
        if arguments[5] == killed_at:
            raise KeyboardInterrupt
        return take(*arguments)

    options: dict[str, Any] = {"seed": 0, "device": CPU, "checkpoint": tmp_path / "c", "checkpoint_seconds": 0}
    monkeypatch.setattr(trainer, "_take", dying)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(gan, rows, **options)
    assert gan.networks["generator"].grown.tolist() == [grown]  # type: ignore[union-attr,operator]
    monkeypatch.setattr(trainer, "_take", take)
    resumed = trainer.train(*parts(config, data), **options)
    for name, value in _undisturbed().networks.state_dict().items():
        assert torch.equal(value, resumed.networks.state_dict()[name]), name


@functools.cache
def _undisturbed() -> trainer.Trained:
    return trainer.train(*parts(tiny(), large()), seed=0, device=CPU)


@pytest.mark.parametrize(("options", "said"), [({"growing": 0.6}, "0 to 0.5"), ({"group": 0}, "at least 1 image")])
def test_options_out_of_range_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parts(tiny(**options), large())


def test_what_was_fitted_is_fully_grown_and_draws_the_classes_asked_for() -> None:
    data = large(8)
    synthesizer = fitting.fit(data.table, data.schema, variant=tiny(), seed=0, device="cpu")
    assert synthesizer.weights["generator.grown"].tolist() == [1]
    images = data.schema.pixels(synthesizer.sample_table(np.array([0, 1, 2]), seed=0))
    assert images.shape == (3, 8, 8, 1)
