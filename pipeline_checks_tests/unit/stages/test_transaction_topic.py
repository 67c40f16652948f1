"""What Debezium tells of the ends of transactions, as literal records."""

from __future__ import annotations

import json
from typing import Any

from pipeline_checks.stages.transaction_topic import TransactionEnds


def record(status: str, id_: Any = "798:33005184", tables: Any = None) -> bytes:
    payload = {"status": status, "id": id_, "event_count": None, "data_collections": tables, "ts_ms": 1}
    return json.dumps({"schema": {"type": "struct"}, "payload": payload}).encode()


def counted(table: str, events: int) -> dict[str, Any]:
    return {"data_collection": table, "event_count": events}


def test_an_end_has_a_row_for_each_table_and_a_begin_none() -> None:
    ends = TransactionEnds()
    ends.add_record(0, 4, record("BEGIN"))
    ends.add_record(0, 6, record("END", tables=[counted("public.orders", 2), counted("public.items", 3)]))
    told = ends.to_json("shop.transaction", expired=False)
    assert told == {
        "topic": "shop.transaction",
        "expired": False,
        "malformed": 0,
        "tx_id": [798, 798],
        "commit_lsn": [33005184, 33005184],
        "table": ["public.orders", "public.items"],
        "events": [2, 3],
        "partition": [0, 0],
        "offset": [6, 6],
    }


def test_an_end_without_events_is_told_all_the_same() -> None:
    ends = TransactionEnds()
    ends.add_record(0, 6, record("END", tables=[]))
    assert (ends.tx_id, ends.table, ends.events) == ([798], [None], [0])


def test_records_without_embedded_schema_are_read_too() -> None:
    ends = TransactionEnds()
    ends.add_record(0, 6, json.dumps({"status": "END", "id": "7:9", "data_collections": [counted("a.b", 1)]}).encode())
    assert (ends.tx_id, ends.commit_lsn) == ([7], [9])


def test_what_is_neither_begin_nor_end_is_counted_and_a_tombstone_is_passed_over() -> None:
    ends = TransactionEnds()
    for value in (b"no json", record("END", id_="none"), b"[]", b"{}", record("END", tables=[{"event_count": 1}])):
        ends.add_record(0, 1, value)
    ends.add_record(0, 2, None)
    assert (ends.malformed, ends.tx_id) == (5, [])
