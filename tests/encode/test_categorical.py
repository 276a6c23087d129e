"""Categories: order, unseen ones, buckets, memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pyarrow as pa

from ganaug.data import read_table
from ganaug.encode import TableEncoder
from ganaug.encode.categorical import CategoryColumn


def fitted(
    values: pa.Array, listed: pa.Array | None = None, *, max_width: int = 64, private: bool = False
) -> CategoryColumn:
    column = CategoryColumn.fit("a", values, listed, max_width=max_width, private=private)
    assert column is not None
    return column


def test_categories_come_the_most_frequent_first() -> None:
    column = fitted(pa.array(["b", "c", "b", None, "a"]))
    assert column.categories.to_pylist() == ["b", "a", "c"] and column.counts.tolist() == [2, 1, 1]
    assert column.encode(pa.array(["c", None, "b"])).tolist() == [2, 3, 0]
    assert column.decode(np.array([3, 1])).to_pylist() == [None, "a"]


def test_a_category_never_seen_is_missing_or_the_most_frequent() -> None:
    new = pa.array(["new", None, "a"])
    assert fitted(pa.array(["b", "b", "a", None])).encode(new).tolist() == [2, 2, 1]
    assert fitted(pa.array(["b", "b", "a"])).encode(new).tolist() == [0, 0, 1]
    coded = new.dictionary_encode()
    assert fitted(pa.array(["b", "b", "a"])).encode(coded).tolist() == [0, 0, 1]


def test_listed_categories_keep_their_order_and_type() -> None:
    listed = pa.array(["z", "b", "a"])
    values = pa.DictionaryArray.from_arrays(pa.array([2, 1, 1, None], pa.int16()), listed, ordered=True)
    column = fitted(values, listed)
    assert column.encode(values).tolist() == [2, 1, 1, 3] and column.counts.tolist() == [0, 2, 1]
    out = column.decode(np.array([0, 3, 2]))
    assert out.type == values.type and out.dictionary.equals(listed) and out.to_pylist() == ["z", None, "a"]


def many(n_categories: int, n: int) -> pa.Array:
    rng = np.random.default_rng(0)
    indices = np.concatenate([np.arange(n_categories), (rng.random(n - n_categories) ** 3 * n_categories).astype(int)])
    return pa.array(np.char.add("c", rng.permutation(indices).astype(str)))


def test_buckets_keep_the_frequent_apart_and_the_rest_even() -> None:
    values = many(5_000, 50_000)
    column = fitted(values)
    codes = column.encode(values)
    buckets = column.bucket(codes)
    assert buckets.min() == 0 and buckets.max() == column.width - 1 == 63
    for alone in range(48):
        assert len(np.unique(codes[buckets == alone])) == 1
    shared = np.bincount(buckets)[48:]
    assert shared.max() < 1.1 * shared.min()
    assert column.bucket(np.arange(48)).tolist() == list(range(48)), "by frequency"


def test_unbucket_draws_by_frequency_inside_the_bucket() -> None:
    values = many(300, 60_000)
    column = fitted(values, max_width=8)
    buckets = column.bucket(column.encode(values))
    drawn = column.unbucket(buckets, np.random.default_rng(1).random(len(buckets)))
    np.testing.assert_array_equal(column.bucket(drawn), buckets)
    expected = column.counts / 60_000
    assert np.abs(np.bincount(drawn, minlength=300) / 60_000 - expected).max() < 0.003
    edges = column.unbucket(np.repeat(np.arange(8), 2), np.tile([0.0, 1 - 1e-16], 8))
    np.testing.assert_array_equal(column.bucket(edges), np.repeat(np.arange(8), 2))


def test_listed_but_unseen_categories_are_bucketed_but_hardly_drawn() -> None:
    listed = pa.array([f"c{i}" for i in range(500)])
    values = pa.DictionaryArray.from_arrays(pa.array(400 + np.arange(400) % 100), listed)
    column = fitted(values, listed, max_width=16)
    codes = np.arange(500)
    buckets = column.bucket(codes)
    assert buckets.max() == column.width - 1
    drawn = column.unbucket(
        np.repeat(np.arange(column.width), 500), np.random.default_rng(0).random(500 * column.width)
    )
    assert (drawn >= 400).all()


def test_the_missing_bucket_is_the_last_one() -> None:
    values = pa.concat_arrays([many(100, 1000), pa.nulls(50, pa.string())])
    column = fitted(values, max_width=10)
    buckets = column.bucket(column.encode(values))
    assert column.width == 11 and (buckets[-50:] == 10).all() and (buckets[:-50] < 10).all()
    assert (column.unbucket(buckets, np.full(len(buckets), 0.5))[-50:] == 100).all()


def test_a_hundred_thousand_categories_cost_memory_by_row_not_by_cell() -> None:
    table = read_table(pa.table({"a": many(100_000, 300_000), "b": np.arange(300_000) % 7})).table
    schema = read_table(table).schema
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    encoder = TableEncoder.fit(table, schema)
    encoded = encoder.encode(table)
    buckets = encoder.bucket(encoded.codes)
    codes = encoder.unbucket(buckets, np.zeros(buckets.shape))
    out = encoder.decode(encoded, None)
    peak = tracemalloc.get_traced_memory()[1] + pa.total_allocated_bytes() - before
    tracemalloc.stop()
    assert out.equals(table) and codes.shape == (300_000, 2)
    assert encoder.layout.widths == (64, 1)
    assert peak < 100e6, "300,000 x 100,000 cells of one byte would be 30 GB"
