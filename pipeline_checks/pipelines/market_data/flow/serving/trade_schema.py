"""A trade as the API answers it, in the words of OpenAPI; ``x-logical-type`` tells what JSON's own types do not."""

from __future__ import annotations

from typing import Any

from pipeline_checks.pipelines.market_data.flow.table.definition import SCHEMA


def trade_schema() -> dict[str, Any]:
    """Return the schema of one trade: the columns of the table in their order."""
    properties = {f.name: _described(str(f.field_type), f.required) for f in SCHEMA.fields}
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


def _described(kind: str, required: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "string"}
    if kind.startswith("decimal"):
        shape = {"type": "string", "format": "decimal", "x-logical-type": kind.replace(" ", "")}
    elif kind == "timestamptz":
        shape = {"type": "string", "format": "date-time", "x-logical-type": kind}
    elif kind == "long":
        shape = {"type": "integer", "format": "int64"}
    return shape if required else {"anyOf": [shape, {"type": "null"}]}
