"""Walks through the noise that images are made of: what lies between two of them, and how noise near 0 looks.

They work for every synthesizer of images whose source gives standard normal noise ``z``, whatever else it gives: that
stays the same along a walk. Smooth, clear images in between say that the generator has learnt more than its training
images (Radford et al. 2015, arXiv 1511.06434, sec. 6.1).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganaug import seeding, storage
from ganaug.errors import ConfigError
from ganaug.gan import EmittedImages, Tensors
from ganaug.image_schema import ImageSchema
from ganaug.pixels import enlarged, grid, to_png, zoom_of
from ganaug.synthesizer import Synthesizer

__all__ = ["interpolation_strip", "save_picture", "slerp", "truncation_sweep"]


def interpolation_strip(synthesizer: Synthesizer, label: Any, n: int = 8, random_state: Any = None) -> np.ndarray:
    """Draw ``n`` images of class ``label`` on the way from one point of the noise to another.

    The way is a great circle (see `slerp`), as normal noise of many dimensions lies near a sphere, and a straight line
    would lead through noise that the generator never met.

    **Shape:** the result is uint8 ``(n, h, w, c)``; its first and last image are ordinary samples.

    Raises
    ------
    ConfigError
        The synthesizer makes no images, or of no noise ``z``; ``n`` is below 2; the class had no training row.
    """
    if n < 2:
        raise ConfigError(f"a strip needs both of its ends, so at least 2 images, however: {n=}")
    inputs, y = _inputs(synthesizer, label, 2, random_state)
    z = slerp(inputs["z"][0, 0], inputs["z"][0, 1], torch.linspace(0, 1, n, device=y.device))
    walk = {name: value[:, :1].expand(1, n, *value.shape[2:]) for name, value in inputs.items()}
    return _images(synthesizer, {**walk, "z": z[None]}, y[:, :1].expand(1, n))


def truncation_sweep(
    synthesizer: Synthesizer,
    label: Any,
    values: Sequence[float] = (0.25, 0.5, 0.75, 1.0, 1.25),
    random_state: Any = None,
    *,
    n: int = 6,
) -> np.ndarray:
    """Draw the same ``n`` images of class ``label`` with their noise scaled by each of ``values``.

    Where a generator has styles (``psi`` among its inputs), these are drawn towards their mean instead of the noise, as
    it does not see how large that is.

    Noise nearer to 0 is what the generator met most often: images become more alike and often clearer, the trade of
    fidelity against variety of Brock et al. 2018 (arXiv 1809.11096, sec. 3.1).

    NOTE[DIFF]: scaled, not drawn anew where a number is too large, so that an image can be followed through the sweep.

    **Shape:** the result is uint8 ``(len(values), n, h, w, c)``; 1 gives ordinary samples.

    Raises
    ------
    ConfigError
        As `interpolation_strip` does; there is no value, or one that is negative or not finite.
    """
    scales = np.asarray(values, np.float64)
    if scales.ndim != 1 or not len(scales) or not np.isfinite(scales).all() or (scales < 0).any():
        raise ConfigError(f"values must be one or more finite numbers of at least 0, however: {values!r}")
    inputs, y = _inputs(synthesizer, label, n, random_state)
    # A generator that normalises its noise first takes psi instead, which others do not look at.
    scaled = {"psi": inputs["psi"]} if "psi" in inputs else {"z": inputs["z"], "psi": torch.ones(y.shape).to(y.device)}
    return np.stack(
        [
            _images(synthesizer, {**inputs, **{name: float(scale) * value for name, value in scaled.items()}}, y)
            for scale in scales
        ]
    )


def slerp(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    """Go from ``a (D,)`` to ``b (D,)`` on a great circle: ``share (N,)`` in [0, 1] -> ``(N, D)``.

    ``(sin((1 - t) w) a + sin(t w) b) / sin w`` with ``w`` the angle between them (Shoemake 1985; for noise White 2016,
    arXiv 1609.04468); a straight line where they point the same way.

    >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.5]))
    tensor([[0.7071, 0.7071]])
    """
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=0).clamp(-1, 1)
    angle, t = torch.acos(cosine), share[:, None]
    if torch.sin(angle) < 1e-4:
        return torch.lerp(a[None], b[None], t)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def save_picture(path: str | os.PathLike[str], images: np.ndarray) -> None:
    """Write the images of a strip in a line, or those of a sweep a line a value, as the PNG file ``path``, or URL.

    Small images are enlarged by a whole factor, to about 64 pixels a side, each pixel as it is.

    **Shape:** uint8 ``(n, h, w, c)`` or ``(rows, n, h, w, c)``.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    lines = images[None] if images.ndim == 4 else images
    shown = enlarged(lines.reshape(-1, *lines.shape[2:]), zoom_of(*lines.shape[2:4]))
    pixels = grid(shown, columns=lines.shape[1])
    storage.atomic_write(path, to_png(pixels, text='{"synthetic": true}'))


def _inputs(synthesizer: Synthesizer, label: Any, n: int, random_state: Any) -> tuple[Tensors, Tensor]:
    """Draw the inputs of ``n`` images of class ``label``, and their class codes ``(1, n)``."""
    schema = synthesizer.schema
    if not isinstance(schema, ImageSchema):
        raise ConfigError(f"a walk through the noise is shown in images, and {synthesizer.variant!r} makes rows")
    code = schema.code_of(label)
    if not synthesizer.class_counts[code]:
        raise ConfigError(f"class {label!r} had no training row, so none of it can be drawn")
    y = torch.full((1, n), code, device=synthesizer.device)
    rng = seeding.torch_rng(seeding.resolve(random_state), "latent", device=synthesizer.device)
    inputs = synthesizer.source.draw(y, rng)
    if "z" not in inputs:
        raise ConfigError(
            f"variant {synthesizer.variant!r} makes images of {', '.join(sorted(inputs))}, not of noise 'z', so there "
            "is no noise to walk through; take a variant that draws from noise, such as r3gan"
        )
    return inputs, y


def _images(synthesizer: Synthesizer, inputs: Tensors, y: Tensor) -> np.ndarray:
    """Return what the generator makes of the inputs, uint8 ``(n, h, w, c)``."""
    emitted = synthesizer.emit(inputs, y)
    assert isinstance(emitted, EmittedImages), "a variant of images emits images"
    encoder: Any = synthesizer.encoder
    labels = y[0].cpu().numpy()
    return np.array(encoder.schema.pixels(encoder.decode(emitted.encoded(encoder, len(labels)), labels)))
