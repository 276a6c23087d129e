"""Anchors: neighbours of the same class and member, and what a class of one row does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import pairwise_distances

from ganaug.data.rows import TableMember, TableRows
from ganaug.nets import OneHot
from ganaug.sources import AnchorSource, NoiseSource, anchor_arrays


def arrays(continuous: np.ndarray, labels: np.ndarray, *, neighbours: int = 3, max_anchors: int = 100) -> dict:
    codes = np.arange(len(labels), dtype=np.int32)[:, None]
    return anchor_arrays(
        continuous, codes, codes, labels, continuous.astype(np.float32),
        n_classes=int(labels.max()) + 1, neighbours=neighbours, max_anchors=max_anchors, seed=0,
    )  # fmt: skip


def test_neighbours_are_the_nearest_of_the_same_class() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 2)), np.repeat([0, 1], [25, 15])
    table = arrays(x, y)
    for row in range(40):
        own = np.flatnonzero(y == y[row])
        order = own[np.argsort(pairwise_distances(x[[row]], x[own])[0], kind="stable")]
        assert set(table["neighbours"][row]) == set(order[1:4])


def test_small_classes_have_fewer_neighbours() -> None:
    table = arrays(np.random.default_rng(0).normal(size=(12, 2)), np.repeat([0, 1], [10, 2]))
    assert table["n_neighbours"].tolist() == [3] * 10 + [1] * 2
    assert table["neighbours"][10:, 0].tolist() == [11, 10]


def test_a_class_of_one_row_borrows_the_steps_of_the_nearest_class() -> None:
    near = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    far = near + 100
    table = arrays(np.vstack([near, far, [[3.0, 3.0]]]), np.array([0, 0, 0, 1, 1, 1, 2]), neighbours=2)
    row = int(table["first"][2])
    virtual = table["continuous"][table["neighbours"][row, : table["n_neighbours"][row]]]
    steps = {tuple(step) for step in (virtual - [3.0, 3.0]).round(3).tolist()}
    lent = {tuple((near[j] - near[i]).tolist()) for i in range(3) for j in range(3) if i != j}
    assert steps <= lent
    assert (table["codes"][table["neighbours"][row]] == 6).all()  # codes are the row's own
    assert table["size"].tolist() == [3, 3, 1]  # a virtual row is never an anchor


def test_large_classes_keep_a_seeded_subset() -> None:
    x, y = np.random.default_rng(0).normal(size=(60, 2)), np.repeat([0, 1], [50, 10])
    table = arrays(x, y, max_anchors=20)
    assert table["size"].tolist() == [20, 10]
    assert table["codes"][:, 0].tolist() == arrays(x, y, max_anchors=20)["codes"][:, 0].tolist()


def test_draws_stay_within_member_and_class_and_are_uniform() -> None:
    rng = np.random.default_rng(0)
    labels = [np.repeat([0, 1], [30, 10]), np.repeat([0, 1], [5, 20])]
    values = [
        np.full((len(y), 1), 10.0 * m) + y[:, None] + rng.normal(size=(len(y), 1)) * 0.01 for m, y in enumerate(labels)
    ]
    source = AnchorSource.pack([arrays(x, y) for x, y in zip(values, labels, strict=True)], noise=4)
    y = torch.tensor([[0, 1] * 500, [1, 0] * 500])
    drawn = source.draw(y, torch.Generator().manual_seed(0))
    for side in ("a_continuous", "b_continuous"):
        expected = y + torch.tensor([[0], [10]])
        assert torch.allclose(drawn[side][..., 0].round(), expected.float())
    assert not torch.equal(drawn["a_codes"], drawn["b_codes"])
    counts = torch.bincount(drawn["a_codes"][1][y[1] == 0].flatten(), minlength=5)[:5]
    assert counts.min() > 50  # five anchors, five hundred draws
    assert drawn["z"].shape == (2, 1000, 4)
    assert 0.4 < drawn["u"].mean() < 0.6


def test_a_member_comes_back_from_its_arrays() -> None:
    rng = np.random.default_rng(0)
    labels = [np.repeat([0, 1], [30, 1]), np.repeat([0, 1], [5, 20])]
    source = AnchorSource.pack([arrays(rng.normal(size=(len(y), 2)), y) for y in labels], noise=3)
    y = torch.tensor([[0, 1, 1, 0]])
    for m in range(2):
        alone = AnchorSource.pack([source.arrays(m)], noise=3)
        both = source.draw(y.expand(2, -1), torch.Generator().manual_seed(3))
        assert set(alone.arrays(0)) == set(source.arrays(m))
        for name, array in alone.arrays(0).items():
            np.testing.assert_array_equal(array, source.arrays(m)[name])
        assert alone.draw(y, torch.Generator().manual_seed(3))["a_continuous"].shape == both["a_continuous"][:1].shape


def test_noise_keeps_nothing() -> None:
    source = NoiseSource(3, 2)
    drawn = source.draw(torch.zeros(1, 5, dtype=torch.int64), torch.Generator().manual_seed(0))
    assert drawn["z"].shape == (1, 5, 3)
    assert drawn["v"].shape == (1, 5, 2)
    assert source.arrays(0) == {}


def test_training_rows_are_drawn_with_balanced_classes() -> None:
    labels = [np.repeat([0, 2], [95, 5]), np.repeat([0, 1, 2], [50, 25, 25])]
    members = [
        TableMember(
            continuous=y[:, None] + 10.0 * m, codes=np.zeros((len(y), 1)), buckets=np.zeros((len(y), 1)), labels=y
        )
        for m, y in enumerate(labels)
    ]
    rows = TableRows.pack(members, n_classes=3, view=OneHot(1, (1,), (0,)))
    x, y = rows.draw(3000, torch.Generator().manual_seed(0))
    assert torch.equal(x[..., 0], y + torch.tensor([[0.0], [10.0]]))
    assert torch.bincount(y[0], minlength=3).tolist() == pytest.approx([1500, 0, 1500], abs=150)
    assert torch.bincount(y[1], minlength=3).tolist() == pytest.approx([1000, 1000, 1000], abs=150)


def test_a_class_that_a_member_lacks_can_be_asked_for_beside_others_that_have_it() -> None:
    # The monitor draws one class of all members at once; here the last member lacks the last class.
    x = np.random.default_rng(0).normal(size=(12, 2))
    parts = [arrays(x, np.repeat([0, 1], 6)), arrays(x, np.repeat([0], 12))]
    parts[1] |= {name: np.append(parts[1][name], [end]) for name, end in (("first", 12), ("size", 0))}
    y = torch.ones(2, 9, dtype=torch.int64)
    drawn = AnchorSource.pack(parts, noise=1).draw(y, torch.Generator().manual_seed(0))
    assert (drawn["a_codes"][0] >= 6).all()
