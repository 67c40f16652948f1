"""Literal change events for tests of the verification."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from pipeline_checks.model import events
from pipeline_checks.model.contract import Contract
from pipeline_checks.model.cut import Cut, TransactionSnapshot
from pipeline_checks.model.position import OffsetsPosition
from pipeline_checks.model.stage import StageDeclaration
from pipeline_checks.verification.history import TopicHistory

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOPIC = "debezium.public.customers"
UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")

EVENT_SCHEMA = pa.schema(
    [
        (events.PARTITION, pa.int32()),
        (events.OFFSET, pa.int64()),
        (events.OP, pa.string()),
        (events.TX_ID, pa.int64()),
        (events.LSN, pa.int64()),
        (events.SNAPSHOT, pa.bool_()),
        (events.COMMIT_TIME, UTC_MICROSECONDS),
        (events.CONNECTOR_TIME, UTC_MICROSECONDS),
        (events.APPEND_TIME, UTC_MICROSECONDS),
        ("customer_id", pa.int64()),
    ]
)


def event(
    partition: int,
    offset: int,
    op: str,
    key: int | None,
    tx: int | None,
    *,
    lsn: int | None = None,
    second: float = 0.0,
) -> dict[str, Any]:
    """Return one event, committed ``second`` seconds after noon, handled 10 ms and appended 20 ms later."""
    committed = NOON + timedelta(seconds=second)
    return {
        events.PARTITION: partition,
        events.OFFSET: offset,
        events.OP: op,
        events.TX_ID: tx,
        events.LSN: lsn if lsn is not None else (tx or 0) * 100 + offset,
        events.SNAPSHOT: op == events.READ,
        events.COMMIT_TIME: committed if tx is not None else None,
        events.CONNECTOR_TIME: committed + timedelta(milliseconds=10) if tx is not None else None,
        events.APPEND_TIME: committed + timedelta(milliseconds=20),
        "customer_id": key,
    }


class LiteralTopic:
    """A topic whose records are given; it answers as a pinned topic and as a reader of events."""

    def __init__(self, records: Sequence[dict[str, Any]], end: dict[int, int]) -> None:
        self._records = list(records)
        self.position = OffsetsPosition.of({TOPIC: end})

    def rows(self, columns: Sequence[str] | None = None) -> pa.Table:
        return self.events(None, self.position)

    def events(self, start: OffsetsPosition | None, end: OffsetsPosition) -> pa.Table:
        begin = start or OffsetsPosition.of({})
        wanted = [
            r
            for r in self._records
            if begin.next_offset(TOPIC, r[events.PARTITION])
            <= r[events.OFFSET]
            < end.next_offset(TOPIC, r[events.PARTITION])
        ]
        return pa.Table.from_pylist(wanted, schema=EVENT_SCHEMA)


def history(
    records: Iterable[dict[str, Any]],
    *,
    cut: Cut | None,
    end: dict[int, int] | None = None,
    begin: dict[int, int] | None = None,
) -> TopicHistory:
    """Return the history of a topic with these records, read up to ``end`` (all of them when None)."""
    rows = list(records)
    partitions = {r[events.PARTITION] for r in rows} or {0}
    whole = {p: max((r[events.OFFSET] + 1 for r in rows if r[events.PARTITION] == p), default=0) for p in partitions}
    topic = LiteralTopic(rows, end or whole)
    declaration = StageDeclaration(
        name="topic_customers",
        kind="debezium_topic",
        contract=Contract(key=("customer_id",), columns={"customer_id": "int64"}),
    )
    return TopicHistory(declaration, TOPIC, topic, topic, begin or {}, cut)  # type: ignore[arg-type]


def cut_before(xid: int, in_progress: Iterable[int] = ()) -> Cut:
    """Return a cut that sees every transaction below ``xid`` that was not in progress."""
    running = frozenset(in_progress)
    return Cut(TransactionSnapshot(min([*running, xid]), xid, running), 10_000, NOON)


def covers(offsets: dict[int, int]) -> OffsetsPosition:
    """Return what a table covers of the topic."""
    return OffsetsPosition.of({TOPIC: offsets})
