"""Trades in Avro as producers write them, and a registry that knows their schema; for tests without services."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import fastavro

from pipeline_checks.model.contract import Contract
from pipeline_checks.stages.avro_records import AvroRecords

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Trade",
    "namespace": "test",
    "fields": [
        {"name": "symbol", "type": "string"},
        {"name": "number", "type": ["null", "long"], "default": None},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 8}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "side", "type": {"type": "enum", "name": "Side", "symbols": ["BUY", "SELL"]}},
        {"name": "conditions", "type": {"type": "array", "items": "string"}, "default": []},
        {"name": "extra", "type": ["null", {"type": "map", "values": "string"}], "default": None},
    ],
}
CONTRACT = Contract.model_validate(
    {
        "key": ["symbol", "number"],
        "event_time": "at",
        "columns": {
            "symbol": "string",
            "number": "int64",
            "price": "decimal(18,8)",
            "at": "timestamptz",
            "side": "string",
            "conditions": "json",
            "extra": "json",
        },
    }
)
COLUMNS = {name: column.type for name, column in CONTRACT.columns.items()}
AT = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Registry:
    """The schemas of the tests by id; the newest is that with the greatest."""

    def __init__(self, schemas: Mapping[int, Any] | None = None) -> None:
        self.schemas = dict(schemas or {1: SCHEMA})
        self.asked: list[int] = []

    def by_id(self, number: int) -> Any | None:
        self.asked.append(number)
        return self.schemas.get(number)

    def newest(self, subject: str) -> Any | None:
        return self.schemas[max(self.schemas)] if self.schemas else None


def trade(number: int | None = 1, **changes: Any) -> dict[str, Any]:
    row = {"symbol": "BTCUSDT", "number": number, "price": Decimal("97250.00000001"), "at": AT, "side": "BUY"}
    return {**row, "conditions": [], "extra": {"m": "true", "base": "BTC"}, **changes}


def encoded(row: Mapping[str, Any], schema: Any = SCHEMA, number: int = 1) -> bytes:
    stream = io.BytesIO()
    stream.write(b"\0" + number.to_bytes(4, "big"))
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), dict(row))
    return stream.getvalue()


def decoder(registry: Registry | None = None, contract: Contract = CONTRACT) -> AvroRecords:
    return AvroRecords(contract, registry or Registry(), "trades-value")  # type: ignore[arg-type]
