"""Types as SQL writes them, of several databases, as logical types."""

from __future__ import annotations

import re
from typing import Final

from pipeline_checks.model.logical_type import LogicalType

_TYPE = re.compile(r"([a-z_0-9 ]+?)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?((?:\s+with(?:out)? (?:local )?time zone)?)")
_NAMES: Final = {
    **dict.fromkeys(("smallint", "int2", "int16", "tinyint", "byteint"), "int16"),
    **dict.fromkeys(("integer", "int", "int4", "int32", "serial"), "int32"),
    **dict.fromkeys(("bigint", "int8", "int64", "bigserial", "hugeint"), "int64"),
    **dict.fromkeys(("real", "float4", "float32"), "float32"),
    **dict.fromkeys(("double precision", "double", "float", "float8", "float64"), "float64"),
    **dict.fromkeys(("boolean", "bool"), "bool"),
    **dict.fromkeys(
        ("text", "varchar", "character varying", "char", "character", "bpchar", "string", "citext"), "string"
    ),
    **dict.fromkeys(("nvarchar", "nchar", "name", "enum"), "string"),
    **dict.fromkeys(("bytea", "binary", "varbinary", "bytes", "blob"), "bytes"),
    **dict.fromkeys(("json", "jsonb", "variant", "object"), "json"),
    "date": "date",
    "uuid": "uuid",
    "interval": "interval",
    "array": "array",
}
_DECIMALS: Final = frozenset({"numeric", "decimal", "number", "dec"})
_INSTANTS: Final = frozenset({"timestamptz", "timestamp_tz", "timestamp_ltz"})
_LOCAL: Final = frozenset({"timestamp_ntz", "datetime", "timestamp"})
_ZONED_TIMESTAMP: Final = frozenset({"bigquery", "databricks", "spark"})
"""Databases whose ``timestamp`` is an instant."""


def logical_type(written: str, dialect: str = "") -> LogicalType | None:
    """Return the logical type of a type as SQL writes it; None when it is not known.

    ``dialect`` is the name of the database, as dbt calls it.

    >>> str(logical_type("character varying(80)")), str(logical_type("TIMESTAMP(3) WITH TIME ZONE"))
    ('string', 'timestamptz(3)')
    >>> str(logical_type("NUMERIC(12, 2)")), str(logical_type("timestamp", "bigquery")), logical_type("geometry")
    ('decimal(12,2)', 'timestamptz', None)
    """
    text = " ".join(written.lower().split())
    if text.endswith("[]") or text.startswith("array"):
        return LogicalType("array")
    if text.startswith(("struct", "map<", "row(")):
        return LogicalType("struct")
    match = _TYPE.fullmatch(text)
    if match is None:
        return None
    name, first, second, zone = match[1], match[2], match[3], match[4]
    if not zone and " with" in name:
        name, _, zone = name.partition(" with")
        zone = f" with{zone}"
    digits = 6 if first is None else min(int(first), 9)
    is_zoned = "with time zone" in zone or "with local time zone" in zone
    if name in _INSTANTS or (name in _LOCAL and is_zoned):
        return LogicalType("timestamptz", digits)
    if name in _LOCAL:
        return LogicalType(
            "timestamptz" if name == "timestamp" and dialect in _ZONED_TIMESTAMP else "timestamp", digits
        )
    if name == "time":
        return LogicalType("time", digits)
    if name in _DECIMALS:
        return LogicalType("decimal") if first is None else LogicalType("decimal", int(first), int(second or 0))
    known = _NAMES.get(name)
    return None if known is None else LogicalType.parse(known)
