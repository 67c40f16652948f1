"""Both engines give the same values for the same rows, and the values that a loop over the rows gives."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_checks.engines.base import RowFactory
from pipeline_checks.engines.registry import engine, engine_for
from pipeline_checks.model.measure import (
    Above,
    Below,
    DuplicateKeys,
    DuplicateSample,
    IsNull,
    Maximum,
    Minimum,
    NotIn,
    NotMatching,
    RowCount,
    RowMeasure,
    Violations,
    ViolationSample,
)

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("amount", pa.decimal128(10, 2)),
        ("score", pa.float64()),
        ("name", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("local", pa.timestamp("us")),
    ]
)
instants = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))
rows_of_any_kind = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.one_of(st.none(), st.integers(0, 9)),
            "amount": st.one_of(st.none(), st.decimals(-100, 100, places=2)),
            "score": st.one_of(st.none(), st.floats(-5, 5), st.just(math.nan), st.just(math.inf)),
            "name": st.one_of(st.none(), st.sampled_from(["", "a@b", "a@b\n", "Ä", "pending", "x" * 50])),
            "at": st.one_of(st.none(), instants.map(lambda t: t.replace(tzinfo=UTC))),
            "local": st.one_of(st.none(), instants),
        }
    ),
    max_size=30,
)
KEY = ("id",)
MEASURES: frozenset[RowMeasure] = frozenset(
    {
        RowCount(),
        *(Violations(IsNull(c), KEY) for c in SCHEMA.names),
        Violations(Below("amount", Decimal("0.00")), KEY),
        Violations(Above("amount", Decimal("50.25")), KEY),
        Violations(Above("score", 1.5), KEY),
        Violations(Below("score", 0.0), KEY),
        Violations(NotIn("name", ("pending", "a@b")), KEY),
        Violations(NotMatching("name", ".+@.+"), KEY),
        *(f(c) for f in (Minimum, Maximum) for c in ("id", "amount", "at", "local")),
        Maximum("score"),
        DuplicateKeys(KEY),
        DuplicateKeys(("id", "name")),
    }
)


def arrow_rows(table: pa.Table) -> RowFactory:
    def rows(columns: Sequence[str] | None) -> pa.RecordBatchReader:
        return (table if columns is None else table.select(list(columns))).to_reader(max_chunksize=7)

    return rows


def polars_rows(table: pa.Table) -> RowFactory:
    def rows(columns: Sequence[str] | None) -> pl.LazyFrame:
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        return frame.lazy() if columns is None else frame.lazy().select(list(columns))

    return rows


def comparable(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, ViolationSample):
        return value.count, Counter(repr(r) for r in value.rows) if value.count <= 50 else None
    if isinstance(value, DuplicateSample):
        return value.keys, value.surplus_rows, Counter(repr(r) for r in value.sample)
    return value


@settings(max_examples=40, deadline=None)
@given(rows_of_any_kind)
def test_duckdb_and_polars_agree_on_every_measure(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    by_duckdb = engine("duckdb").measure(arrow_rows(table), MEASURES)
    by_polars = engine("polars").measure(polars_rows(table), MEASURES)
    assert set(by_duckdb) == set(by_polars) == set(MEASURES)
    for measure in MEASURES:
        assert comparable(by_duckdb[measure].value) == comparable(by_polars[measure].value), measure
    ids = [r["id"] for r in rows]
    doubled = {k: n for k, n in Counter(ids).items() if n > 1}
    found = by_duckdb[DuplicateKeys(KEY)].value
    assert (found.keys, found.surplus_rows) == (len(doubled), sum(doubled.values()) - len(doubled))
    assert by_duckdb[RowCount()].value == len(rows)
    assert by_duckdb[Violations(IsNull("id"), KEY)].value.count == ids.count(None)


@pytest.mark.parametrize("name", ["duckdb", "polars"])
def test_the_rows_that_break_a_promise_are_named_with_key_and_value(name: str) -> None:
    rows = [{"id": i, "amount": Decimal(i), "score": 0.0, "name": "a@b", "at": None, "local": None} for i in range(100)]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    factory = arrow_rows(table) if name == "duckdb" else polars_rows(table)
    broken = Violations(Above("amount", 97), KEY)
    value = engine(name).measure(factory, frozenset({broken}))[broken].value
    assert value == ViolationSample(2, (({"id": 98}, "98.00"), ({"id": 99}, "99.00")))


@pytest.mark.parametrize("name", ["duckdb", "polars"])
def test_a_pattern_must_match_as_a_whole(name: str) -> None:
    table = pa.Table.from_pylist(
        [{"id": 1, "name": "xab"}, {"id": 2, "name": "ab"}, {"id": 3, "name": "ab\n"}], schema=SCHEMA
    )
    factory = arrow_rows(table) if name == "duckdb" else polars_rows(table)
    broken = Violations(NotMatching("name", "a|ab"), KEY)
    value = engine(name).measure(factory, frozenset({broken}))[broken].value
    assert [key for key, _ in value.rows] == [{"id": 1}, {"id": 3}]


def test_rows_choose_their_engine() -> None:
    table = pa.Table.from_pylist([], schema=SCHEMA)
    assert engine_for(polars_rows(table)(None)) is engine("polars")
    assert engine_for(arrow_rows(table)(None)) is engine("duckdb")
    assert engine_for(table) is engine("duckdb")
