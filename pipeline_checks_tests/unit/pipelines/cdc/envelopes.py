"""Debezium's records as Connect writes them, for tests."""

from __future__ import annotations

from typing import Any

import orjson

from pipeline_checks.pipelines.cdc.flow.decode import OLD_KEY, Record

UNAVAILABLE = "__debezium_unavailable_value"
FIELDS: dict[str, dict[str, Any]] = {
    "customer_id": {"type": "int32", "optional": False},
    "first_name": {"type": "string", "optional": False},
    "last_name": {"type": "string", "optional": True},
    "address": {"type": "string", "optional": True},
    "created_at": {"type": "int64", "optional": True, "name": "io.debezium.time.MicroTimestamp"},
    "balance": {
        "type": "string",
        "optional": True,
        "parameters": {
            "__debezium.source.column.type": "NUMERIC",
            "__debezium.source.column.length": "10",
            "__debezium.source.column.scale": "2",
        },
    },
}


def value(
    op: str,
    row: dict[str, Any] | None,
    lsn: int,
    *,
    tx: int = 1,
    snapshot: str = "false",
    fields: dict[str, dict[str, Any]] | None = None,
    schemas: bool = True,
) -> bytes:
    """The value of a record: the envelope with its schema."""
    described = [{**spec, "field": name} for name, spec in (fields or FIELDS).items()]
    struct = {"type": "struct", "fields": described, "optional": True}
    payload = {
        "before": row if op == "d" else None,
        "after": row if op not in "dt" else None,
        "source": {"lsn": lsn, "txId": tx, "snapshot": snapshot, "ts_ms": lsn, "ts_us": lsn * 1000},
        "op": op,
        "ts_ms": lsn + 5,
    }
    schema = {"type": "struct", "fields": [{**struct, "field": "before"}, {**struct, "field": "after"}]}
    return orjson.dumps({"schema": schema, "payload": payload} if schemas else payload)


def record(offset: int, content: bytes | None, *, partition: int = 0, old_key: int | None = None) -> Record:
    """A record; ``old_key`` stands in its header."""
    headers = [{"key": OLD_KEY, "value": orjson.dumps({"customer_id": old_key})}] if old_key is not None else []
    return Record(partition, offset, 1_000_000 + offset, b'{"customer_id":1}', content, headers)
