"""Contracts from Avro, JSON Schema, ODCS and dbt: what is taken, and what is refused instead of never looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline_checks.model.contract import Contract
from pipeline_checks.model.errors import ConfigurationError
from pipeline_checks.verification.contract_sources.source import contract_from_source
from pipeline_checks.verification.definition import build_pipeline

AVRO = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "state", "type": ["null", {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}]},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
JSON_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "mail", "kind"],
    "additionalProperties": False,
    "$defs": {"code": {"type": "string", "maxLength": 8}},
    "properties": {
        "id": {"type": "integer", "minimum": 1, "maximum": 9},
        "mail": {"type": "string", "pattern": "^[^@]+@[^@]+$"},
        "kind": {"enum": ["a", "b"]},
        "code": {"$ref": "#/$defs/code"},
        "share": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "at": {"type": ["string", "null"], "format": "date-time"},
        "lines": {"type": "array"},
    },
}
ODCS: dict[str, Any] = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "schema": [
        {
            "name": "orders",
            "physicalName": "ORDERS",
            "properties": [
                {"name": "line", "logicalType": "integer", "primaryKey": True, "primaryKeyPosition": 2},
                {"name": "id", "physicalType": "bigint", "primaryKey": True, "primaryKeyPosition": 1},
                {"name": "amount", "physicalType": "numeric(12,2)", "logicalTypeOptions": {"minimum": 0}},
                {"name": "sku", "logicalType": "string", "logicalTypeOptions": {"minLength": 1, "maxLength": 9}},
                {
                    "name": "state",
                    "logicalType": "string",
                    "required": True,
                    "quality": [
                        {"metric": "invalidValues", "arguments": {"validValues": ["open", "paid"]}, "mustBe": 0},
                        {"type": "text", "description": "As the shop has it"},
                    ],
                },
                {
                    "name": "changed",
                    "logicalType": "timestamp",
                    "quality": [{"type": "library", "rule": "nullCheck", "mustBe": 0}],
                },
            ],
            "quality": [
                {"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["id", "line"]}},
                {"type": "library", "metric": "rowCount", "mustBeGreaterThan": 99},
            ],
        },
        {"name": "other", "properties": []},
    ],
    "slaProperties": [
        {"property": "retention", "value": 3, "unit": "y"},
        {"property": "freshness", "value": 2, "unit": "h", "element": "orders.changed"},
    ],
}


def dbt_test(name: str, **told: Any) -> dict[str, Any]:
    arguments = {k: v for k, v in told.items() if k != "config"}
    return {
        "resource_type": "test",
        "attached_node": "model.shop.orders",
        "config": told.get("config", {}),
        "test_metadata": {"name": name, "kwargs": arguments},
    }


DBT: dict[str, Any] = {
    "metadata": {"adapter_type": "bigquery"},
    "nodes": {
        "model.shop.orders": {
            "unique_id": "model.shop.orders",
            "name": "orders",
            "resource_type": "model",
            "columns": {
                "id": {"data_type": "int64", "constraints": [{"type": "not_null"}]},
                "state": {"data_type": None},
                "at": {"data_type": "timestamp"},
            },
        },
        "t1": dbt_test("unique", column_name="id"),
        "t2": dbt_test("accepted_values", column_name="state", values=["open", "paid"]),
        "t3": dbt_test("not_null", column_name="at", config={"severity": "warn"}),
        "t4": dbt_test("not_null", column_name="state", config={"where": "id > 5"}),
        "t5": dbt_test("relationships", column_name="id", to="ref('x')", field="id"),
    },
    "sources": {
        "source.shop.raw.lines": {
            "unique_id": "source.shop.raw.lines",
            "source_name": "raw",
            "name": "lines",
            "resource_type": "source",
            "columns": {"a": {"data_type": "text"}, "b": {"data_type": "numeric(5,1)"}},
        }
    },
}
CATALOG = {
    "nodes": {
        "model.shop.orders": {
            "columns": {
                "AT": {"name": "AT", "index": 3, "type": "TIMESTAMP"},
                "ID": {"name": "ID", "index": 1, "type": "INT64"},
                "STATE": {"name": "STATE", "index": 2, "type": "STRING"},
                "NOTE": {"name": "NOTE", "index": 4, "type": "STRING"},
            }
        }
    }
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The four documents, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, document in (("avro", AVRO), ("json_schema", JSON_SCHEMA), ("manifest", DBT), ("catalog", CATALOG)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    (tmp_path / "odcs.yaml").write_text(yaml.safe_dump(ODCS))
    return tmp_path


def told(contract: Contract) -> dict[str, tuple[str, bool, dict[str, Any]]]:
    return {n: (str(c.type), c.nullable, c.promises) for n, c in contract.columns.items()}


def refusal(written: dict[str, str], beside: tuple[str, ...] = ()) -> str:
    with pytest.raises(ConfigurationError) as refused:
        contract_from_source(written, beside)
    return str(refused.value)


def test_avro() -> None:
    contract = contract_from_source({"avro": "avro.json"})
    assert told(contract) == {
        "id": ("int64", False, {}),
        "state": ("string", True, {"accepted": ["OPEN", "PAID"]}),
        "amount": ("decimal(12,2)", False, {}),
        "at": ("timestamptz(3)", False, {}),
    }
    assert not contract.key and not contract.says_no_key
    assert "no Avro schema of records" in refusal({"avro": "json_schema.json"})


def test_json_schema() -> None:
    assert told(contract_from_source({"json_schema": "json_schema.json"})) == {
        "id": ("int64", False, {"min": 1, "max": 9}),
        "mail": ("string", False, {"matches": "[^@]+@[^@]+"}),
        "kind": ("string", False, {"accepted": ["a", "b"]}),
        "code": ("string", True, {"matches": "(?s:.{0,8})"}),
        "share": ("float64", True, {}),
        "at": ("timestamptz", True, {}),
        "lines": ("json", True, {}),
    }


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (("id", {"type": "integer", "exclusiveMinimum": 0}), "exclusiveMinimum at 'id'"),
        (("id", {"type": "string", "maxLength": 5000}), "a length beyond 1000 at 'id'"),
        (("id", {"type": ["integer", "string"]}), "no single type at 'id'"),
        (("id", {"anyOf": [{"type": "integer"}, {"type": "string"}]}), "anyOf at 'id'"),
        (("id", {"type": "array", "items": {"type": "integer"}}), "what is inside of it at 'id'"),
        (("id", {"$ref": "other.json#/x"}), "a reference to other.json#/x at 'id'"),
    ],
)
def test_what_no_column_can_promise_is_refused_unless_the_messages_are_judged_whole(
    where: tuple[str, Any], what: str, files: Path
) -> None:
    document = {**JSON_SCHEMA, "properties": {**JSON_SCHEMA["properties"], where[0]: where[1]}}
    (files / "json_schema.json").write_text(json.dumps(document))
    assert what in refusal({"json_schema": "json_schema.json"})
    if "$ref" not in where[1]:
        assert "id" in contract_from_source({"json_schema": "json_schema.json"}, ("json_schema",)).columns


def test_odcs() -> None:
    contract = contract_from_source({"odcs": "odcs.yaml", "table": "ORDERS"})
    assert told(contract) == {
        "line": ("int64", False, {}),
        "id": ("int64", False, {}),
        "amount": ("decimal(12,2)", True, {"min": 0}),
        "sku": ("string", True, {"matches": "(?s:.{1,9})"}),
        "state": ("string", False, {"accepted": ["open", "paid"]}),
        "changed": ("timestamptz", False, {}),
    }
    assert (contract.key, contract.event_time) == (("id", "line"), "changed")
    assert contract.promises == {"counts": {"min": 100}, "freshness": {"within": 7200.0}}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"quality": [{"type": "sql", "query": "SELECT 1", "mustBe": 1}]}, "a quality rule of type sql at 'sku'"),
        ({"quality": [{"metric": "nullValues", "mustBeLessThan": 5}]}, "nullValues mustBeLessThan 5 at 'sku'"),
        ({"logicalTypeOptions": {"exclusiveMinimum": 1}}, "the option exclusiveMinimum at 'sku'"),
        ({"unique": True}, "uniqueness beside that of the key at 'sku'"),
        ({"logicalType": None, "physicalType": "geometry"}, "the type geometry at 'sku'"),
    ],
)
def test_what_odcs_promises_and_no_check_judges_is_refused(changes: dict[str, Any], what: str, files: Path) -> None:
    document = json.loads(json.dumps(ODCS))
    document["schema"][0]["properties"][3] |= changes
    (files / "odcs.yaml").write_text(yaml.safe_dump(document))
    assert what in refusal({"odcs": "odcs.yaml", "table": "orders"})


def test_the_table_of_a_data_contract_must_be_named() -> None:
    assert "which table is meant is not said. Write table: NAME. Known: orders, other." in refusal(
        {"odcs": "odcs.yaml"}
    )
    assert "there is no table 'order'" in refusal({"odcs": "odcs.yaml", "table": "order"})
    assert "is no data contract of ODCS v3" in refusal({"odcs": "avro.json"})


def test_dbt_with_the_types_of_its_catalog() -> None:
    contract = contract_from_source({"dbt": "manifest.json", "model": "orders"})
    assert told(contract) == {
        "id": ("int64", False, {}),
        "state": ("string", True, {"accepted": ["open", "paid"]}),
        "at": ("timestamptz", True, {}),
        "NOTE": ("string", True, {}),
    }
    assert contract.key == ("id",)
    lines = contract_from_source({"dbt": "manifest.json", "model": "raw.lines"})
    assert told(lines) == {"a": ("string", True, {}), "b": ("decimal(5,1)", True, {})}


def test_dbt_without_types(files: Path) -> None:
    (files / "catalog.json").unlink()
    assert "dbt docs generate" in refusal({"dbt": "manifest.json", "model": "orders"})
    assert "Did you mean 'orders'?" in refusal({"dbt": "manifest.json", "model": "order"})


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ({"avro": "avro.json", "odcs": "odcs.yaml"}, "schema names avro and odcs"),
        ({"thrift": "x"}, "schema names no source"),
        ({"avro": "avro.json", "table": "x"}, "a schema from avro has no field 'table'"),
        ({"avro": "nowhere.avsc"}, "nowhere.avsc cannot be read"),
        ({"avro": "odcs.yaml"}, "is no JSON"),
    ],
)
def test_a_schema_that_leads_nowhere(written: dict[str, str], what: str) -> None:
    assert what in refusal(written)


def test_in_a_pipeline_with_what_the_schema_does_not_say(tmp_path: Path) -> None:
    stage = {"name": "orders", "kind": "delta_table", "path": "/lake/orders"}
    contract: dict[str, Any] = {"schema": {"avro": "avro.json"}, "key": ["id"], "event_time": "at"}
    pipeline = build_pipeline({"name": "shop", "stages": [{**stage, "contract": contract}]})
    assert pipeline.stage("orders").contract.key == ("id",)
    assert list(pipeline.stage("orders").contract.columns) == ["id", "state", "amount", "at"]
    with pytest.raises(ConfigurationError, match=r"stages\[0\].contract.schema: nowhere.avsc cannot be read"):
        build_pipeline({"name": "shop", "stages": [{**stage, "contract": {"schema": {"avro": "nowhere.avsc"}}}]})
    with pytest.raises(ConfigurationError, match="names no key"):
        build_pipeline({"name": "shop", "stages": [{**stage, "contract": {"schema": {"avro": "avro.json"}}}]})
