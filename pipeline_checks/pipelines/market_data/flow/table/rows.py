"""From decoded records to rows of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from pipeline_checks.pipelines.market_data.flow.avro import Undecodable
from pipeline_checks.pipelines.market_data.flow.table.definition import SCHEMA, arrow_schema

_LIMIT: Final = 10**18
_LATEST: Final = 253_402_300_800_000_000
"""Microseconds behind the year 9999."""
_REQUIRED: Final = tuple(f.name for f in SCHEMA.fields if f.required)
_DECIMALS: Final = ("price", "quantity")
_TIMES: Final = ("timestamp", "ingestion_timestamp")
_JSON: Final = ("trade_conditions", "vendor_data")
_KNOWN: Final = tuple(f.name for f in SCHEMA.fields)
_TEXTS: Final = ("message_id", "trade_id", "symbol", "exchange", "asset_class", "currency", "side")
_PLAIN: Final[dict[str, pa.DataType]] = {
    "string": pa.string(),
    "long": pa.int64(),
    "int": pa.int64(),
    "double": pa.float64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
}


def row(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as a row: decimals as hundred-millionths, times as microseconds.

    Raises Undecodable when it does not fit the table.
    """
    result = dict(record)
    for name in _REQUIRED:
        if result.get(name) is None:
            raise Undecodable("missing_field", f"there is no {name}")
    for name in _TEXTS:
        if not isinstance(result[name], str):
            raise Undecodable("wrong_type", f"{name} is {type(result[name]).__name__}")
    for name in _DECIMALS:
        value = result[name]
        if not isinstance(value, bytes):
            raise Undecodable("wrong_type", f"{name} is {type(value).__name__}")
        units = int.from_bytes(value, "big", signed=True)
        if units <= 0:
            raise Undecodable("not_positive", f"{name} is not positive")
        if units >= _LIMIT:
            raise Undecodable("does_not_fit", f"{name} has more than 18 digits")
        result[name] = units
    for name in _TIMES:
        if not isinstance(result[name], int) or not 0 <= result[name] < _LATEST:
            raise Undecodable("out_of_range", f"{name} is no time")
    if not isinstance(result.get("source_sequence"), int):
        raise Undecodable("missing_field", "there is no source_sequence, without which a trade has no identity")
    for name in _JSON:
        value = result.get(name)
        result[name] = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() if value else None
    return result


def arrow_rows(rows: list[dict[str, Any]], further: Mapping[str, pa.DataType]) -> pa.Table:
    """Return rows as Arrow in the order of the table's columns; ``further`` are columns that were added to it."""
    schema = arrow_schema()
    for name, kind in further.items():
        schema = schema.append(pa.field(name, kind))
    columns = []
    for field in schema:
        values: list[Any] = [r.get(field.name) for r in rows]
        columns.append(_decimals(values) if field.name in _DECIMALS else _column(values, field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind)


def _decimals(units: list[int]) -> pa.Array:
    """Return hundred-millionths as decimals; made from their bytes, as a decimal object each would cost most of it."""
    wide = np.zeros((len(units), 2), dtype="<i8")
    wide[:, 0] = units
    return pa.Array.from_buffers(pa.decimal128(18, 8), len(units), [None, pa.py_buffer(wide.tobytes())])


def further_columns(schema: Mapping[str, Any]) -> dict[str, pa.DataType]:
    """Return the fields of an Avro record that the table's definition does not have, as columns."""
    found: dict[str, pa.DataType] = {}
    for field in schema["fields"]:
        if field["name"] not in _KNOWN:
            kind = field["type"]
            if isinstance(kind, list):
                kind = next((k for k in kind if k != "null"), "null")
            name = kind.get("type") if isinstance(kind, dict) else kind
            found[field["name"]] = _PLAIN.get(name, pa.string()) if isinstance(name, str) else pa.string()
    return found


def plain_value(value: Any, kind: pa.DataType) -> Any:
    """Return a value of a further column; what is no plain value becomes JSON text."""
    if value is None or not pa.types.is_string(kind) or isinstance(value, str):
        return value
    return orjson.dumps(value, default=repr).decode()
