"""What the lakes must hold, read from Postgres and Kafka by other means than the flow's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
from deltalake import DeltaTable
from pyiceberg.catalog.sql import SqlCatalog

from pipeline_checks.clients.kafka import consumer
from pipeline_checks.clients.postgres import connect
from pipeline_checks.clients.settings import setting
from pipeline_checks.model.clock import Deadline
from pipeline_checks.pipelines.cdc.flow import covers as covering
from pipeline_checks.pipelines.cdc.flow.names import ICEBERG_CATALOG, ICEBERG_NAMESPACE, topic_of
from pipeline_checks.pipelines.cdc.flow.tables import CAPTURED, Table

Rows = dict[int, dict[str, Any]]
KEYS = {table.name: table.key for table in CAPTURED}


def source_rows(table: Table) -> Rows:
    """Rows of the source by key; integers, text, exact decimals and times as Python has them."""
    with connect(setting("CDC_POSTGRES_URL")) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table.name}")
        names = [c.name for c in cursor.description or ()]
        return {row[names.index(table.key)]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def delta_frame(name: str) -> pl.DataFrame:
    """All rows of a Delta table of the flow."""
    frame = pl.DataFrame(DeltaTable(f"{setting('DELTA_TABLE_PATH')}/{name}").scan())
    assert isinstance(frame, pl.DataFrame)
    return frame


def iceberg_catalog() -> SqlCatalog:
    """A catalog of this reader's own."""
    return SqlCatalog(
        ICEBERG_CATALOG,
        uri=setting("ICEBERG_CATALOG_URL"),
        warehouse=setting("ICEBERG_WAREHOUSE"),
        pool_pre_ping="true",
    )


def iceberg_frame(name: str) -> pl.DataFrame:
    """All rows of an Iceberg table of the flow."""
    return pl.scan_iceberg(iceberg_catalog().load_table(f"{ICEBERG_NAMESPACE}.{name}")).collect()


FRAMES = {"delta": delta_frame, "iceberg": iceberg_frame}


def records(topic: str) -> dict[tuple[int, int], bytes | None]:
    """Values of all committed records by partition and offset."""
    from confluent_kafka import TopicPartition

    reader = consumer(setting("KAFKA_BOOTSTRAP_SERVERS"), isolation_level="read_committed", enable_partition_eof=True)
    try:
        partitions: set[int | None] = set(reader.list_topics(topic, timeout=10).topics[topic].partitions)
        reader.assign([TopicPartition(topic, p, 0) for p in partitions if p is not None])
        found: dict[tuple[int, int], bytes | None] = {}
        deadline = Deadline(60)
        while partitions and not deadline.passed:
            message = reader.poll(0.5)
            if message is None:
                continue
            partition, offset = message.partition(), message.offset()
            if message.error():
                partitions.discard(partition)
            elif partition is not None and offset is not None:
                found[partition, offset] = message.value()
        assert not partitions, f"{topic} was not read to its end"
        return found
    finally:
        reader.close()


def topic_ends(topic: str) -> dict[int, int]:
    """Behind the last committed record, by partition."""
    ends: dict[int, int] = {}
    for partition, offset in records(topic):
        ends[partition] = max(offset + 1, ends.get(partition, 0))
    return ends


def delta_covers(name: str) -> covering.TopicCovers:
    """What the newest commit of a Delta table that says so covers."""
    table = DeltaTable(f"{setting('DELTA_TABLE_PATH')}/{name}")
    return covering.newest(commit.get("userMetadata") for commit in table.history()) or {}


def iceberg_covers(name: str) -> covering.TopicCovers:
    """What the newest snapshot of an Iceberg table that says so covers."""
    table = iceberg_catalog().load_table(f"{ICEBERG_NAMESPACE}.{name}")
    for snapshot in sorted(table.metadata.snapshots, key=lambda s: s.sequence_number or 0, reverse=True):
        found = covering.from_text(snapshot.summary.additional_properties.get("covers") if snapshot.summary else None)
        if found is not None:
            return found
    return {}


COVERS = {"delta": delta_covers, "iceberg": iceberg_covers}


def source_is_published(seconds: float = 60) -> None:
    """Wait until the connector has committed a position behind everything that the source holds now."""
    with connect(setting("CDC_POSTGRES_URL")) as connection:
        connection.execute("SELECT pg_logical_emit_message(true, 'test', 'mark')")
        lsn = connection.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        assert lsn is not None
        query = "SELECT confirmed_flush_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = 'debezium_slot'"

        def flushed() -> bool:
            # The slot stays short of the last record on a quiet log.
            connection.execute("SELECT pg_logical_emit_message(true, 'test', 'nudge')")
            return connection.execute(query, lsn).fetchone() == (True,)

        assert Deadline(seconds).wait_until(flushed), "the connector did not pass the mark"


def settle(tables: tuple[Table, ...] = CAPTURED, seconds: float = 90) -> None:
    """Wait until all lake tables cover everything that is in the source now."""
    source_is_published(seconds)
    deadline = Deadline(seconds)
    for table in tables:
        topic = topic_of(table.name)
        ends = topic_ends(topic)
        for lake, covers in COVERS.items():
            for name in (table.name, f"{table.name}_changes"):

                def covered(
                    name: str = name, covers: Any = covers, ends: dict[int, int] = ends, topic: str = topic
                ) -> bool:
                    said = covers(name).get(topic, {})
                    return all(said.get(p, 0) >= o for p, o in ends.items())

                assert deadline.wait_until(covered, every=0.1), f"{lake} {name} does not cover {ends}"


def joined(texts: list[str | None], between: str) -> str:
    """Spark's concat_ws."""
    return between.join(t for t in texts if t is not None)


def expected_row(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """The current state's row of a row of the source."""
    extra = {name: joined([row[p] for p in parts], between) for name, parts, between in table.joined}
    return {**row, **extra}


def assert_current(table: Table, lake: str, columns: set[str] | None = None) -> int:
    """Assert that a current state holds exactly the source's rows, every column by value; returns how many."""
    expected = {key: expected_row(table, row) for key, row in source_rows(table).items()}
    frame = FRAMES[lake](table.name)
    found = frame.to_dicts()
    seen = [row[table.key] for row in found]
    assert len(seen) == len(set(seen)), f"{lake} {table.name}: duplicate keys"
    missing, more = expected.keys() - set(seen), set(seen) - expected.keys()
    assert not missing and not more, f"{lake} {table.name}: missing {sorted(missing)[:5]}, too many {sorted(more)[:5]}"
    for row in found:
        wanted = expected[row[table.key]]
        for name in columns or set(wanted):
            value = row.get(name)
            assert value == wanted[name], f"{lake} {table.name} {row[table.key]}.{name}: {value!r} != {wanted[name]!r}"
            assert not isinstance(value, datetime) or value.tzinfo is None
    return len(found)


def assert_log(table: Table, lake: str) -> int:
    """Assert that a change log holds each record with a value once and no other; returns how many."""
    frame = FRAMES[lake](f"{table.name}_changes")
    found = list(frame.select("_partition", "_offset").iter_rows())
    assert len(found) == len(set(found)), f"{lake} {table.name}_changes: records more than once"
    topic = topic_of(table.name)
    values = {at for at, value in records(topic).items() if value is not None}
    quarantine = delta_frame("quarantine").filter(pl.col("_topic") == topic)
    aside = set(quarantine.select("_partition", "_offset").iter_rows())
    assert set(found) | aside == values, f"{lake} {table.name}_changes: {len(found)} + {len(aside)} of {len(values)}"
    assert not set(found) & aside
    return len(found)


def assert_lakes(tables: tuple[Table, ...] = CAPTURED) -> None:
    """Assert that logs and current states of both formats are exactly right."""
    for table in tables:
        for lake in FRAMES:
            assert_current(table, lake)
            assert_log(table, lake)
