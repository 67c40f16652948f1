"""What the lakes must hold, computed a second time from the source and the topics, and what they do hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import psycopg

from pipeline_checks.clients.settings import setting
from pipeline_checks_tests.cdc.topics import MALFORMED, TOMBSTONE, Place, Record
from pipeline_checks_tests.stack.lake_truth import delta_frame, iceberg_frame

Row = dict[str, Any]

KEYS = {
    "customers": "customer_id",
    "orders": "order_id",
    "products": "product_id",
    "order_items": "order_item_id",
    "inventory": "transaction_id",
    "schema_evolution_test": "id",
}
TABLES = tuple(KEYS)
INSTANTS = {"created_at", "updated_at", "order_date", "transaction_date"}
AMOUNTS = {"total_amount", "price", "unit_price"}
UNAVAILABLE = "__debezium_unavailable_value"
WORDS = {"c": "INSERT", "u": "UPDATE", "d": "DELETE", "r": "SNAPSHOT"}
PIPELINES = {"delta": "postgres_to_delta", "iceberg": "postgres_to_iceberg"}
STATE_COLUMNS = {"_source_lsn", "_source_tx_id", "_topic_partition", "_offset", "_ingested_at"}
LOG_TIMES = {"_ingestion_timestamp", "_processed_timestamp"}

_EPOCH = datetime(1970, 1, 1)
_FRAMES: dict[str, Callable[[str], Any]] = {"delta": delta_frame, "iceberg": iceberg_frame}
LAKES = tuple(_FRAMES)


def source() -> psycopg.Connection[Any]:
    """Connect to the captured database; each statement is a transaction of its own."""
    return psycopg.connect(setting("CDC_POSTGRES_URL"), autocommit=True)


def source_rows(table: str, beyond: int = 0) -> dict[int, Row]:
    """Rows of the source with a key above ``beyond``, by key."""
    key = KEYS[table]
    with source() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE {key} > %s", (beyond,))
        names = [c.name for c in cursor.description or ()]
        rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    return {row[key]: row for row in rows}


def last_keys() -> dict[str, int]:
    """A key of each table above all that are in use; what is inserted from now on lies beyond."""
    with source() as connection:
        found = {}
        for table, key in KEYS.items():
            row = connection.execute("SELECT nextval(pg_get_serial_sequence(%s, %s))", (table, key)).fetchone()
            assert row is not None
            found[table] = int(row[0])
        return found


def derived(table: str, row: Mapping[str, Any]) -> Row:
    """The columns that the lakes add, joined from those that are not NULL."""
    if table != "customers":
        return {}
    name = [row[c] for c in ("first_name", "last_name") if row[c] is not None]
    place = [row[c] for c in ("city", "state", "country") if row[c] is not None]
    return {"full_name": " ".join(name), "location": ", ".join(place)}


def current(lake: str, table: str, beyond: int = 0) -> dict[int, Row]:
    """Rows of a current state with a key above ``beyond``, by key; a key must not stand there twice."""
    key = KEYS[table]
    rows = _FRAMES[lake](table).filter(pl.col(key) > beyond).to_dicts()
    keys = [r[key] for r in rows]
    assert len(keys) == len(set(keys)), f"{lake} {table}: keys more than once"
    return {r[key]: r for r in rows}


def log(lake: str, table: str, starts: Mapping[int, int] | None = None) -> dict[Place, Row]:
    """Rows of a change log at or behind the offsets, by partition and offset; none may stand there twice."""
    frame = _FRAMES[lake](f"{table}_changes")
    for partition, start in (starts or {}).items():
        frame = frame.filter((pl.col("_partition") != partition) | (pl.col("_offset") >= start))
    rows = frame.to_dicts()
    places = [(r["_partition"], r["_offset"]) for r in rows]
    assert len(places) == len(set(places)), f"{lake} {table}_changes: records more than once"
    return dict(zip(places, rows, strict=True))


def typed(name: str, value: Any) -> Any:
    """A value of an event as the lakes must hold it."""
    if value is None:
        return None
    if name in INSTANTS:
        return _EPOCH + timedelta(microseconds=value)
    return Decimal(value) if name in AMOUNTS else value


@dataclass(frozen=True)
class Folded:
    """The rows of a topic: at each record with a value, and at the end by key."""

    at: Mapping[Place, Row]
    last: Mapping[int, Row]


def fold(records: Iterable[Record]) -> Folded:
    """Fold the records of a table, unavailable values taken from what the key held before (or the old key)."""
    at: dict[Place, Row] = {}
    ever: dict[int, Row] = {}
    gone: set[int] = set()
    readable = (r for r in records if r.op not in (TOMBSTONE, MALFORMED))
    for record in sorted(readable, key=lambda r: (r.lsn, r.op != "r", r.offset)):
        assert record.key is not None and record.row is not None
        row = {name: typed(name, value) for name, value in record.row.items() if value != UNAVAILABLE}
        if lacking := [name for name, value in record.row.items() if value == UNAVAILABLE]:
            before = ever[record.key if record.old_key is None else record.old_key]
            row |= {name: before[name] for name in lacking}
        at[record.place] = row
        if record.op == "d":
            gone.add(record.key)
        else:
            ever[record.key] = row
            gone.discard(record.key)
    return Folded(at, {key: row for key, row in ever.items() if key not in gone})


def expected_log(lake: str, table: str, records: Mapping[Place, Record], columns: Sequence[str]) -> dict[Place, Row]:
    """Rows of a change log for the records, every one of the ``columns`` but the times of the batch."""
    folded = fold(records.values())
    rows: dict[Place, Row] = {}
    for place, row in folded.at.items():
        record = records[place]
        extra = derived(table, row) if record.op != "d" else {}
        committed = _EPOCH.replace(tzinfo=UTC) + timedelta(microseconds=record.source["ts_us"])
        full = {
            **row,
            **extra,
            "_source_system": "postgres_cdc",
            "_cdc_operation": WORDS[record.op],
            "_pipeline_id": PIPELINES[lake],
            "_event_timestamp_ms": record.handled_ms,
            "_source_lsn": record.lsn,
            "_kafka_timestamp": _EPOCH.replace(tzinfo=UTC) + timedelta(milliseconds=record.appended_ms),
            "_topic": f"debezium.public.{table}",
            "_partition": record.partition,
            "_offset": record.offset,
            "_deleted": record.op == "d",
            "_source_tx_id": record.source["txId"],
            "_source_commit_ts": committed,
            "_source_commit_date": committed.date(),
        }
        rows[place] = {name: full.get(name) for name in columns if name not in LOG_TIMES}
    return rows


def assert_log(lake: str, table: str, records: Mapping[Place, Record], starts: Mapping[int, int] | None = None) -> int:
    """Assert that a change log holds each record with a value once, every column right; returns how many.

    ``records`` are those of the topic from ``starts`` on, as far as which the log is compared.
    """
    found = log(lake, table, starts)
    wanted = expected_log(lake, table, records, list(next(iter(found.values()), {})))
    _assert_places(f"{lake} {table}_changes", set(found), set(wanted))
    for place, row in found.items():
        assert row["_ingestion_timestamp"] == row["_processed_timestamp"] >= row["_kafka_timestamp"]
        _assert_row(f"{lake} {table}_changes at {place}", row, wanted[place])
    return len(found)


def assert_current(lake: str, table: str, beyond: int = 0) -> int:
    """Assert that a current state holds the source's rows with keys above ``beyond``, every column; returns how many.

    Its technical columns say which record each row came from.
    """
    found = current(lake, table, beyond)
    wanted = {key: {**row, **derived(table, row)} for key, row in source_rows(table, beyond).items()}
    _assert_places(f"{lake} {table}", set(found), set(wanted))
    for key, row in found.items():
        assert set(row) == set(wanted[key]) | STATE_COLUMNS
        _assert_row(f"{lake} {table} {key}", row, wanted[key])
    return len(found)


def _assert_places(name: str, found: set[Any], wanted: set[Any]) -> None:
    missing, more = sorted(wanted - found), sorted(found - wanted)
    assert not missing and not more, (
        f"{name}: {len(missing)} missing {missing[:5]}, {len(more)} too many {more[:5]} of {len(wanted)}"
    )


def _assert_row(name: str, row: Row, wanted: Row) -> None:
    for column, value in wanted.items():
        seen = row[column]
        assert seen == value and _kind(seen) == _kind(value), f"{name}: {column} is {seen!r}, not {value!r}"


def _kind(value: Any) -> type:
    """The type that must agree too: 1 is not 1.00 and a date no instant."""
    return next((k for k in (bool, int, Decimal, datetime, date, str) if isinstance(value, k)), type(value))
