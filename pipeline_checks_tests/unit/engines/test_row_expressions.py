"""Rows for which an expression is false, over every form of rows; NULL keeps the promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from pipeline_checks.engines.row_expressions import broken_rows
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.measure import ViolationSample
from pipeline_checks.model.row_promises import BrokenExpression, BrokenRows

TABLE = pa.table(
    {
        "id": [3, 2, 1, 4],
        "low": pa.array([Decimal("1.00"), Decimal("5.00"), None, Decimal("9.50")], pa.decimal128(10, 2)),
        "high": pa.array([Decimal("2.00"), Decimal("4.00"), Decimal("1.00"), Decimal("9.49")], pa.decimal128(10, 2)),
    }
)


def table(columns: Sequence[str] | None) -> Any:
    return TABLE if columns is None else TABLE.select(list(columns))


def stream(columns: Sequence[str] | None) -> Any:
    return table(columns).to_reader(max_chunksize=1)


def lazy(columns: Sequence[str] | None) -> Any:
    frame = pl.from_arrow(table(columns))
    assert isinstance(frame, pl.DataFrame)
    return frame.lazy()


ORDERED = BrokenExpression("low <= high", ("low", "high"), ("id",))


@pytest.mark.parametrize("rows", [table, stream, lazy])
def test_rows_that_break_the_promise_are_named_in_the_order_of_their_keys(rows: Callable[..., Any]) -> None:
    first = ({"id": 2}, {"low": "5.00", "high": "4.00"})
    second = ({"id": 4}, {"low": "9.50", "high": "9.49"})
    assert broken_rows(rows, ORDERED) == BrokenRows(4, ViolationSample(2, (first, second)))


def test_an_expression_that_names_no_promised_column_sees_all_of_them() -> None:
    found = broken_rows(stream, BrokenExpression("high > 1.5", (), ("id",)))
    assert found == BrokenRows(4, ViolationSample(1, (({"id": 1}, {}),)))


def test_no_rows_break_nothing() -> None:
    assert broken_rows(lambda c: table(c).slice(0, 0), ORDERED) == BrokenRows(0, ViolationSample(0))


@pytest.mark.parametrize(
    "expression",
    [
        "no_such_column > 0",
        "low <=",
        "(SELECT count(*) FROM read_csv('/etc/hostname')) > 0",
        "low",
        "1 = 1) AS holds FROM (SELECT 1 AS id) AS x; SET threads = 1; --",
    ],
)
def test_what_cannot_be_computed_over_a_row_is_refused_with_the_expression(expression: str) -> None:
    if expression == "low":
        expression = "id::text || 'x'"
    with pytest.raises(ConfigurationError, match="cannot be computed"):
        broken_rows(table, BrokenExpression(expression, ("low",), ("id",)))


def test_the_sample_is_capped_and_all_are_counted() -> None:
    many = pa.table({"id": list(range(500)), "n": [-1] * 500})
    found = broken_rows(
        lambda c: many.select(list(c or many.column_names)), BrokenExpression("n >= 0", ("n",), ("id",))
    )
    assert (found.broken.count, len(found.broken.rows)) == (500, 50)
    assert found.broken.rows[0] == ({"id": 0}, {"n": -1})
