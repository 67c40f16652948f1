"""Measures and predicates as columns of Spark. What Spark would judge otherwise than the other engines is told apart.

The functions that make columns are handed in: those of Spark Connect and those of a session in this process differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pipeline_checks.clients.spark_rows import quoted
from pipeline_checks.engines.base import column_of, literals_of
from pipeline_checks.model.logical_type import LogicalType
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
    RowMeasure,
    Violations,
)
from pipeline_checks.values.patterns import for_java

Types = Mapping[str, LogicalType]
"""Type of each column of the rows."""

_DIGITS = 38
_ORDERED = frozenset({"integer", "float", "decimal", "bool", "string", "date", "timestamp", "timestamptz", "bytes"})
"""Families of types whose values Spark orders as the other engines do."""


def can_tell(measure: RowMeasure, types: Types) -> bool:
    """Whether Spark answers the measure as the other engines do."""
    if isinstance(measure, RowCount):
        return True
    if isinstance(measure, Minimum | Maximum):
        return types[measure.column].family in _ORDERED
    if not isinstance(measure, Violations):
        return False
    return all(types[k].family in _ORDERED for k in measure.key) and _can_judge(measure.predicate, types)


def can_order(types: Types) -> bool:
    """Whether Spark groups and orders values of all the types as the other engines do."""
    return all(type_.family in _ORDERED for type_ in types.values())


def expression(functions: Any, measure: RowMeasure, types: Types) -> Any:
    """Return the aggregate that answers a measure."""
    if isinstance(measure, RowCount):
        return functions.count(functions.lit(1))
    if isinstance(measure, Minimum):
        return functions.min(functions.col(quoted(measure.column)))
    if isinstance(measure, Maximum):
        return functions.max(functions.col(quoted(measure.column)))
    if isinstance(measure, Violations):
        return functions.count_if(condition(functions, measure.predicate, types))
    raise TypeError(f"{type(measure).__name__} is not an aggregate over rows")


def condition(functions: Any, predicate: Predicate, types: Types) -> Any:
    """Return the condition that a row breaks its promise with; NULL where nothing is known counts as kept."""
    name = column_of(predicate)
    column, values = functions.col(quoted(name)), literals_of(predicate, types)
    literals = [literal(functions, value, types[name]) for value in values]
    if isinstance(predicate, IsNull):
        return column.isNull()
    if isinstance(predicate, Below):
        return column < literals[0]
    # NaN is told apart where it breaks the promise: statistics of files leave it out, by which they would be skipped.
    is_nan = functions.isnan(column) if types[name].family == "float" else functions.lit(False)
    if isinstance(predicate, Above):
        return is_nan | (column > literals[0])
    if isinstance(predicate, NotIn):
        other = ~column.isin(*literals) if literals else column.isNotNull()
        return column.isNotNull() & (other if any(value != value for value in values) else is_nan | other)
    assert isinstance(predicate, NotMatching)
    pattern = for_java(predicate.pattern)
    assert pattern is not None
    return column.isNotNull() & ~column.rlike(pattern)


def literal(functions: Any, value: Any, type_: LogicalType) -> Any:
    """Return a value of a column's type as Spark takes it: as text that is cast, since its own guesses lose digits."""
    if type_.family == "integer":
        return functions.lit(str(value)).cast("bigint")
    if type_.name == "decimal":
        return functions.lit(format(value, "f")).cast(f"decimal({_DIGITS},{_scale(value)})")
    if type_.family == "float":
        return functions.lit(repr(value)).cast("double")
    if type_.name == "timestamp":
        return functions.lit(value.isoformat(" ")).cast("timestamp_ntz")
    if type_.name == "timestamptz":
        return functions.lit(value.isoformat(" ")).cast("timestamp")
    if type_.name == "date":
        return functions.lit(value.isoformat()).cast("date")
    return functions.lit(value)


def _can_judge(predicate: Predicate, types: Types) -> bool:
    name = column_of(predicate)
    if isinstance(predicate, IsNull):
        return True
    if types[name].family not in _ORDERED:
        return False
    if isinstance(predicate, NotMatching):
        return types[name].name == "string" and for_java(predicate.pattern) is not None
    return all(_fits(value) for value in literals_of(predicate, types))


def _fits(value: Any) -> bool:
    """Whether Spark has a type that holds the value with all its digits."""
    if isinstance(value, Decimal):
        return len(value.as_tuple().digits) <= _DIGITS and value.adjusted() < _DIGITS - _scale(value)
    return True


def _scale(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
