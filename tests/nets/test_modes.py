"""Mode-specific normalisation and packs: back and forth without loss, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganaug.nets.modes import Modes
from ganaug.nets.packs import PackCritic, pack, unpack


def three() -> Modes:
    """Two members of two numbers; the first has modes at -3, 0.5 and 4, the last of which does not exist."""
    modes = Modes(2, 2, 3)
    for member in range(2):
        means = np.array([[-3.0, 0.5, 4.0], [0.0, 10.0, 20.0]]) + member
        modes.place(
            member, means, np.array([[0.5, 1.0, 0.1], [1.0, 1.0, 2.0]]), np.array([[0.4, 0.6, 0], [0.2, 0.3, 0.5]])
        )
    return modes


def test_numbers_come_back_from_mode_and_place() -> None:
    modes, rng = three(), torch.Generator().manual_seed(0)
    x = torch.randn(2, 500, 2, generator=rng) * 6
    mode, scalar = modes.split(x, torch.rand(x.shape, generator=rng))
    assert mode.shape == scalar.shape == x.shape
    torch.testing.assert_close(modes.join(modes.hot(mode), scalar), x, rtol=1e-5, atol=1e-5)
    assert int(mode[:, :, 0].max()) == 1 and int(mode[:, :, 1].max()) == 2  # never one of weight 0
    # A place is (x - mean) / (4 deviations), sec. 4.2.
    by_hand = (x[0, :, 0] - torch.tensor([-3.0, 0.5])[mode[0, :, 0]]) / (4 * torch.tensor([0.5, 1.0])[mode[0, :, 0]])
    torch.testing.assert_close(scalar[0, :, 0], by_hand)


def test_a_mode_is_drawn_by_its_posterior() -> None:
    modes = Modes(1, 1, 2)
    modes.place(0, np.array([[-1.0, 1.0]]), np.array([[1.0, 1.0]]), np.array([[0.25, 0.75]]))
    u = torch.rand(1, 40_000, 1, generator=torch.Generator().manual_seed(0))
    # At 0 both are as dense, so that the weights decide; at 1 the second is e^2 times as dense.
    for x, share in ((0.0, 0.75), (1.0, 0.75 * np.exp(2) / (0.25 + 0.75 * np.exp(2)))):
        mode, _ = modes.split(torch.full((1, 40_000, 1), x), u)
        assert mode.float().mean().item() == pytest.approx(share, abs=0.01)


def test_before_it_is_fitted_a_number_is_a_quarter_of_itself_in_one_mode() -> None:
    x = torch.tensor([[[2.0], [-6.0]]])
    mode, scalar = Modes(1, 1, 4).split(x, torch.tensor([[[0.0], [0.999]]]))
    assert not mode.any()
    assert scalar.flatten().tolist() == [0.5, -1.5]


def test_packs_hold_rows_that_follow_each_other() -> None:
    x = torch.arange(2 * 8 * 3.0).reshape(2, 8, 3)
    packed = pack(x, 4)
    assert packed.shape == (2, 2, 12)
    assert torch.equal(packed.reshape(2, 8, 3), x)
    with pytest.raises(RuntimeError, match="7"):
        pack(x[:, :7], 4)


def test_every_row_has_the_score_of_its_pack() -> None:
    assert unpack(torch.tensor([[1.0, 2.0, 3.0]]), 2).tolist() == [[1, 1, 2, 2, 3, 3]]


def test_a_critic_judges_a_pack_by_all_its_rows_and_by_what_was_asked() -> None:
    critic = PackCritic(2, 3, 2, pac=4, width=8, depth=2)
    for parameter in critic.parameters():
        parameter.data.normal_(generator=torch.Generator().manual_seed(0))
    x, given = torch.zeros(2, 5, 12), torch.zeros(2, 5, 8)
    score = critic(x, given)
    assert score.shape == (2, 5)
    for at in range(4):
        moved = x.clone()
        moved[0, 1, 3 * at] = 1.0
        changed = critic(moved, given) != score
        assert changed[0, 1] and changed.sum() == 1
    given[1, 2, 7] = 1.0
    assert (critic(x, given) != score).nonzero().tolist() == [[1, 2]]
