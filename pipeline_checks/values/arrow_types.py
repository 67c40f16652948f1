"""Logical types and Arrow types, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_checks.model.logical_type import LogicalType

if TYPE_CHECKING:
    import pyarrow

_UNITS = ("s", "ms", "us", "ns")
_FRACTION_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_DECIMAL128_DIGITS = 38
UNLIMITED_DECIMAL = (38, 18)
"""Precision and scale in which a decimal without limits is held; a value that does not fit is an error, never cut."""


def to_arrow(type_: LogicalType) -> pyarrow.DataType:
    """Return the Arrow type in which values of a logical type are handed out.

    Times have the coarsest unit that holds their fraction digits; ``json``, ``uuid``, ``interval`` and nested types
    are text.
    """
    import pyarrow as pa

    match type_.name:
        case "decimal":
            precision, scale = UNLIMITED_DECIMAL if type_.precision is None else (type_.precision, type_.scale or 0)
            make = pa.decimal128 if precision <= _DECIMAL128_DIGITS else pa.decimal256
            return make(precision, scale)
        case "timestamp":
            return pa.timestamp(_unit(type_.precision))
        case "timestamptz":
            return pa.timestamp(_unit(type_.precision), tz="UTC")
        case "time":
            unit = _unit(type_.precision)
            return pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit)
    plain = {
        "bool": pa.bool_(),
        "int8": pa.int8(),
        "int16": pa.int16(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float32": pa.float32(),
        "float64": pa.float64(),
        "bytes": pa.binary(),
        "date": pa.date32(),
    }
    return plain.get(type_.name, pa.string())


def _unit(fraction_digits: int | None) -> str:
    digits = 6 if fraction_digits is None else fraction_digits
    return next(unit for unit in _UNITS if _FRACTION_DIGITS[unit] >= digits)


def from_arrow(type_: pyarrow.DataType) -> LogicalType:
    """Return the logical type of an Arrow type.

    Unsigned integers take the next wider signed type (``uint64``: ``decimal(20,0)``), dictionaries the type of their
    values, extension types that of their storage.
    """
    import pyarrow as pa
    from pyarrow import types

    if isinstance(type_, pa.BaseExtensionType):
        if type_.extension_name in ("arrow.uuid", "arrow.json"):
            return LogicalType(type_.extension_name.removeprefix("arrow."))
        return from_arrow(type_.storage_type)
    if types.is_dictionary(type_) or types.is_run_end_encoded(type_):
        return from_arrow(type_.value_type)
    if types.is_decimal(type_):
        return LogicalType("decimal", type_.precision, type_.scale)
    if types.is_timestamp(type_):
        return LogicalType("timestamp" if type_.tz is None else "timestamptz", _FRACTION_DIGITS[type_.unit])
    if types.is_time(type_):
        return LogicalType("time", _FRACTION_DIGITS[type_.unit])
    if types.is_date(type_):
        return LogicalType("date")
    if types.is_duration(type_) or types.is_interval(type_):
        return LogicalType("interval")
    if types.is_struct(type_):
        return LogicalType("struct")
    if types.is_map(type_):
        return LogicalType("map")
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        return LogicalType("array")
    if types.is_binary(type_) or types.is_large_binary(type_) or types.is_binary_view(type_):
        return LogicalType("bytes")
    if types.is_fixed_size_binary(type_):
        return LogicalType("bytes")
    return LogicalType(*_SCALARS.get(str(type_), ("string",)))


_SCALARS: dict[str, tuple[str] | tuple[str, int, int]] = {
    "bool": ("bool",),
    "int8": ("int8",),
    "int16": ("int16",),
    "int32": ("int32",),
    "int64": ("int64",),
    "uint8": ("int16",),
    "uint16": ("int32",),
    "uint32": ("int64",),
    "uint64": ("decimal", 20, 0),
    "halffloat": ("float32",),
    "float": ("float32",),
    "double": ("float64",),
}
