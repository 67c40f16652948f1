"""Measures over polars frames, computed by polars' streaming engine in one select."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline_checks.engines.base import (
    RowFactory,
    aggregates,
    column_of,
    columns_in_use,
    duplicate_keys,
    literals_of,
    rows_errors,
)
from pipeline_checks.engines.key_images import duplicates_by_images
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.measure import (
    KEY_SAMPLE,
    Above,
    Below,
    DuplicateKeys,
    DuplicateSample,
    IsNull,
    Maximum,
    Measure,
    Measured,
    Minimum,
    NotIn,
    NotMatching,
    Predicate,
    RowCount,
    RowMeasure,
    Violations,
    ViolationSample,
)
from pipeline_checks.values.arrow_types import from_arrow
from pipeline_checks.values.json_values import to_json_value
from pipeline_checks.values.patterns import for_rust

if TYPE_CHECKING:
    import polars

Types = Mapping[str, LogicalType]
"""Type of each column of the rows."""


class PolarsEngine:
    """The engine for rows that come as lazy polars frames."""

    def measure(self, rows: RowFactory, measures: frozenset[RowMeasure]) -> dict[Measure, Measured]:
        """Return the value of every measure."""
        values: dict[Measure, Measured] = {}
        scanned = aggregates(measures)
        if scanned:
            values.update(_aggregate(rows, scanned))
        for duplicates in duplicate_keys(measures):
            values[duplicates] = Measured(_duplicates(rows, duplicates))
        return values


def _frame(rows: RowFactory, columns: list[str] | None) -> polars.LazyFrame:
    frame: polars.LazyFrame = rows(columns)
    return frame


def _collect(frame: polars.LazyFrame) -> polars.DataFrame:
    with rows_errors(lambda _: frame, None):
        collected: polars.DataFrame = frame.collect(engine="streaming")
        return collected


def _types(frame: polars.LazyFrame) -> Types:
    """The logical type of each column, told by the Arrow form of no rows."""
    with rows_errors(lambda _: frame, None):
        arrow = frame.collect_schema().to_frame().to_arrow().schema
    return {field.name: from_arrow(field.type) for field in arrow}


def _aggregate(rows: RowFactory, measures: list[RowMeasure]) -> dict[Measure, Measured]:
    frame = _frame(rows, columns_in_use(measures) or None)
    types = _types(frame)
    expressions = [_expression(m, types).alias(f"m{i}") for i, m in enumerate(measures)]
    row = _collect(frame.select(expressions)).row(0, named=True)
    values: dict[Measure, Measured] = {}
    for i, measure in enumerate(measures):
        value = row[f"m{i}"]
        if isinstance(measure, Violations):
            value = ViolationSample(value, _violating(rows, measure) if value and measure.key else ())
        values[measure] = Measured(value)
    return values


def _violating(rows: RowFactory, measure: Violations) -> tuple[tuple[dict[str, Any], Any], ...]:
    column = column_of(measure.predicate)
    columns = list(dict.fromkeys([*measure.key, column]))
    frame = _frame(rows, columns)
    broken = frame.filter(_condition(measure.predicate, _types(frame))).select(columns)
    found = _collect(broken.sort(list(measure.key), nulls_last=True).head(KEY_SAMPLE)).to_dicts()
    return tuple(({k: to_json_value(r[k]) for k in measure.key}, to_json_value(r[column])) for r in found)


def _duplicates(rows: RowFactory, measure: DuplicateKeys) -> DuplicateSample:
    import polars

    key = list(measure.key)
    with rows_errors(rows, key):
        told = duplicates_by_images(rows, key)
    if told is not None:
        return told
    counted = _frame(rows, key).group_by(key).agg(polars.len().cast(polars.Int64).alias("rows_of_key"))
    found = _collect(counted.filter(polars.col("rows_of_key") > 1))
    named = found.sort(key, nulls_last=True).head(KEY_SAMPLE).to_dicts()
    sample = tuple(({k: to_json_value(r[k]) for k in key}, int(r["rows_of_key"])) for r in named)
    surplus = int(found.get_column("rows_of_key").sum()) - found.height
    return DuplicateSample(found.height, surplus, sample)


def _expression(measure: RowMeasure, types: Types) -> polars.Expr:
    import polars

    if isinstance(measure, RowCount):
        return polars.len().cast(polars.Int64)
    if isinstance(measure, Minimum):
        return polars.col(measure.column).min()
    if isinstance(measure, Maximum):
        column = polars.col(measure.column)
        return (
            column.nan_max() if types[measure.column].family == "float" else column.max()
        )  # NaN is greater than every number
    if isinstance(measure, Violations):
        return _condition(measure.predicate, types).fill_null(False).sum().cast(polars.Int64)
    raise TypeError(f"{type(measure).__name__} is not a measure over rows")


def _condition(predicate: Predicate, types: Types) -> polars.Expr:
    import polars

    column, literals = polars.col(column_of(predicate)), literals_of(predicate, types)
    if isinstance(predicate, IsNull):
        return column.is_null()
    if isinstance(predicate, Below):
        return column < polars.lit(literals[0])
    if isinstance(predicate, Above):
        return column > polars.lit(literals[0])
    if isinstance(predicate, NotIn):
        return column.is_not_null() & ~column.is_in(literals).fill_null(False)
    assert isinstance(predicate, NotMatching)
    return column.is_not_null() & ~column.str.contains(for_rust(predicate.pattern))
