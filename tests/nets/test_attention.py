"""Self-attention: it starts as the identity, its weights are a mean, and each place sees the others."""

from __future__ import annotations

import torch

from ganaug.nets import initialise
from ganaug.nets.attention import SelfAttention


def layer(gamma: float) -> SelfAttention:
    made = SelfAttention(2, 16)
    initialise(made, [0, 1], "attention")
    made.gamma.data.fill_(gamma)
    return made


def maps(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 3, 16, 4, 5, generator=torch.Generator().manual_seed(seed))


def test_before_training_it_changes_nothing() -> None:
    x = maps()
    assert torch.equal(layer(0.0)(x), x)


def test_the_weights_are_a_mean_over_all_places_and_not_the_same_everywhere() -> None:
    weights = layer(1.0).weights(maps())
    assert weights.shape == (2, 3, 20, 20)
    assert torch.allclose(weights.sum(-1), torch.ones(2, 3, 20), atol=1e-5)
    assert weights.std() > 1e-3


def test_it_is_the_weighted_mean_of_the_values_by_a_loop() -> None:
    made, x = layer(0.7), maps()
    weights, values = made.weights(x), made.value(x).flatten(3)
    seen = torch.zeros_like(values)
    for i in range(20):
        for j in range(20):
            seen[..., i] += weights[:, :, None, i, j] * values[..., j]
    expected = x + 0.7 * made.out(seen.unflatten(3, (4, 5)))
    assert torch.allclose(made(x), expected, atol=1e-5)


def test_a_far_place_reaches_every_other_one() -> None:
    made, x = layer(1.0), maps()
    changed = x.clone()
    changed[..., 0, 0] += 1
    difference = (made(changed) - made(x)).abs().amax(2)
    assert (difference[..., 3, 4] > 0).all()
