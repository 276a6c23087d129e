"""Member networks: independent members, parameter counts, and a start that is what it says."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from ganaug.nets import ConditionalMLP, MemberEmbedding, MemberLinear, OneHot, ProjectionCritic, initialise


def test_member_linear_is_torch_linear_of_each_member() -> None:
    layer = MemberLinear(3, 4, 5)
    initialise(layer, [1, 2, 3], "layer")
    x = torch.randn(3, 7, 4)
    for m in range(3):
        expected = F.linear(x[m], layer.weight[m].T, layer.bias[m, 0])
        assert torch.allclose(layer(x)[m], expected, atol=1e-6)


def test_a_member_starts_from_its_own_seed_alone() -> None:
    def weights(seeds: list[int]) -> torch.Tensor:
        network = ProjectionCritic(len(seeds), 6, n_classes=2, width=8, depth=2)
        initialise(network, seeds, "critic")
        return network.trunk.first.weight

    both, second = weights([4, 9]), weights([9])
    assert torch.equal(both[1], second[0])
    assert not torch.equal(both[0], both[1])
    assert both.abs().max() <= 6**-0.5


def test_members_do_not_see_each_other() -> None:
    network = ConditionalMLP(2, 3, 2, n_classes=2, width=8, depth=3)
    initialise(network, [0, 1], "network")
    x, y = torch.randn(2, 5, 3, requires_grad=True), torch.zeros(2, 5, dtype=torch.int64)
    (gradient,) = torch.autograd.grad(network(x, y)[0].sum(), x)
    assert gradient[0].abs().sum() > 0
    assert gradient[1].abs().sum() == 0


def test_zero_head_gives_exact_zeros_until_trained() -> None:
    network = ConditionalMLP(1, 3, 2, n_classes=2, width=8, depth=2, zero_head=True)
    initialise(network, [0], "network")
    assert torch.equal(network(torch.randn(1, 5, 3), torch.ones(1, 5, dtype=torch.int64)), torch.zeros(1, 5, 2))


def test_projection_critic_is_its_formula() -> None:
    critic = ProjectionCritic(1, 3, n_classes=2, width=4, depth=1)
    initialise(critic, [0], "critic")
    x, y = torch.randn(1, 6, 3), torch.tensor([[0, 1, 0, 1, 1, 0]])
    features = F.leaky_relu(x[0] @ critic.trunk.first.weight[0] + critic.trunk.first.bias[0], 0.2)
    plain = (features @ critic.head.weight[0] + critic.head.bias[0])[:, 0]
    projection = (features * critic.embedding.weight[0][y[0]]).sum(-1) / 2  # sqrt(width) = 2
    assert torch.allclose(critic(x, y)[0], plain + projection, atol=1e-6)
    assert sum(p.numel() for p in critic.parameters()) == (3 * 4 + 4) + (4 + 1) + 2 * 4


def test_embedding_picks_the_row_of_the_class() -> None:
    table = MemberEmbedding(2, 3, 4)
    initialise(table, [0, 1], "table")
    y = torch.tensor([[2, 0], [1, 1]])
    assert torch.equal(table(y)[0, 0], table.weight[0, 2])
    assert torch.equal(table(y)[1, 1], table.weight[1, 1])


def test_one_hot_hides_values_of_spikes_and_missing_cells() -> None:
    view = OneHot(2, (3, 1, 2), states=(0, 1))
    x = view(torch.tensor([[5.0, 7.0], [5.0, 7.0]]), torch.tensor([[0, 0, 1], [2, 0, 0]]))
    assert x.tolist() == [[5, 7, 1, 0, 0, 0, 1], [0, 7, 0, 0, 1, 1, 0]]
    assert view.spread(torch.tensor([[10.0, 20.0, 30.0]])).tolist() == [[10, 10, 10, 30, 30]]


def test_depth_must_be_positive() -> None:
    with pytest.raises(ValueError, match="depth must be from 1 to 100, however: depth=0"):
        ConditionalMLP(1, 1, 1, n_classes=1, width=4, depth=0)
