"""A trade as the API answers it, in the words of OpenAPI; ``x-logical-type`` tells what JSON's own types do not."""

from __future__ import annotations

from typing import Any, Final

from pipeline_checks.pipelines.market_data.flow.table.definition import SCHEMA

_DOCUMENTS: Final = {"trade_conditions": "array", "vendor_data": "object"}
"""Columns of JSON text that are answered as what they hold; a missing list as an empty one."""


def trade_schema() -> dict[str, Any]:
    """Return the schema of one trade: the columns of the table in their order."""
    properties = {f.name: _described(f.name, str(f.field_type), f.required) for f in SCHEMA.fields}
    return {"type": "object", "required": list(properties), "properties": properties}


def trades_answer() -> dict[str, Any]:
    """Return the schema of an answer with a list of trades."""
    trade = {"$ref": "#/components/schemas/Trade"}
    properties = {
        "success": {"type": "boolean"},
        "data": {"type": "array", "items": trade},
        "pagination": {"type": "object"},
        "meta": {"type": "object"},
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _described(name: str, kind: str, required: bool) -> dict[str, Any]:
    if name in _DOCUMENTS:
        shape: dict[str, Any] = {"type": _DOCUMENTS[name], "x-logical-type": "json"}
        if shape["type"] == "array":
            return {**shape, "items": {}}
    elif kind.startswith("decimal"):
        shape = {"type": "string", "format": "decimal", "x-logical-type": kind.replace(" ", "")}
    elif kind == "timestamptz":
        shape = {"type": "string", "format": "date-time", "x-logical-type": kind}
    elif kind == "long":
        shape = {"type": "integer", "format": "int64"}
    else:
        shape = {"type": "string"}
    return shape if required else {"anyOf": [shape, {"type": "null"}]}
