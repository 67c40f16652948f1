"""The columns of a resource, from its OpenAPI document."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.errors import TerminalError
from pipeline_checks.stages.openapi import resource_schema


def document(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    row = {"type": "object", "properties": properties, "required": list(required)}
    page = {"type": "object", "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}}}
    answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}
    return {
        "paths": {"/customers": {"get": {"responses": {"200": answer}}}},
        "components": {"schemas": {"Row": row, "Page": page}},
    }


@pytest.mark.parametrize(
    ("described", "promised", "type_", "nullable"),
    [
        ({"type": "integer"}, "int32", "int32", True),
        ({"type": "integer"}, None, "int64", True),
        ({"type": "integer", "format": "int32"}, "int64", "int32", True),
        ({"type": "integer"}, "string", "int64", True),
        ({"type": "number"}, "decimal(10,2)", "float64", True),
        ({"type": "string", "format": "decimal"}, "decimal(10,2)", "decimal(10,2)", True),
        ({"type": "string", "format": "date-time"}, "timestamp", "timestamp", True),
        ({"type": "string", "format": "date-time"}, None, "timestamptz", True),
        ({"type": "string", "format": "date-time"}, "string", "timestamptz", True),
        ({"type": "string"}, "timestamp", "string", True),
        ({"type": "boolean"}, None, "bool", True),
        ({"type": "array", "items": {}}, None, "array", True),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None, "string", True),
        ({"type": ["integer", "null"]}, "int64", "int64", True),
        ({}, None, "json", True),
    ],
)
def test_a_property_is_reported_by_type_and_format(described: Any, promised: Any, type_: str, nullable: bool) -> None:
    contract = Contract(columns={"c": promised} if promised else {})
    (field,) = resource_schema(document({"c": described}), "/customers", "items", contract).fields
    assert (str(field.type), field.nullable) == (type_, nullable)


def test_a_required_property_that_takes_no_null_is_not_nullable() -> None:
    properties = {"a": {"type": "integer"}, "b": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}
    schema = resource_schema(document(properties, ("a", "b")), "/customers", "items", Contract())
    assert [f.nullable for f in schema.fields] == [False, True]


@pytest.mark.parametrize(
    "found", [{}, {"paths": {}}, [], {"paths": {"/customers": {"get": {"responses": {"200": {}}}}}}]
)
def test_a_document_that_does_not_describe_the_resource_is_refused(found: Any) -> None:
    with pytest.raises(TerminalError, match="/customers"):
        resource_schema(found, "/customers", "items", Contract())


def test_a_property_may_tell_its_logical_type_by_an_extension() -> None:
    told = {"anyOf": [{"type": "string", "x-logical-type": "decimal(18,8)"}, {"type": "null"}]}
    contract = Contract.model_validate({"columns": {"price": "decimal(10,2)"}})
    (field,) = resource_schema(document({"price": told}, ("price",)), "/customers", "items", contract).fields
    assert (str(field.type), field.nullable) == ("decimal(18,8)", True)


def test_an_extension_that_is_no_type_is_refused() -> None:
    wrong = document({"price": {"type": "string", "x-logical-type": "money"}})
    with pytest.raises(TerminalError, match="names the type 'money'"):
        resource_schema(wrong, "/customers", "items", Contract())
