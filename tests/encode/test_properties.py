"""decode(encode(x)) is x, for columns of every kind; and made-up rows look like real ones."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganaug.data import read_table
from ganaug.encode import Encoded, TableEncoder
from ganaug.errors import DataWarning
from ganaug.schema import TableSchema

LENGTH = st.shared(st.integers(2, 40), key="rows")
SETTINGS = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low = -(2 ** (bits - 1)) if signed else 0
    return st.integers(low, low + 2**bits - 1) | st.integers(max(low, -5), 5)


def decimals(digits: int, places: int) -> st.SearchStrategy[decimal.Decimal]:
    limit = 10**digits - 1
    return st.integers(-limit, limit).map(lambda n: decimal.Decimal(n).scaleb(-places))


KINDS: dict[pa.DataType, st.SearchStrategy] = {
    pa.bool_(): st.booleans(),
    pa.int8(): integers(8, signed=True),
    pa.int32(): integers(32, signed=True),
    pa.int64(): integers(64, signed=True),
    pa.uint16(): integers(16, signed=False),
    pa.uint64(): integers(64, signed=False),
    pa.float16(): st.floats(width=16, allow_nan=False, allow_infinity=False).map(np.float16),
    pa.float32(): st.floats(width=32, allow_nan=False, allow_infinity=False),
    pa.float64(): st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, 1.5, 1e308, -1e308]),
    pa.decimal128(12, 3): decimals(12, 3),
    pa.decimal128(18, 0): decimals(18, 0),
    pa.decimal256(50, 2): decimals(18, 2),
    pa.string(): st.text(max_size=5),
    pa.large_string(): st.sampled_from(["", "a", "b"]),
    pa.binary(): st.binary(max_size=3),
    pa.binary(2): st.binary(min_size=2, max_size=2),
    pa.date32(): st.dates(),
    pa.date64(): st.dates(),
    pa.timestamp("s"): st.datetimes().map(lambda d: d.replace(microsecond=0)),
    pa.timestamp("us", "Europe/Berlin"): st.datetimes(
        dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1), timezones=st.just(dt.UTC)
    ),
    pa.timestamp("ns"): st.integers(-(2**63) + 1, 2**63 - 1),
    pa.time32("ms"): st.times().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)),
    pa.time64("us"): st.times(),
    pa.duration("ns"): st.integers(-(2**63) + 1, 2**63 - 1),
    pa.duration("s"): st.timedeltas().map(lambda t: dt.timedelta(days=t.days)),
    pa.dictionary(pa.int8(), pa.string(), ordered=True): st.sampled_from(["x", "y", "z"]),
    pa.dictionary(pa.int32(), pa.int64()): st.integers(-3, 3),
    pa.null(): st.none(),
}


def columns(kind: pa.DataType) -> st.SearchStrategy[pa.Array]:
    """Give columns of the kind: any values, few values (spikes), one value, with and without missing ones."""
    values = KINDS[kind]
    cells = st.sampled_from([values, values | st.none(), st.none()]) if not pa.types.is_null(kind) else st.just(values)
    free = cells.flatmap(lambda c: LENGTH.flatmap(lambda n: st.lists(c, min_size=n, max_size=n)))
    few = st.lists(values | st.none(), min_size=1, max_size=3).flatmap(
        lambda pool: LENGTH.flatmap(lambda n: st.lists(st.sampled_from(pool), min_size=n, max_size=n))
    )
    return (free | few).map(lambda v: pa.array(v, kind))


def read(table: pa.Table, **options: object):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_table(table, **({"id_columns": []} | options))


def saved_and_loaded(encoder: TableEncoder) -> TableEncoder:
    described, arrays = encoder.state()
    schema = TableSchema.from_json(json.loads(json.dumps(encoder.schema.to_json(), allow_nan=False)))
    return TableEncoder.from_state(json.loads(json.dumps(described, allow_nan=False)), arrays, schema)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_decode_undoes_encode(kind: pa.DataType) -> None:
    @SETTINGS
    @given(columns(kind))
    def holds(column: pa.Array) -> None:
        data = read(pa.table({"a": column, "b": pa.array(range(len(column)))}))
        encoder = TableEncoder.fit(data.table, data.schema)
        encoded = encoder.encode(data.table)
        assert np.isfinite(encoded.continuous).all()
        assert (encoded.codes >= 0).all()
        for other in (encoder, saved_and_loaded(encoder)):
            out = other.decode(other.encode(data.table), None)
            assert out.schema.equals(data.table.schema)
            out.validate(full=True)
            assert out.equals(data.table), (out["a"], data.table["a"])

    holds()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_made_up_rows_stay_in_range_and_in_the_category_set(kind: pa.DataType) -> None:
    @SETTINGS
    @given(columns(kind), st.integers(0, 2**32 - 1))
    def holds(column: pa.Array, seed: int) -> None:
        data = read(pa.table({"a": column, "b": pa.array(range(len(column)))}))
        encoder = TableEncoder.fit(data.table, data.schema)
        rng, layout = np.random.default_rng(seed), encoder.layout
        buckets = np.stack([rng.integers(0, w, 50) for w in layout.widths], axis=1)
        codes = encoder.unbucket(buckets, rng.random(buckets.shape))
        assert (encoder.bucket(codes) == buckets).all()
        out = encoder.decode(Encoded(3 * rng.normal(size=(50, layout.n_continuous)), codes), None)
        out.validate(full=True)
        real, fake = data.table["a"].drop_null(), out["a"].drop_null()
        assert column.null_count or not out["a"].null_count
        if len(real) == 0:
            assert len(fake) == 0
        elif data.schema.columns[0].kind in ("category", "boolean"):
            listed = data.schema.columns[0].categories
            allowed = real.to_pylist() if listed is None or len(column.unique()) == 1 else listed.to_pylist()
            assert set(fake.to_pylist()) <= set(allowed)
        elif len(fake):
            plain, made = ordinals(real), ordinals(fake)
            assert min(plain) <= min(made) and max(made) <= max(plain)
            step = math.gcd(*(v - plain[0] for v in plain)) if isinstance(plain[0], int) else 0
            # A step that int64 cannot hold is none: there are two values only then.
            assert not 0 < step < 2**63 or all((v - plain[0]) % step == 0 for v in made), "off the grid"

    holds()


def ordinals(column: pa.ChunkedArray) -> list:
    """Return numbers in the order of the values, integers where there is a grid."""
    if pa.types.is_floating(column.type):
        return [float(v) for v in column.to_pylist()]
    if pa.types.is_decimal(column.type):
        return [int(v.scaleb(column.type.scale)) for v in column.to_pylist()]
    if pa.types.is_integer(column.type):
        return column.to_pylist()
    return column.combine_chunks().view(pa.int32() if column.type.bit_width == 32 else pa.int64()).to_pylist()


@SETTINGS
@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=60), st.integers(0, 6), st.sampled_from(["f4", "f8"])
)
def test_floats_keep_their_decimals(numbers: list[int], places: int, dtype: str) -> None:
    values = np.array([round(n / 10**places, places) for n in numbers]).astype(dtype)
    data = read(pa.table({"a": values}))
    encoder = TableEncoder.fit(data.table, data.schema)
    assert encoder.decode(encoder.encode(data.table), None).equals(data.table)
    z = np.random.default_rng(0).normal(size=(200, encoder.layout.n_continuous))
    codes = np.zeros((200, len(encoder.layout.widths)), dtype=np.int32)
    made = encoder.decode(Encoded(z, codes), None)["a"].to_numpy()
    np.testing.assert_array_equal(made, np.round(made.astype("f8"), places).astype(dtype))


@SETTINGS
@given(st.lists(columns(pa.string()) | columns(pa.float64()) | columns(pa.date32()), min_size=2, max_size=5), st.data())
def test_whole_tables_with_a_target(parts: list[pa.Array], draw: st.DataObject) -> None:
    n = len(parts[0])
    labels = pa.array([f"class {i % 2}" for i in range(n)]).dictionary_encode()
    named = {f"c{i}": part for i, part in enumerate(parts)}
    position = draw.draw(st.integers(0, len(parts)))
    names = [*list(named)[:position], "y", *list(named)[position:]]
    data = read(pa.table({k: (named | {"y": labels})[k] for k in names}), target="y")
    encoder = TableEncoder.fit(data.table, data.schema)
    order = np.random.default_rng(0).permutation(n)
    out = encoder.decode(encoder.encode(data.table).take(order), data.schema.label_codes(data.table)[order])
    assert out.equals(data.table.take(pa.array(order)))


@SETTINGS
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30))
def test_pandas_frames_come_back_through_the_encoder(values: list[float]) -> None:
    n = len(values)
    frame = pd.DataFrame(
        {
            0: values,
            "when": pd.date_range("2020-01-01", periods=n, freq="37min", tz="Asia/Tokyo"),
            "kind": pd.Categorical(["u", None] * (n // 2) + ["v"] * (n % 2), ["v", "u", "w"], ordered=True),
            "count": pd.array([None, *range(1, n)], dtype="Int16"),
            "text": pd.array(["a", None] * (n // 2) + ["b"] * (n % 2), dtype="string"),
        }
    )
    data = read(frame)
    encoder = TableEncoder.fit(data.table, data.schema)
    out = data.schema.restore(encoder.decode(encoder.encode(data.table), None))
    pd.testing.assert_frame_equal(out, frame, check_exact=True, check_freq=False)
