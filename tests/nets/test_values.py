from __future__ import annotations

import math

import torch

from ganaug.nets import initialise
from ganaug.nets.values import FactoredEmbedding, ValueEmbedding


def test_near_values_have_near_vectors() -> None:
    embedding = ValueEmbedding(2, 16)
    initialise(embedding, [0, 1], "embedding")
    y = torch.linspace(-3, 3, 601).repeat(2, 1)
    out = embedding(y)
    assert out.shape == (2, 601, 16)
    steps = (out[:, 1:] - out[:, :-1]).norm(dim=-1)
    assert steps.max() < 0.1 and (out[:, 0] - out[:, -1]).norm(dim=-1).min() > 0.5
    assert not torch.equal(out[0], out[1])  # members have weights of their own


def test_a_combination_is_the_sum_of_its_labels() -> None:
    factors = ((0, 0), (0, 1), (1, 1))  # (1, 0) was never seen
    embedding = FactoredEmbedding(1, factors, 4)
    initialise(embedding, [0], "embedding")
    out = embedding(torch.tensor([[0, 1, 2]]))[0]
    first, second = (column.weight[0] for column in embedding.columns)
    for k, (a, b) in enumerate(factors):
        assert torch.allclose(out[k], (first[a] + second[b]) / math.sqrt(2))
    with torch.no_grad():
        embedding.whole.weight[0, 1] = 1.0
    moved = embedding(torch.tensor([[0, 1, 2]]))[0]
    assert torch.equal(moved[[0, 2]], out[[0, 2]]) and torch.allclose(moved[1], out[1] + 1)
