"""A predicate means the same to DuckDB and polars for every type, and what its definition says."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from pipeline_checks.engines.registry import engine
from pipeline_checks.model.errors import ConfigurationError, TerminalError
from pipeline_checks.model.measure import (
    Above,
    Below,
    IsNull,
    Maximum,
    Minimum,
    NotIn,
    NotMatching,
    Predicate,
    RowCount,
    Violations,
)

TABLE = pa.table(
    {
        "id": pa.array(range(5), pa.int64()),
        "small": pa.array([-1, 0, 1, 2, None], pa.int16()),
        "amount": pa.array(
            [Decimal("-0.01"), Decimal("0.00"), Decimal("1.10"), Decimal("99.99"), None], pa.decimal128(10, 2)
        ),
        "score": pa.array([-1.0, 0.0, math.nan, math.inf, None], pa.float64()),
        "text": pa.array(["", "a\nb", "Ä", "pending", None], pa.string_view()),
        "at": pa.array(
            [datetime(2026, 1, 1, 0, 0, 0, i, UTC) for i in range(4)] + [None], pa.timestamp("us", tz="UTC")
        ),
        "local": pa.array([datetime(2026, 1, 1, 0, 0, 0, i) for i in range(4)] + [None], pa.timestamp("us")),
        "day": pa.array([date(2026, 1, d) for d in range(1, 5)] + [None], pa.date32()),
        "flag": pa.array([True, False, True, False, None], pa.bool_()),
    }
)
CASES: list[tuple[Predicate, list[int]]] = [
    *((IsNull(c), [4]) for c in TABLE.column_names if c != "id"),
    (Below("small", 1), [0, 1]),
    (Below("small", 0.5), [0, 1]),
    (Above("small", Decimal("0.5")), [2, 3]),
    (Above("small", -1), [1, 2, 3]),
    (NotIn("small", (0, 1.5, 2)), [0, 2]),
    (Below("amount", 0), [0]),
    (Below("amount", Decimal("0.001")), [0, 1]),
    (Above("amount", 1.1), [3]),
    (Above("amount", "1.099"), [2, 3]),
    (NotIn("amount", (Decimal("1.1"), 0, "7.123")), [0, 3]),
    (Below("score", 0), [0]),
    (Above("score", 0.0), [2, 3]),
    (Above("score", math.inf), [2]),
    (NotIn("score", (math.nan, 0)), [0, 3]),
    (NotIn("text", ("pending", "")), [1, 2]),
    (NotIn("text", ()), [0, 1, 2, 3]),
    (NotMatching("text", ".*"), [1]),
    (NotMatching("text", "(?s).*"), []),
    (NotMatching("text", "[a-z]+"), [0, 1, 2]),
    (NotMatching("text", r"\w*"), [1, 2]),
    (Below("at", datetime(2026, 1, 1, 0, 0, 0, 2, UTC)), [0, 1]),
    (Below("at", "2026-01-01T01:00:00.000002+01:00"), [0, 1]),
    (Above("local", "2026-01-01T00:00:00.000002"), [3]),
    (Above("day", "2026-01-02"), [2, 3]),
    (Below("day", "2026-01-02T12:00:00"), [0, 1]),
    (NotIn("flag", (True,)), [1, 3]),
]


def violating(name: str, predicate: Predicate) -> list[Any]:
    measure = Violations(predicate, ("id",))
    if name == "polars":
        frame = pl.from_arrow(TABLE)
        assert isinstance(frame, pl.DataFrame)
        found = engine("polars").measure(lambda c: frame.lazy().select(c or frame.columns), frozenset({measure}))
    else:
        found = engine("duckdb").measure(
            lambda c: TABLE.select(c or TABLE.column_names).to_reader(), frozenset({measure})
        )
    value = found[measure].value
    keys = [key["id"] for key, _ in value.rows]
    assert value.count == len(keys)
    return keys


@pytest.mark.parametrize("name", ["duckdb", "polars"])
@pytest.mark.parametrize(("predicate", "rows"), CASES, ids=[repr(p) for p, _ in CASES])
def test_a_predicate_names_exactly_the_rows_that_it_holds_for(name: str, predicate: Predicate, rows: list[int]) -> None:
    assert violating(name, predicate) == rows


@pytest.mark.parametrize("name", ["duckdb", "polars"])
def test_a_limit_of_another_type_is_refused_and_never_compared(name: str) -> None:
    for predicate in (Below("text", 5), Above("amount", "much"), Below("small", 2**70), NotIn("day", ("soon",))):
        with pytest.raises(ConfigurationError, match="cannot be compared"):
            violating(name, predicate)


def test_extremes_agree_also_where_there_is_nothing_or_not_a_number() -> None:
    measures = frozenset(f(c) for f in (Minimum, Maximum) for c in TABLE.column_names if c != "score")
    measures |= {Maximum("score"), Minimum("score"), RowCount()}
    for table in (TABLE, TABLE.slice(4), TABLE.slice(0, 0)):
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        by_polars = engine("polars").measure(lambda c, f=frame: f.lazy().select(c or f.columns), measures)
        by_duckdb = engine("duckdb").measure(lambda c, t=table: t.select(c or t.column_names), measures)
        for measure in measures:
            assert repr(by_polars[measure].value) == repr(by_duckdb[measure].value) or (
                by_polars[measure].value == by_duckdb[measure].value
            ), measure


def test_an_error_in_the_rows_comes_back_as_the_stage_raised_it() -> None:
    def rows(columns: Any) -> pa.RecordBatchReader:
        def batches() -> Any:
            yield from TABLE.select(["small"]).to_batches()
            raise TerminalError("a file part-0.parquet cannot be read", file="part-0.parquet")

        return pa.RecordBatchReader.from_batches(TABLE.select(["small"]).schema, batches())

    with pytest.raises(TerminalError, match=r"part-0\.parquet") as raised:
        engine("duckdb").measure(rows, frozenset({Minimum("small")}))
    assert raised.value.data == {"file": "part-0.parquet"}
