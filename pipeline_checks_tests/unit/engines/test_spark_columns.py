"""Measures as columns of Spark: literals in the column's own type, NaN and NULL told apart, the rest left to DuckDB."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pyspark.sql.connect import functions

from pipeline_checks.clients.spark_rows import quoted
from pipeline_checks.engines.spark_columns import can_order, can_tell, condition, expression
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import (
    Above,
    Below,
    DuplicateKeys,
    IsNull,
    Maximum,
    Minimum,
    NotIn,
    NotMatching,
    Predicate,
    RowCount,
    RowMeasure,
    Violations,
)

TYPES = {
    "id": LogicalType("int64"),
    "d": LogicalType("decimal", 12, 2),
    "wide": LogicalType("decimal", 76, 0),
    "x": LogicalType("float64"),
    "s": LogicalType("string"),
    "u": LogicalType("uuid"),
    "t": LogicalType("timestamptz"),
    "n": LogicalType("timestamp"),
    "day": LogicalType("date"),
    "l": LogicalType("array"),
    "a`b": LogicalType("string"),
}


def written(predicate: Predicate) -> str:
    return str(condition(functions, predicate, TYPES)).removeprefix("Column<'").removesuffix("'>")


@pytest.mark.parametrize(
    ("predicate", "parts"),
    [
        (IsNull("a`b"), ["isnull(`a``b`)"]),
        (Below("id", 2.5), ["CAST(3 AS BIGINT)"]),
        (Below("d", "0.005"), ["CAST(0.01 AS DECIMAL(38,2))"]),
        (Above("d", Decimal("1E+3")), ["CAST(1000.00 AS DECIMAL(38,2))"]),
        (Above("x", 1), ["isnan", "CAST(1.0 AS DOUBLE)"]),
        (Above("t", "2026-01-01"), ["CAST(2026-01-01 00:00:00+00:00 AS TIMESTAMP)"]),
        (Below("n", "2026-01-01"), ["CAST(2026-01-01 00:00:00 AS TIMESTAMP_NTZ)"]),
        (Below("day", "2026-01-01"), ["CAST(2026-01-01 AS DATE)"]),
        (NotIn("s", ("it's", "x")), ["isnotnull", "it's"]),
        (NotMatching("s", "a.b"), [r"\A(?:a[^\n]b)\z"]),
    ],
)
def test_a_predicate_compares_with_values_of_the_columns_own_type(predicate: Predicate, parts: list[str]) -> None:
    text = written(predicate)
    for part in parts:
        assert part.lower() in text.lower().replace("'>", ""), text


def test_nan_is_told_apart_only_where_it_breaks_the_promise() -> None:
    assert "isnan" not in written(Below("x", 1)).lower()
    assert "isnan" in written(NotIn("x", (1.0,))).lower()
    assert "isnan" not in written(NotIn("x", (1.0, float("nan")))).lower()


@pytest.mark.parametrize(
    "measure",
    [
        RowCount(),
        Minimum("s"),
        Maximum("x"),
        Violations(IsNull("l"), ("id",)),
        Violations(NotMatching("s", "[a-z]+"), ("id",)),
        Violations(Below("d", "1e9"), ("d",)),
    ],
)
def test_spark_answers_what_it_judges_alike(measure: RowMeasure) -> None:
    assert can_tell(measure, TYPES)
    assert expression(functions, measure, TYPES) is not None


@pytest.mark.parametrize(
    "measure",
    [
        Maximum("l"),
        Violations(IsNull("s"), ("l",)),
        Violations(NotMatching("s", "(?i)a"), ("id",)),
        Violations(NotMatching("u", "a"), ("id",)),
        Violations(Above("wide", Decimal(10) ** 40), ("id",)),
        DuplicateKeys(("id",)),
    ],
)
def test_what_spark_may_judge_otherwise_is_left_to_another_engine(measure: RowMeasure) -> None:
    assert not can_tell(measure, TYPES)


def test_keys_of_nested_types_are_not_grouped_by_spark() -> None:
    assert can_order({"id": TYPES["id"], "s": TYPES["s"]})
    assert not can_order({"l": TYPES["l"]})


def test_a_literal_of_another_type_is_refused_as_by_every_engine() -> None:
    with pytest.raises(ConfigurationError, match="cannot be compared"):
        can_tell(Violations(Below("id", "soon"), ("id",)), TYPES)


def test_a_name_is_quoted() -> None:
    assert quoted("we`ird") == "`we``ird`"
