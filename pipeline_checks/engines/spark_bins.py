"""How the values of a column that lies in Spark fall into bins, counted there."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from pipeline_checks.clients.spark_rows import SparkRows, quoted
from pipeline_checks.engines.spark_columns import literal
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.row_promises import BinCounts, BinnedValues
from pipeline_checks.values.arrow_types import from_arrow

_BIN, _ROWS = "bin", "rows"
_NUMBERS = frozenset({"integer", "float", "decimal", "bool"})
_TIMES = frozenset({"date", "timestamp", "timestamptz"})
_SAME_TEXT = frozenset({"string", "integer", "bool", "date"})
"""Families whose values Spark writes as text as polars does."""
_MICROSECONDS = 1e6
_FLOAT = LogicalType("float64")


def spark_bin_counts(rows: SparkRows, measure: BinCounts) -> BinnedValues | None:
    """Return the number of values in each bin, NULL and NaN apart; None where Spark cannot tell them alike."""
    family = from_arrow(rows.schema.field(measure.column).type).family
    size = len(measure.categories or measure.edges) + 1
    if family not in (_SAME_TEXT if measure.categories else _NUMBERS | _TIMES):
        return None

    def asked(frame: Any, functions: Any) -> Any:
        column = functions.col(quoted(measure.column))
        if measure.categories:
            bins = _category(functions, column, measure.categories)
        else:
            bins = _stretch(functions, _number(functions, column, family), measure.edges)
        return frame.select(bins.alias(_BIN)).groupBy(_BIN).agg(functions.count(functions.lit(1)).alias(_ROWS))

    found: dict[int | None, int] = {row[_BIN]: row[_ROWS] for row in rows.ask(asked).to_pylist()}
    return BinnedValues(tuple(found.get(i, 0) for i in range(size)), found.get(None, 0))


def _category(functions: Any, column: Any, categories: tuple[str, ...]) -> Any:
    text = column.cast("string")
    number = functions.lit(len(categories))
    for place, category in reversed(list(enumerate(categories))):
        number = functions.when(text == functions.lit(category), functions.lit(place)).otherwise(number)
    return functions.when(column.isNotNull(), number)


def _stretch(functions: Any, value: Any, edges: tuple[float, ...]) -> Any:
    """The number of edges that a value is above: a bin holds its upper edge."""
    passed = [functions.when(value > literal(functions, e, _FLOAT), 1).otherwise(0) for e in edges]
    number = reduce(add, passed, functions.lit(0))
    return functions.when(value.isNotNull() & ~functions.isnan(value), number)


def _number(functions: Any, column: Any, family: str) -> Any:
    if family in _NUMBERS:
        return column.cast("double")
    return functions.unix_micros(column.cast("timestamp")).cast("double") / functions.lit(_MICROSECONDS)
