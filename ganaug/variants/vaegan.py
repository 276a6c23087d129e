"""The hybrid of a variational autoencoder and a GAN (Larsen et al. 2015, arXiv 1512.09300).

An encoder gives ``q(z | x, y)``, the decoder is the GAN's generator, and how far a reconstruction is from its original
is measured in a layer of the discriminator, ``Dis_l``, and not in pixels or columns. Three losses (alg. 1):
``L_prior = KL(q(z | x, y) || N(0, I))``, ``L_like = |Dis_l(x) - Dis_l(x~)|^2 / 2``, and the adversarial ``L_GAN`` on
real rows, reconstructions ``x~`` and samples ``G(z, y)`` from the prior. The encoder minimises the first two, the
decoder the last two, the discriminator ``L_GAN``. What is drawn for the user comes from the prior; the encoder is not
kept. The class is given to all three, which the paper does for attributes (sec. 4.2).

NOTE[DIFF]: no batch normalisation holds the size of the features, so ``L_like`` is taken as a share of the original's
own squared features, and is a mean over them; its weight does not depend on the width of the layer or on how far the
discriminator has grown. Reconstructions and samples count half each, so that real and made rows weigh the same. The
decoder's adversarial loss does not saturate, and R1 holds the discriminator's slope.

Shape legend: M members, B rows or images of a batch, Z latent dimensions, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganaug import diffaugment, image_game, losses
from ganaug.encode import ImageLayout, Layout
from ganaug.gan import About, Adam, Draw, Gan, Penalty, Phase, Stage, Tensors
from ganaug.image_game import ImageDiscriminator, blocks_of, conv_critic
from ganaug.nets import Classifier, OneHot, ProjectionCritic, initialise
from ganaug.nets.pictures import ConvGenerator
from ganaug.nets.rows import RowGenerator
from ganaug.nets.variational import ImagePosterior, RowPosterior, normal_divergence, normal_sample
from ganaug.noise_game import (
    NoiseConfig,
    emit_rows,
    generate_rows,
    judge_loss,
    make_source,
    settle,
    stored_source,
)
from ganaug.penalties import squared_gradient

__all__ = ["ABOUT", "KEEPS_ROWS", "MODALITIES", "Config", "build", "make_source", "settle", "stored_source"]

ABOUT = About(
    summary="A variational autoencoder whose decoder is a GAN's generator, and whose error is a discriminator's.",
    source="Larsen et al. 2015, arXiv 1512.09300",
    when="Classes with several shapes, none of which may be lost, and no training row may be kept.",
)
KEEPS_ROWS = False
"""The artefact holds nothing of a single training row: the encoder and the discriminator are not kept."""
MODALITIES = ("tables", "images")

INTERVAL = 8
"""Steps between two R1 penalties."""


@dataclass(frozen=True, kw_only=True)
class Config(NoiseConfig):
    """Settings of the hybrid."""

    steps: int | None = 600
    """Training steps, at least 0; each costs more than twice one of a GAN alone."""
    divergence: float = 0.003
    """Weight of ``L_prior``, in nats, beside a reconstruction error that is a share. With 0.01 the posterior of a table
    tells 1 nat of a row, with 0.002 that of an image fills half of a dimension of the prior."""
    likeness: float = 1.0
    """Weight of ``L_like`` beside the adversarial loss, for the decoder (gamma in the paper)."""
    r1: float = 0.1
    """Weight of R1 on real rows (Mescheder et al. 2018, arXiv 1801.04406), taken every eighth step."""


def build(config: Config, layout: Layout | ImageLayout, source: Any, *, n_classes: int, seeds: Sequence[int]) -> Gan:
    """Compose the GAN of ``len(seeds)`` members."""
    settled = settle(config, layout, image_game.CPU)
    if isinstance(layout, ImageLayout):
        networks, game = _images(settled, layout, members=len(seeds), n_classes=n_classes), _IMAGES
    else:
        networks, game = _tables(settled, layout, members=len(seeds), n_classes=n_classes), _TABLES
    for name, network in networks.items():
        initialise(network, seeds, name)
    assert settled.steps is not None and settled.batch is not None
    return Gan(
        networks=networks,
        source=source,
        phases=_phases(settled, game),
        stages=(Stage(steps=settled.steps, batch=settled.batch),),
        averaged=("generator",),
        generate=game.decode,
        emit=game.emit,
        critic=game.score,
        half_life=settled.half_life,
    )


# ---------------------------------------------------------------- the game


@dataclass(frozen=True, kw_only=True)
class _Game:
    """What the modalities differ in."""

    decode: Callable[[nn.ModuleDict, Tensors, Tensor], Tensor]
    """``(networks, inputs, y) -> (M, B, *)``."""
    emit: Callable[[nn.ModuleDict, Tensors, Tensor], Any]
    show: Callable[[nn.ModuleDict, Tensor, Tensor], Tensor]
    """``(networks, x, u (M, B, 6)) ->`` x as the discriminator is shown it."""
    features: Callable[[nn.ModuleDict, Tensor], Tensor]
    """``Dis_l``: ``(networks, x) -> (M, B, F)``."""
    score: Callable[[nn.ModuleDict, Tensor, Tensor], Tensor]
    """``(networks, x, y) -> (M, B)``."""
    before: Callable[[Adam], tuple[Phase, ...]]
    """Phases that come before."""
    after: Callable[[nn.ModuleDict, Sequence[Draw]], None] | None
    """What follows from a batch of the discriminator."""

    def posterior(self, networks: nn.ModuleDict, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """Return means and log-variances of the latent vectors of real rows, and a draw of them, ``(M, B, Z)``."""
        mean, log_variance = networks["encoder"](draw.real, draw.y)
        u = draw.uniform(mean.shape[-1])
        return mean, log_variance, normal_sample(mean, log_variance, u)

    def reconstruct(self, networks: nn.ModuleDict, draw: Draw, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return real rows and what is decoded from ``z``, shown alike, and a sample from the prior as it is shown."""
        u = draw.uniform(2, diffaugment.N_UNIFORM)
        again = self.decode(networks, draw.inputs | {"z": z}, draw.y)
        fresh = self.decode(networks, draw.inputs, draw.y)
        pairs = ((draw.real, u[:, :, 0]), (again, u[:, :, 0]), (fresh, u[:, :, 1]))
        real, again, fresh = (self.show(networks, x, how) for x, how in pairs)
        return real, again, fresh

    def unlikeness(self, networks: nn.ModuleDict, real: Tensor, again: Tensor) -> Tensor:
        """Return ``L_like`` of rows as shown, a share of the features of the real one, ``(M, B)``; eq. 6 and 7."""
        with torch.no_grad():
            wanted = self.features(networks, real)
        error = (self.features(networks, again) - wanted).square().mean(-1)
        return error / (2 * wanted.square().mean(-1) + 1e-8)


def _phases(config: Config, game: _Game) -> tuple[Phase, ...]:
    """Return the phases of discriminator, encoder and decoder (alg. 1), each of which moves its own network alone."""

    def discriminator_loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        with torch.no_grad():
            _, _, z = game.posterior(networks, draw)
            real, again, fresh = game.reconstruct(networks, draw, z)
        draw.cache["real"] = real
        of_real, of_again, of_fresh = (game.score(networks, x, draw.y) for x in (real, again, fresh))
        draw.cache["logits"] = torch.stack([of_real, of_fresh]).detach()
        return F.softplus(-of_real) + (F.softplus(of_again) + F.softplus(of_fresh)) / 2

    def r1(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        return squared_gradient(lambda x: game.score(networks, x, draw.y), draw.cache["real"])

    def encoder_loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        mean, log_variance, z = game.posterior(networks, draw)
        real, again, _ = game.reconstruct(networks, draw, z)
        return config.divergence * normal_divergence(mean, log_variance) + game.unlikeness(networks, real, again)

    def decoder_loss(networks: nn.ModuleDict, draw: Draw) -> Tensor:
        with torch.no_grad():
            _, _, z = game.posterior(networks, draw)
        real, again, fresh = game.reconstruct(networks, draw, z)
        fooled = [losses.non_saturating_generator(game.score(networks, x, draw.y)) for x in (again, fresh)]
        return config.likeness * game.unlikeness(networks, real, again) + (fooled[0] + fooled[1]) / 2

    adam = Adam(learning_rate=config.learning_rate, betas=(0.0, 0.9), final_share=config.final_share)
    return (
        *game.before(adam),
        Phase(
            name="discriminator",
            moves=("discriminator",),
            loss=discriminator_loss,
            optimiser=adam,
            penalties=(Penalty(name="r1", term=r1, weight=config.r1, interval=INTERVAL),),
            after=game.after,
        ),
        Phase(name="encoder", moves=("encoder",), loss=encoder_loss, optimiser=adam),
        Phase(name="decoder", moves=("generator",), loss=decoder_loss, optimiser=adam),
    )


# ---------------------------------------------------------------- images


def _images(config: Config, layout: ImageLayout, *, members: int, n_classes: int) -> nn.ModuleDict:
    size = (layout.channels, layout.height, layout.width)
    shape: dict[str, Any] = {
        "noise": config.noise,
        "embedding": config.embedding,
        "n_classes": n_classes,
        "channels": config.channels,
        **blocks_of(config, layout),
    }
    critic = conv_critic(config, layout, members=members, n_classes=n_classes)
    options = {"members": members, "translation": config.translation, "hole": config.hole}
    return nn.ModuleDict(
        {
            "encoder": ImagePosterior(members, size, **shape),
            "generator": ConvGenerator(members, size, **shape),
            "discriminator": ImageDiscriminator(critic, **options),
        }
    )


def _show_image(networks: nn.ModuleDict, x: Tensor, u: Tensor) -> Tensor:
    discriminator: Any = networks["discriminator"]
    return discriminator.view(x, u)


def _image_features(networks: nn.ModuleDict, x: Tensor) -> Tensor:
    """Return the coarsest map of the critic, laid out."""
    discriminator: Any = networks["discriminator"]
    return discriminator.critic.encoder(x)[-1].flatten(2)


def _image_score(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
    return networks["discriminator"](x, y)


def _adapt(networks: nn.ModuleDict, parts: Sequence[Draw]) -> None:
    discriminator: Any = networks["discriminator"]
    discriminator.strength.update(*torch.cat([part.cache["logits"] for part in parts], dim=2))


_IMAGES = _Game(
    decode=image_game.generate,
    emit=image_game.emit,
    show=_show_image,
    features=_image_features,
    score=_image_score,
    before=lambda adam: (),
    after=_adapt,
)


# ---------------------------------------------------------------- tables


def _tables(config: Config, layout: Layout, *, members: int, n_classes: int) -> nn.ModuleDict:
    view = OneHot.of(layout)
    shape: dict[str, Any] = {"n_classes": n_classes, "width": config.width, "depth": config.depth}
    codes = {"temperature": config.temperature, "sharpness": config.sharpness, "n_codes": len(layout.widths)}
    return nn.ModuleDict(
        {
            "encoder": RowPosterior(members, view.n_dims, noise=config.noise, **shape),
            "generator": RowGenerator(members, view, noise=config.noise, **codes, **shape),
            "discriminator": ProjectionCritic(members, view.n_dims + n_classes, **shape),
            "judge": Classifier(members, view.n_dims, n_classes=n_classes, width=config.width, depth=1),
        }
    )


def _judged(networks: nn.ModuleDict, x: Tensor) -> Tensor:
    """Return rows beside what a classifier of the real rows makes of them, which makes the condition obeyed."""
    return torch.cat([x, networks["judge"](x)], dim=-1)


def _row_features(networks: nn.ModuleDict, x: Tensor) -> Tensor:
    discriminator: Any = networks["discriminator"]
    return discriminator.trunk(_judged(networks, x))


def _row_score(networks: nn.ModuleDict, x: Tensor, y: Tensor) -> Tensor:
    return networks["discriminator"](_judged(networks, x), y)


_TABLES = _Game(
    decode=generate_rows,
    emit=emit_rows,
    show=lambda networks, x, u: x,
    features=_row_features,
    score=_row_score,
    before=lambda adam: (Phase(name="judge", moves=("judge",), loss=judge_loss, optimiser=adam),),
    after=None,
)
