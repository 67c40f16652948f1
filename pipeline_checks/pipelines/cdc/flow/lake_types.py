"""Types of the lake tables: from the text in ``tables``, from the schema that an event carries, and values into them.

All integers are int64 in the lakes, so that a wider source type is no change there; times without zone stay so.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

_DECIMAL = re.compile(r"^decimal\((\d+),(\d+)\)$")
_PLAIN: dict[str, pa.DataType] = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "bytes": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}
_CONNECT = {
    "int8": "int64",
    "int16": "int64",
    "int32": "int64",
    "int64": "int64",
    "float": "float64",
    "float32": "float64",
    "double": "float64",
    "float64": "float64",
    "boolean": "bool",
    "bytes": "bytes",
}
_EPOCH = datetime(1970, 1, 1)

Normaliser = Callable[[Any], Any]
"""Turns a value as the event has it into the form that ``convert`` takes for the type."""


def arrow_type(text: str) -> pa.DataType:
    """Return the Arrow type of a lake type's name.

    >>> arrow_type("decimal(10,2)")
    Decimal128Type(decimal128(10, 2))
    """
    match = _DECIMAL.match(text)
    return pa.decimal128(int(match[1]), int(match[2])) if match else _PLAIN[text]


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema with the plain forms of text and bytes, which readers vary, and without field metadata."""
    fields = []
    for field in schema:
        kind = field.type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            kind = pa.string()
        elif pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
            kind = pa.binary()
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def field_type(field: dict[str, Any]) -> tuple[pa.DataType, Normaliser | None]:
    """Return the lake type of a field of an event's embedded schema, and how its values must be changed, if at all."""
    semantic, connect = field.get("name") or "", field.get("type")
    parameters = field.get("parameters") or {}
    match semantic.rpartition(".")[2]:
        case "MicroTimestamp":
            return arrow_type("timestamp"), None
        case "Timestamp":
            return arrow_type("timestamp"), lambda ms: ms * 1000
        case "NanoTimestamp":
            return arrow_type("timestamp"), lambda ns: ns // 1000
        case "ZonedTimestamp":
            return arrow_type("timestamptz"), None
        case "Date":
            return arrow_type("date"), None
        case "Time":
            return arrow_type("string"), lambda ms: _time_text(ms * 1000)
        case "MicroTime":
            return arrow_type("string"), _time_text
    if connect == "string":
        precision = parameters.get("__debezium.source.column.length")
        scale = parameters.get("__debezium.source.column.scale")
        numeric = str(parameters.get("__debezium.source.column.type", "")).upper() in ("NUMERIC", "DECIMAL")
        if numeric and precision and 1 <= int(precision) <= 38:
            return pa.decimal128(int(precision), int(scale or 0)), None
        return arrow_type("string"), None
    if connect in _CONNECT:
        return arrow_type(_CONNECT[connect]), None
    return arrow_type("string"), lambda value: orjson.dumps(value).decode()


def inferred_type(value: Any) -> pa.DataType:
    """Return the lake type of a value of an event that carries no schema."""
    if isinstance(value, bool):
        return arrow_type("bool")
    if isinstance(value, int):
        return arrow_type("int64")
    return arrow_type("float64" if isinstance(value, float) else "string")


def _time_text(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).time().isoformat()


def convert(values: Sequence[Any], lake: pa.DataType) -> tuple[pa.Array, dict[int, str]]:
    """Return the values as an array of the lake type, with the reason for each index whose value the type cannot hold.

    The whole column is converted at once; only when that fails are the values looked at one by one.
    """
    try:
        return _convert_all(values, lake), {}
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    converted: list[Any] = []
    refused: dict[int, str] = {}
    for index, value in enumerate(values):
        try:
            one = None if value is None else _convert_one(value, lake)
            pa.scalar(one, lake)
        except (pa.ArrowException, ArithmeticError, TypeError, ValueError) as error:
            one, refused[index] = None, f"{type(error).__name__}: a {type(value).__name__} does not fit into {lake}"
        converted.append(one)
    return pa.array(converted, lake), refused


def _convert_all(values: Sequence[Any], lake: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(lake):
        if lake.tz is None:
            return pa.array(values, pa.int64()).cast(lake)
        return pa.array([None if v is None else datetime.fromisoformat(v).astimezone(UTC) for v in values], lake)
    if pa.types.is_date(lake):
        return pa.array(values, pa.int32()).cast(lake)
    if pa.types.is_decimal(lake):
        return pa.array(values, pa.string()).cast(lake)
    if pa.types.is_binary(lake):
        return pa.array([None if v is None else base64.b64decode(v, validate=True) for v in values], lake)
    if pa.types.is_boolean(lake) or pa.types.is_string(lake):
        return pa.array(values, lake)
    if pa.types.is_integer(lake) and any(type(v) is not int and v is not None for v in values):
        raise TypeError("not an integer")  # Arrow would cut a fraction off without a word
    return pa.array(values, lake)


def _convert_one(value: Any, lake: pa.DataType) -> Any:
    if pa.types.is_string(lake):
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    if pa.types.is_decimal(lake):
        number = Decimal(str(value))
        rounded = number.quantize(Decimal(1).scaleb(-lake.scale))
        if rounded != number:
            raise ValueError("digits would be lost")
        return rounded
    if pa.types.is_integer(lake):
        if isinstance(value, bool) or int(value) != (Decimal(value) if isinstance(value, str) else value):
            raise ValueError("not an integer")
        return int(value)
    return _convert_all([value], lake)[0].as_py()
