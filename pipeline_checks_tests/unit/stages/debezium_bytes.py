"""Records of Debezium as literal bytes."""

from __future__ import annotations

import json
from typing import Any

from pipeline_checks.model.contract import Contract
from pipeline_checks.stages.debezium_records import DebeziumRecords
from pipeline_checks.stages.event_batch import EventTable, build_table

COLUMNS = {
    "id": "int64",
    "name": "string",
    "amount": "decimal(10,2)",
    "created_at": "timestamp",
    "seen_at": "timestamptz",
    "day": "date",
}
CONTRACT = Contract(key=("id",), columns=COLUMNS)  # type: ignore[arg-type]
FIELDS: list[dict[str, Any]] = [
    {"type": "int64", "optional": False, "field": "id"},
    {"type": "string", "optional": True, "field": "name"},
    {"type": "string", "optional": True, "field": "amount"},
    {"type": "int64", "optional": True, "name": "io.debezium.time.MicroTimestamp", "field": "created_at"},
    {"type": "string", "optional": True, "name": "io.debezium.time.ZonedTimestamp", "field": "seen_at"},
    {"type": "int32", "optional": True, "name": "io.debezium.time.Date", "field": "day"},
]
COMMITTED_US = 1_767_268_800_123_456


def envelope_schema(fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the embedded schema of an envelope."""
    row = {"type": "struct", "fields": fields, "optional": True, "name": "Value"}
    return {
        "type": "struct",
        "fields": [{**row, "field": "before"}, {**row, "field": "after"}, {"type": "string", "field": "op"}],
        "optional": False,
        "name": "Envelope",
    }


def envelope(
    op: str,
    *,
    after: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
    tx: int | None = 700,
    lsn: int | None = 1000,
    snapshot: Any = "false",
    fields: list[dict[str, Any]] | None = FIELDS,
    **source: Any,
) -> bytes:
    """Return the bytes of an envelope, with embedded schema unless ``fields`` is None."""
    payload = {
        "before": before,
        "after": after,
        "source": {"txId": tx, "lsn": lsn, "snapshot": snapshot, "ts_us": COMMITTED_US, **source},
        "op": op,
        "ts_us": COMMITTED_US + 5000,
    }
    document = payload if fields is None else {"schema": envelope_schema(fields), "payload": payload}
    return json.dumps(document, separators=(",", ":")).encode()


def key(**columns: Any) -> bytes:
    """Return the bytes of a key with embedded schema."""
    fields = [{"type": "int64", "optional": False, "field": name} for name in columns]
    document = {"schema": {"type": "struct", "fields": fields}, "payload": columns}
    return json.dumps(document, separators=(",", ":")).encode()


def decode(
    *records: tuple[bytes | None, bytes | None], contract: Contract = CONTRACT
) -> tuple[EventTable, DebeziumRecords]:
    """Decode records of one partition with offsets from 0 on, appended one second after the epoch."""
    decoder = DebeziumRecords(contract.key)
    for offset, (key_bytes, value) in enumerate(records):
        decoder.add_record(0, offset, key_bytes, value, 1000)
    groups, malformed = decoder.take()
    types = {name: column.type for name, column in contract.columns.items()}
    return build_table(groups, malformed, types, contract.key), decoder
