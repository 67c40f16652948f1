"""Literals of predicates as values of a column's own type, so that every engine compares the same two values."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Any, Literal

from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.values.arrow_types import UNLIMITED_DECIMAL

_INT64_LIMIT = 2**63
_WIDE = Context(prec=152)
"""Twice the digits of the widest decimal: nothing is rounded on the way."""


def limit(value: Any, type_: LogicalType, rounding: Literal["up", "down"]) -> Any:
    """Return the bound ``value`` as one of the column's type.

    A bound between two values of the type is rounded: ``up`` for "less than", ``down`` for "greater than", which
    leaves the same rows on either side. Raises ConfigurationError when the bound is none of this type's at all.

    >>> limit(1.5, LogicalType("int64"), "up"), limit("0.001", LogicalType("decimal", 10, 2), "down")
    (2, Decimal('0.00'))
    """
    up = rounding == "up"
    try:
        if type_.family == "integer":
            return _integer(int(_decimal(value).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR, _WIDE)))
        if type_.name == "decimal":
            return _decimal(value).quantize(_step(type_), ROUND_CEILING if up else ROUND_FLOOR, _WIDE)
        if type_.family == "float":
            return float(value)
        if type_.name == "date":
            return _date(value, up)
        if type_.name in ("timestamp", "timestamptz"):
            return _instant(value, zoned=type_.name == "timestamptz")
        if type_.name == "bool" and isinstance(value, bool):
            return value
        if type_.name in ("string", "uuid", "json") and isinstance(value, str):
            return value
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        pass
    raise ConfigurationError(f"{value!r} cannot be compared with values of type {type_}.", type=str(type_))


def members(values: tuple[Any, ...], type_: LogicalType) -> tuple[Any, ...]:
    """Return those of ``values`` that a column of the type can hold, as values of the type; the others match no row."""
    found: list[Any] = []
    for value in values:
        low, high = limit(value, type_, "down"), limit(value, type_, "up")
        if low == high or (isinstance(low, float) and math.isnan(low)):
            found.append(low)
    return tuple(found)


def _integer(value: int) -> int:
    if not -_INT64_LIMIT <= value < _INT64_LIMIT:
        raise OverflowError
    return value


def _decimal(value: Any) -> Decimal:
    number = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else str(value))
    if not number.is_finite():
        raise ValueError
    return number


def _step(type_: LogicalType) -> Decimal:
    return Decimal(1).scaleb(-(UNLIMITED_DECIMAL[1] if type_.precision is None else type_.scale or 0))


def _date(value: Any, up: bool) -> date:
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if len(value) > len("2026-01-01") else date.fromisoformat(value)
    if not isinstance(value, datetime):
        if not isinstance(value, date):
            raise TypeError
        return value
    whole = value.date()
    return whole + timedelta(days=1) if up and value.time() != value.time().min else whole


def _instant(value: Any, *, zoned: bool) -> datetime:
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(instant, datetime):
        if not isinstance(instant, date):
            raise TypeError
        instant = datetime(instant.year, instant.month, instant.day)
    if zoned:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    return instant if instant.tzinfo is None else instant.astimezone(UTC).replace(tzinfo=None)
