"""How a training goes: what is looked at, what goes wrong and what follows, and by what literature it is set up.

What is looked at
-----------------
At every observation (a twelfth of the training, and every `fitting.Watching.every` steps), of every member:

- ``<phase>``, ``gradient <phase>``: the mean loss of the last step of a phase, and the norm of its gradient. Losses of
  a game say little by their height; what counts is whether they stay bounded.
- ``accuracy real``, ``accuracy fake``: the share of training rows and of generated rows that the discriminator tells
  apart (`figures.accuracy` says how, for Wasserstein, relativistic and cross-entropy games alike). Where the generator
  has converged it can only guess: 50 % (Goodfellow et al. 2014, arXiv 1406.2661, theorem 1). A discriminator of a small
  training set may know its rows by heart, and stays above; one that also learns something else from real rows, as that
  of ``anchored`` does, may stay below.
- ``score``: the energy distance of generated rows from held-out ones (`ganaug.monitor`), by which the best step is
  chosen. Of a class of 100 rows and more 15 % are held out; without such a class every score is 0. Of variants that
  fill in or enlarge it is their error on held-out rows, or on those trained on.
- ``variety``, ``duplicates``, and where a training is written ``recall``, ``coverage`` and ``kernel``, another distance
  from held-out rows, a number a class, or a range of a numeric target: see `figures.class_figures`. Of images they are
  taken of small copies, so that they cost little.
- of images, pictures from noise that is always the same.

An observation draws from random streams of its own and leaves the networks as they were: how often a training is
looked at changes no bit of it, unless it goes wrong, and goes back to the last observation that was sound.

What goes wrong, and what follows
---------------------------------
`alarms` names it in the log and in the history, with what to do.

- *NaN*: a loss, a gradient, a weight or a generated row is not finite. Too high a learning rate, mostly.
- *Divergence*: a loss or a gradient is a thousand times as large as it usually was. Adversarial games do not converge
  by themselves where data lie on a thin set; a gradient penalty makes them do so (Mescheder et al. 2018,
  arXiv 1801.04406).
- *Mode collapse*: a class that once had variety has lost it, for two observations in a row. Large GANs collapse late in
  their training, after which only an earlier state helps (Brock et al. 2018, arXiv 1809.11096, sec. 4). A class that
  never had variety is named in the second half, and not gone back for. Where a class has none at the best step either,
  the training ends in a `TrainingError`.
- *The discriminator has won*: it tells nearly every row for three observations and an eighth of the training, while the
  distance does not fall. Its gradient then teaches little (Arjovsky & Bottou 2017, arXiv 1701.04862); with few rows it
  has learnt them by heart, and augmenting what it sees helps (Karras et al. 2020, arXiv 2006.06676).
- *Nothing learnt*: at the end, images of the best step are farther from held-out ones than one mean image a class would
  be (`ganaug.image_monitor`). This is a warning only.

After the first four the training goes back to the state of its last sound observation, the last before the
discriminator began to win: networks, averages and optimisers, with half the learning rate and other random numbers from
there on. After three times it ends in a `TrainingError`. For a discriminator that wins it goes back twice; where it
wins again the training goes on to its end with a warning, and its best step is kept, as always. A state that has lost a
class for the first time is not kept as the best. A training of fewer than fifty steps does not go back for collapse or
victory, and is not refused for rows that are all alike. The way back is part of a checkpoint, so that a killed training
comes to the same bits. It does not lead behind the start of a stage that changes the networks, such as growing.

How a training is set up
------------------------
*Averaged weights.* What is sampled from, scored and stored is an exponential moving average of the generator's weights
(`ganaug.ema`). Averages circle the solution less than the weights themselves do (Yazici et al. 2018, arXiv 1806.04498)
and are used by nearly all image GANs since Karras et al. 2017 (arXiv 1710.10196). The half-life is a variant's
``half_life``, in steps; a warm-up keeps the first, untrained weights from weighing long. Too long for a short training,
and the samples lag behind.

*Learning rates.* Adam with a first moment of 0, as momentum makes games spin (Gidel et al. 2018, arXiv 1807.04740), and
one rate for both networks, or one a phase: two time scales are what convergence is proved for (Heusel et al. 2017,
arXiv 1706.08500). A phase's ``final_share`` below 1 lets the rate fall as a half cosine (Loshchilov & Hutter 2016,
arXiv 1608.03983); WGAN-GP (arXiv 1704.00028) and R3GAN (arXiv 2501.05441) let theirs fall too. There is no warm-up.

*Mixed precision.* On CUDA the convolutions of image variants compute in bfloat16, whose range is that of float32, so
that no loss is scaled (Kalamkar et al. 2019, arXiv 1905.12322); float16 would need that (Micikevicius et al. 2017,
arXiv 1710.03740). Weights, averages, losses, penalties and sampling stay float32: a penalty differentiates twice.
``precision="float32"`` turns it off. Tables, whose networks are small, are always float32.

*Gradient accumulation.* Where the device's memory does not hold a batch, it is halved until it does, and the gradients
of the parts add up to those of the whole before one step is taken. As losses and penalties are means over rows, this
comes to the same but for rounding, unless a network normalises over the batch: each part draws the random numbers of
the whole batch, and what compares rows with others is given the whole (`ganaug.gan.Draw`). Several processes share a
batch in the same way. A larger batch helps large GANs much (Brock et al. 2018, sec. 3).
"""

from __future__ import annotations

from ganaug.watching.alarms import COLLAPSED, RETRIES, SHORT, Alarm, current, recognise, winning
from ganaug.watching.figures import RealClass, Seen, accuracy, class_figures, gradient_norm, mean_distance
from ganaug.watching.observe import observe, of_member
from ganaug.watching.record import (
    HISTORY,
    Record,
    Recorder,
    describe,
    lines,
    picture_name,
    read_pictures,
    write_pictures,
)

__all__ = [
    "COLLAPSED",
    "HISTORY",
    "RETRIES",
    "SHORT",
    "Alarm",
    "RealClass",
    "Record",
    "Recorder",
    "Seen",
    "accuracy",
    "class_figures",
    "current",
    "describe",
    "gradient_norm",
    "lines",
    "mean_distance",
    "observe",
    "of_member",
    "picture_name",
    "read_pictures",
    "recognise",
    "winning",
    "write_pictures",
]
