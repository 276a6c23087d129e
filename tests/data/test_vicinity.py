from __future__ import annotations

import numpy as np
import torch

from ganaug.data.value_rows import ValuedMember, ValueRows
from ganaug.data.vicinity import Vicinity, widths


def test_widths_are_the_distances_to_the_kth_nearest_value() -> None:
    for n, k in ((40, 5), (400, 10)):
        scores = np.sort(np.random.default_rng(0).normal(size=n))
        slow = np.sort(np.abs(scores[:, None] - scores[None]), axis=1)[:, k]  # [:, 0] is the value itself
        assert np.allclose(widths(scores), slow)
    assert np.allclose(widths(np.zeros(8)), 1e-3) and widths(np.array([1.0])).tolist() == [1e-3]


def test_rows_are_drawn_by_their_soft_weights() -> None:
    scores = [np.array([-5.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 9.0]), np.array([0.0, 0.5])]
    vicinity = Vicinity.pack(scores)
    y = torch.full((2, 40_000), 1.4)
    width = float(vicinity.around(y)[0, 0])
    assert width == np.float32(3.0 + 0.4)  # the fifth nearest of 1 is 4, and 1.4 lies .4 away from 1
    drawn = vicinity.draw(y, torch.Generator().manual_seed(0))
    weights = np.exp(-np.square((scores[0] - 1.4) / width))
    weights[weights < 1e-3] = 0
    found = np.bincount(drawn[0].numpy(), minlength=8) / 40_000
    # Of 32 candidates one is drawn by weight: near the weights themselves, not exactly.
    assert np.abs(found - weights / weights.sum()).max() < 0.02, (found, weights / weights.sum())
    assert set(drawn[1].tolist()) <= {8, 9}  # the second member's rows lie behind the first one's


def test_a_value_far_from_all_rows_finds_the_nearest() -> None:
    vicinity = Vicinity.pack([np.linspace(0, 1, 20)])
    drawn = vicinity.draw(torch.tensor([[-3.0, 8.0]]).repeat(1, 200), torch.Generator().manual_seed(0))
    assert ((drawn >= 0) & (drawn < 20)).all()


def _rows() -> tuple[ValueRows, np.ndarray]:
    rng = np.random.default_rng(0)
    scores = np.sort(np.concatenate([rng.normal(size=190) * 0.3, rng.uniform(2, 3, size=10)]))
    shuffled = rng.permutation(scores)
    member = ValuedMember(
        continuous=shuffled[:, None],
        codes=np.zeros((200, 0), np.int32),
        buckets=np.zeros((200, 0), np.int32),
        labels=(shuffled > 1.5).astype(np.int64),
        scores=shuffled.astype(np.float32),
    )
    return ValueRows.pack([member], n_classes=2, view=lambda continuous, _: continuous), scores


def test_batches_balance_the_ranges_and_rows_lie_near_the_value_asked_for() -> None:
    rows, scores = _rows()
    x, y = rows.draw(4000, torch.Generator().manual_seed(0))
    assert x.shape == (1, 4000, 1) and y.shape == (1, 4000) and y.dtype == torch.float32
    assert 0.45 < float((y > 1.5).float().mean()) < 0.55  # 10 of 200 rows are
    assert y.min() >= scores[0] - 1e-6 and y.max() <= scores[-1] + 1e-6
    near = (x[..., 0] - y).abs() / rows.vicinity.around(y)
    assert near.max() <= 2.63 and near.mean() < 1  # sqrt(ln 1000) widths at most


def test_the_same_generator_draws_the_same_rows() -> None:
    rows, _ = _rows()
    first, again = (rows.draw(50, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
