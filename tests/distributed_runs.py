"""What `tests/test_distributed.py` runs in two processes: ``torchrun ... -m tests.distributed_runs FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from ganaug import checkpoint, distributed, trainer, variants
from ganaug.data import read_table
from ganaug.errors import ArtefactError, ConfigError
from ganaug.fitting import images, tables
from ganaug.gan import Gan
from ganaug.variants import anchored, anchored_image, r3gan, wgan_gp
from tests.digits import digits, image_data

STEPS, BATCH = 4, 16
SMALL = {"steps": STEPS, "batch": BATCH, "penalty_interval": 1}
CONFIGS: dict[str, Any] = {
    "anchored": anchored.Config(**SMALL),
    "anchored_image": anchored_image.Config(**SMALL, channels=8, hole=0.25),
    "r3gan": r3gan.Config(**SMALL, channels=8, gamma=10.0),
    "wgan_gp": wgan_gp.Config(steps=STEPS, batch=BATCH),
}
MATCHED = ("anchored", "anchored_image", "r3gan")
"""Compared with one process. Not `wgan_gp`: nothing decides the offset of its critic, and Adam moves it by rounding."""


def parts(name: str, *, seeds: tuple[int, ...] = (3,)) -> tuple[Gan, Any]:
    """Return the untrained GAN of a variant, and the rows that it is trained on."""
    module, config = variants.get(name), CONFIGS[name]
    if "images" in module.MODALITIES:
        kind, data = images, image_data(*digits({0: 20, 1: 9, 2: 4}))
    else:
        rng = np.random.default_rng(0)
        frame = pd.DataFrame({"x": rng.normal(size=60), "c": ["u", "v", "w"] * 20, "t": ["a"] * 40 + ["b"] * 20})
        kind, data = tables, read_table(frame, target="t")
    encoders: Any = kind.encoders([data.table] * len(seeds), data.schema, private=False)
    members: Any = [kind.member(encoder, data.table, data.schema) for encoder in encoders]
    layout, n_classes = encoders[0].layout, data.schema.n_classes
    shape: dict[str, Any] = {"n_classes": n_classes, "seeds": seeds}
    gan = module.build(config, layout, module.make_source(config, layout, members, **shape), **shape)
    return gan, kind.rows(members, layout, n_classes)


def trained(name: str, place: Path | None = None, seconds: float = 15) -> tuple[Gan, trainer.Trained]:
    """Train a few steps, and return the GAN and what came of it."""
    gan, rows = parts(name)
    monitor = lambda gan, networks: torch.zeros(rows.members)  # noqa: E731
    options: dict[str, Any] = {"monitor": monitor, "observe_every": 1, "checkpoint": place}
    return gan, trainer.train(gan, rows, seed=5, device=torch.device("cpu"), checkpoint_seconds=seconds, **options)


def state(gan: Gan, result: trainer.Trained) -> dict[str, torch.Tensor]:
    """Return all weights, averaged and not, and the losses of the last step."""
    found = {f"networks/{k}": v for k, v in gan.networks.state_dict().items()}
    found |= {f"averaged/{k}": v for k, v in result.networks.state_dict().items()}
    found |= {f"loss/{p.name}": torch.tensor(result.history[-1][p.name]) for p in gan.phases}
    return {k: v.contiguous().clone() for k, v in found.items()}


def checkpoints(folder: Path, rank: int) -> None:
    """Train with a checkpoint a process, to see who writes it; then from the first one's, and from two that differ."""
    own, middle, write = folder / f"checkpoint{rank}", folder / "middle", checkpoint.write

    def keeping(place: Any, nest: Any) -> None:
        write(middle if nest["state"]["step"] == STEPS // 2 else place, nest)

    checkpoint.write = keeping
    gan, result = trained("wgan_gp", own, seconds=0)
    checkpoint.write = write
    save_file(state(gan, result), folder / f"undisturbed{rank}.safetensors")
    gan, result = trained("wgan_gp", middle)
    save_file(state(gan, result), folder / f"resumed{rank}.safetensors")
    try:
        trained("wgan_gp", own)  # the second process has none
    except ArtefactError as error:
        (folder / f"differs{rank}.txt").write_text(str(error))


def refused(folder: Path, rank: int) -> None:
    """Train with a batch that two processes cannot share."""
    CONFIGS["r3gan"] = r3gan.Config(steps=1, batch=3)
    try:
        trained("r3gan")
    except ConfigError as error:
        (folder / f"refused{rank}.txt").write_text(str(error))


def main(folder: Path) -> None:
    """Run all cases on this process and leave what came of them in ``folder``."""
    distributed.start("cpu")
    rank = distributed.rank()
    for name in MATCHED:
        save_file(state(*trained(name)), folder / f"{name}{rank}.safetensors")
    average_, distributed.average_ = distributed.average_, lambda tensors: None
    save_file(state(*trained("r3gan")), folder / f"apart{rank}.safetensors")
    distributed.average_ = average_
    refused(folder, rank)
    (folder / f"agreed{rank}.txt").write_text(str(distributed.agreed(2**60 + rank)))
    checkpoints(folder, rank)
    distributed.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
