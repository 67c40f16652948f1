"""Canonical values: one form for values of a logical type, whatever system they come from, so that equal is equal."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline_checks.model.logical_type import LogicalType

if TYPE_CHECKING:
    import polars

_INSTANTS = ("timestamp", "timestamptz")
_TEXTS = ("string", "uuid")
_DOCUMENTS = ("json", "array")
_DECIMAL_DIGITS = 38
_UNLIMITED_SCALE = 18
_MICROSECOND_DIGITS, _NANOSECOND_DIGITS = 6, 9


def comparable_type(one: LogicalType, other: LogicalType) -> LogicalType | None:
    """Return the type at which values of two columns are compared; None when they cannot be.

    That is the coarser of both: what a later stage has no place for is lost by its type, which the schema tells, and
    not by the row.

    >>> str(comparable_type(LogicalType.parse("decimal(12,4)"), LogicalType.parse("decimal(10,2)")))
    'decimal(38,2)'
    """
    families = {one.family, other.family}
    if families == {"integer"}:
        return LogicalType("int64")
    if families <= {"integer", "decimal"}:
        scales = [_scale(t) for t in (one, other)]
        return LogicalType("decimal", _DECIMAL_DIGITS, min(scales))
    if families == {"float"}:
        return LogicalType("float32" if "float32" in (one.name, other.name) else "float64")
    if families <= set(_INSTANTS):
        return LogicalType("timestamp", min(_digits(one), _digits(other)))
    if families == {"time"}:
        return LogicalType("time", min(_digits(one), _digits(other)))
    if families <= set(_TEXTS):
        return LogicalType("uuid" if "uuid" in families else "string")
    if families <= {*_DOCUMENTS, *_TEXTS} and families & set(_DOCUMENTS):
        return LogicalType("json")
    return one if one.name == other.name and one.name in ("bool", "bytes", "date") else None


def _scale(type_: LogicalType) -> int:
    if type_.family == "integer":
        return 0
    return _UNLIMITED_SCALE if type_.precision is None else type_.scale or 0


def _digits(type_: LogicalType) -> int:
    return _MICROSECOND_DIGITS if type_.precision is None else type_.precision


def canonical(column: polars.Expr, found: polars.DataType, type_: LogicalType) -> polars.Expr:
    """Return the expression that gives the canonical form of a column.

    Parameters
    ----------
    found:
        The type in which the column's values come.
    type_:
        A type that ``comparable_type`` returned. Instants become microseconds (nanoseconds beyond six digits) since
        1970 in UTC, cut to their digits; -0 becomes 0; documents are written as ``values.documents`` says.
    """
    import polars as pl

    match type_.name:
        case "int64" | "float64" | "bool" | "date" | "bytes":
            plain: dict[str, Any] = {
                "int64": pl.Int64(),
                "float64": pl.Float64(),
                "bool": pl.Boolean(),
                "date": pl.Date(),
                "bytes": pl.Binary(),
            }
            cast: pl.Expr = column.cast(plain[type_.name], strict=False)
            return (cast + 0.0) if type_.name == "float64" else cast
        case "float32":
            single: pl.Expr = column.cast(pl.Float32, strict=False).cast(pl.Float64) + 0.0
            return single
        case "decimal":
            return column.cast(pl.Decimal(_DECIMAL_DIGITS, type_.scale or 0), strict=False)
        case "timestamp":
            return _instant(column, found, _digits(type_))
        case "time":
            cut: pl.Expr = column.cast(pl.Int64, strict=False) // 10 ** (_NANOSECOND_DIGITS - _digits(type_))
            return cut
        case "uuid":
            return column.cast(pl.String, strict=False).str.to_lowercase()
        case "json":
            return column.map_batches(_written_in_order, return_dtype=pl.String)
    return column.cast(pl.String, strict=False)


def presented(value: Any, type_: LogicalType) -> Any:
    """Return a canonical value as people read it: instants as such again, all else as it is."""
    if value is None or type_.name not in (*_INSTANTS, "time"):
        return value
    digits = _digits(type_)
    microseconds = value * 10 ** max(0, _MICROSECOND_DIGITS - digits) // 10 ** max(0, digits - _MICROSECOND_DIGITS)
    instant = datetime(1970, 1, 1) + timedelta(microseconds=microseconds)
    return instant.time() if type_.name == "time" else instant


def _instant(column: polars.Expr, found: polars.DataType, digits: int) -> polars.Expr:
    import polars as pl

    if not isinstance(found, pl.Datetime):
        column = column.cast(pl.Datetime("us"), strict=False)
    unit: Any = "ns" if digits > _MICROSECOND_DIGITS else "us"
    held = _NANOSECOND_DIGITS if unit == "ns" else _MICROSECOND_DIGITS
    cut: pl.Expr = column.dt.timestamp(unit) // 10 ** (held - digits)
    return cut


def _written_in_order(documents: polars.Series) -> polars.Series:
    from pipeline_checks.values.documents import canonical_documents

    return canonical_documents(documents)
