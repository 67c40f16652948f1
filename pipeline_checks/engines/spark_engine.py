"""Measures over rows that lie in Spark: all aggregates in one query, computed where the rows are.

What Spark does not answer as the other engines do (a pattern that Java's expressions read otherwise, values of nested
types) is computed by DuckDB over the columns in use, streamed here.
"""

from __future__ import annotations

from typing import Any

from pipeline_checks.clients.spark_rows import SparkRows, quoted
from pipeline_checks.engines.base import RowFactory, aggregates, column_of, columns_in_use, duplicate_keys
from pipeline_checks.engines.spark_columns import Types, can_order, can_tell, condition, expression
from pipeline_checks.model.measure import (
    KEY_SAMPLE,
    DuplicateKeys,
    DuplicateSample,
    Measure,
    Measured,
    RowMeasure,
    Violations,
    ViolationSample,
)
from pipeline_checks.values.arrow_types import from_arrow
from pipeline_checks.values.json_values import to_json_value

_ROWS, _KEYS, _SURPLUS = "__rows_of_key", "__keys", "__surplus"


class SparkEngine:
    """The engine for ``SparkRows``."""

    def measure(self, rows: RowFactory, measures: frozenset[RowMeasure]) -> dict[Measure, Measured]:
        """Return the value of every measure."""
        values: dict[Measure, Measured] = {}
        told: set[RowMeasure] = set()
        scanned = aggregates(measures)
        if scanned:
            keys = {k for m in scanned if isinstance(m, Violations) for k in m.key}
            held = _rows(rows, sorted({*columns_in_use(scanned), *keys}))
            types = _types(held)
            asked = [m for m in scanned if can_tell(m, types)]
            told.update(asked)
            values.update(_aggregate(held, asked, types))
        for duplicates in duplicate_keys(measures):
            held = _rows(rows, duplicates.key)
            if can_order(_types(held)):
                told.add(duplicates)
                values[duplicates] = Measured(_duplicates(held, duplicates))
        rest = measures - told
        if rest:
            from pipeline_checks.engines.duckdb_engine import DuckdbEngine

            values.update(DuckdbEngine().measure(rows, rest))
        return values


def _rows(rows: RowFactory, columns: Any) -> SparkRows:
    held: Any = rows(list(columns) or None)
    assert isinstance(held, SparkRows)
    return held


def _types(held: SparkRows) -> Types:
    return {field.name: from_arrow(field.type) for field in held.schema}


def _aggregate(held: SparkRows, measures: list[RowMeasure], types: Types) -> dict[Measure, Measured]:
    if not measures:
        return {}

    def asked(frame: Any, functions: Any) -> Any:
        return frame.agg(*(expression(functions, m, types).alias(f"m{i}") for i, m in enumerate(measures)))

    (row,) = held.ask(asked).to_pylist()
    values: dict[Measure, Measured] = {}
    for i, measure in enumerate(measures):
        value = row[f"m{i}"]
        if isinstance(measure, Violations):
            value = ViolationSample(value, _violating(held, measure, types) if value and measure.key else ())
        values[measure] = Measured(value)
    return values


def _violating(held: SparkRows, measure: Violations, types: Types) -> tuple[tuple[dict[str, Any], Any], ...]:
    column = column_of(measure.predicate)
    columns = list(dict.fromkeys([*measure.key, column]))

    def asked(frame: Any, functions: Any) -> Any:
        broken = frame.where(condition(functions, measure.predicate, types)).select(*map(quoted, columns))
        return broken.orderBy(*_order(functions, measure.key)).limit(KEY_SAMPLE)

    found = held.ask(asked).to_pylist()
    return tuple(({k: to_json_value(r[k]) for k in measure.key}, to_json_value(r[column])) for r in found)


def _duplicates(held: SparkRows, measure: DuplicateKeys) -> DuplicateSample:
    def repeated(frame: Any, functions: Any) -> Any:
        counted = frame.groupBy(*map(quoted, measure.key)).agg(functions.count(functions.lit(1)).alias(_ROWS))
        return counted.where(functions.col(_ROWS) > 1)

    def totals(frame: Any, functions: Any) -> Any:
        surplus = functions.sum(functions.col(_ROWS) - 1)
        return repeated(frame, functions).agg(functions.count(functions.lit(1)).alias(_KEYS), surplus.alias(_SURPLUS))

    def first(frame: Any, functions: Any) -> Any:
        return repeated(frame, functions).orderBy(*_order(functions, measure.key)).limit(KEY_SAMPLE)

    (total,) = held.ask(totals).to_pylist()
    if not total[_KEYS]:
        return DuplicateSample(0, 0)
    named = held.ask(first).to_pylist()
    sample = tuple(({k: to_json_value(r[k]) for k in measure.key}, int(r[_ROWS])) for r in named)
    return DuplicateSample(int(total[_KEYS]), int(total[_SURPLUS]), sample)


def _order(functions: Any, key: tuple[str, ...]) -> list[Any]:
    return [functions.col(quoted(name)).asc_nulls_last() for name in key]
