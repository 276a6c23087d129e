"""Private mode: nothing in schema or state that belongs to fewer than ten rows."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ganaug.data import read_table
from ganaug.encode import Encoded, TableEncoder
from ganaug.errors import DataError
from ganaug.schema import TableSchema

N = 1_000
RNG = np.random.default_rng(0)
MONEY = np.round(np.exp(RNG.normal(8, 1, N)), 2)
MONEY[:2] = 999_999.99, 0.07
WHEN = pd.Timestamp("2001-02-03") + pd.to_timedelta(RNG.integers(0, 10**8, N), unit="s")
FRAME = pd.DataFrame(
    {
        "id": RNG.permutation(10**6)[:N] + 5_000_000,
        "token": [f"secret-token-{i}" for i in range(N)],
        "money": MONEY,
        "height": RNG.normal(size=N),
        "count": RNG.permutation(10**7)[:N],
        "when": WHEN,
        "town": ["common"] * 900 + ["usual"] * 90 + ["rare-secret"] * 9 + ["unique-secret"],
        "listed": pd.Categorical(["a"] * (N - 1) + ["b"], ["a", "b", "c"]),
        "lonely": ["one-secret"] + ["same"] * (N - 1),
        "gap": [123.456] * 5 + [None] * (N - 5),
        "words": [f"secret-word-{i // 2}" for i in range(N)],
        "ill": ["no"] * 950 + ["yes"] * 50,
    },
    index=pd.Index([f"secret-row-{i}" for i in range(N)], name="who"),
)
FRAME.attrs["note"] = "secret-note"
RARE = [
    "rare-secret",
    "unique-secret",
    "one-secret",
    "secret-token",
    "secret-word",
    "secret-row",
    "secret-note",
    "123.456",
]


def fitted(data: Any = FRAME) -> tuple[TableEncoder, dict[str, Any], dict[str, np.ndarray]]:
    read = read_table(data, target="ill", id_columns=["id", "token"])
    encoder = TableEncoder.fit(read.table, read.schema, private=True)
    return encoder, *encoder.state()


def texts(value: Any) -> Iterator[str]:
    """Give every text in a JSON object, what is behind base64 included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    else:
        yield str(value)
        if isinstance(value, str) and len(value) > 40 and re.fullmatch("[A-Za-z0-9+/]+=*", value):
            yield base64.b64decode(value, validate=True).decode("latin-1")


@pytest.fixture(params=["pandas", "arrow"])
def parts(request: pytest.FixtureRequest) -> tuple[TableEncoder, dict[str, Any], dict[str, np.ndarray]]:
    if request.param == "pandas":
        return fitted()
    table = pa.Table.from_pandas(FRAME, preserve_index=False)
    metadata = table.schema.metadata | {b"rows": b"secret-note and secret-row-1"}
    return fitted(table.replace_schema_metadata(metadata))


def test_rare_values_and_metadata_are_nowhere(parts) -> None:
    encoder, described, _ = parts
    found = "\n".join([*texts(described), *texts(encoder.schema.to_json())])
    assert "common" in found and "usual" in found, "the search finds what is there"
    for secret in RARE:
        assert secret not in found, secret


def test_the_same_search_finds_them_without_private_mode() -> None:
    read = read_table(FRAME, target="ill", id_columns=["id", "token"])
    described, arrays = TableEncoder.fit(read.table, read.schema).state()
    found = "\n".join(texts(described))
    assert "rare-secret" in found and "one-secret" in found and "secret-word-7" in found
    assert max(len(a) for a in arrays.values()) > N // 10


def test_no_array_has_an_entry_a_row_or_more_than_a_tenth(parts) -> None:
    _, described, arrays = parts
    assert all(a.ndim == 1 and a.size <= min(256, N // 10) for a in arrays.values())

    def longest(value: Any) -> int:
        if isinstance(value, dict):
            return max(map(longest, value.values()), default=0)
        return max([len(value), *map(longest, value)]) if isinstance(value, list) else 0

    assert longest(described["columns"]) <= N // 10


def test_the_extremes_are_nowhere(parts) -> None:
    encoder, described, arrays = parts
    kept = np.concatenate([a.astype(np.float64) for a in arrays.values()])
    numbers = {
        float(v) for t in texts([described, encoder.schema.to_json()["form"]]) for v in [as_number(t)] if v is not None
    }
    for name, unit in (("money", 100), ("height", 1), ("count", 1), ("id", 1)):
        ordered = np.sort(FRAME[name].to_numpy())
        for extreme in [*ordered[:10], *ordered[-10:]]:
            assert not np.isin(np.round(extreme * unit, 6), np.round(kept, 6)), (name, extreme)
            assert extreme not in numbers and round(extreme * unit) not in numbers - {0.0, 1.0}, (name, extreme)
    when = np.sort(FRAME["when"].to_numpy().astype("int64"))
    axis = next(p for p in encoder.parts if p.name == "when").axis
    ticks = next(p for p in encoder.parts if p.name == "when").knots * axis.step + axis.base
    assert ticks.min() > when[9] and ticks.max() < when[-10]


def as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def test_at_least_ten_rows_lie_beyond_the_outermost_quantiles_whatever_the_number_of_rows() -> None:
    for n in (30, 31, 47, 99, 200, 5_000):
        values = np.random.default_rng(n).normal(size=n)
        read = read_table(pd.DataFrame({"a": values, "b": np.arange(n) % 3}))
        encoder = TableEncoder.fit(read.table, read.schema, private=True)
        knots = encoder.parts[0].knots
        assert 2 <= len(knots) <= min(256, n // 10)
        assert (values < knots[0]).sum() >= max(10, n // 100) and (values > knots[-1]).sum() >= max(10, n // 100)
        between = [np.count_nonzero((values > a) & (values <= b)) for a, b in pairwise(knots)]
        assert min(between) >= 5 if n >= 47 else True


def test_rare_values_become_missing_or_the_most_frequent(parts) -> None:
    encoder, _, _ = parts
    table = read_table(FRAME, target="ill", id_columns=["id", "token"]).table
    out = encoder.decode(encoder.encode(table), encoder.schema.label_codes(table))
    assert out["town"].to_pylist()[-10:] == ["common"] * 10 and out["town"].to_pylist()[-11] == "usual"
    assert set(out["lonely"].to_pylist()) == {"same"}
    assert out["words"].null_count == N and out["gap"].null_count == N
    listed = next(p for p in encoder.parts if p.name == "listed")
    assert listed.counts.tolist() == [999, 0, 0], "but how often it was seen is, below ten"
    assert out["listed"].to_pylist()[-1] == "b", "what the type lists is no secret"
    assert out["id"].to_pylist()[:2] == [0, 1], "the largest identifier is one too"
    assert out["token"].to_pylist()[:2] == ["synthetic-0", "synthetic-1"]
    money = out["money"].to_numpy()
    assert money.max() < np.sort(MONEY)[-10] and (np.round(money, 2) == money).all()


def test_missing_takes_the_rare_where_there_are_missing_values() -> None:
    frame = pd.DataFrame({"a": ["x"] * 40 + ["rare"] * 3 + [None] * 7, "b": np.arange(50) % 3})
    read = read_table(frame)
    encoder = TableEncoder.fit(read.table, read.schema, private=True)
    out = encoder.decode(encoder.encode(read.table), None)
    assert out["a"].to_pylist() == ["x"] * 40 + [None] * 10


def test_spikes_need_ten_rows() -> None:
    values = [7.125] * 9 + list(np.random.default_rng(0).normal(size=31))
    read = read_table(pd.DataFrame({"a": values, "b": np.arange(40) % 3}))
    assert len(TableEncoder.fit(read.table, read.schema).parts[0].atoms) == 1
    assert len(TableEncoder.fit(read.table, read.schema, private=True).parts[0].atoms) == 0


def test_rows_can_still_be_made(parts) -> None:
    encoder, described, arrays = parts
    stored = json.loads(json.dumps([described, encoder.schema.to_json()], allow_nan=False))
    again = TableEncoder.from_state(stored[0], arrays, TableSchema.from_json(stored[1]))
    assert again.private
    layout, rng = again.layout, np.random.default_rng(0)
    codes = again.unbucket(
        np.stack([rng.integers(0, w, 500) for w in layout.widths], axis=1), rng.random((500, len(layout.widths)))
    )
    rows = again.decode(Encoded(rng.normal(size=(500, layout.n_continuous)), codes), rng.integers(0, 2, 500))
    out = again.schema.restore(rows)
    if isinstance(out, pa.Table):
        out = out.to_pandas()
    pd.testing.assert_series_equal(out.dtypes, FRAME.dtypes)


def test_too_few_rows_to_hide_in() -> None:
    read = read_table(FRAME.iloc[:29].assign(ill=["no", "yes"] * 14 + ["no"]), target="ill", id_columns=["id", "token"])
    with pytest.raises(DataError, match=r"needs at least 30 rows .* however there are 29; use a variant"):
        TableEncoder.fit(read.table, read.schema, private=True)
