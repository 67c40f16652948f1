"""The columns of a resource as an OpenAPI document describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.model.logical_type import LogicalType
from pipeline_checks.model.schema import Schema, SchemaField

_TEXT_FORMATS: Mapping[str, tuple[str, frozenset[str]]] = {
    "date-time": ("timestamptz", frozenset({"timestamp", "timestamptz"})),
    "date": ("date", frozenset({"date"})),
    "time": ("time", frozenset({"time"})),
    "decimal": ("decimal", frozenset({"decimal"})),
    "uuid": ("uuid", frozenset({"uuid"})),
    "byte": ("bytes", frozenset({"bytes"})),
}
"""Format of a text to the logical type it stands for, and the promised types that it holds faithfully."""
EXTENSION = "x-logical-type"
"""By this the document may tell a logical type that JSON's own types do not, such as ``decimal(18,8)``."""
_TYPES = {"boolean": "bool", "number": "float64", "object": "struct", "array": "array"}


def resource_schema(document: Mapping[str, Any], path: str, items: str, contract: Contract) -> Schema:
    """Return the columns of the rows that ``GET path`` answers in its field ``items``.

    Where the document's type holds the promised one faithfully (an integer of no stated width, an instant or decimal
    as text), the promised one is reported. Raises TerminalError when the document does not describe the resource.
    """
    try:
        answer = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        page = _resolved(document, answer)
        rows = _resolved(document, page["properties"][items])
        row = _resolved(document, rows["items"])
        properties: Mapping[str, Any] = row["properties"]
    except (KeyError, TypeError):
        raise TerminalError(
            f"the OpenAPI document does not describe the rows of GET {path}.",
            next_step=f"Give the answer a schema whose field {items!r} is an array of objects.",
        ) from None
    required = set(row.get("required", ()))
    fields = []
    for name, described in properties.items():
        kind, may_be_null = _without_null(document, described)
        promised = contract.columns.get(name)
        type_ = _logical_type(kind, promised.type if promised else None)
        fields.append(SchemaField(name, type_, may_be_null or name not in required))
    return Schema(tuple(fields), enforces_nullability=False)


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        found: Any = document
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _without_null(document: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The schema of a value that is not null, and whether null is allowed beside it."""
    schema = _resolved(document, schema)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        others = [_resolved(document, c) for c in choices if c.get("type") != "null"]
        return (others[0] if len(others) == 1 else {}), len(others) < len(choices)
    types = schema.get("type")
    if isinstance(types, list):
        others = [t for t in types if t != "null"]
        return {**schema, "type": others[0] if len(others) == 1 else None}, "null" in types
    return schema, bool(schema.get("nullable", False))


def _logical_type(schema: Mapping[str, Any], promised: LogicalType | None) -> LogicalType:
    told = schema.get(EXTENSION)
    if isinstance(told, str):
        try:
            return LogicalType.parse(told)
        except ValueError as problem:
            raise TerminalError(f"the OpenAPI document names the type {told!r}: {problem}") from None
    kind, form = schema.get("type"), str(schema.get("format", ""))
    if kind == "integer":
        if form in ("int32", "int64"):
            return LogicalType(form)
        return promised if promised is not None and promised.family == "integer" else LogicalType("int64")
    if kind == "string":
        if form not in _TEXT_FORMATS:
            return promised if promised is not None and promised.name in ("json", "interval") else LogicalType("string")
        name, faithful = _TEXT_FORMATS[form]
        return promised if promised is not None and promised.name in faithful else LogicalType.parse(name)
    return LogicalType(_TYPES.get(str(kind), "json"))
